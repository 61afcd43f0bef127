"""The whole exchange, ours and the peer's: processes, batches in turns, CPU of each process.

    ours      two daemons; the documents are submitted inside the sender's process
    mailed    two daemons, `docexchange run` both, and a mailroom at each end over AMQP
    celery    the same job with Celery and signxml

One batch of each after the other, so that a busy minute of the machine hits them all; and so for
each size of document, in the same processes. Mailrooms take part at one size.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.material import RECEIVER, SENDER, SIZES
from tests.bench.plan import Plan
from tests.bench.processes import Process, cpu_seconds
from tests.bench.rig import Rig
from tests.bench.timing import percentile

SERVING = b'"serving"'
READY = b" ready."  # what a Celery worker says
MAILED_AT = "100K"  # the size at which mailrooms take part
LOOK = 0.3  # s between two looks at the broker
REST = 0.1  # of a core; it always does something
PATIENCE = 10.0  # s for it to come to rest


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: time in seconds, CPU seconds by process."""

    documents: int
    seconds: float
    latencies: Sequence[float]
    cpu: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Documents per second."""
        return self.documents / self.seconds


@dataclass(slots=True)
class Result:
    """Everything measured of one way to do it."""

    batches: list[Batch] = field(default_factory=list)
    singles: list[float] = field(default_factory=list)  # s each, one in flight

    @property
    def documents(self) -> int:
        """How many were acknowledged."""
        return sum(batch.documents for batch in self.batches) + len(self.singles)

    @property
    def rate(self) -> float:
        """Documents per second, the median of the batches."""
        return median(batch.rate for batch in self.batches)

    def latency_ms(self, share: float) -> float | None:
        """A percentile of the time of one document in a batch, None if it was not taken."""
        each = [one for batch in self.batches for one in batch.latencies]
        return percentile(each, share) * 1000 if each else None

    def single_ms(self, share: float) -> float:
        """The same with one document in flight."""
        return percentile(self.singles, share) * 1000

    def cpu_us(self) -> dict[str, float]:
        """CPU microseconds of a document by process."""
        return {
            name: median(batch.cpu[name] / batch.documents for batch in self.batches) * 1e6
            for name in self.batches[0].cpu
        }


class Way:
    """One way to do the job: its processes, of which the first takes the questions."""

    def __init__(self, rig: Rig, processes: Mapping[str, Process], source: str) -> None:
        self._broker = rig.broker.pid
        self._processes = processes
        self._source = processes[source]

    def warm(self, plan: Plan, size: str) -> None:
        """Fill caches and pools; not counted."""
        many = plan.in_flight
        self._source.ask(count=many, in_flight=many, size=SIZES[size])
        self._source.ask(count=3, in_flight=1, size=SIZES[size])

    def batch(self, plan: Plan, size: str, result: Result) -> None:
        """One batch with many in flight, one with a single one."""
        count, bytes_each = plan.documents_of(size), SIZES[size]
        _quiet(self._broker)
        before = self._cpu()
        answer = self._source.ask(count=count, in_flight=plan.in_flight, size=bytes_each)
        used = {name: value - before[name] for name, value in self._cpu().items()}
        result.batches.append(Batch(count, answer["seconds"], answer["latencies"], used))
        alone = self._source.ask(count=plan.singles, in_flight=1, size=bytes_each)
        result.singles += alone["latencies"]

    def stop(self) -> None:
        """End its processes."""
        for process in self._processes.values():
            process.stop()

    def _cpu(self) -> dict[str, float]:
        used = {name: process.cpu for name, process in self._processes.items()}
        return {**used, "broker": cpu_seconds(self._broker)}


def _quiet(broker: int) -> None:
    """Wait until what the way before us left is on the disk and the broker rests: it writes its
    log into segments long after it confirmed."""
    os.sync()
    until = time.monotonic() + PATIENCE
    used = cpu_seconds(broker)
    while time.monotonic() < until:
        time.sleep(LOOK)
        before, used = used, cpu_seconds(broker)
        if used - before <= REST * LOOK:
            return


def measure(rig: Rig, plan: Plan, sizes: Sequence[str]) -> dict[str, dict[str, Result]]:
    """Run all ways in turns, size after size.

    Returns:
        by the name of the size, by the way.

    Raises:
        RuntimeError: a document was not acknowledged, or a process failed; its log is named.
    """
    mailed = MAILED_AT in sizes
    starts = {"ours": _ours, **({"mailed": _mailed} if mailed else {}), "celery": _celery}
    ways: dict[str, Way] = {}
    try:
        for name, start in starts.items():
            ways[name] = start(rig)
        return {size: _at(size, ways, plan) for size in sizes}
    finally:
        for way in ways.values():
            way.stop()


def _at(size: str, ways: Mapping[str, Way], plan: Plan) -> dict[str, Result]:
    taking = {name: way for name, way in ways.items() if name != "mailed" or size == MAILED_AT}
    found = {name: Result() for name in taking}
    for way in taking.values():
        way.warm(plan, size)
    for _ in range(plan.exchange_rounds):
        for name, way in taking.items():
            way.batch(plan, size, found[name])
    return found


def _run(rig: Rig, organ: str, *, mailroom: bool) -> Process:
    """A node as its operator starts it."""
    config = rig.config(organ, mailroom=mailroom)
    process = Process(
        ["-m", "docexchange", "run", "-c", str(config)], config.with_name("daemon.log")
    )
    process.wait_for(SERVING)
    return process


def _ours(rig: Rig) -> Way:
    receiver = _run(rig, RECEIVER, mailroom=False)
    config = rig.config(SENDER, mailroom=False)
    log = config.with_name("daemon.log")
    sender = Process(["-m", "tests.bench.sender", str(config)], log, answers=True)
    sender.wait_for(SERVING)
    return Way(rig, {"sender": sender, "receiver": receiver}, "sender")


def _mailed(rig: Rig) -> Way:
    processes = {
        "sender": _run(rig, SENDER, mailroom=True),
        "receiver": _run(rig, RECEIVER, mailroom=True),
    }
    urls = rig.mailroom_urls()
    arguments = ["-m", "tests.bench.mailrooms", urls[SENDER], urls[RECEIVER]]
    log = rig.folder / "mailrooms.log"
    processes["mailrooms"] = Process(arguments, log, answers=True)
    return Way(rig, processes, "mailrooms")


def _celery(rig: Rig) -> Way:
    environment = {
        "BENCH_PEER_FOLDER": str(rig.folder),
        "BENCH_PEER_BROKER": rig.peer_url(),
    }
    processes = {
        "receiver": _worker(rig, "deliver", environment),
        "sender's worker": _worker(rig, "acknowledge", environment),
    }
    processes["sender"] = Process(
        ["-m", "tests.bench.celery_peer"],
        rig.folder / "celery-sender.log",
        environment=environment,
        answers=True,
    )
    return Way(rig, processes, "sender")


def _worker(rig: Rig, queue: str, environment: Mapping[str, str]) -> Process:
    """A worker of one queue; `solo`, since a pool of processes was slower on two cores (80 against
    88 documents a second)."""
    options = ["-P", "solo", "-Q", queue, "-n", f"{queue}@bench", "-l", "INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    process = Process(
        ["-m", "celery", "-A", "tests.bench.celery_peer", "worker", *options, *quiet],
        rig.folder / f"celery-{queue}.log",
        environment=environment,
    )
    process.wait_for(READY)
    return process
