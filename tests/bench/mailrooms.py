"""Both mailrooms as one stock AMQP client: submits at the sender's, takes the inbox at the
receiver's, and reads the events that tell what became of each document.

A question names how many documents and how many in flight; the answer holds, for each, the time
from its publishing to `mr.submit` until the event ACKNOWLEDGED came.

    python -m tests.bench.mailrooms SENDER_URL RECEIVER_URL
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import aiormq
import uvloop
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from docexchange.core.events import CONTRACT, TRANSPORT_EVENT
from docexchange.core.states import State
from envelopes import edxml
from tests.bench.material import content, document

PATIENCE = 60.0  # s for one document; then something is broken
PREFETCH = 64


class Mailrooms:
    """The clients of both mailrooms."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[None]] = {}  # by DocumentId
        self._taken = 0

    async def open(self, sender: str, receiver: str) -> None:
        """Connect to both; nothing is declared."""
        self._submit = await (await aiormq.connect(sender)).channel(publisher_confirms=True)
        at_sender = await (await aiormq.connect(sender)).channel()
        at_receiver = await (await aiormq.connect(receiver)).channel()
        for channel, queue in (
            (at_sender, "mr.events"),
            (at_sender, "mr.replies"),
            (at_receiver, "mr.inbox"),
            (at_receiver, "mr.events"),
        ):
            await channel.basic_qos(prefetch_count=PREFETCH)
            await channel.basic_consume(queue, self._taker(channel, queue))

    def _taker(
        self, channel: AbstractChannel, queue: str
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def take(message: DeliveredMessage) -> None:
            self._note(queue, message.body)
            await channel.basic_ack(message.delivery_tag or 0, wait=False)

        return take

    def _note(self, queue: str, body: bytes) -> None:
        if queue != "mr.events":
            return
        event = json.loads(body)
        data = event["data"]
        states = [recipient["transport"] for recipient in data.get("recipients", [])]
        if event["type"] != TRANSPORT_EVENT or states != [State.ACKNOWLEDGED]:
            return
        waiting = self._waiting.pop(data["document_id"], None)
        if waiting is not None:
            waiting.set_result(None)

    async def batch(self, count: int, in_flight: int, size: int) -> dict[str, object]:
        """Submit `count` documents with `size` bytes each, `in_flight` at once; seconds for all
        and for each."""
        numbers, attachment = itertools.islice(self._numbers, count), content(size)
        latencies: list[float] = []
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(self._one_by_one(numbers, attachment, latencies))
        return {"seconds": time.perf_counter() - begun, "latencies": latencies}

    async def _one_by_one(
        self, numbers: Iterator[int], attachment: bytes, latencies: list[float]
    ) -> None:
        for number in numbers:
            letter = document(number, attachment)
            body = edxml.write(letter)
            acknowledged = asyncio.get_running_loop().create_future()
            self._waiting[letter.document_id or ""] = acknowledged
            begun = time.perf_counter()
            await self._publish(number, body)
            async with asyncio.timeout(PATIENCE):
                await acknowledged
            latencies.append(time.perf_counter() - begun)

    async def _publish(self, number: int, body: bytes) -> None:
        properties = Basic.Properties(
            delivery_mode=2,
            message_id=f"bench-{number}",
            message_type="document.submit.v1",
            content_type="application/xml",
            headers={"x-contract": CONTRACT},
        )
        await self._submit.basic_publish(
            body,
            exchange="mr.submit",
            routing_key="submit.document",
            properties=properties,
            mandatory=True,
        )


async def main() -> None:
    """Answer questions until there are no more."""
    mailrooms = Mailrooms()
    await mailrooms.open(*sys.argv[1:3])
    while line := await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps(await mailrooms.batch(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
