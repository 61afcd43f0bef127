"""envelopes/evidence/archive.py: a zip of one form, and nothing else."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import pytest

from envelopes.evidence import archive
from envelopes.evidence.archive import ArchiveRefused, Writer
from tests.envelopes.evidence.bundles import unzipped, zipped

FILES = {"mimetype": b"a/b", "folder/x.txt": b"x" * 100, "empty.json": b""}


def read(data: bytes) -> archive.Archive:
    return archive.read(io.BytesIO(data))


def refused(data: bytes) -> str:
    """The reason for which an archive is refused, also when its contents are read."""
    with pytest.raises(ArchiveRefused) as error:
        given = read(data)
        for name in given.members:
            given.digest(name)
    return error.value.reason


def foreign(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def test_what_is_written_is_read_again_by_us_and_by_others() -> None:
    data = zipped(FILES)
    assert unzipped(data) == FILES
    with zipfile.ZipFile(io.BytesIO(data)) as given:
        assert given.testzip() is None
        assert {name: given.read(name) for name in given.namelist()} == FILES
    assert zipped(FILES) == data
    assert data[30:43] == b"mimetypea/b" + b"PK"  # a reader of ASiC looks there


def test_content_is_read_in_parts_and_from_anywhere() -> None:
    given = read(zipped(FILES))
    file = given.open("folder/x.txt")
    assert (file.seek(0, 2), file.seek(-1, 1), file.read(), file.read()) == (100, 99, b"x", b"")
    assert (file.seek(98), file.read(9), file.tell()) == (98, b"xx", 100)
    with pytest.raises(ArchiveRefused):
        given.content("folder/x.txt", 99)


def test_every_byte_that_is_changed_is_noticed() -> None:
    data = zipped(FILES)
    for at in range(len(data)):
        for flip in (0x01, 0x80):
            changed = bytearray(data)
            changed[at] ^= flip
            refused(bytes(changed))


def test_every_cut_and_every_byte_more_is_noticed() -> None:
    data = zipped(FILES)
    for size in range(len(data)):
        refused(data[:size])
        refused(data[:size] + b"\0" + data[size:])
    assert refused(data + b"\0") == "ARCHIVE_FORM"
    assert refused(data + data) == "ARCHIVE_FORM"
    assert refused(b"MZ" + data) == "NOT_A_ZIP"


NAMES = [
    *("/etc/passwd", "../x", "a/../x", "a//b", "a/./b", ".hidden", "a/", "C:\\x", "a\\b"),
    *("a b", "tệp", "a\0b", "-rf", "x" * 161, "a/b/c/d/e", "a\n"),
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere_are_neither_written_nor_read(name: str) -> None:
    with pytest.raises(ArchiveRefused):
        zipped({name: b""})
    raw = name.encode()
    if len(raw) > archive.NAME_MAX:
        assert refused(foreign({name: b"content"})) == "ARCHIVE_FORM"  # its directory is too large
    else:
        data = zipped({"q" * len(raw): b"content"}).replace(b"q" * len(raw), raw)
        assert refused(data) == "ARCHIVE_NAME"


@pytest.mark.parametrize("twice", ["x.txt", "X.TXT"])
def test_a_name_is_there_once_whatever_its_letters(twice: str) -> None:
    writer = Writer(io.BytesIO())
    writer.add("x.txt", ())
    with pytest.raises(ArchiveRefused):
        writer.add(twice, ())
    data = zipped({"x.txt": b"1", "y.txt": b"2"}).replace(b"y.txt", twice.encode())
    assert refused(data) == "ARCHIVE_NAME"


def _patched(offset: int, form: str, value: int, *, entry: bool) -> bytes:
    """An archive with one field of its only file's header, or of its directory's entry."""
    data = bytearray(zipped({"x.txt": b"content"}))
    at = (data.rindex(b"PK\x01\x02") if entry else 0) + offset
    struct.pack_into(form, data, at, value)
    return bytes(data)


FIELDS = {
    "encrypted": (8, "<H", 1, 6),
    "compressed": (10, "<H", 8, 8),
    "another time": (12, "<H", 1, 10),
    "another checksum": (16, "<L", 1, 14),
    "another packed size": (20, "<L", 6, 18),
    "another size": (24, "<L", 6, 22),
    "zip64 sizes": (24, "<L", 0xFFFFFFFF, 22),
    "extra": (30, "<H", 4, 28),
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("entry", [True, False], ids=["directory", "local"])
def test_headers_say_what_they_must_and_agree(field: str, entry: bool) -> None:
    in_entry, form, value, in_local = FIELDS[field]
    data = _patched(in_entry if entry else in_local, form, value, entry=entry)
    assert refused(data) in {"ARCHIVE_FORM", "FILE_CHANGED"}


def test_links_comments_volumes_and_zip64_are_refused() -> None:
    assert refused(_patched(38, "<L", 0o120777 << 16, entry=True)) == "ARCHIVE_FORM"
    assert refused(_patched(32, "<H", 3, entry=True)) == "ARCHIVE_FORM"
    data = zipped(FILES)
    assert refused(data[:-2] + b"\x03\x00abc") == "ARCHIVE_FORM"
    assert refused(data[:-18] + b"\x01\x00" + data[-16:]) == "ARCHIVE_FORM"
    locator = b"PK\x06\x07" + bytes(16)
    assert refused(data[:-22] + locator + data[-22:]) == "ARCHIVE_FORM"
    assert refused(data[:-12] + b"\xff" * 10 + data[-2:]) == "ARCHIVE_FORM"


def test_what_another_program_wrote_is_refused_and_says_why() -> None:
    bomb = foreign({"x.txt": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveRefused, match="compressed"):
        read(bomb)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        link = zipfile.ZipInfo("x.txt")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveRefused, match="link"):
        read(out.getvalue())
    assert refused(foreign(FILES)) == "ARCHIVE_FORM"


def test_files_that_overlap_are_refused() -> None:
    """A quoted bomb: many entries for one content."""
    data = zipped({"x.txt": b"content", "y.txt": b"content"})
    first = 30 + 5 + 7
    entry = data.rindex(b"PK\x01\x02")
    moved = bytearray(data)
    struct.pack_into("<L", moved, entry + 42, 0)
    assert refused(bytes(moved)) == "ARCHIVE_FORM"
    gap = data[:first] + b"gap" + data[first:]
    assert refused(gap) == "ARCHIVE_FORM"


def test_a_count_that_lies_costs_nothing() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_000, 65_000, 0xFFFFFF, 4, 0)
    assert refused(b"PK\x03\x04" + end) == "ARCHIVE_FORM"


def test_the_writer_knows_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FILES_MAX", 2)
    with pytest.raises(ArchiveRefused, match="more than 2"):
        zipped({"a": b"", "b": b"", "c": b""})
    monkeypatch.setattr(archive, "SIZE_MAX", 100)
    with pytest.raises(ArchiveRefused, match="4 GiB"):
        zipped({"a": bytes(101)})
    assert refused(zipped({"a": b""}) + bytes(50)) == "ARCHIVE_FORM"


def test_a_large_file_is_written_piece_by_piece() -> None:
    class Counting(io.BytesIO):
        largest = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.largest = max(self.largest, len(data))
            return super().write(data)

    out, piece = Counting(), bytes(1000)
    writer = Writer(out)
    size, _ = writer.add("x.bin", (piece for _ in range(1000)))
    writer.finish()
    assert (size, out.largest) == (1_000_000, 1000)
    assert read(out.getvalue()).members["x.bin"].crc == zlib.crc32(bytes(1_000_000))
