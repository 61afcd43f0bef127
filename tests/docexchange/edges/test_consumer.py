"""`docexchange/edges/consumer.py`: which frames ack what is done. The rest runs in live/."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from docexchange.edges.consumer import Unacked


@dataclass
class Broker:
    """A channel that knows what is unacked, and, as RabbitMQ, refuses an ack of anything else."""

    unacked: set[int] = field(default_factory=set)
    frames: int = 0

    async def basic_ack(self, tag: int, *, multiple: bool, wait: bool) -> None:
        assert tag in self.unacked, "unknown delivery tag"
        self.frames += 1
        self.unacked -= {one for one in self.unacked if one == tag or (multiple and one < tag)}
        await asyncio.sleep(0)


def unacked(*tags: int) -> Unacked:
    book = Unacked()
    for tag in tags:
        book.delivered(tag)
    return book


@pytest.mark.parametrize(
    ("done", "frames"),
    [
        ([1], [(1, True)]),
        ([3, 1, 2], [(3, True)]),
        ([2], [(2, False)]),
        ([4, 1, 2], [(2, True), (4, False)]),
        ([5, 4, 3, 2, 1], [(5, True)]),
    ],
)
def test_what_is_done_without_a_gap_is_one_frame(
    done: list[int], frames: list[tuple[int, bool]]
) -> None:
    book = unacked(1, 2, 3, 4, 5)
    for tag in done:
        book.done(tag)
    assert book.frames(done) == frames


@pytest.mark.parametrize("seed", range(20))
async def test_every_message_is_acked_once_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    book, broker = Unacked(), Broker()
    acking = asyncio.create_task(book.ack(broker))  # type: ignore[arg-type]
    hand: list[int] = []
    for tag in range(1, 200):
        broker.unacked.add(tag)
        book.delivered(tag)
        hand.append(tag)
        while len(hand) > 8 or (hand and rng.random() < 0.4):
            book.done(hand.pop(rng.randrange(len(hand))))
        if rng.random() < 0.3:
            await asyncio.sleep(0)
    for tag in hand:
        book.done(tag)
    await book.written()
    assert broker.unacked == set()
    assert broker.frames < 150
    acking.cancel()
