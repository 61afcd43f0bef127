"""The outgoing path: a document is checked at the door, packed, queued and published.

    submit    checks -> envelopes.pack -> store.submit      COMMIT == queued
              checks -> remote.hold                         COMMIT == waiting for its signature
    Sender    store.due -> broker.publish (confirm) -> store.record      COMMIT == sent

Receipts and statuses leave through the same Sender: one queue, one sender, one retry rule.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from envelopes import edxml
from envelopes.model import Document
from envelopes.pack import with_trace
from keys.remote import RemoteKey

from ..core.errors import Deferred, DeliveryRefused, NotFound, SubmissionRefused
from ..core.model import Due, MailroomMessage, Origin, Submission, Submitted
from ..core.policy import check_content, check_recipients, check_secrecy, check_sender
from ..core.ports import Broker, Clock
from ..core.schedule import Lane, lane_of
from ..core.states import Event, Kind
from ..core.world import World
from . import remote
from .offload import aside, is_heavy_document
from .signing import signed

log = structlog.get_logger()

Reply = Callable[[Submitted], MailroomMessage]


async def submit(
    document: Document,
    *,
    world: World,
    now: datetime,
    origin: Origin | None = None,
    reply: Reply | None = None,
    sign_with: RemoteKey | None = None,
    sign_within: timedelta | None = None,
) -> Submitted:
    """Take a document that one of our organs sends.

    When this returns, the document is queued (instant 1): it will be sent, or a person will be
    told why not. The same content again returns the first tracking id and sends nothing. When the
    key of the organ's documents is elsewhere, it waits for its signature instead (`flow.remote`).

    Args:
        document: the content; ours is added only a TraceHeader and the signature.
        world: surroundings of the node.
        now: aware UTC.
        origin: the mailroom's key of this submission.
        reply: makes the answer to the mailroom, queued in the same transaction.
        sign_with: a key elsewhere that is to sign, instead of the organ's usual way.
        sign_within: how long its signature may take, instead of `limits.signing_wait`.

    Raises:
        SubmissionRefused: with a code, what is wrong and what to do; nothing was stored.
        Conflict: the same identity was submitted before with other content.
        StoreError: nothing was stored.
    """
    _check_at_the_door(document, world)
    away = sign_with or world.remote.get(document.sender.organ_id)
    if away is not None:  # one that nobody signed in time must not stand in the way
        await remote.expire(world=world, now=now)
    size, digest = await aside(is_heavy_document(document), _measured, document)
    sender = document.sender.organ_id
    identity = (sender, document.document_id or "", document.business)
    earlier = world.store.find_submission(
        origin, identity if document.business in (0, 3) else None, digest
    )
    if earlier is not None:
        if reply is not None:
            await world.store.reply(reply(earlier), now)
        return earlier
    _check_size(size, world)
    if away is not None:
        expires = now + (sign_within or world.limits.signing_wait)
        request = await remote.ask(document, away, world=world, now=now, expires=expires)
        _check_size(request.signed_size, world)
        return await remote.hold(
            request, content_sha256=digest, world=world, now=now, origin=origin, reply=reply
        )
    data = await _sign(document, world, now)
    _check_size(len(data), world)
    submission = Submission(
        tracking_id=world.new_id(),
        kind=Kind.DOCUMENT,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        from_organ=sender,
        document_id=document.document_id or "",
        business=document.business,
        number=document.code.number or "" if document.code else "",
        notation=document.code.notation or "" if document.code else "",
        subject=document.subject or "",
        recipients=document.recipients,
        lane=lane_of(document.priority),
        priority=document.priority,
        submitted_at=now,
        lifetime_ends=now + world.schedule.lifetime_of(document.priority),
        content_sha256=digest,
        origin=origin,
    )
    submitted = await world.store.submit(submission, reply)
    log.info("queued", tracking_id=submitted.tracking_id, to=list(document.recipients))
    return submitted


def _check_at_the_door(document: Document, world: World) -> None:
    check_secrecy(document)
    sender = document.sender.organ_id
    check_sender(sender)
    try:
        world.keyring.signer(sender)
    except NotFound as none:
        raise SubmissionRefused(
            "E-AUT-001",
            "Nút này không phục vụ cơ quan gửi",
            "This node does not serve the sending organ",
            detail=sender,
            pointer="MessageHeader/From/OrganId",
        ) from none
    check_recipients(document.recipients, world.directory, world.limits)
    check_content(document)


def _check_size(size: int, world: World) -> None:
    limit = world.limits.envelope_bytes
    if size > limit:
        raise SubmissionRefused(
            "E-SIZ-001",
            "Văn bản vượt quá dung lượng cho phép",
            "The document is over the size limit",
            detail=f"{size:,} byte; giới hạn {limit:,} byte (limits.envelope_bytes)",
            pointer="AttachmentEncoded",
        )


def _measured(document: Document) -> tuple[int, str]:
    """Size and SHA-256 of a document as it is written, without our hop and signature."""
    content = edxml.write(document)
    return len(content), hashlib.sha256(content).hexdigest()


async def _sign(document: Document, world: World, now: datetime) -> bytes:
    signer = world.keyring.signer(document.sender.organ_id)
    traced = with_trace(document, document.sender.organ_id, now)
    return await signed(traced, signer, now, heavy=is_heavy_document(document))


class Sender:
    """Publishes what is due and records what became of it.

    `pump` starts publishes up to a window and returns at once; `drain` waits for those in hand.
    Lanes have windows of their own, so that small receipts never wait behind large bodies.

    Args:
        world: surroundings of the node.
        broker: the axis.
        clock: read when a publish ends, since the deadline of a receipt runs from the confirm.
        window: outstanding confirms per lane.
    """

    def __init__(self, world: World, broker: Broker, clock: Clock, window: int = 64) -> None:
        self._world = world
        self._broker = broker
        self._clock = clock
        self._window = window
        self._in_hand: dict[Lane, dict[int, asyncio.Task[None]]] = {lane: {} for lane in Lane}

    def pump(self, now: datetime) -> int:
        """Start publishing what is due; returns how many were started.

        Raises:
            StoreError: of the reading, or of a publish that ended since the last call.
        """
        started = 0
        for lane, in_hand in self._in_hand.items():
            self._reap(in_hand)
            free = self._window - len(in_hand)
            if free < self._window // 2:  # refill in batches: one query serves many
                continue
            for due in self._world.store.due(lane, now, frozenset(in_hand), free):
                in_hand[due.delivery_id] = asyncio.create_task(self._send(due))
                started += 1
        return started

    async def drain(self) -> None:
        """Wait until nothing is in hand. Raises StoreError if a record failed."""
        for in_hand in self._in_hand.values():
            while in_hand:
                await asyncio.wait(in_hand.values())
                self._reap(in_hand)

    def _reap(self, in_hand: dict[int, asyncio.Task[None]]) -> None:
        for delivery_id in [key for key, task in in_hand.items() if task.done()]:
            in_hand.pop(delivery_id).result()

    async def _send(self, due: Due) -> None:
        world = self._world
        try:
            await self._publish(due)
        except DeliveryRefused as refused:
            log.warning("refused", tracking_id=due.tracking_id, to=due.to_organ, why=str(refused))
            now, why = self._clock.now(), refused.both
            await world.store.record(due.delivery_id, Event.PUBLISH_REFUSED, now, detail=why)
        except Deferred as deferred:
            await self._defer(due, deferred)
        else:
            now = self._clock.now()
            await world.store.record(
                due.delivery_id,
                Event.PUBLISH_CONFIRMED,
                now,
                next_try=now + world.schedule.receipt_in(due.copies + 1, world.spread()),
            )

    async def _publish(self, due: Due) -> None:
        headers = {
            "x-tracking-id": due.tracking_id,
            "x-kind": due.kind.value,
            "x-sha256": due.sha256,
        }
        data = self._world.store.blob(due.sha256)
        await self._broker.publish(due.lane, due.to_organ, data, headers)

    async def _defer(self, due: Due, deferred: Deferred) -> None:
        now = self._clock.now()
        again = now + self._world.schedule.retry_in(due.attempts + 1, self._world.spread())
        log.info("deferred", tracking_id=due.tracking_id, to=due.to_organ, why=str(deferred))
        await self._world.store.record(
            due.delivery_id, Event.PUBLISH_DEFERRED, now, next_try=again, detail=deferred.both
        )
