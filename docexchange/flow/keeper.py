"""The keeper: what time alone does. Overdue receipts, ended lifetimes, held envelopes, documents
that nobody signed.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import structlog

from ..core.world import World
from . import inbox, remote

log = structlog.get_logger()

SWEEP_ROWS = 1000  # rows a transaction of the store decides at most; then the writer takes turns
HELD_ROWS = 50  # held envelopes judged again in one round


async def keep(*, world: World, now: datetime) -> None:
    """Do what is due by time; cheap when nothing is.

    When this returns, every delivery whose receipt is overdue waits to be sent again, every one
    whose lifetime ended is undeliverable, every document that waited too long for its signature
    has expired, and every held envelope that is due was judged again.

    Raises:
        StoreError: what was decided before it stays decided.
    """
    while True:
        overdue, ended = await world.store.sweep(now)
        if overdue or ended:
            log.info("swept", overdue=overdue, lifetime_ended=ended)
        if overdue + ended < SWEEP_ROWS:
            break
    await remote.expire(world=world, now=now)
    await recheck(world=world, now=now)


async def tidy(*, world: World, now: datetime) -> None:
    """Forget what nobody can need any more; for now and then, not for every round."""
    rows = await world.store.sweep_orphans(now)
    if rows:
        log.info("tidied", rows=rows)


async def recheck(*, world: World, now: datetime) -> int:
    """Judge held envelopes again; returns how many have settled."""
    settled = 0
    for kept_id, organ, data, _, connection in world.store.held_due(now, HELD_ROWS):
        digest = hashlib.sha256(data).hexdigest()
        envelope = inbox.Envelope(organ, data, connection, digest)
        outcome = await inbox.judge(envelope, world=world, now=now)
        if outcome is not inbox.Outcome.HELD:
            await world.store.settle(kept_id, now, outcome.value)
            settled += 1
    return settled
