"""Whether a queue that we consume still gives us what waits in it, where we may not write to it.

Into the lanes of the axis a node sends itself a heartbeat; into a mailroom's submissions it may
not. So the queue is asked, passively: who consumes it, and how much waits. A consumer that the
broker lost, messages that wait while none comes, or no answer at all end the session, so that the
link connects anew; what several sessions did not mend ends the process, for the supervisor.
(The broker's own notice of a cancelled consumer, as when a queue is deleted, ends the session at
once: see `link`.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiormq.channel import Channel
from pamqp.commands import Queue

from .heartbeat import Pace
from .link import Session

PACE = Pace(every=20.0, silent=20.0)  # two looks that agree and an answer: within 60 s


class ConsumerStuck(Exception):
    """New connections did not help: only a new process may. The text names the queue."""


class QueueWatch:
    """Looks at one queue from session to session.

    Args:
        queue: its name.
        place: where it stands, for messages: a vhost.
        full: whether as much is in hand as may be, so that nothing can come.
        clock: seconds that only grow.
        pace: `every` s between two looks; `silent` s without an answer or a message end the
            session, doubled up to `longest` as long as that is in vain (an answer waits behind the
            messages that are on their way); `sessions` in vain end the process.
    """

    def __init__(
        self,
        queue: str,
        place: str,
        full: Callable[[], bool],
        *,
        clock: Callable[[], float],
        pace: Pace = PACE,
    ) -> None:
        self._queue = queue
        self._place = place
        self._full = full
        self._clock = clock
        self._pace = pace
        self._came = 0  # messages, since ever
        self._vain = 0  # sessions ended since the last good look
        self._alive = clock()  # when the last sign of life came
        self.why = ""  # what was wrong at the last look

    def heard(self) -> None:
        """A message came."""
        self._came += 1
        self._good()

    @property
    def silent(self) -> bool:
        """Whether there was no sign of life for so long that a person is told."""
        return self._clock() - self._alive > self._pace.told

    async def keep(self, session: Session) -> None:
        """Look as long as the session lasts; what is wrong at two looks in a row ends it.

        Raises:
            ConsumerStuck: wrong in `Pace.sessions` sessions, one after the other.
        """
        channel = await session.channel(confirms=False)
        strange = 0
        while not session.lost.done():
            before = self._came
            await asyncio.sleep(self._pace.every)
            answer = await self._ask(channel)
            wrong = self._wrong(answer, before) if answer is not None else "no answer in time"
            if not wrong:
                self._good()
            strange = strange + 1 if wrong else 0
            if answer is None or strange > 1:
                self._end(session, wrong)
                return

    async def _ask(self, channel: Channel) -> Queue.DeclareOk | None:
        """The queue's answer; None if neither it nor a message came in time."""
        limit = min(self._pace.silent * 2.0**self._vain, self._pace.longest)
        asking = asyncio.ensure_future(channel.queue_declare(self._queue, passive=True))
        try:
            while True:
                before = self._came
                done, _ = await asyncio.wait([asking], timeout=limit)
                if done:
                    return asking.result()
                if before == self._came:
                    return None
        finally:
            asking.cancel()

    def _wrong(self, answer: Queue.DeclareOk, before: int) -> str:
        if not answer.consumer_count:
            return "the broker knows no consumer"
        if answer.message_count and before == self._came and not self._full():
            return f"{answer.message_count} messages wait and none comes"
        return ""

    def _good(self) -> None:
        self._vain, self._alive, self.why = 0, self._clock(), ""

    def _end(self, session: Session, wrong: str) -> None:
        self._vain += 1
        self.why = f"queue {self._queue} of {self._place}: {wrong}"
        if self._vain >= self._pace.sessions:
            raise ConsumerStuck(f"{self.why}, over {self._vain} connections")
        session.fail(self.why)
