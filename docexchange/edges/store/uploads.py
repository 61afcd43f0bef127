"""Uploads: parts of attachments that a mailroom sends ahead of the document that lists them.

A part is known by its mailroom and its SHA-256, so the same part again changes nothing and parts
may come in any order. Its bytes are content like any other (`blobs`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, update

from . import blobs, tables
from .database import Connection, Query, adding, micros
from .transaction import Transaction

UPLOADS_MAX = 4096  # parts of a mailroom that wait: 16 GiB at the usual size, and never more rows
UPLOAD_FOR = timedelta(days=1)  # a part whose document did not come within a day is forgotten
SWEEP_PARTS = 64  # at once: 256 MiB to free while the writer's other callers wait

_u = tables.uploads
_ONE = (_u.c.vhost == bindparam("vhost"), _u.c.sha256 == bindparam("sha256"))
_FIND = Query(select(_u.c.size).where(*_ONE))
_TOTAL = Query(
    select(func.count().label("parts"), func.coalesce(func.sum(_u.c.size), 0).label("bytes")).where(
        _u.c.vhost == bindparam("vhost"), _u.c.at >= bindparam("since")
    )
)
_ADD = Query(adding(_u))
_TOUCH = Query(update(_u).where(*_ONE).values(at=bindparam("now")))
_DROP = Query(delete(_u).where(*_ONE))
_OLD = Query(
    select(_u.c.vhost, _u.c.sha256).where(_u.c.at < bindparam("before")).limit(bindparam("most"))
)


def keep(
    transaction: Transaction, vhost: str, sha256: str, data: bytes, now: datetime, quota: int
) -> bool:
    """Keep a part unless it is here; False when the mailroom has too many."""
    connection = transaction.connection
    if connection.one(_FIND, vhost=vhost, sha256=sha256) is not None:
        connection.run(_TOUCH, vhost=vhost, sha256=sha256, now=micros(now))
        return True
    if not _has_room(connection, vhost, len(data), now, quota):
        return False
    blob_id = blobs.put(transaction, sha256, data, now)
    connection.run(
        _ADD, vhost=vhost, sha256=sha256, size=len(data), blob_id=blob_id, at=micros(now)
    )
    return True


def has_room(
    connection: Connection, vhost: str, sha256: str, size: int, now: datetime, quota: int
) -> bool:
    """Whether `keep` would take such a part now."""
    known = connection.one(_FIND, vhost=vhost, sha256=sha256) is not None
    return known or _has_room(connection, vhost, size, now, quota)


def _has_room(connection: Connection, vhost: str, size: int, now: datetime, quota: int) -> bool:
    total = connection.rows(_TOTAL, vhost=vhost, since=micros(now - UPLOAD_FOR))[0]
    return bool(total["parts"] < UPLOADS_MAX and total["bytes"] + size <= quota)


def sizes(connection: Connection, vhost: str, digests: Collection[str]) -> dict[str, int]:
    """Those of these parts that are here, with their sizes."""
    found = {digest: connection.one(_FIND, vhost=vhost, sha256=digest) for digest in set(digests)}
    return {digest: row["size"] for digest, row in found.items() if row is not None}


def drop(transaction: Transaction, vhost: str, sha256: str) -> int:
    """Forget a part, and its bytes when nothing else links them; 0 if it is not here."""
    dropped = transaction.connection.run(_DROP, vhost=vhost, sha256=sha256)
    if dropped:
        blobs.forget(transaction, sha256)
    return dropped


def sweep(transaction: Transaction, now: datetime) -> int:
    """Forget parts that nobody used for a day; how many, at most SWEEP_PARTS."""
    before = micros(now - UPLOAD_FOR)
    rows = transaction.connection.rows(_OLD, before=before, most=SWEEP_PARTS)
    return sum(drop(transaction, row["vhost"], row["sha256"]) for row in rows)
