"""A mailroom sends 20 MiB as JSON with its attachment in parts; the other mailroom gets it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from docexchange.demo.rabbitmq import Node
from tests.bench.uploads import upload
from tests.live.rig import RESTART, exchange, mailroom_url

pytestmark = [pytest.mark.live, pytest.mark.slow]

MIB = 1024 * 1024
CONTENT = random.Random(20).randbytes(20 * MIB)


async def received(rabbit: Node) -> tuple[dict[str, Any], bytes]:
    """The list that came to the other mailroom, and the envelope that its parts make."""
    async with await aio_pika.connect(mailroom_url(rabbit, "H13")) as connection:
        channel = await connection.channel()
        inbox = await channel.get_queue("mr.inbox", ensure=False)
        parts: dict[str, bytes] = {}
        async with inbox.iterator() as messages:
            async for message in messages:
                await message.ack()
                if message.type == "document.part.v1":
                    parts[str(message.headers["x-sha256"])] = message.body
                    continue
                listed = json.loads(message.body)
                return listed, b"".join(parts[one["sha256"]] for one in listed["parts"])
    raise AssertionError("the inbox ended")


async def test_twenty_mebibytes_of_json_arrive(
    empty_axis: Node, empty_mailrooms: Node, tmp_path: Path
) -> None:
    async with exchange(tmp_path, empty_axis) as configs, asyncio.timeout(RESTART):
        file = tmp_path / "ho-so.bin"
        file.write_bytes(CONTENT)
        await upload(mailroom_url(empty_mailrooms, "H05"), file, "H13", "large-1")
        listed, envelope = await received(empty_mailrooms)
        assert hashlib.sha256(envelope).hexdigest() == listed["sha256"]
        store = configs["H05"].store
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as reader:
        [(sha256, size)] = reader.execute(
            "SELECT sha256, size FROM submissions WHERE kind = 'document'"
        ).fetchall()
        assert (sha256, size) == (listed["sha256"], len(envelope))
        [(left,)] = reader.execute("SELECT count(*) FROM uploads").fetchall()
        assert left == 0
