"""The records that flow between the paths and the store: plain frozen values, times aware UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from .schedule import Lane
from .standing import LATE
from .states import Kind, SigningState, State


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a submission came from: its idempotency key for 30 days.

    Args:
        vhost: the mailroom's vhost.
        message_id: the mailroom's AMQP message_id.
    """

    vhost: str
    message_id: str


@dataclass(frozen=True, slots=True)
class InStore:
    """Content that is in the store already, chunk by chunk, and too large for memory; it stands
    where the bytes of a smaller one stand, and whoever stores that links it.

    Args:
        blob_id: the store's number of it.
        size: bytes.
        sha256: hex digest of them; of parts that came, the one they claim until it was checked.
    """

    blob_id: int
    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size


Content = bytes | InStore


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a large envelope, as it came over the axis (phần của gói tin lớn).

    Args:
        connection: broker-checked user_id of the publisher.
        organ: organ of the routing key.
        envelope: hex SHA-256 of the whole that it claims to be a part of.
        index: its place, from 0.
        count: how many parts there are.
        data: its bytes.
    """

    connection: str
    organ: str
    envelope: str
    index: int
    count: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What `put_part` found.

    Args:
        refused: why the part was not kept, "" if it was, or was there before.
        content: the whole, when all parts are there; its digest was not checked yet.
        attempts: how often the whole was judged before without an end.
    """

    refused: str = ""
    content: InStore | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed envelope that is to be queued (gói tin chờ gửi), with a delivery per recipient.

    Args:
        tracking_id: our name of it (ULID).
        kind: document or status.
        data: the signed bytes; they never change again. Of a large one, where they are.
        sha256: hex digest of `data`.
        from_organ: OrganId that signed it.
        document_id: its DocumentId (of a status: the DocumentId it answers).
        business: BussinessDocType 0..3 (of a status: 0).
        number, notation, subject: for people and search (of a status: its note, as subject).
        recipients: OrganIds, one delivery each.
        lane: queue of the axis.
        priority: Priority 0..4.
        submitted_at: now.
        lifetime_ends: when to give up (None for a status, which has no lifetime).
        content_sha256: digest of what was submitted, before our trace and signature: the same
            content again is a duplicate, other content under the same identity a conflict.
        origin: the mailroom's key, or None from the command line.
        status_code: of a status, its code; "" of a document.
        answers: of a status, the tracking id of the arrival that it answers; "" of a document.
        warn_at: when to warn a person if there is no receipt; None warns at the end only.
        recalls: of a recall, the tracking id of the submission that it recalls.
    """

    tracking_id: str
    kind: Kind
    data: Content = field(repr=False)
    sha256: str
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    recipients: tuple[str, ...]
    lane: Lane
    priority: int
    submitted_at: datetime
    lifetime_ends: datetime | None
    content_sha256: str
    origin: Origin | None = None
    status_code: str = ""
    answers: str = ""
    warn_at: datetime | None = None
    recalls: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A document that is to wait for its signature (văn bản chờ ký): all that is needed to ask for
    it, and to queue the document when it comes.

    Args:
        tracking_id: our name of it; the submission's later.
        request_id: name of the signing request (`envelopes.request`).
        data: the canonical envelope without its signature.
        sha256: hex digest of `data`.
        from_organ, document_id, business, number, notation, subject, recipients, priority: as of
            a Submission.
        content_sha256, origin: likewise; while it waits, the same content again is a duplicate.
        algorithm: name in keys.algorithms.
        chain: DER of the certificates that must sign, leaf first.
        signing_time: SigningTime of the signature, whole seconds.
        expires_at: first instant at which a signature comes too late.
        submitted_at: now.
    """

    tracking_id: str
    request_id: str
    data: bytes = field(repr=False)
    sha256: str
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    recipients: tuple[str, ...]
    priority: int
    content_sha256: str
    algorithm: str
    chain: tuple[bytes, ...] = field(repr=False)
    signing_time: datetime
    expires_at: datetime
    submitted_at: datetime
    origin: Origin | None = None


class SigningOutcome(StrEnum):
    """What `sign` found."""

    SIGNED = "signed"  # it waited; now it is queued
    DUPLICATE = "duplicate"  # it was signed before; nothing changed
    EXPIRED = "expired"  # too late; it stands as expired
    CANCELLED = "cancelled"  # it was taken back before; nothing changed


@dataclass(frozen=True, slots=True)
class Submitted:
    """What `submit` returns: queued (instant 1), or the earlier one if it is a duplicate.

    `sign_by` is None when it is queued; of a document that waits for its signature, the time by
    which that must come.
    """

    tracking_id: str
    document_id: str
    duplicate: bool
    sign_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A destination that has something queued, and the first and last next try of it."""

    organ: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A destination that gets nothing but probes for now (tạm ngừng gửi).

    Args:
        lane: its queue; "" with organ "" is the whole axis.
        organ: the recipient.
        since: when it began.
        probe_at: when the next probe leaves.
        probes: probes that failed.
        why: the last error.
    """

    lane: str
    organ: str
    since: datetime
    probe_at: datetime
    probes: int
    why: str


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to be published now. `data` is read and checked against `sha256`."""

    delivery_id: int
    tracking_id: str
    kind: Kind
    lane: Lane
    to_organ: str
    sha256: str
    size: int
    attempts: int
    copies: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline that one delivery has passed without a receipt.

    Args:
        tracking_id, number, notation: of the document.
        organ: the recipient.
        final: True when its lifetime has ended, False when a person is warned.
        reason: core.standing.NO_RECEIPT or NOT_TAKEN.
        at: the deadline.
    """

    tracking_id: str
    number: str
    notation: str
    organ: str
    final: bool
    reason: str
    at: datetime


class Swept(NamedTuple):
    """What time had decided: receipts that are overdue, and deadlines that have passed."""

    overdue: int
    deadlines: tuple[Deadline, ...]


@dataclass(frozen=True, slots=True)
class MailroomMessage:
    """One message for a mailroom, a row until the broker has confirmed it.

    Args:
        vhost: the mailroom's vhost.
        routing_key: `document.<organ, dots as dashes>`, `reply.<...>` or `event.<...>` on the
            exchange mr.deliver.
        message_id: stable, the same on every repetition.
        type: AMQP type property, as document.deliver.v1.
        content_type: of the body.
        correlation_id: of a reply, the submission's message_id; else "".
        headers: AMQP headers.
        body: the bytes, or None when they are the stored envelope `blob`.
        blob: hex SHA-256 of a stored envelope, or "".
        large: the envelope is handed over in parts, beside the other messages and not before them.
    """

    vhost: str
    routing_key: str
    message_id: str
    type: str
    content_type: str
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)
    blob: str = ""
    correlation_id: str = ""
    large: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the mailroom outbox that is to be published; `message.body` is filled in unless
    the message is large."""

    row_id: int
    message: MailroomMessage


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified document for one of our organs (lượt nhận), about to be accepted.

    Args:
        tracking_id: our name of it; message_id of the mailroom's inbox message.
        organ: our organ that it arrived for (of the routing key, in the signed To).
        sha256, data: the exact bytes received, or where they are.
        from_organ, document_id, business, number, notation, subject: from the signed content.
        report: JSON of the verification report.
        arrived_at: now.
        signed_at: SigningTime, claimed.
        delivery: the message for the mailroom, or None when the organ has none.
        changes: DocumentIds that it recalls, updates or replaces.
        recalled_sha256: of a status 13, the bytes that it recalls; "" for any.
        asks: it is a status 13, which asks; a document that recalls binds.
    """

    tracking_id: str
    organ: str
    sha256: str
    data: Content = field(repr=False)
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    report: str
    arrived_at: datetime
    signed_at: datetime | None
    delivery: MailroomMessage | None
    changes: tuple[str, ...] = ()
    recalled_sha256: str = ""
    asks: bool = False


class Acceptance(StrEnum):
    """What `accept` found."""

    NEW = "new"  # stored now: it has arrived
    DUPLICATE = "duplicate"  # the same bytes were here already; nothing was stored
    CONFLICT = "conflict"  # same identity, other bytes; nothing was stored
    RECALLED = "recalled"  # its recall overtook it; nothing was stored


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope that is not accepted, kept for evidence or a person.

    Args:
        organ: organ of the routing key ("" if none).
        sha256, data: the exact bytes received (or their first 64 KiB when `truncated`; none at all
            of a state secret).
        size: of the whole, bytes.
        reason: reason code, as SIGNER_NOT_SENDER, NOT_FOR_US, CONFLICT.
        detail: what a person should know.
        report: JSON of the report, "" when it was never judged.
        connection: broker-checked user id of the publisher, "" if absent.
        from_organ, document_id: as far as they could be read, unproven.
        kept_at: now.
        recheck_at: of a held one, when to judge again; None for quarantine.
    """

    organ: str
    sha256: str
    data: Content = field(repr=False)
    size: int
    reason: str
    detail: str
    report: str
    connection: str
    from_organ: str
    document_id: str
    kept_at: datetime
    recheck_at: datetime | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """A verified status message of another organ about a document of ours.

    Args:
        sha256, data: exact bytes of the status envelope.
        code: StatusCode, as it stands on the wire.
        note: Description.
        from_organ: its signed From.
        to_organ: its ResponseFor/OrganId, an organ of ours.
        document_id: its ResponseFor/DocumentId.
        received_sha256: hex digest of the bytes it speaks of, "" if it carries none.
        signed_at: its SigningTime.
        arrived_at: now.
        report: JSON of its verification report.
        staff: StaffInfo as name, department, phone, email.
    """

    sha256: str
    data: bytes = field(repr=False)
    code: str
    note: str
    from_organ: str
    to_organ: str
    document_id: str
    received_sha256: str
    signed_at: datetime | None
    arrived_at: datetime
    report: str
    staff: Mapping[str, str] = field(default_factory=dict)


class ReceiptOutcome(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"  # the delivery is acknowledged; the code is in its history
    DUPLICATE = "duplicate"  # these bytes were recorded before
    PARKED = "parked"  # no document with these bytes is here; kept, and matched when one is
    BAD_RECEIPT = "bad_receipt"  # fits no delivery of ours; journalled, nothing changed


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One status in the history of a delivery or an arrival."""

    code: str
    note: str
    signed_at: datetime | None
    recorded_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """What a person or an event is shown of one delivery: the whole snapshot."""

    delivery_id: int
    tracking_id: str
    to_organ: str
    state: State
    reason: str
    held: str
    attempts: int
    copies: int
    next_try: datetime | None
    lifetime_ends: datetime | None
    last_error: str
    code: str
    code_conflict: bool
    history: tuple[StatusLine, ...]
    recall: str = ""

    @property
    def late(self) -> bool:
        """Whether it was delivered late: its receipt came after we had given up."""
        return self.state is State.ACKNOWLEDGED and self.reason == LATE


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What a person is shown of one outgoing document: a delivery per recipient, rolled up."""

    tracking_id: str
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    priority: int
    sha256: str
    size: int
    submitted_at: datetime
    deliveries: tuple[DeliveryView, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Recipients per transport state, as "97 of 100"; states without any are left out."""
        return dict(Counter(one.state.value for one in self.deliveries))

    @property
    def missing(self) -> tuple[DeliveryView, ...]:
        """Recipients whose receipt is not here: the only ones that are sent to again."""
        return tuple(one for one in self.deliveries if one.state is not State.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class PendingView:
    """What a person is shown of a document that waits or waited for its signature; with the bytes
    of `sha256` and the chain it is also all of its signing request.

    Args:
        refusals: signatures that were given and refused.
        last_refusal: why the last of them was, in both languages.
        settled_at, reason: when and why it stopped waiting; None, "" while it waits.
    """

    tracking_id: str
    request_id: str
    state: SigningState
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    recipients: tuple[str, ...]
    priority: int
    content_sha256: str
    sha256: str
    size: int
    algorithm: str
    chain: tuple[bytes, ...] = field(repr=False)
    signing_time: datetime
    expires_at: datetime
    submitted_at: datetime
    origin: Origin | None
    refusals: int
    last_refusal: str
    settled_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class RecallStanding:
    """What a recall meets here: the document that it names, if it has come.

    Args:
        code: present processing status of the document, None when it is not here.
        read: somebody may have read it.
    """

    code: str | None
    read: bool


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A recall, update or replacement that an arrival is (`by_this`) or that concerns it.

    Args:
        business: 1 recall, 2 update, 3 replacement.
        tracking_id: the other document here, "" if it has not come.
        document_id: what is changed.
        state: of a recall, as in `core.recalls.Recall`.
        by_this: whether the arrival shown is what changes the other.
    """

    business: int
    tracking_id: str
    document_id: str
    state: str
    by_this: bool


@dataclass(frozen=True, slots=True)
class OpenRecall:
    """A recall that waits for its document or for the mailroom's answer."""

    tracking_id: str
    document_id: str
    from_organ: str
    organ: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ArrivalView:
    """What a person is shown of one incoming document."""

    tracking_id: str
    organ: str
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    sha256: str
    size: int
    arrived_at: datetime
    signed_at: datetime | None
    handed_over_at: datetime | None
    code: str
    history: tuple[StatusLine, ...]
    report: str = ""
    sealed_at: datetime | None = None
    changes: tuple[ChangeLine, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptView:
    """What a person is shown of a held or quarantined envelope."""

    kept_id: int
    organ: str
    sha256: str
    size: int
    reason: str
    detail: str
    connection: str
    from_organ: str
    document_id: str
    kept_at: datetime
    copies: int
    held: bool
    report: str = ""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of the journal: `line` is canonical JSON, `hash` = SHA-256(previous hash, line)."""

    number: int
    line: str
    hash: str


Snapshot = Mapping[str, Any]
