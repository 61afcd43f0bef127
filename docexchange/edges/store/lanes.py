"""What is to be published now: of each lane, destination by destination, new and retried apart.

    heads    which destinations have something queued: one step in an index for each, however much
             they have
    due      what is due of one destination, oldest first

So ten thousand deliveries to a destination that is dead cost the others one step of that walk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, func, select

from ...core.model import Due, Head
from ...core.pacing import Turn
from ...core.schedule import Lane
from ...core.states import Kind
from . import tables
from .database import Connection, Query, Row, micros, moment

_d, _s = tables.deliveries, tables.submissions


def _heads(only: ColumnElement[bool]) -> Query:
    """A walk along the index from one destination to the next (a loose index scan)."""
    lane = _d.c.lane == bindparam("lane")

    def next_after(organ: ColumnElement[str]) -> ScalarSelect[Any]:
        return (
            select(func.min(_d.c.to_organ))
            .where(only, lane, _d.c.to_organ > organ)
            .scalar_subquery()
        )

    walk = select(next_after(bindparam("after")).label("organ")).cte("walk", recursive=True)
    onward = select(next_after(walk.c.organ)).where(walk.c.organ.is_not(None))
    walk = walk.union_all(onward)
    mine = (only, lane, _d.c.to_organ == walk.c.organ)
    first = select(func.min(_d.c.next_try)).where(*mine).scalar_subquery()
    last = select(func.max(_d.c.next_try)).where(*mine).scalar_subquery()
    return Query(
        select(walk.c.organ, first.label("first"), last.label("last"))
        .where(walk.c.organ.is_not(None))
        .limit(bindparam("most"))
    )


def _due(only: ColumnElement[bool], when: ColumnElement[bool]) -> Query:
    return Query(
        select(_d, _s.c.tracking_id, _s.c.sha256, _s.c.size)
        .join_from(_d, _s)
        .where(only, _d.c.lane == bindparam("lane"), _d.c.to_organ == bindparam("organ"), when)
        .order_by(_d.c.next_try, _d.c.id)
        .limit(bindparam("most"))
    )


_ONLY = {Turn.FRESH: tables.FRESH, Turn.AGAIN: tables.AGAIN}
_HEADS = {turn: _heads(only) for turn, only in _ONLY.items()}
_NOW = {turn: _due(only, _d.c.next_try <= bindparam("now")) for turn, only in _ONLY.items()}
_FAR = {turn: _due(only, _d.c.next_try > bindparam("far")) for turn, only in _ONLY.items()}


def heads(connection: Connection, lane: Lane, turn: Turn, after: str, limit: int) -> list[Head]:
    """Destinations that have something queued, by code, those behind `after`."""
    rows = connection.rows(_HEADS[turn], lane=lane.value, after=after, most=limit)
    return [Head(row["organ"], moment(row["first"]), moment(row["last"])) for row in rows]


def due(
    connection: Connection,
    lane: Lane,
    turn: Turn,
    organ: str,
    now: datetime,
    longest: timedelta,
    skip: frozenset[int],
    limit: int,
) -> list[Due]:
    """Deliveries of one destination to publish now, oldest first; a next try further ahead than
    `longest` was set by a broken clock and counts as come."""
    most = limit + len(skip)
    facts = {"lane": lane.value, "organ": organ, "most": most}
    rows = connection.rows(_NOW[turn], now=micros(now), **facts)
    if len(rows) < most:
        rows += connection.rows(_FAR[turn], far=micros(now + longest), **facts)
    return [_read(row) for row in rows if row["id"] not in skip][:limit]


def _read(row: Row) -> Due:
    return Due(
        delivery_id=row["id"],
        tracking_id=row["tracking_id"],
        kind=Kind(row["kind"]),
        lane=Lane(row["lane"]),
        to_organ=row["to_organ"],
        sha256=row["sha256"],
        size=row["size"],
        attempts=row["attempts"],
        copies=row["copies"],
    )
