"""The backlog: what a document costs when a million deliveries wait, and what a restart takes.

A store is filled by its own operations. Then a process of its own opens it, as a daemon does, and
sends to a broker that confirms at once; the same with a small store, in turns. What is compared is
CPU time and memory; nothing here but the store, the sender and their rules is measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from docexchange.core.policy import Limits
from docexchange.core.schedule import Schedule
from docexchange.core.world import World
from docexchange.edges.store import SqlStore
from docexchange.flow import outbox
from tests.backlog import finish, pend
from tests.bench.plan import Plan
from tests.fakes import FakeClock
from tests.records import LONGEST, MAILROOMS, NOW, arrival, document, receipt, status

SMALL = 1000  # pending deliveries that the large backlog is compared with
RECIPIENTS = 10  # of a document that waits
FOLDER_OF = {"small": "backlog-small", "large": "backlog-large"}
COST_GOAL, START_GOAL_S, MEMORY_GOAL = 1.3, 10.0, 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run found.

    Args:
        first_s: seconds from the start of the process to its first publish.
        sent_us, submitted_us, acknowledged_us, accepted_us: CPU microseconds of each.
        sent_wall_us: the same of a sent one, by the clock, its commit included.
        peak: bytes of memory, at most.
    """

    first_s: float
    sent_us: float
    sent_wall_us: float
    submitted_us: float
    acknowledged_us: float
    accepted_us: float
    peak: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Runs over each store: "small", "large", and both again when everything has ended.

    Args:
        pending: deliveries that wait in the large one.
        fill_s: seconds to fill it.
        runs: by store.
    """

    pending: int
    fill_s: float
    runs: Mapping[str, list[Cost]]

    def least(self, store: str, name: str) -> float:
        """The least of a figure over the runs: what else runs on the machine can only add."""
        return min(float(getattr(run, name)) for run in self.runs[store])

    def ratio(self, name: str, large: str = "large", small: str = "small") -> float:
        """Of a figure, the large store's to the small one's; below 1 it is cheaper."""
        return self.least(large, name) / self.least(small, name)

    def growth(self) -> float:
        """Bytes of memory that the large store takes more."""
        return self.least("large", "peak") - self.least("small", "peak")

    def figures(self) -> dict[str, float]:
        """What is compared with the goals."""
        return {
            "sent, CPU": self.ratio("sent_us"),
            "submitted, CPU": self.ratio("submitted_us"),
            "acknowledged, CPU": self.ratio("acknowledged_us"),
            "accepted, CPU": self.ratio("accepted_us"),
            "submitted after as many have ended, CPU": self.ratio(
                "submitted_us", "large ended", "small ended"
            ),
            "accepted after as many have ended, CPU": self.ratio(
                "accepted_us", "large ended", "small ended"
            ),
            "first publish, s": max(run.first_s for run in self.runs["large"]),
            "memory, MiB more": self.growth() / 1024**2,
        }

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        figures = self.figures()
        return {
            f"backlog: sent <= {COST_GOAL} x the cost": figures["sent, CPU"] <= COST_GOAL,
            f"backlog: first publish < {START_GOAL_S:.0f} s": figures["first publish, s"]
            < START_GOAL_S,
            "backlog: memory flat": self.growth() <= MEMORY_GOAL,
        }

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "pending": self.pending,
            "fill_s": self.fill_s,
            "figures": self.figures(),
            "runs": {name: [asdict(run) for run in runs] for name, runs in self.runs.items()},
        }

    def table(self) -> Iterator[str]:
        """A block for a person."""
        yield ""
        yield (
            f"{'backlog, CPU us each':<26}{'sent':>7}{'(wall)':>9}{'submit':>9}{'receipt':>9}"
            f"{'accept':>8}{'first publish s':>17}{'MiB':>6}"
        )
        for store in self.runs:
            count = self.pending if store.startswith("large") else SMALL
            name = f"{count:,} {'ended' if store.endswith('ended') else 'pending'}"
            ended = store.endswith("ended")
            yield (
                f"{name:<26}{self._shown(store, 'sent_us', ended):>7}"
                f"{self._shown(store, 'sent_wall_us', ended):>9}"
                f"{self.least(store, 'submitted_us'):>9,.0f}"
                f"{self._shown(store, 'acknowledged_us', ended):>9}"
                f"{self.least(store, 'accepted_us'):>8,.0f}"
                f"{self._shown(store, 'first_s', ended, 2):>17}"
                f"{self.least(store, 'peak') / 1024**2:>6,.0f}"
            )
        yield (
            f"  {self.ratio('sent_us'):.2f}x CPU per sent document, "
            f"memory {self.growth() / 1024**2:+.0f} MiB; filled in {self.fill_s:.0f} s"
        )

    def _shown(self, store: str, name: str, ended: bool, digits: int = 0) -> str:
        return "" if ended else f"{self.least(store, name):,.{digits}f}"


def measure(folder: Path, plan: Plan) -> Measured:
    """Fill two stores in a folder and measure both in turns."""
    begun = time.perf_counter()
    for name, count in (("large", plan.backlog), ("small", SMALL)):
        home = folder / FOLDER_OF[name]
        home.mkdir()
        asyncio.run(_fill(home, count))
    fill_s = time.perf_counter() - begun
    runs = _rounds(folder, plan, 0, "")
    for name in FOLDER_OF.values():
        with open_store(folder / name) as store:
            finish(store)
    ended = _rounds(folder, plan, plan.backlog_rounds, " ended")
    return Measured(plan.backlog, fill_s, {**runs, **ended})


def _rounds(folder: Path, plan: Plan, first: int, suffix: str) -> dict[str, list[Cost]]:
    """Small and large in turns; each round submits and accepts other documents."""
    found: dict[str, list[Cost]] = {f"{name}{suffix}": [] for name in FOLDER_OF}
    for number in range(first, first + plan.backlog_rounds):
        for name, home in FOLDER_OF.items():
            found[f"{name}{suffix}"].append(_run(folder / home, plan.backlog_documents, number))
    return found


def _run(home: Path, documents: int, number: int) -> Cost:
    arguments = [str(home), str(documents), str(number), str(time.time())]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.backlog", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return Cost(**json.loads(ran.stdout))


async def _fill(home: Path, deliveries: int) -> None:
    with open_store(home) as store:
        await pend(store, deliveries // RECIPIENTS, RECIPIENTS)


def open_store(home: Path) -> SqlStore:
    """The store of the node that is measured, as its daemon opens it."""
    return SqlStore.open(
        home / "store.db", exclusive=True, node="H05", mailroom_of=MAILROOMS.get, longest=LONGEST
    )


# -- in a process of its own --------------------------------------------------------------------


class Confirming:
    """An axis that confirms at once, and remembers when the first one came."""

    def __init__(self) -> None:
        self.published = 0
        self.first = 0.0

    async def publish(self, *_: object) -> None:
        """Confirm."""
        self.first = self.first or time.time()
        self.published += 1


class Meter:
    """CPU microseconds of each of so many pieces of work."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def each(self, count: int) -> tuple[float, float]:
        """(CPU, by the clock) since it was made."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return cpu / count * 1e6, wall / count * 1e6


async def work(home: Path, documents: int, number: int, started: float) -> Cost:
    """Open the store, send, submit, take receipts and accept; `started`: Unix seconds."""
    axis = Confirming()
    with open_store(home) as store:
        sender = outbox.Sender(_world(store), cast("Any", axis), FakeClock(NOW))
        meter = Meter()
        await _send(sender, axis, documents)
        sent, sent_wall = meter.each(max(axis.published, 1))
        names = [f"N{number:03d}{each:06d}" for each in range(documents)]
        meter = Meter()
        await asyncio.gather(*(store.outgoing.submit(document(name)) for name in names))
        submitted, _ = meter.each(documents)
        meter = Meter()
        await asyncio.gather(*(store.receipts.apply(receipt(document(name))) for name in names))
        acknowledged, _ = meter.each(documents)
        meter = Meter()
        await asyncio.gather(*(_accept(store, name) for name in names))
        accepted, _ = meter.each(documents)
    peak = _peak()
    first = axis.first - started
    return Cost(first, sent, sent_wall, submitted, acknowledged, accepted, peak)


def _peak() -> int:
    """Most memory of this process, bytes; ru_maxrss would be that of the process it came from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("VmHWM:"))
    return int(found.split()[1]) * 1024


def _world(store: SqlStore) -> World:
    """What a sender needs of it."""
    rng = random.Random(1)  # jitter
    needed = SimpleNamespace(
        store=store, schedule=Schedule(), limits=Limits(), spread=lambda: rng.uniform(-1, 1)
    )
    return cast("World", needed)


async def _send(sender: outbox.Sender, axis: Confirming, documents: int) -> None:
    """Publish until that many are out, or nothing is due."""
    clock = FakeClock(NOW)
    while axis.published < documents:
        started = sender.pump(clock.now())
        await asyncio.sleep(0.0005)
        if not started and axis.published == 0:
            break
    await sender.drain()


async def _accept(store: SqlStore, name: str) -> None:
    new = arrival(f"A{name}", document_id=f"H01,{NOW:%Y/%m/%d},{name}")
    await store.incoming.accept(new, status(f"S{name}", "01", f"A{name}"))


if __name__ == "__main__":
    home, documents, number, started = sys.argv[1:]
    cost = asyncio.run(work(Path(home), int(documents), int(number), float(started)))
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")
