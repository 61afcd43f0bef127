"""What a person who runs a node decides, and what they are shown to decide it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..states import Kind, State


@dataclass(frozen=True, slots=True)
class Order:
    """Who decided something and why; both go into the journal.

    Args:
        by: user of the operating system.
        reason: in their words, "" when none was asked for.
    """

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class DestinationHold:
    """A destination that a person holds back (tạm giữ): nothing leaves for it, not even a probe."""

    organ: str
    since: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A document that must not be purged (giữ theo yêu cầu pháp lý), who said so and why."""

    tracking_id: str
    since: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class OldContent:
    """A content that is older than a retention period.

    Args:
        blob_id, sha256, size: the content.
        is_open: something is still to happen with a document that has it.
        is_held: a legal hold is on a document that has it.
    """

    blob_id: int
    sha256: str
    size: int
    is_open: bool
    is_held: bool


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One delivery that waits, or could not be delivered.

    Args:
        delivery_id: its number in the store.
        tracking_id, number, notation, subject, submitted_at, size: of its submission.
        to_organ, kind, lane, state, reason, held, attempts, copies, last_error: of the delivery.
        next_try: when it is published again, or its receipt is overdue.
        lifetime_ends: when we give up.
    """

    delivery_id: int
    tracking_id: str
    number: str
    notation: str
    subject: str
    submitted_at: datetime
    size: int
    to_organ: str
    kind: Kind
    lane: str
    state: State
    reason: str
    held: str
    attempts: int
    copies: int
    last_error: str
    next_try: datetime | None
    lifetime_ends: datetime | None


@dataclass(frozen=True, slots=True)
class ShapeLine:
    """What waits for one destination on one lane, by age.

    Args:
        organ, lane: the destination.
        ages: how many there are of each age; the bounds are those that were asked for, the last
            count is what is older than all of them.
        held: how many of them a person holds back.
        tried: how many were given to the axis before.
        oldest: when the oldest was submitted.
    """

    organ: str
    lane: str
    ages: tuple[int, ...]
    held: int
    tried: int
    oldest: datetime

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.ages)
