"""Purging (huỷ nội dung hết hạn lưu): content that is final, archived, old, not held.

    final      every delivery ended, no recall is open; of what arrived, our clerks said the last
               word (02, 06 or 15) and every answer of ours went out
    archived   the organ has it: nothing of what arrived waits for its mailroom, and its last word
               was about it; what we sent came from there
    old        every document with this content was submitted, or arrived, before a given time

What goes is the content. Digest, metadata, receipts, statuses, evidence, timestamps and the journal
stay, so that what was said can still be proven to whoever has the document itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, exists, select

from ...core.model import OldContent, Order
from ...core.recalls import Recall
from ...core.states import Kind, State, StatusCode
from . import blobs, tables
from .database import Connection, Query, Row, adding, micros
from .transaction import Transaction

STEP = 50  # contents looked at, or let go in one transaction: a few ms of the writer

_b, _s, _a, _d = tables.blobs, tables.submissions, tables.arrivals, tables.deliveries
_h, _k, _m = tables.legal_holds, tables.kept, tables.mailroom_messages
_sent = (_s.c.blob_id == _b.c.id) & (_s.c.kind == tables.word(Kind.DOCUMENT))
_arrived = _a.c.blob_id == _b.c.id
_alive = _d.c.state.in_([tables.word(State.QUEUED), tables.word(State.SENT)])
_waiting = _d.c.state == tables.word(State.QUEUED)
_recalling = _d.c.recall.in_([tables.word(Recall.WAITING), tables.word(Recall.ASKED)])
_last = (StatusCode.REJECTED, StatusCode.COMPLETED, StatusCode.CHANGE_AGREED)
_unfinished = _a.c.code.not_in([tables.word(one) for one in _last])


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    found = conditions[0]
    for one in conditions[1:]:
        found = found | one
    return found


_young = _any(
    exists().where(_sent, _s.c.submitted_at >= bindparam("before")),
    exists().where(_arrived, _a.c.arrived_at >= bindparam("before")),
)
_open = _any(
    exists().where(_sent, _d.c.submission_id == _s.c.id, _alive | _recalling),
    exists().where(_arrived, _a.c.sealed_at.is_(None), _unfinished),
    exists().where(_arrived, _d.c.answers == _a.c.id, _waiting),  # once sent, a status is done
    exists().where(tables.signings.c.blob_id == _b.c.id, tables.WAITING),
    exists().where(_k.c.blob == _b.c.sha256),
    exists().where(_m.c.blob == _b.c.sha256),
    exists().where(tables.part_groups.c.blob_id == _b.c.id),
)
_held = _any(
    exists().where(_sent, _h.c.tracking_id == _s.c.tracking_id),
    exists().where(_arrived, _h.c.tracking_id == _a.c.tracking_id),
)
_old = (
    select(_b.c.id, _b.c.sha256, _b.c.size, _open.label("is_open"), _held.label("is_held"))
    .where(
        _b.c.complete == tables.number(tables.COMPLETE),
        exists().where(_sent) | exists().where(_arrived),
        ~_young,
    )
    .order_by(_b.c.id)
)
_FIND = Query(_old.where(_b.c.id > bindparam("after")).limit(STEP))
_AGAIN = Query(_old.where(_b.c.id == bindparam("blob_id")))
_NAMES = (
    Query(select(_s.c.tracking_id).where(_sent, _b.c.id == bindparam("blob_id"))),
    Query(select(_a.c.tracking_id).where(_arrived, _b.c.id == bindparam("blob_id"))),
)
_ADD = Query(adding(tables.purged).prefix_with("OR REPLACE"))  # it came again, and is old again


def find(connection: Connection, before: datetime, after: int) -> list[OldContent]:
    """At most STEP contents that are older, numbered above `after`, in their order; [] at the end.
    Whether something is still open, or a hold is on one of its documents, is told of each."""
    rows = connection.rows(_FIND, before=micros(before), after=after)
    return [_content(row) for row in rows]


def begin(transaction: Transaction, before: datetime, order: Order, now: datetime) -> None:
    """Write down who purges, why, and what."""
    facts = {"by": order.by, "reason": order.reason, "before": before.isoformat()}
    transaction.note("purge", "", now, **facts)


def purge(
    transaction: Transaction,
    found: Sequence[OldContent],
    before: datetime,
    order: Order,
    now: datetime,
) -> list[OldContent]:
    """Let go of those that, at this moment, are final, archived, old and not held; which.

    From now on nobody reads them; the keeper erases what the files still have of them.
    """
    connection, gone = transaction.connection, []
    for one in found:
        row = connection.one(_AGAIN, blob_id=one.blob_id, before=micros(before))
        if row is None or row["is_open"] or row["is_held"]:
            continue
        names = [
            each["tracking_id"]
            for query in _NAMES
            for each in connection.rows(query, blob_id=one.blob_id)
        ]
        blobs.let_go(transaction, one.blob_id, one.sha256, names[0], now)
        connection.run(_ADD, blob_id=one.blob_id, at=micros(now))
        for name in names:
            facts = {"by": order.by, "reason": order.reason, "sha256": one.sha256}
            transaction.note("purged", name, now, **facts)
        gone.append(one)
    return gone


def _content(row: Row) -> OldContent:
    return OldContent(
        blob_id=row["id"],
        sha256=row["sha256"],
        size=row["size"],
        is_open=bool(row["is_open"]),
        is_held=bool(row["is_held"]),
    )
