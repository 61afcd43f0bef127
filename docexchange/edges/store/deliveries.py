"""Deliveries (lượt gửi): every change of a row follows `core.standing` and is written by `move`.

    record   what became of a publish, or what an operator decided
    sweep    what time decided: overdue receipts, deadlines

What is due to be published is found by `lanes`.
Answers about one arrival leave in the order they were said: while an earlier one is queued, a
later one is `waiting` and not due.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, func, select, update

from ...core.errors import NotFound
from ...core.events import Passed, Recipient, Subject, rfc3339, transport_event
from ...core.model import Deadline, Swept
from ...core.standing import Standing, after, missing, warned
from ...core.states import Event, IllegalTransition, Kind, State
from . import openwork, tables
from .database import Connection, Query, Row, maybe_micros, maybe_moment, micros
from .transaction import Transaction

SWEEP_ROWS = 1000  # rows that one sweep decides: the writer serves others between two of them

_d, _s = tables.deliveries, tables.submissions


def loaded() -> Select[Any]:
    """A delivery with the names of its submission, as `move` needs it."""
    names = (_s.c.tracking_id, _s.c.from_organ, _s.c.document_id, _s.c.number, _s.c.notation)
    return select(_d, *names, _s.c.size).join_from(_d, _s)


_BY_ID = Query(loaded().where(_d.c.id == bindparam("delivery_id")))
_OVERDUE = Query(
    loaded().where(tables.OVERDUE, _d.c.next_try <= bindparam("now")).limit(bindparam("most"))
)
_OVERDUE_FAR = Query(
    loaded().where(tables.OVERDUE, _d.c.next_try > bindparam("far")).limit(bindparam("most"))
)
_DEADLINES = Query(
    loaded().where(tables.ALIVE, _d.c.deadline <= bindparam("now")).limit(bindparam("most"))
)
_WARNED = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(deadline=bindparam("next_one"))
)
_CHANGED = (
    "state",
    "reason",
    "attempts",
    "copies",
    "next_try",
    "lifetime_ends",
    "deadline",
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
        maybe_moment(row["deadline"]),
        row["last_error"],
        row["code"],
        bool(row["code_conflict"]),
    )


def record(
    transaction: Transaction,
    delivery_id: int,
    event: Event,
    now: datetime,
    next_try: datetime | None,
    detail: str,
    woken: Callable[[Transaction, Row, Event, datetime], None],
    *,
    unknown: bool = False,
) -> State:
    """Apply an event to a delivery by its number; `woken` is told when it was recalled before;
    `unknown`: of a deferral, the axis may have taken it, and its line says so.

    Raises:
        NotFound: no such delivery.
        IllegalTransition: nothing was changed.
    """
    row = transaction.connection.one(_BY_ID, delivery_id=delivery_id)
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    if event is Event.RELEASED and row["recall"]:
        raise IllegalTransition(f"it was recalled ({row['recall']}): it is not sent again")
    new = after(standing_of(row), Kind(row["kind"]), event, now, next_try=next_try, detail=detail)
    outcome = "unknown" if unknown else ""
    move(transaction, row, event, new, now, detail=detail, outcome=outcome)
    if row["recall"]:
        woken(transaction, row, event, now)
    return new.state


def move(
    transaction: Transaction,
    row: Row,
    event: Event,
    new: Standing,
    now: datetime,
    passed: Passed | None = None,
    **facts: object,
) -> None:
    """Write the standing that follows an event, its journal line and the mailroom's event.

    Args:
        transaction: the caller's.
        row: the delivery before the event, as `loaded`.
        event: what happened.
        new: its standing after it.
        now: when.
        passed: the deadline that caused it, for the mailroom's event.
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
        deadline=maybe_micros(new.deadline),
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
    begun = openwork.step(row["kind"], row["state"], new.state)
    transaction.count(row["from_organ"], begun, row["size"])
    if row["kind"] == Kind.DOCUMENT:
        announce(transaction, row, new, now, passed)
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


def sweep(transaction: Transaction, now: datetime, longest: timedelta) -> Swept:
    """Decide what time has decided."""
    connection = transaction.connection
    late = connection.rows(_DEADLINES, now=micros(now), most=SWEEP_ROWS)
    deadlines = tuple(_pass_deadline(transaction, row, now) for row in late)
    most = SWEEP_ROWS - len(late)
    overdue = connection.rows(_OVERDUE, now=micros(now), most=most)
    far = micros(now + longest)
    overdue += connection.rows(_OVERDUE_FAR, far=far, most=most - len(overdue))
    for row in overdue:
        new = after(standing_of(row), Kind.DOCUMENT, Event.RECEIPT_OVERDUE, now)
        move(transaction, row, Event.RECEIPT_OVERDUE, new, now)
    return Swept(len(overdue), deadlines)


def _pass_deadline(transaction: Transaction, row: Row, now: datetime) -> Deadline:
    """End a lifetime, or warn that it will end; once each."""
    standing = standing_of(row)
    ends = standing.lifetime_ends
    final = ends is not None and ends <= now
    reason = missing(standing)
    at = (ends if final else standing.deadline) or now
    passed = Passed(final, reason, at)
    if final:
        new = after(standing, Kind.DOCUMENT, Event.LIFETIME_ENDED, now)
        move(transaction, row, Event.LIFETIME_ENDED, new, now, passed, reason=reason)
    else:
        _warn(transaction, row, standing, passed, now)
    return Deadline(
        row["tracking_id"], row["number"], row["notation"], row["to_organ"], final, reason, at
    )


def _warn(
    transaction: Transaction, row: Row, standing: Standing, passed: Passed, now: datetime
) -> None:
    new = warned(standing)
    transaction.connection.run(_WARNED, delivery_id=row["id"], next_one=maybe_micros(new.deadline))
    transaction.note(
        "deadline_warned",
        row["tracking_id"],
        now,
        delivery=row["id"],
        organ=row["to_organ"],
        state=new.state.value,
        reason=passed.reason,
        copies=new.copies,
        detail=new.last_error,
        until=rfc3339(new.lifetime_ends) if new.lifetime_ends else None,
    )
    announce(transaction, row, new, now, passed)


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


def announce(
    transaction: Transaction,
    row: Row,
    new: Standing,
    now: datetime,
    passed: Passed | None = None,
) -> None:
    """Tell the sender's mailroom how a delivery stands now; `row` is as it was before."""
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
        passed=passed,
    )
    transaction.post(message, now)
