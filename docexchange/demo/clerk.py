"""A mailroom system (văn thư) as an integrator would write it: a stock AMQP client and no more.

It knows the contract in docexchange/README.md and nothing of the daemon. It declares nothing.
"""

from __future__ import annotations

import asyncio
import gc
import json
import uuid
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

AGAIN = 1.0  # s between two attempts to connect


class Clerk:
    """The clerk's program of one organ.

    Args:
        organ: OrganId.
        url: AMQP URL of the mailroom's vhost, with the mailroom's own login.
        login: that login, sent as user_id.
    """

    def __init__(self, organ: str, url: str, login: str) -> None:
        self.organ = organ
        self._url = url
        self._login = login
        self.inbox: dict[str, AbstractIncomingMessage] = {}  # by message_id: stored once
        self.parts: dict[str, dict[int, bytes]] = {}  # of large ones, by group and place
        self.repeated = 0  # copies of what was already stored
        self.replies: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._ready = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and read inbox, replies and events; a broken connection is made again."""
        self._serving = asyncio.create_task(self._serve())
        await self._ready.wait()

    async def close(self) -> None:
        """Disconnect."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
        gc.collect()  # aio-pika's lost connections close themselves here, while the loop still runs

    async def _serve(self) -> None:
        while True:
            try:
                await self._serve_once()
            except (ConnectionError, aio_pika.exceptions.AMQPError):
                await asyncio.sleep(AGAIN)

    async def _serve_once(self) -> None:
        """One connection, from its making to its end."""
        connection = await aio_pika.connect(self._url)
        ended = asyncio.Event()
        connection.close_callbacks.add(lambda *_: ended.set())
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=10)
            self._submit = await channel.get_exchange("mr.submit", ensure=False)
            for queue, handle in (
                ("mr.inbox", self._store),
                ("mr.replies", self._note_reply),
                ("mr.events", self._note_event),
            ):
                await (await channel.get_queue(queue, ensure=False)).consume(handle)
            self._ready.set()
            await ended.wait()

    async def submit(self, edxml: bytes) -> str:
        """Hand a finished edXML to our node; returns the message_id (the reply's key)."""
        return await self._publish(
            "submit.document", "document.submit.v1", "application/xml", edxml
        )

    async def report(self, tracking_id: str, code: str, note: str = "") -> str:
        """Report a processing status about a document of our inbox."""
        asked = {
            "tracking_id": tracking_id,
            "code": code,
            "note": note,
            "staff": {"name": "Trần Thị B", "department": "Văn thư"},
        }
        body = json.dumps(asked, ensure_ascii=False).encode()
        return await self._publish("submit.status", "status.report.v1", "application/json", body)

    async def reply_to(self, message_id: str, limit: float = 20.0) -> dict[str, Any]:
        """The node's reply to a submission. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit):
            while message_id not in self.replies:
                await asyncio.sleep(0.02)
        return self.replies[message_id]

    async def _publish(self, key: str, kind: str, content_type: str, body: bytes) -> str:
        message_id = str(uuid.uuid4())
        await self._submit.publish(
            aio_pika.Message(
                body,
                message_id=message_id,
                type=kind,
                content_type=content_type,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                user_id=self._login,
                reply_to="mr.replies",
                headers={"x-contract": "mailroom/1"},
            ),
            routing_key=key,
            mandatory=True,
        )
        return message_id

    def envelope(self, tracking_id: str) -> bytes:
        """An envelope of the inbox, put together from its parts if it came so."""
        message = self.inbox[tracking_id]
        if message.content_type != "application/vnd.docexchange.parts+json":
            return message.body
        parts = self.parts[tracking_id]
        return b"".join(parts[one["part"]] for one in json.loads(message.body)["parts"])

    async def _store(self, message: AbstractIncomingMessage) -> None:
        if message.type == "document.part.v1":
            place = int(str(message.headers["x-part"]))
            self.parts.setdefault(str(message.headers["x-group"]), {})[place] = message.body
        elif message.message_id in self.inbox:
            self.repeated += 1
        else:
            self.inbox[message.message_id or ""] = message
        await message.ack()

    async def _note_reply(self, message: AbstractIncomingMessage) -> None:
        self.replies[message.correlation_id or ""] = json.loads(message.body)
        await message.ack()

    async def _note_event(self, message: AbstractIncomingMessage) -> None:
        self.events.append(json.loads(message.body))
        await message.ack()
