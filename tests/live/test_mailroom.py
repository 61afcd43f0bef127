"""The mailrooms on a real broker: a stock AMQP client on one side, our edge on the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
import structlog

from docexchange.core.errors import Deferred, Misuse
from docexchange.core.model import MailroomMessage
from docexchange.demo.rabbitmq import Node
from docexchange.edges.heartbeat import Pace
from docexchange.edges.link import Session, connect
from docexchange.edges.mailroom import Mailrooms
from docexchange.edges.topology import apply, mailroom_topology
from tests.live.rig import MAX_MESSAGE, ORGANS, PASSWORD, RESTART, SOON, mailroom_url

pytestmark = [pytest.mark.live, pytest.mark.off_contract]  # the wire alone: bodies mean nothing


QUICK = Pace(every=0.2, silent=2.0, longest=5.0, told=1.0, sessions=1000)  # of the looks, in s


@asynccontextmanager
async def mailrooms_of(
    rabbit: Node, node: str, pace: Pace | None = None, taking: list[Session] | None = None
) -> AsyncIterator[Mailrooms]:
    """`taking` gets the sessions on which submissions come."""
    url = rabbit.url(f"node-{node}", PASSWORD, "")
    mailrooms = Mailrooms(url, [f"mr-{node}"], rng=random.Random(node), longest=1.0, pace=pace)
    link, sessions = mailrooms._takes[f"mr-{node}"][0], [] if taking is None else taking
    opened = link._opened

    async def noted(session: Session) -> None:
        sessions.append(session)
        await opened(session)

    link._opened = noted
    run = asyncio.create_task(mailrooms.run())
    try:
        async with asyncio.timeout(SOON):
            await mailrooms.ready()
        yield mailrooms
    finally:
        run.cancel()
        await asyncio.wait([run], timeout=SOON)
        assert run.cancelled()


@asynccontextmanager
async def clerk_of(rabbit: Node, name: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """What an integrator writes: aio-pika, nothing declared."""
    connection = await aio_pika.connect(mailroom_url(rabbit, name))
    async with connection:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)


async def submit(channel: aio_pika.abc.AbstractChannel, key: str, **properties: object) -> None:
    exchange = await channel.get_exchange("mr.submit", ensure=False)
    message = aio_pika.Message(b"<edXML/>", delivery_mode=2, **properties)
    await exchange.publish(message, key, mandatory=True)


def message(key: str, message_id: str, body: bytes | None = b"{}") -> MailroomMessage:
    return MailroomMessage(
        vhost="mr-H05",
        routing_key=key,
        message_id=message_id,
        type="document.deliver.v1",
        content_type="application/xml",
        headers={"x-contract": "mailroom/1", "x-signer": "UBND tỉnh Cần Thơ"},
        body=body,
        correlation_id="the-submission",
    )


async def test_a_submission_arrives_with_its_properties(empty_mailrooms: Node) -> None:
    async with (
        mailrooms_of(empty_mailrooms, "H05") as ours,
        clerk_of(empty_mailrooms, "H05") as clerk,
    ):
        await submit(
            clerk,
            "submit.document",
            message_id="m-1",
            type="document.submit.v1",
            content_type="application/xml",
            content_encoding="identity",
            headers={"x-contract": "mailroom/1"},
            user_id="mailroom-H05",
        )
        async with asyncio.timeout(SOON):
            taken = await ours.receive()
        assert (taken.vhost, taken.routing_key) == ("mr-H05", "submit.document")
        assert (taken.message_id, taken.type) == ("m-1", "document.submit.v1")
        assert (taken.content_type, taken.content_encoding) == ("application/xml", "identity")
        assert taken.headers["x-contract"] == "mailroom/1"
        assert taken.body == b"<edXML/>"
        taken.ack()
    async with mailrooms_of(empty_mailrooms, "H05") as ours:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ours.receive()


async def test_a_submission_without_properties_arrives_too(empty_mailrooms: Node) -> None:
    async with (
        mailrooms_of(empty_mailrooms, "H05") as ours,
        clerk_of(empty_mailrooms, "H05") as clerk,
    ):
        await submit(clerk, "submit.status")
        async with asyncio.timeout(SOON):
            taken = await ours.receive()
        assert (taken.routing_key, taken.type) == ("submit.status", "")
        assert (taken.content_type, taken.content_encoding) == ("", "")
        assert taken.headers == {}


async def test_each_kind_of_message_reaches_its_queue(empty_mailrooms: Node) -> None:
    expected = {
        "mr.inbox": "document.H05-12-03",
        "mr.replies": "reply.accepted",
        "mr.events": "event.transport",
    }
    async with (
        mailrooms_of(empty_mailrooms, "H05") as ours,
        clerk_of(empty_mailrooms, "H05") as clerk,
    ):
        for queue, key in expected.items():
            await ours.publish(message(key, f"id of {queue}", b"<edXML/>"))
            got = await (await clerk.get_queue(queue, ensure=False)).get()
            assert (got.routing_key, got.message_id) == (key, f"id of {queue}")
            assert (got.type, got.content_type) == ("document.deliver.v1", "application/xml")
            assert (got.correlation_id, got.user_id) == ("the-submission", "node-H05")
            assert got.headers["x-signer"] == "UBND tỉnh Cần Thơ"
            assert got.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert got.body == b"<edXML/>"
            await got.ack()


async def test_messages_published_together_keep_their_order(empty_mailrooms: Node) -> None:
    """Small ones do not overtake large ones: a mailroom sees its events in order."""
    rng = random.Random(5)
    bodies = [rng.randbytes(rng.choice((10, 600_000))) for _ in range(24)]
    async with (
        mailrooms_of(empty_mailrooms, "H05") as ours,
        clerk_of(empty_mailrooms, "H05") as clerk,
    ):
        await asyncio.gather(
            *(ours.publish(message("event.x", f"{n}", body)) for n, body in enumerate(bodies))
        )
        queue = await clerk.get_queue("mr.events", ensure=False)
        for body in bodies:
            got = await queue.get(no_ack=True)
            assert got.body == body


async def test_what_has_no_way_out(empty_mailrooms: Node) -> None:
    async with mailrooms_of(empty_mailrooms, "H05") as ours:
        with pytest.raises(Deferred, match="NO_ROUTE"):
            await ours.publish(message("nothing.here", "m-1"))
        with pytest.raises(Misuse, match="no way out"):
            await ours.publish(message("event.x", "m-2", None))
        with pytest.raises(Deferred, match="max_message_size"):
            await ours.publish(message("document.H05", "m-3", bytes(MAX_MESSAGE + 1)))
        await ours.publish(message("event.x", "m-4"))


async def test_a_node_serves_only_the_mailrooms_of_its_rights(empty_mailrooms: Node) -> None:
    """A vhost that refuses the login is tried for ever and delays no other."""
    url = empty_mailrooms.url("node-H05", PASSWORD, "")
    both = Mailrooms(url, [f"mr-{name}" for name in ORGANS], rng=random.Random(1), longest=0.2)
    run = asyncio.create_task(both.run())
    async with clerk_of(empty_mailrooms, "H05") as clerk:
        await submit(clerk, "submit.document", message_id="m-1")
        async with asyncio.timeout(SOON):
            assert (await both.receive()).message_id == "m-1"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await both.ready()
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()


async def test_e10_submissions_come_again_after_their_queue_was_deleted_and_made_anew(
    empty_mailrooms: Node,
) -> None:
    """Told as long as the queue is away; nobody restarts anything."""
    async with mailrooms_of(empty_mailrooms, "H05", QUICK) as ours:
        admin = await connect(empty_mailrooms.admin_url("mr-H05"))
        channel = await admin.channel(confirms=False)
        await channel.queue_delete("mr.submit.q")
        async with asyncio.timeout(SOON):
            while "mr.submit.q does not exist" not in ours.trouble.get("mr-H05", ""):
                await asyncio.sleep(0.02)
        await admin.close()
        await apply(empty_mailrooms.admin_url("mr-H05"), mailroom_topology())
        async with asyncio.timeout(RESTART):
            await ours.ready()
            while ours.trouble:
                await asyncio.sleep(0.02)
        async with clerk_of(empty_mailrooms, "H05") as clerk:
            await submit(clerk, "submit.document", message_id="m-after")
        async with asyncio.timeout(SOON):
            assert (await ours.receive()).message_id == "m-after"


async def test_e10_submissions_come_again_after_the_broker_lost_our_consumer(
    empty_mailrooms: Node,
) -> None:
    """The connection stands, the queue stands, the broker says nothing, nothing comes."""
    sessions: list[Session] = []
    async with mailrooms_of(empty_mailrooms, "H05", QUICK, sessions) as ours:
        with structlog.testing.capture_logs() as told:
            async with clerk_of(empty_mailrooms, "H05") as clerk:
                await lose_consumer(sessions[0])
                await submit(clerk, "submit.document", message_id="m-waits")
                async with asyncio.timeout(SOON):
                    assert (await ours.receive()).message_id == "m-waits"
        assert any("the broker knows no consumer" in line.get("why", "") for line in told)


async def test_e10_a_queue_that_another_empties_first_is_told_by_nothing(
    empty_mailrooms: Node,
) -> None:
    """A second consumer beside ours, as while a node moves: ours is still known, nothing ends."""
    sessions: list[Session] = []
    async with mailrooms_of(empty_mailrooms, "H05", QUICK, sessions) as ours:
        other = await connect(empty_mailrooms.admin_url("mr-H05"))
        channel = await other.channel(confirms=False)

        async def take(_message: object) -> None:
            """And never ack."""

        await channel.basic_consume("mr.submit.q", take, arguments={"x-priority": 10})
        await asyncio.sleep(8 * QUICK.every)
        assert (ours.trouble, len(sessions)) == ({}, 1)
        await other.close()


async def lose_consumer(session: Session) -> None:
    """As if the broker had forgotten our consumer: cancelled past the edge that keeps it."""
    for channel in session._connection.channels.values():
        for tag in list(channel.consumers if channel is not None else ()):
            assert channel is not None
            await channel.basic_cancel(tag)
