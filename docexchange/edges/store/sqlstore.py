"""The store: the memory of a node, on one SQLite database. Implements `core.ports.Store`.

Every write is an operation of the one writer thread (`writer`), durable when it returns, with its
journal line in the same transaction. Reads run on a connection of the calling thread and see what
was committed. This file only opens, closes and passes on; each noun has its own file:

    submissions signings deliveries lanes pauses receipts parked pings arrivals kept
    handover uploads evidence blobs damage streams parts erasing journal forgetting views naming
    openwork stamping figures statistics search
    reconciling comparing
    operating queue legalholds purging (these behind `operator`)

The daemon holds a lock beside the database for life; the command line works next to it without.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar

from envelopes.evidence.journal import Follower, JournalBroken, JournalState
from envelopes.evidence.stamp import Stamp
from envelopes.evidence.witness import Contradiction
from envelopes.model import Stored

from ...core.admission import Work
from ...core.errors import StoreError, StoreUnavailable
from ...core.health import Health
from ...core.model import (
    Acceptance,
    Arrival,
    ArrivalView,
    Concern,
    Content,
    DestinationHold,
    DocumentView,
    Due,
    Gathered,
    Head,
    InStore,
    JournalLine,
    Kept,
    KeptEvidence,
    KeptView,
    Line,
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
    ReceivedCount,
    SentCount,
    SetAside,
    SigningOutcome,
    Submission,
    Submitted,
    Swept,
    TimeTaken,
)
from ...core.pacing import Turn
from ...core.ports import Taken
from ...core.recalls import Recall
from ...core.reconciling import Asked, Listed, Place, Sent, Window
from ...core.schedule import Lane
from ...core.searching import Hit, Search
from ...core.stamping import Backlog, Stamped, Unstamped
from ...core.states import Event, State
from . import (
    arrivals,
    blobs,
    comparing,
    damage,
    deliveries,
    directories,
    erasing,
    evidence,
    figures,
    forgetting,
    handover,
    health,
    journal,
    lanes,
    openwork,
    operating,
    parked,
    parts,
    pauses,
    pings,
    recalls,
    receipts,
    reconciling,
    search,
    signings,
    stamping,
    statistics,
    streams,
    submissions,
    uploads,
    views,
    witnesses,
)
from . import (
    kept as keeping,
)
from .database import BUSY_MS, CACHE_KIB, DAEMON_BUSY_MS, Connection
from .migrations import bring_up
from .operator import Operator
from .storelock import StoreLock
from .transaction import Node, Transaction
from .witnesses import SqlWitnesses
from .writer import AGAIN_S, WINDOW, Writer

if TYPE_CHECKING:
    from ...core.ports import Store

T = TypeVar("T")

GIB = 1024**3  # bytes
BESIDE_KIB = (
    8_192  # page cache of a thread that helps; there may be a dozen, each reads now and then
)


def _no_crash(point: str) -> None:
    """Die nowhere."""


def _drop_upload(vhost: str, sha256: str, work: Transaction) -> int:
    return uploads.drop(work, vhost, sha256)


class SqlStore:
    """See `core.ports.Store` for what each operation promises; made by `open`."""

    def __init__(
        self,
        path: Path,
        lock: StoreLock,
        writer: Writer,
        *,
        longest: timedelta,
        quarantine_quota: int,
    ) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._longest = longest
        self._quota = quarantine_quota
        self._here = threading.local()
        self._readers: list[Connection] = []
        self._fresh = blobs.Fresh()
        self.witnesses = SqlWitnesses(writer, lambda: self._reader)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        exclusive: bool,
        node: str,
        mailroom_of: Callable[[str], str | None],
        longest: timedelta,
        quarantine_quota: int = GIB,
        crash: Callable[[str], None] = _no_crash,
        window: float = WINDOW,
        committed: Callable[[], None] = lambda: None,
    ) -> SqlStore:
        """Open a store, made or migrated if need be.

        Args:
            path: the database file; its folder exists.
            exclusive: True for the daemon: no other daemon may serve this store.
            node: our node id, for the source of events.
            mailroom_of: vhost of an organ's mailroom, None when it has none.
            longest: the longest wait of the schedule; a next try further ahead counts as come.
            quarantine_quota: bytes kept per connection of the axis.
            crash: called at the crash points (see `writer`).
            window: longest time to collect operations under load, seconds.
            committed: called on the event loop of the callers after each commit.

        Raises:
            StoreBusy: another daemon serves it, or its tables are older and in use.
            StoreError: it cannot be opened.
        """
        lock = StoreLock.of(path)
        try:
            if exclusive:
                lock.take()
            bring_up(path, lock)
            surroundings = Node(f"/node/{node}", mailroom_of)
            writer = Writer(
                Connection(path, busy_ms=DAEMON_BUSY_MS if exclusive else BUSY_MS),
                surroundings,
                crash=crash,
                window=window,
                committed=committed,
                again=AGAIN_S if exclusive else None,
            )
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, writer, longest=longest, quarantine_quota=quarantine_quota)

    def close(self) -> None:
        """Commit what waits, then close everything; closing twice does nothing."""
        self._writer.close()
        while self._readers:
            self._readers.pop().close()
        self._here = threading.local()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _reader(self) -> Connection:
        """The reading connection of this thread."""
        connection: Connection | None = getattr(self._here, "connection", None)
        if connection is None:
            beside = threading.current_thread() is not threading.main_thread()
            kib = BESIDE_KIB if beside else CACHE_KIB
            connection = self._here.connection = Connection(self._path, cache_kib=kib)
            self._readers.append(connection)
        return connection

    # -- outgoing ---------------------------------------------------------------------------
    async def submit(
        self, submission: Submission, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        await self._write_large(submission.sha256, submission.data, submission.submitted_at)
        submitted = await self._writer.write(
            "submit", lambda work: submissions.submit(work, submission, reply)
        )
        if isinstance(submission.data, bytes):
            self._fresh.add(submission.sha256, submission.data)
        return submitted

    def directory_taken(self) -> Taken | None:
        return directories.last(self._reader)

    async def take_directory(self, number: int, sha256: str, now: datetime) -> bool:
        return await self._finish(
            "take_directory", lambda work: directories.take(work, number, sha256, now)
        )

    def find_submission(
        self, origin: Origin | None, identity: tuple[str, str, int] | None, content_sha256: str
    ) -> Submitted | None:
        return submissions.find(self._reader, origin, identity, content_sha256)

    def heads(self, lane: Lane, turn: Turn, after: str, limit: int) -> Sequence[Head]:
        return lanes.heads(self._reader, lane, turn, after, limit)

    def due(
        self,
        lane: Lane,
        turn: Turn,
        organ: str,
        now: datetime,
        skip: frozenset[int],
        limit: int,
    ) -> Sequence[Due]:
        return lanes.due(self._reader, lane, turn, organ, now, self._longest, skip, limit)

    async def pause(self, pause: Pause, now: datetime) -> None:
        await self._finish("pause", lambda work: pauses.pause(work, pause, now))

    async def resume(self, lane: str, organ: str, now: datetime) -> bool:
        return await self._finish("resume", lambda work: pauses.resume(work, lane, organ, now))

    def pauses(self) -> Sequence[Pause]:
        return pauses.every(self._reader)

    def holds(self) -> Sequence[DestinationHold]:
        return operating.holds(self._reader)

    @property
    def operator(self) -> Operator:
        """The store as the person who runs the node uses it."""
        return Operator(self._writer, lambda: self._reader)

    def blob(self, sha256: str) -> bytes:
        return self._fresh.take(sha256) or blobs.read(self._reader, sha256)

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
        return await self._finish(
            "record",
            lambda work: deliveries.record(
                work, delivery_id, event, now, next_try, detail, recalls.wake, unknown=unknown
            ),
        )

    async def sweep(self, now: datetime) -> Swept:
        return await self._writer.write(
            "sweep", lambda work: deliveries.sweep(work, now, self._longest)
        )

    async def sweep_orphans(self, now: datetime) -> int:
        return await self._writer.write("sweep_orphans", lambda work: forgetting.forget(work, now))

    # -- signed elsewhere -------------------------------------------------------------------
    async def await_signature(
        self, pending: Pending, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        await self._write_large(pending.sha256, pending.data, pending.submitted_at)
        return await self._writer.write(
            "await_signature", lambda work: signings.await_signature(work, pending, reply)
        )

    async def sign(self, submission: Submission, now: datetime) -> SigningOutcome:
        await self._write_large(submission.sha256, submission.data, now)
        return await self._writer.write("sign", lambda work: signings.sign(work, submission, now))

    async def refuse_signature(
        self, tracking_id: str, reason: str, detail: str, now: datetime
    ) -> None:
        await self._writer.write(
            "refuse_signature",
            lambda work: signings.refuse(work, tracking_id, reason, detail, now),
        )

    async def cancel_signing(
        self, tracking_id: str, reason: str, now: datetime, reply: MailroomMessage | None = None
    ) -> None:
        await self._writer.write(
            "cancel_signing", lambda work: signings.cancel(work, tracking_id, reason, now, reply)
        )

    async def expire_signings(self, now: datetime) -> int:
        if not signings.any_late(self._reader, now):  # asked every second, and nearly always so
            return 0
        return await self._writer.write("expire_signings", lambda work: signings.expire(work, now))

    def pending(self, ref: str) -> PendingView:
        with self._reader.reading():
            return signings.find(self._reader, ref)

    def pending_list(self, limit: int = 50) -> list[PendingView]:
        """Documents that wait for their signature, newest first."""
        return signings.waiting(self._reader, limit)

    def lapsed_list(self, since: datetime, limit: int = 50) -> list[PendingView]:
        """Documents that expired unsigned since then, newest first."""
        return signings.lapsed(self._reader, since, limit)

    # -- incoming ---------------------------------------------------------------------------
    def find_arrival(self, organ: str, sha256: str) -> str | None:
        row = arrivals.find(self._reader, organ, sha256)
        return row["tracking_id"] if row else None

    async def accept(self, arrival: Arrival, receipt: Submission) -> Acceptance:
        await self._write_large(arrival.sha256, arrival.data, arrival.arrived_at, in_hand=True)
        acceptance = await self._finish(
            "accept", lambda work: arrivals.accept(work, arrival, receipt)
        )
        if isinstance(receipt.data, bytes):
            self._fresh.add(receipt.sha256, receipt.data)
        return acceptance

    async def answer_again(self, tracking_id: str, now: datetime) -> int:
        return await self._finish(
            "answer_again", lambda work: arrivals.answer_again(work, tracking_id, now)
        )

    async def quarantine(self, kept: Kept, answer: Submission | None) -> bool:
        await self._write_large(kept.sha256, kept.data, kept.kept_at, in_hand=True)
        return await self._finish(
            "quarantine", lambda work: keeping.quarantine(work, kept, answer, self._quota)
        )

    async def hold(self, kept: Kept) -> bool:
        await self._write_large(kept.sha256, kept.data, kept.kept_at, in_hand=True)
        return await self._finish("hold", lambda work: keeping.hold(work, kept))

    def held_due(
        self, now: datetime, limit: int
    ) -> Iterator[tuple[int, str, Content | None, datetime, str]]:
        return keeping.due(self._reader, now, limit)

    async def keep_damaged(self, kept_id: int, why: str, now: datetime) -> bool:
        return await self._finish("keep_damaged", lambda work: damage.held(work, kept_id, why, now))

    async def settle(self, kept_id: int, now: datetime, outcome: str) -> None:
        await self._finish("settle", lambda work: keeping.settle(work, kept_id, now, outcome))

    async def attempt(self, sha256: str, now: datetime) -> int:
        return await self._writer.write("attempt", lambda work: keeping.attempt(work, sha256, now))

    async def judged(self, sha256: str, *, ended: bool) -> None:
        operation = partial(keeping.judged, sha256=sha256, ended=ended)
        await self._writer.write("judged", operation, in_hand=ended)

    # -- revocation evidence ----------------------------------------------------------------
    async def keep_evidence(self, one: KeptEvidence, order: Order | None = None) -> bool:
        """Keep evidence, by whose order if a person gave it; False if the same bytes are here."""
        return await self._writer.write(
            "keep_evidence", lambda work: evidence.keep(work, one, order)
        )

    def evidence_current(self, now: datetime) -> list[KeptEvidence]:
        """The evidence that is not over, oldest first."""
        with self._reader.reading():
            numbers = evidence.current(self._reader, now)
            return [evidence.numbered(self._reader, number) for number in numbers]

    def has_evidence(self, sha256: str) -> bool:
        """Whether evidence with this digest is kept."""
        return evidence.has(self._reader, sha256)

    async def wake_held(self, now: datetime) -> int:
        """Have what is held for want of evidence judged again now; how many that are."""
        return await self._writer.write("wake_held", lambda work: evidence.wake(work, now))

    def evidence_now(self, now: datetime) -> list[int]:
        """Numbers of the evidence that is not over, oldest first."""
        return evidence.current(self._reader, now)

    def evidence_after(self, number: int, limit: int = 50) -> list[KeptEvidence]:
        """Evidence that was kept after the one of a number, in order."""
        return evidence.after(self._reader, number, limit)

    def evidence(self, ref: str) -> KeptEvidence:
        """One by number or beginning of its digest. Raises NotFound, Ambiguous."""
        return evidence.find(self._reader, ref)

    def evidence_list(self, limit: int = 50) -> list[KeptEvidence]:
        """Newest first, without the bytes."""
        return evidence.newest(self._reader, limit)

    # -- too large for memory ---------------------------------------------------------------
    async def fill(self, produce: Callable[[BinaryIO], Stored], now: datetime) -> InStore:
        return await streams.fill(self._writer, produce, now)

    def open_blob(self, content: InStore | str) -> BinaryIO:
        return streams.open_blob(self._path, content)

    async def put_part(self, part: Part, quota: int, limit: int, now: datetime) -> Gathered:
        return await parts.put(self._writer, part, quota, limit, now)

    async def judging(self, content: InStore, *, begins: bool) -> None:
        await self._writer.write(
            "judging", lambda work: parts.judging(work, content.blob_id, begins=begins)
        )

    async def drop_parts(self, content: InStore, reason: str, now: datetime) -> None:
        await self._writer.write(
            "drop_parts", lambda work: parts.drop(work, content.blob_id, reason, now)
        )

    async def refuse_part(self, part: Part, reason: str, now: datetime) -> None:
        await self._writer.write("refuse_part", lambda work: parts.refuse(work, part, reason, now))

    async def sweep_parts(self, before: datetime, now: datetime) -> int:
        if not parts.any_to_sweep(self._reader, before):
            return 0
        return await self._writer.write("sweep_parts", lambda work: parts.sweep(work, before, now))

    async def erase(self, now: datetime) -> int:
        numbers = erasing.marks(self._reader)
        if not numbers:
            return 0
        if erasing.rows_are_left(self._reader):
            return await self._writer.write("erase", erasing.clear)
        if erasing.waits_for_sweep(self._reader) or not await asyncio.to_thread(self._empty_log):
            return 0
        return await self._writer.write("erased", lambda work: erasing.done(work, numbers, now))

    def _empty_log(self) -> bool:
        """On a connection of its own, as it may wait for the disk or a reader."""
        connection = Connection(self._path, busy_ms=erasing.LOG_BUSY_MS)
        try:
            return connection.empty_log()
        finally:
            connection.close()

    # -- receipts ---------------------------------------------------------------------------
    async def apply_receipt(self, receipt: Receipt) -> ReceiptOutcome:
        said = self.witnesses.unheard(receipt)
        if said is None:
            return await self._finish("apply_receipt", lambda work: receipts.apply(work, receipt))

        def work(transaction: Transaction) -> tuple[ReceiptOutcome, Sequence[Contradiction]]:
            outcome = receipts.apply(transaction, receipt)
            return outcome, witnesses.note(transaction, said, receipt, outcome)

        outcome, found = await self._finish("apply_receipt", work)
        self.witnesses.heard(receipt, found)
        return outcome

    async def answer_ping(self, said: Submission, by: str, sha256: str) -> None:
        await self._finish("answer_ping", lambda work: pings.answer(work, said, by, sha256))

    # -- reconciling ------------------------------------------------------------------------
    async def ask_peer(self, question: Submission, order: Order) -> None:
        """Queue a question to another organ; `told` has what it answers. Raises StoreError."""
        await self._write_large(question.sha256, question.data, question.submitted_at)
        await self._writer.write(
            "reconcile_ask", lambda work: reconciling.ask(work, question, order)
        )

    def told(self, tracking_id: str) -> bytes | None:
        """What was answered to a question; None while there is nothing."""
        return reconciling.told(self._reader, tracking_id)

    def may_answer(self, asked: Asked, now: datetime) -> bool:
        return reconciling.may_answer(self._reader, asked, now)

    def listed(self, asked: Asked, window: Window) -> tuple[Listed, Place]:
        with self._reader.reading():
            if not window.continues:
                sent, after = comparing.sent(self._reader, asked, window)
                received, behind = comparing.received(self._reader, asked, window)
                return Listed(tuple(sent), tuple(received)), Place(after, behind)
            earlier = Asked(window.continues, asked.organ, asked.peer)
            place = reconciling.goes_on(self._reader, earlier) or Place()
            sent, received, after, behind = [], [], None, None
            if place.sent is not None:
                sent, after = comparing.sent(self._reader, asked, window, place.sent)
            if place.received is not None:
                given = (asked, window, place.received)
                received, behind = comparing.received(self._reader, *given)
            return Listed(tuple(sent), tuple(received)), Place(after, behind)

    def have_of(
        self, organ: str, peer: str, digests: Collection[str]
    ) -> Mapping[str, tuple[str, str]]:
        with self._reader.reading():
            return comparing.have(self._reader, organ, peer, digests)

    async def send_again(
        self, asked: Asked, sha256: str, new_id: Callable[[], str], now: datetime
    ) -> int | None:
        return await self._finish(
            "send_again", lambda work: reconciling.send_again(work, asked, sha256, new_id, now)
        )

    async def answer_question(
        self, asked: Asked, said: Submission, place: Place, **facts: int
    ) -> bool:
        await self._write_large(said.sha256, said.data, said.submitted_at, in_hand=True)
        return await self._finish(
            "reconcile_answer",
            lambda work: reconciling.answer(work, asked, said, place, **facts),
        )

    async def take_answer(self, asked: Asked, told: bytes, sha256: str, now: datetime) -> bool:
        return await self._finish(
            "reconcile_take", lambda work: reconciling.take(work, asked, told, sha256, now)
        )

    def sent_to(self, asked: Asked, window: Window) -> list[Sent]:
        """All documents of ours to an organ within a window, and those to it that are held back
        since the store was restored; oldest first."""
        with self._reader.reading():
            found = {
                one.tracking_id: one
                for one in comparing.restored(self._reader, asked.organ, asked.peer)
            }
            some, after = comparing.sent(self._reader, asked, window)
            found |= {one.tracking_id: one for one in some}
            while after is not None:
                some, after = comparing.sent(self._reader, asked, window, after)
                found |= {one.tracking_id: one for one in some}
        return sorted(found.values(), key=lambda one: one.at)

    def known_of(self, asked: Asked, digests: Collection[str]) -> set[str]:
        """Those of these that our organ sent to the other, as far as this store knows."""
        with self._reader.reading():
            return comparing.known(self._reader, asked, digests)

    async def forget_questions(self, now: datetime) -> int:
        return await self._writer.write(
            "forget_questions", lambda work: reconciling.forget(work, now)
        )

    async def match_parked(self, now: datetime) -> Sequence[Receipt]:
        if not parked.any_due(self._reader, now):  # asked every second, and nearly always so
            return []
        return await self._writer.write(
            "match_parked", lambda work: receipts.match_parked(work, now)
        )

    def parked_list(self, limit: int = 50) -> list[Receipt]:
        """Receipts of documents that are not here, newest first, without their bytes."""
        return parked.newest(self._reader, limit)

    # -- recalls ----------------------------------------------------------------------------
    def recall_standing(self, recall: Arrival, *, mailroom: bool) -> RecallStanding:
        return recalls.standing(self._reader, recall, mailroom)[0]

    async def take_recall(
        self, recall: Arrival, decided: Recall, answer: Submission
    ) -> Acceptance | None:
        await self._write_large(recall.sha256, recall.data, recall.arrived_at, in_hand=True)
        return await self._finish(
            "take_recall", lambda work: recalls.take(work, recall, decided, answer)
        )

    async def accept_recalled(
        self, arrival: Arrival, receipt: Submission, answers: Sequence[Submission]
    ) -> Acceptance:
        return await self._finish(
            "accept_recalled",
            lambda work: recalls.accept_recalled(work, arrival, receipt, answers),
        )

    def recalls_overdue(self, now: datetime, limit: int) -> Sequence[OpenRecall]:
        return recalls.overdue(self._reader, now, limit)

    def recalls_waiting(self, arrival: Arrival) -> Sequence[OpenRecall]:
        return recalls.waiting(self._reader, arrival)

    def recalls_asked(self, tracking_id: str) -> Sequence[OpenRecall]:
        with self._reader.reading():
            return recalls.asked(self._reader, tracking_id)

    def submission_of(self, from_organ: str, document_id: str) -> str:
        return recalls.submission_of(self._reader, from_organ, document_id)

    async def submit_recalls(
        self,
        asked: Sequence[Submission],
        reply: Callable[[Submitted], MailroomMessage] | None = None,
    ) -> Submitted:
        return await self._writer.write(
            "submit_recalls", lambda work: submissions.submit_together(work, asked, reply)
        )

    # -- mailrooms --------------------------------------------------------------------------
    async def reply(self, message: MailroomMessage, now: datetime) -> None:
        await self._writer.write("reply", lambda work: work.post(message, now))

    async def keep_upload(
        self, vhost: str, sha256: str, data: bytes, now: datetime, quota: int
    ) -> bool:
        if not uploads.has_room(self._reader, vhost, sha256, len(data), now, quota):
            return False  # before any of it is written
        await self._write_large(sha256, data, now)
        return await self._writer.write(
            "keep_upload", lambda work: uploads.keep(work, vhost, sha256, data, now, quota)
        )

    def uploads(self, vhost: str, digests: Collection[str]) -> Mapping[str, int]:
        return uploads.sizes(self._reader, vhost, digests)

    async def drop_uploads(self, vhost: str, digests: Collection[str]) -> None:
        for digest in digests:
            await self._writer.write("drop_upload", partial(_drop_upload, vhost, digest))

    def mailroom_due(
        self, vhost: str, after: int, limit: int, *, large: bool = False
    ) -> Sequence[Outgoing]:
        return handover.due(self._reader, vhost, after, limit, large=large)

    async def set_aside(self, row_id: int, why: str, now: datetime) -> None:
        await self._finish("set_aside", lambda work: damage.set_aside(work, row_id, why, now))

    async def take_up_again(self) -> int:
        return await self._writer.write("take_up_again", damage.take_up_again)

    def damaged(self, limit: int = 50) -> list[SetAside]:
        """Messages that no mailroom can get since their content is damaged, oldest first."""
        return damage.waiting(self._reader, limit)

    async def mailroom_sent(self, row_ids: Sequence[int], now: datetime) -> None:
        await self._finish("mailroom_sent", lambda work: handover.sent(work, row_ids, now))

    # -- timestamps -------------------------------------------------------------------------
    def unstamped(self, limit: int) -> Sequence[Unstamped]:
        with self._reader.reading():
            return stamping.waiting(self._reader, limit)

    def oldest_unstamped(self) -> datetime | None:
        return stamping.oldest(self._reader)

    async def stamp(self, done: Stamped, now: datetime) -> None:
        await self._finish("stamp", lambda work: stamping.write(work, done, now))

    def stamp_of(self, sha256: str) -> Stamp | None:
        """The stamp of a stored envelope; None while it has none."""
        return stamping.of(self._reader, sha256)

    def stamp_backlog(self) -> Backlog:
        """What waits for a token; costs a look at each row that waits."""
        with self._reader.reading():
            return stamping.backlog(self._reader)

    # -- room -------------------------------------------------------------------------------
    @property
    def unavailable(self) -> StoreUnavailable | None:
        """Why the last change was not written, None when it was."""
        return self._writer.unavailable

    def open_work(self) -> dict[str, Work]:
        """By OrganId, what is under way; cost does not grow with the backlog."""
        return openwork.read(self._reader)

    async def note(self, event: str, ref: str, now: datetime, **facts: object) -> None:
        """Add a line about the node itself to the journal. Raises StoreError."""
        await self._writer.write("note", lambda work: work.note(event, ref, now, **facts))

    async def tell_health(self, told: Health, vhosts: Sequence[str], now: datetime) -> None:
        """Put an event about the node into the tray of each mailroom. Raises StoreError."""
        await self._writer.write("tell_health", lambda work: health.tell(work, told, vhosts, now))

    def told_bad_health(self) -> bool:
        """Whether the last that mailrooms were told was that something is wrong."""
        return health.told_bad(self._reader)

    # -- views ------------------------------------------------------------------------------
    def document(self, ref: str) -> DocumentView:
        with self._reader.reading():
            return views.document(self._reader, ref)

    def documents(
        self, limit: int = 50, *, attention: bool = False, after: str = ""
    ) -> list[DocumentView]:
        """Outgoing documents, newest first; `attention`: only those a person should look at;
        `after`: continue below this tracking id."""
        with self._reader.reading():
            return views.documents(self._reader, limit, attention=attention, after=after)

    def receipts_of(self, ref: str) -> list[tuple[str, str, str]]:
        """(recipient, code, digest) of each receipt of a document, as they came; the bytes are
        `blob(digest)`."""
        with self._reader.reading():
            return views.receipts_of(self._reader, ref)

    def arrival(self, ref: str, organ: str = "") -> ArrivalView:
        with self._reader.reading():
            return views.arrival(self._reader, ref, organ)

    def arrivals(self, limit: int = 50, organ: str = "") -> list[ArrivalView]:
        """Incoming documents, newest first, without their reports."""
        with self._reader.reading():
            return views.arrivals(self._reader, limit, organ)

    def statuses_of(self, ref: str) -> list[tuple[str, str]]:
        """(code, digest) of each status that we said about an arrival, in order."""
        with self._reader.reading():
            return views.statuses_of(self._reader, ref)

    def kept(self, ref: str) -> KeptView:
        with self._reader.reading():
            return views.kept(self._reader, ref)

    def receipt_times(self, limit: int = 50) -> list[tuple[datetime, datetime]]:
        """(signed there, recorded here) of the newest receipts."""
        return views.receipt_times(self._reader, limit)

    def kept_list(self, held: bool | None = None, limit: int = 50) -> list[KeptView]:
        """Held (True), quarantined (False) or both, newest first, without their reports."""
        with self._reader.reading():
            return views.kept_list(self._reader, limit, held=held)

    def figures(
        self, begin: datetime, end: datetime
    ) -> tuple[list[SentCount], list[ReceivedCount], list[TimeTaken]]:
        """What was submitted and what arrived in [begin, end), and how long answers took."""
        with self._reader.reading():
            given = (self._reader, begin, end)
            return figures.sent(*given), figures.received(*given), figures.taken(*given)

    def statistics(self, begin: datetime, end: datetime, organ: str = "") -> list[Line]:
        """The statistics of QĐ 28/2018, Article 11, about [begin, end), with one organ or all."""
        with self._reader.reading():
            return list(statistics.lines(self._reader, begin, end, organ))

    def concerns(self, begin: datetime, end: datetime, organ: str = "") -> Iterator[Concern]:
        """What of [begin, end) did not go as it should, or has not ended, one by one."""
        return statistics.concerns(self._reader, begin, end, organ)

    async def index_new(self) -> int:
        if not search.behind(self._reader):
            return 0
        return await self._writer.write("index", search.add)

    def find(self, wanted: Search) -> list[Hit]:
        """The newest documents that fit, of those that are in the index (`index_new`)."""
        with self._reader.reading():
            return search.find(self._reader, wanted)

    def journal_of(self, ref: str) -> list[JournalLine]:
        """Journal lines about a document, or about an arrival and what we said of it, in order."""
        with self._reader.reading():
            return views.journal_of(self._reader, ref)

    def lines_about(self, tracking_id: str) -> list[JournalLine]:
        """Journal lines about this tracking id alone, whatever it names, in order."""
        with self._reader.reading():
            return journal.lines_of(self._reader, tracking_id)

    def verify_journal(self) -> tuple[int, str]:
        """(lines, hash of the last). Raises StoreError naming the first broken line."""
        try:
            whole = self.follow_journal(Follower())
        except JournalBroken as broken:
            raise StoreError(str(broken)) from broken
        return whole.lines, whole.head

    def follow_journal(
        self, follower: Follower, each: Callable[[JournalLine], object] = lambda _: None
    ) -> JournalState:
        """Check every line of the journal, in order. Raises JournalBroken naming the first broken
        one."""
        with self._reader.reading():
            return journal.follow(self._reader, follower, each)

    def last_journal_time(self) -> datetime | None:
        return journal.last_time(self._reader)

    async def _finish(self, name: str, operation: Callable[[Transaction], T]) -> T:
        """Write what finishes something in hand; while the store cannot write, the daemon waits."""
        return await self._writer.write(name, operation, in_hand=True)

    async def _write_large(
        self, sha256: str, data: Content, now: datetime, *, in_hand: bool = False
    ) -> None:
        """Write content over 1 MiB ahead, part by part, so that nobody waits for all of it."""
        if isinstance(data, InStore) or len(data) <= blobs.CHUNK:
            return
        if not await self._writer.write(
            "begin_content",
            lambda work: blobs.begin(work, sha256, len(data), now),
            in_hand=in_hand,
        ):
            return
        for seq, part in blobs.parts(data):
            put = partial(blobs.put_part, sha256, seq, part)
            await self._writer.write("content", put, in_hand=in_hand)


if TYPE_CHECKING:

    def _implements(store: SqlStore) -> Store:
        return store
