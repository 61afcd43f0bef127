"""`envelopes/attachments/zips.py`: one file out of a wrapping, nothing out of a bomb."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from envelopes.attachments import zips
from envelopes.attachments.zips import NotAWrapping, NotUnwrapped
from tests.envelopes.attachments.archives import DIRECTORY, END, packed, patched

CONTENT = "Nội dung văn bản, ".encode() * 40
GOOD = packed({"b0f1.xlsx": CONTENT})
KIB = 1024


def taken(data: bytes, limit: int = 64 * KIB, ratio: int = 100, free: int = 4 * KIB) -> bytes:
    (entry,) = zips.entries(data, 10)
    return zips.extract(data, entry, limit=limit, ratio=ratio, free=free)


def refused(data: bytes, **limits: int) -> NotUnwrapped:
    with pytest.raises(NotAWrapping) as caught:
        taken(data, **limits)
    return caught.value.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_what_went_in_comes_out(method: int, content: bytes) -> None:
    assert taken(packed({"x": content}, method)) == content


def test_an_archive_written_as_a_stream_and_one_with_a_comment() -> None:
    class Pipe(io.RawIOBase):
        """Cannot seek: sizes stand behind the content (data descriptor)."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, part: object) -> int:
            self.data += bytes(part)  # type: ignore[call-overload]
            return len(part)  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[type-var]
        archive.writestr("x", CONTENT)
        archive.comment = b"made by nobody"
    assert taken(pipe.data) == CONTENT


def test_limits() -> None:
    zeros = packed({"x": b"\0" * 200 * KIB})
    assert refused(zeros, limit=100 * KIB) is NotUnwrapped.TOO_LARGE
    assert refused(zeros, limit=KIB * KIB) is NotUnwrapped.RATIO
    assert len(taken(zeros, limit=KIB * KIB, free=200 * KIB)) == 200 * KIB
    assert taken(GOOD, limit=len(CONTENT)) == CONTENT
    assert refused(GOOD, limit=len(CONTENT) - 1) is NotUnwrapped.TOO_LARGE
    many = packed({str(number): b"" for number in range(11)})
    assert refused(many) is NotUnwrapped.TOO_MANY


def test_a_size_that_lies_makes_no_more_than_was_said() -> None:
    zeros = packed({"x": b"\0" * 200 * KIB})
    lying = patched(zeros, DIRECTORY, 24, "<L", KIB)  # says 1 KiB
    assert refused(lying) is NotUnwrapped.RATIO
    assert refused(patched(GOOD, DIRECTORY, 24, "<L", len(CONTENT) + 1)) is NotUnwrapped.DAMAGED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (patched(GOOD, DIRECTORY, 8, "<H", 1), NotUnwrapped.ENCRYPTED),
        (patched(GOOD, DIRECTORY, 8, "<H", 0x40), NotUnwrapped.ENCRYPTED),
        (patched(GOOD, DIRECTORY, 10, "<H", 12), NotUnwrapped.UNSUPPORTED),  # bzip2
        (patched(GOOD, DIRECTORY, 20, "<L", 0xFFFFFFFF), NotUnwrapped.UNSUPPORTED),  # zip64
        (patched(GOOD, END, 4, "<H", 1), NotUnwrapped.UNSUPPORTED),  # second volume
        (patched(GOOD, END, 16, "<L", 0xFFFFFFFF), NotUnwrapped.UNSUPPORTED),
        (patched(GOOD, DIRECTORY, 16, "<L", 0), NotUnwrapped.DAMAGED),  # CRC
        (patched(GOOD, DIRECTORY, 42, "<L", 5), NotUnwrapped.DAMAGED),  # offset
        (patched(GOOD, DIRECTORY, 42, "<L", 0x7FFFFFFF), NotUnwrapped.DAMAGED),
        (patched(GOOD, DIRECTORY, 28, "<H", 0xFFFF), NotUnwrapped.DAMAGED),  # name
        (patched(GOOD, DIRECTORY, 46, "<B", ord("c")), NotUnwrapped.DAMAGED),  # other local name
        (patched(GOOD, DIRECTORY, 0, "<B", 0), NotUnwrapped.DAMAGED),
        (patched(GOOD, END, 16, "<L", 0), NotUnwrapped.DAMAGED),
        (patched(GOOD, END, 20, "<H", 1), NotUnwrapped.DAMAGED),
        (GOOD + b"x", NotUnwrapped.DAMAGED),
        (b"MZ" + GOOD, NotUnwrapped.DAMAGED),  # something before it
        (GOOD[:-4], NotUnwrapped.DAMAGED),
        (GOOD[: len(GOOD) // 2], NotUnwrapped.DAMAGED),
        (zips.MAGIC, NotUnwrapped.DAMAGED),
        (b"", NotUnwrapped.DAMAGED),
    ],
)
def test_what_is_not_plainly_a_wrapping_is_left(data: bytes, reason: NotUnwrapped) -> None:
    assert taken(GOOD) == CONTENT
    assert refused(data) is reason


def test_two_entries_over_the_same_bytes_are_seen_as_two() -> None:
    start = GOOD.rindex(DIRECTORY)
    entry, end = GOOD[start : GOOD.rindex(END)], GOOD[GOOD.rindex(END) :]
    twice = patched(GOOD[:start] + entry * 2 + end, END, 8, "<H", 2)
    twice = patched(patched(twice, END, 10, "<H", 2), END, 12, "<L", 2 * len(entry))
    assert len(zips.entries(twice, 10)) == 2


def test_no_mutation_gets_through_with_other_content() -> None:
    """3,000 spoiled archives: each is refused, or gives what went in."""
    rng = random.Random(20200722)
    for _ in range(3000):
        data = bytearray(GOOD)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            entries = zips.entries(bytes(data), 10)
            found = [
                zips.extract(bytes(data), one, limit=64 * KIB, ratio=100, free=4 * KIB)
                for one in entries
            ]
        except NotAWrapping:
            continue
        assert found in ([CONTENT], [])
