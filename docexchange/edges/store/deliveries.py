"""Deliveries (lượt gửi): every change of a row follows `core.standing` and is written by `move`.

    due      what is to be published now
    record   what became of a publish, or what an operator decided
    sweep    what time decided: overdue receipts, ended lifetimes

Answers about one arrival leave in the order they were said: while an earlier one is queued, a
later one is `waiting` and not due.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, func, select, update

from ...core.errors import NotFound
from ...core.events import Recipient, Subject, transport_event
from ...core.model import Due
from ...core.schedule import Lane
from ...core.standing import Standing, after
from ...core.states import Event, Kind, State
from . import tables
from .database import Connection, Query, Row, maybe_micros, maybe_moment, micros
from .transaction import Transaction

SWEEP_ROWS = 1000  # rows that one sweep decides: the writer serves others between two of them

_d, _s = tables.deliveries, tables.submissions

_DUE_NOW = Query(
    select(_d, _s.c.tracking_id, _s.c.sha256, _s.c.size)
    .join_from(_d, _s)
    .where(tables.DUE, _d.c.lane == bindparam("lane"), _d.c.next_try <= bindparam("now"))
    .order_by(_d.c.next_try, _d.c.id)
    .limit(bindparam("most"))
)
_DUE_FAR = Query(
    select(_d, _s.c.tracking_id, _s.c.sha256, _s.c.size)
    .join_from(_d, _s)
    .where(tables.DUE, _d.c.lane == bindparam("lane"), _d.c.next_try > bindparam("far"))
    .order_by(_d.c.next_try, _d.c.id)
    .limit(bindparam("most"))
)


def loaded() -> Select[Any]:
    """A delivery with the names of its submission, as `move` needs it."""
    names = (_s.c.tracking_id, _s.c.from_organ, _s.c.document_id, _s.c.number, _s.c.notation)
    return select(_d, *names).join_from(_d, _s)


_BY_ID = Query(loaded().where(_d.c.id == bindparam("delivery_id")))
_OVERDUE = Query(
    loaded().where(tables.OVERDUE, _d.c.next_try <= bindparam("now")).limit(bindparam("most"))
)
_OVERDUE_FAR = Query(
    loaded().where(tables.OVERDUE, _d.c.next_try > bindparam("far")).limit(bindparam("most"))
)
_ENDED = Query(
    loaded().where(tables.ALIVE, _d.c.lifetime_ends <= bindparam("now")).limit(bindparam("most"))
)
_CHANGED = (
    "state",
    "reason",
    "attempts",
    "copies",
    "next_try",
    "lifetime_ends",
    "last_error",
    "code",
    "code_conflict",
)
_UPDATE = Query(
    update(_d)
    .where(_d.c.id == bindparam("delivery_id"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_WAIT = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(waiting=bindparam("waiting"))
)
_FIRST_QUEUED = Query(
    select(func.min(_d.c.id).label("id")).where(
        _d.c.answers == bindparam("answers"), _d.c.state == tables.word(State.QUEUED)
    )
)
_COUNTS = Query(
    select(_d.c.state, func.count().label("count"))
    .where(_d.c.submission_id == bindparam("submission_id"))
    .group_by(_d.c.state)
)
_NEXT_EVENT = Query(
    update(_s)
    .where(_s.c.id == bindparam("submission_id"))
    .values(event_seq=_s.c.event_seq + 1)
    .returning(_s.c.event_seq)
)


def standing_of(row: Row) -> Standing:
    """Read it from a row."""
    return Standing(
        State(row["state"]),
        row["reason"],
        row["attempts"],
        row["copies"],
        maybe_moment(row["next_try"]),
        maybe_moment(row["lifetime_ends"]),
        row["last_error"],
        row["code"],
        bool(row["code_conflict"]),
    )


def due(
    connection: Connection,
    lane: Lane,
    now: datetime,
    longest: timedelta,
    skip: frozenset[int],
    limit: int,
) -> list[Due]:
    """Deliveries to publish now, oldest first; a next try further ahead than `longest` was set
    by a broken clock and counts as come."""
    most = limit + len(skip)
    rows = connection.rows(_DUE_NOW, lane=lane.value, now=micros(now), most=most)
    if len(rows) < most:
        rows += connection.rows(_DUE_FAR, lane=lane.value, far=micros(now + longest), most=most)
    return [_due(row) for row in rows if row["id"] not in skip][:limit]


def record(
    transaction: Transaction,
    delivery_id: int,
    event: Event,
    now: datetime,
    next_try: datetime | None,
    detail: str,
) -> State:
    """Apply an event to a delivery by its number.

    Raises:
        NotFound: no such delivery.
        IllegalTransition: nothing was changed.
    """
    row = transaction.connection.one(_BY_ID, delivery_id=delivery_id)
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    new = after(standing_of(row), Kind(row["kind"]), event, now, next_try=next_try, detail=detail)
    move(transaction, row, event, new, now, detail=detail)
    return new.state


def move(
    transaction: Transaction, row: Row, event: Event, new: Standing, now: datetime, **facts: object
) -> None:
    """Write the standing that follows an event, its journal line and the mailroom's event.

    Args:
        transaction: the caller's.
        row: the delivery before the event, as `loaded`.
        event: what happened.
        new: its standing after it.
        now: when.
        facts: more for the journal line.
    """
    transaction.connection.run(
        _UPDATE,
        delivery_id=row["id"],
        state=new.state.value,
        reason=new.reason,
        attempts=new.attempts,
        copies=new.copies,
        next_try=maybe_micros(new.next_try),
        lifetime_ends=maybe_micros(new.lifetime_ends),
        last_error=new.last_error,
        code=new.code,
        code_conflict=int(new.code_conflict),
    )
    transaction.note(
        event.value,
        row["tracking_id"],
        now,
        delivery=row["id"],
        organ=row["to_organ"],
        state=new.state.value,
        attempt=_attempt(event, new),
        **facts,
    )
    if row["state"] == new.state.value:
        return
    if row["kind"] == Kind.DOCUMENT:
        _announce(transaction, row, new, now)
    elif row["answers"] is not None and row["state"] == State.QUEUED:
        let_next_go(transaction, row["answers"])


def _attempt(event: Event, new: Standing) -> int | None:
    """Which copy was confirmed, or which publish in a row was not."""
    match event:
        case Event.PUBLISH_CONFIRMED:
            return new.copies
        case Event.PUBLISH_DEFERRED:
            return new.attempts
        case _:
            return None


def let_next_go(transaction: Transaction, answers: int) -> None:
    """Make the earliest queued answer about an arrival due."""
    first = transaction.connection.one(_FIRST_QUEUED, answers=answers)
    if first is not None and first["id"] is not None:
        transaction.connection.run(_WAIT, delivery_id=first["id"], waiting=0)


def wait(transaction: Transaction, delivery_id: int, *, waiting: bool) -> None:
    """Make an answer wait for its turn, or let it go."""
    transaction.connection.run(_WAIT, delivery_id=delivery_id, waiting=int(waiting))


def has_queued_answer(connection: Connection, answers: int) -> bool:
    """Whether an earlier answer about this arrival has not left yet."""
    first = connection.one(_FIRST_QUEUED, answers=answers)
    return first is not None and first["id"] is not None


def sweep(transaction: Transaction, now: datetime, longest: timedelta) -> tuple[int, int]:
    """Decide what time has decided; (overdue receipts, ended lifetimes)."""
    connection = transaction.connection
    ended = connection.rows(_ENDED, now=micros(now), most=SWEEP_ROWS)
    for row in ended:
        _pass_time(transaction, row, Event.LIFETIME_ENDED, now)
    most = SWEEP_ROWS - len(ended)
    overdue = connection.rows(_OVERDUE, now=micros(now), most=most)
    far = micros(now + longest)
    overdue += connection.rows(_OVERDUE_FAR, far=far, most=most - len(overdue))
    for row in overdue:
        _pass_time(transaction, row, Event.RECEIPT_OVERDUE, now)
    return len(overdue), len(ended)


def _pass_time(transaction: Transaction, row: Row, event: Event, now: datetime) -> None:
    new = after(standing_of(row), Kind(row["kind"]), event, now)
    move(transaction, row, event, new, now)


def snapshot(
    transaction: Transaction, row: Row, new: Standing
) -> tuple[Subject, Recipient, dict[str, int]]:
    """Number the next event of a document and gather what it says."""
    connection = transaction.connection
    numbered = connection.rows(_NEXT_EVENT, submission_id=row["submission_id"])
    counts = connection.rows(_COUNTS, submission_id=row["submission_id"])
    subject = Subject(
        tracking_id=row["tracking_id"],
        organ=row["from_organ"],
        document_id=row["document_id"],
        number=row["number"],
        notation=row["notation"],
        sequence=numbered[0]["event_seq"],
    )
    recipient = Recipient(
        organ=row["to_organ"],
        transport=new.state.value,
        reason=new.reason,
        held=row["held"],
        attempts=new.attempts,
        copies=new.copies,
        next_try=new.next_try,
        lifetime_ends=new.lifetime_ends,
        last_error=new.last_error,
        code=new.code,
        code_conflict=new.code_conflict,
    )
    return subject, recipient, {each["state"]: each["count"] for each in counts}


def _announce(transaction: Transaction, row: Row, new: Standing, now: datetime) -> None:
    vhost = transaction.node.mailroom_of(row["from_organ"])
    if vhost is None:
        return
    subject, recipient, counts = snapshot(transaction, row, new)
    message = transport_event(
        subject,
        recipient,
        row["state"],
        counts,
        vhost=vhost,
        source=transaction.node.source,
        at=now,
    )
    transaction.post(message, now)


def _due(row: Row) -> Due:
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
