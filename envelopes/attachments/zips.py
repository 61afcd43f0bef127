"""Zip archives that are only the wrapping of one file.

The SDK of the axis wraps most files so. The archive is read here by its few structures, since an
archive of a stranger may lie in each of them: sizes are bounded before and while inflating, what is
read must be what the directory says, and inner names are never used. What is not plainly a
wrapping stays as it is, with the reason.

Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAGIC: Final = b"PK\x03\x04"
_END: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\x05\x06"
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_ENTRY_MAGIC: Final = b"PK\x01\x02"
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_COMMENT_MAX: Final = 65535  # bytes behind the end record
_STORED, _DEFLATED = 0, 8
_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000  # classic, strong, masked directory
_ZIP64: Final = 0xFFFFFFFF


class NotUnwrapped(StrEnum):
    """Why an archive stays as it is."""

    SEVERAL = "SEVERAL"  # an archive of several files, not a wrapping
    EMPTY = "EMPTY"
    ENCRYPTED = "ENCRYPTED"
    NESTED = "NESTED"  # an archive inside the archive
    TOO_LARGE = "TOO_LARGE"
    RATIO = "RATIO"  # a bomb
    TOO_MANY = "TOO_MANY"  # entries
    DAMAGED = "DAMAGED"  # not what its own directory says
    UNSUPPORTED = "UNSUPPORTED"  # another method, several volumes, zip64


class NotAWrapping(Exception):
    """The archive is not unwrapped; `reason` says why."""

    def __init__(self, reason: NotUnwrapped) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an archive's directory; `name` is as it stands there, for looking only."""

    name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int

    @property
    def is_folder(self) -> bool:
        """Whether it holds nothing but a name."""
        return self.name.endswith((b"/", b"\\"))


def entries(data: bytes, most: int) -> tuple[Entry, ...]:
    """The directory of an archive.

    Args:
        data: the archive.
        most: entries.

    Raises:
        NotAWrapping: DAMAGED, UNSUPPORTED, TOO_MANY.
    """
    at = data.rfind(_END_MAGIC, max(0, len(data) - _END.size - _COMMENT_MAX))
    if at < 0 or at + _END.size > len(data):
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    _, disk, first, here, count, size, offset, comment = _END.unpack_from(data, at)
    if disk or first or here != count or offset == _ZIP64 or count == 0xFFFF:
        raise NotAWrapping(NotUnwrapped.UNSUPPORTED)
    if at + _END.size + comment != len(data) or offset + size != at:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    if count > most:
        raise NotAWrapping(NotUnwrapped.TOO_MANY)
    found: list[Entry] = []
    position = offset
    for _ in range(count):
        entry, position = _entry(data, position, at)
        found.append(entry)
    if position != at:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    return tuple(found)


def _entry(data: bytes, at: int, end: int) -> tuple[Entry, int]:
    if at + _ENTRY.size > end:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    fields = _ENTRY.unpack_from(data, at)
    magic, flags, method, crc, compressed, size = (
        *(fields[0], fields[3], fields[4]),
        *(fields[7], fields[8], fields[9]),
    )
    name, extra, comment, offset = fields[10], fields[11], fields[12], fields[16]
    following = at + _ENTRY.size + name + extra + comment
    if magic != _ENTRY_MAGIC or following > end:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    begin = at + _ENTRY.size
    text = data[begin : begin + name]
    return Entry(text, flags, method, crc, compressed, size, offset), following


def extract(data: bytes, entry: Entry, *, limit: int, ratio: int, free: int) -> bytes:
    """The bytes of one entry.

    Args:
        data: the archive.
        entry: of its directory.
        limit: most bytes that may come out.
        ratio: most bytes that may come out of one byte.
        free: bytes from which `ratio` counts; a small file may be nothing but blanks.

    Raises:
        NotAWrapping: ENCRYPTED, UNSUPPORTED, DAMAGED, TOO_LARGE, RATIO; no more than `limit` + 1
            bytes were ever made.
    """
    if entry.flags & _ENCRYPTED:
        raise NotAWrapping(NotUnwrapped.ENCRYPTED)
    if entry.method not in (_STORED, _DEFLATED) or _ZIP64 in (entry.size, entry.compressed):
        raise NotAWrapping(NotUnwrapped.UNSUPPORTED)
    if entry.size > limit:
        raise NotAWrapping(NotUnwrapped.TOO_LARGE)
    bound = max(free, ratio * entry.compressed)
    if entry.size > bound:
        raise NotAWrapping(NotUnwrapped.RATIO)
    packed = _packed(data, entry)
    content = packed if entry.method == _STORED else _inflated(packed, min(limit, bound))
    if len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    return content


def _packed(data: bytes, entry: Entry) -> bytes:
    if entry.offset + _LOCAL.size > len(data):
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    fields = _LOCAL.unpack_from(data, entry.offset)
    begin = entry.offset + _LOCAL.size
    name = data[begin : begin + fields[9]]
    begin += fields[9] + fields[10]
    packed = data[begin : begin + entry.compressed]
    if fields[0] != MAGIC or name != entry.name or len(packed) != entry.compressed:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    return packed


def _inflated(packed: bytes, most: int) -> bytes:
    """Inflate no further than one byte over a bound."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise NotAWrapping(NotUnwrapped.DAMAGED) from error
    if len(content) > most:  # more than its directory promised
        raise NotAWrapping(NotUnwrapped.RATIO)
    if not stream.eof or stream.unused_data:
        raise NotAWrapping(NotUnwrapped.DAMAGED)
    return content
