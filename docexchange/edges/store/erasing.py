"""Erasing (huỷ nội dung): what was destroyed or discarded is in no file of the store any more.

Deleting a row leaves its bytes in two places: in the page, which `secure_delete` overwrites with
zeros in the same transaction, and in the write-ahead log, which has older versions of that page
until it is cut. So a content that goes for good leaves a mark in the transaction that lets it go:

    marked -> its rows deleted, 16 MiB a transaction -> the log emptied -> `erased` in the journal

A mark outlives a crash; the keeper takes it up again. Backups keep what they have, and blocks that
the file system freed may keep their bytes: that is for whoever owns the disk.

Source: NĐ 30/2020 Appendix VI III.8; https://www.sqlite.org/pragma.html, secure_delete,
wal_checkpoint.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from . import tables
from .database import Connection, Query, adding, micros
from .transaction import Transaction

STEP_ROWS = 16  # rows of 1 MiB deleted in one transaction: some 10 ms of the writer, as in `parts`
LOG_BUSY_MS = 50  # milliseconds that emptying the log may keep the writer waiting for a reader

_e, _b, _c, _g = tables.erasures, tables.blobs, tables.chunks, tables.part_groups
_MARK = Query(adding(_e))
_MARKS = Query(select(_e).order_by(_e.c.id))
_ROWS = Query(  # a blob that is needed again is DESTROYED no more, and keeps its rows
    select(_c.c.blob_id, _c.c.seq)
    .join_from(_e, _b, _e.c.blob_id == _b.c.id)
    .join(_c, _c.c.blob_id == _b.c.id)
    .where(_b.c.complete == tables.number(tables.DESTROYED))
    .limit(STEP_ROWS)
)
_CONDEMNED = Query(  # a large content that was discarded: `parts.sweep` deletes its rows
    select(_g.c.id).join_from(_e, _g, _e.c.blob_id == _g.c.blob_id).where(tables.DROPPED).limit(1)
)
_CLEAR = Query(delete(_c).where(_c.c.blob_id == bindparam("of_blob"), _c.c.seq == bindparam("row")))
_DONE = Query(delete(_e).where(_e.c.id == bindparam("mark_id")))


def mark(transaction: Transaction, blob_id: int, sha256: str, ref: str, now: datetime) -> None:
    """Have a content that goes for good erased from the files; `ref` names its journal line."""
    facts = {"sha256": sha256, "ref": ref, "since": micros(now)}
    transaction.connection.run(_MARK, blob_id=blob_id, **facts)


def marks(connection: Connection) -> list[int]:
    """Numbers of the contents that are to be erased."""
    return [row["id"] for row in connection.rows(_MARKS)]


def rows_are_left(connection: Connection) -> bool:
    """Whether `clear` would find anything."""
    return connection.one(_ROWS) is not None


def waits_for_sweep(connection: Connection) -> bool:
    """Whether rows of a discarded content are still being deleted elsewhere."""
    return connection.one(_CONDEMNED) is not None


def clear(transaction: Transaction) -> int:
    """Delete some rows of what was destroyed; how many."""
    found = transaction.connection.rows(_ROWS)
    for row in found:
        transaction.connection.run(_CLEAR, of_blob=row["blob_id"], row=row["seq"])
    return len(found)


def done(transaction: Transaction, numbers: list[int], now: datetime) -> int:
    """Journal that these are in no file of ours any more; how many were open until now."""
    connection = transaction.connection
    wanted = set(numbers)
    ended = [row for row in connection.rows(_MARKS) if row["id"] in wanted]
    for row in ended:
        connection.run(_DONE, mark_id=row["id"])
        transaction.note("erased", row["ref"], now, sha256=row["sha256"])
    return len(ended)
