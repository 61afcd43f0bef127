"""The narrow seams: what the paths ask of the world. Edges implement them, fakes stand in tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from envelopes.model import Stored
from keys.certificates import Certificate
from keys.signer import Signer

from .health import Health
from .model import (
    Acceptance,
    Arrival,
    ArrivalView,
    Content,
    DestinationHold,
    DocumentView,
    Due,
    Gathered,
    Head,
    InStore,
    Kept,
    KeptView,
    MailroomMessage,
    OpenRecall,
    Order,
    Origin,
    Outgoing,
    Part,
    Pause,
    Pending,
    PendingView,
    RecallStanding,
    Receipt,
    ReceiptOutcome,
    SigningOutcome,
    Submission,
    Submitted,
    Swept,
)
from .pacing import Turn
from .recalls import Recall
from .reconciling import Asked, Listed, Place, Window
from .schedule import Lane
from .stamping import Stamped, Unstamped
from .states import Event, State
from .witnessing import Witnesses


class Incoming(Protocol):
    """A message of the axis in hand: nobody else gets it until it is acked or we are gone."""

    organ: str  # of the routing key
    lane: Lane
    body: bytes
    redelivered: bool
    connection: str  # broker-checked user_id of the publisher, "" when absent
    headers: Mapping[str, object]  # hints of whoever sent it, never facts

    def ack(self) -> None:
        """Tell the broker to forget it; only after the commit. A lost ack means a redelivery."""
        ...


class Broker(Protocol):
    """The axis (trục): never trusted for identity or integrity."""

    async def publish(
        self, lane: Lane, organ: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Publish persistently; returns when the broker has confirmed that it holds it.

        Raises:
            Deferred: not confirmed (no connection, nack, no route, time ran out); it may
                nevertheless have arrived.
            DeliveryRefused: the broker will never take it (too large).
        """
        ...

    async def receive(self) -> Incoming:
        """Wait for the next message of any of our lanes."""
        ...


class MailroomBroker(Protocol):
    """The mailrooms' side."""

    async def publish(self, message: MailroomMessage) -> None:
        """Publish one message; returns at the confirm. Raises Deferred as `Broker.publish`."""
        ...

    async def receive(self) -> MailroomIncoming:
        """Wait for the next submission or status report of any mailroom."""
        ...


class MailroomIncoming(Protocol):
    """A submission or status report of a mailroom, in hand."""

    vhost: str
    routing_key: str  # submit.document, submit.status or submit.part
    message_id: str
    type: str
    content_type: str
    content_encoding: str
    headers: Mapping[str, object]
    body: bytes

    def ack(self) -> None:
        """Tell the broker to forget it; only after the commit of the reply."""
        ...


@dataclass(frozen=True, slots=True)
class Organ:
    """An entry of the directory.

    Args:
        organ_id: exact OrganId.
        name: for people.
        node: node that serves it, "" when it is closed.
        closed: True when the code is closed.
        successor: OrganId that took over, "" if none.
        fingerprints: hex SHA-256 of certificates that may speak for it -> (from, until), each
            None when open.
        subject_rule: True if a certificate whose organizationIdentifier equals the OrganId may
            speak for it, when issued under one of `issuers`.
        issuers: hex SHA-256 of CA certificates under which the subject rule holds.
    """

    organ_id: str
    name: str
    node: str = ""
    closed: bool = False
    successor: str = ""
    fingerprints: Mapping[str, tuple[datetime | None, datetime | None]] = field(
        default_factory=dict
    )
    subject_rule: bool = False
    issuers: frozenset[str] = frozenset()


class Directory(Protocol):
    """Who is who; also the `envelopes.verify.Binding` of the node."""

    sha256: str

    def find(self, organ_id: str) -> Organ | None:
        """The entry of this exact code; a closed code also matches below level 1 and in its old
        form (000.00.00.H02); None when unknown."""
        ...

    def speaks_for(
        self, organ_id: str, chain: Sequence[Certificate], at: datetime
    ) -> tuple[bool | None, str]:
        """Whether the leaf may sign for the organ: (True | False | None if no binding is known,
        reason). False when the certificate is known for another organ."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A signed directory that was served: its number, hex digest, and since when."""

    number: int
    sha256: str
    taken_at: datetime


class Keyring(Protocol):
    """The signers of our own organs."""

    def signer(self, organ_id: str) -> Signer:
        """The signer that the daemon may use alone. Raises NotFound when we do not serve it,
        Deferred when the signer is down."""
        ...


class Clock(Protocol):
    """The wall clock, read once at the top of a flow function."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Store(Protocol):
    """The memory. Each write is durable (fsync) when it returns, and writes its journal line in
    the same transaction. Every write may raise StoreError: then nothing was changed."""

    @property
    def witnesses(self) -> Witnesses:
        """What was said of journals."""
        ...

    async def tell_health(self, told: Health, vhosts: Sequence[str], now: datetime) -> None:
        """Put an event about the node into the tray of each mailroom."""
        ...

    def told_bad_health(self) -> bool:
        """Whether the last that mailrooms were told was that something is wrong."""
        ...

    def directory_taken(self) -> Taken | None:
        """The newest signed directory that was served, None if none was."""
        ...

    async def take_directory(self, number: int, sha256: str, now: datetime) -> bool:
        """Note that a signed directory is served; False if that was known."""
        ...

    # -- outgoing ---------------------------------------------------------------------------
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

    def find_submission(
        self, origin: Origin | None, identity: tuple[str, str, int] | None, content_sha256: str
    ) -> Submitted | None:
        """The earlier submission of this content, or None; also one that waits for its signature
        (`sign_by` is set). Raises Conflict as `submit`."""
        ...

    # -- signed elsewhere -------------------------------------------------------------------
    async def await_signature(
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

    async def refuse_signature(
        self, tracking_id: str, reason: str, detail: str, now: datetime
    ) -> None:
        """Note that a signature was refused; the document goes on waiting if it did.
        Raises NotFound."""
        ...

    async def cancel_signing(
        self, tracking_id: str, reason: str, now: datetime, reply: MailroomMessage | None = None
    ) -> None:
        """Stop waiting; its identity is free again. The reply to the mailroom that said so goes
        with it. Raises NotFound, Conflict (it does not wait)."""
        ...

    async def expire_signings(self, now: datetime) -> int:
        """Decide and record in one transaction which documents waited too long, with the events
        for their mailrooms. Returns how many, at most 1,000; call again while it returns that."""
        ...

    def pending(self, ref: str) -> PendingView:
        """One document that waits for its signature, by tracking id, prefix, number or request id;
        if none does, one that waited. Raises NotFound, Ambiguous."""
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

    def blob(self, sha256: str) -> bytes:
        """Stored envelope bytes, checked against the digest. Raises NotFound, StoreError."""
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

    async def sweep_orphans(self, now: datetime) -> int:
        """Forget what nobody can need any more: content never linked and parts never used (a day),
        origins, attempts and confirmed mailroom messages (30 days). Returns how many rows, at most
        1,000 of a kind; call it now and then."""
        ...

    # -- incoming ---------------------------------------------------------------------------
    def find_arrival(self, organ: str, sha256: str) -> str | None:
        """Tracking id of the accepted arrival of exactly these bytes for this organ, or None."""
        ...

    async def accept(self, arrival: Arrival, receipt: Submission) -> Acceptance:
        """Store an arrival, the receipt that answers it and the mailroom's message together
        (instant 3: arrived). Duplicate: same (organ, sha256), nothing is stored. Conflict:
        business 0 or 3 with the (organ, from, document_id, business) of an accepted one but other
        bytes, unless that one ended in 02 or 15; nothing is stored."""
        ...

    async def answer_again(self, tracking_id: str, now: datetime) -> int:
        """Put the original receipt and every later status of an arrival back in the queue
        (ASKED_AGAIN), in order, at most once a minute. Returns how many."""
        ...

    async def quarantine(self, kept: Kept, answer: Submission | None) -> bool:
        """Keep an envelope for a person (instant 5), with the automatic 02 if one is given. The
        same bytes for the same organ again are counted, not stored (then `answer` is not queued).
        True if new."""
        ...

    async def hold(self, kept: Kept) -> bool:
        """Keep an envelope until evidence or time settles it (instant 5). True if new."""
        ...

    def held_due(
        self, now: datetime, limit: int
    ) -> Iterator[tuple[int, str, Content | None, datetime, str]]:
        """Held envelopes to judge again: (kept_id, organ, data, first_seen, connection); data is
        read when its turn comes, and None when it is damaged on disk."""
        ...

    async def keep_damaged(self, kept_id: int, why: str, now: datetime) -> bool:
        """Quarantine a held envelope whose content is damaged, as DAMAGED and without it, so that
        a copy of it that comes is stored and judged. False if it is held no more."""
        ...

    async def settle(self, kept_id: int, now: datetime, outcome: str) -> None:
        """Take a held one off the list; `outcome` is journalled."""
        ...

    async def attempt(self, sha256: str, now: datetime) -> int:
        """Count that judging a redelivered message begins; returns which attempt this is (1..)."""
        ...

    async def judged(self, sha256: str, *, ended: bool) -> None:
        """Forget the attempts of a message whose judging ended; or take the last one back, of a
        judging that was broken off for a reason of ours."""
        ...

    # -- too large for memory ---------------------------------------------------------------
    async def fill(self, produce: Callable[[BinaryIO], Stored], now: datetime) -> InStore:
        """Let a thread write content, row by row in small transactions; nothing links it yet, and
        it is swept after a day. Raises what `produce` raises."""
        ...

    def open_blob(self, content: InStore | str) -> BinaryIO:
        """A seekable file over stored content (by digest: checked when it was read to its end),
        for any one thread; the caller closes it. Raises NotFound, StoreError."""
        ...

    async def put_part(self, part: Part, quota: int, limit: int, now: datetime) -> Gathered:
        """Keep a part of a large envelope, keyed by (connection, organ, envelope, index); one that
        is here already is ignored. Parts that contradict each other in their count end the group,
        with a journal line, and begin another. Beyond the publisher's quota, or when the whole
        would exceed `limit` (both bytes), the part is refused and journalled."""
        ...

    async def judging(self, content: InStore, *, begins: bool) -> None:
        """Count, before it is parsed, that a complete group is judged; or take that back."""
        ...

    async def drop_parts(self, content: InStore, reason: str, now: datetime) -> None:
        """End a group; journalled when there is a reason. Nothing happens to what was linked."""
        ...

    async def refuse_part(self, part: Part, reason: str, now: datetime) -> None:
        """Journal that a part was not kept."""
        ...

    async def sweep_parts(self, before: datetime, now: datetime) -> int:
        """End groups that began before then, and delete some rows of ended ones; call it again
        while it returns more than 0. Cheap when there is nothing."""
        ...

    async def erase(self, now: datetime) -> int:
        """Take a step towards content that was destroyed or discarded being in no file of the
        store; call it again while it returns more than 0. 0: all is erased, or somebody still
        reads old versions, and a later call goes on. Cheap when there is nothing."""
        ...

    # -- receipts ---------------------------------------------------------------------------
    async def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        """Match a verified status by digest and signed From to a delivery; ResponseFor must agree.
        RECEIPT_VERIFIED (instant 4: acknowledged), its code goes into the history, the mailroom's
        event is queued; all in one transaction. One about bytes that are not here is parked."""
        ...

    async def answer_ping(self, said: Submission, by: str, sha256: str) -> None:
        """Queue the answer to a test that came from the organ `by`; nothing else is kept of it."""
        ...

    # -- reconciling ------------------------------------------------------------------------
    async def ask_peer(self, question: Submission, order: Order) -> None:
        """Queue a question to another organ, with its line in the journal."""
        ...

    def may_answer(self, asked: Asked, now: datetime) -> bool:
        """Whether a question is new here and not one too many of this hour."""
        ...

    def listed(self, asked: Asked, window: Window) -> tuple[Listed, Place]:
        """What our organ sent to the other and accepted from it within a window, a bounded number
        of rows; and where the next question goes on. Blocks for up to some 100 ms."""
        ...

    def have_of(
        self, organ: str, peer: str, digests: Collection[str]
    ) -> Mapping[str, tuple[str, str]]:
        """Of these, what our organ accepted from that peer: digest -> (tracking id, last status).
        Blocks, 10 us for each."""
        ...

    async def send_again(
        self, asked: Asked, sha256: str, new_id: Callable[[], str], now: datetime
    ) -> int | None:
        """Send a document once more to the recipient that acknowledged it and lost it; its size,
        None if there is no such document or its content is gone."""
        ...

    async def answer_question(
        self, asked: Asked, said: Submission, place: Place, **facts: int
    ) -> bool:
        """Queue the answer to a question; False if it has one already."""
        ...

    async def take_answer(self, asked: Asked, told: bytes, sha256: str, now: datetime) -> bool:
        """Keep the first answer to a question of ours, by the organ that was asked; False if it is
        none: nothing was changed."""
        ...

    async def forget_questions(self, now: datetime) -> int:
        """Drop some old questions and answers that have left, and the contents of their envelopes;
        call it again while it returns more than 0."""
        ...

    async def match_parked(self, now: datetime) -> Sequence[Receipt]:
        """Look again at parked receipts that are due, at most 200: those whose document is here
        now are applied, those older than 30 days given up and journalled. Returns those
        applied."""
        ...

    async def index_new(self) -> int:
        """Put some documents that are in no index into theirs, the oldest first; how many. Raises
        StoreError: they are put there later."""
        ...

    # -- recalls ----------------------------------------------------------------------------
    async def submit_recalls(
        self,
        asked: Sequence[Submission],
        reply: Callable[[Submitted], MailroomMessage] | None = None,
    ) -> Submitted:
        """Queue recalls, one per recipient, all or none. In the same transaction what each recalls
        (`Submission.recalls`) stops being published; the recall of what was never published, or
        was recalled before, is kept and not sent."""
        ...

    def submission_of(self, from_organ: str, document_id: str) -> str:
        """Tracking id of the document of ours with this DocumentId, "" if there is none."""
        ...

    def recall_standing(self, recall: Arrival, *, mailroom: bool) -> RecallStanding:
        """What a recall that came meets here; `mailroom`: whether the organ has one."""
        ...

    async def take_recall(
        self, recall: Arrival, decided: Recall, answer: Submission
    ) -> Acceptance | None:
        """Store a recall, its answer and the mailroom's event; when it was decided AGREED, what it
        recalls is sealed: its content is destroyed, and no mailroom gets it any more. None when the
        document changed since `recall_standing`: nothing was stored, decide again. REFUSED: too
        many status 13 of its organ wait for documents already; that is journalled."""
        ...

    def recalls_overdue(self, now: datetime, limit: int) -> Sequence[OpenRecall]:
        """Status 13 that waited too long for their document (`Arrival.waits_until`)."""
        ...

    def recalls_waiting(self, arrival: Arrival) -> Sequence[OpenRecall]:
        """Recalls that came before this document."""
        ...

    async def accept_recalled(
        self, arrival: Arrival, receipt: Submission, answers: Sequence[Submission]
    ) -> Acceptance:
        """Store a document that was recalled before it came as a tombstone without content, its
        receipt and an answer to each recall. RECALLED: other recalls wait than are answered;
        nothing was stored, ask again."""
        ...

    def recalls_asked(self, tracking_id: str) -> Sequence[OpenRecall]:
        """Recalls of an arrival (or the recall so named) that wait for an answer 15 or 16.
        Raises NotFound."""
        ...

    # -- mailrooms --------------------------------------------------------------------------
    async def reply(self, message: MailroomMessage, now: datetime) -> None:
        """Queue one message for a mailroom (a refusal, for example)."""
        ...

    async def keep_upload(
        self, vhost: str, sha256: str, data: bytes, now: datetime, quota: int
    ) -> bool:
        """Keep a part of an attachment that a mailroom sends ahead of its document; the same part
        again is kept once. False, and nothing kept, when the mailroom's parts would be more than
        `quota` bytes or UPLOADS_MAX in number."""
        ...

    def uploads(self, vhost: str, digests: Collection[str]) -> Mapping[str, int]:
        """Which of these parts are here, with their sizes in bytes."""
        ...

    async def drop_uploads(self, vhost: str, digests: Collection[str]) -> None:
        """Forget parts that a document has used."""
        ...

    def mailroom_due(
        self, vhost: str, after: int, limit: int, *, large: bool = False
    ) -> Sequence[Outgoing]:
        """Messages for a mailroom that are not confirmed yet, in order, row_id > after; or those
        that are handed over in parts, without their bodies."""
        ...

    async def set_aside(self, row_id: int, why: str, now: datetime) -> None:
        """Let a message whose content is damaged wait for a person, with a line in the journal."""
        ...

    async def take_up_again(self) -> int:
        """Let what was set aside be tried once more; how many messages."""
        ...

    async def mailroom_sent(self, row_ids: Sequence[int], now: datetime) -> None:
        """Mark messages as confirmed; an inbox message makes its arrival handed over."""
        ...

    # -- timestamps -------------------------------------------------------------------------
    def unstamped(self, limit: int) -> Sequence[Unstamped]:
        """Envelopes that no token proves, oldest first; cost does not grow with the backlog."""
        ...

    def oldest_unstamped(self) -> datetime | None:
        """When the oldest of them was committed, None if there is none."""
        ...

    async def stamp(self, done: Stamped, now: datetime) -> None:
        """Keep a verified token with the stamps under it, and move the cursors, in one
        transaction."""
        ...

    # -- views ------------------------------------------------------------------------------
    def document(self, ref: str) -> DocumentView:
        """One outgoing document by tracking id, unique prefix or number/notation.
        Raises NotFound, Ambiguous."""
        ...

    def arrival(self, ref: str, organ: str = "") -> ArrivalView:
        """One incoming document, named likewise, with its report."""
        ...

    def kept(self, ref: str) -> KeptView:
        """One quarantined or held envelope by number or digest prefix."""
        ...

    def last_journal_time(self) -> datetime | None:
        """Time of the last journal line, to notice a clock that went back."""
        ...
