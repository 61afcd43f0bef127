"""The store as the person who runs the node uses it: what waits, and what they decide about it.

Written beside a daemon that may be running; each decision is one transaction, or several steps.
"""

from __future__ import annotations

from datetime import datetime

from ...core.model import Order
from . import erasing, kept, legalholds, operating, purging, queue
from .sections import Section, reads, writes


class Operator(Section):
    """See `operating`, `kept`, `queue`, `legalholds` and `purging` for what each does."""

    # -- what waits -------------------------------------------------------------------------
    waiting = reads(queue.lines)
    held = reads(queue.held)
    dead = reads(queue.dead)
    deliveries = reads(queue.of)
    shape = reads(queue.shape)
    heard = reads(queue.heard)

    # -- documents --------------------------------------------------------------------------
    hold = writes("hold_back", operating.hold)
    release = writes("let_go", operating.release)
    retry = writes("retry", operating.retry)
    replay = writes("replay", operating.replay)
    ask_again = writes("ask_again", operating.ask_again)
    ask_cancel = writes("ask_cancel", operating.ask_cancel)

    # -- destinations -----------------------------------------------------------------------
    hold_destination = writes("hold_destination", operating.hold_destination)
    release_destination = writes("release_destination", operating.release_destination)

    async def retry_destination(self, organ: str, order: Order, now: datetime) -> int:
        """Make all that waits for an organ due now; how many were not. Raises StoreError: what
        was made due before it stays so."""
        first = await self._retry_step(organ, now, order)
        total, some = first, first
        while some:
            some = await self._retry_step(organ, now, None)
            total += some
        return total

    _retry_step = writes("retry_destination", operating.retry_destination)

    async def probe_axis(self, now: datetime) -> bool:
        """Have a pause of the whole axis probed now; False if there is none. Raises StoreError."""
        probe = self._access.writer.write("probe", lambda work: operating.probe(work, "", now))
        return bool(await probe)

    # -- retention --------------------------------------------------------------------------
    legal_holds = reads(legalholds.all_of)
    legal_hold = writes("legal_hold", legalholds.hold)
    legal_release = writes("legal_release", legalholds.release)
    old_contents = reads(purging.find)
    begin_purge = writes("begin_purge", purging.begin)
    purge = writes("purge", purging.purge)

    def erasures(self) -> int:
        """How many contents that go for good are not out of the files yet."""
        return len(erasing.marks(self._access.reader))

    # -- kept envelopes ---------------------------------------------------------------------
    content_of = reads(kept.content_of)
    discard = writes("discard", kept.discard)
    reopen = writes("reopen", kept.reopen)
