"""What a mailroom's program does with a large file: JSON, and its attachment in parts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import aio_pika

PART = 4 * 1024 * 1024  # bytes; the most that a part may have
LETTER = {
    "organ_from": "H05",
    "code": {"number": "20", "notation": "QĐ-UBND"},
    "subject": "Hồ sơ lớn",
    "promulgation_date": "2026-11-23",
}


async def upload(url: str, path: Path, to: str, message_id: str) -> None:
    """Publish the parts of a file, one after the other on one connection, then its document.

    Args:
        url: of the sender's mailroom.
        path: the attachment.
        to: OrganId of the recipient.
        message_id: of the document; the reply names it.
    """
    whole, size, parts = hashlib.sha256(), 0, list[str]()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        submit = await channel.get_exchange("mr.submit", ensure=False)

        async def publish(key: str, body: bytes, **properties: Any) -> None:
            await submit.publish(aio_pika.Message(body, delivery_mode=2, **properties), key)

        with path.open("rb") as file:
            while part := file.read(PART):
                whole.update(part)
                size += len(part)
                parts.append(hashlib.sha256(part).hexdigest())
                await publish(
                    "submit.part",
                    part,
                    message_id=f"{message_id}-{len(parts)}",
                    content_type="application/octet-stream",
                    headers={"x-sha256": parts[-1]},
                )
        attachment = {
            "name": path.name,
            "sha256": whole.hexdigest(),
            "size": size,
            "parts": parts,
        }
        await publish(
            "submit.document",
            json.dumps({**LETTER, "organs_to": [to], "attachments": [attachment]}).encode(),
            message_id=message_id,
            content_type="application/vnd.docexchange.submission+json",
        )
