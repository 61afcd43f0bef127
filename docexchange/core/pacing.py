"""How fast a destination is served: slow start, a breaker that probes, a ramp after an outage.

A destination is a queue of the axis (a lane of an organ); the axis as a whole is paced by the same
rules. All is decided from what a sender sees: a publish was confirmed, was not, or copies go out
and no receipt ever comes back. Pure: a `Pace` is a value, each function says the next one.

    flowing   up to `window` publishes in hand; one more after each confirm, half after a failure
    paused    after `failures` in a row: nothing but one probe at a time, after 1, 2, 4 .. minutes
    ramping   after the first confirm since: what may leave in all doubles every second
    silent    copies sent again bring no receipt: only one of them at a time, like a probe

Source: the queue manager of Postfix (slow start, cohorts); waits: reference of peer systems.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

_MINUTE = timedelta(minutes=1)
_RAMP_STEPS = 20  # doublings after which a ramp holds nothing back: a million times its start


class Turn(StrEnum):
    """Both take turns, so that neither a mass of retries nor a mass of new ones holds up the
    other."""

    FRESH = "fresh"  # never given to the axis
    AGAIN = "again"  # given to it before: not confirmed, unanswered, or asked for again


@dataclass(frozen=True, slots=True)
class Pacing:
    """Settings of a pace.

    Args:
        start: publishes in hand at first (2: enough to learn, too few to hurt).
        most: publishes in hand at most.
        failures: publishes in a row that were not confirmed, after which it is paused (5: below
            it may be chance).
        probes: waits before the 1st, 2nd, ... probe; the last repeats.
        doubling: in a ramp, time in which what may leave doubles.
        unanswered: copies sent again in a row without any receipt of the destination, after which
            it counts as silent.
        jitter: share by which a wait may differ.
    """

    start: int = 2
    most: int = 64
    failures: int = 5
    probes: tuple[timedelta, ...] = (
        _MINUTE,
        2 * _MINUTE,
        4 * _MINUTE,
        8 * _MINUTE,
        16 * _MINUTE,
        30 * _MINUTE,
    )
    doubling: timedelta = timedelta(seconds=1)
    unanswered: int = 5
    jitter: float = 0.2

    def probe_in(self, nth: int, spread: float) -> timedelta:
        """Wait before the `nth` probe (from 1); `spread` is a random number in -1..1."""
        wait = self.probes[min(max(nth, 1), len(self.probes)) - 1]
        return wait * (1 + self.jitter * spread)


DESTINATION = Pacing()
AXIS = Pacing(
    start=8,
    probes=tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16, 30)),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """What a sender remembers of a destination; times aware UTC.

    Args:
        window: publishes that may be in hand.
        failures: publishes in a row that were not confirmed.
        paused_at: since when nothing but probes leaves, None while it flows.
        probe_at: of a paused one, when the next probe may leave.
        probes: probes that failed.
        why: the last error of a paused one.
        resumed_at: start of the ramp, None when it never was paused.
        ramped: publishes since then.
        unanswered: copies sent again since its last receipt.
        again_at: of a silent one, when the next copy may be sent again.
    """

    window: int
    failures: int = 0
    paused_at: datetime | None = None
    probe_at: datetime | None = None
    probes: int = 0
    why: str = ""
    resumed_at: datetime | None = None
    ramped: int = 0
    unanswered: int = 0
    again_at: datetime | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing but probes leaves."""
        return self.probe_at is not None


def begin(pacing: Pacing, resumed_at: datetime | None = None) -> Pace:
    """The pace of a destination of which nothing is known; `resumed_at`: an outage of the whole
    axis has ended then."""
    return Pace(pacing.start, resumed_at=resumed_at)


def room(pace: Pace, pacing: Pacing, in_hand: int, now: datetime) -> int:
    """How many more publishes may start now, `in_hand` being on their way."""
    if pace.probe_at is not None:
        return 1 if now >= pace.probe_at and not in_hand else 0
    return max(0, min(pace.window - in_hand, _ramp(pace, pacing, now)))


def room_again(pace: Pace, pacing: Pacing, in_hand: int, now: datetime) -> int:
    """The same for what was given to the axis before and waits for an answer."""
    free = room(pace, pacing, in_hand, now)
    if pace.unanswered < pacing.unanswered:
        return free
    due = pace.again_at is None or now >= pace.again_at
    return min(free, 1) if due and not in_hand else 0


def share(free: int, in_hand: int) -> int:
    """How many of the `free` places of a lane one destination may take that holds `in_hand`: never
    more in all than it leaves free, so that one which was quick and suddenly hangs leaves room for
    others. Whoever has none may take the last."""
    if free and not in_hand:
        return max(1, free // 2)
    return max(0, (free + in_hand) // 2 - in_hand)


def started(pace: Pace) -> Pace:
    """A publish has begun."""
    return pace if pace.resumed_at is None else replace(pace, ramped=pace.ramped + 1)


def confirmed(pace: Pace, pacing: Pacing, now: datetime) -> Pace:
    """A publish was confirmed; a paused destination resumes with a ramp."""
    if pace.paused:
        fresh = begin(pacing, resumed_at=now)
        return replace(fresh, unanswered=pace.unanswered, again_at=pace.again_at)
    return replace(pace, failures=0, window=min(pace.window + 1, pacing.most))


def failed(pace: Pace, pacing: Pacing, now: datetime, spread: float, why: str) -> Pace:
    """A publish was not confirmed. Those that were on their way when a pause began, and end in it,
    do not make it longer."""
    if pace.probe_at is not None and now < pace.probe_at:
        return pace
    failures = pace.failures + 1
    if not pace.paused and failures < pacing.failures:
        return replace(pace, failures=failures, window=max(1, pace.window // 2))
    probes = pace.probes + 1 if pace.paused else 0
    return replace(
        pace,
        failures=failures,
        window=1,
        paused_at=pace.paused_at or now,
        probe_at=now + pacing.probe_in(probes + 1, spread),
        probes=probes,
        why=why,
    )


def sent_again(pace: Pace, pacing: Pacing, now: datetime, spread: float) -> Pace:
    """A second or later copy was confirmed; no receipt came for those before."""
    unanswered = pace.unanswered + 1
    beyond = unanswered - pacing.unanswered
    again_at = now + pacing.probe_in(beyond + 1, spread) if beyond >= 0 else None
    return replace(pace, unanswered=unanswered, again_at=again_at)


def heard(pace: Pace) -> Pace:
    """A receipt of the destination came: it is not silent."""
    return replace(pace, unanswered=0, again_at=None)


def _ramp(pace: Pace, pacing: Pacing, now: datetime) -> int:
    """What a ramp lets leave now; far more than any window when there is none or it is over."""
    if pace.resumed_at is None:
        return pacing.most
    steps = (now - pace.resumed_at) // pacing.doubling
    if steps > _RAMP_STEPS:
        return pacing.most
    return (pacing.start << max(steps, 0)) - pace.ramped
