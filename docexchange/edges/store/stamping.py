"""Timestamps (dấu thời gian) of stored envelopes: what waits, and what a token proves.

Nothing is written per document when it comes or goes: rows of a table are numbered as they are
committed, so a cursor for each table says up to where everything is stamped, and what lies behind
it waits, in order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, Table, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from envelopes.evidence.merkle import HASH_BYTES
from envelopes.evidence.stamp import Stamp

from ...core.stamping import Backlog, Stamped, Unstamped
from . import tables
from .database import Connection, Query, Row, adding, maybe_moment, micros, moment
from .transaction import Transaction

HEAD_BYTES = 16 * 1024  # of a content; a signature of three certificates ends at 7 KB

_b, _c, _t, _s = tables.blobs, tables.chunks, tables.stamp_tokens, tables.stamps
_k = tables.cursors
_SOURCES: dict[str, tuple[Table, ColumnElement[int]]] = {
    "submissions": (tables.submissions, tables.submissions.c.submitted_at),
    "arrivals": (tables.arrivals, tables.arrivals.c.arrived_at),
    "receipts": (tables.receipts, tables.receipts.c.recorded_at),
}


def _waiting(table: Table, at: ColumnElement[int]) -> Query:
    return Query(
        select(
            table.c.id,
            table.c.blob_id,
            table.c.sha256,
            at.label("at"),
            _b.c.size,
            func.substr(_c.c.data, 1, HEAD_BYTES).label("head"),
        )
        .join_from(table, _b, _b.c.id == table.c.blob_id)
        .outerjoin(_c, (_c.c.blob_id == table.c.blob_id) & (_c.c.seq == tables.number(0)))
        .where(table.c.id > bindparam("last"))
        .order_by(table.c.id)
        .limit(bindparam("most"))
    )


_WAITING = {name: _waiting(*source) for name, source in _SOURCES.items()}
_OLDEST = {
    name: Query(
        select(at.label("at")).where(table.c.id > bindparam("last")).order_by(table.c.id).limit(1)
    )
    for name, (table, at) in _SOURCES.items()
}
_COUNT = {
    name: Query(select(func.count().label("count")).where(table.c.id > bindparam("last")))
    for name, (table, _) in _SOURCES.items()
}
_CURSOR = Query(select(_k.c.last).where(_k.c.name == bindparam("name")))
_moved = insert(_k).values(name=bindparam("name"), last=bindparam("last"))
_MOVE = Query(_moved.on_conflict_do_update([_k.c.name], set_={"last": _moved.excluded.last}))
_ADD_TOKEN = Query(adding(_t).returning(_t.c.id))
_ADD_STAMP = Query(  # an envelope that was sent to ourselves has one already
    insert(_s)
    .values({column.name: bindparam(column.name) for column in _s.c})
    .on_conflict_do_nothing()
)
_OF = Query(
    select(_t.c.token, _t.c.leaves, _s.c.place, _s.c.path)
    .join_from(_s, _t, _t.c.id == _s.c.token_id)
    .where(_s.c.blob_id == tables.blob_of(bindparam("sha256")))
)
_STAMPED = Query(select(func.count().label("count")).select_from(_s))
_LAST = Query(select(_t.c.gen_time).order_by(_t.c.id.desc()).limit(1))


def cursor(connection: Connection, name: str) -> int:
    """Number of the last row that is done, 0 if none is."""
    row = connection.one(_CURSOR, name=name)
    return row["last"] if row else 0


def move(connection: Connection, name: str, last: int) -> None:
    """Note that all rows up to this one are done."""
    connection.run(_MOVE, name=name, last=last)


def waiting(connection: Connection, limit: int) -> list[Unstamped]:
    """The oldest envelopes without a stamp; a step in a table for each."""
    sources = (_rows(connection, name, limit) for name in _SOURCES)
    merged = heapq.merge(*sources, key=lambda one: one.at)
    return [one for one, _ in zip(merged, range(limit), strict=False)]


def _rows(connection: Connection, name: str, limit: int) -> Iterator[Unstamped]:
    last = cursor(connection, f"stamped.{name}")
    for row in connection.rows(_WAITING[name], last=last, most=limit):
        yield _unstamped(name, row)


def _unstamped(source: str, row: Row) -> Unstamped:
    names = (row["id"], row["blob_id"], row["sha256"], row["size"])
    return Unstamped(source, *names, moment(row["at"]), row["head"] or b"")


def write(transaction: Transaction, done: Stamped, now: datetime) -> None:
    """Keep a token with the stamps under it, and move the cursors, together."""
    connection = transaction.connection
    if done.stamps:
        _keep(transaction, done, now)
    for name, last in done.cursors.items():
        move(connection, f"stamped.{name}", last)


def _keep(transaction: Transaction, done: Stamped, now: datetime) -> None:
    connection = transaction.connection
    first = done.stamps[0][1]
    assert done.gen_time is not None  # noqa: S101  # with every token
    values = {
        "token": first.token,
        "authority": done.authority,
        "gen_time": micros(done.gen_time),
        "leaves": first.leaves,
        "stored_at": micros(now),
    }
    token_id: int = connection.rows(_ADD_TOKEN, **values)[0]["id"]
    rows = [
        {"blob_id": blob_id, "token_id": token_id, "place": one.index, "path": b"".join(one.path)}
        for blob_id, one in done.stamps
    ]
    connection.many(_ADD_STAMP, rows)
    transaction.note(
        "stamped",
        transaction.node.source.rpartition("/")[2],
        now,
        authority=done.authority,
        envelopes=len(rows),
        token=sha256(first.token).hexdigest(),
    )


def of(connection: Connection, digest: str) -> Stamp | None:
    """The stamp of an envelope, by its SHA-256."""
    row = connection.one(_OF, sha256=digest)
    if row is None:
        return None
    path = row["path"]
    hashes = [path[at : at + HASH_BYTES] for at in range(0, len(path), HASH_BYTES)]
    return Stamp(row["token"], row["place"], row["leaves"], tuple(hashes))


def oldest(connection: Connection) -> datetime | None:
    """When the oldest envelope that waits was committed; three steps in a table."""
    found = [
        row["at"]
        for name, query in _OLDEST.items()
        if (row := connection.one(query, last=cursor(connection, f"stamped.{name}"))) is not None
    ]
    return moment(min(found)) if found else None


def backlog(connection: Connection) -> Backlog:
    """What waits; counts every row of it, so it is for a person who asks."""
    counts: Sequence[int] = [
        connection.rows(query, last=cursor(connection, f"stamped.{name}"))[0]["count"]
        for name, query in _COUNT.items()
    ]
    last = connection.one(_LAST)
    stamped: int = connection.rows(_STAMPED)[0]["count"]
    return Backlog(
        sum(counts),
        oldest(connection),
        stamped,
        maybe_moment(last["gen_time"]) if last else None,
    )
