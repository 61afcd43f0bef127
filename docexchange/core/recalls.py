"""Recall, update, replace (thu hồi, cập nhật, thay thế): who decides what, and what names what.

A recall by a document (BussinessDocType 1) binds the receiver: it destroys its copy and says so
(QĐ 28/2018 Art 9.2, NĐ 30/2020 Art 18.4b). A status 13 asks: nobody decides for a mailroom that
already has the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from envelopes.model import (
    Business,
    Document,
    ReplacementInfo,
    Replacements,
    Texts,
    TraceHeaderList,
)

from .states import StatusCode

RECALL, UPDATE, REPLACE = 1, 2, 3  # BussinessDocType
TOO_LATE_NOTE = "Quá muộn: văn bản đã xử lý xong"
NEVER_CAME_NOTE = "Hết hạn: văn bản cần thu hồi không đến"
WAITING_MAX = 1000  # status 13 of one organ that wait for a document: it cannot fill the store


class Recall(StrEnum):
    """Where a recall stands, at either side; all but the first two are ends."""

    WAITING = "waiting"  # receiver: its document is not here yet
    ASKED = "asked"  # an answer of the receiver is to come
    CANCELLED = "cancelled"  # sender: the document was never published, nothing was sent
    AGREED = "agreed"  # 15: the receiver's copy is unreadable
    REFUSED = "refused"  # 16
    TOO_LATE = "too_late"  # 16, since the document was processed (06)
    EXPIRED = "expired"  # 16, since the document did not come while a status 13 waited for it


ANSWERS = {
    Recall.WAITING: StatusCode.ARRIVED,
    Recall.ASKED: StatusCode.ARRIVED,
    Recall.AGREED: StatusCode.CHANGE_AGREED,
    Recall.TOO_LATE: StatusCode.CHANGE_REFUSED,
}


def decide(code: str | None, *, read: bool, binding: bool, agrees: bool = False) -> Recall:
    """Say what a node makes of a recall by itself.

    Args:
        code: present processing status of the document here; None when it is not here.
        read: somebody may have read it: handed over, or nobody hands over here.
        binding: a document recalls it, not a status 13.
        agrees: the organ gives back what it has not completed without asking its mailroom.
    """
    if code is None:
        return Recall.WAITING
    if binding or code in (StatusCode.REJECTED, StatusCode.CHANGE_AGREED):
        return Recall.AGREED
    if code == StatusCode.COMPLETED:
        return Recall.TOO_LATE
    if agrees:
        return Recall.AGREED
    return Recall.ASKED if read or code != StatusCode.ARRIVED else Recall.AGREED


def ended(code: str, present: str, note: str) -> Recall:
    """What the answer 15 or 16 means, by the processing status that the document had."""
    if code == StatusCode.CHANGE_AGREED:
        return Recall.AGREED
    if note.startswith(NEVER_CAME_NOTE):
        return Recall.EXPIRED
    late = present == StatusCode.COMPLETED or note.startswith(TOO_LATE_NOTE)
    return Recall.TOO_LATE if late else Recall.REFUSED


def changed_by(document: Document, organ: str | None) -> tuple[str, ...]:
    """DocumentIds that a document recalls, updates or replaces at an organ; None: at any."""
    business = document.trace.business if document.trace else None
    if business is None or document.business not in (RECALL, UPDATE, REPLACE):
        return ()
    if document.business == REPLACE:
        items = business.replacements.items if business.replacements else ()
        here = [one for one in items if _concerns(one, organ)]
        return tuple(dict.fromkeys(one.document_id for one in here if one.document_id))
    named = [business.document_id, *(one.document_id for one in document.responses_to)]
    return tuple(name for name in (*named, document.document_id) if name)[:1]


def _concerns(one: ReplacementInfo, organ: str | None) -> bool:
    return organ is None or not one.organs or organ in one.organs.items


@dataclass(frozen=True, slots=True)
class Change:
    """What a sender wants a document to update or replace.

    Args:
        business: UPDATE or REPLACE.
        refs: the older documents, as a person or a mailroom names them; of an update one.
        reason: why, for the receivers; "" when it is not said.
    """

    business: int
    refs: tuple[str, ...]
    reason: str = ""


def changing(
    document: Document, change: Change, changed: Sequence[tuple[str, tuple[str, ...]]]
) -> Document:
    """The document as the update or the replacement of others (BussinessDocType 2, 3).

    Args:
        document: as new.
        change: what is wanted.
        changed: DocumentId of each older document, and the recipients for whom it is changed.
    """
    business = Business(type=str(change.business), reason=change.reason or None)
    if change.business == UPDATE:
        business = replace(business, document_id=changed[0][0])
    else:
        items = (ReplacementInfo(document_id=one, organs=Texts(items=to)) for one, to in changed)
        business = replace(business, replacements=Replacements(items=tuple(items)))
    return replace(document, trace=replace(document.trace or TraceHeaderList(), business=business))
