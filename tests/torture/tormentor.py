"""What is done to the nodes, their lines and their broker, by a seed.

Each node lives a life after the other. A life ends at a named crash point, at a random moment, by
an orderly stop that may die on the way, or because its disk takes no more. Meanwhile lines are
struck and the broker is killed.
"""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from collections import Counter
from collections.abc import Iterator

from docexchange.crashpoints import COMMITS, POINTS
from docexchange.demo.playground import ORGANS
from tests.torture.proxy import Fault
from tests.torture.stage import NodeEnded, Stage

KILLED = -signal.SIGKILL
STORE_FAILED = 69  # exit code of a node whose store takes no more
LOG_FAILED = 1  # the same, when it cannot even write its log
FILE_BYTES = 64 * 1024  # of a full disk: no write beyond this place of any file succeeds
LIFE = (1.0, 6.0)  # s of a life that no crash point ends
STRUCK = (0.5, 5.0)  # s of a fault on a line
BETWEEN = (0.5, 3.0)  # s between two faults on lines
BROKER_DOWN = (0.0, 2.0)  # s
KILLS_PER_BROKER = 20  # kills of nodes for each kill of the broker
STOPPING = tuple(point for point in POINTS if point.startswith("stopping:"))
# Nobody here signs elsewhere, recalls, is five minutes ahead, sends more than 8 MiB or flips a byte
# on a disk: the tests of those rooms let these commits fail.
ELSEWHERE = frozenset(
    f"{when}:{name}"
    for name in (
        *COMMITS["signing"],
        *COMMITS["hold"],
        *COMMITS["parts"],
        *COMMITS["recall"],
        *COMMITS["uploads"],
        *("expire_signings", "ack.submit.recall", "set_aside", "take_up_again"),
    )
    for when in ("before", "after")
) | {"received:submit.recall"}
REACHABLE = tuple(point for point in POINTS if point not in ELSEWHERE)
RUNNING = tuple(point for point in REACHABLE if point not in STOPPING)
FIRST = 0.6  # share of the crash points that kill at their first time; the others later


class Tormentor:
    """Kills and cuts until it is told to stop.

    Args:
        stage: what is tormented.
        rng: of every choice.
        kills: how many kills of nodes are wanted.
    """

    def __init__(self, stage: Stage, rng: random.Random, kills: int) -> None:
        self._stage = stage
        self._rng = rng
        self.wanted = kills
        self.kills = 0
        self.causes: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()  # crash points at which a node died
        self.faults: list[str] = []  # ends of a node that nobody caused
        self.calm = asyncio.Event()
        self._points = {organ: self._cycle() for organ in ORGANS}
        self._broker = asyncio.Lock()

    def _cycle(self) -> Iterator[str]:
        while True:
            points = list(RUNNING)
            self._rng.shuffle(points)
            yield from points

    @property
    def done(self) -> bool:
        """Whether there were as many kills as wanted."""
        return self.kills >= self.wanted

    async def run(self) -> None:
        """Torment until `calm` is set, then leave every node running, every line whole."""
        async with asyncio.TaskGroup() as group:
            for organ in ORGANS:
                group.create_task(self._lives(organ))
            group.create_task(self._lines())
            group.create_task(self._broker_kills())
        for proxy in self._stage.proxies.values():
            proxy.heal()
        for organ in ORGANS:
            await self._stage.start_node(organ)

    async def _lives(self, organ: str) -> None:
        while not self.calm.is_set():
            kind = self._rng.choices(("point", "random", "stop", "disk full"), (12, 4, 2, 2))[0]
            try:
                await self._live(organ, kind)
            except NodeEnded:
                self._ended(organ, "", self._stage.daemons[organ].process.returncode)
        await self._kill(organ, "at the end of the storm")

    async def _live(self, organ: str, kind: str) -> None:
        point = ""
        if kind == "point":
            later = self._rng.random() > FIRST
            nth = 1 + int(self._rng.expovariate(1 / 8)) if later else 1
            point = f"{next(self._points[organ])}@{nth}"
        elif kind == "stop" and self._rng.random() < 0.7:
            point = self._rng.choice(STOPPING)
        try:
            await self._stage.start_node(organ, point)
        except NodeEnded:
            self._ended(organ, point, self._stage.daemons[organ].process.returncode)
            return
        code = await self._wait(organ, self._rng.uniform(*LIFE))
        if code is None and kind == "stop":
            code = await self._stop(organ)
        elif code is None and kind == "disk full":
            code = await self._fill_disk(organ)
        if code is None:
            await self._kill(organ, "random moment")
        else:
            self._ended(organ, point, code)

    async def _wait(self, organ: str, seconds: float) -> int | None:
        try:
            return await self._stage.ended(organ, seconds)
        except TimeoutError:
            return None

    async def _stop(self, organ: str) -> int | None:
        self._stage.signal_node(organ, signal.SIGTERM)
        return await self._wait(organ, 40.0)

    async def _fill_disk(self, organ: str) -> int | None:
        """Let no file grow for some seconds, as on a full disk."""
        process = self._stage.daemons[organ].process
        self.causes["disk full"] += 1
        try:
            resource.prlimit(
                process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY)
            )
            code = await self._wait(organ, self._rng.uniform(0.5, 3.0))
            if code is None:
                unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
                code = await self._wait(organ, self._rng.uniform(*LIFE))
        except ProcessLookupError:
            code = process.wait()
        if code in (STORE_FAILED, LOG_FAILED):
            self.causes["stopped by its full disk"] += 1
            return STORE_FAILED
        return code

    async def _kill(self, organ: str, cause: str) -> None:
        process = self._stage.daemons[organ].process
        process.kill()
        self.causes[cause] += 1
        self._count(await asyncio.to_thread(process.wait))

    def _ended(self, organ: str, point: str, code: int) -> None:
        if code == KILLED and point:
            name = point.partition("@")[0]
            self.reached[name] += 1
            self.causes["named crash point"] += 1
            self._count(code)
        elif code == 0:
            self.causes["orderly stop"] += 1
        elif code != STORE_FAILED:
            log = self._stage.daemons[organ].log
            self.faults.append(f"node {organ} ended with {code}; see {log}")

    def _count(self, code: int) -> None:
        self.kills += code == KILLED

    def _faults(self) -> Iterator[Fault]:
        """Each kind before any comes again, so that the short form plays all of them."""
        while True:
            faults = list(Fault)
            self._rng.shuffle(faults)
            yield from faults

    async def _lines(self) -> None:
        for fault in self._faults():
            if self.calm.is_set():
                return
            alive = [organ for organ in ORGANS if self._stage.alive(organ)]
            proxy = self._stage.proxies[self._rng.choice(alive or list(ORGANS))]
            proxy.strike(fault)
            await self._sleep(self._rng.uniform(*STRUCK))
            proxy.heal()
            await self._sleep(self._rng.uniform(*BETWEEN))

    async def _broker_kills(self) -> None:
        killed = 0
        while not self.calm.is_set():
            if self.kills >= (killed + 1) * KILLS_PER_BROKER:
                killed += 1
                await self._stage.broker.take_away()
                self.causes["broker killed"] += 1
                await asyncio.sleep(self._rng.uniform(*BROKER_DOWN))
                await self._stage.broker.bring_back()
            await self._sleep(0.5)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.calm.wait()
        except TimeoutError:
            pass
