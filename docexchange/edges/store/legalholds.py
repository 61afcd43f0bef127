"""Documents that a person keeps from being purged (giữ theo yêu cầu pháp lý)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from ...core.model import LegalHold, Order
from . import tables
from .database import Connection, Query, adding, micros, moment
from .transaction import Transaction

_h = tables.legal_holds
_ALL = Query(select(_h).order_by(_h.c.since, _h.c.tracking_id))
_FIND = Query(select(_h).where(_h.c.tracking_id == bindparam("of_document")))
_ADD = Query(adding(_h))
_DROP = Query(delete(_h).where(_h.c.tracking_id == bindparam("of_document")))


def all_of(connection: Connection) -> list[LegalHold]:
    """All of them, the oldest first."""
    return [
        LegalHold(row["tracking_id"], moment(row["since"]), row["who"], row["why"])
        for row in connection.rows(_ALL)
    ]


def hold(transaction: Transaction, tracking_id: str, order: Order, now: datetime) -> bool:
    """Keep a document of ours, or one that arrived; False if it was kept already."""
    connection = transaction.connection
    if connection.one(_FIND, of_document=tracking_id) is not None:
        return False
    facts = {"since": micros(now), "who": order.by, "why": order.reason}
    connection.run(_ADD, tracking_id=tracking_id, **facts)
    transaction.note("legal_held", tracking_id, now, by=order.by, reason=order.reason)
    return True


def release(transaction: Transaction, tracking_id: str, order: Order, now: datetime) -> bool:
    """End it; False if there was none."""
    if not transaction.connection.run(_DROP, of_document=tracking_id):
        return False
    transaction.note("legal_released", tracking_id, now, by=order.by, reason=order.reason)
    return True
