"""The receiving side: arrivals, what is kept back, receipts, and how a person sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .content import Content
from .mailroom import MailroomMessage
from .sending import StatusLine


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
        priority: Priority 0..4.
        agrees: its organ gives back without asking its mailroom.
        waits_until: how long a status 13 waits for its document, None for ever.
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
    priority: int = 0
    agrees: bool = False
    waits_until: datetime | None = None


class Acceptance(StrEnum):
    """What `accept` found."""

    NEW = "new"  # stored now: it has arrived
    DUPLICATE = "duplicate"  # the same bytes were here already; nothing was stored
    CONFLICT = "conflict"  # same identity, other bytes; nothing was stored
    RECALLED = "recalled"  # its recall overtook it; nothing was stored
    REFUSED = "refused"  # a status 13 beyond its organ's quota: journalled, nothing was stored


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
        checkpoint: what it says of its sender's journal (`Checkpoint.claim`), "" if nothing.
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
    checkpoint: str = ""


class ReceiptOutcome(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"  # the delivery is acknowledged; the code is in its history
    DUPLICATE = "duplicate"  # these bytes were recorded before
    PARKED = "parked"  # no document with these bytes is here; kept, and matched when one is
    BAD_RECEIPT = "bad_receipt"  # fits no delivery of ours; journalled, nothing changed


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
    """What a person is shown of one incoming document; `priority` is 0..4, None when it arrived
    before that was kept."""

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
    purged_at: datetime | None = None  # only of one that was asked for
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class KeptView:
    """What a person is shown of a held or quarantined envelope; `outcome` is what became of it,
    "" while it waits."""

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
    outcome: str = ""
    report: str = ""
