"""Questions between two organs about the documents between them (`core.reconciling`).

    ask, take       our question, and the answer to it: kept for whoever asked, and nothing else
    answer          the answer to a question of another organ, once for each
    send_again      the bytes of a document once more, for the recipient that lost them

What both sides are compared by is read by `comparing`. After some days all of it is forgotten, and
the contents of these envelopes too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from ...core.model import Order, Submission
from ...core.reconciling import KEPT_FOR, PER_HOUR, Asked, Listed, Place, Window
from ...core.states import State
from . import blobs, comparing, gone, submissions, tables
from .comparing import BETWEEN, DOCUMENT
from .database import Connection, Query, Row, adding, micros
from .operating import copy_of
from .transaction import Transaction

STEP_ROWS = 20  # envelopes let go in one transaction, 1 MB each
_HOUR = timedelta(hours=1)

_x, _s, _d = tables.reconcilings, tables.submissions, tables.deliveries
_organ: BindParameter[str] = bindparam("organ")
_peer: BindParameter[str] = bindparam("peer")
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
_AGAIN = Query(
    select(_s, _d.c.lane)
    .join_from(_s, _d, _d.c.submission_id == _s.c.id)
    .where(
        _s.c.blob_id == tables.blob_of(bindparam("sha256")),
        DOCUMENT,
        BETWEEN,
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


def listed(connection: Connection, asked: Asked, window: Window) -> tuple[Listed, Place]:
    """What our organ sent to the other and accepted from it within a window, from where the answer
    that it continues ended; and where the next goes on."""
    if not window.continues:
        sent, after = comparing.sent(connection, asked, window)
        received, behind = comparing.received(connection, asked, window)
        return Listed(tuple(sent), tuple(received)), Place(after, behind)
    earlier = Asked(window.continues, asked.organ, asked.peer)
    place = goes_on(connection, earlier) or Place()
    sent, received, after, behind = [], [], None, None
    if place.sent is not None:
        sent, after = comparing.sent(connection, asked, window, place.sent)
    if place.received is not None:
        received, behind = comparing.received(connection, asked, window, place.received)
    return Listed(tuple(sent), tuple(received)), Place(after, behind)


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


# -- sending again -----------------------------------------------------------------------------


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
