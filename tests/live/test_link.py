"""What a link, a publisher and a consumer do when broker, caller or our own code misbehave."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from docexchange.core.errors import Deferred
from docexchange.demo.rabbitmq import Node
from docexchange.edges.consumer import Ack, Consumer
from docexchange.edges.link import Link, Lost, Session, connect
from docexchange.edges.publisher import Publisher
from tests.live.rig import RESTART, SOON, node_url

pytestmark = pytest.mark.live

QUEUE, KEY = "node.H05.normal", "normal.H05"


def link_of(rabbit: Node, opened: object) -> Link:
    return Link(node_url(rabbit, "H05"), "test", opened, rng=random.Random(1), longest=0.5)


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[asyncio.Task[None]]:
    run = asyncio.create_task(link.run())
    async with asyncio.timeout(SOON):
        await link.up.wait()
    yield run
    run.cancel()
    await asyncio.wait([run])


async def publish(publisher: Publisher, body: bytes) -> None:
    properties = Basic.Properties(message_id=publisher.attempt_id())
    await publisher.publish("docexchange", KEY, body, properties)


def stop(pid: int) -> None:
    """Stop a process; when this returns none of its threads answers any more."""
    os.kill(pid, signal.SIGSTOP)
    for thread in Path(f"/proc/{pid}/task").iterdir():
        while (
            thread.exists() and (thread / "stat").read_text().rpartition(")")[2].split()[0] != "T"
        ):
            os.sched_yield()


async def publish_at_last(publisher: Publisher) -> None:
    """The link comes back by itself; until then each attempt is Deferred."""
    while True:
        try:
            await publish(publisher, b"after")
        except Deferred:
            continue
        return


async def test_a_silent_broker_is_deferred_and_its_connection_given_up(empty_axis: Node) -> None:
    publisher = Publisher("node-H05", random.Random(1), timeout=0.3)
    async with running(link_of(empty_axis, publisher.open)):
        await publish(publisher, b"before")
        stop(empty_axis.pid)
        try:
            async with asyncio.timeout(SOON):
                results = await asyncio.gather(
                    *(publish(publisher, b"silence") for _ in range(8)), return_exceptions=True
                )
        finally:
            os.kill(empty_axis.pid, signal.SIGCONT)
        assert all(isinstance(result, Deferred) for result in results)
        assert any("no confirm in time" in str(result) for result in results)
        async with asyncio.timeout(RESTART):
            await publish_at_last(publisher)


async def test_a_cancelled_publish_begins_anew(empty_axis: Node) -> None:
    """Its confirm is unknown; the one beside it is Deferred, the next one passes."""
    publisher = Publisher("node-H05", random.Random(1))
    async with running(link_of(empty_axis, publisher.open)):
        stop(empty_axis.pid)
        try:
            tasks = [asyncio.create_task(publish(publisher, b"x")) for _ in range(2)]
            await asyncio.wait(tasks, timeout=0.1)
            tasks[0].cancel()
            await asyncio.wait(tasks, timeout=SOON)
        finally:
            os.kill(empty_axis.pid, signal.SIGCONT)
        assert tasks[0].cancelled()
        assert isinstance(tasks[1].exception(), Deferred)
        assert "given up" in str(tasks[1].exception())
        async with asyncio.timeout(RESTART):
            await publish_at_last(publisher)


async def test_a_missing_queue_is_waited_for(empty_axis: Node) -> None:
    bodies: asyncio.Queue[bytes] = asyncio.Queue()
    consumer = Consumer("node.H05.later", 1, lambda message, _: bodies.put_nowait(message.body))
    admin = await connect(empty_axis.admin_url("axis"))
    channel = await admin.channel(confirms=True)
    probe = await connect(empty_axis.admin_url("axis"))
    with pytest.raises(Lost, match="topology apply"):
        await consumer.open(probe)
    await probe.close()
    link = Link(
        empty_axis.admin_url("axis"), "test", consumer.open, rng=random.Random(1), longest=0.5
    )
    run = asyncio.create_task(link.run())
    await channel.queue_declare("node.H05.later", durable=True)
    async with asyncio.timeout(SOON):
        await link.up.wait()
        await channel.basic_publish(b"x", routing_key="node.H05.later")
        assert await bodies.get() == b"x"
    run.cancel()
    await asyncio.wait([run])
    await channel.queue_delete("node.H05.later")
    await admin.close()


async def test_a_bug_in_taking_a_message_ends_the_link(empty_axis: Node) -> None:
    """aiormq would log it and leave the message unacked for ever."""

    def take(message: DeliveredMessage, ack: Ack) -> None:
        raise ZeroDivisionError("a bug of ours")

    publisher = Publisher("node-H05", random.Random(1))
    consumer = Consumer(QUEUE, 1, take)

    async def opened(session: Session) -> None:
        await publisher.open(session)
        await consumer.open(session)

    async with running(link_of(empty_axis, opened)) as run:
        with pytest.raises(Deferred):  # its confirm may come first, or the end of the connection
            for _ in range(1000):
                await publish(publisher, b"x")
        async with asyncio.timeout(SOON):
            with pytest.raises(ZeroDivisionError, match="a bug of ours"):
                await run


async def test_acks_are_written_before_the_farewell(empty_axis: Node) -> None:
    """30, since RabbitMQ itself forgets what a closing channel has acked beyond 32 in one burst
    (soft limit of its quorum queue client); those are delivered again."""
    publisher = Publisher("node-H05", random.Random(1))
    acks: asyncio.Queue[Ack] = asyncio.Queue()
    consumer = Consumer(QUEUE, 30, lambda _, ack: acks.put_nowait(ack))
    async with running(link_of(empty_axis, publisher.open)):
        await asyncio.gather(*(publish(publisher, b"x") for _ in range(30)))
    async with running(link_of(empty_axis, consumer.open)), asyncio.timeout(SOON):
        for ack in [await acks.get() for _ in range(30)]:
            ack()
    session = await connect(empty_axis.admin_url("axis"))
    channel = await session.channel(confirms=False)
    assert not (await channel.queue_declare(QUEUE, passive=True)).message_count
    await session.close()


async def test_a_broker_that_answers_nothing_is_cut(empty_axis: Node) -> None:
    session = await connect(node_url(empty_axis, "H05"))
    await session.channel(confirms=False)
    stop(empty_axis.pid)
    try:
        async with asyncio.timeout(SOON):
            await session.close()
    finally:
        os.kill(empty_axis.pid, signal.SIGCONT)
    assert session.why == "closed by us"
