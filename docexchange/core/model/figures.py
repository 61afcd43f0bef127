"""Counts of a time, as a person is shown them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


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


class By(Enum):
    """What the lines of a statistic are told apart by."""

    ALL = "all"
    ORGAN = "organ"
    PROVINCE = "province"
    TYPE = "type"
    URGENCY = "urgency"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the statistics of QĐ 28/2018, Article 11: what was sent or received of a kind.

    Args:
        direction: "sent" or "received".
        by: what kind of line.
        key: which: an organ, a level 1 code, the abbreviation that a notation begins with, an
            urgency 0..4 ("" of what arrived before it was kept), a day (yyyy-mm-dd) or month of
            Vietnam; "" for all.
        counts: how many, by name: `SENT_COUNTS` or `RECEIVED_COUNTS`, in that order.
        medians: time from submission (or arrival) to the first 01, 03, 06; without those that
            nobody said.
    """

    direction: str
    by: By
    key: str
    counts: Mapping[str, int]
    medians: Mapping[str, timedelta]


# Of deliveries, except "documents" and "bytes": acknowledged in time, after we had given up, never,
# not yet; refused and completed by the recipient.
SENT_COUNTS = (
    *("documents", "deliveries", "bytes", "acknowledged", "on_time", "late"),
    *("undeliverable", "under_way", "rejected", "completed"),
)
RECEIVED_COUNTS = ("documents", "bytes", "completed", "rejected", "untouched")


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing of a time that did not go as it should, or has not ended.

    Args:
        kind: undeliverable, rejected (by the recipient), late, under_way, refused (by our own
            clerks, 02), quarantined.
        at: when it was submitted, arrived, or was put aside.
        organ: the other side.
        tracking_id: of the document; "" of an envelope that was never believed.
        reference: its number and notation, as far as known.
        subject: of the document.
        detail: what is known about it.
    """

    kind: str
    at: datetime
    organ: str
    tracking_id: str
    reference: str
    subject: str
    detail: str
