"""Witnesses (bên làm chứng): what organs said of their journals, held against each other.

Each receipt says how the journal of its sender stood, under his signature, and every agency keeps
the receipts that it got. So whoever writes his journal anew, cuts it off or shows two histories has
to get every copy back first.

    FORK      as many lines, and others
    WENT_BACK later by its own clock, and fewer lines
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from .checkpoint import Checkpoint

FORK, WENT_BACK = "FORK", "WENT_BACK"
CLOCK_BACK: Final = timedelta(minutes=5)  # a node signs nothing while its clock is further behind


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint and who has it.

    Args:
        checkpoint: of whose journal, and what he said.
        holder: OrganId of who has it under a signature.
        sha256: of the receipt that says it.
    """

    checkpoint: Checkpoint
    holder: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of one organ that cannot both be true; each is a signed receipt."""

    kind: str
    one: Seen
    other: Seen


def contradictions(seen: Iterable[Seen]) -> Iterator[Contradiction]:
    """What cannot be true together, organ by organ."""
    by_organ: dict[str, list[Seen]] = {}
    for one in seen:
        by_organ.setdefault(one.checkpoint.organ, []).append(one)
    for organ in sorted(by_organ):
        yield from _forks(by_organ[organ])
        yield from _went_back(by_organ[organ])


def _forks(seen: list[Seen]) -> Iterator[Contradiction]:
    first: dict[int, Seen] = {}
    for one in seen:
        there = first.setdefault(one.checkpoint.lines, one)
        if _facts(there.checkpoint) != _facts(one.checkpoint):
            yield Contradiction(FORK, there, one)


def _facts(one: Checkpoint) -> tuple[str, str]:
    return one.root, one.head


def _went_back(seen: list[Seen]) -> Iterator[Contradiction]:
    ordered = sorted(seen, key=lambda one: (one.checkpoint.at, one.checkpoint.lines))
    longest = ordered[:1]
    for _, one in pairwise(ordered):
        most = longest[0].checkpoint
        if one.checkpoint.lines >= most.lines:
            longest = [one]
        elif one.checkpoint.at - most.at > CLOCK_BACK:
            yield Contradiction(WENT_BACK, longest[0], one)
