"""The sending node as a process of its own: the daemon, and beside it, on the same event loop,
the program that submits documents to it.

A question names how many documents and how many in flight; the answer holds, for each, the time
from the call of `outbox.submit` (nothing written yet, nothing signed) until its verified receipt
was on disk. Everything between is the daemon that `docexchange run` runs.

    python -m tests.bench.sender CONFIG
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import uvloop

from docexchange import log
from docexchange.compose import build_world, crash_point, open_store
from docexchange.config import Config, load
from docexchange.core.model import Receipt, ReceiptOutcome
from docexchange.core.schedule import Lane
from docexchange.core.world import World
from docexchange.daemon import Daemon
from docexchange.edges.axis import Axis
from docexchange.edges.clock import WallClock
from docexchange.edges.store.outgoing import SqlReceipts
from docexchange.flow import outbox
from tests.bench.material import content, document

PATIENCE = 60.0  # s for one document; then something is broken


class WatchedReceipts:
    """Those of the store, with somebody who is told when one is on disk."""

    def __init__(self, receipts: SqlReceipts) -> None:
        self._receipts = receipts
        self.waiting: dict[str, asyncio.Future[None]] = {}  # by DocumentId

    def __getattr__(self, name: str) -> Any:
        return getattr(self._receipts, name)

    async def apply(self, receipt: Receipt) -> ReceiptOutcome:
        """As the store; a delivery that is acknowledged now is told."""
        outcome = await self._receipts.apply(receipt)
        if outcome is ReceiptOutcome.APPLIED:
            self.waiting.pop(receipt.document_id).set_result(None)
        return outcome


class Source:
    """Submits documents and waits for their receipts."""

    def __init__(self, world: World, receipts: WatchedReceipts) -> None:
        self._world = world
        self._receipts = receipts
        self._clock = WallClock()
        self._numbers = itertools.count(1)

    async def batch(self, count: int, in_flight: int, size: int) -> dict[str, object]:
        """Submit `count` documents with `size` bytes each, `in_flight` at once; seconds for all
        and for each."""
        numbers, attachment = itertools.islice(self._numbers, count), content(size)
        latencies: list[float] = []
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(self._one_by_one(numbers, attachment, latencies))
        return {"seconds": time.perf_counter() - begun, "latencies": latencies}

    async def _one_by_one(
        self, numbers: Iterator[int], attachment: bytes, latencies: list[float]
    ) -> None:
        for number in numbers:
            begun = time.perf_counter()
            letter = document(number, attachment)
            acknowledged = asyncio.get_running_loop().create_future()
            self._receipts.waiting[letter.document_id or ""] = acknowledged
            await outbox.submit(letter, world=self._world, now=self._clock.now())
            async with asyncio.timeout(PATIENCE):
                await acknowledged
            latencies.append(time.perf_counter() - begun)


async def serve(config: Config) -> None:
    """Run the node and answer questions until there are no more."""
    daemons: list[Daemon] = []

    def committed() -> None:
        for daemon in daemons:
            daemon.committed()

    clock = WallClock()
    with open_store(config, exclusive=True, committed=committed) as store:
        watched = WatchedReceipts(store.receipts)
        store.receipts = cast("SqlReceipts", watched)  # all but one method is the real one's
        world = build_world(config, store, clock)
        daemons.append(
            Daemon(config, world, store, clock, _axis(config, world), None, crash_point(config))
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(daemons[0].run(stop))
            await daemons[0].axis.ready()
            await _answer(Source(world, watched))
            stop.set()


def _axis(config: Config, world: World) -> Axis:
    """As the daemon makes it."""
    axis = config.axis
    prefetch = {
        Lane.RECEIPTS: axis.prefetch_receipts,
        Lane.URGENT: axis.prefetch_urgent,
        Lane.NORMAL: axis.prefetch_normal,
    }
    url, outstanding = axis.broker.url(), axis.outstanding_confirms
    return Axis(url, config.node, rng=world.random, prefetch=prefetch, outstanding=outstanding)


async def _answer(source: Source) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await source.batch(**json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    log.setup()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(load(Path(sys.argv[1]))))
