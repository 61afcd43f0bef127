"""Consumes a queue of a session: hands over messages, acks what it is told to, once it is told to.

A message that is not acked when the session ends is delivered again by the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelNotFoundEntity

from .link import Lost, Session


class Ack:
    """Tells the broker, once, to forget a message; after the session's end it does nothing: the
    broker delivers the message again."""

    __slots__ = ("_session", "_tag", "_unacked")

    def __init__(self, session: Session, unacked: Unacked, tag: int) -> None:
        self._session = session
        self._unacked = unacked
        self._tag: int | None = tag
        unacked.delivered(tag)

    @property
    def stale(self) -> bool:
        """True when the session has ended, so that the message comes again."""
        return self._session.lost.done()

    def __call__(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None and not self.stale:
            self._unacked.done(tag)


class Unacked:
    """The messages of one channel that the broker has not been told to forget, in the order in
    which they came. A commit ends many at once; one frame that acks all up to a tag costs the
    broker one entry of a quorum queue's log instead of one for each."""

    def __init__(self) -> None:
        self._open: dict[int, None] = {}  # delivered and not done, oldest first
        self._done: asyncio.Queue[int] = asyncio.Queue()

    def __len__(self) -> int:
        return len(self._open)

    def delivered(self, tag: int) -> None:
        """A message came."""
        self._open[tag] = None

    def done(self, tag: int) -> None:
        """A message may be forgotten."""
        self._open.pop(tag, None)
        self._done.put_nowait(tag)

    async def written(self) -> None:
        """Wait until every ack so far is written to the socket."""
        await self._done.join()

    async def ack(self, channel: Channel) -> None:
        """Ack what is done, for ever; the last frame of a batch waits for the socket."""
        while True:
            tags = [await self._done.get()]
            while not self._done.empty():
                tags.append(self._done.get_nowait())
            for tag, up_to in self.frames(tags):
                await channel.basic_ack(tag, multiple=up_to, wait=self._done.empty())
            for _ in tags:
                self._done.task_done()

    def frames(self, tags: Sequence[int]) -> list[tuple[int, bool]]:
        """The frames that ack these: (tag, whether all before it are meant, too)."""
        oldest = next(iter(self._open), None)
        before = [tag for tag in tags if oldest is None or tag < oldest]
        after = [(tag, False) for tag in tags if oldest is not None and tag > oldest]
        return [(max(before), True), *after] if before else after


class Consumer:
    """Consumes one queue.

    Args:
        queue: its name; it must exist.
        prefetch: messages in hand at once, not yet acked.
        take: called with each message and its Ack; must not wait.
    """

    def __init__(
        self, queue: str, prefetch: int, take: Callable[[DeliveredMessage, Ack], None]
    ) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._take = take
        self._unacked = Unacked()

    @property
    def full(self) -> bool:
        """Whether as much is in hand as may be: nothing more can come."""
        return len(self._unacked) >= self._prefetch

    async def open(self, session: Session) -> None:
        """Consume on this session until it ends. Raises Lost when the queue is missing."""
        channel = await session.channel(confirms=False)
        try:
            await channel.queue_declare(self._queue, passive=True)
        except ChannelNotFoundEntity:
            raise Lost(
                f"queue {self._queue} does not exist: run `docexchange topology apply`"
            ) from None
        unacked = self._unacked = Unacked()
        session.work(unacked.ack(channel), unacked.written)
        await channel.basic_qos(prefetch_count=self._prefetch)
        await channel.basic_consume(self._queue, self._callback(session, unacked))

    def _callback(
        self, session: Session, unacked: Unacked
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def on_message(message: DeliveredMessage) -> None:
            try:
                self._take(message, Ack(session, unacked, message.delivery_tag or 0))
            except Exception as bug:  # noqa: BLE001  # aiormq would only log it
                session.crash(bug)

        return on_message
