"""What the paths ask of the memory about what leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from ..model import (
    DestinationHold,
    DocumentView,
    Due,
    Head,
    MailroomMessage,
    Origin,
    Pause,
    Pending,
    PendingView,
    Receipt,
    ReceiptOutcome,
    SigningOutcome,
    Submission,
    Submitted,
    Swept,
)
from ..pacing import Turn
from ..schedule import Lane
from ..states import Event, State


class OutgoingDocuments(Protocol):
    """What leaves: documents and statuses, and what is due to whom."""

    async def submit(
        self, submission: Submission, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        """Queue a signed envelope (instant 1: queued) and, in the same transaction, the message
        that `reply` makes of the outcome. A duplicate queues nothing but that reply.

        Identity: `origin` for 30 days, and (from_organ, document_id, business) of a document with
        business 0 or 3 for ever. Same identity and content_sha256: duplicate.
        A status with `answers` is noted in that arrival's history; PROCESSING is checked again
        inside the transaction. It leaves after those said before it.

        Raises:
            Conflict: the identity is taken by other content, or the status may not be said now.
            NotFound: `answers` names no arrival.
        """
        ...

    def find(
        self, origin: Origin | None, identity: tuple[str, str, int] | None, content_sha256: str
    ) -> Submitted | None:
        """The earlier submission of this content, or None; also one that waits for its signature
        (`sign_by` is set). Raises Conflict as `submit`."""
        ...

    def heads(self, lane: Lane, turn: Turn, after: str, limit: int) -> Sequence[Head]:
        """Destinations of a lane that have a delivery in QUEUED, not held, by code, those behind
        `after`; FRESH: never given to the axis, AGAIN: given to it before. Costs a step in an
        index for each, however many deliveries they have."""
        ...

    def due(
        self,
        lane: Lane,
        turn: Turn,
        organ: str,
        now: datetime,
        skip: frozenset[int],
        limit: int,
    ) -> Sequence[Due]:
        """Deliveries to one destination, as `heads` counts them, whose next_try has come (or lies
        impossibly far ahead), oldest first, without those in `skip`. Cost does not grow with the
        backlog."""
        ...

    async def pause(self, pause: Pause, now: datetime) -> None:
        """Write down that a destination gets nothing but probes, or when its next probe is."""
        ...

    async def resume(self, lane: str, organ: str, now: datetime) -> bool:
        """Write down that a pause is over. False if there was none."""
        ...

    def pauses(self) -> Sequence[Pause]:
        """All destinations that are paused, longest first."""
        ...

    def holds(self) -> Sequence[DestinationHold]:
        """Destinations that a person holds back."""
        ...

    async def record(
        self,
        delivery_id: int,
        event: Event,
        now: datetime,
        *,
        next_try: datetime | None = None,
        detail: str = "",
        unknown: bool = False,
    ) -> State:
        """Apply `states.step` to a delivery and journal it; `unknown`: of a deferral, that the axis
        may have taken it.

        PUBLISH_CONFIRMED counts a copy and clears attempts (next_try: when a receipt is overdue);
        PUBLISH_DEFERRED counts an attempt (next_try: when to publish again; if the state is not
        QUEUED, next_try is left alone); PUBLISH_REFUSED, CANCELLED keep `detail` as reason;
        RELEASED starts a new lifetime (next_try = its end).
        For a document of an organ with a mailroom, a transport event message is queued in the
        same transaction whenever the state changes.

        Raises:
            IllegalTransition: nothing was changed.
        """
        ...

    async def sweep(self, now: datetime) -> Swept:
        """Decide and record in one transaction: overdue receipts go back to QUEUED, ended
        lifetimes to UNDELIVERABLE (reason "expired"), and of each delivery that passes its warning
        deadline or its end the mailroom gets an event, once. At most 1,000 rows together, so call
        again while it returns that many."""
        ...

    def submission_of(self, from_organ: str, document_id: str) -> str:
        """Tracking id of the document of ours with this DocumentId, "" if there is none."""
        ...

    def document(self, ref: str) -> DocumentView:
        """One outgoing document by tracking id, unique prefix or number/notation.
        Raises NotFound, Ambiguous."""
        ...


class Signings(Protocol):
    """Documents of ours that are signed elsewhere."""

    async def keep(
        self, pending: Pending, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        """Keep a document until its signature comes, and queue the reply, as `submit` does; while
        it waits its identity is taken as if it were submitted. Raises Conflict as `submit`."""
        ...

    async def sign(self, submission: Submission, now: datetime) -> SigningOutcome:
        """Queue what waited as `submission.tracking_id`, with its deliveries and the mailroom's
        event, in one transaction (instant 1: queued): once, whoever comes first. One that comes at
        its expiry or later makes the document expired. Raises NotFound."""
        ...

    async def refuse(self, tracking_id: str, reason: str, detail: str, now: datetime) -> None:
        """Note that a signature was refused; the document goes on waiting if it did.
        Raises NotFound."""
        ...

    async def cancel(
        self, tracking_id: str, reason: str, now: datetime, reply: MailroomMessage | None = None
    ) -> None:
        """Stop waiting; its identity is free again. The reply to the mailroom that said so goes
        with it. Raises NotFound, Conflict (it does not wait)."""
        ...

    async def expire(self, now: datetime) -> int:
        """Decide and record in one transaction which documents waited too long, with the events
        for their mailrooms. Returns how many, at most 1,000; call again while it returns that."""
        ...

    def find(self, ref: str) -> PendingView:
        """One document that waits for its signature, by tracking id, prefix, number or request id;
        if none does, one that waited. Raises NotFound, Ambiguous."""
        ...


class Receipts(Protocol):
    """What other organs said of what we sent."""

    async def apply(self, receipt: Receipt) -> ReceiptOutcome:
        """Match a verified status by digest and signed From to a delivery; ResponseFor must agree.
        RECEIPT_VERIFIED (instant 4: acknowledged), its code goes into the history, the mailroom's
        event is queued; all in one transaction. One about bytes that are not here is parked."""
        ...

    async def answer_ping(self, said: Submission, by: str, sha256: str) -> None:
        """Queue the answer to a test that came from the organ `by`; nothing else is kept of it."""
        ...

    async def match_parked(self, now: datetime) -> Sequence[Receipt]:
        """Look again at parked receipts that are due, at most 200: those whose document is here
        now are applied, those older than 30 days given up and journalled. Returns those
        applied."""
        ...
