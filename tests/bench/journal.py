"""`journal verify`: following the chain of a store, beside the bare SHA-256 chain of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from docexchange.edges.store import journal
from envelopes.evidence.journal import GENESIS, Follower, chain
from tests.bench.timing import Timing, race
from tests.records import NOW, open_store

GOAL = 50_000  # lines a second of one core
STEP = 1000  # lines of a transaction


@dataclass(frozen=True, slots=True)
class Measured:
    """How many lines, and what following them took."""

    lines: int
    timings: Mapping[str, Timing]

    @property
    def a_second(self) -> float:
        """Lines that are followed in a second of CPU."""
        return self.lines / self.timings["follow"].least * 1e6

    def ratios(self) -> dict[str, float]:
        """To the floor."""
        followed = self.timings["follow"].faster_than(self.timings["chain"])
        return {"journal verify / bare SHA-256 chain": followed}

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        return {f"journal verify >= {GOAL:,} lines/s": self.a_second >= GOAL}

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {"lines": self.lines, "lines_a_second": self.a_second, **self.ratios()}

    def table(self) -> Iterator[str]:
        """A block for a person."""
        [ratio] = self.ratios().values()
        yield ""
        yield f"journal verify: {self.a_second:,.0f} lines/s of one core, {ratio:.2f} of the floor"


def measure(folder: Path, lines: int, rounds: int) -> Measured:
    """Write a journal of so many lines into a store of its own, and follow it."""
    home = folder / "journal"
    home.mkdir()
    with open_store(home) as store:
        connection = store._access.writer._connection
        for begin in range(0, lines, STEP):
            connection.command("BEGIN IMMEDIATE")
            journal.append(connection, [_entry(begin + number) for number in range(STEP)])
            connection.command("COMMIT")
        rows: list[str] = []
        journal.follow(connection, Follower(), lambda line: rows.append(line.line))

        def bare() -> None:
            previous = GENESIS
            for line in rows:
                previous = chain(previous, line)

        works = {"follow": lambda: store.journal.follow(Follower()), "chain": bare}
        return Measured(len(rows), race(works, seconds=0.0, rounds=rounds))


def _entry(number: int) -> journal.Entry:
    facts = {"organ": "H01", "sha256": "a" * 64, "state": "acknowledged", "attempts": number % 9}
    return journal.Entry("delivered", f"D{number}", NOW + timedelta(seconds=number), facts)
