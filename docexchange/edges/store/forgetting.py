"""What nobody can need any more, and when it goes; in steps that leave the writer to others."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BindParameter, bindparam, delete, select, tuple_

from . import blobs, tables, uploads
from .database import Query, micros
from .transaction import Transaction

ORIGIN_FOR = timedelta(days=30)  # the contract's promise: a message_id is known again for 30 days
MESSAGE_FOR = timedelta(days=30)  # a confirmed message, for a mailroom that asks what it was told
ATTEMPT_FOR = timedelta(days=30)  # the lifetime of a document is ten times shorter
STEP_ROWS = 1000

_o, _m, _t = tables.origins, tables.mailroom_messages, tables.attempts
_BEFORE: BindParameter[int] = bindparam("before")
_MOST: BindParameter[int] = bindparam("most")

_OLD_ORIGINS = Query(
    delete(_o).where(
        tuple_(_o.c.vhost, _o.c.message_id).in_(
            select(_o.c.vhost, _o.c.message_id).where(_o.c.at < _BEFORE).limit(_MOST)
        )
    )
)
_OLD_MESSAGES = Query(
    delete(_m).where(
        _m.c.id.in_(select(_m.c.id).where(tables.CONFIRMED, _m.c.sent_at < _BEFORE).limit(_MOST))
    )
)
_OLD_ATTEMPTS = Query(
    delete(_t).where(_t.c.sha256.in_(select(_t.c.sha256).where(_t.c.at < _BEFORE).limit(_MOST)))
)


def forget(transaction: Transaction, now: datetime) -> int:
    """Drop content never linked, unused parts, and old origins, attempts and confirmed messages."""
    dropped = blobs.sweep_orphans(transaction, now, STEP_ROWS)
    dropped += uploads.sweep(transaction, now)
    for query, span in (
        (_OLD_ORIGINS, ORIGIN_FOR),
        (_OLD_MESSAGES, MESSAGE_FOR),
        (_OLD_ATTEMPTS, ATTEMPT_FOR),
    ):
        before = micros(now - span)
        dropped += transaction.connection.run(query, before=before, most=STEP_ROWS)
    return dropped
