"""The statistics that the law asks for (QĐ 28/2018/QĐ-TTg, Article 11), from the rows of a store.

SQLite counts and finds the medians; memory holds one line of the result for each organ, type, day.
What did not go as it should is given one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Subquery,
    bindparam,
    case,
    distinct,
    func,
    literal_column,
    select,
)

from ...core.model import RECEIVED_COUNTS, SENT_COUNTS, By, Concern, Line
from ...core.standing import LATE
from ...core.states import Kind, State, StatusCode
from . import tables
from .database import Connection, Query, Row, micros, moment

TAKEN = (StatusCode.ARRIVED, StatusCode.ACCEPTED, StatusCode.COMPLETED)
ZONE_S = 7 * 3600  # Asia/Ho_Chi_Minh, without summer time since 1975

_d, _s, _r, _a = tables.deliveries, tables.submissions, tables.receipts, tables.arrivals
_Text = ColumnElement[Any]


def _with(organ: _Text) -> ColumnElement[bool]:
    """Whether it is the one that is asked about; all of them when none is."""
    return (bindparam("organ") == tables.word("")) | (organ == bindparam("organ"))


def _counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _day(time: _Text, form: str) -> _Text:
    """A day or month of Vietnam, of microseconds."""
    seconds = time // 1_000_000 + ZONE_S
    return func.strftime(tables.word(form), seconds, tables.word("unixepoch"))


def _level_one(organ: _Text) -> _Text:
    """The level 1 code of a code of QĐ 20/2020 or of the old form; of others the code itself."""
    return case(
        (organ.op("GLOB")(tables.word("[A-Z][0-9][0-9]*")), func.substr(organ, 1, 3)),
        (organ.op("GLOB")(tables.word("???.??.??.[A-Z][0-9][0-9]")), func.substr(organ, -3)),
        else_=organ,
    )


def _abbreviation(notation: _Text) -> _Text:
    """What a notation begins with: QĐ of QĐ-UBND."""
    hyphen = func.instr(notation, tables.word("-"))
    return case((hyphen > tables.number(0), func.substr(notation, 1, hyphen - 1)), else_=notation)


def _kinds(organ: _Text, notation: _Text, priority: _Text, time: _Text) -> dict[By, _Text]:
    return {
        By.ALL: tables.word(""),
        By.ORGAN: organ,
        By.PROVINCE: _level_one(organ),
        By.TYPE: _abbreviation(notation),
        By.URGENCY: func.coalesce(priority, tables.word("")),
        By.DAY: _day(time, "%Y-%m-%d"),
        By.MONTH: _day(time, "%Y-%m"),
    }


_SENT_BY = _kinds(_d.c.to_organ, _s.c.notation, _s.c.priority, _s.c.submitted_at)
_RECEIVED_BY = _kinds(_a.c.from_organ, _a.c.notation, _a.c.priority, _a.c.arrived_at)
_submitted = (
    (_s.c.kind == tables.word(Kind.DOCUMENT))
    & (_s.c.submitted_at >= bindparam("begin"))
    & (_s.c.submitted_at < bindparam("end"))
    & _with(_d.c.to_organ)
)
_arrived = (
    (_a.c.arrived_at >= bindparam("begin"))
    & (_a.c.arrived_at < bindparam("end"))
    & _with(_a.c.from_organ)
)
_acknowledged = _d.c.state == tables.word(State.ACKNOWLEDGED)
_late = _d.c.reason == tables.word(LATE)
_said_nothing = _a.c.code.in_([tables.word(""), tables.word(StatusCode.ARRIVED)])


def _sent(key: _Text) -> ClauseElement:
    waiting = _d.c.state.in_([tables.word(State.QUEUED), tables.word(State.SENT)])
    return (
        select(
            key.label("key"),
            func.count(distinct(_d.c.submission_id)).label("documents"),
            func.count().label("deliveries"),
            func.sum(_s.c.size).label("bytes"),
            _counted(_acknowledged).label("acknowledged"),
            _counted(_acknowledged & ~_late).label("on_time"),
            _counted(_acknowledged & _late).label("late"),
            _counted(_d.c.state == tables.word(State.UNDELIVERABLE)).label("undeliverable"),
            _counted(waiting).label("under_way"),
            _counted(_d.c.code == tables.word(StatusCode.REJECTED)).label("rejected"),
            _counted(_d.c.code == tables.word(StatusCode.COMPLETED)).label("completed"),
        )
        .join_from(_d, _s)
        .where(_submitted)
        .group_by(literal_column("key"))
    )


def _received(key: _Text) -> ClauseElement:
    return (
        select(
            key.label("key"),
            func.count().label("documents"),
            func.sum(_a.c.size).label("bytes"),
            _counted(_a.c.code == tables.word(StatusCode.COMPLETED)).label("completed"),
            _counted(_a.c.code == tables.word(StatusCode.REJECTED)).label("rejected"),
            _counted(_said_nothing).label("untouched"),
        )
        .where(_arrived)
        .group_by(literal_column("key"))
    )


def _sent_times(key: _Text) -> Subquery:
    """Of each delivery, how long the first status of a code took."""
    return (
        select(key.label("key"), (func.min(_r.c.recorded_at) - _s.c.submitted_at).label("took"))
        .join_from(_d, _s)
        .join(_r, _r.c.delivery_id == _d.c.id)
        .where(_submitted, _r.c.code == bindparam("of_code"))
        .group_by(_d.c.id)
        .subquery()
    )


def _received_times(key: _Text) -> Subquery:
    """Of each arrival, how long our first status of a code took."""
    return (
        select(key.label("key"), (func.min(_s.c.submitted_at) - _a.c.arrived_at).label("took"))
        .join_from(_a, _d, _d.c.answers == _a.c.id)
        .join(_s, _s.c.id == _d.c.submission_id)
        .where(_arrived, tables.ANSWER, _s.c.status_code == bindparam("of_code"))
        .group_by(_a.c.id)
        .subquery()
    )


def _medians(times: Subquery) -> ClauseElement:
    """The lower median of each key."""
    place = func.row_number().over(partition_by=times.c.key, order_by=times.c.took)
    total = func.count().over(partition_by=times.c.key)
    placed = select(times.c.key, times.c.took, place.label("place"), total.label("total"))
    ranked = placed.subquery()
    middle = (ranked.c.total + 1) // 2
    return select(ranked.c.key, ranked.c.took).where(ranked.c.place == middle)


_LINES: Mapping[tuple[str, By], tuple[Query, Query]] = {
    **{
        ("sent", by): (Query(_sent(key)), Query(_medians(_sent_times(key))))
        for by, key in _SENT_BY.items()
    },
    **{
        ("received", by): (Query(_received(key)), Query(_medians(_received_times(key))))
        for by, key in _RECEIVED_BY.items()
    },
}


def lines(connection: Connection, begin: datetime, end: datetime, organ: str = "") -> list[Line]:
    """Every line about what was submitted and what arrived in [begin, end), of one organ or of all:
    sent ones first, by kind, the most documents first; days and months in their order."""
    span = {"begin": micros(begin), "end": micros(end), "organ": organ}
    lines: list[Line] = []
    for (direction, by), (counts, medians) in _LINES.items():
        took: dict[object, dict[str, timedelta]] = {}
        for code in TAKEN:
            for row in connection.rows(medians, **span, of_code=code.value):
                found = took.setdefault(row["key"], {})
                found[code.value] = timedelta(microseconds=row["took"])
        made = [
            _line(direction, by, row, took.get(row["key"], {}))
            for row in connection.rows(counts, **span)
        ]
        lines += sorted(made, key=_in_time if by in (By.DAY, By.MONTH) else _by_size)
    return lines


_k = tables.kept
_reference = case(
    (_s.c.number == tables.word(""), _s.c.notation),
    else_=_s.c.number + tables.word("/") + _s.c.notation,
)
_troubled = (
    _d.c.state.in_([tables.word(one) for one in (State.UNDELIVERABLE, State.QUEUED, State.SENT)])
    | (_d.c.code == tables.word(StatusCode.REJECTED))
    | _late
)
_SENT_CONCERNS = Query(
    select(
        case(
            (_d.c.state == tables.word(State.UNDELIVERABLE), tables.word("undeliverable")),
            (_d.c.code == tables.word(StatusCode.REJECTED), tables.word("rejected")),
            (_late, tables.word("late")),
            else_=tables.word("under_way"),
        ).label("kind"),
        _s.c.submitted_at.label("at"),
        _d.c.to_organ.label("organ"),
        _s.c.tracking_id,
        _reference.label("reference"),
        _s.c.subject,
        case((_d.c.last_error != tables.word(""), _d.c.last_error), else_=_d.c.reason).label(
            "detail"
        ),
    )
    .join_from(_d, _s)
    .where(_submitted, _troubled)
    .order_by(_s.c.id, _d.c.id)
)
_RECEIVED_CONCERNS = Query(
    select(
        tables.word("refused").label("kind"),
        _a.c.arrived_at.label("at"),
        _a.c.from_organ.label("organ"),
        _a.c.tracking_id,
        (_a.c.number + tables.word("/") + _a.c.notation).label("reference"),
        _a.c.subject,
        tables.word("").label("detail"),
    )
    .where(_arrived, _a.c.code == tables.word(StatusCode.REJECTED))
    .order_by(_a.c.id)
)
_KEPT_CONCERNS = Query(
    select(
        tables.word("quarantined").label("kind"),
        _k.c.kept_at.label("at"),
        _k.c.from_organ.label("organ"),
        tables.word("").label("tracking_id"),
        _k.c.document_id.label("reference"),
        tables.word("").label("subject"),
        (_k.c.reason + tables.word(" ") + _k.c.detail).label("detail"),
    )
    .where(
        _k.c.state == tables.word("quarantined"),
        _k.c.kept_at >= bindparam("begin"),
        _k.c.kept_at < bindparam("end"),
        _with(_k.c.from_organ),
    )
    .order_by(_k.c.id)
)


def concerns(
    connection: Connection, begin: datetime, end: datetime, organ: str = ""
) -> Iterator[Concern]:
    """What of [begin, end) did not go as it should or has not ended, of one organ or of all, one
    by one: what was not believed, what was sent, what we refused; each by its age."""
    span = {"begin": micros(begin), "end": micros(end), "organ": organ}
    for query in (_KEPT_CONCERNS, _SENT_CONCERNS, _RECEIVED_CONCERNS):
        for row in connection.stream(query, **span):
            yield Concern(
                kind=row["kind"],
                at=moment(row["at"]),
                organ=row["organ"],
                tracking_id=row["tracking_id"],
                reference=row["reference"],
                subject=row["subject"],
                detail=row["detail"],
            )


def _line(direction: str, by: By, row: Row, medians: Mapping[str, timedelta]) -> Line:
    names = SENT_COUNTS if direction == "sent" else RECEIVED_COUNTS
    counts = {name: int(row[name] or 0) for name in names}
    return Line(direction, by, str(row["key"]), counts, medians)


def _in_time(line: Line) -> tuple[int, str]:
    return 0, line.key


def _by_size(line: Line) -> tuple[int, str]:
    return -line.counts["documents"], line.key
