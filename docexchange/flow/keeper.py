"""The keeper: what time alone does. Overdue receipts, ended lifetimes, held envelopes, documents
that nobody signed, parts whose rest never came.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import structlog

from ..core.model import Content, Deadline, InStore
from ..core.world import World
from . import inbox, recall, receipts, remote
from .offload import aside
from .parts import digest_of

log = structlog.get_logger()

SWEEP_ROWS = 1000  # rows a transaction of the store decides at most; then the writer takes turns
DAMAGED = (
    "nội dung lưu trên đĩa bị hỏng, chờ nơi gửi gửi lại"
    " / its content is damaged on disk; a new copy will be judged"
)
HELD_ROWS = 50  # held envelopes judged again in one round


async def keep(*, world: World, now: datetime) -> None:
    """Do what is due by time; cheap when nothing is.

    When this returns, every delivery whose receipt is overdue waits to be sent again, every one
    whose lifetime ended is undeliverable, the mailrooms of those and of the late ones are told,
    every parked receipt whose document is here is applied, every document that waited too long
    for its signature has expired, recalls whose documents did not come are answered, every held
    envelope that is due was judged again, large envelopes that did not come whole in time are
    forgotten, and what was destroyed is erased.

    Raises:
        StoreError: what was decided before it stays decided.
    """
    while True:
        swept = await world.store.outgoing.sweep(now)
        if swept.overdue:
            log.info("swept", overdue=swept.overdue)
        for deadline in swept.deadlines:
            _tell(deadline)
        if swept.overdue + len(swept.deadlines) < SWEEP_ROWS:
            break
    await receipts.match_parked(world=world, now=now)
    await remote.expire(world=world, now=now)
    await recall.expire(world=world, now=now)
    await recheck(world=world, now=now)
    while await world.store.contents.sweep_parts(now - world.schedule.lifetime, now):
        pass
    while await world.store.contents.erase(now):
        pass
    await world.store.archive.index()  # one step a round: what waits for the writer waits little


def _tell(deadline: Deadline) -> None:
    """The operator's line of what the sender's mailroom gets as an event."""
    log.warning(
        "undeliverable" if deadline.final else "late",
        tracking_id=deadline.tracking_id,
        number="/".join(part for part in (deadline.number, deadline.notation) if part),
        to=deadline.organ,
        reason=deadline.reason,
    )


async def tidy(*, world: World, now: datetime) -> None:
    """Forget what nobody can need any more; for now and then, not for every round."""
    rows = await world.store.contents.sweep_orphans(now)
    while some := await world.store.reconciling.forget(now):
        rows += some
    if rows:
        log.info("tidied", rows=rows)


async def recheck(*, world: World, now: datetime) -> int:
    """Judge held envelopes again; returns how many have settled."""
    settled = 0
    for kept_id, organ, data, since, connection in world.store.incoming.held_due(now, HELD_ROWS):
        if data is None or not await _is_whole(data, world):
            log.error("damaged", kept=kept_id, organ=organ, why=DAMAGED)
            await world.store.incoming.keep_damaged(kept_id, DAMAGED, now)
            continue
        digest = data.sha256 if isinstance(data, InStore) else hashlib.sha256(data).hexdigest()
        envelope = inbox.Envelope(organ, data, connection, digest)
        outcome = await inbox.judge(envelope, world=world, now=now, held_since=since)
        if outcome is not inbox.Outcome.HELD:
            await world.store.incoming.settle(kept_id, now, outcome.value)
            settled += 1
    return settled


async def _is_whole(data: Content, world: World) -> bool:
    """Whether content reads as what was stored; small content was checked when it was read."""
    if not isinstance(data, InStore):
        return True
    return await aside(True, digest_of, world.store, data) == data.sha256
