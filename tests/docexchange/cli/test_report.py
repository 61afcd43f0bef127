"""`verify --html`, `verify --repeat`, `report document|page`: pages that people read and print."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from lxml import html
from pyhanko.pdf_utils.reader import PdfFileReader

from docexchange import reporting
from docexchange.cli.repeat import differences
from docexchange.reporting.pdf import _nothing
from envelopes.wording import REASONS, SUB_INDICATIONS
from tests.docexchange.cli.test_exchange import pdf, send  # noqa: F401  # a fixture
from tests.office import Office

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=y> & 98"


@pytest.fixture
def bundle(office: Office, pdf: Path, tmp_path: Path) -> Path:  # noqa: F811
    """Of a document that was acknowledged by both."""
    ref = send(office, pdf)
    office.settle()
    path = tmp_path / "X.zip"
    assert office.run("H05", "bundle", "make", ref, "-o", path).code == 0
    return path


def text_of(path: Path) -> str:
    [body] = html.fromstring(path.read_bytes()).xpath("//body")
    return " ".join(" ".join(body.itertext()).split())


def test_the_page_of_a_bundle_says_what_the_terminal_says(
    office: Office, bundle: Path, tmp_path: Path
) -> None:
    page = tmp_path / "X.html"
    ran = office.bare("verify", bundle, "--trust", tmp_path / "root.pem", "--html", page)
    assert (ran.code, ran.err) == (0, f"{page}\n")
    text = text_of(page)
    for words in (
        "✔ TOTAL-PASSED",
        "H05,2026/06/01,98/QĐ-UBND",
        "H01 An Giang",
        "01 Arrived",
        "Existed by (proven) not proven",
        "Not proven",
        "a timestamp token (RFC 3161) over the signature",
        "Signatures inside PDFs (not those of the envelope)",
        "sha256sum --check --strict SHA256SUMS",
    ):
        assert words in text, words


def test_the_page_is_self_contained_and_accessible(
    office: Office, bundle: Path, tmp_path: Path
) -> None:
    office.lang = "vi"
    page = tmp_path / "X.html"
    office.bare("verify", bundle, "--trust", tmp_path / "root.pem", "--html", page)
    raw = page.read_text(encoding="utf-8")
    tree = html.fromstring(page.read_bytes())
    assert not tree.xpath("//script | //link | //img | //iframe | //object | //@onload")
    assert not re.search(r"url\(|@import|https?://(?!uri\.etsi\.org|www\.w3\.org)", raw)
    assert "default-src 'none'" in raw
    assert tree.get("lang") == "vi"
    assert len(tree.xpath("//h1")) == len(tree.xpath("//main")) == 1
    assert all(one.get("scope") for one in tree.xpath("//th"))
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert set(tree.xpath("//@aria-labelledby")) <= set(ids)
    assert tree.xpath("//svg[@role='img']/title")
    assert "Hồ sơ nguyên vẹn" in tree.text_content()


def test_the_colours_have_the_contrast_of_wcag_aa() -> None:
    style = (Path(reporting.__file__).parent / "page.css").read_text(encoding="utf-8")
    colour = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6})", style))

    def light(name: str) -> float:
        parts = [int(colour[name][place : place + 2], 16) / 255 for place in (0, 2, 4)]
        bent = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        return 0.2126 * bent[0] + 0.7152 * bent[1] + 0.0722 * bent[2]

    for text, ground in (
        *(("ink", one) for one in ("ground", "good-ground", "bad-ground", "open-ground")),
        ("soft", "ground"),
        ("soft", "none-ground"),
        *((one, f"{one}-ground") for one in ("good", "bad", "open")),
        *((one, "ground") for one in ("good", "bad", "open")),
    ):
        dark, pale = sorted((light(text), light(ground)))
        assert (pale + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_what_a_document_says_cannot_become_markup(office: Office, tmp_path: Path) -> None:
    """Names, subjects and reasons come from strangers."""
    check = {"step": 4, "name": "digests", "result": "FAILED", "reason": EVIL, "detail": EVIL}
    one = {
        "file": EVIL,
        "kind": "document",
        "indication": "TOTAL-FAILED",
        "sub_indication": EVIL,
        "document_id": EVIL,
        "from": EVIL,
        "to": [EVIL],
        "status_code": None,
        "signer": {"subject": EVIL, "organ_id": EVIL, "serial": "1"},
        "signed_at": None,
        "checks": [check],
        "attachments": [{"name": EVIL, "size": 1, "sha256": EVIL}],
    }
    source, page = tmp_path / "x.json", tmp_path / "x.html"
    found = {"schema": "docexchange/verify/v1", "indication": "TOTAL-FAILED", "documents": [one]}
    source.write_text(json.dumps(found))
    ran = office.bare("report", "page", source, "-o", page)
    assert ran.code == 0, ran.err
    tree = html.fromstring(page.read_bytes())
    assert not tree.xpath("//script | //img | //@onerror")
    assert EVIL in tree.text_content()


def test_every_reason_and_sub_indication_has_both_sentences() -> None:
    for words in (*SUB_INDICATIONS.values(), *(one.words for one in REASONS.values())):
        assert words.vi
        assert words.en
        assert words.vi != words.en


def test_a_changed_byte_is_on_the_first_screen(
    office: Office, bundle: Path, tmp_path: Path
) -> None:
    data = bytearray(bundle.read_bytes())
    place = data.index(b"quyet dinh") if b"quyet dinh" in data else data.index(b"QC")
    data[place] ^= 1
    bundle.write_bytes(data)
    page = tmp_path / "X.html"
    ran = office.bare("verify", bundle, "--trust", tmp_path / "root.pem", "--html", page)
    assert ran.code != 0
    assert "✖ TOTAL-FAILED" in text_of(page)[:400]


def test_the_page_of_envelopes_without_a_bundle(office: Office, pdf: Path, tmp_path: Path) -> None:  # noqa: F811
    ref = send(office, pdf)
    office.settle()
    out, page = tmp_path / "out", tmp_path / "X.html"
    office.run("H05", "export", ref, "-o", out)
    envelopes = [*out.glob("*.edxml"), *(out / "receipts").glob("*.edxml")]
    ran = office.bare("verify", *envelopes, "--trust", tmp_path / "root.pem", "--html", page)
    assert ran.code == 0, ran.err
    text = text_of(page)
    assert "✔ H01" in text
    assert "✔ H13" in text
    folder = office.bare("verify", out, "--trust", tmp_path / "root.pem", "--html", page)
    assert (folder.code, "name files, no folder" in folder.err) == (2, True)
    again = office.bare("verify", *envelopes, "--trust", tmp_path / "root.pem", "--html", page)
    assert (again.code, "--force" in again.err) == (5, True)


def test_report_document_is_the_whole_of_it_in_one_command(
    office: Office,
    pdf: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    ref = send(office, pdf)
    office.settle()
    for form in ("html", "json"):
        ran = office.run("H05", "report", "document", ref, "-o", tmp_path / f"r.{form}")
        assert (ran.code, ran.out, ran.err) == (0, f"{tmp_path / f'r.{form}'}\n", "TOTAL-PASSED\n")
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["schema"], found["file"]) == ("docexchange/bundle/v1", ref)
    assert "01 Arrived" in text_of(tmp_path / "r.html")
    wrong = office.run("H05", "report", "document", ref, "-o", tmp_path / "r.txt")
    assert wrong.code == 2
    assert office.run("H05", "report", "document", "7/X", "-o", tmp_path / "n.html").code == 4


def test_a_pdf_is_tagged_and_loads_nothing(office: Office, bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", reason="the extra docexchange[report] is not installed")
    page = tmp_path / "X.pdf"
    ran = office.bare("verify", bundle, "--trust", tmp_path / "root.pem", "--html", page)
    assert ran.code == 0, ran.err
    with page.open("rb") as file:
        root = PdfFileReader(file).root
        assert "/StructTreeRoot" in root
        assert root["/Lang"] == "en"
    with pytest.raises(ValueError, match="a report loads nothing"):
        _nothing("file:///etc/passwd")


def test_without_the_extra_the_error_says_how_to_get_it(
    office: Office, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    ran = office.bare(
        "verify", bundle, "--trust", tmp_path / "root.pem", "--html", tmp_path / "a.pdf"
    )
    assert ran.code == 78
    assert "pip install 'docexchange[report]'" in ran.err
    assert not (tmp_path / "a.pdf").exists()


def test_repeat_finds_what_changed(office: Office, bundle: Path, tmp_path: Path) -> None:
    terms = ("--trust", tmp_path / "root.pem", "--at", "2026-06-01T00:00:00+00:00")
    first = office.bare("verify", bundle, *terms, "--json")
    kept = tmp_path / "first.json"
    kept.write_text(first.out)
    same = office.bare("verify", bundle, *terms, "--repeat", kept)
    assert (same.code, "no difference from" in same.err) == (0, True)
    moved = json.loads(first.out)
    moved["document"]["signed_at"] = "2026-01-01T00:00:00Z"
    moved["file"] = "/elsewhere/X.zip"
    kept.write_text(json.dumps(moved))
    other = office.bare("verify", bundle, *terms, "--repeat", kept)
    assert other.code == 1
    assert "≠ /document/signed_at: '2026-01-01T00:00:00Z'" in other.err
    assert "/file" not in other.err
    kept.write_text("[]")
    assert office.bare("verify", bundle, *terms, "--repeat", kept).code == 78


def test_differences_are_told_by_their_place() -> None:
    assert list(differences({"a": [1, 2], "now": 1}, {"a": [1, 3], "now": 2})) == [("/a/1", 2, 3)]
    assert list(differences([1], [1, 2])) == [("/#", 1, 2)]
    assert list(differences({"a": None}, {})) == []
    assert list(differences({"file": "/x/a"}, {"file": "b/a"})) == []
