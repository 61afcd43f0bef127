"""`envelopes/attachments/opening.py`: what a person gets, and what is said of it."""

from __future__ import annotations

import random

import pytest

from envelopes import edxml
from envelopes.attachments import Limits, NotUnwrapped, open_all
from envelopes.attachments.opening import Opened, Remark
from envelopes.model import Attachment, Document
from tests.envelopes.attachments.archives import DIRECTORY, office, packed, patched
from tests.samples import WELL_FORMED

PDF = b"%PDF-1.7 x"
SMALL = Limits(total=64 * 1024, ratio=10, free=4096, entries=10)


def opened(name: str | None, content: bytes, content_type: str | None = None) -> Opened:
    one = Attachment(name=name, content=content, content_type=content_type)
    return next(open_all((one,), SMALL))


def test_a_plain_file_has_no_remark() -> None:
    found = opened("Quyết định.pdf", PDF, "application/pdf")
    assert (found.name, found.content, found.kind.name) == ("Quyết định.pdf", PDF, "pdf")
    assert found.remarks == ()


def test_the_wrapping_of_the_sdk_is_taken_off_and_its_inner_name_never_used() -> None:
    sheet = office("xl/workbook.xml")
    found = opened("Bảng.xlsx", packed({"../../evil.exe": sheet}), "application/zip")
    assert (found.name, found.content, found.kind.name) == ("Bảng.xlsx", sheet, "xlsx")
    assert found.remarks == (Remark.UNWRAPPED,)


def test_what_is_a_zip_by_itself_stays() -> None:
    archive, sheet = packed({"a.pdf": PDF}), office("xl/workbook.xml")
    assert opened("hồ sơ.zip", archive, "application/zip").content == archive
    found = opened("Bảng.xlsx", sheet, "application/xslx")
    assert (found.content, found.remarks) == (sheet, ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (packed({"a": PDF, "b": PDF}), NotUnwrapped.SEVERAL),
        (packed({"a/": b""}), NotUnwrapped.EMPTY),
        (packed({"a": packed({"b": PDF})}), NotUnwrapped.NESTED),
        (packed({"a": b"\0" * 60 * 1024}), NotUnwrapped.RATIO),
        (packed({"a": b"\0" * 65 * 1024}), NotUnwrapped.TOO_LARGE),
        (packed({str(n): b"" for n in range(11)}), NotUnwrapped.TOO_MANY),
        (patched(packed({"a": PDF}), DIRECTORY, 8, "<H", 1), NotUnwrapped.ENCRYPTED),
        (packed({"a": PDF})[:-1], NotUnwrapped.DAMAGED),
    ],
)
def test_what_cannot_be_unwrapped_is_left_with_the_reason(
    content: bytes, reason: NotUnwrapped
) -> None:
    found = opened("cv.doc", content, "application/zip")
    assert (found.content, found.reason) == (content, reason)
    assert found.remarks == (Remark.LEFT_WRAPPED,)


def test_a_folder_beside_the_one_file_does_not_count() -> None:
    assert opened("cv.pdf", packed({"a/": b"", "a/b": PDF}), "application/zip").content == PDF


def test_the_bound_is_for_all_attachments_together() -> None:
    half = bytes(range(256)) * 160  # 40 KiB of 64
    twice = [Attachment(name=name, content=packed({"x": half}, 0)) for name in ("a", "b")]
    first, second = open_all(twice, SMALL)
    assert (first.content, first.reason) == (half, None)
    assert second.reason is NotUnwrapped.TOO_LARGE


def test_remarks() -> None:
    assert opened("../x.pdf", PDF).remarks == (Remark.RENAMED,)
    assert opened(None, PDF).remarks == (Remark.RENAMED,)
    assert opened("cv.pdf", b"MZ" + bytes(62)).remarks == (Remark.RUNS, Remark.NAME_MISMATCH)
    assert opened("cv.pdf.exe", PDF).remarks == (Remark.RUNS, Remark.NAME_MISMATCH)
    assert opened("cv.pdf", packed({"a": PDF}), "application/pdf").remarks == (
        Remark.UNWRAPPED,
        Remark.TYPE_MISMATCH,
    )
    assert opened("cv", b"").remarks == (Remark.EMPTY,)


def test_nothing_that_comes_raises() -> None:
    """2,000 spoiled files of every kind: each is opened, none is lost, limits hold."""
    rng = random.Random(28)
    whole = [
        PDF,
        office("word/document.xml"),
        packed({"a": PDF}),
        packed({"a": packed({"b": b""})}),
    ]
    whole += [b"<html>", b"<?xml?><svg", b"MZ" + bytes(99), b"PK\x05\x06" + bytes(18), b"L\0\0\0"]
    for _ in range(2000):
        data = bytearray(rng.choice(whole))
        for _ in range(rng.randint(0, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        content = bytes(data[: rng.randint(0, len(data))]) if rng.random() < 0.3 else bytes(data)
        name = "".join(chr(rng.randrange(1, 0x3000)) for _ in range(rng.randint(0, 20)))
        found = opened(name, content, rng.choice(("application/zip", "text/plain", None)))
        assert found.content == content or Remark.UNWRAPPED in found.remarks
        assert len(found.content) <= max(len(content), SMALL.total)


def test_names_are_unique_in_an_envelope() -> None:
    same = [Attachment(name="cv.pdf", content=PDF)] * 3
    assert [one.name for one in open_all(same)] == ["cv.pdf", "cv (2).pdf", "cv (3).pdf"]


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_real_attachments(path: object) -> None:
    message, _ = edxml.read(path.read_bytes())  # type: ignore[attr-defined]
    for one in open_all(message.attachments if isinstance(message, Document) else ()):
        assert one.content_type == "application/zip"
        assert one.kind.name == "xml"  # an edXML that was named .doc
        assert one.remarks == (Remark.UNWRAPPED, Remark.NAME_MISMATCH)
