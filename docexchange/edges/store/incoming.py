"""What comes: documents, what is kept for later, contents and their parts, and recalls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import BinaryIO

from envelopes.model import Stored

from ...core.model import (
    Acceptance,
    Arrival,
    Gathered,
    InStore,
    Kept,
    Part,
    RecallStanding,
    Submission,
)
from ...core.recalls import Recall
from . import (
    arrivals,
    blobs,
    damage,
    erasing,
    forgetting,
    parts,
    recalls,
    streams,
    submissions,
    views,
)
from . import (
    kept as keeping,
)
from .database import Connection
from .sections import Access, Section, finishes, looks, reads, writes


class SqlIncoming(Section):
    """Implements `core.memory.IncomingDocuments`.

    Args:
        access: to the database.
        quota: bytes kept in quarantine per connection of the axis.
    """

    def __init__(self, access: Access, quota: int) -> None:
        super().__init__(access)
        self._quota = quota

    find = reads(arrivals.named)

    async def accept(self, arrival: Arrival, receipt: Submission) -> Acceptance:
        access = self._access
        await access.write_large(arrival.sha256, arrival.data, arrival.arrived_at, in_hand=True)
        leaving = [(receipt.sha256, receipt.data)]
        if arrival.delivery is not None:
            leaving.append((arrival.sha256, arrival.data))
        with access.committing(*leaving):
            return await access.writer.write(
                "accept", lambda work: arrivals.accept(work, arrival, receipt), in_hand=True
            )

    answer_again = finishes("answer_again", arrivals.answer_again)
    arrival = looks(views.arrival)
    arrivals = looks(views.arrivals)
    statuses_of = looks(views.statuses_of)

    async def quarantine(self, kept: Kept, answer: Submission | None) -> bool:
        access = self._access
        await access.write_large(kept.sha256, kept.data, kept.kept_at, in_hand=True)
        return await access.writer.write(
            "quarantine",
            lambda work: keeping.quarantine(work, kept, answer, self._quota),
            in_hand=True,
        )

    async def hold(self, kept: Kept) -> bool:
        access = self._access
        await access.write_large(kept.sha256, kept.data, kept.kept_at, in_hand=True)
        return await access.writer.write(
            "hold", lambda work: keeping.hold(work, kept), in_hand=True
        )

    async def judged(self, sha256: str, *, ended: bool) -> None:
        operation = partial(keeping.judged, sha256=sha256, ended=ended)
        await self._access.writer.write("judged", operation, in_hand=ended)

    attempt = writes("attempt", keeping.attempt)
    held_due = reads(keeping.due)
    keep_damaged = finishes("keep_damaged", damage.held)
    settle = finishes("settle", keeping.settle)
    kept = looks(views.kept)
    kept_list = looks(views.kept_list)


class SqlContents(Section):
    """Implements `core.memory.Contents`."""

    def read(self, sha256: str) -> bytes:
        return blobs.read(self._access.reader, sha256)

    async def load(self, sha256: str) -> bytes:
        data = self._access.fresh.take(sha256)
        if data is not None:
            return data
        if blobs.size_of(self._access.reader, sha256) <= blobs.ASIDE_BYTES:
            return self.read(sha256)
        return await asyncio.to_thread(self.read, sha256)

    def open(self, content: InStore | str) -> BinaryIO:
        return streams.open_blob(self._access.path, content)

    async def fill(self, produce: Callable[[BinaryIO], Stored], now: datetime) -> InStore:
        return await streams.fill(self._access.writer, produce, now)

    async def put_part(self, part: Part, quota: int, limit: int, now: datetime) -> Gathered:
        return await parts.put(self._access.writer, part, quota, limit, now)

    async def sweep_parts(self, before: datetime, now: datetime) -> int:
        access = self._access
        if not parts.any_to_sweep(access.reader, before):
            return 0
        return await access.writer.write("sweep_parts", lambda work: parts.sweep(work, before, now))

    judging = writes("judging", parts.judging)
    drop_parts = writes("drop_parts", parts.drop)
    refuse_part = writes("refuse_part", parts.refuse)
    sweep_orphans = writes("sweep_orphans", forgetting.forget)

    async def erase(self, now: datetime) -> int:
        access = self._access
        numbers = erasing.marks(access.reader)
        if not numbers:
            return 0
        if erasing.rows_are_left(access.reader):
            return await access.writer.write("erase", erasing.clear)
        if erasing.waits_for_sweep(access.reader) or not await asyncio.to_thread(self._empty_log):
            return 0
        return await access.writer.write("erased", lambda work: erasing.done(work, numbers, now))

    def _empty_log(self) -> bool:
        """On a connection of its own, as it may wait for the disk or a reader."""
        connection = Connection(self._access.path, busy_ms=erasing.LOG_BUSY_MS)
        try:
            return connection.empty_log()
        finally:
            connection.close()


class SqlRecalls(Section):
    """Implements `core.memory.Recalls`."""

    def standing(self, recall: Arrival, *, mailroom: bool) -> RecallStanding:
        return recalls.standing(self._access.reader, recall, mailroom)[0]

    async def take(self, recall: Arrival, decided: Recall, answer: Submission) -> Acceptance | None:
        access = self._access
        await access.write_large(recall.sha256, recall.data, recall.arrived_at, in_hand=True)
        return await access.writer.write(
            "take_recall", lambda work: recalls.take(work, recall, decided, answer), in_hand=True
        )

    submit = writes("submit_recalls", submissions.submit_together)
    accept_recalled = finishes("accept_recalled", recalls.accept_recalled)
    overdue = reads(recalls.overdue)
    waiting = reads(recalls.waiting)
    asked = looks(recalls.asked)
