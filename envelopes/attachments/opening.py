"""Attachments opened: each with a safe name, its bytes unwrapped if they were wrapped, and what a
person should know before opening it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..model import Attachment
from . import kinds, zips
from .kinds import Kind
from .names import ending_of, safe_names
from .zips import NotAWrapping, NotUnwrapped

MIB: Final = 1024 * 1024


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
    """

    total: int = 200 * MIB
    ratio: int = 100
    free: int = MIB
    entries: int = 1000


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
    """

    original: str
    name: str
    content: bytes = field(repr=False)
    kind: Kind
    content_type: str
    remarks: tuple[Remark, ...]
    reason: NotUnwrapped | None = None


def open_all(attachments: Sequence[Attachment], limits: Limits | None = None) -> Iterator[Opened]:
    """Open the attachments of a document one after the other; only one is in memory unwrapped.

    Args:
        attachments: in the order of the envelope.
        limits: of unwrapping; the usual ones if None.
    """
    bounds = limits or Limits()
    left = bounds.total
    names = safe_names(one.name or "" for one in attachments)
    for attachment, name in zip(attachments, names, strict=True):
        opened = _open(attachment, name, bounds, left)
        if Remark.UNWRAPPED in opened.remarks:
            left -= len(opened.content)
        yield opened


def _open(attachment: Attachment, name: str, limits: Limits, left: int) -> Opened:
    content, kind = attachment.content, kinds.kind_of(attachment.content)
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
