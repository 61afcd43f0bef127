"""Doubles of the seams: a clock that is set, and a broker that misbehaves by a seed.

FakeAxis plays the whole broker; each node gets a FakeBroker of it. What the axis has confirmed it
never loses (that is RabbitMQ's promise), but it may lose confirms, take a message without saying
so, double and reorder, and a message that was not acked comes again as redelivered.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from docexchange.core.errors import Deferred
from docexchange.core.schedule import Lane


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, span: timedelta) -> None:
        self._at += span


@dataclass
class FakeIncoming:
    """A message in hand."""

    axis: FakeAxis
    node: str
    organ: str
    lane: Lane
    body: bytes
    connection: str = ""
    redelivered: bool = False
    acked: bool = False
    headers: Mapping[str, object] = field(default_factory=dict)

    def ack(self) -> None:
        self.acked = True
        self.axis.in_hand[self.node].remove(self)


@dataclass(frozen=True)
class Faults:
    """Chances of each misbehaviour of a publish, 0..1."""

    refused: float = 0.0  # not taken, not confirmed
    confirm_lost: float = 0.0  # taken, but the publisher is not told
    doubled: float = 0.0  # taken twice
    reordered: float = 0.0  # put at a random place of the queue


@dataclass
class FakeAxis:
    """Queues per node; `serves` maps an organ to its node."""

    serves: Mapping[str, str]
    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    up: bool = True
    queues: dict[str, list[FakeIncoming]] = field(default_factory=dict)
    in_hand: dict[str, list[FakeIncoming]] = field(default_factory=dict)
    published: int = 0
    full: set[str] = field(default_factory=set)  # organs whose queue takes nothing (nack)
    hung: set[str] = field(default_factory=set)  # organs whose queue never confirms
    tried: list[str] = field(default_factory=list)  # organ of each publish, in order

    def __post_init__(self) -> None:
        for node in set(self.serves.values()):
            self.queues[node] = []
            self.in_hand[node] = []

    def broker(self, node: str) -> FakeBroker:
        return FakeBroker(self, node)

    def put(
        self,
        lane: Lane,
        organ: str,
        body: bytes,
        connection: str = "",
        headers: Mapping[str, object] | None = None,
    ) -> None:
        """Place a message as the broker would, without any fault."""
        node = self.serves[organ]
        message = FakeIncoming(
            self, node, organ, lane, body, connection, headers=dict(headers or {})
        )
        queue = self.queues[node]
        if self.rng.random() < self.faults.reordered:
            queue.insert(self.rng.randint(0, len(queue)), message)
        else:
            queue.append(message)

    def take(self, node: str) -> FakeIncoming | None:
        """The next message of a node, now in hand."""
        if not self.up or not self.queues[node]:
            return None
        message = self.queues[node].pop(0)
        self.in_hand[node].append(message)
        return message

    def disconnect(self, node: str) -> None:
        """A node's connection ends: what it had in hand comes again, first."""
        for message in reversed(self.in_hand[node]):
            message.redelivered = True
            self.queues[node].insert(0, message)
        self.in_hand[node].clear()


class FakeBroker:
    """One node's view of the axis; implements docexchange.core.ports.Broker."""

    def __init__(self, axis: FakeAxis, node: str) -> None:
        self._axis = axis
        self._node = node

    async def publish(
        self, lane: Lane, organ: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        axis = self._axis
        await asyncio.sleep(0)
        axis.published += 1
        axis.tried.append(organ)
        if not axis.up:
            raise Deferred("no connection to the axis")
        if organ in axis.full:
            raise Deferred("the queue is full", destination=True)
        while organ in axis.hung:
            await asyncio.sleep(0)
        if axis.rng.random() < axis.faults.refused:
            raise Deferred("not confirmed in time")
        axis.put(lane, organ, body, self._node, headers)
        if axis.rng.random() < axis.faults.doubled:
            axis.put(lane, organ, body, self._node, headers)
        if axis.rng.random() < axis.faults.confirm_lost:
            raise Deferred("connection closed before the confirm", unknown=True)

    async def receive(self) -> FakeIncoming:
        while (message := self._axis.take(self._node)) is None:
            await asyncio.sleep(0)
        return message
