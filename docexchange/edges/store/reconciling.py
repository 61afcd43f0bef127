"""Questions between two organs about the documents between them (`core.reconciling`).

    ask, take       our question, and the answer to it: kept for whoever asked, and nothing else
    answer          the answer to a question of another organ, once for each
    sent, have      what both sides are compared by; each looks at documents of these two only
    send_again      the bytes of a document once more, for the recipient that lost them

No step looks at more than a bounded number of rows. After some days all of it is forgotten, and
the contents of these envelopes too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    select,
    update,
)

from ...core.model import Order, Submission
from ...core.recalls import Recall
from ...core.reconciling import (
    KEPT_FOR,
    LINES_MAX,
    PER_HOUR,
    RESTORED,
    SCAN_MAX,
    Asked,
    Place,
    Sent,
    Window,
)
from ...core.states import Kind, State
from . import blobs, gone, submissions, tables
from .database import Connection, Query, Row, adding, micros, moment
from .operating import copy_of
from .transaction import Transaction

BACK = timedelta(minutes=10)  # how far a clock may have been put back between two documents
STEP_ROWS = 20  # envelopes let go in one transaction, 1 MB each
_HOUR = timedelta(hours=1)

_x, _s, _d, _a = tables.reconcilings, tables.submissions, tables.deliveries, tables.arrivals
_organ: BindParameter[str] = bindparam("organ")
_peer: BindParameter[str] = bindparam("peer")
_document = _s.c.kind == tables.word(Kind.DOCUMENT)
_SUBMITTED = Query(
    select(_s.c.id).where(_s.c.tracking_id == bindparam("name"), _s.c.kind == bindparam("kind"))
)
_ADD = Query(adding(_x))
_QUESTION = Query(select(_x).where(_x.c.sha256 == bindparam("sha256"), _x.c.organ == _organ))
_LATELY = Query(
    select(func.count().label("count")).where(
        _x.c.peer == _peer,
        _x.c.at >= bindparam("since"),
        _x.c.asked == tables.number(0),
        _x.c.organ == _organ,
    )
)
_TAKE = Query(
    update(_x).where(_x.c.id == bindparam("question_id")).values(answer=bindparam("told"))
)
_TOLD = Query(select(_x.c.answer).where(_x.c.tracking_id == bindparam("tracking_id")))
_facts = (
    *(_s.c.id, _s.c.sha256, _s.c.document_id, _s.c.submitted_at, _s.c.tracking_id),
    *(_d.c.state, _d.c.code, _d.c.held),
)
_between: ColumnElement[bool] = (_s.c.from_organ == _organ) & (_d.c.to_organ == _peer)


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
    _document,
    select(*_facts)
    .join_from(_s, _d, _d.c.submission_id == _s.c.id)
    .where(_between, _d.c.recall != tables.word(Recall.CANCELLED)),  # of that nobody was to get it
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
    .where(tables.HELD_BACK, tables.ALIVE, _d.c.held == tables.word(RESTORED), _between)
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
    .where(_s.c.blob_id == tables.blob_of(bindparam("sha256")), _document, _between)
    .limit(1)
)
_AGAIN = Query(
    select(_s, _d.c.lane)
    .join_from(_s, _d, _d.c.submission_id == _s.c.id)
    .where(
        _s.c.blob_id == tables.blob_of(bindparam("sha256")),
        _document,
        _between,
        _d.c.state == tables.word(State.ACKNOWLEDGED),
        _d.c.recall == tables.word(""),
    )
    .limit(1)
)
_OLD = Query(
    select(_x.c.id, _s.c.sha256)
    .join_from(_x, _s, _x.c.submission_id == _s.c.id)
    .where(
        _x.c.at < bindparam("before"),
        ~select(_d.c.id)
        .where(_d.c.submission_id == _s.c.id, _d.c.state == tables.word(State.QUEUED))
        .exists(),
    )
    .limit(bindparam("most"))
)
_DROP = Query(delete(_x).where(_x.c.id == bindparam("row_id")))


# -- asking ------------------------------------------------------------------------------------


def ask(transaction: Transaction, question: Submission, order: Order) -> None:
    """Queue a question of ours, and say in the journal who asked and why."""
    [peer] = question.recipients
    at = question.submitted_at
    submissions.queue(transaction, question, None)
    _add(transaction, question, question.sha256, peer, None)
    facts = {"organ": peer, "by": order.by, "detail": order.reason}
    transaction.note("reconcile_asked", question.tracking_id, at, **facts)


def take(transaction: Transaction, asked: Asked, told: bytes, sha256: str, now: datetime) -> bool:
    """Keep the first answer of an organ to a question of ours to it; False if it is of no such
    question, or not the first: nothing was changed."""
    row = transaction.connection.one(_QUESTION, sha256=asked.sha256, organ=asked.organ)
    if row is None or not row["asked"] or row["peer"] != asked.peer or row["answer"] is not None:
        return False
    transaction.connection.run(_TAKE, question_id=row["id"], told=told)
    facts = {"organ": asked.peer, "sha256": sha256}
    transaction.note("reconcile_told", row["tracking_id"], now, **facts)
    return True


def told(connection: Connection, tracking_id: str) -> bytes | None:
    """What was answered to a question of ours; None while there is nothing."""
    row = connection.one(_TOLD, tracking_id=tracking_id)
    return row["answer"] if row else None


# -- answering ---------------------------------------------------------------------------------


def may_answer(connection: Connection, asked: Asked, now: datetime) -> bool:
    """Whether a question is new here and not one too many of this hour."""
    if connection.one(_QUESTION, sha256=asked.sha256, organ=asked.organ) is not None:
        return False
    names = {"organ": asked.organ, "peer": asked.peer}
    lately = connection.rows(_LATELY, **names, since=micros(now - _HOUR))[0]["count"]
    return bool(lately < PER_HOUR)


def answer(
    transaction: Transaction,
    asked: Asked,
    said: Submission,
    place: Place,
    **facts: object,
) -> bool:
    """Queue the answer to a question that came; False if it was answered already."""
    connection = transaction.connection
    if connection.one(_QUESTION, sha256=asked.sha256, organ=asked.organ) is not None:
        return False
    submissions.queue(transaction, said, None)
    _add(transaction, said, asked.sha256, asked.peer, place)
    named = {"organ": asked.organ, "sender": asked.peer, "sha256": asked.sha256}
    transaction.note("reconcile_answered", said.tracking_id, said.submitted_at, **named, **facts)
    return True


def goes_on(connection: Connection, asked: Asked) -> Place | None:
    """Where the lists of an earlier question of this organ go on; None if there was none."""
    row = connection.one(_QUESTION, sha256=asked.sha256, organ=asked.organ)
    if row is None or row["asked"] or row["peer"] != asked.peer:
        return None
    return Place(row["next_sent"], row["next_received"])


def _add(
    transaction: Transaction, ours: Submission, sha256: str, peer: str, place: Place | None
) -> None:
    """Note an envelope of ours; `place` of an answer, None of a question."""
    names = {"name": ours.tracking_id, "kind": ours.kind.value}
    transaction.connection.run(
        _ADD,
        submission_id=transaction.connection.rows(_SUBMITTED, **names)[0]["id"],
        tracking_id=ours.tracking_id,
        asked=int(place is None),
        sha256=sha256,
        organ=ours.from_organ,
        peer=peer,
        at=micros(ours.submitted_at),
        next_sent=place.sent if place else None,
        next_received=place.received if place else None,
        answer=None,
    )


# -- both sides --------------------------------------------------------------------------------


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


def send_again(
    transaction: Transaction,
    asked: Asked,
    sha256: str,
    new_id: Callable[[], str],
    now: datetime,
) -> int | None:
    """Send a document once more to the recipient that acknowledged it and lost it; its size. None:
    there is no such document, it was recalled, or its content is gone."""
    connection = transaction.connection
    row = connection.one(_AGAIN, sha256=sha256, organ=asked.organ, peer=asked.peer)
    if row is None or gone.purged_at(connection, sha256) is not None:
        return None
    copy = copy_of(connection, row, (asked.peer,), new_id(), now)
    submissions.queue(transaction, copy, None)
    facts = {"organ": asked.peer, "sha256": asked.sha256}
    transaction.note("resent", row["tracking_id"], now, **facts)
    return len(copy.data)


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


# -- forgetting --------------------------------------------------------------------------------


def forget(transaction: Transaction, now: datetime) -> int:
    """Drop old questions and answers that have left, some at a time; how many."""
    rows: Sequence[Row] = transaction.connection.rows(
        _OLD, before=micros(now - KEPT_FOR), most=STEP_ROWS
    )
    for row in rows:
        transaction.connection.run(_DROP, row_id=row["id"])
        blobs.empty(transaction, row["sha256"])
    return len(rows)
