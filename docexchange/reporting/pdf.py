"""The same page as PDF, by WeasyPrint: an extra, since it needs Pango."""

from __future__ import annotations

from ..core.errors import ConfigError

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def pdf(page: str) -> bytes:
    """A tagged PDF (PDF/UA-1) of a page.

    Args:
        page: HTML of `page.html`; nothing is loaded from outside, whatever it says.

    Raises:
        ConfigError: WeasyPrint or Pango is not installed; the text says how to get it.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:  # OSError: without Pango
        raise ConfigError(
            f"a PDF needs WeasyPrint: pip install 'docexchange[report]', and on Debian "
            f"apt install {PACKAGES}; or print the HTML page ({error})",
            "tạo PDF cần WeasyPrint: pip install 'docexchange[report]', trên Debian thêm "
            f"apt install {PACKAGES}; hoặc in trang HTML",
        ) from error
    made: bytes = HTML(string=page, url_fetcher=_nothing).write_pdf(pdf_variant="pdf/ua-1")
    return made


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a report loads nothing: {url}")
