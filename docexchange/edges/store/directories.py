"""Numbers of the signed directories that were served: none of them may come back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ...core.ports import Taken
from . import tables
from .database import Connection, Query, adding, micros, moment
from .transaction import Transaction

_t = tables.directories
_LAST = Query(select(_t).order_by(_t.c.number.desc()).limit(1))
_ADD = Query(adding(_t))


def last(connection: Connection) -> Taken | None:
    """The newest that was served, None if none was signed."""
    row = connection.one(_LAST)
    return Taken(row["number"], row["sha256"], moment(row["taken_at"])) if row else None


def take(transaction: Transaction, number: int, sha256: str, now: datetime) -> bool:
    """Note that a newer one is served; False if it is the one that was."""
    before = last(transaction.connection)
    if before is not None and number <= before.number:
        return False
    transaction.connection.run(_ADD, number=number, sha256=sha256, taken_at=micros(now))
    source = transaction.node.source.rpartition("/")[2]
    transaction.note("directory_taken", source, now, directory=number, sha256=sha256)
    return True
