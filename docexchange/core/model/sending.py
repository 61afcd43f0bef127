"""The sending side: submissions, deliveries, and how a person sees them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ..schedule import Lane
from ..standing import LATE
from ..states import Kind, State
from .content import Content
from .mailroom import Origin


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
        changes: DocumentIds that a document recalls, updates or replaces.
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
    changes: tuple[str, ...] = ()


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
class SentChange:
    """A recall, update or replacement that a document of ours is (`by_this`), or that changes it.

    Args:
        business: 1 recall, 2 update, 3 replacement.
        tracking_id: the other document, "" if it did not leave here.
        document_id: what is changed.
        by_this: whether the document shown is what changes the other.
    """

    business: int
    tracking_id: str
    document_id: str
    by_this: bool


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
    changes: tuple[SentChange, ...] = ()  # only of one document that was asked for
    purged_at: datetime | None = None  # the same

    @property
    def counts(self) -> dict[str, int]:
        """Recipients per transport state, as "97 of 100"; states without any are left out."""
        return dict(Counter(one.state.value for one in self.deliveries))

    @property
    def missing(self) -> tuple[DeliveryView, ...]:
        """Recipients whose receipt is not here: the only ones that are sent to again."""
        return tuple(one for one in self.deliveries if one.state is not State.ACKNOWLEDGED)
