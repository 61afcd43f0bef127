"""What a node's and a mailroom's login may not do, asked of a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError, ChannelAccessRefused, ChannelPreconditionFailed
from pamqp.commands import Basic

from docexchange.demo.rabbitmq import Node
from docexchange.edges.link import Lost, connect
from tests.live.rig import MAILROOMS, PASSWORD, SOON, mailroom_url, node_url

pytestmark = pytest.mark.live

Deed = Callable[[Channel], Awaitable[object]]


async def nothing(_: object) -> None:
    """A consumer that is never called."""


def publish(exchange: str, key: str, user: str | None = None) -> Deed:
    properties = Basic.Properties(user_id=user)
    return lambda channel: channel.basic_publish(
        b"x", exchange=exchange, routing_key=key, mandatory=True, properties=properties
    )


def consume(queue: str) -> Deed:
    return lambda channel: channel.basic_consume(queue, nothing)


def declare(queue: str) -> Deed:
    return lambda channel: channel.queue_declare(queue, durable=True)


def bind(queue: str, exchange: str, key: str) -> Deed:
    return lambda channel: channel.queue_bind(queue, exchange, key)


@pytest.fixture
async def broker(empty_axis: Node, empty_mailrooms: Node) -> AsyncIterator[Node]:
    yield empty_axis


async def attempt(url: str, deed: Deed) -> AMQPError | None:
    """The broker's refusal, or None when the deed is done."""
    session = await connect(url)
    try:
        channel = await session.channel(confirms=True)
        async with asyncio.timeout(SOON):
            await deed(channel)
    except AMQPError as refusal:
        return refusal
    finally:
        await session.close()
    return None


ON_AXIS = {
    "publish to the axis": (publish("docexchange", "normal.H13", "node-H05"), None),
    "read its own lane": (consume("node.H05.normal"), None),
    "read another node's lane": (consume("node.H13.normal"), ChannelAccessRefused),
    "read the dead": (consume("docexchange.dead"), ChannelAccessRefused),
    "publish to the default exchange": (publish("", "node.H13.normal"), ChannelAccessRefused),
    "publish to the dead": (publish("docexchange.dead", ""), ChannelAccessRefused),
    "declare a queue": (declare("node.H05.more"), ChannelAccessRefused),
    "delete its lane": (
        lambda channel: channel.queue_delete("node.H05.normal"),
        ChannelAccessRefused,
    ),
    "bind its lane": (bind("node.H05.normal", "docexchange", "normal.H13"), ChannelAccessRefused),
    "publish as another": (
        publish("docexchange", "normal.H13", "node-H13"),
        ChannelPreconditionFailed,
    ),
}

ON_MAILROOM = {
    "submit": (publish("mr.submit", "submit.document", "mailroom-H05"), None),
    "read its inbox": (consume("mr.inbox"), None),
    "read its events": (consume("mr.events"), None),
    "read its replies": (consume("mr.replies"), None),
    "read what it submitted": (consume("mr.submit.q"), ChannelAccessRefused),
    "put into its inbox": (publish("mr.deliver", "document.H05"), ChannelAccessRefused),
    "publish to the default exchange": (publish("", "mr.inbox"), ChannelAccessRefused),
    "declare a queue": (declare("mr.mine"), ChannelAccessRefused),
    "submit as another": (
        publish("mr.submit", "submit.document", "node-H05"),
        ChannelPreconditionFailed,
    ),
}


@pytest.mark.parametrize("deed", ON_AXIS)
async def test_a_node_on_the_axis(broker: Node, deed: str) -> None:
    do, refusal = ON_AXIS[deed]
    got = await attempt(node_url(broker, "H05"), do)
    assert type(got) is (refusal or type(None)), got


@pytest.mark.parametrize("deed", ON_MAILROOM)
async def test_a_mailroom_on_its_vhost(broker: Node, deed: str) -> None:
    do, refusal = ON_MAILROOM[deed]
    got = await attempt(mailroom_url(broker, "H05"), do)
    assert type(got) is (refusal or type(None)), got


async def test_a_node_on_a_mailrooms_vhost(broker: Node) -> None:
    url = node_url(broker, "H05", "mr-H05")
    assert await attempt(url, consume("mr.submit.q")) is None
    assert await attempt(url, publish("mr.deliver", "document.H05", "node-H05")) is None
    assert type(await attempt(url, consume("mr.inbox"))) is ChannelAccessRefused
    assert type(await attempt(url, publish("mr.submit", "submit.x"))) is ChannelAccessRefused


async def test_nobody_enters_another_vhost_or_with_a_wrong_password(broker: Node) -> None:
    await (await connect(node_url(broker, "H05"))).close()
    with pytest.raises(Lost, match="axis"):
        await connect(broker.url(MAILROOMS[0].user, PASSWORD, "axis"))
    with pytest.raises(Lost, match="login refused"):
        await connect(broker.url("node-H05", "guessed", "axis"))
    with pytest.raises(Lost) as lost:
        await connect(broker.url("node-H05", "gues-sed", "mr-H13"))
    assert "gues-sed" not in str(lost.value)
