"""Catalogue D11, E3, E9, E10 on a real broker: its alarms, its deleted queues, what may be probed,
and copies that a publisher names.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from aiormq.exceptions import ChannelAccessRefused
from pamqp.commands import Basic

from docexchange.core.names import AXIS_EXCHANGE, queue_name, routing_key
from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.demo.rabbitmq import Node
from docexchange.edges.axis import Axis
from docexchange.edges.link import connect
from docexchange.edges.topology import apply, axis_topology, mailroom_topology
from docexchange.flow.outbox import Sender
from tests.live.rig import AXIS, ORGANS, RESTART, SOON, broker, control, node_url
from tests.records import document
from tests.theatre import Theatre

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A broker of these tests alone: its alarms stop everybody."""
    with broker(tmp_path_factory.mktemp("alarms")) as node:
        yield node


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H13": "H13"})
    yield play
    play.close()


@asynccontextmanager
async def axis_of(rabbit: Node, name: str) -> AsyncIterator[Axis]:
    axis = Axis(node_url(rabbit, name), name, rng=random.Random(name), longest=0.5)
    for publisher in axis._publishers.values():
        publisher._timeout = 1.0  # s; half a minute would be waited for nothing
    run = asyncio.create_task(axis.run())
    try:
        async with asyncio.timeout(SOON):
            await axis.ready()
        yield axis
        assert not run.done()
    finally:
        run.cancel()
        await asyncio.wait([run], timeout=SOON)


@pytest.mark.parametrize(
    ("raise_it", "lower_it"),
    [
        (("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.4")),
        (("set_disk_free_limit", "900000GB"), ("set_disk_free_limit", "50MB")),
    ],
    ids=["memory", "disk"],
)
async def test_e9_while_the_broker_has_an_alarm_submissions_are_kept(
    theatre: Theatre, empty_axis: Node, raise_it: tuple[str, ...], lower_it: tuple[str, ...]
) -> None:
    """A submission is durable in milliseconds all the same; the publish is Deferred and says that
    no confirm came; when the alarm is over all of it leaves."""
    store = theatre.nodes["H05"].store
    async with axis_of(empty_axis, "H05") as axis:
        sender = Sender(theatre.nodes["H05"].world, axis, theatre.clock, 8)

        async def submit(number: int) -> None:
            now = theatre.clock.now()
            made = document(
                f"D-{number}",
                recipients=("H13",),
                submitted_at=now,
                lifetime_ends=now + timedelta(hours=72),
            )
            async with asyncio.timeout(SOON):
                await store.outgoing.submit(made)

        async def pump() -> None:
            sender.pump(theatre.clock.now())
            await sender.drain()
            theatre.clock.advance(20 * SECOND)

        await submit(0)  # the valid neighbour
        await pump()
        assert store.outgoing.documents()[0].deliveries[0].state is State.SENT
        await control(empty_axis, *raise_it)
        try:
            for number in range(1, 6):
                await submit(number)
            for _ in range(3):
                await pump()
            waiting = [view.deliveries[0] for view in store.outgoing.documents()]
            errors = {one.last_error for one in waiting if one.state is State.QUEUED}
            assert sum(one.state is State.QUEUED for one in waiting) == 5
            assert any("not confirmed" in error for error in errors), errors
        finally:
            await control(empty_axis, *lower_it)
        async with asyncio.timeout(RESTART):
            while any(v.deliveries[0].state is not State.SENT for v in store.outgoing.documents()):
                await pump()


async def test_e10_a_deleted_queue_is_noticed_and_told_until_it_is_back(
    empty_axis: Node,
) -> None:
    """Within seconds, by the broker's own cancel; the log names the queue and the command, the link
    tries on, and once the queue is declared again messages come."""
    with structlog.testing.capture_logs() as told:
        async with axis_of(empty_axis, "H13") as ours, axis_of(empty_axis, "H05") as theirs:
            admin = await connect(empty_axis.admin_url(AXIS))
            channel = await admin.channel(confirms=False)
            await channel.queue_delete(queue_name("H13", Lane.NORMAL))
            async with asyncio.timeout(SOON):
                while not any("topology apply" in line.get("why", "") for line in told):
                    await asyncio.sleep(0.05)
            assert not ours.up
            reasons = [line["why"] for line in told if line["event"] == "connection_lost"]
            assert any("is its queue gone?" in why for why in reasons)
            assert any("node.H13.normal does not exist" in why for why in reasons)
            await admin.close()
            await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
            async with asyncio.timeout(RESTART):
                await ours.ready()
                await theirs.publish(Lane.NORMAL, "H13", b"<edXML/>", {})
                message = await ours.receive()
            assert message.body == b"<edXML/>"
            message.ack()


async def test_d11_copies_that_a_publisher_names_reach_us_by_name(empty_axis: Node) -> None:
    """A CC header has an old broker route a copy; it comes with the header in it, so that it can be
    told of, and with the publisher's own checked name."""
    async with axis_of(empty_axis, "H13") as ours:
        session = await connect(node_url(empty_axis, "H05"))
        channel = await session.channel(confirms=True)
        await channel.basic_publish(
            b"<edXML/>",
            exchange=AXIS_EXCHANGE,
            routing_key=routing_key(Lane.NORMAL, "H05"),
            properties=Basic.Properties(
                user_id="node-H05", headers={"CC": [routing_key(Lane.NORMAL, "H13")]}
            ),
        )
        await session.close()
        async with asyncio.timeout(SOON):
            message = await ours.receive()
        assert message.connection == "node-H05"
        assert "CC" in message.headers
        assert message.organ == "H05"  # the key it was published with: NOT_FOR_US at H13
        message.ack()


async def test_e3_probing_for_queues_tells_no_more_than_the_directory(empty_axis: Node) -> None:
    """RabbitMQ before 4.2.6 answers a passive declare to whoever asks. What it tells: that the node
    of a known code exists, and how much waits there. Its own queue is the valid neighbour."""
    told = []
    for name in ("node.H05.normal", "node.H13.normal"):
        session = await connect(node_url(empty_axis, "H05"))
        channel = await session.channel(confirms=False)
        try:
            told.append((await channel.queue_declare(name, passive=True)).queue)
        except ChannelAccessRefused:
            told.append("refused")
        await session.close()
    assert told[0] == "node.H05.normal"
    assert told[1] in ("refused", "node.H13.normal")
    public = re.compile(r"node\.(H05|H13)\.(receipts|urgent|normal)|docexchange\.dead|mr\.[a-z.]+")
    names = [queue.name for queue in axis_topology(ORGANS).queues + mailroom_topology().queues]
    assert names
    assert all(public.fullmatch(name) for name in names), names
