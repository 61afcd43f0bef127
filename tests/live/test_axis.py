"""The axis on a real broker: what is confirmed is there, what is not is Deferred, nothing hangs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from docexchange.core.errors import Deferred, DeliveryRefused
from docexchange.core.names import queue_name
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.axis import PREFETCH, Axis, AxisMessage
from docexchange.edges.link import connect
from docexchange.edges.topology import LANE_BYTES, apply, axis_topology
from tests.live.rig import AXIS, MAX_MESSAGE, ORGANS, RESTART, SOON, fresh, node_url

pytestmark = pytest.mark.live


@asynccontextmanager
async def axis_of(
    rabbit: Node, node: str, prefetch: Mapping[Lane, int] = PREFETCH
) -> AsyncIterator[Axis]:
    axis = Axis(
        node_url(rabbit, node), node, rng=random.Random(node), prefetch=prefetch, longest=1.0
    )
    run = asyncio.create_task(axis.run())
    try:
        async with asyncio.timeout(SOON):
            await axis.ready()
        yield axis
    finally:
        run.cancel()
        await asyncio.wait([run], timeout=SOON)
        assert run.cancelled()


async def receive(axis: Axis, seconds: float = SOON) -> AxisMessage:
    async with asyncio.timeout(seconds):
        return await axis.receive()


async def depth(rabbit: Node, queue: str) -> int:
    session = await connect(rabbit.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    declared = await channel.queue_declare(queue, passive=True)
    await session.close()
    return declared.message_count or 0


async def test_an_envelope_reaches_the_lane_of_its_organ(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as sender, axis_of(empty_axis, "H13") as receiver:
        for lane in Lane:
            body = f"<edXML>{lane}</edXML>".encode()
            await sender.publish(lane, "H13", body, {"x-tracking-id": "T1"})
            message = await receive(receiver)
            assert (message.organ, message.lane, message.body) == ("H13", lane, body)
            assert message.connection == "node-H05"
            assert not message.redelivered
            message.ack()


async def test_two_organs_of_one_node_reach_each_other(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        await axis.publish(Lane.NORMAL, "H05.12.03", b"down", {})
        await axis.publish(Lane.NORMAL, "H05", b"up", {})
        down, up = await receive(axis), await receive(axis)
        assert (down.organ, up.organ) == ("H05.12.03", "H05")


async def test_an_acked_message_is_gone_and_an_unacked_one_comes_again(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        await axis.publish(Lane.NORMAL, "H05", b"acked", {})
        await axis.publish(Lane.NORMAL, "H05", b"kept", {})
        first, _ = await receive(axis), await receive(axis)
        first.ack()
        first.ack()  # once is enough, twice does no harm
    async with axis_of(empty_axis, "H05") as axis:
        again = await receive(axis)
        assert (again.body, again.redelivered) == (b"kept", True)
        again.ack()
    assert await depth(empty_axis, queue_name("H05", Lane.NORMAL)) == 0


async def test_many_publishes_at_once_are_all_confirmed_and_arrive_once(empty_axis: Node) -> None:
    bodies = [f"{number}".encode() for number in range(500)]
    async with axis_of(empty_axis, "H05") as sender, axis_of(empty_axis, "H13") as receiver:

        async def take() -> list[bytes]:
            taken = []
            while len(taken) < len(bodies):
                message = await receive(receiver)
                taken.append(message.body)
                message.ack()
            return taken

        taking = asyncio.create_task(take())
        await asyncio.gather(*(sender.publish(Lane.NORMAL, "H13", body, {}) for body in bodies))
        assert sorted(await taking) == sorted(bodies)


async def test_a_large_body_arrives_whole(empty_axis: Node) -> None:
    body = random.Random(1).randbytes(8 * 1024 * 1024)
    async with axis_of(empty_axis, "H05") as axis:
        await axis.publish(Lane.NORMAL, "H05", body, {})
        message = await receive(axis)
        assert message.body == body
        message.ack()


async def test_no_route_is_deferred_and_the_next_publish_passes(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        results = await asyncio.gather(
            axis.publish(Lane.NORMAL, "H99", b"nowhere", {}),
            axis.publish(Lane.NORMAL, "H05", b"here", {}),
            return_exceptions=True,
        )
        assert isinstance(results[0], Deferred)
        assert "NO_ROUTE" in str(results[0])
        assert results[1] is None
        assert (await receive(axis)).body == b"here"


async def test_a_full_queue_is_deferred(rabbit: Node) -> None:
    await fresh(rabbit, AXIS, axis_topology(ORGANS, {**LANE_BYTES, Lane.NORMAL: 2000}))
    async with axis_of(rabbit, "H05") as axis:
        with pytest.raises(Deferred, match=r"nack.*full"):
            for _ in range(100):  # a quorum queue overshoots by a few
                await axis.publish(Lane.NORMAL, "H13", b"x" * 1000, {})
        await axis.publish(Lane.URGENT, "H13", b"another lane", {})


async def test_too_large_is_refused_and_its_neighbours_are_deferred(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        with pytest.raises(DeliveryRefused, match="max_message_size"):
            await axis.publish(Lane.NORMAL, "H13", bytes(MAX_MESSAGE + 1), {})
        await axis.publish(Lane.NORMAL, "H13", bytes(MAX_MESSAGE // 4), {})


async def test_without_run_a_publish_is_deferred(empty_axis: Node) -> None:
    axis = Axis(node_url(empty_axis, "H05"), "H05", rng=random.Random(1))
    with pytest.raises(Deferred, match="no connection"):
        async with asyncio.timeout(SOON):
            await axis.publish(Lane.NORMAL, "H05", b"x", {})


@pytest.mark.slow
async def test_a_killed_broker_comes_back_with_what_it_confirmed(empty_axis: Node) -> None:
    """SIGKILL in the middle of publishing: each publish ends confirmed or Deferred; after the
    restart, without anyone's help, all that was confirmed arrives and what was in hand again."""
    # RabbitMQ keeps the name of a new queue in memory for about 3 s (DETS, delayed write): one that
    # is killed earlier comes back with a queue that nobody leads. A stop in order writes it.
    await asyncio.to_thread(empty_axis.stop)
    await asyncio.to_thread(empty_axis.start)
    async with axis_of(empty_axis, "H05") as sender, axis_of(empty_axis, "H13") as receiver:
        await sender.publish(Lane.NORMAL, "H13", b"in hand", {})
        in_hand = await receive(receiver)
        confirmed: set[bytes] = {b"in hand"}
        deferred = asyncio.Event()

        async def publish(worker: int) -> None:
            for number in range(100_000):
                body = f"{worker}/{number}".encode()
                try:
                    await sender.publish(Lane.URGENT, "H13", body, {})
                except Deferred:
                    deferred.set()
                    return
                confirmed.add(body)
                if len(confirmed) == 200:
                    await asyncio.to_thread(empty_axis.kill)

        async with asyncio.timeout(SOON):
            await asyncio.gather(*(publish(worker) for worker in range(16)))
        assert deferred.is_set()
        in_hand.ack()  # the connection is dead: no harm, and it comes again

        await asyncio.to_thread(empty_axis.start)
        async with asyncio.timeout(RESTART):
            await sender.ready()
            await sender.publish(Lane.NORMAL, "H13", b"after", {})
        wanted = confirmed | {b"after"}
        seen: dict[bytes, bool] = {}
        while not wanted <= seen.keys():
            message = await receive(receiver, RESTART)
            seen[message.body] = message.redelivered
            message.ack()
        assert seen[b"in hand"] is True


async def test_a_deleted_queue_ends_the_consuming_and_it_comes_back(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        await axis.publish(Lane.NORMAL, "H05", b"gone with its queue", {})
        taken = await receive(axis)
        await delete(empty_axis, queue_name("H05", Lane.NORMAL))
        await stale(taken)
        with pytest.raises(Deferred, match="NO_ROUTE"):
            await axis.publish(Lane.NORMAL, "H05", b"no queue", {})
        await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
        await axis.publish(Lane.NORMAL, "H05", b"again", {})
        assert (await receive(axis, RESTART)).body == b"again"


async def test_what_came_over_a_broken_connection_is_handed_over_once(empty_axis: Node) -> None:
    async with axis_of(empty_axis, "H05") as axis:
        await axis.publish(Lane.NORMAL, "H05", b"taken", {})
        taken = await receive(axis)
        await axis.publish(Lane.NORMAL, "H05", b"waiting", {})
        await delete(empty_axis, queue_name("H05", Lane.RECEIPTS))  # breaks the connection
        await stale(taken)
        await apply(empty_axis.admin_url(AXIS), axis_topology(ORGANS))
        messages = [await receive(axis, RESTART) for _ in range(2)]
        assert [message.body for message in messages] == [b"taken", b"waiting"]
        assert all(message.redelivered for message in messages)
        for message in messages:
            message.ack()
    assert await depth(empty_axis, queue_name("H05", Lane.NORMAL)) == 0


async def stale(message: AxisMessage) -> None:
    """Wait until the broker's cancellation of the consumer has ended the connection."""
    async with asyncio.timeout(SOON):
        while not message.acknowledge.stale:
            await asyncio.sleep(0)


async def delete(rabbit: Node, queue: str) -> None:
    session = await connect(rabbit.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    await channel.queue_delete(queue)
    await session.close()
