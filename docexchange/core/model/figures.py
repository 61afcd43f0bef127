"""Counts of a time, as a person is shown them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SentCount:
    """What went to one organ.

    Args:
        organ: the recipient.
        count, size: deliveries, and bytes of their envelopes.
        acknowledged, undeliverable: how many of them ended so; the rest is under way.
        rejected: of those whose last status is 02.
        late: of the acknowledged, those whose receipt came after we had given up.
        oldest: when the oldest that is under way was submitted, None if none is.
    """

    organ: str
    count: int
    size: int
    acknowledged: int
    undeliverable: int
    rejected: int
    late: int
    oldest: datetime | None

    @property
    def open(self) -> int:
        """How many are under way."""
        return self.count - self.acknowledged - self.undeliverable


@dataclass(frozen=True, slots=True)
class ReceivedCount:
    """What came from one organ; `untouched`: of which our clerks have said nothing yet."""

    organ: str
    count: int
    size: int
    completed: int
    rejected: int
    untouched: int


@dataclass(frozen=True, slots=True)
class TimeTaken:
    """How long a status took from submission: of how many, and the median, None of none."""

    code: str
    count: int
    median: timedelta | None
