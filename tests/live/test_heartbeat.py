"""Catalogue E10 on a real broker: what AMQP's heartbeat does not see, ours does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from docexchange.core.names import AXIS_EXCHANGE, SUBMIT_QUEUE, queue_name, routing_key
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.axis import Axis
from docexchange.edges.heartbeat import LaneStuck, Pace
from docexchange.edges.link import Session, connect
from docexchange.edges.topology import apply, axis_topology, mailroom_topology
from tests.live.rig import AXIS, ORGANS, RESTART, SOON, exchange, node_url
from tests.torture.proxy import Fault, Proxy

pytestmark = pytest.mark.live

QUICK = Pace(every=0.1, silent=0.5, longest=2.0, told=1.0, sessions=1000)


runs: dict[Axis, asyncio.Task[None]] = {}


@asynccontextmanager
async def beating(url: str, consuming: list[Session] | None = None) -> AsyncIterator[Axis]:
    """A node that beats; `consuming` gets the sessions that it consumes on."""
    axis = Axis(url, "H13", rng=random.Random(13), longest=0.3, organ="H13", pace=QUICK)
    link, sessions = axis._links[1], [] if consuming is None else consuming
    opened = link._opened

    async def noted(session: Session) -> None:
        sessions.append(session)
        await opened(session)

    link._opened = noted
    for publisher in axis._publishers.values():
        publisher._timeout = 0.5  # s; half a minute would be waited for nothing
    run = runs[axis] = asyncio.create_task(axis.run())
    try:
        async with asyncio.timeout(SOON):
            await axis.ready()
        yield axis
    finally:
        runs.pop(axis).cancel()
        await asyncio.wait([run], timeout=SOON)


async def until_told(axis: Axis, words: str) -> None:
    async with asyncio.timeout(SOON):
        while words not in axis.trouble:
            await asyncio.sleep(0.02)


async def until_calm(axis: Axis) -> None:
    async with asyncio.timeout(RESTART):
        while axis.trouble or not axis.up:
            await asyncio.sleep(0.02)


async def test_beats_come_back_and_reach_no_one(empty_axis: Node) -> None:
    async with beating(node_url(empty_axis, "H13")) as axis:
        await asyncio.sleep(3 * QUICK.told)
        assert axis.trouble == ""
        assert axis._arrived.empty()
    session = await connect(empty_axis.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    for lane in Lane:
        left = await channel.queue_declare(queue_name("H13", lane), passive=True)
        assert (left.message_count or 0) <= 1  # the one that was under way
    await session.close()


async def test_e10_a_deleted_queue_is_told_and_calm_when_it_is_back(empty_axis: Node) -> None:
    async with beating(node_url(empty_axis, "H13")) as axis:
        admin = await connect(empty_axis.admin_url(AXIS))
        channel = await admin.channel(confirms=False)
        await channel.queue_delete(queue_name("H13", Lane.NORMAL))
        await admin.close()
        await until_told(axis, "queue node.H13.normal does not exist: run `docexchange topology")
        await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
        await until_calm(axis)


async def test_e10_a_binding_that_was_taken_away_is_told(empty_axis: Node) -> None:
    async with beating(node_url(empty_axis, "H13")) as axis:
        admin = await connect(empty_axis.admin_url(AXIS))
        channel = await admin.channel(confirms=False)
        key = routing_key(Lane.URGENT, "H13")
        await channel.queue_unbind(queue_name("H13", Lane.URGENT), AXIS_EXCHANGE, key)
        await admin.close()
        await until_told(axis, "NO_ROUTE")
        assert axis.trouble.startswith("urgent:")
        await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
        await until_calm(axis)


async def test_e10_a_consumer_that_the_broker_lost_is_replaced(empty_axis: Node) -> None:
    """The connection stands, the broker says nothing, nothing comes."""
    sessions: list[Session] = []
    with structlog.testing.capture_logs() as logged:
        async with beating(node_url(empty_axis, "H13"), sessions) as axis:
            channels = sessions[0]._connection.channels
            lost = next(one for one in channels.values() if one is not None and one.consumers)
            await lost.basic_cancel(next(iter(lost.consumers)))
            async with asyncio.timeout(SOON):
                while not any("did not come back" in line.get("why", "") for line in logged):
                    await asyncio.sleep(0.02)
            await until_calm(axis)
    assert len(sessions) > 1


async def test_e10_a_lane_that_stays_silent_ends_the_node(
    empty_axis: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the supervisor. Here the queue is consumed by another, who got there first: nothing
    comes back however often we connect."""
    monkeypatch.setattr("tests.live.test_heartbeat.QUICK", replace(QUICK, sessions=2))
    other = await connect(empty_axis.admin_url(AXIS))
    channel = await other.channel(confirms=False)

    async def take(_message: object) -> None:
        """And never ack."""

    queue = queue_name("H13", Lane.URGENT)
    await channel.queue_declare(queue, passive=True)
    await channel.basic_consume(queue, take, arguments={"x-priority": 10})
    with pytest.raises(ExceptionGroup) as ended:
        async with beating(node_url(empty_axis, "H13")) as axis, asyncio.timeout(RESTART):
            await runs[axis]
    assert ended.group_contains(LaneStuck, match="lane urgent: .* over 2 connections")
    await other.close()


async def test_e10_a_black_hole_is_told_and_over_when_it_heals(empty_axis: Node) -> None:
    proxy = Proxy(empty_axis.port, random.Random(1))
    await proxy.open()
    try:
        url = node_url(empty_axis, "H13").replace(f":{empty_axis.port}/", f":{proxy.port}/")
        async with beating(url) as axis:
            proxy.strike(Fault.BLACK_HOLE)
            await until_told(axis, "receipts, urgent, normal")
            assert proxy.struck[Fault.BLACK_HOLE]
            proxy.heal()
            await until_calm(axis)
    finally:
        await proxy.close()


async def test_e10_the_daemon_journals_the_trouble_and_its_end(
    empty_axis: Node,
    empty_mailrooms: Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("docexchange.edges.axis.Pace", lambda: QUICK)
    async with exchange(tmp_path, empty_axis) as configs:
        admin = await connect(empty_axis.admin_url(AXIS))
        channel = await admin.channel(confirms=False)
        await channel.queue_delete(queue_name("H13", Lane.URGENT))
        await admin.close()
        store = configs["H13"].store
        async with asyncio.timeout(RESTART):
            while not any("node.H13.urgent does not exist" in line for line in axis_lines(store)):
                await asyncio.sleep(0.1)
            await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
            while '"carries":true' not in axis_lines(store)[-1]:
                await asyncio.sleep(0.1)
            while handed_over(store)[-2:] != ["down", "up"]:
                await asyncio.sleep(0.1)
    neighbour = axis_lines(configs["H05"].store)  # may have had a slow start
    assert not any("does not exist" in line for line in neighbour)


async def test_e10_the_daemon_journals_a_mailroom_that_it_cannot_hear(
    empty_axis: Node,
    empty_mailrooms: Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its vhost, and no other's; over when topology was applied, without a restart."""
    monkeypatch.setattr("docexchange.edges.mailroom.PACE", QUICK)
    async with exchange(tmp_path, empty_axis) as configs:
        admin = await connect(empty_mailrooms.admin_url("mr-H13"))
        channel = await admin.channel(confirms=False)
        await channel.queue_delete(SUBMIT_QUEUE)
        await admin.close()
        store = configs["H13"].store
        async with asyncio.timeout(RESTART):
            while not any("mr.submit.q does not exist" in line for line in told(store)):
                await asyncio.sleep(0.1)
            await apply(empty_mailrooms.admin_url("mr-H13"), mailroom_topology())
            while '"carries":true' not in told(store)[-1]:
                await asyncio.sleep(0.1)
    assert all('"ref":"mr-H13"' in line for line in told(store))
    assert not any("does not exist" in line for line in told(configs["H05"].store))


def handed_over(store: Path) -> list[str]:
    """What the mailroom was told of the axis, as far as the broker has it."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as reader:
        rows = reader.execute(
            "SELECT body FROM mailroom_messages WHERE sent_at IS NOT NULL"
            " AND type = 'vn.docexchange.gateway.health.v1' ORDER BY id"
        ).fetchall()
    return [json.loads(body)["data"]["axis"] for (body,) in rows]


def axis_lines(store: Path) -> list[str]:
    """What the journal says of the axis."""
    return told(store, "axis")


def told(store: Path, event: str = "mailroom") -> list[str]:
    """What the journal says of the mailrooms, or of something else."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as reader:
        rows = reader.execute("SELECT line FROM journal ORDER BY number").fetchall()
    return [line for (line,) in rows if f'"event":"{event}"' in line]
