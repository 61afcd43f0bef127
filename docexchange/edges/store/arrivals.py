"""Arrivals (lượt nhận): accepted envelopes, each once per organ and bytes.

An arrival is stored together with the receipt that answers it and the mailroom's message, so no
crash can part them. A copy that comes again is answered again with everything we have said.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from ...core.errors import NotFound
from ...core.events import Subject
from ...core.model import Acceptance, Arrival, Submission
from ...core.recalls import RECALL, Recall
from ...core.standing import after
from ...core.states import Event, Kind, State, StatusCode
from . import blobs, kept, recalls, submissions, tables
from .database import Connection, Query, Row, adding, maybe_micros, micros
from .deliveries import loaded, move, standing_of, wait
from .naming import folded
from .transaction import Transaction

ANSWER_AGAIN_AFTER = timedelta(minutes=1)  # a sender's burst of copies gets one answer
ENDED = frozenset({StatusCode.REJECTED, StatusCode.CHANGE_AGREED})  # a new edition may follow
EDITIONS = frozenset({0, 3})  # NEW and REPLACE: their identity stands for one content

_a, _c = tables.arrivals, tables.changes
_FIND = Query(
    select(_a).where(
        _a.c.blob_id == tables.blob_of(bindparam("sha256")), _a.c.organ == bindparam("organ")
    )
)
_NAMED = Query(select(_a).where(_a.c.tracking_id == bindparam("tracking_id")))
_SAME_IDENTITY = Query(  # and, in the same statement, recalls that wait for their document
    select(_a.c.tracking_id, _a.c.sha256, _a.c.code, tables.number(0).label("recall"))
    .where(
        _a.c.organ == bindparam("organ"),
        _a.c.from_organ == bindparam("from_organ"),
        _a.c.document_id == bindparam("document_id"),
        _a.c.business == bindparam("business"),
    )
    .union_all(
        select(tables.word(""), _c.c.sha256, tables.word(""), tables.number(1)).where(
            _c.c.organ == bindparam("organ"),
            _c.c.from_organ == bindparam("from_organ"),
            _c.c.document_id == bindparam("document_id"),
            _c.c.state == tables.word(Recall.WAITING),
        )
    )
)
_ADD = Query(adding(_a).returning(_a.c.id))
_ASKED = Query(
    update(_a).where(_a.c.id == bindparam("arrival_id")).values(asked_at=bindparam("now"))
)
_NEXT_EVENT = Query(
    update(_a)
    .where(_a.c.id == bindparam("arrival_id"))
    .values(event_seq=_a.c.event_seq + 1)
    .returning(_a.c.event_seq)
)
_ANSWERS = Query(
    loaded()
    .where(tables.deliveries.c.answers == bindparam("arrival_id"))
    .order_by(tables.deliveries.c.id)
)


def named(connection: Connection, organ: str, sha256: str) -> str | None:
    """Tracking id of the arrival of exactly these bytes."""
    row = find(connection, organ, sha256)
    return row["tracking_id"] if row else None


def find(connection: Connection, organ: str, sha256: str) -> Row | None:
    """The accepted arrival of exactly these bytes for this organ."""
    return connection.one(_FIND, organ=organ, sha256=sha256)


def accept(transaction: Transaction, arrival: Arrival, receipt: Submission) -> Acceptance:
    """Store an arrival with its answer and its handing over, unless it is here or contradicts."""
    connection = transaction.connection
    if find(connection, arrival.organ, arrival.sha256) is not None:
        return Acceptance.DUPLICATE
    refused = _met(transaction, arrival)
    if refused is not None:
        return refused
    add(transaction, arrival, receipt)
    return Acceptance.NEW


def add(
    transaction: Transaction, arrival: Arrival, receipt: Submission, *, recalled: bool = False
) -> int:
    """Store an arrival that contradicts nothing, its answer and its handing over; its number.
    Of one that was recalled before it came, only what names it."""
    connection = transaction.connection
    at = arrival.arrived_at
    if recalled:
        blob_id = blobs.tombstone(transaction, arrival.sha256, len(arrival.data), at)
    else:
        blob_id = blobs.put(transaction, arrival.sha256, arrival.data, at)
    columns = _columns(arrival, receipt.status_code)
    if recalled:
        columns["sealed_at"] = micros(at)
    number: int = connection.rows(_ADD, **columns, blob_id=blob_id)[0]["id"]
    was_kept = kept.resolve(transaction, arrival.organ, arrival.sha256, "accepted")
    facts = {"organ": arrival.organ, "sender": arrival.from_organ, "sha256": arrival.sha256}
    transaction.note("arrived", arrival.tracking_id, at, was_kept=was_kept, **facts)
    if arrival.delivery is not None and not recalled:
        transaction.post(arrival.delivery, at)
    submissions.queue(transaction, receipt, number)
    if arrival.changes:
        recalls.note(transaction, arrival, number)
    return number


def answer_again(transaction: Transaction, tracking_id: str, now: datetime) -> int:
    """Put every answer about an arrival back in the queue, in order, at most once a minute."""
    connection = transaction.connection
    arrival = connection.one(_NAMED, tracking_id=tracking_id)
    if arrival is None:
        raise NotFound(f"no arrival {tracking_id}")
    asked_at = arrival["asked_at"]
    if (
        asked_at is not None
        and abs(micros(now) - asked_at) < ANSWER_AGAIN_AFTER.total_seconds() * 1e6
    ):
        return 0
    connection.run(_ASKED, arrival_id=arrival["id"], now=micros(now))
    rows = connection.rows(_ANSWERS, arrival_id=arrival["id"])
    again = [row for row in rows if row["state"] != State.UNDELIVERABLE]
    for place, row in enumerate(again):
        new = after(standing_of(row), Kind.STATUS, Event.ASKED_AGAIN, now)
        move(transaction, row, Event.ASKED_AGAIN, new, now)
        wait(transaction, row["id"], waiting=place > 0)
    return len(again)


def subject(transaction: Transaction, row: Row) -> Subject:
    """Number the next event about an arrival."""
    numbered = transaction.connection.rows(_NEXT_EVENT, arrival_id=row["id"])
    return Subject(
        tracking_id=row["tracking_id"],
        organ=row["organ"],
        document_id=row["document_id"],
        number=row["number"],
        notation=row["notation"],
        sequence=numbered[0]["event_seq"],
    )


def _note_conflict(transaction: Transaction, arrival: Arrival, accepted: Row) -> None:
    """The line with both digests, at the first copy; the envelope itself goes to quarantine."""
    if kept.is_quarantined(transaction.connection, arrival.organ, arrival.sha256):
        return
    transaction.note(
        "conflict",
        accepted["tracking_id"],
        arrival.arrived_at,
        organ=arrival.organ,
        sender=arrival.from_organ,
        accepted=accepted["sha256"],
        sha256=arrival.sha256,
    )


def _met(transaction: Transaction, arrival: Arrival) -> Acceptance | None:
    """CONFLICT when another content was accepted under this identity and has not ended; RECALLED
    when a recall waits for this one."""
    connection = transaction.connection
    if not arrival.document_id or arrival.business == RECALL:
        return None
    rows = connection.rows(
        _SAME_IDENTITY,
        organ=arrival.organ,
        from_organ=arrival.from_organ,
        document_id=arrival.document_id,
        business=arrival.business,
    )
    if any(row["recall"] and row["sha256"] in ("", arrival.sha256) for row in rows):
        return Acceptance.RECALLED
    here = (row for row in rows if not row["recall"] and row["code"] not in ENDED)
    contradicted = next(here, None)
    if arrival.business in EDITIONS and contradicted is not None:
        _note_conflict(transaction, arrival, contradicted)
        return Acceptance.CONFLICT
    return None


def _columns(arrival: Arrival, code: str) -> dict[str, object]:
    return {
        "tracking_id": arrival.tracking_id,
        "organ": arrival.organ,
        "sha256": arrival.sha256,
        "size": len(arrival.data),
        "from_organ": arrival.from_organ,
        "document_id": arrival.document_id,
        "business": arrival.business,
        "number": arrival.number,
        "notation": arrival.notation,
        "subject": arrival.subject,
        "priority": arrival.priority,
        "reference": folded(arrival.number, arrival.notation),
        "report": arrival.report,
        "arrived_at": micros(arrival.arrived_at),
        "signed_at": maybe_micros(arrival.signed_at),
        "handed_over_at": None,
        "code": code,
        "asked_at": None,
        "event_seq": 0,
        "sealed_at": None,
    }
