"""Attack catalogue D11, E2, E5 and peer failure 22 on a real broker."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pamqp.commands import Basic

from docexchange.core.errors import Deferred
from docexchange.core.names import AXIS_EXCHANGE, routing_key
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.axis import Axis
from docexchange.edges.link import connect
from tests.live.rig import AXIS, RESTART, SOON, node_url
from tests.torture.proxy import Fault, Proxy

pytestmark = pytest.mark.live


def nested(depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {"end": 1}
    for _ in range(depth):
        table = {"t": table}
    return table


HEADERS: dict[str, dict[str, Any]] = {
    "line ends": {"x-tracking-id": "a\r\nX-Admin: yes\u2028b"},
    "long": {"x-sha256": "A" * 100_000},
    "deep tables": {"x-kind": nested(100)},
    "forged death": {"x-death": [{"queue": "node.H13.normal", "count": 99}]},
    "numbers for words": {"x-tracking-id": 7, "x-kind": None, "x-sha256": True},
}


def axis_at(url: str, node: str) -> Axis:
    return Axis(url, node, rng=random.Random(node), longest=0.5)


async def publish_raw(rabbit: Node, body: bytes, **properties: Any) -> None:
    session = await connect(rabbit.admin_url(AXIS))
    channel = await session.channel(confirms=True)
    await channel.basic_publish(
        body,
        exchange=AXIS_EXCHANGE,
        routing_key=routing_key(Lane.NORMAL, "H13"),
        properties=Basic.Properties(delivery_mode=2, **properties),
    )
    await session.close()


@pytest.mark.parametrize("name", HEADERS)
async def test_d11_headers_decide_nothing(empty_axis: Node, name: str) -> None:
    """Whatever stands in headers and properties, body, organ and lane are what was routed."""
    axis = axis_at(node_url(empty_axis, "H13"), "H13")
    run = asyncio.create_task(axis.run())
    try:
        async with asyncio.timeout(SOON):
            await axis.ready()
            await publish_raw(
                empty_axis,
                b"<edXML/>",
                headers=HEADERS[name],
                reply_to="amq.rabbitmq.reply-to.none",
                expiration="600000",
                priority=255,
                message_type="\r\n",
                content_encoding="gzip",
            )
            message = await axis.receive()
        assert (message.organ, message.lane, message.body) == ("H13", Lane.NORMAL, b"<edXML/>")
        message.ack()
    finally:
        run.cancel()
        await asyncio.wait([run])


async def test_e2_who_gives_no_user_id_is_nobody(empty_axis: Node) -> None:
    """A missing user_id is an anonymous sender; a wrong one is refused (test_permissions)."""
    axis = axis_at(node_url(empty_axis, "H13"), "H13")
    run = asyncio.create_task(axis.run())
    try:
        async with asyncio.timeout(SOON):
            await axis.ready()
            await publish_raw(empty_axis, b"<edXML/>")
            message = await axis.receive()
        assert message.connection == ""
        message.ack()
    finally:
        run.cancel()
        await asyncio.wait([run])


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.CUT_AFTER_CONFIRM, Fault.HALF_OPEN])
async def test_e5_a_line_that_fails_again_and_again_loses_nothing(
    empty_axis: Node, fault: Fault
) -> None:
    """Closed again and again, confirms that never come: each publish is Deferred or confirmed, and
    whatever was confirmed is there."""
    proxy = Proxy(empty_axis.port, random.Random(0))
    await proxy.open()
    url = node_url(empty_axis, "H05").replace(f":{empty_axis.port}/", f":{proxy.port}/")
    sender, receiver = axis_at(url, "H05"), axis_at(node_url(empty_axis, "H13"), "H13")
    runs = [asyncio.create_task(axis.run()) for axis in (sender, receiver)]
    confirmed: set[bytes] = set()
    deferred = 0
    try:
        async with asyncio.timeout(RESTART):
            await receiver.ready()
            for number in range(60):
                await sender.ready()
                if number % 10 == 5:
                    proxy.strike(fault)
                    asyncio.get_running_loop().call_later(0.3, proxy.heal)
                body = f"<edXML>{number}</edXML>".encode()
                try:
                    await sender.publish(Lane.NORMAL, "H13", body, {})
                except Deferred:
                    deferred += 1
                else:
                    confirmed.add(body)
            arrived: set[bytes] = set()
            while not confirmed <= arrived:
                message = await receiver.receive()
                arrived.add(message.body)
                message.ack()
        assert deferred >= 1
        assert len(confirmed) + deferred == 60
    finally:
        for run in runs:
            run.cancel()
        await asyncio.wait(runs)
        await proxy.close()
