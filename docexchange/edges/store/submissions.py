"""Submissions: what our organs send, an envelope with a delivery per recipient, and who asked.

A submission is known again by its origin (a mailroom's message id, 30 days), by the identity of
its document (for ever), or by its very bytes; a document that waits for its signature by the first
two, while it waits. The same content is then a duplicate, other content a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, select, update

from ...core.errors import Conflict, NotFound
from ...core.model import MailroomMessage, Origin, Submission, Submitted
from ...core.states import CHANGE_ANSWERS, Kind, State, StatusCode, may_say
from . import blobs, deliveries, recalls, tables
from .database import Connection, Query, Row, adding, maybe_micros, micros, moment
from .naming import folded
from .transaction import Transaction

_s, _o, _a, _w = tables.submissions, tables.origins, tables.arrivals, tables.signings
_names = (_s.c.tracking_id, _s.c.document_id, _s.c.content_sha256)

_BY_ORIGIN = Query(
    select(*_names)
    .join_from(_o, _s)
    .where(_o.c.vhost == bindparam("vhost"), _o.c.message_id == bindparam("message_id"))
)
_BY_IDENTITY = Query(
    select(*_names).where(
        tables.IDENTIFIED,
        _s.c.from_organ == bindparam("from_organ"),
        _s.c.document_id == bindparam("document_id"),
        _s.c.business == bindparam("business"),
    )
)
_waiting_names = (_w.c.tracking_id, _w.c.document_id, _w.c.content_sha256, _w.c.expires_at)
_WAITING_BY_ORIGIN = Query(
    select(*_waiting_names).where(
        tables.WAITING_ORIGIN,
        _w.c.vhost == bindparam("vhost"),
        _w.c.message_id == bindparam("message_id"),
    )
)
_WAITING_BY_IDENTITY = Query(
    select(*_waiting_names).where(
        tables.WAITING_IDENTIFIED,
        _w.c.from_organ == bindparam("from_organ"),
        _w.c.document_id == bindparam("document_id"),
        _w.c.business == bindparam("business"),
    )
)
_BY_BYTES = Query(
    select(*_names).where(
        _s.c.blob_id == tables.blob_of(bindparam("sha256")),
        _s.c.kind == tables.word(Kind.DOCUMENT),
    )
)
_ADD = Query(adding(_s).returning(_s.c.id))
_ADD_DELIVERY = Query(adding(tables.deliveries))
_ADD_CHANGE = Query(adding(tables.sent_changes))
_ADD_ORIGIN = Query(adding(_o))
_ARRIVAL = Query(select(_a.c.id, _a.c.code).where(_a.c.tracking_id == bindparam("tracking_id")))
_SAY = Query(update(_a).where(_a.c.id == bindparam("arrival_id")).values(code=bindparam("code")))


def find(
    connection: Connection,
    origin: Origin | None,
    identity: tuple[str, str, int] | None,
    content_sha256: str,
) -> Submitted | None:
    """The earlier submission of this content, queued or waiting for its signature, None if there
    is none.

    Raises:
        Conflict: the origin or the identity is taken by other content.
    """
    row: Row | None = None
    if origin is not None:
        names = {"vhost": origin.vhost, "message_id": origin.message_id}
        row = connection.one(_BY_ORIGIN, **names) or connection.one(_WAITING_BY_ORIGIN, **names)
        taken = f"message_id {origin.message_id}"
    if row is None and identity is not None:
        from_organ, document_id, business = identity
        facts = {"from_organ": from_organ, "document_id": document_id, "business": business}
        row = connection.one(_BY_IDENTITY, **facts) or connection.one(_WAITING_BY_IDENTITY, **facts)
        taken = f"{document_id} of {from_organ}"
    if row is None:
        return None
    if row["content_sha256"] != content_sha256:
        raise Conflict(f"{taken} was submitted with other content as {row['tracking_id']}")
    return _duplicate(row)


def submit(
    transaction: Transaction,
    submission: Submission,
    reply: Callable[[Submitted], MailroomMessage] | None,
) -> Submitted:
    """Queue a submission unless it is here, and the reply to whoever asked."""
    submitted = _known(transaction.connection, submission)
    if submitted is None:
        queue(transaction, submission, say(transaction, submission))
        submitted = Submitted(submission.tracking_id, submission.document_id, duplicate=False)
    if reply is not None:
        transaction.post(reply(submitted), submission.submitted_at)
    return submitted


def submit_together(
    transaction: Transaction,
    asked: Sequence[Submission],
    reply: Callable[[Submitted], MailroomMessage] | None = None,
) -> Submitted:
    """Queue several as one, all or none; the outcome and the reply are those of the first."""
    for other in asked[1:]:
        submit(transaction, other, None)
    return submit(transaction, asked[0], reply)


def queue(transaction: Transaction, submission: Submission, answers: int | None) -> None:
    """Insert a submission with its deliveries; `answers` numbers the arrival it speaks of."""
    at = submission.submitted_at
    blob_id = blobs.put(transaction, submission.sha256, submission.data, at)
    connection = transaction.connection
    row = connection.rows(_ADD, **_columns(submission), blob_id=blob_id)[0]
    waiting = answers is not None and deliveries.has_queued_answer(connection, answers)
    connection.many(_ADD_DELIVERY, _delivery_columns(submission, row["id"], answers, waiting))
    if submission.kind is Kind.DOCUMENT:
        transaction.count(submission.from_organ, len(submission.recipients), len(submission.data))
    if submission.origin is not None:
        connection.run(
            _ADD_ORIGIN,
            vhost=submission.origin.vhost,
            message_id=submission.origin.message_id,
            submission_id=row["id"],
            at=micros(at),
        )
    transaction.note(
        "queued",
        submission.tracking_id,
        at,
        kind=submission.kind.value,
        organ=submission.from_organ,
        recipients=len(submission.recipients),
        sha256=submission.sha256,
        code=submission.status_code,
        answers=submission.answers,
    )
    for document_id in submission.changes:
        facts = {"from_organ": submission.from_organ, "business": submission.business}
        connection.run(_ADD_CHANGE, submission_id=row["id"], document_id=document_id, **facts)
    if submission.recalls:
        recalls.freeze(transaction, submission, row["id"])


def _known(connection: Connection, submission: Submission) -> Submitted | None:
    identity = None
    if submission.kind is Kind.DOCUMENT:
        identity = (submission.from_organ, submission.document_id, submission.business)
    found = find(connection, submission.origin, identity, submission.content_sha256)
    if found is None and submission.kind is Kind.DOCUMENT:
        row = connection.one(_BY_BYTES, sha256=submission.sha256)
        found = _duplicate(row) if row else None
    return found


def _duplicate(row: Row) -> Submitted:
    sign_by = moment(row["expires_at"]) if "expires_at" in row.keys() else None  # noqa: SIM118  # a Row is no mapping
    return Submitted(row["tracking_id"], row["document_id"], duplicate=True, sign_by=sign_by)


def say(transaction: Transaction, submission: Submission) -> int | None:
    """Check and note what a status says about its arrival; the arrival's number."""
    if not submission.answers:
        return None
    row = transaction.connection.one(_ARRIVAL, tracking_id=submission.answers)
    if row is None:
        raise NotFound(f"no arrival {submission.answers}")
    code = StatusCode(submission.status_code)
    if not may_say(row["code"], code):
        raise Conflict(f"status {code} cannot follow {row['code'] or 'nothing'}")
    transaction.connection.run(_SAY, arrival_id=row["id"], code=code.value)
    if code in CHANGE_ANSWERS:
        recalls.settle(transaction, row["id"], code, submission.subject, submission.submitted_at)
    number: int = row["id"]
    return number


def _columns(submission: Submission) -> dict[str, object]:
    return {
        "tracking_id": submission.tracking_id,
        "kind": submission.kind.value,
        "sha256": submission.sha256,
        "size": len(submission.data),
        "from_organ": submission.from_organ,
        "document_id": submission.document_id,
        "business": submission.business,
        "number": submission.number,
        "notation": submission.notation,
        "subject": submission.subject,
        "reference": folded(submission.number, submission.notation),
        "priority": submission.priority,
        "submitted_at": micros(submission.submitted_at),
        "content_sha256": submission.content_sha256,
        "status_code": submission.status_code,
        "event_seq": 0,
    }


def _delivery_columns(
    submission: Submission, submission_id: int, answers: int | None, waiting: bool
) -> list[dict[str, object]]:
    shared: dict[str, object] = {
        "submission_id": submission_id,
        "kind": submission.kind.value,
        "lane": submission.lane.value,
        "state": State.QUEUED.value,
        "reason": "",
        "held": "",
        "answers": answers,
        "waiting": int(waiting),
        "attempts": 0,
        "copies": 0,
        "next_try": micros(submission.submitted_at),
        "lifetime_ends": maybe_micros(submission.lifetime_ends),
        "deadline": maybe_micros(submission.warn_at or submission.lifetime_ends),
        "last_error": "",
        "code": "",
        "code_conflict": 0,
        "recall": "",
        "recalls": None,
    }
    return [shared | {"to_organ": organ} for organ in submission.recipients]
