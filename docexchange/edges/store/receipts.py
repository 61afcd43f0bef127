"""Receipts: verified statuses of other organs, about documents of ours or (13) about arrivals.

A receipt is matched by the digest of the exact bytes it speaks of and by its signed From. One that
speaks of bytes that are not here is parked and matched when they are; any other that fits nothing
is journalled with its reason and changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from sqlalchemy import bindparam, func, select

from ...core.events import status_event
from ...core.model import Receipt, ReceiptOutcome
from ...core.standing import Standing, after
from ...core.states import CHANGE_ANSWERS, CONFLICT, Event, Kind, State, fold, says_conflict
from . import blobs, parked, pings, recalls, tables
from .database import Connection, Query, Row, adding, maybe_micros, micros, moment
from .deliveries import loaded, move, snapshot, standing_of
from .transaction import Transaction

_r, _d, _s = tables.receipts, tables.deliveries, tables.submissions

_KNOWN = Query(select(_r.c.id).where(_r.c.blob_id == tables.blob_of(bindparam("sha256"))))
_ADD = Query(adding(_r))
_ABOUT = Query(
    loaded()
    .where(
        _s.c.blob_id == tables.blob_of(bindparam("received_sha256")),
        _s.c.kind == tables.word(Kind.DOCUMENT),
        _d.c.to_organ == bindparam("organ"),
    )
    .limit(1)
)
_OURS = Query(
    select(_s.c.id)
    .where(
        _s.c.blob_id == tables.blob_of(bindparam("sha256")),
        _s.c.kind == tables.word(Kind.DOCUMENT),
    )
    .limit(1)
)
_NAMED = Query(
    loaded()
    .where(
        tables.IDENTIFIED,
        _s.c.from_organ == bindparam("from_organ"),
        _s.c.document_id == bindparam("document_id"),
        _d.c.to_organ == bindparam("organ"),
    )
    .order_by(_d.c.id.desc())
    .limit(1)
)
_HISTORY = Query(
    select(func.coalesce(_r.c.signed_at, _r.c.recorded_at).label("at"), _r.c.id, _r.c.code).where(
        _r.c.delivery_id == bindparam("delivery_id")
    )
)


def apply(transaction: Transaction, receipt: Receipt) -> ReceiptOutcome:
    """Acknowledge the delivery that a receipt speaks of, and fold its code into the history."""
    connection = transaction.connection
    if connection.one(_KNOWN, sha256=receipt.sha256) is not None:
        return ReceiptOutcome.DUPLICATE
    row = connection.one(_ABOUT, received_sha256=receipt.received_sha256, organ=receipt.from_organ)
    if row is None and (test := pings.find(connection, receipt)) is not None:
        known = not pings.answered(transaction, test, receipt)
        return ReceiptOutcome.DUPLICATE if known else ReceiptOutcome.APPLIED
    if row is None and _may_fit_later(connection, receipt):
        return _park(transaction, receipt)
    why = _why_not(row, receipt)
    if row is None or why:
        _note_bad(transaction, receipt, why)
        return ReceiptOutcome.BAD_RECEIPT
    _store(transaction, receipt, delivery_id=row["id"])
    acknowledged = after(
        standing_of(row), Kind.DOCUMENT, Event.RECEIPT_VERIFIED, receipt.arrived_at
    )
    code, conflict = _folded(connection, row["id"])
    new = replace(acknowledged, code=code, code_conflict=conflict)
    move(
        transaction,
        row,
        Event.RECEIPT_VERIFIED,
        new,
        receipt.arrived_at,
        code=receipt.code,
        sha256=receipt.sha256,
        late=True if row["state"] == State.UNDELIVERABLE else None,
        alarm=CONFLICT if says_conflict(receipt.code, receipt.note) else None,
    )
    _announce(transaction, row, new, receipt)
    if row["recall"]:
        recalls.wake(transaction, row, Event.RECEIPT_VERIFIED, receipt.arrived_at)
    if receipt.code in CHANGE_ANSWERS:
        recalls.answered(transaction, row, receipt)
    return ReceiptOutcome.APPLIED


def match_parked(transaction: Transaction, now: datetime) -> list[Receipt]:
    """Apply what was parked and fits now; gives up what has waited too long. Those applied."""
    applied = []
    for row, receipt in parked.due(transaction, now):
        if transaction.connection.one(_OURS, sha256=receipt.received_sha256) is not None:
            parked.drop(transaction, row)
            recorded = replace(receipt, arrived_at=now)  # the line before says when it came
            if apply(transaction, recorded) is ReceiptOutcome.APPLIED:
                applied.append(recorded)
            else:
                blobs.forget(transaction, receipt.sha256)
        elif not parked.put_off(transaction, row, now):
            _note_bad(transaction, replace(receipt, arrived_at=now), _why_not(None, receipt))
    return applied


def _may_fit_later(connection: Connection, receipt: Receipt) -> bool:
    """Whether it speaks of bytes that are not here and may come yet."""
    if not receipt.received_sha256:
        return False
    if connection.one(_OURS, sha256=receipt.received_sha256) is not None:
        return False
    return parked.is_parked(connection, receipt.sha256) or parked.has_room(
        connection, receipt.from_organ
    )


def _park(transaction: Transaction, receipt: Receipt) -> ReceiptOutcome:
    if parked.is_parked(transaction.connection, receipt.sha256):
        return ReceiptOutcome.PARKED
    parked.park(transaction, receipt)
    if says_conflict(receipt.code, receipt.note):
        _report_conflict(transaction, receipt)
    return ReceiptOutcome.PARKED


def _report_conflict(transaction: Transaction, receipt: Receipt) -> None:
    """A recipient got, under the name of a document of ours, bytes that we do not have: tell the
    mailroom of that document. Its delivery stays as it is."""
    row = transaction.connection.one(
        _NAMED,
        from_organ=receipt.to_organ,
        document_id=receipt.document_id,
        organ=receipt.from_organ,
    )
    transaction.note(
        "conflict_reported",
        row["tracking_id"] if row else "",
        receipt.arrived_at,
        organ=receipt.from_organ,
        sha256=receipt.sha256,
        received=receipt.received_sha256,
        detail=receipt.note,
    )
    if row is not None:
        _announce(transaction, row, standing_of(row), receipt)


def _why_not(row: Row | None, receipt: Receipt) -> str:
    """Why a receipt fits no delivery of ours; "" if it fits."""
    if not receipt.received_sha256:
        return "it names no digest of what it received"
    if row is None:
        return "no document of ours with these bytes went to its sender"
    if receipt.to_organ != row["from_organ"]:
        return f"it answers {receipt.to_organ}, but {row['from_organ']} sent the document"
    if receipt.document_id != row["document_id"]:
        return "it answers another DocumentId than these bytes have"
    return ""


def _note_bad(transaction: Transaction, receipt: Receipt, why: str) -> None:
    transaction.note(
        "bad_receipt",
        "",
        receipt.arrived_at,
        organ=receipt.from_organ,
        code=receipt.code,
        sha256=receipt.sha256,
        received=receipt.received_sha256,
        detail=why,
    )


def _store(transaction: Transaction, receipt: Receipt, *, delivery_id: int) -> None:
    blob_id = blobs.put(transaction, receipt.sha256, receipt.data, receipt.arrived_at)
    transaction.connection.run(
        _ADD,
        sha256=receipt.sha256,
        blob_id=blob_id,
        delivery_id=delivery_id,
        arrival_id=None,
        code=receipt.code,
        note=receipt.note,
        from_organ=receipt.from_organ,
        signed_at=maybe_micros(receipt.signed_at),
        recorded_at=micros(receipt.arrived_at),
        staff=json.dumps(dict(receipt.staff), ensure_ascii=False),
        report=receipt.report,
    )


def _folded(connection: Connection, delivery_id: int) -> tuple[str, bool]:
    rows = connection.rows(_HISTORY, delivery_id=delivery_id)
    return fold((moment(row["at"]), row["id"], row["code"]) for row in rows)


def _announce(transaction: Transaction, row: Row, new: Standing, receipt: Receipt) -> None:
    vhost = transaction.node.mailroom_of(row["from_organ"])
    if vhost is None:
        return
    subject, recipient, counts = snapshot(transaction, row, new)
    message = status_event(
        subject,
        recipient,
        row["code"],
        counts,
        receipt,
        vhost=vhost,
        source=transaction.node.source,
        at=receipt.arrived_at,
    )
    transaction.post(message, receipt.arrived_at)
