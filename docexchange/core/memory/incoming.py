"""What the paths ask of the memory about what comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from envelopes.model import Stored

from ..model import (
    Acceptance,
    Arrival,
    ArrivalView,
    Content,
    Gathered,
    InStore,
    Kept,
    MailroomMessage,
    OpenRecall,
    Part,
    RecallStanding,
    Submission,
    Submitted,
)
from ..recalls import Recall


class IncomingDocuments(Protocol):
    """What came: what was accepted, and what is kept until it can be."""

    def find(self, organ: str, sha256: str) -> str | None:
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

    def arrival(self, ref: str, organ: str = "") -> ArrivalView:
        """One incoming document, named likewise, with its report."""
        ...


class Contents(Protocol):
    """The bytes of envelopes, those too large for memory, and parts that gather."""

    def read(self, sha256: str) -> bytes:
        """Stored envelope bytes, checked against the digest. Raises NotFound, StoreError."""
        ...

    async def load(self, sha256: str) -> bytes:
        """The same for the event loop, which does not wait for the disk: what was stored a moment
        ago is at hand, and a thread reads what is long. Raises NotFound, StoreError."""
        ...

    async def sweep_orphans(self, now: datetime) -> int:
        """Forget what nobody can need any more: content never linked and parts never used (a day),
        origins, attempts and confirmed mailroom messages (30 days). Returns how many rows, at most
        1,000 of a kind; call it now and then."""
        ...

    async def fill(self, produce: Callable[[BinaryIO], Stored], now: datetime) -> InStore:
        """Let a thread write content, row by row in small transactions; nothing links it yet, and
        it is swept after a day. Raises what `produce` raises."""
        ...

    def open(self, content: InStore | str) -> BinaryIO:
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


class Recalls(Protocol):
    """Documents that are to come back (thu hồi)."""

    async def submit(
        self,
        asked: Sequence[Submission],
        reply: Callable[[Submitted], MailroomMessage] | None = None,
    ) -> Submitted:
        """Queue recalls, one per recipient, all or none. In the same transaction what each recalls
        (`Submission.recalls`) stops being published; the recall of what was never published, or
        was recalled before, is kept and not sent."""
        ...

    def standing(self, recall: Arrival, *, mailroom: bool) -> RecallStanding:
        """What a recall that came meets here; `mailroom`: whether the organ has one."""
        ...

    async def take(self, recall: Arrival, decided: Recall, answer: Submission) -> Acceptance | None:
        """Store a recall, its answer and the mailroom's event; when it was decided AGREED, what it
        recalls is sealed: its content is destroyed, and no mailroom gets it any more. None when the
        document changed since `recall_standing`: nothing was stored, decide again. REFUSED: too
        many status 13 of its organ wait for documents already; that is journalled."""
        ...

    def overdue(self, now: datetime, limit: int) -> Sequence[OpenRecall]:
        """Status 13 that waited too long for their document (`Arrival.waits_until`)."""
        ...

    def waiting(self, arrival: Arrival) -> Sequence[OpenRecall]:
        """Recalls that came before this document."""
        ...

    async def accept_recalled(
        self, arrival: Arrival, receipt: Submission, answers: Sequence[Submission]
    ) -> Acceptance:
        """Store a document that was recalled before it came as a tombstone without content, its
        receipt and an answer to each recall. RECALLED: other recalls wait than are answered;
        nothing was stored, ask again."""
        ...

    def asked(self, tracking_id: str) -> Sequence[OpenRecall]:
        """Recalls of an arrival (or the recall so named) that wait for an answer 15 or 16.
        Raises NotFound."""
        ...
