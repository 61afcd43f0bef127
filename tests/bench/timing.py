"""Timing in turns: contestants run short batches one after the other, so that each meets quiet
moments of the machine. What counts is CPU time, and a ratio is that of the best rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU microseconds of one call, as each round found it."""

    rounds: Sequence[float]

    @property
    def us(self) -> float:
        """The median, microseconds."""
        return median(self.rounds)

    @property
    def least(self) -> float:
        """The least, microseconds: what else runs on the machine can only add."""
        return min(self.rounds)

    @property
    def rate(self) -> float:
        """Calls per second of one core."""
        return 1e6 / self.us

    def faster_than(self, other: Timing) -> float:
        """How many times as fast as another of the same race, each at its best."""
        return other.least / self.least


def race(contestants: Mapping[str, Work], *, seconds: float, rounds: int) -> dict[str, Timing]:
    """Time each contestant in every round.

    Args:
        contestants: name -> one piece of work.
        seconds: about how long a batch is.
        rounds: how many batches each.
    """
    sizes = {name: _batch_size(work, seconds) for name, work in contestants.items()}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            found[name].append(_cpu_us(work, sizes[name]))
    return {name: Timing(each) for name, each in found.items()}


def _batch_size(work: Work, seconds: float) -> int:
    work()  # caches, lazy imports
    return max(1, int(seconds * 1e6 / _cpu_us(work, 3)))


def _cpu_us(work: Work, times: int) -> float:
    begun = time.process_time_ns()
    for _ in range(times):
        work()
    return max(time.process_time_ns() - begun, 1) / times / 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
