"""Parts of large envelopes, until all are there: a group per (publisher, organ, digest).

Their rows are those of a content that has no name yet, so when the whole is accepted not a byte is
copied. A part is in the store when its first row is: that one is written last, with the count.

    gathering -> adopted (`streams.adopt`)  |  dropped -> rows deleted in steps (`sweep`)
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, select, update

from ...core.model import Gathered, InStore, Part
from . import streams, tables
from .database import Connection, Query, Row, adding, micros
from .transaction import Transaction

if TYPE_CHECKING:
    from .writer import Writer

ROWS_OF_PART: Final = 16  # row numbers kept for each part: 16 MiB, the most a broker takes
GATHERING_BLOB: Final = 2  # `blobs.complete` of a content whose parts gather
SWEEP_ROWS: Final = 16  # rows of 1 MiB deleted in one transaction: some 10 ms of the writer

_g, _c, _b = tables.part_groups, tables.chunks, tables.blobs
_FIND = Query(
    select(_g).where(
        tables.GATHERING,
        _g.c.connection == bindparam("connection"),
        _g.c.organ == bindparam("organ"),
        _g.c.sha256 == bindparam("sha256"),
    )
)
_OF_BLOB = Query(select(_g).where(_g.c.blob_id == bindparam("blob_id")))
_CHARGED = Query(
    select(func.coalesce(func.sum(_g.c.charged), tables.number(0)).label("bytes")).where(
        _g.c.connection == bindparam("connection")
    )
)
_ADD = Query(adding(_g).returning(_g))
_COUNT = Query(
    update(_g)
    .where(_g.c.id == bindparam("group_id"))
    .values(
        present=_g.c.present + 1,
        size=_g.c.size + bindparam("more"),
        charged=_g.c.charged + bindparam("charge"),
    )
    .returning(_g)
)
_ATTEMPT = Query(
    update(_g)
    .where(_g.c.blob_id == bindparam("of_blob"))
    .values(attempts=_g.c.attempts + bindparam("more"))
)
_DROP = Query(update(_g).where(_g.c.id == bindparam("group_id")).values(dropped=1))
_HAS = Query(
    select(_c.c.seq).where(_c.c.blob_id == bindparam("blob_id"), _c.c.seq == bindparam("first"))
)
_CLEAR = Query(delete(_c).where(_c.c.blob_id == bindparam("blob_id"), _c.c.seq == bindparam("row")))
_OLD = Query(
    select(_g).where(tables.GATHERING, _g.c.began_at < bindparam("before")).limit(SWEEP_ROWS)
)
_DROPPED = Query(select(_g).where(tables.DROPPED, _g.c.id > tables.number(0)).limit(1))
_SOME = Query(
    select(_c.c.seq)
    .where(_c.c.blob_id == bindparam("blob_id"))
    .order_by(_c.c.seq)
    .limit(SWEEP_ROWS)
)
_CONDEMN_BLOB = Query(
    update(_b).where(_b.c.id == bindparam("of_blob")).values(complete=GATHERING_BLOB)
)
_FORGET = Query(delete(_g).where(_g.c.id == bindparam("group_id")))
_FORGET_BLOB = Query(delete(_b).where(_b.c.id == bindparam("blob_id")))


async def put(writer: Writer, part: Part, quota: int, limit: int, now: datetime) -> Gathered:
    """Keep a part, a row of 1 MiB a transaction; when this returns it is on disk.

    Args:
        writer: of the store.
        part: its own digest was checked.
        quota: bytes that this publisher's parts may take in all.
        limit: largest envelope, bytes.
        now: aware UTC.
    """
    group = await writer.write("begin_part", lambda work: _begin(work, part, quota, limit, now))
    if isinstance(group, Gathered):
        return group
    rows = memoryview(part.data)
    blob_id, first = group["blob_id"], part.index * ROWS_OF_PART
    for place in range(len(rows) - 1 - (len(rows) - 1) % streams.CHUNK, 0, -streams.CHUNK):
        row = rows[place : place + streams.CHUNK]
        seq = first + place // streams.CHUNK
        await writer.write("content", lambda work, seq=seq, row=row: _row(work, blob_id, seq, row))  # type: ignore[misc]
    return await writer.write("put_part", lambda work: _end(work, group["id"], part, first, rows))


def _begin(
    transaction: Transaction, part: Part, quota: int, limit: int, now: datetime
) -> Row | Gathered:
    """The group of a part that is to be written; what is known, if it is not."""
    connection = transaction.connection
    group = _group(connection, part)
    if group is not None and group["count"] != part.count:  # the publisher contradicts itself
        _drop(transaction, group, "COUNT_DIFFERS", now)
        group = None
    if group is not None and connection.one(
        _HAS, blob_id=group["blob_id"], first=part.index * ROWS_OF_PART
    ):
        return _gathered(group)
    if (group["size"] if group else 0) + len(part.data) > limit:
        return _refused(transaction, part, "TOO_LARGE", now)
    used = connection.rows(_CHARGED, connection=part.connection)[0]["bytes"]
    if used + _charge(part) > quota:
        return _refused(transaction, part, "PARTS_QUOTA", now)
    return group or _new(transaction, part, now)


def _new(transaction: Transaction, part: Part, now: datetime) -> Row:
    connection = transaction.connection
    name = f"parts {secrets.token_hex(16)}"
    blob_id = streams.begin(transaction, name, GATHERING_BLOB, now)
    return connection.rows(
        _ADD,
        connection=part.connection,
        organ=part.organ,
        sha256=part.envelope,
        dropped=0,
        blob_id=blob_id,
        count=part.count,
        present=0,
        size=0,
        charged=0,
        attempts=0,
        began_at=micros(now),
    )[0]


def _row(transaction: Transaction, blob_id: int, seq: int, data: memoryview) -> None:
    transaction.connection.run(_CLEAR, blob_id=blob_id, row=seq)  # left by a crash
    streams.put_chunk(transaction, blob_id, seq, data)


def _end(
    transaction: Transaction, group_id: int, part: Part, first: int, rows: memoryview
) -> Gathered:
    connection = transaction.connection
    counted = connection.rows(_COUNT, group_id=group_id, more=len(rows), charge=_charge(part))
    if not counted:  # it ended meanwhile: the sender's next copy begins anew
        return Gathered(refused="GROUP_ENDED")
    streams.put_chunk(transaction, counted[0]["blob_id"], first, rows[: streams.CHUNK])
    return _gathered(counted[0])


def _charge(part: Part) -> int:
    """Bytes of the quota: never less than a row, or a million tiny groups would fit."""
    return max(len(part.data), streams.CHUNK)


def _group(connection: Connection, part: Part) -> Row | None:
    return connection.one(_FIND, connection=part.connection, organ=part.organ, sha256=part.envelope)


def _gathered(group: Row) -> Gathered:
    if group["present"] < group["count"]:
        return Gathered()
    whole = InStore(group["blob_id"], group["size"], group["sha256"])
    return Gathered(content=whole, attempts=group["attempts"])


def _refused(transaction: Transaction, part: Part, reason: str, now: datetime) -> Gathered:
    refuse(transaction, part, reason, now)
    return Gathered(refused=reason)


def refuse(transaction: Transaction, part: Part, reason: str, now: datetime) -> None:
    """Journal that a part was not kept."""
    transaction.note(
        "part_refused",
        part.envelope,
        now,
        connection=part.connection,
        organ=part.organ,
        part=part.index,
        reason=reason,
    )


def judging(transaction: Transaction, content: InStore, *, begins: bool) -> None:
    """Count that judging a whole begins, before anything parses it, or that it ended for now."""
    transaction.connection.run(_ATTEMPT, of_blob=content.blob_id, more=1 if begins else -1)


def drop(transaction: Transaction, content: InStore, reason: str, now: datetime) -> None:
    """Give up a group; nothing happens when it is one no more."""
    group = transaction.connection.one(_OF_BLOB, blob_id=content.blob_id)
    if group is not None and not group["dropped"]:
        _drop(transaction, group, reason, now)


def _drop(transaction: Transaction, group: Row, reason: str, now: datetime) -> None:
    transaction.connection.run(_DROP, group_id=group["id"])
    if not reason:  # the whole was kept under its digest, or was no loss
        return
    transaction.note(
        "parts_dropped",
        group["sha256"],
        now,
        connection=group["connection"],
        organ=group["organ"],
        present=group["present"],
        count=group["count"],
        size=group["size"],
        reason=reason,
    )


def is_many_rows(connection: Connection, blob_id: int) -> bool:
    """Whether a content has too many rows to be deleted in one transaction."""
    return len(connection.rows(_SOME, blob_id=blob_id)) == SWEEP_ROWS


def condemn(transaction: Transaction, blob_id: int, now: datetime) -> None:
    """Have a content that nobody linked deleted in steps, as that of a group that was dropped."""
    transaction.connection.run(_CONDEMN_BLOB, of_blob=blob_id)
    nobody = {"connection": "", "organ": "", "sha256": "", "dropped": 1, "count": 0}
    counts = {"present": 0, "size": 0, "charged": 0, "attempts": 0, "began_at": micros(now)}
    transaction.connection.rows(_ADD, **nobody, **counts, blob_id=blob_id)


def any_to_sweep(connection: Connection, before: datetime) -> bool:
    """Whether `sweep` would find anything."""
    old = connection.one(_OLD, before=micros(before))
    return old is not None or connection.one(_DROPPED) is not None


def sweep(transaction: Transaction, before: datetime, now: datetime) -> int:
    """Drop groups that began before a time, and delete some rows of one that was dropped."""
    connection = transaction.connection
    old = connection.rows(_OLD, before=micros(before))
    for group in old:
        _drop(transaction, group, "LIFETIME_ENDED", now)
    gone = connection.one(_DROPPED)
    if gone is None:
        return len(old)
    rows = connection.rows(_SOME, blob_id=gone["blob_id"])
    for row in rows:
        connection.run(_CLEAR, blob_id=gone["blob_id"], row=row["seq"])
    if len(rows) < SWEEP_ROWS:
        connection.run(_FORGET, group_id=gone["id"])
        connection.run(_FORGET_BLOB, blob_id=gone["blob_id"])
    return len(old) + len(rows) + 1
