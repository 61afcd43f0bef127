"""When to try again: two clocks and a lifetime, as arithmetic from counts alone.

Not confirmed: the broker does not hold it, so try soon. Confirmed but unanswered: the broker
holds a copy, so be slow. No waiting happens here; a wait becomes a row's `next_try`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
LARGE_WAIT = 2 * _HOUR


class Lane(StrEnum):
    """A queue of the axis: small receipts never wait behind bodies, urgent never behind normal."""

    RECEIPTS = "receipts"
    URGENT = "urgent"
    NORMAL = "normal"


def lane_of(priority: int) -> Lane:
    """Lane of a document by its Priority (0 thường, 1 khẩn .. 4 hỏa tốc hẹn giờ)."""
    return Lane.URGENT if 1 <= priority <= 4 else Lane.NORMAL


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits of the exchange, all as time spans.

    Args:
        unconfirmed: waits after the 1st, 2nd, ... publish that was not confirmed; the last repeats.
            15 s .. 1 h then 1.5 h: quick recovery, below Postfix's 4000 s ceiling times two.
        unanswered: waits for a receipt after the 1st, 2nd, ... copy; the last repeats.
            The first copy and at most 9 more in 72 h.
        jitter: share by which each wait may differ, so that a hundred nodes do not come back
            in one second.
        lifetime: how long a document is tried (72 h: between eFormidling's 24 h and Postfix's 5 d).
        lifetime_urgent: the same for Priority 3 and 4.
        warn: without a receipt for so long, a person is warned while it is still tried (12 h:
            when e-CODEX gives its first evidence of non-delivery).
        warn_prompt: the same for Priority 1 and 2 (2 h: the third copy is unanswered, too).
        warn_urgent: the same for Priority 3 and 4 (30 min: somebody still can telephone).
    """

    unconfirmed: tuple[timedelta, ...] = (
        _MINUTE / 4,
        _MINUTE * 3 / 4,
        2 * _MINUTE,
        6 * _MINUTE,
        18 * _MINUTE,
        _HOUR,
        90 * _MINUTE,
    )
    unanswered: tuple[timedelta, ...] = (
        5 * _MINUTE,
        30 * _MINUTE,
        2 * _HOUR,
        6 * _HOUR,
        12 * _HOUR,
    )
    jitter: float = 0.2
    lifetime: timedelta = 72 * _HOUR
    lifetime_urgent: timedelta = 24 * _HOUR
    warn: timedelta = 12 * _HOUR
    warn_prompt: timedelta = 2 * _HOUR
    warn_urgent: timedelta = 30 * _MINUTE

    def retry_in(self, attempts: int, spread: float) -> timedelta:
        """Wait after the `attempts`-th publish in a row that was not confirmed (counted from 1).

        `spread` is a random number in -1..1; the wait is changed by that share of the jitter.
        """
        return self._pick(self.unconfirmed, attempts, spread)

    def receipt_in(self, copies: int, spread: float, *, large: bool = False) -> timedelta:
        """Wait for a receipt after the `copies`-th confirmed copy (counted from 1); after one that
        travels in parts, LARGE_WAIT at least: another copy is a gigabyte."""
        waits = tuple(one for one in self.unanswered if one >= LARGE_WAIT) if large else ()
        return self._pick(waits or self.unanswered[-1 if large else 0 :], copies, spread)

    def lifetime_of(self, priority: int) -> timedelta:
        """How long a document of this Priority is tried."""
        return self.lifetime_urgent if priority in (3, 4) else self.lifetime

    def warn_of(self, priority: int) -> timedelta:
        """After how long without a receipt a person is warned of a document of this Priority."""
        if priority in (3, 4):
            return self.warn_urgent
        return self.warn_prompt if priority in (1, 2) else self.warn

    @property
    def longest(self) -> timedelta:
        """The longest wait there can be; a `next_try` further ahead is a broken clock's."""
        return max(self.unconfirmed + self.unanswered) * (1 + self.jitter)

    def _pick(self, waits: tuple[timedelta, ...], nth: int, spread: float) -> timedelta:
        return waits[min(max(nth, 1), len(waits)) - 1] * (1 + self.jitter * spread)
