"""Which answers of a queue end the session, and which only show a queue that is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from pamqp.commands import Queue

from docexchange.edges.heartbeat import Pace
from docexchange.edges.watch import PACE, ConsumerStuck, QueueWatch

QUICK = Pace(every=0.001, silent=0.002, longest=0.004, told=50.0, sessions=3)


@dataclass
class Line:
    """A session and its channel, whose queue answers as it is told."""

    watch: QueueWatch = field(init=False)
    consumers: int = 1
    waiting: int = 0
    answers: bool = True
    full: bool = False
    now: float = 0.0
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    on_ask: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.watch = QueueWatch(
            "mr.submit.q", "mr-H05", lambda: self.full, clock=lambda: self.now, pace=QUICK
        )
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def channel(self, *, confirms: bool) -> Line:
        assert not confirms
        return self

    async def queue_declare(self, queue: str, *, passive: bool) -> Queue.DeclareOk:
        assert (queue, passive) == ("mr.submit.q", True)
        self.asked += 1
        self.on_ask()
        if not self.answers:
            await asyncio.get_running_loop().create_future()
        return Queue.DeclareOk(queue, self.waiting, self.consumers)

    def fail(self, why: str) -> None:
        self.failed.append(why)

    async def looked(self, times: int) -> None:
        """Let it look so many times, or until it ends."""
        task = asyncio.create_task(self.watch.keep(self))  # type: ignore[arg-type]
        until = self.asked + times
        async with asyncio.timeout(5):
            while self.asked < until and not task.done():
                await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        elif (error := task.exception()) is not None:
            raise error


async def test_a_queue_that_has_its_consumer_ends_nothing() -> None:
    line = Line()
    await line.looked(5)
    assert (line.failed, line.watch.silent, line.watch.why) == ([], False, "")


async def test_a_consumer_that_the_broker_lost_ends_the_session_at_the_second_look() -> None:
    line = Line(consumers=0)
    await line.looked(9)
    assert line.asked == 2
    assert line.failed == ["queue mr.submit.q of mr-H05: the broker knows no consumer"]


async def test_one_strange_look_alone_ends_nothing() -> None:
    """An election of a leader, say."""
    line = Line()

    def alternate() -> None:
        line.consumers = line.asked % 2

    line.on_ask = alternate
    await line.looked(8)
    assert line.failed == []


async def test_messages_that_wait_while_none_comes_end_the_session() -> None:
    line = Line(waiting=7)
    await line.looked(9)
    assert line.failed == ["queue mr.submit.q of mr-H05: 7 messages wait and none comes"]


@pytest.mark.parametrize("busy", ["full", "comes"])
async def test_a_busy_consumer_is_not_a_lost_one(busy: str) -> None:
    line = Line(waiting=7, full=busy == "full")
    if busy == "comes":
        line.on_ask = line.watch.heard
    await line.looked(8)
    assert line.failed == []


async def test_no_answer_ends_the_session_at_once() -> None:
    line = Line(answers=False)
    await line.looked(9)
    assert line.asked == 1
    assert line.failed == ["queue mr.submit.q of mr-H05: no answer in time"]


async def test_an_answer_behind_large_messages_is_waited_for() -> None:
    line = Line(answers=False)
    task = asyncio.create_task(line.watch.keep(line))  # type: ignore[arg-type]
    deadline = asyncio.get_running_loop().time() + 10 * QUICK.longest
    while asyncio.get_running_loop().time() < deadline:
        line.watch.heard()
        await asyncio.sleep(0)
    assert (task.done(), line.failed, line.asked) == (False, [], 1)
    task.cancel()
    await asyncio.wait([task])


async def test_what_new_sessions_do_not_mend_ends_the_process() -> None:
    line = Line(consumers=0)
    await line.looked(9)
    await line.looked(9)
    with pytest.raises(ConsumerStuck, match="mr-H05: the broker knows no consumer, over 3 conn"):
        await line.looked(9)


async def test_a_good_look_forgets_what_was_in_vain() -> None:
    line = Line(consumers=0)
    for _ in range(5):
        line.consumers = 0
        await line.looked(9)
        line.consumers = 1
        await line.looked(2)
    assert len(line.failed) == 5


async def test_a_person_is_told_after_a_while_and_no_longer_than_it_lasts() -> None:
    line = Line(consumers=0)
    await line.looked(9)
    assert not line.watch.silent
    line.now = 51.0
    assert line.watch.silent
    line.consumers = 1
    await line.looked(2)
    assert not line.watch.silent


def test_the_pace_notices_within_a_minute() -> None:
    assert 2 * PACE.every + PACE.silent <= 60
    assert PACE.every + PACE.silent < PACE.told < 60
