"""Handing over: the messages for mailrooms that wait for the broker's confirm, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update

from ...core.model import MailroomMessage, Outgoing
from . import tables
from .database import Connection, Query, Row, micros
from .transaction import Transaction

_m, _a = tables.mailroom_messages, tables.arrivals

_DUE = Query(
    select(_m)
    .where(
        tables.UNSENT,
        _m.c.vhost == bindparam("vhost"),
        _m.c.large == bindparam("large"),
        _m.c.id > bindparam("after"),
    )
    .order_by(_m.c.id)
    .limit(bindparam("most"))
)
_SENT = Query(
    update(_m)
    .where(_m.c.id == bindparam("row_id"), tables.UNSENT)
    .values(sent_at=bindparam("now"))
    .returning(_m.c.message_id, _m.c.vhost, _m.c.blob)
)
_HANDED_OVER = Query(
    update(_a)
    .where(_a.c.tracking_id == bindparam("ref"), _a.c.handed_over_at.is_(None))
    .values(handed_over_at=bindparam("now"))
)


def due(
    connection: Connection, vhost: str, after: int, limit: int, *, large: bool = False
) -> list[Outgoing]:
    """Unconfirmed messages for a mailroom after this row, in order; or those that are large."""
    rows = connection.rows(_DUE, vhost=vhost, large=int(large), after=after, most=limit)
    return [Outgoing(row["id"], _message(row)) for row in rows]


def sent(transaction: Transaction, row_ids: Sequence[int], now: datetime) -> None:
    """Mark messages as confirmed; an inbox message makes its arrival handed over."""
    for row_id in row_ids:
        for row in transaction.connection.rows(_SENT, row_id=row_id, now=micros(now)):
            if row["blob"] is not None:
                _hand_over(transaction, row, now)


def _hand_over(transaction: Transaction, row: Row, now: datetime) -> None:
    ref = row["message_id"]
    if transaction.connection.run(_HANDED_OVER, ref=ref, now=micros(now)):
        transaction.note("handed_over", ref, now, mailroom=row["vhost"])


def _message(row: Row) -> MailroomMessage:
    return MailroomMessage(
        vhost=row["vhost"],
        routing_key=row["routing_key"],
        message_id=row["message_id"],
        type=row["type"],
        content_type=row["content_type"],
        headers=json.loads(row["headers"]),
        body=row["body"],
        blob=row["blob"] or "",
        correlation_id=row["correlation_id"],
        large=bool(row["large"]),
    )
