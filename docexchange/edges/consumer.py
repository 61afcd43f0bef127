"""Consumes a queue of a session: hands over messages, acks what it is told to, once it is told to.

A message that is not acked when the session ends is delivered again by the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelNotFoundEntity

from .link import Lost, Session


class Ack:
    """Tells the broker, once, to forget a message; after the session's end it does nothing: the
    broker delivers the message again."""

    __slots__ = ("_session", "_tag", "_tags")

    def __init__(self, session: Session, tags: asyncio.Queue[int], tag: int) -> None:
        self._session = session
        self._tags = tags
        self._tag: int | None = tag

    @property
    def stale(self) -> bool:
        """True when the session has ended, so that the message comes again."""
        return self._session.lost.done()

    def __call__(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None and not self.stale:
            self._tags.put_nowait(tag)


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

    async def open(self, session: Session) -> None:
        """Consume on this session until it ends. Raises Lost when the queue is missing."""
        channel = await session.channel(confirms=False)
        try:
            await channel.queue_declare(self._queue, passive=True)
        except ChannelNotFoundEntity:
            raise Lost(
                f"queue {self._queue} does not exist: run `docexchange topology apply`"
            ) from None
        tags: asyncio.Queue[int] = asyncio.Queue()
        session.work(_acking(channel, tags), tags.join)
        await channel.basic_qos(prefetch_count=self._prefetch)
        await channel.basic_consume(self._queue, self._callback(session, tags))

    def _callback(
        self, session: Session, tags: asyncio.Queue[int]
    ) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def on_message(message: DeliveredMessage) -> None:
            try:
                self._take(message, Ack(session, tags, message.delivery_tag or 0))
            except Exception as bug:  # noqa: BLE001  # aiormq would only log it
                session.crash(bug)

        return on_message


async def _acking(channel: Channel, tags: asyncio.Queue[int]) -> None:
    """Ack in order; the last of a batch waits for the socket, so that `join` means written."""
    while True:
        tag = await tags.get()
        await channel.basic_ack(tag, wait=tags.empty())
        tags.task_done()
