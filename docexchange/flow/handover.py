"""What goes to a mailroom: replies, events and its inbox, from the rows of the mailroom outbox.

In order, marked at the confirm: at least once. What is large has a porter of its own (`parts`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..core.errors import ContentDamaged, Deferred, NotFound
from ..core.memory import Store
from ..core.model import Outgoing
from ..core.ports import Clock, MailroomBroker
from .damage import set_aside

HAND_OVER_ROWS = 32  # messages in hand per mailroom
HAND_OVER_BYTES = 32 * 1024 * 1024  # of them at once, and the last one beyond


async def hand_over(
    vhost: str, broker: MailroomBroker, *, store: Store, clock: Clock
) -> tuple[int, str]:
    """Publish the next messages for a mailroom, in order.

    Those before the first that is not confirmed are marked; the others come again, so a mailroom
    may see a message twice under the same message_id, and never loses one.

    Returns:
        (how many were confirmed, why the first of the rest was not, "" if all were).
    """
    rows = await _in_hand(vhost, store, clock)
    results = await asyncio.gather(
        *(broker.publish(row.message) for row in rows), return_exceptions=True
    )
    confirmed: list[int] = []
    why = ""
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, Deferred):
            why = str(result)
            break
        if isinstance(result, BaseException):
            raise result
        confirmed.append(row.row_id)
    if confirmed:
        await store.mailrooms.sent(confirmed, clock.now())
    return len(confirmed), why


async def _in_hand(vhost: str, store: Store, clock: Clock) -> list[Outgoing]:
    """The next messages with their bodies, as many as may be in memory."""
    rows: list[Outgoing] = []
    size = 0
    for row in store.mailrooms.due(vhost, 0, HAND_OVER_ROWS):
        message = row.message
        if message.body is None:
            try:
                message = replace(message, body=await store.contents.load(message.blob))
            except (ContentDamaged, NotFound) as damaged:  # it must not stop the others
                await set_aside(row, str(damaged), store, clock)
                continue
        rows.append(replace(row, message=message))
        size += len(message.body or b"")
        if size >= HAND_OVER_BYTES:
            break
    return rows
