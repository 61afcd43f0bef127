"""What the mailrooms were told of the node's health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ...core.events import health_event
from ...core.health import Health
from .database import Connection
from .stamping import cursor, move
from .transaction import Transaction

_SEQUENCE, _BAD = "health.sequence", "health.bad"


def tell(transaction: Transaction, told: Health, vhosts: Sequence[str], now: datetime) -> None:
    """Put an event into the tray of each mailroom."""
    connection, source = transaction.connection, transaction.node.source
    sequence = cursor(connection, _SEQUENCE) + 1
    for vhost in vhosts:
        event = health_event(told, sequence, vhost=vhost, source=source, at=now)
        transaction.post(event, now)
    move(connection, _SEQUENCE, sequence)
    move(connection, _BAD, 0 if told.good else 1)


def told_bad(connection: Connection) -> bool:
    """Whether the last that they were told was that something is wrong."""
    return cursor(connection, _BAD) == 1
