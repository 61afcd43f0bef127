"""Tests (agency ping): no arrival, no receipt, no event; a line of the journal each time."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from ...core.model import Receipt, Submission
from ...core.states import Kind
from . import submissions, tables
from .database import Connection, Query, Row
from .deliveries import loaded
from .transaction import Transaction

_d, _s = tables.deliveries, tables.submissions
_ABOUT = Query(
    loaded()
    .where(
        _s.c.blob_id == tables.blob_of(bindparam("received_sha256")),
        _s.c.kind == tables.word(Kind.TEST),
        _d.c.to_organ == bindparam("organ"),
    )
    .limit(1)
)
_ANSWERED = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(code=bindparam("new_code"))
)


def answer(transaction: Transaction, said: Submission, by: str, sha256: str) -> None:
    """Queue the answer to a test that came from an organ."""
    submissions.queue(transaction, said, None)
    transaction.note("pinged", sha256, said.submitted_at, organ=said.from_organ, sender=by)


def find(connection: Connection, receipt: Receipt) -> Row | None:
    """The test of ours that a receipt speaks of, None if it speaks of something else."""
    return connection.one(_ABOUT, received_sha256=receipt.received_sha256, organ=receipt.from_organ)


def answered(transaction: Transaction, row: Row, receipt: Receipt) -> bool:
    """Note that a test was answered; False if that was known."""
    if row["code"]:
        return False
    transaction.connection.run(_ANSWERED, delivery_id=row["id"], new_code=receipt.code)
    facts = {"organ": receipt.from_organ, "code": receipt.code, "sha256": receipt.sha256}
    transaction.note("ping_answered", row["tracking_id"], receipt.arrived_at, **facts)
    return True
