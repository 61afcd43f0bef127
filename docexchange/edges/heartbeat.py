"""A small message to ourselves through each lane: publisher, exchange, binding, queue, consumer.

What AMQP's own heartbeat cannot see is seen here: a queue that was deleted and made anew, a binding
that was taken away, a consumer that the broker lost, a connection that stands and carries nothing.
A lane that is silent has its session ended, so that the link connects anew and looks passively at
its queues; one that stays silent ends the process, for the supervisor. Declares nothing.

A lane that is merely busy is not silent: every message that comes is a sign of life, and nothing
can come to a node that has as much in hand as it may. No second beat waits behind one that has not
come.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from ..core.errors import Deferred
from ..core.schedule import Lane
from .link import Session
from .publisher import QueueFull

HEADER = "docexchange-heartbeat"  # its value is known to this process alone


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how long is too long.

    Args:
        every: s between a beat that came and the next.
        silent: s without a sign of life in a lane after which its session is ended. Doubles from
            session to session up to `longest`: on a slow line a beat waits behind a large message
            (16 MiB at 64 KiB/s: 256 s).
        longest: s, the most it becomes.
        told: s without a sign of life after which a person is told; above every + silent.
        sessions: so many ended in vain end the process.
    """

    every: float = 15.0
    silent: float = 30.0
    longest: float = 300.0
    told: float = 50.0  # with the daemon's own second: noticed within 60 s
    sessions: int = 5


class LaneStuck(Exception):
    """New connections did not help: only a new process may. The text names the lane."""


class _Path:
    """What is known of one lane."""

    def __init__(self, now: float) -> None:
        self.token = ""  # of the beat that is under way
        self.sign = asyncio.Event()  # of life
        self.alive = now  # when the last sign of life came
        self.vain = 0  # sessions ended since
        self.why = ""  # what the last beat met


class Heartbeat:
    """The beats of one node.

    Args:
        publish: sends a beat through a lane; returns when the broker holds it, else Deferred.
        rng: makes tokens.
        clock: seconds that only grow.
        pace: how often.
    """

    def __init__(
        self,
        publish: Callable[[Lane, Mapping[str, str]], Awaitable[None]],
        *,
        rng: random.Random,
        clock: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._publish = publish
        self._rng = rng
        self._clock = clock
        self._pace = pace
        self._paths = {lane: _Path(clock()) for lane in Lane}

    def heard(self, lane: Lane) -> None:
        """A message came through this lane."""
        path = self._paths[lane]
        path.alive, path.vain, path.why = self._clock(), 0, ""
        path.sign.set()

    def came(self, lane: Lane, token: object) -> None:
        """A beat came; one of an earlier session, or of a stranger, means nothing."""
        path = self._paths[lane]
        if path.token and token == path.token:
            path.token = ""
            self.heard(lane)

    def silent(self) -> dict[Lane, str]:
        """The lanes without a sign of life for too long, and what is known of the reason."""
        now = self._clock()
        return {
            lane: path.why
            for lane, path in self._paths.items()
            if now - path.alive > self._pace.told
        }

    async def beat(self, lane: Lane, session: Session, full: Callable[[], bool]) -> None:
        """Beat as long as this session consumes the lane.

        Args:
            lane: through which.
            session: of the consumer; ended when the lane is silent.
            full: whether the consumer has as much in hand as it may, so that nothing can come.

        Raises:
            LaneStuck: silent through `Pace.sessions` sessions.
        """
        path = self._paths[lane]
        path.token = ""  # one of an earlier session may come or not
        while True:
            path.sign.clear()
            if await self._sent(path, lane):
                await self._await(path, lane, session, full)
            await asyncio.sleep(self._pace.every)

    async def _sent(self, path: _Path, lane: Lane) -> bool:
        """Whether something must come now: a beat, or what fills the queue."""
        if path.token:
            return True
        path.token = f"{self._rng.getrandbits(64):016x}"
        try:
            await self._publish(lane, {HEADER: path.token})
        except QueueFull:
            path.token = ""
        except Deferred as deferred:
            path.token, path.why = "", str(deferred)
            return False
        return True

    async def _await(
        self, path: _Path, lane: Lane, session: Session, full: Callable[[], bool]
    ) -> None:
        """Until something came; ends the session when nothing comes at all."""
        since = self._clock()
        limit = min(self._pace.silent * 2.0**path.vain, self._pace.longest)
        while not path.sign.is_set():
            if full():
                since = path.alive = self._clock()
            left = since + limit - self._clock()
            if left <= 0:
                self._end(path, lane, session)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._pace.every)):
                    await path.sign.wait()

    def _end(self, path: _Path, lane: Lane, session: Session) -> None:
        path.vain += 1
        path.why = f"lane {lane}: our own message did not come back"
        if path.vain >= self._pace.sessions:
            raise LaneStuck(f"{path.why} over {path.vain} connections")
        session.fail(path.why)
