"""Envelope bytes, kept once under their SHA-256 in rows of at most 1 MiB.

Large content is written part by part in small transactions and becomes readable only when the
transaction that needs it links it; what nobody linked within a day is swept. Every reading is
checked against the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update

from ...core.errors import ContentDamaged
from ...core.model import Content, InStore
from . import erasing, gone, streams, tables
from . import parts as groups
from .database import Connection, Query, adding, micros
from .transaction import Transaction

CHUNK = 1024 * 1024  # bytes a row; also what a transaction shared with others takes at most
WHOLE_MAX = 8 * 1024 * 1024  # bytes; what is larger is never read into memory whole
ORPHAN_AFTER = timedelta(days=1)
ASIDE_BYTES = 64 * 1024  # more is read by a thread: the loop may read dozens, one after the other
FRESH_BYTES = 64 * 1024 * 1024  # eight of the largest envelopes, hundreds of the usual size

_b, _c = tables.blobs, tables.chunks
_FIND = Query(select(_b.c.id, _b.c.complete).where(_b.c.sha256 == bindparam("sha256")))
_WHERE = Query(select(_b).where(_b.c.sha256 == bindparam("sha256")))
_ADD = Query(adding(_b).returning(_b.c.id))
_COMPLETE = Query(update(_b).where(_b.c.id == bindparam("blob_id")).values(complete=1))
_TOUCH = Query(
    update(_b).where(_b.c.sha256 == bindparam("digest")).values(stored_at=bindparam("now"))
)
_PARTS = Query(select(_c.c.seq).where(_c.c.blob_id == bindparam("blob_id")))
_ADD_PART = Query(adding(_c))
_READ = Query(
    select(_c.c.data)
    .join_from(_c, _b)
    .where(_b.c.sha256 == bindparam("sha256"), _b.c.complete == tables.number(1))
    .order_by(_c.c.seq)
)
_ORPHANS = Query(
    select(_b.c.id)
    .where(tables.INCOMPLETE, _b.c.stored_at < bindparam("before"))
    .limit(bindparam("most"))
)
_LINKED = tuple(
    Query(select(key).join_from(key.table, _b, key == own).where(_b.c.id == bindparam("blob_id")))
    for own, keys in (
        (
            _b.c.id,
            [
                one.c.blob_id
                for one in (
                    *(tables.submissions, tables.arrivals, tables.receipts),
                    *(tables.parked, tables.uploads),
                )
            ],
        ),
        (_b.c.sha256, [tables.kept.c.blob, tables.mailroom_messages.c.blob]),
    )
    for key in keys
)
_DROP_PARTS = Query(delete(_c).where(_c.c.blob_id == bindparam("blob_id")))
_DROP = Query(delete(_b).where(_b.c.id == bindparam("blob_id")))


_DESTROYED = Query(
    update(_b)
    .where(_b.c.id == bindparam("blob_id"))
    .values(complete=tables.number(tables.DESTROYED))
)
_FORGET_UPLOADS = Query(
    delete(tables.uploads).where(tables.uploads.c.blob_id == bindparam("blob_id"))
)
_NEEDED = tuple(
    Query(statement.where(_b.c.id == bindparam("blob_id")).limit(1))
    for statement in (
        select(tables.submissions.c.id).join_from(tables.submissions, _b),
        select(tables.signings.c.id).join_from(tables.signings, _b),
        select(tables.arrivals.c.id)
        .join_from(tables.arrivals, _b)
        .where(tables.arrivals.c.sealed_at.is_(None)),
        select(tables.kept.c.id)
        .join_from(tables.kept, _b)
        .where(tables.kept.c.state != tables.word("settled")),
    )
)


class Fresh:
    """Envelopes that are being committed, for their first publish or handing over: what leaves at
    once need not be read back. Bounded; what is taken or pushed out is read from the store."""

    def __init__(self, most: int = FRESH_BYTES) -> None:
        self._most = most
        self._size = 0
        self._kept: dict[str, bytes] = {}

    def add(self, sha256: str, data: bytes) -> None:
        """Keep these bytes of this digest, perhaps instead of the oldest."""
        if sha256 in self._kept or len(data) > self._most:
            return
        self._kept[sha256] = data
        self._size += len(data)
        while self._size > self._most:
            self.take(next(iter(self._kept)))

    def take(self, sha256: str) -> bytes | None:
        """The bytes, once; None when they are not here."""
        data = self._kept.pop(sha256, None)
        self._size -= len(data) if data else 0
        return data


def put(transaction: Transaction, sha256: str, data: Content, at: datetime) -> int:
    """Have these bytes stored and linked; their number. Parts that are there already are not
    written again."""
    if isinstance(data, InStore):
        return streams.adopt(transaction, data, sha256)
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    present: set[int] = set()
    number: int
    if known is None:
        number = _add(connection, sha256, len(data), at, complete=True)
    else:
        number = known["id"]
        if known["complete"] == tables.COMPLETE:
            return number
        if known["complete"] == tables.DESTROYED:  # rows that are still to go may be cut otherwise
            connection.run(_DROP_PARTS, blob_id=number)
        connection.run(_COMPLETE, blob_id=number)
        present = {row["seq"] for row in connection.rows(_PARTS, blob_id=number)}
    for seq, part in parts(data):
        if seq not in present:
            connection.run(_ADD_PART, blob_id=number, seq=seq, data=part)
    return number


def _add(connection: Connection, sha256: str, size: int, at: datetime, *, complete: bool) -> int:
    values = {"sha256": sha256, "size": size, "complete": int(complete), "stored_at": micros(at)}
    number: int = connection.rows(_ADD, **values)[0]["id"]
    return number


def begin(transaction: Transaction, sha256: str, size: int, at: datetime) -> bool:
    """Announce a large content; False when it is complete already."""
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None:
        _add(connection, sha256, size, at, complete=False)
    elif not known["complete"]:
        connection.run(_TOUCH, digest=sha256, now=micros(at))
    return known is None or not known["complete"]


def put_part(sha256: str, seq: int, part: memoryview, transaction: Transaction) -> None:
    """Write one row of a large content that was announced."""
    connection = transaction.connection
    known = connection.rows(_FIND, sha256=sha256)[0]
    if known["complete"]:  # it came on another way meanwhile
        return
    number = known["id"]
    present = {row["seq"] for row in connection.rows(_PARTS, blob_id=number)}
    if seq not in present:
        connection.run(_ADD_PART, blob_id=number, seq=seq, data=part)


def parts(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Cut content into rows, without copying."""
    view = memoryview(data)
    for seq, start in enumerate(range(0, max(len(view), 1), CHUNK)):
        yield seq, view[start : start + CHUNK]


def size_of(connection: Connection, sha256: str) -> int:
    """Bytes of a content; 0 when it is not here."""
    known = connection.one(_WHERE, sha256=sha256)
    return known["size"] if known is not None else 0


def read(connection: Connection, sha256: str) -> bytes:
    """The stored bytes.

    Raises:
        NotFound: nothing is stored under this digest.
        ContentDamaged: what is stored is not what was stored.
    """
    rows = connection.rows(_READ, sha256=sha256)
    if not rows:
        raise gone.missing(connection, sha256)
    data: bytes = rows[0]["data"] if len(rows) == 1 else b"".join(row["data"] for row in rows)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ContentDamaged(f"content {sha256} is damaged on disk: it reads as {found}")
    return data


def content(connection: Connection, sha256: str) -> Content:
    """Stored content: its bytes, or where it is when it is large. Raises NotFound, StoreError."""
    known = connection.one(_WHERE, sha256=sha256)
    if known is not None and known["complete"] == 1 and known["size"] > WHOLE_MAX:
        return InStore(known["id"], known["size"], sha256)
    return read(connection, sha256)


def forget(transaction: Transaction, sha256: str) -> bool:
    """Drop a content that no row links any more; False when one does."""
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None or _is_linked(connection, known["id"]):
        return False
    connection.run(_DROP_PARTS, blob_id=known["id"])
    connection.run(_DROP, blob_id=known["id"])
    return True


def forget_in_steps(transaction: Transaction, sha256: str, ref: str, now: datetime) -> None:
    """The same for content of any size, for good: a large one goes row by row later
    (`parts.sweep`), and what the files still hold of it is erased (`erasing`, journalled as `ref`).
    """
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None or _is_linked(connection, known["id"]):
        return
    erasing.mark(transaction, known["id"], sha256, ref, now)
    if groups.is_many_rows(connection, known["id"]):
        groups.condemn(transaction, known["id"], now)
    else:
        forget(transaction, sha256)


def _is_linked(connection: Connection, number: int) -> bool:
    return any(connection.rows(one, blob_id=number) for one in _LINKED)


def tombstone(transaction: Transaction, sha256: str, size: int, at: datetime) -> int:
    """Know a digest without its content; its number. A content that is here stays."""
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None:
        added = _add(connection, sha256, size, at, complete=True)
        connection.run(_DESTROYED, blob_id=added)
        return added
    number: int = known["id"]
    if not known["complete"]:
        connection.run(_DROP_PARTS, blob_id=number)
        connection.run(_DESTROYED, blob_id=number)
    return number


def destroy(transaction: Transaction, sha256: str, ref: str, now: datetime) -> bool:
    """Drop a content that only recalled documents link, and keep its digest; False when somebody
    else needs it: we sent it ourselves, or another organ here got it. From now on nobody reads it;
    the rows of a large one go in steps, and what the files still hold of it is erased (`erasing`,
    journalled as `ref`)."""
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None or any(connection.rows(one, blob_id=known["id"]) for one in _NEEDED):
        return False
    let_go(transaction, known["id"], sha256, ref, now)
    return True


def let_go(transaction: Transaction, number: int, sha256: str, ref: str, now: datetime) -> None:
    """The same of a content that nobody needs: the caller has looked. A mailroom that uploaded
    the same bytes as a part of an attachment is asked for them again."""
    connection = transaction.connection
    connection.run(_FORGET_UPLOADS, blob_id=number)
    if not groups.is_many_rows(connection, number):
        connection.run(_DROP_PARTS, blob_id=number)
    connection.run(_DESTROYED, blob_id=number)
    erasing.mark(transaction, number, sha256, ref, now)


def empty(transaction: Transaction, sha256: str) -> None:
    """Drop what is stored under a digest at once, and keep the digest: of an envelope of ours that
    is no document, and has left."""
    known = transaction.connection.one(_FIND, sha256=sha256)
    if known is not None and known["complete"] == tables.COMPLETE:
        transaction.connection.run(_DROP_PARTS, blob_id=known["id"])
        transaction.connection.run(_DESTROYED, blob_id=known["id"])


def sweep_orphans(transaction: Transaction, now: datetime, most: int) -> int:
    """Drop content that was announced over a day ago and never linked; a large one in steps."""
    connection = transaction.connection
    rows = connection.rows(_ORPHANS, before=micros(now - ORPHAN_AFTER), most=most)
    for row in rows:
        if groups.is_many_rows(connection, row["id"]):
            groups.condemn(transaction, row["id"], now)
            continue
        connection.run(_DROP_PARTS, blob_id=row["id"])
        connection.run(_DROP, blob_id=row["id"])
    return len(rows)
