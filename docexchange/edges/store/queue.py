"""What waits, as the person who runs the node is shown it. Nothing here changes anything.

lines    one by one, those whose deadline is nearest first
dead     what could not be delivered, newest first
shape    how many for each destination, by age: one step in an index for each that waits
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, case, func, or_, select

from ...core.model import QueueLine, ShapeLine
from ...core.states import Kind, State
from . import tables
from .database import Connection, Query, Row, maybe_moment, micros, moment

AGES = (
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=72),
)

_d, _s, _r = tables.deliveries, tables.submissions, tables.receipts
_FACTS = (_s.c.tracking_id, _s.c.number, _s.c.notation, _s.c.subject, _s.c.submitted_at, _s.c.size)


def _either(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Rows with this value, any row when the value given is ""."""
    return or_(bindparam(name) == "", column == bindparam(name))


def _lines(*only: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return (
        select(_d, *_FACTS)
        .join_from(_d, _s)
        .where(*only, _either(_d.c.to_organ, "organ"))
        .limit(bindparam("most"))
    )


_ALIVE = Query(_lines(tables.ALIVE, _either(_d.c.state, "state")).order_by(_d.c.deadline, _d.c.id))
_HELD = Query(_lines(tables.HELD_BACK, tables.ALIVE).order_by(_d.c.to_organ, _d.c.id))
_DEAD = Query(_lines(tables.DEAD).order_by(_d.c.id.desc()))
_OF = Query(
    select(_d, *_FACTS)
    .join_from(_d, _s)
    .where(_s.c.tracking_id == bindparam("tracking_id"), _s.c.kind == tables.word(Kind.DOCUMENT))
    .order_by(_d.c.id)
)


def lines(
    connection: Connection, organ: str = "", state: State | None = None, limit: int = 50
) -> list[QueueLine]:
    """Documents that wait to be published, or for their receipt, nearest deadline first; of one
    destination and in one state, or ("", None) of any."""
    wanted = state.value if state else ""
    return _read(connection.rows(_ALIVE, organ=organ, state=wanted, most=limit))


def held(connection: Connection, organ: str = "", limit: int = 50) -> list[QueueLine]:
    """Documents that a person holds back."""
    return _read(connection.rows(_HELD, organ=organ, most=limit))


def dead(connection: Connection, organ: str = "", limit: int = 50) -> list[QueueLine]:
    """Documents that could not be delivered, newest first."""
    return _read(connection.rows(_DEAD, organ=organ, most=limit))


def of(connection: Connection, tracking_id: str) -> list[QueueLine]:
    """Every delivery of a document."""
    return _read(connection.rows(_OF, tracking_id=tracking_id))


def _read(rows: Sequence[Row]) -> list[QueueLine]:
    return [
        QueueLine(
            delivery_id=row["id"],
            tracking_id=row["tracking_id"],
            number=row["number"],
            notation=row["notation"],
            subject=row["subject"],
            submitted_at=moment(row["submitted_at"]),
            size=row["size"],
            to_organ=row["to_organ"],
            kind=Kind(row["kind"]),
            lane=row["lane"],
            state=State(row["state"]),
            reason=row["reason"],
            held=row["held"],
            attempts=row["attempts"],
            copies=row["copies"],
            last_error=row["last_error"],
            next_try=maybe_moment(row["next_try"]),
            lifetime_ends=maybe_moment(row["lifetime_ends"]),
        )
        for row in rows
    ]


_HEARD = Query(
    select(_r.c.from_organ, func.max(_r.c.recorded_at).label("at")).group_by(_r.c.from_organ)
)


def heard(connection: Connection) -> dict[str, datetime]:
    """When the last receipt of each organ came. Reads every receipt once."""
    return {row["from_organ"]: moment(row["at"]) for row in connection.rows(_HEARD)}


# -- shape -------------------------------------------------------------------------------------

_AGE_NAMES = tuple(f"age{place}" for place in range(len(AGES) + 1))


def _shape(only: ColumnElement[bool]) -> Query:
    """Counts by destination and age; `bound0` is the time before which a thing is older than the
    first age, and so on."""
    bounds: list[BindParameter[int]] = [bindparam(f"bound{place}") for place in range(len(AGES))]
    at = _s.c.submitted_at
    within = [at > bounds[0]]
    within += [(at > later) & (at <= sooner) for sooner, later in itertools.pairwise(bounds)]
    within.append(at <= bounds[-1])
    counts = [
        func.sum(case((one, 1), else_=0)).label(name)
        for name, one in zip(_AGE_NAMES, within, strict=True)
    ]
    return Query(
        select(_d.c.lane, _d.c.to_organ, func.min(at).label("oldest"), *counts)
        .join_from(_d, _s)
        .where(only)
        .group_by(_d.c.lane, _d.c.to_organ)
    )


_QUEUED = _d.c.state == tables.word(State.QUEUED)
_FRESH, _AGAIN = _shape(tables.FRESH), _shape(tables.AGAIN)
_HELD_SHAPE = _shape(tables.HELD_BACK & _QUEUED)
_SENT = _shape(tables.OVERDUE)


def shape(connection: Connection, now: datetime, *, sent: bool = False) -> list[ShapeLine]:
    """What waits to be published (`sent`: for its receipt), by destination and age, the fullest
    first."""
    bounds = {f"bound{place}": micros(now - age) for place, age in enumerate(AGES)}
    found: dict[tuple[str, str], ShapeLine] = {}
    parts = [(_SENT, 0, 1)] if sent else [(_FRESH, 0, 0), (_AGAIN, 0, 1), (_HELD_SHAPE, 1, 0)]
    for query, held_back, tried in parts:
        for row in connection.rows(query, **bounds):
            _add(found, row, held_back, tried)
    return sorted(found.values(), key=lambda one: (-one.count, one.organ, one.lane))


def _add(found: dict[tuple[str, str], ShapeLine], row: Row, held_back: int, tried: int) -> None:
    key = row["to_organ"], row["lane"]
    ages = tuple(row[name] for name in _AGE_NAMES)
    count, oldest = sum(ages), moment(row["oldest"])
    before = found.get(key)
    if before is not None:
        ages = tuple(one + other for one, other in zip(before.ages, ages, strict=True))
        oldest = min(before.oldest, oldest)
    found[key] = ShapeLine(
        organ=row["to_organ"],
        lane=row["lane"],
        ages=ages,
        held=(before.held if before else 0) + held_back * count,
        tried=(before.tried if before else 0) + tried * count,
        oldest=oldest,
    )
