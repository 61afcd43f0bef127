"""Records for tests of the store: valid ones with a word changed, and a store to put them in."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from docexchange.core.events import inbox_message
from docexchange.core.model import (
    Arrival,
    Due,
    Kept,
    MailroomMessage,
    Pending,
    Receipt,
    Submission,
    Submitted,
)
from docexchange.core.pacing import Turn
from docexchange.core.schedule import Lane
from docexchange.core.states import Kind
from docexchange.edges.store import SqlStore

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONGEST = timedelta(hours=15)
MAILROOMS = {"H05": "mr-H05", "H01": "mr-H01"}


def open_store(folder: Path, **changes: Any) -> SqlStore:
    """A store of node H05 that also has the mailroom of H01."""
    settings = {
        "exclusive": True,
        "node": "H05",
        "mailroom_of": MAILROOMS.get,
        "longest": LONGEST,
        **changes,
    }
    return SqlStore.open(folder / "store.db", **settings)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def document(name: str = "D1", **changes: Any) -> Submission:
    """A document of H05 to H01; `name` makes its tracking id, DocumentId and content."""
    data = changes.pop("data", f"envelope {name}".encode())
    submission = Submission(
        tracking_id=name,
        kind=Kind.DOCUMENT,
        data=data,
        sha256=digest(data),
        from_organ="H05",
        document_id=f"H05,2026/11/23,{name}",
        business=0,
        number="98",
        notation="QĐ-UBND",
        subject="Quyết định",
        recipients=("H01",),
        lane=Lane.NORMAL,
        priority=0,
        submitted_at=NOW,
        lifetime_ends=NOW + timedelta(hours=72),
        content_sha256=digest(b"content of " + data),
    )
    return replace(submission, **changes)


def pending(name: str = "P1", **changes: Any) -> Pending:
    """A document of H05 to H01 that waits for its signature until two days from NOW."""
    data = changes.pop("data", f"unsigned {name}".encode())
    made = Pending(
        tracking_id=name,
        request_id=digest(b"request " + data)[:32],
        data=data,
        sha256=digest(data),
        from_organ="H05",
        document_id=f"H05,2026/11/23,{name}",
        business=0,
        number="98",
        notation="QĐ-UBND",
        subject="Quyết định",
        recipients=("H01",),
        priority=0,
        content_sha256=digest(b"content of " + data),
        algorithm="ecdsa-sha256",
        chain=(b"leaf", b"issuer"),
        signing_time=NOW,
        expires_at=NOW + timedelta(hours=48),
        submitted_at=NOW,
    )
    return replace(made, **changes)


def signed(waiting: Pending, **changes: Any) -> Submission:
    """The submission that a pending document becomes."""
    facts = {
        "tracking_id": waiting.tracking_id,
        "document_id": waiting.document_id,
        "content_sha256": waiting.content_sha256,
        "origin": waiting.origin,
        "data": b"signed " + waiting.data,
    }
    return document(**(facts | changes))


def status(name: str, code: str, answers: str = "", **changes: Any) -> Submission:
    """A status of H05 to H01 about an arrival."""
    data = f"status {name} {code}".encode()
    submission = Submission(
        tracking_id=name,
        kind=Kind.STATUS,
        data=data,
        sha256=digest(data),
        from_organ="H05",
        document_id="H01,2026/11/23,7",
        business=0,
        number="",
        notation="",
        subject="",
        recipients=("H01",),
        lane=Lane.RECEIPTS,
        priority=0,
        submitted_at=NOW,
        lifetime_ends=None,
        content_sha256=digest(data),
        status_code=code,
        answers=answers,
    )
    return replace(submission, **changes)


def arrival(name: str = "A1", **changes: Any) -> Arrival:
    """A document of H01 that arrived for H05."""
    data = changes.pop("data", f"arrived {name}".encode())
    message = inbox_message(
        vhost="mr-H05",
        organ="H05",
        tracking_id=name,
        sha256=digest(data),
        from_organ="H01",
        number="7",
        notation="CV",
        verdict="TOTAL-PASSED",
        sub_indication="",
        signer="CN=H01",
    )
    found = Arrival(
        tracking_id=name,
        organ="H05",
        sha256=digest(data),
        data=data,
        from_organ="H01",
        document_id="H01,2026/11/23,7",
        business=0,
        number="7",
        notation="CV",
        subject="Công văn",
        report='{"indication": "TOTAL-PASSED"}',
        arrived_at=NOW,
        signed_at=NOW - MINUTE,
        delivery=message,
    )
    return replace(found, **changes)


def first_receipt(found: Arrival, name: str = "") -> Submission:
    """The 01 that answers an arrival."""
    return status(name or f"{found.tracking_id}-01", "01", found.tracking_id)


def receipt(sent: Submission, code: str = "01", **changes: Any) -> Receipt:
    """A status of H01 about a document of ours."""
    data = changes.pop("data", f"receipt {code} {sent.sha256}".encode())
    found = Receipt(
        sha256=digest(data),
        data=data,
        code=code,
        note="",
        from_organ="H01",
        to_organ=sent.from_organ,
        document_id=sent.document_id,
        received_sha256=sent.sha256,
        signed_at=NOW + MINUTE,
        arrived_at=NOW + MINUTE,
        report="{}",
        staff={"name": "Trần Thị B"},
    )
    return replace(found, **changes)


def kept(name: str = "K1", **changes: Any) -> Kept:
    """An envelope that somebody put into the queue of H05."""
    data = changes.pop("data", f"kept {name}".encode())
    found = Kept(
        organ="H05",
        sha256=digest(data),
        data=data,
        size=len(data),
        reason="SIGNER_NOT_SENDER",
        detail="the certificate is of another organ",
        report="{}",
        connection="node-H13",
        from_organ="H13",
        document_id="H13,2026/11/23,1",
        kept_at=NOW,
    )
    return replace(found, **changes)


def reply(message_id: str = "R1") -> Callable[[Submitted], MailroomMessage]:
    """Makes a reply that tells the outcome."""

    def make(submitted: Submitted) -> MailroomMessage:
        outcome = "duplicate" if submitted.duplicate else "accepted"
        body = f"{submitted.tracking_id} {outcome}".encode()
        return MailroomMessage(
            "mr-H05", "reply.accepted", message_id, "document.accepted.v1", "text/plain", {}, body
        )

    return make


def due(store: SqlStore, lane: Lane = Lane.NORMAL, now: datetime = NOW) -> list[Due]:
    """Everything that is to be published now."""
    found = [
        each
        for turn in Turn
        for head in store.outgoing.heads(lane, turn, "", 1000)
        for each in store.outgoing.due(lane, turn, head.organ, now, frozenset(), 100)
    ]
    return sorted(found, key=lambda each: each.delivery_id)


_FIRST = """
DROP TABLE reconcilings; DROP TABLE directories; DROP TABLE legal_holds; DROP TABLE purged;
DROP TABLE erasures; DROP TABLE sent_changes;
DROP TABLE signings; DROP TABLE pauses; DROP TABLE open_work; DROP TABLE parked;
DROP TABLE part_groups; DROP TABLE uploads; DROP TABLE evidence;
DROP TABLE stamps; DROP TABLE stamp_tokens; DROP TABLE cursors; DROP TABLE journal_tree;
DROP TABLE witnesses; DROP TABLE holds; DROP INDEX deliveries_held; DROP INDEX deliveries_dead;
DROP TABLE search_sent; DROP TABLE search_received;
DROP INDEX deliveries_fresh; DROP INDEX deliveries_again; DROP INDEX deliveries_deadline;
ALTER TABLE deliveries DROP COLUMN deadline;
CREATE INDEX deliveries_due ON deliveries (lane, next_try);
CREATE INDEX deliveries_lifetime ON deliveries (lifetime_ends);
DROP INDEX mailroom_messages_due;
ALTER TABLE mailroom_messages DROP COLUMN large;
CREATE INDEX mailroom_messages_due ON mailroom_messages (vhost, id) WHERE sent_at IS NULL;
DROP TABLE changes; DROP INDEX deliveries_recalls;
ALTER TABLE arrivals DROP COLUMN sealed_at; ALTER TABLE arrivals DROP COLUMN priority;
ALTER TABLE deliveries DROP COLUMN recall;
ALTER TABLE deliveries DROP COLUMN recalls;
UPDATE alembic_version SET version_num = '0001';
"""


def make_old(path: Path) -> None:
    """Give a store the tables of the first version, as if nothing had ever migrated it."""
    raw = sqlite3.connect(path)
    raw.executescript(_FIRST)
    raw.close()
