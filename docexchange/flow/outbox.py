"""The outgoing path: a document is checked at the door, packed, queued and published.

    submit    checks -> envelopes.pack -> outgoing.submit      COMMIT == queued
              checks -> remote.hold                         COMMIT == waiting for its signature
    Sender    outgoing.heads, due -> broker.publish (confirm) -> outgoing.record      COMMIT == sent

Receipts and statuses leave through the same Sender: one queue, one sender, one retry rule.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from envelopes import edxml
from envelopes.model import Document
from envelopes.pack import with_trace
from keys.remote import RemoteKey

from ..core.errors import (
    ContentDamaged,
    Deferred,
    DeliveryRefused,
    NotFound,
    SubmissionRefused,
)
from ..core.model import Content, Due, Head, MailroomMessage, Origin, Pause, Submission, Submitted
from ..core.pacing import Turn
from ..core.ping import check_no_ping
from ..core.policy import (
    check_content,
    check_elements,
    check_recipients,
    check_secrecy,
    check_sender,
)
from ..core.ports import Broker, Clock
from ..core.recalls import changed_by
from ..core.schedule import Lane, lane_of
from ..core.states import Event, Kind
from ..core.world import World
from . import large, parts, remote
from .destinations import Change, Destinations
from .offload import DIGEST_BYTES, aside, is_heavy_document
from .signing import signed

log = structlog.get_logger()

HEADS = 128  # destinations looked at in one visit of a lane; bounds the time of a `pump`
REFILL = 8  # places of a busy destination that are filled together
DAMAGED = (
    "hỏng trên đĩa, không gửi được; khôi phục từ bản sao lưu hoặc gửi văn bản mới "
    "/ damaged on disk, cannot be sent: restore a backup, or send a new document"
)

Reply = Callable[[Submitted], MailroomMessage]


async def submit(
    document: Document,
    *,
    world: World,
    now: datetime,
    origin: Origin | None = None,
    reply: Reply | None = None,
    content_sha256: str = "",
    sign_with: RemoteKey | None = None,
    sign_within: timedelta | None = None,
    contents: Sequence[large.Opener] = (),
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
        content_sha256: digest of what was submitted when that was not the document itself, as a
            JSON submission; "" means of the document.
        sign_with: a key elsewhere that is to sign, instead of the organ's usual way.
        sign_within: how long its signature may take, instead of `limits.signing_wait`.
        contents: opens the files of attachments that are `stored`, in their order: such a document
            is packed into the store piece by piece, and may have up to `limits.large_bytes`.

    Raises:
        SubmissionRefused: with a code, what is wrong and what to do; nothing was stored.
        Conflict: the same identity was submitted before with other content.
        StoreError: nothing was stored.
    """
    _check_at_the_door(document, world)
    away = sign_with or world.remote.get(document.sender.organ_id)
    if away is not None:  # one that nobody signed in time must not stand in the way
        await remote.expire(world=world, now=now)
    size, measured = await aside(is_heavy_document(document), _measured, document)
    digest = content_sha256 or measured
    stored = large.is_large(document)
    if stored and (earlier := _earlier(document, digest, origin, world)) is not None:
        if reply is not None:
            await world.store.mailrooms.reply(reply(earlier), now)
        return earlier
    if away is None and stored:
        large.check_size(size, world)
    else:
        _check_size(size, world)
    if away is not None:
        expires = now + (sign_within or world.limits.signing_wait)
        request = await remote.ask(document, away, world=world, now=now, expires=expires)
        _check_size(request.signed_size, world)
        return await remote.hold(
            request, content_sha256=digest, world=world, now=now, origin=origin, reply=reply
        )
    data: Content
    if stored:
        data = await large.sign(document, contents, world, now)
        sha256 = data.sha256
    else:
        data = await _sign(document, world, now)
        _check_size(len(data), world)
        sha256 = (await aside(len(data) > DIGEST_BYTES, hashlib.sha256, data)).hexdigest()
    submission = Submission(
        tracking_id=world.new_id(),
        kind=Kind.DOCUMENT,
        data=data,
        sha256=sha256,
        from_organ=document.sender.organ_id,
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
        warn_at=now + world.schedule.warn_of(document.priority),
        content_sha256=digest,
        origin=origin,
        recalls=remote.recalled_by(document, world),
        changes=changed_by(document, None),
    )
    submitted = await world.store.outgoing.submit(submission, reply)
    if not submitted.duplicate:
        log.info("queued", tracking_id=submitted.tracking_id, to=list(document.recipients))
    return submitted


def _earlier(
    document: Document, digest: str, origin: Origin | None, world: World
) -> Submitted | None:
    """The earlier submission of a large document, known before a gigabyte is packed in vain."""
    identity = (document.sender.organ_id, document.document_id or "", document.business)
    return world.store.outgoing.find(
        origin, identity if document.business in (0, 3) else None, digest
    )


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
    check_no_ping(document)
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
    """Size and SHA-256 of a document as it is written, without our hop and signature. Raises
    SubmissionRefused if it has too many elements."""
    if large.is_large(document):
        return large.measured(document)
    digest, size, elements = hashlib.sha256(), 0, 0
    for piece in edxml.pieces(document):
        digest.update(piece)
        size += len(piece)
        if piece.startswith(b"<"):  # the content of an attachment has none
            elements += piece.count(b"<") - piece.count(b"</")
    check_elements(elements, len(document.recipients))
    return size, digest.hexdigest()


async def _sign(document: Document, world: World, now: datetime) -> bytes:
    signer = world.keyring.signer(document.sender.organ_id)
    traced = with_trace(document, document.sender.organ_id, now)
    return await signed(traced, signer, now, heavy=is_heavy_document(document))


class Sender:
    """Publishes what is due and records what became of it.

    `pump` starts publishes and returns at once; `drain` waits for those in hand. Lanes have
    windows of their own, so that small receipts never wait behind large bodies; within a lane the
    destinations take turns, and of each what is new and what is sent again. How much each may have
    in hand is for `destinations` to say.

    Args:
        world: surroundings of the node.
        broker: the axis.
        clock: read when a publish ends, since the deadline of a receipt runs from the confirm.
        window: outstanding confirms per lane; one destination gets half of it when it is alone.
    """

    def __init__(self, world: World, broker: Broker, clock: Clock, window: int = 128) -> None:
        self._world = world
        self._broker = broker
        self._clock = clock
        self._tasks: dict[int, tuple[Due, asyncio.Task[None]]] = {}
        self._destinations = Destinations(world.spread, window)
        self._destinations.restore(world.store.outgoing.pauses())
        self.obey()
        self._after: dict[tuple[Lane, Turn], str] = {}
        self._turns = tuple(Turn)
        self._large = asyncio.Lock()  # one batch of parts in memory, whoever's
        self.unfinished = False  # some destinations were not looked at: call `pump` again

    def heard(self, organ: str) -> None:
        """A receipt of an organ came: it is not silent."""
        self._destinations.heard(organ)

    def obey(self) -> None:
        """Take over what a person decided about destinations, beside this process. Raises
        StoreError."""
        store = self._world.store
        self._destinations.obey(
            {hold.organ for hold in store.outgoing.holds()}, store.outgoing.pauses()
        )

    def pump(self, now: datetime) -> int:
        """Start publishing what is due; returns how many were started.

        Raises:
            StoreError: of the reading, or of a publish that ended since the last call.
        """
        self._reap()
        self._turns = self._turns[::-1]
        self.unfinished = False
        return sum(self._fill(lane, now) for lane in Lane)

    async def drain(self) -> None:
        """Wait until nothing is in hand. Raises StoreError if a record failed."""
        while self._tasks:
            await asyncio.wait([task for _, task in self._tasks.values()])
            self._reap()

    def _reap(self) -> None:
        for due, task in [each for each in self._tasks.values() if each[1].done()]:
            del self._tasks[due.delivery_id]
            self._destinations.ended(due)
            task.result()

    def _fill(self, lane: Lane, now: datetime) -> int:
        """Give the free places of a lane to new and repeated deliveries in halves; what one half
        leaves over is the other's."""
        free = self._destinations.free(lane, now)
        if free <= 0:
            return 0
        half = (free + 1) // 2
        first, second = self._turns
        started = self._visit(lane, first, now, half)
        more = started == half
        started += self._visit(lane, second, now, free - started)
        if more and started < free:
            started += self._visit(lane, first, now, free - started)
        return started

    def _visit(self, lane: Lane, turn: Turn, now: datetime, most: int) -> int:
        """Go on from destination to destination where the last visit stopped for want of places;
        each gets what it has room for."""
        heads = self._heads(lane, turn)
        started = 0
        for head in heads:
            if started >= most:
                return started
            self._after[lane, turn] = head.organ
            started += self._serve(lane, turn, head, now, most - started)
        if len(heads) < HEADS:
            self._after[lane, turn] = ""  # everybody had a turn
        elif turn is Turn.FRESH:
            self.unfinished = True
        return started

    def _heads(self, lane: Lane, turn: Turn) -> list[Head]:
        store, after = self._world.store, self._after.get((lane, turn), "")
        heads = list(store.outgoing.heads(lane, turn, after, HEADS))
        if after and len(heads) < HEADS:
            rest = store.outgoing.heads(lane, turn, "", HEADS - len(heads))
            heads += [head for head in rest if head.organ <= after]
        return heads

    def _serve(self, lane: Lane, turn: Turn, head: Head, now: datetime, most: int) -> int:
        if now < head.first and head.last <= now + self._world.schedule.longest:
            return 0
        room = self._destinations.room(lane, head.organ, turn, now)
        if room < min(self._destinations.in_hand(lane, head.organ), REFILL) or not room:
            return 0  # in batches: one query serves several
        skip = self._destinations.numbers(lane, head.organ)
        started = 0
        for due in self._world.store.outgoing.due(
            lane, turn, head.organ, now, skip, min(room, most)
        ):
            if self._destinations.takes(due):
                self._destinations.started(due)
                self._tasks[due.delivery_id] = due, asyncio.create_task(self._send(due))
                started += 1
        return started

    async def _send(self, due: Due) -> None:
        world = self._world
        try:
            await self._publish(due)
        except ContentDamaged as damaged:  # one row that cannot be read must not stop the others
            log.error("damaged", tracking_id=due.tracking_id, to=due.to_organ, why=str(damaged))
            now, why = self._clock.now(), DAMAGED
            await world.store.outgoing.record(
                due.delivery_id, Event.PUBLISH_REFUSED, now, detail=why
            )
        except DeliveryRefused as refused:
            log.warning("refused", tracking_id=due.tracking_id, to=due.to_organ, why=str(refused))
            now, why = self._clock.now(), refused.both
            await world.store.outgoing.record(
                due.delivery_id, Event.PUBLISH_REFUSED, now, detail=why
            )
        except Deferred as deferred:
            now = self._clock.now()
            await self._defer(due, deferred, now)
            await self._write(self._destinations.failed(due, deferred, now), now)
        else:
            now = self._clock.now()
            await world.store.outgoing.record(
                due.delivery_id,
                Event.PUBLISH_CONFIRMED,
                now,
                next_try=now
                + world.schedule.receipt_in(
                    due.copies + 1, world.spread(), large=self._in_parts(due)
                ),
            )
            await self._write(self._destinations.confirmed(due, now), now)

    async def _publish(self, due: Due) -> None:
        headers = {
            "x-tracking-id": due.tracking_id,
            "x-kind": due.kind.value,
            "x-sha256": due.sha256,
        }
        if self._in_parts(due):
            await parts.publish(due, headers, self._world.store, self._broker, self._large)
            return
        data = await self._world.store.contents.load(due.sha256)
        await self._broker.publish(due.lane, due.to_organ, data, headers)

    def _in_parts(self, due: Due) -> bool:
        return due.size > self._world.limits.envelope_bytes

    async def _defer(self, due: Due, deferred: Deferred, now: datetime) -> None:
        again = now + self._world.schedule.retry_in(due.attempts + 1, self._world.spread())
        log.info("deferred", tracking_id=due.tracking_id, to=due.to_organ, why=str(deferred))
        await self._world.store.outgoing.record(
            due.delivery_id,
            Event.PUBLISH_DEFERRED,
            now,
            next_try=again,
            detail=deferred.both,
            unknown=deferred.unknown,
        )

    async def _write(self, changes: Sequence[Change], now: datetime) -> None:
        for change in changes:
            names = {"lane": change.lane, "organ": change.organ}
            if isinstance(change, Pause):
                log.warning("paused", **names, why=change.why, probe_at=str(change.probe_at))
                await self._world.store.outgoing.pause(change, now)
            else:
                log.info("resumed", **names)
                await self._world.store.outgoing.resume(change.lane, change.organ, now)
