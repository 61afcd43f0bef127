"""The sender on a real broker: a destination without a queue, and a broker that is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.states import State
from docexchange.demo.rabbitmq import Node
from docexchange.edges.axis import Axis
from docexchange.edges.link import connect
from docexchange.edges.topology import apply, axis_topology
from docexchange.flow.outbox import Sender
from tests.live.rig import AXIS, ORGANS, RESTART, SOON, broker, node_url
from tests.records import document
from tests.theatre import Theatre

pytestmark = [pytest.mark.live, pytest.mark.slow]

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A broker of these tests alone: one that was stopped (3.10.8) answers INTERNAL_ERROR when its
    virtual host is made anew."""
    with broker(tmp_path_factory.mktemp("sender")) as node:
        yield node


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Theatre:
    return Theatre(tmp_path, template, {"H05": "H05", "H13": "H13", "H05.12.03": "H05"})


@pytest.fixture
async def sender(theatre: Theatre, empty_axis: Node) -> AsyncIterator[Sender]:
    axis = Axis(node_url(empty_axis, "H05"), "H05", rng=random.Random(1), longest=1.0)
    running = asyncio.create_task(axis.run())
    async with asyncio.timeout(SOON):
        await axis.ready()
    yield Sender(theatre.nodes["H05"].world, axis, theatre.clock, 32)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    theatre.close()


async def submit(theatre: Theatre, organ: str, count: int) -> None:
    now = theatre.clock.now()
    for number in range(count):
        made = document(
            f"{organ}-{number}",
            recipients=(organ,),
            submitted_at=now,
            lifetime_ends=now + timedelta(hours=72),
        )
        await theatre.nodes["H05"].store.outgoing.submit(made)


def states(theatre: Theatre, organ: str) -> list[State]:
    views = theatre.nodes["H05"].store.outgoing.documents(limit=500)
    return [one.state for view in views for one in view.deliveries if one.to_organ == organ]


async def pump(theatre: Theatre, sender: Sender, rounds: int) -> int:
    started = 0
    for _ in range(rounds):
        started += sender.pump(theatre.clock.now())
        await sender.drain()
    return started


async def test_a_destination_without_a_queue_is_paused_and_the_others_are_served(
    theatre: Theatre, sender: Sender, empty_axis: Node
) -> None:
    session = await connect(empty_axis.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    await channel.queue_delete("node.H13.normal")
    await session.close()
    await submit(theatre, "H13", 30)
    await submit(theatre, "H05.12.03", 30)
    await pump(theatre, sender, 20)
    store = theatre.nodes["H05"].store
    assert set(states(theatre, "H05.12.03")) == {State.SENT}
    assert set(states(theatre, "H13")) == {State.QUEUED}
    tried = [view.deliveries[0].attempts for view in store.outgoing.documents(limit=500)]
    assert sum(tried) <= 8
    [pause] = store.outgoing.pauses()
    assert pause.organ == "H13"
    assert "NO_ROUTE" in pause.why
    await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
    for _ in range(20):
        theatre.clock.advance(MINUTE)
        await pump(theatre, sender, 3)
    assert set(states(theatre, "H13")) == {State.SENT}
    assert store.outgoing.pauses() == []


async def test_a_broker_that_is_away_costs_probes_only(
    theatre: Theatre, sender: Sender, empty_axis: Node
) -> None:
    await asyncio.to_thread(empty_axis.stop)  # in order: a new queue survives no kill
    await submit(theatre, "H13", 60)
    started = await pump(theatre, sender, 3)
    for _ in range(2):
        theatre.clock.advance(timedelta(seconds=40))
        started += await pump(theatre, sender, 2)
    assert started <= 12
    store = theatre.nodes["H05"].store
    assert [pause.organ for pause in store.outgoing.pauses()] == [""]
    await asyncio.to_thread(empty_axis.start)
    async with asyncio.timeout(RESTART):
        while set(states(theatre, "H13")) != {State.SENT}:
            theatre.clock.advance(timedelta(seconds=10))
            await pump(theatre, sender, 5)
    assert store.outgoing.pauses() == []
