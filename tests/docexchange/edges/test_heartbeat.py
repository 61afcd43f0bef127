"""Which silence ends a session, and which is only a busy lane. The clock is of the test."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest

from docexchange.core.errors import Deferred
from docexchange.core.schedule import Lane
from docexchange.edges.heartbeat import HEADER, Heartbeat, LaneStuck, Pace
from docexchange.edges.publisher import QueueFull

PACE = Pace(every=0.001, silent=0.002, longest=0.004, told=50.0, sessions=3)


class Line:
    """A lane that answers as it is told; stands for the session, too."""

    def __init__(self, pace: Pace = PACE) -> None:
        self.now = 0.0
        self.sent: list[str] = []
        self.fault: Exception | None = None
        self.carries = True
        self.failed: list[str] = []
        self.stop = asyncio.Event()
        self.heart = Heartbeat(
            self.publish, rng=random.Random(1), clock=lambda: self.now, pace=pace
        )

    async def publish(self, lane: Lane, headers: Mapping[str, str]) -> None:
        self.now += 1.0  # far more than `silent`
        if self.fault is not None:
            raise self.fault
        self.sent.append(headers[HEADER])
        if self.carries:
            self.heart.came(lane, headers[HEADER])

    def fail(self, why: str) -> None:
        self.failed.append(why)
        self.stop.set()

    def full(self) -> bool:
        self.now += 1.0
        return False

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.heart.beat(Lane.URGENT, self, self.full))  # type: ignore[arg-type]


async def until_ended(line: Line) -> None:
    line.stop.clear()
    task = line.start()
    try:
        async with asyncio.timeout(5):
            stopped = asyncio.create_task(line.stop.wait())
            await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


async def test_beats_that_come_end_nothing() -> None:
    line = Line()
    task = line.start()
    async with asyncio.timeout(5):
        while len(line.sent) < 5:
            await asyncio.sleep(0)
    task.cancel()
    assert line.failed == []
    assert len(set(line.sent)) == len(line.sent)
    assert Lane.URGENT not in line.heart.silent()


async def test_a_beat_that_does_not_come_ends_the_session_and_at_last_the_process() -> None:
    line = Line()
    line.carries = False
    await until_ended(line)
    await until_ended(line)
    assert line.failed == ["lane urgent: our own message did not come back"] * 2
    with pytest.raises(LaneStuck, match="over 3 connections"):
        await until_ended(line)


async def test_one_that_comes_between_forgets_what_was_in_vain() -> None:
    line = Line()
    for _ in range(5):
        line.carries = False
        await until_ended(line)
        line.heart.heard(Lane.URGENT)  # a document will do
    assert len(line.failed) == 5


async def test_a_strangers_beat_is_no_sign_of_life() -> None:
    line = Line()
    line.now = 60.0
    line.heart.came(Lane.URGENT, "")
    line.heart.came(Lane.URGENT, "0123456789abcdef")
    assert set(line.heart.silent()) == set(Lane)
    line.heart.heard(Lane.URGENT)
    assert set(line.heart.silent()) == set(Lane) - {Lane.URGENT}


async def test_a_full_queue_whose_messages_do_not_come_ends_the_session() -> None:
    line = Line()
    line.fault = QueueFull("full")
    await until_ended(line)
    assert line.failed


async def test_no_connection_to_publish_ends_nothing_and_is_told() -> None:
    line = Line()
    line.fault = Deferred("the broker has no queue for urgent.H05 (NO_ROUTE)")
    task = line.start()
    async with asyncio.timeout(5):
        while line.now < 55:
            await asyncio.sleep(0)
    task.cancel()
    assert line.failed == []
    assert "NO_ROUTE" in line.heart.silent()[Lane.URGENT]


async def test_a_node_with_its_hands_full_is_not_silent() -> None:
    line = Line()
    line.carries = False
    looked = 0

    def full() -> bool:
        nonlocal looked
        looked += 1
        line.now += 1.0
        return looked < 100  # then there is room, and still nothing comes

    task = asyncio.create_task(line.heart.beat(Lane.URGENT, line, full))  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await line.stop.wait()
    task.cancel()
    assert looked >= 100
    assert len(line.sent) == 1


def test_what_is_silent_is_noticed_within_a_minute() -> None:
    """By a person: `told` and the daemon's second. By the link: a beat, and the wait for it."""
    usual = Pace()
    assert usual.told + 2 <= 60
    assert usual.every + usual.silent < usual.told
