"""The receipt path: signed statuses, in both directions.

Ours: built, signed and handed to the same outbox as documents. Theirs: matched by the digest of
the exact bytes they speak of and by their signed From. A status is never answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from envelopes.model import Document, Organization, Received, ResponseFor, StaffInfo, Status
from envelopes.pack import local_time
from envelopes.report import Report

from ..core.errors import Conflict, SubmissionRefused
from ..core.model import (
    ArrivalView,
    MailroomMessage,
    OpenRecall,
    Origin,
    Receipt,
    ReceiptOutcome,
    Submission,
    Submitted,
)
from ..core.schedule import Lane
from ..core.states import CHANGE_ANSWERS, Kind, StatusCode, may_say, says_conflict
from ..core.world import World
from .signing import signed

log = structlog.get_logger()

SAYABLE = frozenset(StatusCode) - {StatusCode.ARRIVED, StatusCode.RECALLING}
DESCRIPTIONS: Mapping[StatusCode, str] = {
    StatusCode.ARRIVED: "Văn bản đã đến",
    StatusCode.REJECTED: "Từ chối tiếp nhận",
    StatusCode.ACCEPTED: "Đã tiếp nhận",
    StatusCode.ASSIGNED: "Đã phân công xử lý",
    StatusCode.PROCESSING: "Đang xử lý",
    StatusCode.COMPLETED: "Đã hoàn thành xử lý",
    StatusCode.RECALLING: "Yêu cầu lấy lại văn bản",
    StatusCode.CHANGE_AGREED: "Đồng ý yêu cầu cập nhật, lấy lại",
    StatusCode.CHANGE_REFUSED: "Từ chối yêu cầu cập nhật, lấy lại",
}


@dataclass(frozen=True, slots=True)
class About:
    """The envelope that a status speaks of: its sender, its names and its exact bytes."""

    from_organ: str
    document_id: str
    code: str  # number/notation, as 98/QĐ-UBND
    date: str  # PromulgationDate, yyyy/MM/dd
    sha256: str

    @classmethod
    def document(cls, document: Document, sha256: str) -> About:
        """Of a verified document."""
        code = document.code
        joined = "/".join(part for part in (code.number, code.notation) if part) if code else ""
        date = document.promulgation.date or "" if document.promulgation else ""
        return cls(document.sender.organ_id, document.document_id or "", joined, date, sha256)

    @classmethod
    def claimed(cls, report: Report, sha256: str) -> About:
        """Of an envelope whose sender is proven though its content is not accepted."""
        return cls(report.sender, report.document_id, "", "", sha256)

    @classmethod
    def recall(cls, recall: OpenRecall) -> About:
        """Of a recall, which its answers speak of."""
        return cls(recall.from_organ, recall.document_id, "", "", recall.sha256)

    @classmethod
    def arrival(cls, arrival: ArrivalView) -> About:
        """Of an accepted arrival."""
        code = "/".join(part for part in (arrival.number, arrival.notation) if part)
        return cls(arrival.from_organ, arrival.document_id, code, "", arrival.sha256)


async def answer(
    about: About,
    code: StatusCode,
    *,
    organ: str,
    world: World,
    now: datetime,
    note: str = "",
    answers: str = "",
    staff: Mapping[str, str] | None = None,
    content_sha256: str = "",
    origin: Origin | None = None,
) -> Submission:
    """Build and sign a status of ours about an envelope; nothing is stored.

    Args:
        about: what it speaks of.
        code: what it says.
        organ: our organ that says it.
        world: surroundings of the node.
        now: its time, aware UTC.
        note: Description; empty means the standard words for the code.
        answers: tracking id of the arrival, "" when it was not accepted.
        staff: name, department, phone, email of the clerk.
        content_sha256: digest of what was asked for; "" means of the signed bytes.
        origin: the mailroom's key.

    Raises:
        Deferred: the signer is down.
    """
    entry = world.directory.find(organ)
    status = Status(
        sender=Organization(organ_id=organ, name=entry.name if entry else None),
        response_for=ResponseFor(
            organ_id=about.from_organ,
            code=about.code or None,
            promulgation_date=about.date or None,
            document_id=about.document_id,
        ),
        staff=_staff(staff),
        status_code=code.value,
        description=note or DESCRIPTIONS[code],
        timestamp=local_time(now),
        received=Received.sha256(about.sha256, world.store.witnesses.claim),
    )
    data = await signed(status, world.keyring.signer(organ), now)
    digest = hashlib.sha256(data).hexdigest()
    return Submission(
        tracking_id=world.new_id(),
        kind=Kind.STATUS,
        data=data,
        sha256=digest,
        from_organ=organ,
        document_id=about.document_id,
        business=0,
        number="",
        notation="",
        subject=note,
        recipients=(about.from_organ,),
        lane=Lane.RECEIPTS,
        priority=0,
        submitted_at=now,
        lifetime_ends=None,
        content_sha256=content_sha256 or digest,
        origin=origin,
        status_code=code.value,
        answers=answers,
    )


def _staff(staff: Mapping[str, str] | None) -> StaffInfo | None:
    if not staff:
        return None
    return StaffInfo(
        department=staff.get("department"),
        staff=staff.get("name"),
        mobile=staff.get("phone"),
        email=staff.get("email"),
    )


async def report(
    ref: str,
    code: str,
    *,
    world: World,
    now: datetime,
    note: str = "",
    staff: Mapping[str, str] | None = None,
    organs: frozenset[str] | None = None,
    origin: Origin | None = None,
    reply: Callable[[Submitted], MailroomMessage] | None = None,
) -> Submitted:
    """Send a processing status of one of our mailrooms about a document that it received.

    When this returns, the signed status is queued; it leaves after those given before it.

    Args:
        ref: tracking id of the arrival, its prefix, or number/notation.
        code: two digits; 02, 03, 04, 05, 06, 15 or 16.
        world: surroundings of the node.
        now: aware UTC.
        note: reason or remark; 02 and 16 need one.
        staff: the clerk.
        organs: organs that the asker may speak for; None means all of ours.
        origin, reply: of a mailroom's message.

    Raises:
        NotFound, Ambiguous: no arrival, or several, with that name.
        SubmissionRefused: the code is unknown, not the receiver's to say, lacks its reason, or
            cannot follow the present status (E-STA-002); nothing was stored.
    """
    arrival = world.store.incoming.arrival(ref)
    if organs is not None and arrival.organ not in organs:
        raise SubmissionRefused(
            "E-AUT-001",
            "Văn bản này thuộc cơ quan khác",
            "This document belongs to another organ",
            detail=f"{arrival.tracking_id}: {arrival.organ}",
            pointer="tracking_id",
        )
    said = _sayable(code, note)
    wanted = hashlib.sha256("\n".join((arrival.tracking_id, code, note)).encode()).hexdigest()
    earlier = world.store.outgoing.find(origin, None, wanted) if origin else None
    if earlier is not None:
        if reply is not None:
            await world.store.mailrooms.reply(reply(earlier), now)
        return earlier
    asked = world.store.recalls.asked(arrival.tracking_id) if said in CHANGE_ANSWERS else ()
    again = bool(asked) and said == arrival.code  # we died between two answers
    if not again and not may_say(arrival.code, said):
        raise _cannot_follow(arrival, code)
    words = partial(answer, organ=arrival.organ, world=world, now=now, note=note, staff=staff)
    named = [(About.recall(one), one.tracking_id) for one in asked]
    *others, (about, answers) = named or [(About.arrival(arrival), arrival.tracking_id)]
    try:
        for other, its_id in others:  # each who asked is answered
            await world.store.outgoing.submit(await words(other, said, answers=its_id))
        submission = await words(about, said, answers=answers, content_sha256=wanted, origin=origin)
        submitted = await world.store.outgoing.submit(submission, reply)
    except Conflict as conflict:  # another status was committed since we looked
        raise _cannot_follow(arrival, code) from conflict
    log.info("status", tracking_id=arrival.tracking_id, code=code, organ=arrival.organ)
    return submitted


def _cannot_follow(arrival: ArrivalView, code: str) -> SubmissionRefused:
    return SubmissionRefused(
        "E-STA-002",
        "Trạng thái này không thể theo sau trạng thái hiện tại",
        "This status cannot follow the present one",
        detail=f"{arrival.code or '-'} -> {code}",
        pointer="code",
    )


def _sayable(code: str, note: str) -> StatusCode:
    if code not in SAYABLE:
        allowed = ", ".join(sorted(SAYABLE))
        raise SubmissionRefused(
            "E-STA-001",
            "Mã trạng thái không dùng được ở bên nhận",
            "Not a status that a receiver may report",
            detail=f"{code}; cho phép: {allowed} (01 do nút tự gửi)",
            pointer="code",
        )
    said = StatusCode(code)
    if said in (StatusCode.REJECTED, StatusCode.CHANGE_REFUSED) and not note.strip():
        raise SubmissionRefused(
            "E-STA-003",
            "Từ chối phải có lý do",
            "A refusal needs its reason",
            detail=code,
            pointer="note",
        )
    return said


def receipt_of(status: Status, verdict: Report, sha256: str, now: datetime) -> Receipt:
    """The record of a verified status that came in; `sha256` is the digest of its bytes."""
    staff = status.staff
    named = {
        "name": staff.staff if staff else None,
        "department": staff.department if staff else None,
        "phone": staff.mobile if staff else None,
        "email": staff.email if staff else None,
    }
    return Receipt(
        sha256=sha256,
        data=verdict.data,
        code=status.status_code,
        note=status.description or "",
        from_organ=status.sender.organ_id,
        to_organ=status.response_for.organ_id or "",
        document_id=status.response_for.document_id or "",
        received_sha256=verdict.received_sha256,
        signed_at=verdict.signed_at,
        arrived_at=now,
        report="",
        staff={key: value for key, value in named.items() if value},
        checkpoint=status.received.checkpoint if status.received else "",
    )


async def apply(receipt: Receipt, *, world: World) -> ReceiptOutcome:
    """Record a verified status; the sender of a document learns what became of it.

    When this returns APPLIED, the delivery is acknowledged (instant 4).
    """
    outcome = await world.store.receipts.apply(receipt)
    if outcome is not ReceiptOutcome.DUPLICATE and says_conflict(receipt.code, receipt.note):
        log.error(
            "conflict_reported",
            by=receipt.from_organ,
            document_id=receipt.document_id,
            received=receipt.received_sha256,
            why=receipt.note,
        )
    names = {"sender": receipt.from_organ, "document_id": receipt.document_id}
    if outcome is ReceiptOutcome.BAD_RECEIPT:
        log.warning("bad_receipt", **names)
    elif outcome is ReceiptOutcome.PARKED:
        log.warning("receipt_parked", received=receipt.received_sha256, **names)
    else:
        world.heard(receipt.from_organ)
        log.info("acknowledged", code=receipt.code, outcome=outcome.value, **names)
    return outcome


async def match_parked(*, world: World, now: datetime) -> None:
    """Apply the parked receipts whose documents are here now. Raises StoreError."""
    for receipt in await world.store.receipts.match_parked(now):
        world.heard(receipt.from_organ)
        log.info("receipt_matched", sender=receipt.from_organ, document_id=receipt.document_id)
