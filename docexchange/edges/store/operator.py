"""The store as the person who runs the node uses it: what waits, and what they decide about it.

Written beside a daemon that may be running; each decision is one transaction, or several steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from ...core.model import LegalHold, OldContent, Order, QueueLine, ShapeLine
from ...core.states import State
from . import erasing, kept, legalholds, operating, purging, queue
from .database import Connection
from .writer import Writer


class Operator:
    """See `operating`, `kept`, `queue`, `legalholds` and `purging` for what each does.

    Args:
        writer: of the store.
        reader: gives the reading connection of the calling thread.
    """

    def __init__(self, writer: Writer, reader: Callable[[], Connection]) -> None:
        self._writer = writer
        self._reader = reader

    # -- what waits -------------------------------------------------------------------------
    def waiting(
        self, organ: str = "", state: State | None = None, limit: int = 50
    ) -> list[QueueLine]:
        """Documents that wait, nearest deadline first."""
        return queue.lines(self._reader(), organ, state, limit)

    def held(self, organ: str = "", limit: int = 50) -> list[QueueLine]:
        """Documents that a person holds back."""
        return queue.held(self._reader(), organ, limit)

    def dead(self, organ: str = "", limit: int = 50) -> list[QueueLine]:
        """Documents that could not be delivered, newest first."""
        return queue.dead(self._reader(), organ, limit)

    def deliveries(self, tracking_id: str) -> list[QueueLine]:
        """Every delivery of a document."""
        return queue.of(self._reader(), tracking_id)

    def shape(self, now: datetime, *, sent: bool = False) -> list[ShapeLine]:
        """How much waits for each destination, by age."""
        return queue.shape(self._reader(), now, sent=sent)

    def heard(self) -> dict[str, datetime]:
        """When the last receipt of each organ came."""
        return queue.heard(self._reader())

    # -- documents --------------------------------------------------------------------------
    async def hold(
        self, tracking_id: str, organs: Collection[str], order: Order, now: datetime
    ) -> list[str]:
        """Hold a document back from recipients; those that now are held. Raises StoreError."""
        return await self._writer.write(
            "hold_back", lambda work: operating.hold(work, tracking_id, organs, order, now)
        )

    async def release(
        self, tracking_id: str, organs: Collection[str], order: Order, now: datetime
    ) -> list[str]:
        """Let it go on; those that were held. Raises StoreError."""
        return await self._writer.write(
            "let_go", lambda work: operating.release(work, tracking_id, organs, order, now)
        )

    async def retry(
        self, tracking_id: str, organs: Collection[str], order: Order, now: datetime
    ) -> list[str]:
        """Have it published now; for whom. Raises StoreError."""
        return await self._writer.write(
            "retry", lambda work: operating.retry(work, tracking_id, organs, order, now)
        )

    async def replay(
        self,
        tracking_id: str,
        organs: Collection[str],
        ends: datetime,
        order: Order,
        now: datetime,
    ) -> list[str]:
        """Send what could not be delivered once more; for whom. Raises Conflict, StoreError."""
        return await self._writer.write(
            "replay", lambda work: operating.replay(work, tracking_id, organs, ends, order, now)
        )

    async def ask_again(
        self,
        tracking_id: str,
        organs: Collection[str],
        new_id: Callable[[], str],
        order: Order,
        now: datetime,
    ) -> list[str]:
        """Ask those that acknowledged a document for their statuses again; who is asked. Raises
        StoreError."""
        return await self._writer.write(
            "ask_again",
            lambda work: operating.ask_again(work, tracking_id, organs, new_id, order, now),
        )

    async def ask_cancel(self, tracking_id: str, order: Order, now: datetime) -> None:
        """Write down who wants a document cancelled and why. Raises StoreError."""
        await self._writer.write(
            "ask_cancel", lambda work: operating.ask_cancel(work, tracking_id, order, now)
        )

    # -- destinations -----------------------------------------------------------------------
    async def hold_destination(self, organ: str, order: Order, now: datetime) -> bool:
        """Let nothing leave for an organ; False if that was so. Raises StoreError."""
        return await self._writer.write(
            "hold_destination", lambda work: operating.hold_destination(work, organ, order, now)
        )

    async def release_destination(self, organ: str, order: Order, now: datetime) -> bool:
        """End such a hold; False if there was none. Raises StoreError."""
        return await self._writer.write(
            "release_destination",
            lambda work: operating.release_destination(work, organ, order, now),
        )

    async def retry_destination(self, organ: str, order: Order, now: datetime) -> int:
        """Make all that waits for an organ due now; how many were not. Raises StoreError: what
        was made due before it stays so."""
        first = await self._retry_step(organ, order, now)
        total, some = first, first
        while some:
            some = await self._retry_step(organ, None, now)
            total += some
        return total

    async def _retry_step(self, organ: str, order: Order | None, now: datetime) -> int:
        return await self._writer.write(
            "retry_destination",
            lambda work: operating.retry_destination(work, organ, now, order),
        )

    async def probe_axis(self, now: datetime) -> bool:
        """Have a pause of the whole axis probed now; False if there is none. Raises StoreError."""
        return bool(await self._writer.write("probe", lambda work: operating.probe(work, "", now)))

    # -- retention --------------------------------------------------------------------------
    def legal_holds(self) -> list[LegalHold]:
        """Documents that must not be purged, oldest hold first."""
        return legalholds.all_of(self._reader())

    async def legal_hold(self, tracking_id: str, order: Order, now: datetime) -> bool:
        """Keep a document from being purged; False if that was so. Raises NotFound, Conflict,
        StoreError."""
        return await self._writer.write(
            "legal_hold", lambda work: legalholds.hold(work, tracking_id, order, now)
        )

    async def legal_release(self, tracking_id: str, order: Order, now: datetime) -> bool:
        """End such a hold; False if there was none. Raises StoreError."""
        return await self._writer.write(
            "legal_release", lambda work: legalholds.release(work, tracking_id, order, now)
        )

    def old_contents(self, before: datetime, after: int) -> list[OldContent]:
        """Some contents of documents that are older, from a number on."""
        return purging.find(self._reader(), before, after)

    async def begin_purge(self, before: datetime, order: Order, now: datetime) -> None:
        """Write down who purges what and why. Raises StoreError."""
        await self._writer.write(
            "begin_purge", lambda work: purging.begin(work, before, order, now)
        )

    async def purge(
        self, found: Sequence[OldContent], before: datetime, order: Order, now: datetime
    ) -> list[OldContent]:
        """Purge what of these may go at this moment; those. Raises StoreError."""
        return await self._writer.write(
            "purge", lambda work: purging.purge(work, found, before, order, now)
        )

    def erasures(self) -> int:
        """How many contents that go for good are not out of the files yet."""
        return len(erasing.marks(self._reader()))

    # -- kept envelopes ---------------------------------------------------------------------
    def content_of(self, kept_id: int) -> tuple[str, bool]:
        """(digest of what was kept of it, whether that is less than came). Raises NotFound."""
        return kept.content_of(self._reader(), kept_id)

    async def discard(self, kept_id: int, order: Order, now: datetime) -> None:
        """Drop its content for good. Raises Conflict, StoreError."""
        await self._writer.write("discard", lambda work: kept.discard(work, kept_id, order, now))

    async def reopen(self, kept_id: int, order: Order, now: datetime) -> None:
        """Have it judged again at once. Raises Conflict, StoreError."""
        await self._writer.write("reopen", lambda work: kept.reopen(work, kept_id, order, now))
