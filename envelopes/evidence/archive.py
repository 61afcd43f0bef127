"""The archive of a bundle: a zip of which every byte follows from its names and contents.

All files are stored, one after the other in the order of the directory, with one fixed time, no
extra field, no comment, nothing before, between or behind. So the same files make the same bytes,
a reader needs no memory for their content, nothing inflates, and what is not exactly what `Writer`
would have written is refused: no byte of an archive is there that nobody looks at.

Archives are below 4 GiB (a bundle holds one document of at most 1 GiB), so zip64 is never needed
and never accepted.

Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final, cast

from ..errors import EnvelopeError
from ..skeleton import chunks

FILES_MAX: Final = 65_000  # a zip without zip64 has at most 65,534
NAME_MAX: Final = 160  # bytes of a name
SIZE_MAX: Final = 0xFFFF_FFFE  # bytes of an archive; one more is the mark of zip64

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MAGIC, _ENTRY_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
MAGIC: Final = _LOCAL_MAGIC
_VERSION: Final = 10  # of a reader: nothing beyond stored files
_MADE_BY: Final = 3 << 8 | 30  # Unix, so that the mode below is one
_MODE: Final = 0o100644 << 16  # a plain file
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01 00:00:00, the first that a zip can say
_CRC_AT: Final = 14  # where the checksum stands in a local header

_NAME: Final = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/){0,3}[A-Za-z0-9][A-Za-z0-9._-]*")
_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000
_LINK: Final = 0o120000


class ArchiveRefused(EnvelopeError):
    """An archive that is not exactly of this form.

    Args:
        reason: NOT_A_ZIP, ARCHIVE_FORM, ARCHIVE_NAME or FILE_CHANGED, keys of `wording.REASONS`.
        detail: what is wrong, and at which file.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive.

    Args:
        name: of plain ASCII letters, in at most three folders.
        size: bytes.
        crc: CRC-32 of them.
        begin: where its content begins in the archive.
        header: where its local header begins.
    """

    name: str
    size: int
    crc: int
    begin: int
    header: int


# -- write ------------------------------------------------------------------------------------


class Writer:
    """Writes an archive, file by file, in memory of a few megabytes.

    Args:
        out: seekable, empty.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._at = 0
        self._members: dict[str, Member] = {}
        self._folded: set[str] = set()  # names that a file system may hold for one

    def add(self, name: str, parts: Iterable[bytes]) -> tuple[int, str]:
        """Write the next file; returns its size and the hex SHA-256 of its content.

        Raises:
            ArchiveRefused: the name cannot be in an archive, is in it, or there is no more room.
            OSError, and what `parts` raises; the archive is worth nothing then.
        """
        fault = "is there twice" if name.lower() in self._folded else _name_fault(name)
        if fault:
            raise ArchiveRefused("ARCHIVE_NAME", f"{name!r} {fault}")
        if len(self._members) >= FILES_MAX:
            raise ArchiveRefused("ARCHIVE_FORM", f"more than {FILES_MAX:,} files")
        header, begin = self._at, self._at + _LOCAL.size + len(name)
        self._put(_local(Member(name, 0, 0, begin, header)))
        crc, state = 0, sha256()
        for part in parts:
            crc = zlib.crc32(part, crc)
            state.update(part)
            self._put(part)
        member = Member(name, self._at - begin, crc, begin, header)
        self._members[name] = member
        self._folded.add(name.lower())
        self._out.seek(header + _CRC_AT)
        self._out.write(struct.pack("<3L", crc, member.size, member.size))
        self._out.seek(self._at)
        return member.size, state.hexdigest()

    def finish(self) -> None:
        """Write the directory. Raises ArchiveRefused, OSError."""
        begin = self._at
        for member in self._members.values():
            self._put(_entry(member))
        self._put(_end(len(self._members), self._at - begin, begin))

    def _put(self, data: bytes) -> None:
        if self._at + len(data) > SIZE_MAX:
            raise ArchiveRefused("ARCHIVE_FORM", "a bundle has less than 4 GiB")
        self._out.write(data)
        self._at += len(data)


def _local(member: Member) -> bytes:
    facts = (_TIME, _DATE, member.crc, member.size, member.size, len(member.name), 0)
    return _LOCAL.pack(_LOCAL_MAGIC, _VERSION, 0, 0, *facts) + member.name.encode()


def _entry(member: Member) -> bytes:
    facts = (_TIME, _DATE, member.crc, member.size, member.size, len(member.name), 0, 0, 0, 0)
    head = _ENTRY.pack(_ENTRY_MAGIC, _MADE_BY, _VERSION, 0, 0, *facts, _MODE, member.header)
    return head + member.name.encode()


def _end(count: int, size: int, begin: int) -> bytes:
    return _END.pack(_END_MAGIC, 0, 0, count, count, size, begin, 0)


def _name_fault(name: str) -> str:
    """Why a name cannot be in an archive; "" if it can."""
    if len(name) > NAME_MAX:
        return f"has over {NAME_MAX} characters"
    return "" if _NAME.fullmatch(name) else "is no plain name of a file below its folder"


# -- read -------------------------------------------------------------------------------------


class Archive:
    """An archive whose structure is exactly that of `Writer`; made by `read`.

    Contents are checked when they are read: `digest` says what a file holds.

    Args:
        file: open for reading, seekable.
        members: in their order.
    """

    def __init__(self, file: BinaryIO, members: Mapping[str, Member]) -> None:
        self._file = file
        self.members = members

    def digest(self, name: str) -> str:
        """Hex SHA-256 of a file.

        Raises:
            ArchiveRefused: FILE_CHANGED, its checksum is not the one that the archive says.
            OSError: it cannot be read.
        """
        crc, state = 0, sha256()
        for part in self.parts(name):
            crc = zlib.crc32(part, crc)
            state.update(part)
        if crc != self.members[name].crc:
            raise ArchiveRefused("FILE_CHANGED", f"{name}: its checksum (CRC-32) is another")
        return state.hexdigest()

    def parts(self, name: str) -> Iterator[bytes]:
        """Its content in parts. Raises OSError."""
        member = self.members[name]
        return chunks(self._file, member.begin, member.begin + member.size)

    def content(self, name: str, most: int) -> bytes:
        """Its whole content.

        Raises:
            ArchiveRefused: it has more than `most` bytes.
            OSError: it cannot be read.
        """
        if self.members[name].size > most:
            raise ArchiveRefused("ARCHIVE_FORM", f"{name}: more than {most:,} bytes")
        return b"".join(self.parts(name))

    def open(self, name: str) -> BinaryIO:
        """A seekable file over its content; it needs no closing."""
        member = self.members[name]
        return cast("BinaryIO", _Window(self._file, member.begin, member.size))


class _Window:
    """A part of a file, as a file."""

    def __init__(self, file: BinaryIO, begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._file.seek(self._begin + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data


def read(file: BinaryIO) -> Archive:
    """Read the structure of an archive; every byte of it that is no content is compared.

    Args:
        file: open for reading, seekable; it is kept.

    Raises:
        ArchiveRefused: it is not exactly as `Writer` writes.
        OSError: it cannot be read.
    """
    size = file.seek(0, 2)
    if _bytes(file, 0, len(_LOCAL_MAGIC)) != _LOCAL_MAGIC:
        raise ArchiveRefused("NOT_A_ZIP", "it does not begin as a zip")
    if size > SIZE_MAX:
        raise ArchiveRefused("ARCHIVE_FORM", "a bundle has less than 4 GiB")
    count, begin = _read_end(file, size)
    directory = _bytes(file, begin, size - _END.size)
    members: dict[str, Member] = {}
    folded: set[str] = set()
    at = place = 0  # in the directory, in the archive
    for _ in range(count):
        member, at = _read_entry(directory, at, place)
        if member.name.lower() in folded:
            raise ArchiveRefused("ARCHIVE_NAME", f"{member.name!r} is there twice")
        _compare_local(file, member, begin)
        members[member.name] = member
        folded.add(member.name.lower())
        place = member.begin + member.size
    if place != begin or at != len(directory):
        raise ArchiveRefused("ARCHIVE_FORM", "something lies between the files and the directory")
    return Archive(file, members)


def _bytes(file: BinaryIO, begin: int, end: int) -> bytes:
    return b"".join(chunks(file, begin, end))


def _read_end(file: BinaryIO, size: int) -> tuple[int, int]:
    """How many files there are, and where the directory begins."""
    last = _bytes(file, max(0, size - _END.size), size)
    if len(last) < _END.size or last[:4] != _END_MAGIC:
        raise ArchiveRefused("ARCHIVE_FORM", "it does not end as a zip: cut off, or more behind it")
    _, _, _, _, count, length, begin, _ = _END.unpack(last)
    if last != _end(count, length, begin):
        raise ArchiveRefused("ARCHIVE_FORM", "several volumes, a comment, or counts that disagree")
    if begin + length != size - _END.size or count > FILES_MAX:
        raise ArchiveRefused("ARCHIVE_FORM", "the directory is not where the end says")
    if length > count * (_ENTRY.size + NAME_MAX):
        raise ArchiveRefused("ARCHIVE_FORM", "the directory is larger than its files need")
    return count, begin


def _read_entry(directory: bytes, at: int, place: int) -> tuple[Member, int]:
    """The file whose local header has to begin at `place`, and where the next entry begins."""
    if at + _ENTRY.size > len(directory):
        raise ArchiveRefused("ARCHIVE_FORM", "the directory ends within a file")
    fields = _ENTRY.unpack_from(directory, at)
    crc, size, name_size = fields[7], fields[9], fields[10]
    begin = at + _ENTRY.size
    raw = directory[begin : begin + name_size]
    name = raw.decode("ascii", "backslashreplace")
    fault = _name_fault(name)
    if fault:
        raise ArchiveRefused("ARCHIVE_NAME", f"{name[:NAME_MAX]!r} {fault}")
    member = Member(name, size, crc, place + _LOCAL.size + name_size, place)
    expected = _entry(member)
    if directory[at : at + len(expected)] != expected:
        raise ArchiveRefused("ARCHIVE_FORM", f"{name}: {_difference(fields, member)}")
    return member, at + len(expected)


def _difference(fields: tuple[int, ...], member: Member) -> str:
    """What is odd about an entry of the directory."""
    flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
    extra, comment, mode, header = fields[11], fields[12], fields[15] >> 16, fields[16]
    odd = (
        (flags & _ENCRYPTED, "it is encrypted"),
        (mode & 0o170000 == _LINK, "it is a link"),
        (method, f"it is compressed (method {method}); a bundle stores its files"),
        (extra or comment, "it has an extra field or a comment"),
        (packed != size, f"it says {packed:,} and {size:,} bytes"),
        (header != member.header, f"it begins at {header:,}, not behind the file before it"),
    )
    return next((words for wrong, words in odd if wrong), "its time, version or mode is another")


def _compare_local(file: BinaryIO, member: Member, end: int) -> None:
    if member.begin + member.size > end:
        raise ArchiveRefused("ARCHIVE_FORM", f"{member.name}: larger than the archive")
    if _bytes(file, member.header, member.begin) != _local(member):
        raise ArchiveRefused(
            "ARCHIVE_FORM", f"{member.name}: its header is not what the directory says"
        )
