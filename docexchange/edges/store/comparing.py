"""What two organs are compared by (`core.reconciling`): what one sent the other, what it accepted.

Each step looks at documents of these two only, and at a bounded number of rows. Nothing here
changes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, func, select

from ...core.recalls import Recall
from ...core.reconciling import LINES_MAX, RESTORED, SCAN_MAX, Asked, Sent, Window
from ...core.states import Kind, State
from . import tables
from .database import Connection, Query, Row, micros, moment

BACK = timedelta(minutes=10)  # how far a clock may have been put back between two documents

_s, _d, _a = tables.submissions, tables.deliveries, tables.arrivals
_organ: BindParameter[str] = bindparam("organ")
_peer: BindParameter[str] = bindparam("peer")
DOCUMENT = _s.c.kind == tables.word(Kind.DOCUMENT)
_facts = (
    *(_s.c.id, _s.c.sha256, _s.c.document_id, _s.c.submitted_at, _s.c.tracking_id),
    *(_d.c.state, _d.c.code, _d.c.held),
)
BETWEEN: ColumnElement[bool] = (_s.c.from_organ == _organ) & (_d.c.to_organ == _peer)


def _within(number: ColumnElement[int], at: ColumnElement[int]) -> ColumnElement[bool]:
    piece = (number > bindparam("after")) & (number <= bindparam("last"))
    return piece & (at >= bindparam("since")) & (at <= bindparam("until"))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a table that are numbered as time goes on, read piece by piece.

    Args:
        last: the highest number.
        first: (id, at) of the first row from a number on.
        bound: number of the row that is so many rows behind another.
        wanted: those of two organs.
    """

    last: Query
    first: Query
    bound: Query
    wanted: Query

    @classmethod
    def of(
        cls,
        number: ColumnElement[int],
        at: ColumnElement[int],
        only: ColumnElement[bool],
        wanted: Select[Any],
    ) -> _Rows:
        return cls(
            Query(select(func.max(number).label("id")).where(only)),
            Query(
                select(number.label("id"), at.label("at"))
                .where(only, number >= bindparam("first"))
                .order_by(number)
                .limit(1)
            ),
            Query(
                select(number.label("id"))
                .where(only, number > bindparam("after"))
                .order_by(number)
                .limit(1)
                .offset(bindparam("scan"))
            ),
            Query(
                wanted.where(only, _within(number, at)).order_by(number).limit(bindparam("most"))
            ),
        )


_SENT = _Rows.of(
    _s.c.id,
    _s.c.submitted_at,
    DOCUMENT,
    select(*_facts)
    .join_from(_s, _d, _d.c.submission_id == _s.c.id)
    .where(BETWEEN, _d.c.recall != tables.word(Recall.CANCELLED)),  # of that nobody was to get it
)
_RECEIVED = _Rows.of(
    _a.c.id,
    _a.c.arrived_at,
    _a.c.id > tables.number(0),
    select(_a.c.id, _a.c.sha256, _a.c.document_id, _a.c.arrived_at, _a.c.code).where(
        _a.c.organ == _organ, _a.c.from_organ == _peer
    ),
)
_RESTORED = Query(
    select(*_facts)
    .join_from(_d, _s)
    .where(tables.HELD_BACK, tables.ALIVE, _d.c.held == tables.word(RESTORED), BETWEEN)
    .order_by(_d.c.id)
)
_HAVE = Query(
    select(_a.c.tracking_id, _a.c.code).where(
        _a.c.blob_id == tables.blob_of(bindparam("sha256")),
        _a.c.organ == _organ,
        _a.c.from_organ == _peer,
    )
)
_KNOWN = Query(
    select(_d.c.id)
    .join_from(_s, _d, _d.c.submission_id == _s.c.id)
    .where(_s.c.blob_id == tables.blob_of(bindparam("sha256")), DOCUMENT, BETWEEN)
    .limit(1)
)


def sent(
    connection: Connection, asked: Asked, window: Window, after: int | None = None
) -> tuple[list[Sent], int | None]:
    """Documents that our organ sent to the other within a window, behind a number or (None) from
    its beginning: at most LINES_MAX, and at most SCAN_MAX of anybody are looked at. And where to go
    on, None at the end."""
    rows, following = _piece(connection, _SENT, asked, window, after)
    return [_read(row) for row in rows], following


def received(
    connection: Connection, asked: Asked, window: Window, after: int | None = None
) -> tuple[list[Sent], int | None]:
    """The same of what our organ accepted from the other, by the time it arrived."""
    rows, following = _piece(connection, _RECEIVED, asked, window, after)
    return [
        Sent(
            row["sha256"],
            row["document_id"],
            moment(row["arrived_at"]),
            State.ACKNOWLEDGED,
            row["code"],
        )
        for row in rows
    ], following


def _piece(
    connection: Connection, of: _Rows, asked: Asked, window: Window, after: int | None
) -> tuple[Sequence[Row], int | None]:
    if after is None:
        after = _begin(connection, of, window.since)
    bound = connection.one(of.bound, after=after, scan=SCAN_MAX - 1)
    last = bound["id"] if bound else _last(connection, of)
    rows = connection.rows(
        of.wanted,
        organ=asked.organ,
        peer=asked.peer,
        since=micros(window.since),
        until=micros(window.until),
        after=after,
        last=last,
        most=LINES_MAX,
    )
    if len(rows) == LINES_MAX:
        return rows, rows[-1]["id"]
    return rows, last if bound else None


def _begin(connection: Connection, of: _Rows, since: datetime) -> int:
    """A number below that of every row since then, found by halving: times grow with the numbers,
    but for a clock that was put back."""
    wanted = micros(since - BACK)
    low, high = 0, _last(connection, of) + 1
    while high - low > 1:
        middle = (low + high) // 2
        row = connection.one(of.first, first=middle)
        if row is not None and row["at"] < wanted:
            low = row["id"]
        else:
            high = middle
    return low


def _last(connection: Connection, of: _Rows) -> int:
    return connection.rows(of.last)[0]["id"] or 0


def restored(connection: Connection, organ: str, peer: str) -> list[Sent]:
    """Documents to an organ that are held back since the store was restored."""
    return [_read(row) for row in connection.rows(_RESTORED, organ=organ, peer=peer)]


def sent_to(connection: Connection, asked: Asked, window: Window) -> list[Sent]:
    """All documents of ours to an organ within a window, and those to it that are held back since
    the store was restored; oldest first."""
    found = {one.tracking_id: one for one in restored(connection, asked.organ, asked.peer)}
    some, after = sent(connection, asked, window)
    found |= {one.tracking_id: one for one in some}
    while after is not None:
        some, after = sent(connection, asked, window, after)
        found |= {one.tracking_id: one for one in some}
    return sorted(found.values(), key=lambda one: one.at)


def have(
    connection: Connection, organ: str, peer: str, digests: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Of these, what one of our organs accepted from that peer: digest -> (tracking id, last
    status that we said)."""
    found = {}
    for sha256 in digests:
        row = connection.one(_HAVE, sha256=sha256, organ=organ, peer=peer)
        if row is not None:
            found[sha256] = row["tracking_id"], row["code"]
    return found


def known(connection: Connection, asked: Asked, digests: Collection[str]) -> set[str]:
    """Those of these that our organ sent to the other, as far as this store knows."""
    names = {"organ": asked.organ, "peer": asked.peer}
    return {one for one in digests if connection.one(_KNOWN, sha256=one, **names) is not None}


def _read(row: Row) -> Sent:
    return Sent(
        row["sha256"],
        row["document_id"],
        moment(row["submitted_at"]),
        State(row["state"]),
        row["code"],
        row["tracking_id"],
        row["held"],
    )
