"""What cannot be read back from the disk: told, set aside, and the rest goes on."""

from __future__ import annotations

import structlog

from ..core.memory import Store
from ..core.model import Outgoing
from ..core.ports import Clock

log = structlog.get_logger()


async def set_aside(row: Outgoing, why: str, store: Store, clock: Clock) -> None:
    """Let a message for a mailroom wait for a person; when this returns the next one is due."""
    message = row.message
    log.error("damaged", vhost=message.vhost, tracking_id=message.message_id, why=why)
    await store.mailrooms.set_aside(row.row_id, why, clock.now())
