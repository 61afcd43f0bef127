"""Documents whose signature is made elsewhere: one row each, waiting until it is signed, expired or
cancelled. Only `_settle` moves a row, once; what was signed becomes a submission under the same
tracking id in the same transaction.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, select, update

from ...core.errors import Conflict, NotFound
from ...core.events import Subject, rfc3339, signature_event
from ...core.model import (
    MailroomMessage,
    Origin,
    Pending,
    PendingView,
    SigningOutcome,
    Submission,
    Submitted,
)
from ...core.states import SigningState
from . import blobs, submissions, tables
from .database import Connection, Query, Row, adding, maybe_moment, micros, moment
from .naming import SIGNINGS, folded
from .transaction import Transaction

SWEEP_ROWS = 1000  # rows that one sweep decides: the writer serves others between two of them
FIRST_EVENT = 1  # a document stops waiting once, and no event of it comes before that one

_w, _s = tables.signings, tables.submissions
_ADD = Query(adding(_w))
_BY_ID = Query(select(_w).where(_w.c.tracking_id == bindparam("ref")))
_BY_REQUEST = Query(
    select(_w).where(_w.c.request_id == bindparam("ref")).order_by(_w.c.id.desc()).limit(1)
)
_LATE = Query(
    select(_w)
    .where(tables.WAITING, _w.c.expires_at <= bindparam("now"))
    .order_by(_w.c.expires_at)
    .limit(bindparam("most"))
)
_SETTLE = Query(
    update(_w)
    .where(_w.c.id == bindparam("row_id"), tables.WAITING)
    .values(
        state=bindparam("new_state"), settled_at=bindparam("now"), reason=bindparam("new_reason")
    )
)
_REFUSED = Query(
    update(_w)
    .where(_w.c.id == bindparam("row_id"))
    .values(refusals=_w.c.refusals + 1, last_refusal=bindparam("why"))
)
_NUMBERED = Query(
    update(_s).where(_s.c.tracking_id == bindparam("ref")).values(event_seq=FIRST_EVENT)
)
_newest = select(_w).order_by(_w.c.id.desc()).limit(bindparam("most"))
_WAITING = Query(_newest.where(tables.WAITING))
_LAPSED = Query(
    _newest.where(
        _w.c.state == tables.word(SigningState.EXPIRED), _w.c.settled_at >= bindparam("since")
    )
)


def await_signature(
    transaction: Transaction,
    pending: Pending,
    reply: Callable[[Submitted], MailroomMessage] | None,
) -> Submitted:
    """Keep a document until its signature comes, unless it is here, and queue the reply."""
    identity = (pending.from_organ, pending.document_id, pending.business)
    connection = transaction.connection
    taken = submissions.find(connection, pending.origin, identity, pending.content_sha256)
    if taken is None:
        _add(transaction, pending)
        taken = Submitted(
            pending.tracking_id, pending.document_id, duplicate=False, sign_by=pending.expires_at
        )
    if reply is not None:
        transaction.post(reply(taken), pending.submitted_at)
    return taken


def sign(transaction: Transaction, submission: Submission, now: datetime) -> SigningOutcome:
    """Queue what waited, if it still waits and is not late. Raises NotFound."""
    row = _row(transaction.connection, submission.tracking_id)
    state = SigningState(row["state"])
    if state is SigningState.SIGNED:
        return SigningOutcome.DUPLICATE
    if state is SigningState.WAITING and row["expires_at"] <= micros(now):
        _expire(transaction, row, now)
        return SigningOutcome.EXPIRED
    if state is not SigningState.WAITING:
        return SigningOutcome(state.value)
    _settle(transaction, row, SigningState.SIGNED, now, "", signed_sha256=submission.sha256)
    submissions.queue(transaction, submission, None)
    transaction.connection.run(_NUMBERED, ref=submission.tracking_id)
    return SigningOutcome.SIGNED


def refuse(
    transaction: Transaction, tracking_id: str, reason: str, detail: str, now: datetime
) -> None:
    """Note a signature that was refused; nothing else changes. Raises NotFound."""
    row = _row(transaction.connection, tracking_id)
    transaction.connection.run(_REFUSED, row_id=row["id"], why=detail)
    transaction.note(
        "signature_refused", tracking_id, now, request=row["request_id"], reason=reason
    )


def cancel(
    transaction: Transaction,
    tracking_id: str,
    reason: str,
    now: datetime,
    reply: MailroomMessage | None = None,
) -> None:
    """Stop waiting because a person or a mailroom says so; who said so gets the reply. Raises
    NotFound, Conflict."""
    row = _row(transaction.connection, tracking_id)
    if row["state"] != SigningState.WAITING:
        raise Conflict(
            f"{tracking_id} does not wait for its signature: it is {row['state']}",
            f"{tracking_id} không chờ ký: trạng thái là {row['state']}",
        )
    _settle(transaction, row, SigningState.CANCELLED, now, reason)
    if reply is not None:
        transaction.post(reply, now)


def expire(transaction: Transaction, now: datetime) -> int:
    """Settle what waited too long; how many."""
    rows = transaction.connection.rows(_LATE, now=micros(now), most=SWEEP_ROWS)
    for row in rows:
        _expire(transaction, row, now)
    return len(rows)


def any_late(connection: Connection, now: datetime) -> bool:
    """Whether there is something to expire."""
    return connection.one(_LATE, now=micros(now), most=1) is not None


def find(connection: Connection, ref: str) -> PendingView:
    """One that waits, by any of its names; if none does, one that waited. Raises NotFound,
    Ambiguous."""
    row = connection.one(_BY_REQUEST, ref=ref)
    if row is None:
        try:
            row = SIGNINGS.resolve(connection, ref, state=SigningState.WAITING.value)
        except NotFound:
            row = SIGNINGS.resolve(connection, ref, state="")
    return _view(row)


def waiting(connection: Connection, limit: int = 50) -> list[PendingView]:
    """What waits, newest first."""
    return [_view(row) for row in connection.rows(_WAITING, most=limit)]


def lapsed(connection: Connection, since: datetime, limit: int = 50) -> list[PendingView]:
    """What expired since then without a signature, newest first."""
    rows = connection.rows(_LAPSED, since=micros(since), most=limit)
    return [_view(row) for row in rows]


def _row(connection: Connection, tracking_id: str) -> Row:
    row = connection.one(_BY_ID, ref=tracking_id)
    if row is None:
        raise NotFound(f"nothing waits for a signature as {tracking_id}")
    return row


def _add(transaction: Transaction, pending: Pending) -> None:
    at = pending.submitted_at
    blob_id = blobs.put(transaction, pending.sha256, pending.data, at)
    transaction.connection.run(_ADD, **_columns(pending), blob_id=blob_id)
    transaction.note(
        "signature_awaited",
        pending.tracking_id,
        at,
        request=pending.request_id,
        organ=pending.from_organ,
        recipients=len(pending.recipients),
        sha256=pending.sha256,
        until=rfc3339(pending.expires_at),
    )


def _expire(transaction: Transaction, row: Row, now: datetime) -> None:
    _settle(transaction, row, SigningState.EXPIRED, now, "")


def _settle(
    transaction: Transaction,
    row: Row,
    state: SigningState,
    now: datetime,
    reason: str,
    **facts: object,
) -> None:
    """Let a waiting row become what it will stay, with its line and the mailroom's event."""
    transaction.connection.run(
        _SETTLE, row_id=row["id"], new_state=state.value, now=micros(now), new_reason=reason
    )
    event = {
        SigningState.SIGNED: "signed",
        SigningState.EXPIRED: "signature_expired",
        SigningState.CANCELLED: "signing_cancelled",
    }[state]
    ref = row["tracking_id"]
    transaction.note(event, ref, now, request=row["request_id"], detail=reason, **facts)
    vhost = transaction.node.mailroom_of(row["from_organ"])
    if vhost is None:
        return
    names = (row["from_organ"], row["document_id"], row["number"], row["notation"])
    subject = Subject(ref, *names, FIRST_EVENT)
    source = transaction.node.source
    message = signature_event(subject, state, reason, vhost=vhost, source=source, at=now)
    transaction.post(message, now)


def _columns(pending: Pending) -> dict[str, object]:
    return {
        "tracking_id": pending.tracking_id,
        "request_id": pending.request_id,
        "sha256": pending.sha256,
        "size": len(pending.data),
        "state": SigningState.WAITING.value,
        "from_organ": pending.from_organ,
        "document_id": pending.document_id,
        "business": pending.business,
        "number": pending.number,
        "notation": pending.notation,
        "subject": pending.subject,
        "reference": folded(pending.number, pending.notation),
        "recipients": json.dumps(pending.recipients),
        "priority": pending.priority,
        "content_sha256": pending.content_sha256,
        "algorithm": pending.algorithm,
        "chain": json.dumps([base64.b64encode(der).decode() for der in pending.chain]),
        "signing_time": micros(pending.signing_time),
        "expires_at": micros(pending.expires_at),
        "submitted_at": micros(pending.submitted_at),
        "vhost": pending.origin.vhost if pending.origin else "",
        "message_id": pending.origin.message_id if pending.origin else "",
        "refusals": 0,
        "last_refusal": "",
        "settled_at": None,
        "reason": "",
    }


def _view(row: Row) -> PendingView:
    origin = Origin(row["vhost"], row["message_id"]) if row["message_id"] else None
    return PendingView(
        tracking_id=row["tracking_id"],
        request_id=row["request_id"],
        state=SigningState(row["state"]),
        from_organ=row["from_organ"],
        document_id=row["document_id"],
        business=row["business"],
        number=row["number"],
        notation=row["notation"],
        subject=row["subject"],
        recipients=tuple(json.loads(row["recipients"])),
        priority=row["priority"],
        content_sha256=row["content_sha256"],
        sha256=row["sha256"],
        size=row["size"],
        algorithm=row["algorithm"],
        chain=tuple(base64.b64decode(text) for text in json.loads(row["chain"])),
        signing_time=moment(row["signing_time"]),
        expires_at=moment(row["expires_at"]),
        submitted_at=moment(row["submitted_at"]),
        origin=origin,
        refusals=row["refusals"],
        last_refusal=row["last_refusal"],
        settled_at=maybe_moment(row["settled_at"]),
        reason=row["reason"],
    )
