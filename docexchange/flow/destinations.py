"""The paces of all destinations: who may be sent how much now. Decided by `core.pacing`.

Kept in memory, a value per destination and nothing per document; a pause is also a row of the
store, so that it can be seen and outlives a restart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core import pacing
from ..core.errors import Deferred
from ..core.model import Due, Pause
from ..core.pacing import Pace, Pacing, Turn
from ..core.schedule import Lane
from ..core.states import Kind

Key = tuple[Lane | None, str]  # a lane of an organ; (None, "") is the whole axis
WHOLE_AXIS: Key = (None, "")
LARGE = 256 * 1024  # bytes; of bodies above it the axis takes four of a lane at once
LARGE_EACH = 3  # of these for one destination: if it hangs with them, another has a place
_LANES_ANSWERED = (Lane.URGENT, Lane.NORMAL)  # statuses are never answered


@dataclass(frozen=True, slots=True)
class Resumed:
    """A pause is over; lane and organ as of a Pause."""

    lane: str
    organ: str


Change = Pause | Resumed


class Destinations:
    """What is in hand for each destination, and how much more may be.

    Args:
        spread: gives random numbers in -1..1, for jitter.
        window: publishes in hand per lane, all destinations together.
        destination, axis: settings.
    """

    def __init__(
        self,
        spread: Callable[[], float],
        window: int,
        *,
        destination: Pacing = pacing.DESTINATION,
        axis: Pacing = pacing.AXIS,
    ) -> None:
        self._spread = spread
        self._window = window
        self._one = replace(destination, most=window)
        self._all = replace(axis, most=window)
        self._axis = pacing.begin(self._all)
        self._paces: dict[Key, Pace] = {}
        self._in_hand: defaultdict[Key, set[int]] = defaultdict(set)
        self._large: Counter[Key] = Counter()
        self._lanes: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._held: frozenset[str] = frozenset()

    def obey(self, held: Collection[str], pauses: Sequence[Pause]) -> None:
        """Do what a person decided beside us: let nothing leave for the destinations `held`, and
        probe at once what they want probed. A pause that the store holds as it was before our last
        probe says nothing: only the same one, with an earlier probe, does."""
        self._held = frozenset(held)
        for pause in pauses:
            if not pause.organ:
                self._axis = _sooner(self._axis, pause)
            elif key := self._known(pause):
                self._paces[key] = _sooner(self._paces[key], pause)

    def _known(self, pause: Pause) -> tuple[Lane, str] | None:
        key = Lane(pause.lane), pause.organ
        return key if key in self._paces else None

    def restore(self, pauses: Sequence[Pause]) -> None:
        """Go on where the last process ended: what was paused stays so until its probe; the axis
        is tried at once, since the restart may be its repair."""
        for pause in pauses:
            held = Pace(1, 0, pause.since, pause.probe_at, pause.probes, pause.why)
            if pause.organ:
                self._paces[Lane(pause.lane), pause.organ] = held
            else:
                self._axis = replace(held, probe_at=pause.since, probes=0)

    def free(self, lane: Lane, now: datetime) -> int:
        """Publishes that may start on a lane now, whoever they are for."""
        in_hand = self._lanes[lane]
        busy = sum(self._lanes.values()) if self._axis.paused else in_hand
        return min(self._window - in_hand, pacing.room(self._axis, self._all, busy, now))

    def room(self, lane: Lane, organ: str, turn: Turn, now: datetime) -> int:
        """Publishes that may start for one destination now, as far as it is concerned."""
        if organ in self._held:
            return 0
        pace = self._pace((lane, organ))
        in_hand = self.in_hand(lane, organ)
        fair = pacing.share(self._window - self._lanes[lane], in_hand)
        answered = turn is Turn.AGAIN and lane in _LANES_ANSWERED
        limit = pacing.room_again if answered else pacing.room
        return min(fair, limit(pace, self._one, in_hand, now))

    def in_hand(self, lane: Lane, organ: str) -> int:
        """Publishes on their way to a destination."""
        return len(self._in_hand.get((lane, organ), ()))

    def numbers(self, lane: Lane, organ: str) -> frozenset[int]:
        """The deliveries on their way to a destination."""
        return frozenset(self._in_hand.get((lane, organ), ()))

    def takes(self, due: Due) -> bool:
        """Whether a destination that has room also has room for a body of this size."""
        return due.size <= LARGE or self._large[due.lane, due.to_organ] < LARGE_EACH

    def started(self, due: Due) -> None:
        """A publish has begun."""
        key = (due.lane, due.to_organ)
        if due.size > LARGE:
            self._large[key] += 1
        self._in_hand[key].add(due.delivery_id)
        self._lanes[due.lane] += 1
        self._paces[key] = pacing.started(self._pace(key))
        self._axis = pacing.started(self._axis)

    def ended(self, due: Due) -> None:
        """A publish has ended, however."""
        key = (due.lane, due.to_organ)
        self._lanes[due.lane] -= 1
        if due.size > LARGE:
            self._large[key] -= 1
        self._in_hand[key].discard(due.delivery_id)
        if not self._in_hand[key]:
            del self._in_hand[key]

    def confirmed(self, due: Due, now: datetime) -> list[Change]:
        """A publish was confirmed; what changed that should be on disk."""
        changes = self._axis_confirmed(now)
        key = (due.lane, due.to_organ)
        pace = self._pace(key)
        new = pacing.confirmed(pace, self._one, now)
        if due.kind is Kind.DOCUMENT and due.copies:
            new = pacing.sent_again(new, self._one, now, self._spread())
        self._paces[key] = new
        if pace.paused:
            changes.append(Resumed(due.lane.value, due.to_organ))
        return changes

    def failed(self, due: Due, deferred: Deferred, now: datetime) -> list[Change]:
        """A publish was not confirmed, by fault of its destination or of the axis. One that its
        destination refused proves that the axis is up; one that nobody answered proves nothing, so
        a paused axis stays so."""
        changes: list[Change] = []
        if deferred.destination and not deferred.unknown:
            changes += self._axis_confirmed(now)
        elif not deferred.destination or self._axis.paused:
            changes += self._axis_failed(deferred, now)
        if not deferred.destination:
            return changes
        key = (due.lane, due.to_organ)
        pace = self._pace(key)
        new = pacing.failed(pace, self._one, now, self._spread(), deferred.both)
        self._paces[key] = new
        return changes + _paused(key, pace, new)

    def heard(self, organ: str) -> None:
        """A receipt of an organ came."""
        for lane in _LANES_ANSWERED:
            pace = self._paces.get((lane, organ))
            if pace is not None and pace.unanswered:
                self._paces[lane, organ] = pacing.heard(pace)

    def _axis_failed(self, deferred: Deferred, now: datetime) -> list[Change]:
        before = self._axis
        self._axis = pacing.failed(before, self._all, now, self._spread(), deferred.both)
        return _paused(WHOLE_AXIS, before, self._axis)

    def _axis_confirmed(self, now: datetime) -> list[Change]:
        resumed = self._axis.paused
        self._axis = pacing.confirmed(self._axis, self._all, now)
        if not resumed:
            return []
        for key, pace in self._paces.items():  # all is due at once: each begins slowly again
            if not pace.paused:
                fresh = pacing.begin(self._one, resumed_at=now)
                self._paces[key] = replace(
                    fresh, unanswered=pace.unanswered, again_at=pace.again_at
                )
        return [Resumed("", "")]

    def _pace(self, key: Key) -> Pace:
        return self._paces.get(key) or pacing.begin(self._one, self._axis.resumed_at)


def _sooner(pace: Pace, pause: Pause) -> Pace:
    """The same pause, probed when its row says, if that is sooner."""
    if pace.probe_at is None or pace.probes != pause.probes or pause.probe_at >= pace.probe_at:
        return pace
    return replace(pace, probe_at=pause.probe_at)


def _paused(key: Key, before: Pace, pace: Pace) -> list[Change]:
    """The pause to write down, when it began or its probe failed."""
    if pace.probe_at is None or pace.paused_at is None or pace.probe_at == before.probe_at:
        return []
    lane, organ = key
    name = lane.value if lane else ""
    return [Pause(name, organ, pace.paused_at, pace.probe_at, pace.probes, pace.why)]
