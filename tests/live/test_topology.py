"""Making and checking what must stand on a real broker."""

from __future__ import annotations

import asyncio

import pytest

from docexchange.core.errors import ConfigError, Deferred
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.link import connect
from docexchange.edges.topology import (
    LANE_BYTES,
    apply,
    axis_topology,
    check,
    mailroom_topology,
)
from tests.live.rig import AXIS, ORGANS, RESTART, control, node_url

pytestmark = pytest.mark.live


async def test_apply_twice_changes_nothing_and_check_is_content(empty_axis: Node) -> None:
    topology = axis_topology(ORGANS)
    await apply(empty_axis.admin_url(AXIS), topology)
    assert await check(empty_axis.admin_url(AXIS), topology) == []
    assert await check(node_url(empty_axis, "H05"), topology) == []


async def test_check_names_what_is_missing(empty_axis: Node) -> None:
    wider = axis_topology({**ORGANS, "H01": ["H01"]})
    missing = await check(node_url(empty_axis, "H05"), wider)
    assert missing == [f"queue node.H01.{lane}" for lane in Lane]
    assert "exchange mr.submit" in await check(empty_axis.admin_url(AXIS), mailroom_topology())


async def test_another_argument_is_named(empty_axis: Node) -> None:
    other = axis_topology(ORGANS, {**LANE_BYTES, Lane.URGENT: 12345})
    with pytest.raises(ConfigError, match=r"node\.H05\.urgent .*x-max-length-bytes.*12345"):
        await apply(empty_axis.admin_url(AXIS), other)
    await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))


async def test_a_nodes_login_may_not_apply(empty_axis: Node) -> None:
    with pytest.raises(ConfigError, match="may not declare"):
        await apply(node_url(empty_axis, "H05"), axis_topology(ORGANS))


async def test_a_broker_that_is_not_there(rabbit: Node) -> None:
    nowhere = f"amqp://admin:secret@127.0.0.1:{rabbit.port + 1}/"
    for deed in (apply, check):
        with pytest.raises(Deferred, match="did not answer") as deferred:
            await deed(nowhere, axis_topology(ORGANS))
        assert "secret" not in str(deferred.value)


async def test_what_a_mailroom_rejects_is_kept_with_the_dead(empty_mailrooms: Node) -> None:
    session = await connect(empty_mailrooms.admin_url("mr-H05"))
    channel = await session.channel(confirms=True)
    await channel.basic_publish(b"unreadable", exchange="mr.deliver", routing_key="document.H05")
    got = await channel.basic_get("mr.inbox")
    await channel.basic_reject(got.delivery_tag or 0, requeue=False)
    dead = await channel.basic_get("mr.dead.q", timeout=10)
    for _ in range(1000):  # at-least-once dead-lettering runs beside us
        if dead.body:
            break
        dead = await channel.basic_get("mr.dead.q", timeout=10)
    assert dead.body == b"unreadable"
    await session.close()


def member(verb: str, queue: str) -> tuple[str, str]:
    """The command that stops, or starts again, the only member of a quorum queue of the axis."""
    return "eval", f"ra:{verb}_server(quorum_queues, {{'{AXIS}_{queue}', node()}})."


@pytest.mark.slow
async def test_apply_waits_for_the_leader_of_each_queue(
    empty_axis: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a leader RabbitMQ 3.10 says to a passive declare that the queue stands."""
    topology = axis_topology(ORGANS)
    queue = "node.H05.normal"
    await control(empty_axis, *member("stop", queue))
    assert await check(empty_axis.admin_url(AXIS), topology) == []
    monkeypatch.setattr("docexchange.edges.topology.LEADER_WAIT", 0.2)
    with pytest.raises(Deferred, match=r"queue node\.H05\.normal has no leader"):
        await apply(empty_axis.admin_url(AXIS), topology)
    monkeypatch.undo()
    applying = asyncio.create_task(apply(empty_axis.admin_url(AXIS), topology))
    await asyncio.sleep(0)
    await control(empty_axis, *member("restart", queue))
    async with asyncio.timeout(RESTART):
        await applying


async def test_apply_takes_nothing_out_of_a_queue(empty_axis: Node) -> None:
    session = await connect(empty_axis.admin_url(AXIS))
    channel = await session.channel(confirms=True)
    await channel.basic_publish(b"waits", exchange="docexchange", routing_key="normal.H05")
    await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
    got = await channel.basic_get("node.H05.normal")
    assert (got.body, got.redelivered) == (b"waits", False)
    await session.close()
