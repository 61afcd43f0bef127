"""What our receipts say of our journal, kept fresh; what others' receipts say, held together.

A receipt carries how the journal of its sender stood a short while before (`dx:Checkpoint`), so
everybody who gets receipts is a witness: a history that was written anew contradicts them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ..core.witnessing import CLAIM_EVERY
from ..core.world import World

log = structlog.get_logger()


@dataclass
class Notary:
    """Looks at the journal once a minute, for one node."""

    _looked: datetime | None = field(default=None, init=False)

    async def round(self, *, world: World, now: datetime) -> None:
        """Bring the claim up to date if it is due, and tell the operator of contradictions.

        Raises:
            StoreError: the claim is fresh; how far it was read was not noted.
        """
        book = world.store.witnesses
        for one in book.take_alarms():
            log.error(
                "witness_contradicts",
                kind=one.kind,
                organ=one.one.checkpoint.organ,
                said=one.one.checkpoint.claim(),
                receipt=one.one.sha256,
                other=one.other.checkpoint.claim(),
                other_receipt=one.other.sha256,
            )
        if self._looked is not None and self._looked <= now < self._looked + CLAIM_EVERY:
            return
        if await asyncio.to_thread(book.look, now):
            self._looked = now
        await book.keep_tree(now)
