"""Recall (thu hồi) on both sides.

    ask      sender: a signed status 13 to each recipient; in the same transaction the document is
             published no more
    take     receiver: a 13 or a recalling document; decided here or left to the mailroom
    bury     receiver: a document whose recall overtook it
    expire   receiver: a 13 whose document did not come in time

A mailroom's 15 or 16 comes through `receipts.report`. A recall travels and is retried as a
document does, and each copy of it is answered again; its answers speak of its own bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from envelopes.model import Organization, Received, ResponseFor, Status
from envelopes.pack import local_time
from envelopes.report import Report

from ..core.errors import Conflict, NotFound, SubmissionRefused
from ..core.model import (
    Acceptance,
    Arrival,
    DeliveryView,
    DocumentView,
    MailroomMessage,
    Origin,
    PendingView,
    Submission,
    Submitted,
)
from ..core.recalls import (
    ANSWERS,
    NEVER_CAME_NOTE,
    RECALL,
    TOO_LATE_NOTE,
    WAITING_MAX,
    Recall,
    decide,
)
from ..core.schedule import lane_of
from ..core.states import Kind, SigningState, StatusCode
from ..core.world import World
from . import receipts
from .forms import Form, NotJson
from .signing import signed

log = structlog.get_logger()

AGAIN = frozenset({"", Recall.REFUSED, Recall.EXPIRED})  # who may be asked (again)
EXPIRE_ROWS = 50  # answered in one round of the keeper; each is signed


async def ask(
    ref: str,
    reason: str,
    *,
    world: World,
    now: datetime,
    to: tuple[str, ...] = (),
    organs: frozenset[str] | None = None,
    origin: Origin | None = None,
    reply: Callable[[Submitted], MailroomMessage] | None = None,
) -> Submitted:
    """Ask recipients to give a document back (status 13).

    When this returns, the document is published to them no more, and a signed request to each is
    queued; where it was never published it is cancelled and nothing is sent. A document that waits
    for its signature waits no more, and nothing of it is sent.

    Args:
        ref: the document: tracking id, its prefix, or number/notation.
        reason: why; it goes to the recipients.
        world: surroundings of the node.
        now: aware UTC.
        to: recipients, all of them when empty.
        organs: organs that the asker may speak for; None means all of ours.
        origin, reply: of a mailroom's message.

    Returns:
        The first request, or the earlier one of the same mailroom's message; of a document that
        waited for its signature its own names.

    Raises:
        NotFound, Ambiguous: no document, or several, with that name.
        SubmissionRefused: E-RCL-001 no reason, E-RCL-002 no such recipient, E-AUT-001.
        Conflict: all of them were asked before, and did not refuse; or it waits for its signature
            and `to` names some recipients only. Nothing was stored.
    """
    unsigned = awaiting(ref, world)
    if unsigned is not None:
        return await _take_back(unsigned, reason, to, organs, reply, world, now)
    view = world.store.outgoing.document(ref)
    _check_organ(view.tracking_id, view.from_organ, organs)
    wanted = hashlib.sha256("\n".join((view.tracking_id, reason, *to)).encode()).hexdigest()
    earlier = world.store.outgoing.find(origin, None, wanted) if origin else None
    if earlier is not None:
        if reply is not None:
            await world.store.mailrooms.reply(reply(earlier), now)
        return earlier
    asked = [
        await _request(view, one, reason, wanted, world, now, origin if place == 0 else None)
        for place, one in enumerate(recipients(view, reason, to))
    ]
    submitted = await world.store.recalls.submit(asked, reply)
    log.info("recall", tracking_id=view.tracking_id, to=[one.recipients[0] for one in asked])
    return submitted


def awaiting(ref: str, world: World) -> PendingView | None:
    """The document of this name that waits, or waited in vain, for a signature made elsewhere; None
    if the name is that of a document that was queued, or of none. Raises Ambiguous."""
    try:
        world.store.outgoing.document(ref)
    except NotFound:
        with suppress(NotFound):
            return world.store.signings.find(ref)
    return None


async def _take_back(
    view: PendingView,
    reason: str,
    to: tuple[str, ...],
    organs: frozenset[str] | None,
    reply: Callable[[Submitted], MailroomMessage] | None,
    world: World,
    now: datetime,
) -> Submitted:
    """Stop waiting for a signature; raises as `ask`."""
    _check_organ(view.tracking_id, view.from_organ, organs)
    check_take_back(view, reason, to)
    again = view.state is SigningState.CANCELLED and view.reason == reason
    taken = Submitted(view.tracking_id, view.document_id, duplicate=again)
    said = reply(taken) if reply is not None else None
    if not again:
        await world.store.signings.cancel(view.tracking_id, reason, now, said)
        log.info("signing_cancelled", tracking_id=view.tracking_id)
    elif said is not None:
        await world.store.mailrooms.reply(said, now)
    return taken


def check_take_back(view: PendingView, reason: str, to: tuple[str, ...]) -> None:
    """Whether a recall may cancel this signing. Raises SubmissionRefused, Conflict."""
    _check_reason(reason)
    if set(to) and not set(to) >= set(view.recipients):
        raise Conflict(
            f"{view.tracking_id} waits for its signature: it is taken back for all recipients; "
            "leave out the recipients",
            f"{view.tracking_id} đang chờ ký: chỉ rút lại được cho mọi nơi nhận; "
            "hãy bỏ danh sách nơi nhận",
        )


def _check_organ(tracking_id: str, organ: str, organs: frozenset[str] | None) -> None:
    if organs is not None and organ not in organs:
        raise SubmissionRefused(
            "E-AUT-001",
            "Văn bản này của cơ quan khác",
            "This document is of another organ",
            detail=f"{tracking_id}: {organ}",
            pointer="tracking_id",
        )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise SubmissionRefused(
            "E-RCL-001", "Thu hồi phải có lý do", "A recall needs its reason", pointer="/reason"
        )


def recipients(view: DocumentView, reason: str, to: tuple[str, ...]) -> list[DeliveryView]:
    """The deliveries that a recall would be about. Raises as `ask`."""
    _check_reason(reason)
    if view.business == RECALL:
        raise Conflict(
            "this is a recall itself; recall the document that it names",
            "đây là yêu cầu thu hồi; hãy thu hồi văn bản mà nó nêu",
        )
    known = {one.to_organ: one for one in view.deliveries}
    strange = [organ for organ in to if organ not in known]
    if strange:
        raise SubmissionRefused(
            "E-RCL-002",
            "Văn bản không gửi cho cơ quan này",
            "The document was not sent to that organ",
            detail=f"{', '.join(strange)}; đã gửi cho: {', '.join(known)}",
            pointer="/to",
        )
    chosen = [known[organ] for organ in dict.fromkeys(to)] if to else list(view.deliveries)
    fresh = [one for one in chosen if one.recall in AGAIN]
    if not fresh:
        raise Conflict(
            f"every recipient was asked before: docexchange track {view.tracking_id}",
            f"đã yêu cầu thu hồi ở mọi nơi nhận này: docexchange track {view.tracking_id}",
        )
    return fresh


async def _request(
    view: DocumentView,
    one: DeliveryView,
    reason: str,
    wanted: str,
    world: World,
    now: datetime,
    origin: Origin | None,
) -> Submission:
    entry = world.directory.find(view.from_organ)
    code = "/".join(part for part in (view.number, view.notation) if part)
    status = Status(
        sender=Organization(organ_id=view.from_organ, name=entry.name if entry else None),
        response_for=ResponseFor(
            organ_id=one.to_organ, code=code or None, document_id=view.document_id
        ),
        status_code=StatusCode.RECALLING.value,
        description=reason,
        timestamp=local_time(now),
        received=Received.sha256(view.sha256),
    )
    data = await signed(status, world.keyring.signer(view.from_organ), now)
    return Submission(
        tracking_id=world.new_id(),
        kind=Kind.DOCUMENT,  # it waits for an answer
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        from_organ=view.from_organ,
        document_id=view.document_id,
        business=RECALL,
        number="",
        notation="",
        subject=reason,
        recipients=(one.to_organ,),
        lane=lane_of(view.priority),
        priority=view.priority,
        submitted_at=now,
        lifetime_ends=now + world.schedule.lifetime_of(view.priority),
        content_sha256=wanted,
        origin=origin,
        status_code=StatusCode.RECALLING.value,
        recalls=view.tracking_id,
    )


def request(status: Status, report: Report, sha256: str, *, world: World, now: datetime) -> Arrival:
    """The arrival that a verified status 13 is; its digest says which bytes it recalls."""
    organ = status.response_for.organ_id or ""
    return Arrival(
        tracking_id=world.new_id(),
        organ=organ,
        sha256=sha256,
        data=report.data,
        from_organ=status.sender.organ_id,
        document_id=status.response_for.document_id or "",
        business=RECALL,
        number="",
        notation="",
        subject=status.description or "",
        report="",
        arrived_at=now,
        signed_at=report.signed_at,
        delivery=None,
        changes=(status.response_for.document_id or "",),
        recalled_sha256=report.received_sha256,
        asks=True,
        agrees=organ in world.giving_back,
        waits_until=now + world.schedule.lifetime,
    )


async def take(recall: Arrival, *, world: World, now: datetime) -> Acceptance:
    """Store a recall with what follows from it, and answer it: 15 or 16 where the node decides,
    01 where the mailroom will or the document is not here yet. A 13 beyond the quota of its organ
    is REFUSED: not stored, not answered; its sender's next copy is judged anew.

    Raises:
        StoreError, Deferred: nothing was stored.
    """
    mailroom = world.mailroom_of(recall.organ) is not None
    while True:
        met = world.store.recalls.standing(recall, mailroom=mailroom)
        decided = decide(met.code, read=met.read, binding=not recall.asks, agrees=recall.agrees)
        answer = await receipts.answer(
            _about(recall),
            ANSWERS[decided],
            organ=recall.organ,
            world=world,
            now=now,
            note=TOO_LATE_NOTE if decided is Recall.TOO_LATE else "",
            answers=recall.tracking_id,
        )
        taken = await world.store.recalls.take(recall, decided, answer)
        if taken is Acceptance.REFUSED:
            log.warning("recall_refused", sender=recall.from_organ, waiting=WAITING_MAX)
            return taken
        if taken is not None:
            log.info("recalled", tracking_id=recall.tracking_id, state=decided.value)
            return taken


async def bury(arrival: Arrival, receipt: Submission, *, world: World, now: datetime) -> Acceptance:
    """Store a document that was recalled before it came, without its content; the 01 says that it
    came, and each of its recalls is answered 15."""
    while True:
        answers = [
            await receipts.answer(
                receipts.About.recall(one),
                StatusCode.CHANGE_AGREED,
                organ=one.organ,
                world=world,
                now=now,
                answers=one.tracking_id,
            )
            for one in world.store.recalls.waiting(arrival)
        ]
        buried = await world.store.recalls.accept_recalled(arrival, receipt, answers)
        if buried is not Acceptance.RECALLED:
            return buried


async def expire(*, world: World, now: datetime) -> int:
    """Answer 16 to each 13 that waited in vain for its document; how many. A document that comes
    later is like any other, and may be recalled again.

    Raises:
        Deferred: a signer is down; the rest waits.
        StoreError: what was answered before stays answered.
    """
    overdue = world.store.recalls.overdue(now, EXPIRE_ROWS)
    for one in overdue:
        answer = await receipts.answer(
            receipts.About.recall(one),
            StatusCode.CHANGE_REFUSED,
            organ=one.organ,
            world=world,
            now=now,
            note=NEVER_CAME_NOTE,
            answers=one.tracking_id,
        )
        with suppress(Conflict):  # the document came at this moment: its recall is answered 15
            await world.store.outgoing.submit(answer)
            log.info("recall_expired", tracking_id=one.tracking_id, sender=one.from_organ)
    return len(overdue)


def wish(body: bytes) -> dict[str, Any]:
    """Read a recall.request.v1 of a mailroom: {tracking_id, reason, to?: [OrganId]}, as `ask`
    takes it. Raises SubmissionRefused, E-RCL-003."""
    faults: list[tuple[str, str]] = []
    try:
        form = Form.of(body, faults)
    except NotJson as bad:
        raise _malformed([("", f"không phải JSON / not JSON: {bad}")]) from bad
    asked = {
        "ref": form.text("tracking_id", required=True),
        "reason": form.text("reason", required=True),
        "to": form.texts("to"),
    }
    form.close()
    if faults:
        raise _malformed(faults)
    return asked


def _malformed(faults: list[tuple[str, str]]) -> SubmissionRefused:
    pointer, what = faults[0]
    return SubmissionRefused(
        "E-RCL-003",
        "Yêu cầu thu hồi sai dạng",
        "Malformed recall request",
        detail=f"{pointer or '/'}: {what}",
        pointer=pointer,
        errors=faults,
    )


def _about(recall: Arrival) -> receipts.About:
    return receipts.About(recall.from_organ, recall.document_id, "", "", recall.sha256)
