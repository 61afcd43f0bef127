"""What the paths ask of the memory about mailrooms, other organs and what proves things."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ..health import Health
from ..model import MailroomMessage, Order, Outgoing, Submission
from ..reconciling import Asked, Listed, Place, Window
from ..stamping import Stamped, Unstamped


class Mailrooms(Protocol):
    """What goes to the mailrooms, and what they sent ahead."""

    async def tell_health(self, told: Health, vhosts: Sequence[str], now: datetime) -> None:
        """Put an event about the node into the tray of each mailroom."""
        ...

    def told_bad_health(self) -> bool:
        """Whether the last that mailrooms were told was that something is wrong."""
        ...

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

    def due(self, vhost: str, after: int, limit: int, *, large: bool = False) -> Sequence[Outgoing]:
        """Messages for a mailroom that are not confirmed yet, in order, row_id > after; or those
        that are handed over in parts."""
        ...

    async def set_aside(self, row_id: int, why: str, now: datetime) -> None:
        """Let a message whose content is damaged wait for a person, with a line in the journal."""
        ...

    async def take_up_again(self) -> int:
        """Let what was set aside be tried once more; how many messages."""
        ...

    async def sent(self, row_ids: Sequence[int], now: datetime) -> None:
        """Mark messages as confirmed; an inbox message makes its arrival handed over."""
        ...


class Reconciling(Protocol):
    """What two organs compare of what is between them."""

    async def ask(self, question: Submission, order: Order) -> None:
        """Queue a question to another organ, with its line in the journal."""
        ...

    def may_answer(self, asked: Asked, now: datetime) -> bool:
        """Whether a question is new here and not one too many of this hour."""
        ...

    def listed(self, asked: Asked, window: Window) -> tuple[Listed, Place]:
        """What our organ sent to the other and accepted from it within a window, a bounded number
        of rows; and where the next question goes on. Blocks for up to some 100 ms."""
        ...

    def have(
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

    async def answer(self, asked: Asked, said: Submission, place: Place, **facts: int) -> bool:
        """Queue the answer to a question; False if it has one already."""
        ...

    async def take(self, asked: Asked, told: bytes, sha256: str, now: datetime) -> bool:
        """Keep the first answer to a question of ours, by the organ that was asked; False if it is
        none: nothing was changed."""
        ...

    async def forget(self, now: datetime) -> int:
        """Drop some old questions and answers that have left, and the contents of their envelopes;
        call it again while it returns more than 0."""
        ...


class Stamps(Protocol):
    """Timestamps of envelopes."""

    def waiting(self, limit: int) -> Sequence[Unstamped]:
        """Envelopes that no token proves, oldest first; cost does not grow with the backlog."""
        ...

    def oldest(self) -> datetime | None:
        """When the oldest of them was committed, None if there is none."""
        ...

    async def keep(self, done: Stamped, now: datetime) -> None:
        """Keep a verified token with the stamps under it, and move the cursors, in one
        transaction."""
        ...


class Archive(Protocol):
    """What searches find."""

    async def index(self) -> int:
        """Put some documents that are in no index into theirs, the oldest first; how many. Raises
        StoreError: they are put there later."""
        ...
