"""The wall clock: the only place that asks the machine for the time."""

from __future__ import annotations

from datetime import UTC, datetime


class WallClock:
    """Time of this machine, implements core.ports.Clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)
