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
from tests.live.rig import RESTART, exchange, mailroom_url

pytestmark = [pytest.mark.live, pytest.mark.slow]

MIB = 1024 * 1024
PART = 4 * MIB
CONTENT = random.Random(20).randbytes(20 * MIB)


def letter(parts: list[str]) -> dict[str, Any]:
    return {
        "organ_from": "H05",
        "organs_to": ["H13"],
        "code": {"number": "20", "notation": "QĐ-UBND"},
        "subject": "Hồ sơ lớn",
        "promulgation_date": "2026-11-23",
        "attachments": [
            {
                "name": "ho-so.bin",
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
                "size": len(CONTENT),
                "parts": parts,
            }
        ],
    }


async def send(rabbit: Node) -> None:
    """What an integrator does, one message after the other on one connection."""
    async with await aio_pika.connect(mailroom_url(rabbit, "H05")) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        submit = await channel.get_exchange("mr.submit", ensure=False)
        digests = []
        for begin in range(0, len(CONTENT), PART):
            part = CONTENT[begin : begin + PART]
            digests.append(hashlib.sha256(part).hexdigest())
            message = aio_pika.Message(
                part,
                delivery_mode=2,
                message_id=f"part-{begin}",
                content_type="application/octet-stream",
                headers={"x-sha256": digests[-1]},
            )
            await submit.publish(message, "submit.part")
        message = aio_pika.Message(
            json.dumps(letter(digests)).encode(),
            delivery_mode=2,
            message_id="large-1",
            content_type="application/vnd.docexchange.submission+json",
        )
        await submit.publish(message, "submit.document")


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
        await send(empty_mailrooms)
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
