"""Content that reads as something else than was stored: what waited for it is set aside, with a
line in the journal, and the rest goes on.

    a message of a mailroom   set aside; looked at again when the daemon starts (a restored disk)
    a held envelope           quarantined as DAMAGED without its content; a new copy is judged anew

Damaged bytes that somebody may still need are never dropped here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, update

from ...core.model import SetAside
from . import blobs, kept, tables
from .database import Connection, Query, moment
from .transaction import Transaction

DAMAGED: Final = "DAMAGED"  # reason of a kept envelope
ASIDE: Final = 2  # added to `large` of a message: no porter looks there

_m = tables.mailroom_messages
_SET_ASIDE = Query(
    update(_m)
    .where(_m.c.id == bindparam("row_id"), tables.UNSENT, _m.c.large < ASIDE)
    .values(large=_m.c.large + ASIDE)
    .returning(_m.c.message_id, _m.c.vhost, _m.c.blob)
)
_TAKE_UP = Query(
    update(_m).where(tables.UNSENT, _m.c.large >= ASIDE).values(large=_m.c.large - ASIDE)
)
_ALL = Query(
    select(_m).where(tables.UNSENT, _m.c.large >= ASIDE).order_by(_m.c.id).limit(bindparam("most"))
)


def set_aside(transaction: Transaction, row_id: int, why: str, now: datetime) -> None:
    """Let a message of a mailroom wait for a person: its content cannot be read."""
    for row in transaction.connection.rows(_SET_ASIDE, row_id=row_id):
        facts = {"mailroom": row["vhost"], "sha256": row["blob"], "detail": why}
        transaction.note("damaged", row["message_id"], now, **facts)


def take_up_again(transaction: Transaction) -> int:
    """Let every message that was set aside be tried once more; how many there are."""
    return transaction.connection.run(_TAKE_UP)


def waiting(connection: Connection, limit: int = 50) -> list[SetAside]:
    """Messages that were set aside, oldest first."""
    return [
        SetAside(row["message_id"], row["vhost"], row["blob"], moment(row["created_at"]))
        for row in connection.rows(_ALL, most=limit)
    ]


def held(transaction: Transaction, kept_id: int, why: str, now: datetime) -> bool:
    """Quarantine a held envelope whose content cannot be read; False if it is held no more."""
    row = kept.damaged(transaction, kept_id, DAMAGED, why, now)
    if row is None:
        return False
    facts = {"organ": row["organ"], "kept": kept_id, "detail": why}
    transaction.note("damaged", row["sha256"], now, **facts)
    blobs.destroy(transaction, row["blob"], row["sha256"], now)
    return True
