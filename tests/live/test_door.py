"""The door on a real broker: a mailroom over its quota is refused while another goes on."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from docexchange.core.admission import Backpressure, Disk, Seen, Work
from docexchange.demo.rabbitmq import Node
from docexchange.edges.mailroom import Mailrooms
from docexchange.flow import door, mailroom
from envelopes import edxml
from tests.live.rig import SOON, mailroom_url
from tests.theatre import Theatre, document

pytestmark = pytest.mark.live

ORGANS = {"mr-H05": frozenset({"H05"}), "mr-H13": frozenset({"H13"})}
PLENTY = Disk(10**12, 10**12)


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H13": "H05", "H01": "H01"})
    yield play
    play.close()


@asynccontextmanager
async def both(rabbit: Node) -> AsyncIterator[Mailrooms]:
    """Both mailrooms on one node, with a login that may do everything."""
    mailrooms = Mailrooms(rabbit.admin_url(""), ORGANS, rng=random.Random(1), longest=1.0)
    run = asyncio.create_task(mailrooms.run())
    try:
        async with asyncio.timeout(SOON):
            await mailrooms.ready()
        yield mailrooms
    finally:
        run.cancel()
        await asyncio.wait([run], timeout=SOON)


async def submit(rabbit: Node, name: str, number: int) -> None:
    """What an integrator does."""
    async with await aio_pika.connect(mailroom_url(rabbit, name)) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange("mr.submit", ensure=False)
        message = aio_pika.Message(
            edxml.write(document(number, ("H01",), sender=name)),
            delivery_mode=2,
            message_id=f"{name}-{number}",
            content_type="application/xml",
        )
        await exchange.publish(message, "submit.document", mandatory=True)


async def replied(rabbit: Node, name: str) -> Any:
    """The first reply in a mailroom's queue."""
    async with await aio_pika.connect(mailroom_url(rabbit, name)) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("mr.replies", ensure=False)
        async with asyncio.timeout(SOON):
            async with queue.iterator() as replies:
                reply = await anext(replies)
                await reply.ack()
                return reply.correlation_id, json.loads(reply.body)


async def test_a_mailroom_over_its_quota_is_refused_while_another_goes_on(
    empty_mailrooms: Node, theatre: Theatre
) -> None:
    for node in theatre.nodes.values():
        node.mailroom = True
    world = theatre.nodes["H05"].world
    full = Seen(PLENTY, {"H05": Work(5, 100)})
    gate = door.Door(Backpressure(open_deliveries=5), ORGANS, full)

    async with both(empty_mailrooms) as ours:

        async def serve() -> bool:
            async with asyncio.timeout(SOON):
                incoming = await ours.receive()
            counter = mailroom.Counter(incoming.vhost, ORGANS[incoming.vhost])
            now = theatre.clock.now()
            return await door.take(incoming, counter, gate, ours, world=world, now=now)

        await submit(empty_mailrooms, "H05", 1)
        assert await serve()
        correlation, problem = await replied(empty_mailrooms, "H05")
        assert correlation == "H05-1"
        assert (problem["code"], problem["retry_after_s"]) == ("E-BSY-001", 60)

        await submit(empty_mailrooms, "H13", 2)
        assert await serve()
        assert [each.from_organ for each in theatre.nodes["H05"].store.outgoing.documents()] == [
            "H13"
        ]

        gate.look(Seen(PLENTY, {"H05": Work(4, 80)}))
        await submit(empty_mailrooms, "H05", 1)
        assert await serve()
        assert len(theatre.nodes["H05"].store.outgoing.documents()) == 2
