"""The mailroom of one organ as a stock AMQP client, which writes down all it sees.

It hands in each document under one `message_id` until it has an answer, as the contract says. It
stands on the other side of the broker, past the proxies, and is not killed: it is the witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiormq
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from pamqp.commands import Basic

from docexchange.core.events import CONTRACT
from envelopes import edxml
from envelopes.model import Document
from tests.torture.ledger import Ledger

AGAIN = 0.3  # s until a broken connection is made again
PATIENCE = 8.0  # s for an answer, then the same is handed in again
CONNECT = 10.0  # s
CLOSE = 1.0  # s
CONFIRM = 5.0  # s for the broker's confirm
PREFETCH = 100
TROUBLE = (OSError, AMQPError, ChannelInvalidStateError, TimeoutError, asyncio.CancelledError)


class Witness:
    """One mailroom.

    Args:
        organ: OrganId.
        url: of its vhost, with its own login.
        ledger: what it sees goes there.
        arrived: called with the bytes of each new inbox message.
    """

    def __init__(
        self, organ: str, url: str, ledger: Ledger, arrived: Callable[[str, str, bytes], None]
    ) -> None:
        self.organ = organ
        self.url = url
        self._ledger = ledger
        self._arrived = arrived
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._channel: AbstractChannel | None = None
        self._open = asyncio.Event()
        self.seen: Counter[str] = Counter()  # messages of each type, problems by their code

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                await self._once()
            except TROUBLE:
                _unless_told_to_stop()
            await asyncio.sleep(AGAIN)

    async def _once(self) -> None:
        async with asyncio.timeout(CONNECT):
            connection = await aiormq.connect(self.url)
        try:
            async with asyncio.timeout(CONNECT):
                self._channel = await connection.channel(publisher_confirms=True)
                taking = await connection.channel()
                await taking.basic_qos(prefetch_count=PREFETCH)
                for queue in ("mr.inbox", "mr.replies", "mr.events"):
                    await taking.basic_consume(queue, self._taker(taking))
            self._open.set()
            while not connection.is_closed and not taking.is_closed and not self._channel.is_closed:
                await asyncio.sleep(AGAIN)
        finally:
            self._open.clear()
            with contextlib.suppress(*TROUBLE):
                async with asyncio.timeout(CLOSE):  # a broker that was killed never says goodbye
                    await connection.close()
            _unless_told_to_stop()

    def _taker(
        self, channel: AbstractChannel
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def take(message: DeliveredMessage) -> None:
            self._note(message)
            await channel.basic_ack(message.delivery_tag or 0, wait=False)

        return take

    def _note(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        kind = properties.message_type or ""
        self.seen[kind] += 1
        if kind == "document.deliver.v1":
            headers = properties.headers or {}
            number = str(headers["x-document-number"]).partition("/")[0]
            document = f"{headers['x-organ-from']}:{number}"
            self._ledger.deliver(document, self.organ, properties.message_id or "")
            self._arrived(self.organ, properties.message_id or "", message.body)
        elif kind in ("document.accepted.v1", "problem.v1"):
            waiting = self._answers.get(properties.correlation_id or "")
            if waiting is not None and not waiting.done():
                waiting.set_result(json.loads(message.body))

    async def hand_in(self, name: str, document: Document, recipients: tuple[str, ...]) -> None:
        """Hand in a document until it is answered.

        Raises:
            RuntimeError: it was refused for good.
        """
        body, message_id = edxml.write(document), str(uuid.uuid4())
        self._ledger.attempt(name, recipients)
        while True:
            answer = asyncio.get_running_loop().create_future()
            self._answers[message_id] = answer
            try:
                await self._publish("submit.document", "document.submit.v1", body, message_id)
                async with asyncio.timeout(PATIENCE):
                    said = await answer
            except TROUBLE:
                _unless_told_to_stop()
                await asyncio.sleep(AGAIN)
                self.seen["handed in again"] += 1
                continue
            finally:
                self._answers.pop(message_id, None)
            if "tracking_id" in said:
                self._ledger.accept(name)
                return
            self.seen[said["code"]] += 1
            if not said["retryable"]:
                raise RuntimeError(f"{name} was refused: {said}")
            await asyncio.sleep(AGAIN)

    async def hand_in_once(
        self, name: str, document: Document, recipients: tuple[str, ...]
    ) -> None:
        """Hand in a document and ask no more: a clerk whose own machine died."""
        self._ledger.attempt(name, recipients)
        try:
            body = edxml.write(document)
            await self._publish("submit.document", "document.submit.v1", body, str(uuid.uuid4()))
        except TROUBLE:
            _unless_told_to_stop()

    async def report(self, tracking_id: str, code: str) -> None:
        """Report a processing status, once; what becomes of it is not counted."""
        body = json.dumps({"tracking_id": tracking_id, "code": code}).encode()
        try:
            await self._publish("submit.status", "status.report.v1", body, str(uuid.uuid4()))
        except TROUBLE:
            _unless_told_to_stop()

    async def _publish(self, key: str, kind: str, body: bytes, message_id: str) -> None:
        async with asyncio.timeout(CONFIRM):
            await self._open.wait()
            if self._channel is None:
                return
            await self._channel.basic_publish(
                body,
                exchange="mr.submit",
                routing_key=key,
                properties=Basic.Properties(
                    delivery_mode=2,
                    message_id=message_id,
                    message_type=kind,
                    content_type="application/json" if body[:1] == b"{" else "application/xml",
                    headers={"x-contract": CONTRACT},
                ),
                mandatory=True,
            )


def _unless_told_to_stop() -> None:
    """aiormq ends what waits for a lost connection with CancelledError, too."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
