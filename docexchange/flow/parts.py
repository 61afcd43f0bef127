"""Large envelopes in parts: out over the axis, in from it, and on to a mailroom.

    publish       store -> parts of 4 MiB, a confirm each; all confirmed == the copy is confirmed
    receive       a part -> store, then ack; the last one: digest of the whole, then it is judged
    LargePorter   store -> parts and their list, in mr.inbox

Whoever reads has at most one batch of parts in memory. Order, doubles and mixtures do not matter.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

import structlog

from ..core import parts as cut
from ..core.errors import ContentDamaged, Deferred, NotFound, StoreError, StoreUnavailable
from ..core.events import listing_message, part_message
from ..core.model import Due, Gathered, InStore, Outgoing, Part
from .damage import set_aside
from .offload import aside

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.memory import Store
    from ..core.ports import Broker, Clock, Incoming, MailroomBroker
    from ..core.world import World

log = structlog.get_logger()

BATCH: Final = 2  # parts that wait for their confirms together: 8 MiB, and as much in frames
PIECE: Final = 1024 * 1024  # bytes read at once to digest a whole

T = TypeVar("T")
Judge = Callable[[Part, InStore, int], Awaitable[T]]


async def publish(
    due: Due, headers: Mapping[str, str], store: Store, broker: Broker, one_batch: asyncio.Lock
) -> None:
    """Publish all parts of an envelope; returns when the broker has confirmed each.

    Args:
        due: the delivery.
        headers: of every part.
        store: has the envelope.
        broker: the axis.
        one_batch: held for each batch, so that large envelopes take turns.

    Raises:
        Deferred: a part was not confirmed; all go again.
        DeliveryRefused: the broker takes no message of this size.
        StoreError: the envelope is damaged on disk.
    """
    count = cut.count_of(due.size)
    with closing(store.contents.open(due.sha256)) as file:
        for first in range(0, count, BATCH):
            async with one_batch:
                batch = await aside(True, _read_batch, file, min(BATCH, count - first))
                publishing = [
                    broker.publish(
                        due.lane,
                        due.to_organ,
                        data,
                        {**headers, **cut.headers(due.sha256, first + place, count, data)},
                    )
                    for place, (data, _) in enumerate(batch)
                ]
                await _all(publishing)


def _read_batch(file: BinaryIO, count: int) -> list[tuple[bytes, str]]:
    """The next parts of an envelope, each with its digest."""
    parts = [_read(file, cut.PART_BYTES) for _ in range(count)]
    return [(part, hashlib.sha256(part).hexdigest()) for part in parts]


def _read(file: BinaryIO, size: int) -> bytes:
    """The next `size` bytes; fewer only at the end."""
    pieces = bytearray()
    while len(pieces) < size and (piece := file.read(size - len(pieces))):
        pieces += piece
    return bytes(pieces)


async def _all(publishing: Sequence[Awaitable[None]]) -> None:
    """Wait for every publish to end; raises the first failure."""
    for result in await asyncio.gather(*publishing, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def receive(incoming: Incoming, judge: Judge[T], *, world: World, now: datetime) -> T | None:
    """Keep a part; when it was the last that missed, check the whole and have it judged.

    When this returns the part may be acked: it is on disk, was there before, or was refused with
    a line in the journal. A whole whose digest differs is dropped, with a line in the journal.

    Args:
        incoming: a message for which `core.parts.is_part` holds.
        judge: takes a whole of the right digest, and how often that began so far; links it.

    Returns:
        What `judge` returned, None when nothing was to be judged.

    Raises:
        StoreError, Deferred: as `inbox.receive`.
    """
    part, wrong = await aside(
        True, cut.read, incoming.headers, incoming.connection, incoming.organ, incoming.body
    )
    if wrong:
        log.warning("part_refused", connection=part.connection, reason=wrong)
        await world.store.contents.refuse_part(part, wrong, now)
        return None
    async with world.turns.of(part.organ, part.envelope):
        known = world.store.incoming.find(part.organ, part.envelope)
        if known is not None:
            await world.store.incoming.answer_again(known, now)
            return None
        limits = world.limits
        gathered = await world.store.contents.put_part(
            part, limits.parts_quota, limits.large_bytes, now
        )
        if gathered.refused:
            log.warning("part_refused", connection=part.connection, reason=gathered.refused)
        if gathered.content is None:
            return None
        return await _judge(part, gathered.content, gathered, judge, world, now)


async def _judge(
    part: Part, content: InStore, gathered: Gathered, judge: Judge[T], world: World, now: datetime
) -> T | None:
    store = world.store
    if await aside(True, digest_of, store, content) != part.envelope:
        log.warning("parts_dropped", connection=part.connection, reason="DIGEST_DIFFERS")
        await store.contents.drop_parts(content, "DIGEST_DIFFERS", now)
        return None
    await store.contents.judging(content, begins=True)
    try:
        result = await judge(part, content, gathered.attempts)
    except (Deferred, StoreUnavailable, asyncio.CancelledError):  # not its fault, and no end
        await _take_back(content, world)
        raise
    await store.contents.drop_parts(content, "", now)  # unless it was linked
    return result


async def _take_back(content: InStore, world: World) -> None:
    try:
        await world.store.contents.judging(content, begins=False)
    except StoreError as why:  # it stays counted, once
        log.warning("attempt_stays", sha256=content.sha256, why=str(why))


def digest_of(store: Store, content: InStore) -> str:
    """SHA-256 of stored content as it reads now. Raises StoreError."""
    state = hashlib.sha256()
    with closing(store.contents.open(content)) as file:
        while piece := file.read(PIECE):
            state.update(piece)
    return state.hexdigest()


class LargePorter:
    """Hands large envelopes over to one mailroom, one after the other.

    It remembers which parts were confirmed, so that a full queue is not filled with their doubles;
    after a restart all of them come again under the same message_ids.

    Args:
        vhost: the mailroom's.
        broker: the mailrooms' side.
        store: the memory.
    """

    def __init__(self, vhost: str, broker: MailroomBroker, store: Store) -> None:
        self._vhost, self._broker, self._store = vhost, broker, store
        self._row = 0
        self._confirmed = 0  # parts of that row

    async def hand_over(self, clock: Clock) -> bool:
        """Hand over the next one; False when there is none.

        Raises:
            Deferred: not confirmed; to be called again.
            StoreError: it cannot be marked, or not be read.
        """
        rows = self._store.mailrooms.due(self._vhost, 0, 1, large=True)
        if not rows:
            return False
        if rows[0].row_id != self._row:
            self._row, self._confirmed = rows[0].row_id, 0
        try:
            await self._publish(rows[0])
        except (ContentDamaged, NotFound) as damaged:  # before its list: nobody puts it together
            await set_aside(rows[0], str(damaged), self._store, clock)
        else:
            await self._store.mailrooms.sent([self._row], clock.now())
        return True

    async def _publish(self, row: Outgoing) -> None:
        digests: list[tuple[str, int]] = []
        with closing(self._store.contents.open(row.message.blob)) as file:
            count = cut.count_of(await aside(True, file.seek, 0, 2))
            file.seek(0)
            for first in itertools.count(0, BATCH):
                batch = await aside(True, _read_batch, file, min(BATCH, count - first))
                digests += [(digest, len(data)) for data, digest in batch]
                if first >= self._confirmed:
                    await _all(
                        [
                            self._broker.publish(
                                part_message(row.message, first + place, count, data, digest)
                            )
                            for place, (data, digest) in enumerate(batch)
                        ]
                    )
                    self._confirmed = first + len(batch)
                if first + BATCH >= count:
                    break
        await self._broker.publish(listing_message(row.message, digests))
