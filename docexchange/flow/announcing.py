"""Tells the mailrooms how the node is: short of room, without the axis, well again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from ..core.admission import Level
from ..core.errors import StoreUnavailable
from ..core.health import Health
from ..core.memory import Store

log = structlog.get_logger()


@dataclass
class Announcer:
    """Knows how the node is, and what the mailrooms were told of it.

    Args:
        store: keeps what they were told.
        vhosts: of the mailrooms.
        health: how the node is at its start.
    """

    store: Store
    vhosts: Sequence[str]
    health: Health

    async def begin(self, now: datetime) -> None:
        """Say that all is well, if the last that was told before this start is something else."""
        if self.health.good and self.store.mailrooms.told_bad_health():
            await self._tell(now)

    async def room(self, level: Level, free_bytes: int, now: datetime) -> None:
        """There is more room now, or less."""
        self.health = replace(self.health, room=level, free_bytes=free_bytes)
        await self._tell(now)

    async def axis(self, trouble: str, now: datetime) -> None:
        """The axis carries nothing any more, or does again."""
        self.health = replace(self.health, axis=not trouble, why=trouble)
        await self._tell(now)

    async def _tell(self, now: datetime) -> None:
        if not self.vhosts:
            return
        try:
            await self.store.mailrooms.tell_health(self.health, self.vhosts, now)
        except StoreUnavailable as why:  # the next change says all of it again
            log.error("not_told", event_name="health", why=str(why))
