"""Finding documents by words: an index beside the tables, one for each direction.

The index is filled by the keeper and by who searches, in steps, up to a cursor: a submission and an
arrival cost nothing here while they are stored. It holds no text and cannot be read back; a row
that is gone from its table is no hit. Numbers grow with time: a range of dates is one of rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Select, bindparam, func, select, text

from ...core.searching import Hit, Search, expression, words
from ...core.states import Kind
from . import tables
from .database import Connection, Query, Row, micros, moment
from .stamping import cursor, move
from .transaction import Transaction

STEP = 500  # rows that one transaction adds: some 20 ms of the writer
SHOWN = 3  # recipients that a hit names
_NO_END = 2**62

_s, _a, _d = tables.submissions, tables.arrivals, tables.deliveries
_document = _s.c.kind == tables.word(Kind.DOCUMENT)
_TO = Query(
    select(_d.c.to_organ)
    .where(_d.c.submission_id == bindparam("number"))
    .order_by(_d.c.id)
    .limit(bindparam("most"))
)
_HOW_MANY = Query(
    select(func.count().label("count")).where(_d.c.submission_id == bindparam("number"))
)


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction: its index and the statements about its table."""

    index: str
    last: Query
    new: Query
    first: Query
    rows: Query
    add: Query
    found: Query


def _side(index: str, sent: bool) -> _Side:
    table, at = (_s, _s.c.submitted_at) if sent else (_a, _a.c.arrived_at)
    only = [_document] if sent else []
    columns = [table.c[name] for name in ("id", "tracking_id", "number", "notation", "subject")]
    base: Select[tuple[object, ...]] = select(*columns, _a.c.from_organ, at.label("at"))
    if sent:
        base = select(*columns, at.label("at"))
    last = select(table.c.id).where(*only).order_by(table.c.id.desc()).limit(1)
    after = base.where(*only, table.c.id > bindparam("last")).order_by(table.c.id)
    match = f"SELECT rowid AS id FROM {index} WHERE {index} MATCH :match"  # noqa: S608
    span = "rowid >= :low AND rowid < :high ORDER BY rowid DESC"
    return _Side(
        index,
        Query(last),
        Query(after.limit(bindparam("most"))),
        Query(
            select(table.c.id, at.label("at"))
            .where(*only, table.c.id >= bindparam("low"))
            .order_by(table.c.id)
            .limit(1)
        ),
        Query(
            base.where(*only, table.c.id >= bindparam("low"), table.c.id < bindparam("high"))
            .order_by(table.c.id.desc())
            .limit(bindparam("most"))
        ),
        Query(
            text(
                f"INSERT INTO {index}(rowid, number, subject, organs)"  # noqa: S608
                " VALUES (:number_of_row, :number, :subject, :organs)"
            )
        ),
        Query(text(f"{match} AND {span}")),
    )


_SIDES: Mapping[bool, _Side] = {
    True: _side(tables.SEARCH_SENT, sent=True),
    False: _side(tables.SEARCH_RECEIVED, sent=False),
}


def behind(connection: Connection) -> bool:
    """Whether a document is in no index yet. Two steps in an index."""
    return any(_last(connection, side) > cursor(connection, side.index) for side in _SIDES.values())


def add(transaction: Transaction) -> int:
    """Put the oldest documents that are in no index into theirs; how many."""
    connection = transaction.connection
    return sum(_add(connection, side, sent) for sent, side in _SIDES.items())


def _add(connection: Connection, side: _Side, sent: bool) -> int:
    rows = connection.rows(side.new, last=cursor(connection, side.index), most=STEP)
    for row in rows:
        organs = _recipients(connection, row, _NO_END) if sent else [row["from_organ"]]
        connection.run(
            side.add,
            number_of_row=row["id"],
            number=" ".join(words(f"{row['number']} {row['notation']}")),
            subject=" ".join(words(row["subject"])),
            organs=" . ".join(" ".join(words(one)) for one in organs),
        )
    if rows:
        move(connection, side.index, rows[-1]["id"])
    return len(rows)


def _recipients(connection: Connection, row: Row, most: int) -> list[str]:
    return [each["to_organ"] for each in connection.rows(_TO, number=row["id"], most=most)]


def _last(connection: Connection, side: _Side) -> int:
    row = connection.one(side.last)
    return row["id"] if row else 0


# -- finding -----------------------------------------------------------------------------------


def find(connection: Connection, search: Search) -> list[Hit]:
    """The newest documents that fit, of those in the index."""
    wanted = {True: search.sent, False: search.received}
    sides = [_hits(connection, side, sent, search) for sent, side in _SIDES.items() if wanted[sent]]
    merged = heapq.merge(*sides, key=lambda hit: hit.at, reverse=True)
    return list(islice(merged, search.limit))


def _hits(connection: Connection, side: _Side, sent: bool, search: Search) -> Iterator[Hit]:
    low = _first(connection, side, search.begin) if search.begin else 0
    high = _first(connection, side, search.end) if search.end else _NO_END
    match = expression(search)
    if not match and (search.text or search.organ):
        return  # signs only: they fit nothing
    if not match:
        rows = connection.rows(side.rows, low=low, high=high, most=search.limit)
    else:
        numbers = connection.stream(side.found, match=match, low=low, high=high)
        rows = list(islice(_rows_of(connection, side, numbers), search.limit))
    for row in rows:
        yield _hit(connection, row, sent)


def _rows_of(connection: Connection, side: _Side, numbers: Iterator[Row]) -> Iterator[Row]:
    for each in numbers:
        number = each["id"]
        yield from connection.rows(side.rows, low=number, high=number + 1, most=1)


def _first(connection: Connection, side: _Side, at: datetime) -> int:
    """The number of the first row at or after a time: numbers grow with time."""
    low, high = 0, _last(connection, side) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.one(side.first, low=middle)
        if row is None or row["at"] >= micros(at):
            high = middle
        else:
            low = row["id"] + 1
    return low


def _hit(connection: Connection, row: Row, sent: bool) -> Hit:
    organs, more = [] if sent else [row["from_organ"]], 0
    if sent:
        organs = _recipients(connection, row, SHOWN)
        if len(organs) == SHOWN:
            more = connection.rows(_HOW_MANY, number=row["id"])[0]["count"] - SHOWN
    return Hit(
        sent=sent,
        tracking_id=row["tracking_id"],
        number=row["number"],
        notation=row["notation"],
        subject=row["subject"],
        organs=tuple(organs),
        more=more,
        at=moment(row["at"]),
    )
