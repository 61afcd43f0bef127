"""What leaves: documents, statuses, those signed elsewhere, and the receipts that answer them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from envelopes.evidence.witness import Contradiction

from ...core.model import (
    Due,
    MailroomMessage,
    Pending,
    Receipt,
    ReceiptOutcome,
    SigningOutcome,
    Submission,
    Submitted,
    Swept,
)
from ...core.pacing import Turn
from ...core.schedule import Lane
from ...core.states import Event, State
from . import (
    deliveries,
    lanes,
    openwork,
    operating,
    parked,
    pauses,
    pings,
    recalls,
    receipts,
    signings,
    submissions,
    views,
    witnesses,
)
from .sections import Access, Section, finishes, looks, reads, writes
from .transaction import Transaction
from .witnesses import SqlWitnesses


class SqlOutgoing(Section):
    """Implements `core.memory.OutgoingDocuments`.

    Args:
        access: to the database.
        longest: the longest wait of the schedule; a next try further ahead counts as come.
    """

    def __init__(self, access: Access, longest: timedelta) -> None:
        super().__init__(access)
        self._longest = longest

    async def submit(
        self, submission: Submission, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        access = self._access
        await access.write_large(submission.sha256, submission.data, submission.submitted_at)
        with access.committing((submission.sha256, submission.data)):
            return await access.writer.write(
                "submit", lambda work: submissions.submit(work, submission, reply)
            )

    find = reads(submissions.find)
    submission_of = reads(recalls.submission_of)
    heads = reads(lanes.heads)

    def due(
        self,
        lane: Lane,
        turn: Turn,
        organ: str,
        now: datetime,
        skip: frozenset[int],
        limit: int,
    ) -> Sequence[Due]:
        reader = self._access.reader
        return lanes.due(reader, lane, turn, organ, now, self._longest, skip, limit)

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
        return await self._access.writer.write(
            "record",
            lambda work: deliveries.record(
                work, delivery_id, event, now, next_try, detail, recalls.wake, unknown=unknown
            ),
            in_hand=True,
        )

    async def sweep(self, now: datetime) -> Swept:
        return await self._access.writer.write(
            "sweep", lambda work: deliveries.sweep(work, now, self._longest)
        )

    pause = finishes("pause", pauses.pause)
    resume = finishes("resume", pauses.resume)
    pauses = reads(pauses.every)
    holds = reads(operating.holds)
    open_work = reads(openwork.read)
    document = looks(views.document)
    documents = looks(views.documents)


class SqlSignings(Section):
    """Implements `core.memory.Signings`."""

    async def keep(
        self, pending: Pending, reply: Callable[[Submitted], MailroomMessage] | None = None
    ) -> Submitted:
        await self._access.write_large(pending.sha256, pending.data, pending.submitted_at)
        return await self._access.writer.write(
            "await_signature", lambda work: signings.await_signature(work, pending, reply)
        )

    async def sign(self, submission: Submission, now: datetime) -> SigningOutcome:
        await self._access.write_large(submission.sha256, submission.data, now)
        return await self._access.writer.write(
            "sign", lambda work: signings.sign(work, submission, now)
        )

    async def expire(self, now: datetime) -> int:
        access = self._access
        if not signings.any_late(access.reader, now):  # asked every second, and nearly always so
            return 0
        return await access.writer.write("expire_signings", lambda work: signings.expire(work, now))

    refuse = writes("refuse_signature", signings.refuse)
    cancel = writes("cancel_signing", signings.cancel)
    find = looks(signings.find)
    waiting = reads(signings.waiting)
    lapsed = reads(signings.lapsed)


class SqlReceipts(Section):
    """Implements `core.memory.Receipts`.

    Args:
        access: to the database.
        witnesses: hears what receipts say of the journals of their senders.
    """

    def __init__(self, access: Access, witnesses: SqlWitnesses) -> None:
        super().__init__(access)
        self._witnesses = witnesses

    async def apply(self, receipt: Receipt) -> ReceiptOutcome:
        write = self._access.writer.write
        said = self._witnesses.unheard(receipt)
        if said is None:
            return await write(
                "apply_receipt", lambda work: receipts.apply(work, receipt), in_hand=True
            )

        def work(transaction: Transaction) -> tuple[ReceiptOutcome, Sequence[Contradiction]]:
            outcome = receipts.apply(transaction, receipt)
            return outcome, witnesses.note(transaction, said, receipt, outcome)

        outcome, found = await write("apply_receipt", work, in_hand=True)
        self._witnesses.heard(receipt, found)
        return outcome

    async def match_parked(self, now: datetime) -> Sequence[Receipt]:
        access = self._access
        if not parked.any_due(access.reader, now):  # asked every second, and nearly always so
            return []
        return await access.writer.write(
            "match_parked", lambda work: receipts.match_parked(work, now)
        )

    answer_ping = finishes("answer_ping", pings.answer)
    parked = reads(parked.newest)
    of = looks(views.receipts_of)
    times = reads(views.receipt_times)
