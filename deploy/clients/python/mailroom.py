"""A mailroom against docexchange, in Python with aio-pika.

export MAILROOM_URL='amqps://LOGIN:PASSWORD@BROKER:5671/VHOST'
python mailroom.py submit letter.json      # or letter.edxml; prints the reply, exit 1: problem
python mailroom.py receive FOLDER [CODE]   # one document: stored, acked, its status reported
python mailroom.py events [COUNT]          # prints events, one JSON a line
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel

URL = os.environ.get("MAILROOM_URL", "")
LOGIN = unquote(urlsplit(URL).username or "")
SECONDS = 30  # to wait for a reply
EDXML, JSON = "application/xml", "application/vnd.docexchange.submission+json"


async def publish(
    channel: AbstractChannel, key: str, kind: str, content_type: str, body: bytes
) -> str:
    """Publish one message; returns its message_id when the broker has confirmed it."""
    message = aio_pika.Message(
        body,
        message_id=str(uuid.uuid4()),  # keep it with your document: the same id again is harmless
        type=kind,
        content_type=content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        user_id=LOGIN,
        headers={"x-contract": "mailroom/1"},
    )
    exchange = await channel.get_exchange("mr.submit", ensure=False)  # nothing is declared
    await exchange.publish(message, key, mandatory=True)
    return str(message.message_id)


async def reply_to(channel: AbstractChannel, message_id: str) -> dict[str, Any]:
    """The node's reply to a message. A real system has one reader that files all replies."""
    queue = await channel.get_queue("mr.replies", ensure=False)
    async with queue.iterator(timeout=SECONDS) as replies:
        async for message in replies:
            reply: dict[str, Any] = json.loads(message.body)
            await message.ack()
            if message.correlation_id == message_id:
                return reply
            print("an earlier reply:", json.dumps(reply, ensure_ascii=False), file=sys.stderr)
    raise TimeoutError(f"no reply to {message_id}")


async def submit(channel: AbstractChannel, file: str) -> int:
    """Submit a document; 0 when it is accepted, 1 when there is a problem with it."""
    path = Path(file)
    content_type = JSON if path.suffix == ".json" else EDXML
    body = path.read_bytes()
    ref = await publish(channel, "submit.document", "document.submit.v1", content_type, body)
    reply = await reply_to(channel, ref)
    print(json.dumps(reply, ensure_ascii=False))
    return 0 if reply.get("status") == "accepted" else 1


async def receive(channel: AbstractChannel, folder: str, code: str = "03") -> int:
    """Take one document of the inbox and report its status."""
    await channel.set_qos(prefetch_count=1)
    queue = await channel.get_queue("mr.inbox", ensure=False)
    async with queue.iterator(timeout=SECONDS) as documents:
        async for message in documents:
            tracking_id = str(message.message_id)
            file = Path(folder) / f"{tracking_id}.edxml"  # the same id again: the same file
            file.write_bytes(message.body)
            await message.ack()  # stored, so the node may forget it
            break
    print(json.dumps({"file": str(file), "from": message.headers["x-organ-from"]}))
    report = {"tracking_id": tracking_id, "code": code, "staff": {"name": "Trần Thị B"}}
    body = json.dumps(report, ensure_ascii=False).encode()
    ref = await publish(channel, "submit.status", "status.report.v1", "application/json", body)
    reply = await reply_to(channel, ref)
    print(json.dumps(reply, ensure_ascii=False))
    return 0 if reply.get("status") == "accepted" else 1


async def events(channel: AbstractChannel, count: str = "1") -> int:
    """Print events; `data.sequence` counts those of a document, so a gap shows."""
    await channel.set_qos(prefetch_count=1)
    left = int(count)
    queue = await channel.get_queue("mr.events", ensure=False)
    async with queue.iterator(timeout=SECONDS) as coming:
        async for message in coming:
            print(json.dumps(json.loads(message.body), ensure_ascii=False))
            await message.ack()
            left -= 1
            if not left:
                break
    return 0


async def main(command: str, *arguments: str) -> int:
    """Run one command on one connection."""
    connection = await aio_pika.connect(URL)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return await {"submit": submit, "receive": receive, "events": events}[command](
            channel, *arguments
        )


if __name__ == "__main__":
    if not URL or sys.argv[1:2] not in (["submit"], ["receive"], ["events"]):
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
