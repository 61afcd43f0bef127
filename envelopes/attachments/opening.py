"""Attachments opened: each with a safe name, its bytes unwrapped if they were wrapped, and what a
person should know before opening it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..model import Attachment, Stored
from . import kinds, zips
from .kinds import Kind
from .names import ending_of, safe_names
from .zips import NotAWrapping, NotUnwrapped

MIB: Final = 1024 * 1024
BEGINNING: Final = 64 * 1024  # bytes of a large content that say what it is

Read = Callable[[Stored, int], bytes]  # the first bytes of a content that is in a file


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of unwrapping. What goes beyond one stays wrapped; nothing is lost.

    Args:
        total: bytes that all attachments of an envelope may become (200 MiB: the largest envelope
            of today many times over, and still no full disk).
        ratio: bytes that one byte may become (100: text and office files stay far
            below, bombs come near the 1,032 of deflate).
        free: bytes from which `ratio` counts; below it nothing can harm.
        entries: of an archive that is looked into.
        in_memory: bytes of a content in a file up to which it is read whole, and unwrapped.
    """

    total: int = 200 * MIB
    ratio: int = 100
    free: int = MIB
    entries: int = 1000
    in_memory: int = 16 * MIB


class Remark(StrEnum):
    """What a person should know."""

    RENAMED = "RENAMED"  # the name in the envelope could not be a file's
    UNWRAPPED = "UNWRAPPED"  # it lay in a zip of its own
    LEFT_WRAPPED = "LEFT_WRAPPED"  # it should have been unwrapped; `Opened.reason`
    RUNS = "RUNS"  # opening it may run something
    NAME_MISMATCH = "NAME_MISMATCH"  # the ending names another kind
    TYPE_MISMATCH = "TYPE_MISMATCH"  # the ContentType names another kind
    EMPTY = "EMPTY"


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment as it can be written to a folder.

    Args:
        original: the name in the envelope, "" if none.
        name: a safe one, unique in the envelope.
        content: the bytes, unwrapped if they were wrapped.
        kind: what they are.
        content_type: of the envelope, "" if none.
        remarks: in the order of `Remark`.
        reason: why it was left wrapped, None if it was not.
        stored: where the content is when it is not here: in a file, and too large.
    """

    original: str
    name: str
    content: bytes = field(repr=False)
    kind: Kind
    content_type: str
    remarks: tuple[Remark, ...]
    reason: NotUnwrapped | None = None
    stored: Stored | None = None


def open_all(
    attachments: Sequence[Attachment], limits: Limits | None = None, read: Read | None = None
) -> Iterator[Opened]:
    """Open the attachments of a document one after the other; only one is in memory unwrapped.

    Args:
        attachments: in the order of the envelope.
        limits: of unwrapping; the usual ones if None.
        read: gives the contents that are in a file (`large.read_content`).
    """
    bounds = limits or Limits()
    left = bounds.total
    names = safe_names(one.name or "" for one in attachments)
    for attachment, name in zip(attachments, names, strict=True):
        stored = attachment.stored
        if stored is None or read is None:
            opened = _open(attachment, name, attachment.content, bounds, left)
        elif stored.size <= bounds.in_memory:
            opened = _open(attachment, name, read(stored, stored.size), bounds, left)
        else:
            opened = _judge_large(attachment, name, stored, read(stored, BEGINNING))
        if Remark.UNWRAPPED in opened.remarks:
            left -= len(opened.content)
        yield opened


def _judge_large(attachment: Attachment, name: str, stored: Stored, begin: bytes) -> Opened:
    """A content that stays where it is: nothing is unwrapped, and of an archive it is not said
    which kind it is."""
    kind, given = kinds.kind_of(begin), attachment.content_type or ""
    remarks: set[Remark] = set()
    reason: NotUnwrapped | None = None
    if kind is not kinds.ZIP:
        remarks |= {Remark.TYPE_MISMATCH} if not kinds.fits_type(given, kind) else set()
        remarks |= {Remark.NAME_MISMATCH} if not kinds.fits_name(name, kind) else set()
    elif ending_of(name) not in kinds.ARCHIVE_ENDINGS:
        reason = NotUnwrapped.TOO_LARGE
        remarks.add(Remark.LEFT_WRAPPED)
    if name != unicodedata.normalize("NFC", attachment.name or ""):
        remarks.add(Remark.RENAMED)
    if kinds.runs(name, kind):
        remarks.add(Remark.RUNS)
    ordered = tuple(one for one in Remark if one in remarks)
    return Opened(attachment.name or "", name, b"", kind, given, ordered, reason, stored)


def _open(attachment: Attachment, name: str, content: bytes, limits: Limits, left: int) -> Opened:
    kind = kinds.kind_of(content)
    remarks: set[Remark] = set()
    reason: NotUnwrapped | None = None
    given = attachment.content_type or ""
    if not kinds.fits_type(given, kind):
        remarks.add(Remark.TYPE_MISMATCH)
    if kind is kinds.ZIP and ending_of(name) != "zip":
        try:
            content = _unwrapped(content, limits, left)
        except NotAWrapping as not_one:
            reason = not_one.reason
            remarks.add(Remark.LEFT_WRAPPED)
        else:
            kind = kinds.kind_of(content)
            remarks.add(Remark.UNWRAPPED)
    if name != unicodedata.normalize("NFC", attachment.name or ""):
        remarks.add(Remark.RENAMED)
    if kinds.runs(name, kind):
        remarks.add(Remark.RUNS)
    if reason is None and not kinds.fits_name(name, kind):
        remarks.add(Remark.NAME_MISMATCH)
    if not content:
        remarks.add(Remark.EMPTY)
    ordered = tuple(one for one in Remark if one in remarks)
    return Opened(attachment.name or "", name, content, kind, given, ordered, reason)


def _unwrapped(data: bytes, limits: Limits, left: int) -> bytes:
    """The one file in an archive. Raises NotAWrapping."""
    found = zips.entries(data, limits.entries)
    files = [entry for entry in found if not entry.is_folder]
    if len(files) != 1:
        raise NotAWrapping(NotUnwrapped.SEVERAL if files else NotUnwrapped.EMPTY)
    content = zips.extract(data, files[0], limit=left, ratio=limits.ratio, free=limits.free)
    if kinds.kind_of(content) is kinds.ZIP:
        raise NotAWrapping(NotUnwrapped.NESTED)
    return content
