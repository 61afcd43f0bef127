"""How much came and went in a time, by organ, and how long answers took.

Reads every document once; nothing on the daemon's path asks this.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, case, func, literal_column, select

from ...core.model import ReceivedCount, SentCount, TimeTaken
from ...core.standing import LATE
from ...core.states import Kind, State, StatusCode
from . import tables
from .database import Connection, Query, Row, micros, moment

TAKEN = (StatusCode.ARRIVED, StatusCode.ACCEPTED, StatusCode.COMPLETED)

_d, _s, _r, _a = tables.deliveries, tables.submissions, tables.receipts, tables.arrivals
_within = (_s.c.submitted_at >= bindparam("begin")) & (_s.c.submitted_at < bindparam("end"))
_document = _s.c.kind == tables.word(Kind.DOCUMENT)


def _counted(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0)).label(name)


_SENT = Query(
    select(
        _d.c.to_organ.label("organ"),
        func.count().label("count"),
        func.sum(_s.c.size).label("size"),
        _counted(_d.c.state == tables.word(State.ACKNOWLEDGED), "acknowledged"),
        _counted(_d.c.state == tables.word(State.UNDELIVERABLE), "undeliverable"),
        _counted(_d.c.code == StatusCode.REJECTED.value, "rejected"),
        _counted(_d.c.reason == LATE, "late"),
        func.min(
            case(
                (
                    _d.c.state.in_([tables.word(State.QUEUED), tables.word(State.SENT)]),
                    _s.c.submitted_at,
                )
            )
        ).label("oldest"),
    )
    .join_from(_d, _s)
    .where(_document, _within)
    .group_by(_d.c.to_organ)
    .order_by(func.count().desc(), _d.c.to_organ)
)
_RECEIVED = Query(
    select(
        _a.c.from_organ.label("organ"),
        func.count().label("count"),
        func.sum(_a.c.size).label("size"),
        _counted(_a.c.code == StatusCode.COMPLETED.value, "completed"),
        _counted(_a.c.code == StatusCode.REJECTED.value, "rejected"),
        _counted(_a.c.code.in_([tables.word(""), tables.word(StatusCode.ARRIVED)]), "untouched"),
    )
    .where(_a.c.arrived_at >= bindparam("begin"), _a.c.arrived_at < bindparam("end"))
    .group_by(_a.c.from_organ)
    .order_by(func.count().desc(), _a.c.from_organ)
)
_times = (
    select((func.min(_r.c.recorded_at) - _s.c.submitted_at).label("took"))
    .join_from(_d, _s)
    .join(_r, _r.c.delivery_id == _d.c.id)
    .where(_document, _within, _r.c.code == bindparam("of_code"))
    .group_by(_d.c.id, _s.c.submitted_at)
)
_timed = _times.subquery("timed")
_TIMED = Query(select(func.count().label("count")).select_from(_timed))
_MIDDLE = Query(
    select(literal_column("took"))
    .select_from(_timed)
    .order_by(literal_column("took"))
    .limit(1)
    .offset(bindparam("place"))
)


def of_period(
    connection: Connection, begin: datetime, end: datetime
) -> tuple[list[SentCount], list[ReceivedCount], list[TimeTaken]]:
    """What was submitted and what arrived in [begin, end), and how long answers took."""
    given = (connection, begin, end)
    return sent(*given), received(*given), taken(*given)


def sent(connection: Connection, begin: datetime, end: datetime) -> list[SentCount]:
    """What was submitted in [begin, end), by recipient, the most first."""
    return [_sent(row) for row in connection.rows(_SENT, **_span(begin, end))]


def received(connection: Connection, begin: datetime, end: datetime) -> list[ReceivedCount]:
    """What arrived in [begin, end), by sender, the most first."""
    return [
        ReceivedCount(
            organ=row["organ"],
            count=row["count"],
            size=row["size"],
            completed=row["completed"],
            rejected=row["rejected"],
            untouched=row["untouched"],
        )
        for row in connection.rows(_RECEIVED, **_span(begin, end))
    ]


def taken(connection: Connection, begin: datetime, end: datetime) -> list[TimeTaken]:
    """How long the first 01, 03 and 06 took of what was submitted in [begin, end): the median."""
    found = []
    for code in TAKEN:
        given = {**_span(begin, end), "of_code": code.value}
        count = connection.rows(_TIMED, **given)[0]["count"]
        middle = connection.rows(_MIDDLE, **given, place=(count - 1) // 2) if count else []
        took = timedelta(microseconds=middle[0]["took"]) if middle else None
        found.append(TimeTaken(code.value, count, took))
    return found


def _span(begin: datetime, end: datetime) -> dict[str, int]:
    return {"begin": micros(begin), "end": micros(end)}


def _sent(row: Row) -> SentCount:
    return SentCount(
        organ=row["organ"],
        count=row["count"],
        size=row["size"],
        acknowledged=row["acknowledged"],
        undeliverable=row["undeliverable"],
        rejected=row["rejected"],
        late=row["late"],
        oldest=moment(row["oldest"]) if row["oldest"] is not None else None,
    )
