"""What an operation of the store is given: the connection, the journal and the mailrooms' tray.

Journal lines, mailroom messages and what organs have under way are only gathered here and written
together just before the commit, so a batch of fifty operations inserts each kind once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ...core.admission import Work
from ...core.errors import StoreError
from ...core.model import MailroomMessage
from . import journal, openwork, tables
from .database import Connection, Query, adding, micros

T = TypeVar("T")

_POST = Query(adding(tables.mailroom_messages))


@dataclass(frozen=True, slots=True)
class Node:
    """Whose store it is.

    Args:
        source: CloudEvents source of our events, as /node/H05.
        mailroom_of: vhost of an organ's mailroom, None when it has none here.
    """

    source: str
    mailroom_of: Callable[[str], str | None]


@dataclass(slots=True)
class Transaction:
    """One transaction of the writer; `connection` reads what it has written so far."""

    connection: Connection
    node: Node
    _lines: list[journal.Entry] = field(default_factory=list)
    _messages: list[dict[str, Any]] = field(default_factory=list)
    _work: dict[str, Work] = field(default_factory=dict)

    def note(self, event: str, ref: str, at: datetime, **facts: object) -> None:
        """Add a line to the journal."""
        self._lines.append(journal.Entry(event, ref, at, facts))

    def post(self, message: MailroomMessage, at: datetime) -> None:
        """Put a message into a mailroom's tray."""
        self._messages.append(
            {
                "vhost": message.vhost,
                "routing_key": message.routing_key,
                "message_id": message.message_id,
                "type": message.type,
                "content_type": message.content_type,
                "correlation_id": message.correlation_id,
                "headers": json.dumps(dict(message.headers), ensure_ascii=False),
                "body": message.body,
                "blob": message.blob or None,
                "created_at": micros(at),
                "sent_at": None,
                "large": int(message.large),
            }
        )

    def count(self, organ: str, deliveries: int, size: int) -> None:
        """Count deliveries of an organ that begin, or end (negative), each of so many bytes."""
        if deliveries:
            more = Work(deliveries, deliveries * size)
            self._work[organ] = self._work.get(organ, Work()) + more

    def attempt(self, operation: Callable[[Transaction], T]) -> T:
        """Run one operation in a savepoint: when it raises, it alone is undone.

        Raises:
            what the operation raised; nothing of it is left.
            TransactionLost: the database gave up the whole transaction.
        """
        lines, messages, work = len(self._lines), len(self._messages), dict(self._work)
        self.connection.command("SAVEPOINT operation")
        try:
            result = operation(self)
        except Exception as error:
            if not self.connection.in_transaction:
                raise TransactionLost(str(error)) from error
            self.connection.command("ROLLBACK TO operation")
            self.connection.command("RELEASE operation")
            del self._lines[lines:], self._messages[messages:]
            self._work = work
            raise
        self.connection.command("RELEASE operation")
        return result

    def flush(self) -> None:
        """Write what was gathered; only the commit remains."""
        journal.append(self.connection, self._lines)
        openwork.write(self.connection, self._work)
        if self._messages:
            self.connection.many(_POST, self._messages)


class TransactionLost(StoreError):
    """The database rolled the transaction back by itself, as it does when the disk is full."""
