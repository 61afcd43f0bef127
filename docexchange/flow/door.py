"""The door: what is new is let in, or refused at once with a reason and when to come again.

It decides by what the daemon measured a moment ago and by what was let in since; no submission
costs a statement of the store, and none waits for the axis. A refusal goes to the mailroom past
the store: on a full disk a row for each would take what receipts need.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime

import structlog

from ..core.admission import (
    Backpressure,
    Bucket,
    Level,
    Seen,
    Work,
    cannot_store,
    check_disk,
    check_quota,
    level_after,
    too_fast,
    under_way,
)
from ..core.errors import Busy, Deferred, StoreUnavailable
from ..core.events import problem_reply
from ..core.ports import MailroomBroker, MailroomIncoming
from ..core.world import World
from . import mailroom

log = structlog.get_logger()

# What ends something that is under way needs no room of its own.
FINISHING = frozenset({mailroom.SUBMIT_STATUS, mailroom.SUBMIT_RECALL})


class Door:
    """Lets submissions in while there is room.

    Args:
        settings: marks and quotas.
        organs: of each mailroom, by vhost.
        seen: what was measured when the node started.
    """

    def __init__(
        self, settings: Backpressure, organs: Mapping[str, frozenset[str]], seen: Seen
    ) -> None:
        self.room = asyncio.Event()  # set while documents of the axis may come in
        self.level = Level.OPEN
        self._settings = settings
        self._organs = organs
        self._buckets: dict[str, Bucket] = {}
        self._let_in: dict[str, Work] = {}
        self.look(seen)

    def look(self, seen: Seen) -> bool:
        """Take over what was measured now; True if the level changed."""
        before, self._seen = self.level, seen
        self._let_in = {}
        self.level = level_after(before, seen.disk, self._settings)
        if self.level is Level.RESERVE:
            self.room.clear()
        else:
            self.room.set()
        return self.level is not before

    def work(self, vhost: str) -> Work:
        """What a mailroom has under way, as far as is known."""
        stored = under_way(self._seen.work, self._organs.get(vhost, ()))
        return stored + self._let_in.get(vhost, Work())

    def admit(self, vhost: str, size: int, now: datetime) -> None:
        """Let a submission in, and count it; size in bytes. A status report finishes something and
        needs no admission.

        Raises:
            Busy: E-BSY-001 too much under way, E-BSY-003 no room, E-BSY-004 too fast.
        """
        check_disk(self.level, self._seen.disk)
        check_quota(vhost, self.work(vhost), size, self._settings)
        bucket, wait = self._buckets.get(vhost, Bucket()).take(self._settings.per_minute, now)
        self._buckets[vhost] = bucket
        if wait:
            raise too_fast(vhost, wait, self._settings)
        self._let_in[vhost] = self._let_in.get(vhost, Work()) + Work(1, size)


async def take(
    incoming: MailroomIncoming,
    counter: mailroom.Counter,
    door: Door,
    broker: MailroomBroker,
    *,
    world: World,
    now: datetime,
) -> bool:
    """Take a message of a mailroom if there is room for it, else say so.

    Returns:
        False if neither could be done: it is not acked, take it again later.

    Raises:
        StoreError: nothing was stored and nothing acked.
    """
    try:
        if incoming.routing_key not in FINISHING:
            door.admit(incoming.vhost, len(incoming.body), now)
        await mailroom.take(incoming, counter, world=world, now=now)
    except Busy as busy:
        return await _refuse(incoming, busy, broker, world)
    except StoreUnavailable as why:
        return await _refuse(incoming, cannot_store(why), broker, world)
    return True


async def _refuse(
    incoming: MailroomIncoming, busy: Busy, broker: MailroomBroker, world: World
) -> bool:
    digest = hashlib.sha256(incoming.body).hexdigest()
    reply = problem_reply(
        incoming.message_id, busy, incoming.vhost, digest, len(incoming.body), world.new_id()
    )
    try:
        await broker.publish(reply)
    except Deferred as deferred:
        log.info("refusal_waits", vhost=incoming.vhost, code=busy.code, why=str(deferred))
        return False
    log.debug("submission_refused", vhost=incoming.vhost, code=busy.code, why=str(busy))
    incoming.ack()
    return True
