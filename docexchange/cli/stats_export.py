"""`stats export`: the statistics of QĐ 28/2018, Article 11, as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from . import files, options, session, show, words
from .words import say, spoken

if TYPE_CHECKING:
    from ..edges.store import SqlStore
    from ..reporting.statistics import Statistics


def register(group: typer.Typer) -> None:
    """Add the command to `stats`."""
    options.add(
        group,
        "export",
        export,
        "Thống kê theo QĐ 28/2018/QĐ-TTg Điều 11: gửi, nhận theo cơ quan, tỉnh, loại, độ khẩn, "
        "ngày, tháng; đúng hạn, muộn, từ chối; trung vị đến 01, 03, 06.",
        "Statistics of QĐ 28/2018/QĐ-TTg, Article 11: sent and received by organ, province, type, "
        "urgency, day, month; on time, late, refused; median to 01, 03, 06.",
    )


def export(
    begin: Annotated[
        str,
        typer.Option("--from", metavar="2026-01-01", help=say("từ ngày", "first day")),
    ],
    end: Annotated[
        str,
        typer.Option("--to", metavar="2026-12-31", help=say("đến hết ngày", "last day")),
    ],
    as_csv: Annotated[
        bool, typer.Option("--csv", help=say("bảng CSV (UTF-8)", "a CSV table (UTF-8)"))
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help=say("một tài liệu JSON", "one JSON document"))
    ] = False,
    as_html: Annotated[
        bool,
        typer.Option(
            "--html", help=say("trang HTML có biểu đồ, để đọc và in", "a page with charts")
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar=say("TỆP", "FILE"),
            help=say("tệp ghi ra (mặc định: in ra)", "file to write (default: print)"),
        ),
    ] = None,
    force: options.Force = False,
) -> None:
    """Count, and write what was counted in one form."""
    if as_csv + as_json + as_html != 1:
        raise typer.BadParameter(
            say("chọn đúng một dạng", "choose exactly one form"), param_hint="--csv|--json|--html"
        )
    if output is not None:
        files.refuse_existing([output], force=force)
    from ..reporting import statistics

    with counted(*span(begin, end)) as (made, _):
        pass

    if as_html:
        text = statistics.to_html(made, __version__)
    else:
        text = statistics.to_csv(made) if as_csv else statistics.to_json(made)
    if output is None:
        sys.stdout.write(text)
        return
    with files.replacing(output, force=force) as file:
        file.write(text.encode())
    show.out(str(output))


def span(begin: str, end: str) -> tuple[datetime, datetime]:
    """The instants of two days of Vietnam: where the first begins, where the last has ended.

    Raises:
        typer.BadParameter: no days, or in the wrong order.
    """
    first, last = options.day(begin), options.day(end)
    if last < first:
        raise typer.BadParameter(
            say(f"{end} trước {begin}", f"{end} is before {begin}"), param_hint="--to"
        )
    midnight = time(tzinfo=show.LOCAL)
    return datetime.combine(first, midnight), datetime.combine(last + timedelta(days=1), midnight)


@contextmanager
def counted(
    begin: datetime, end: datetime, organ: str = ""
) -> Iterator[tuple[Statistics, SqlStore]]:
    """The statistics of a time, and the store they are of, which is closed in the end."""
    from ..reporting.statistics import Statistics
    from .track import names_of

    with session.open_store() as (config, store):
        lines = store.archive.statistics(begin.astimezone(UTC), end.astimezone(UTC), organ)
        names = names_of(config)

        def name(code: str) -> str:
            return names(code).removeprefix(code).strip()

        urgency, lang = words.priority, spoken()
        yield Statistics(config.node, begin, end, lines, name, urgency, lang, organ), store
