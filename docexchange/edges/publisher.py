"""Publishes on a session with confirms: returns when the broker holds the message.

Persistent, mandatory, in the publisher's own name. Every attempt that is not confirmed is
Deferred, whether it arrived or not: the receiver recognises a second copy. After an attempt whose
end is unknown the session begins anew, so that no later confirm is taken for an earlier one's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re

import structlog
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError, PublishError
from pamqp.commands import Basic

from ..core.errors import Deferred, DeliveryRefused
from .link import BROKEN, Session, cancelled, describe

log = structlog.get_logger()

CONFIRM_TIMEOUT = 30.0  # s for a confirm, besides the time the bytes need
SLOWEST = 64 * 1024  # bytes/s of a line that is still worth using (half a megabit)
PATIENCE = 2.0  # s that a publish waits for a connection that is just coming up
LARGE = 256 * 1024  # bytes; a larger body is written alone and waits for the socket
LARGE_AT_ONCE = 4  # large bodies of one publisher that wait for their confirm
NO_CONFIRM = "no confirm in time; the broker may be blocked by a memory or disk alarm"
TOO_LARGE = re.compile(r"larger than .*max size (\d+)")  # PRECONDITION_FAILED, RabbitMQ 3.8 to 4.x


class QueueFull(Deferred):
    """The queue holds as much as it may."""


class Publisher:
    """Publishes persistently and mandatorily, and waits for the confirm.

    Args:
        user: login, checked by the broker in every message; "" leaves it out.
        outstanding: publishes that wait for their confirm at once.
        large_at_once: the same for bodies above LARGE; `outstanding` keeps strict order.
        timeout: s for a confirm, besides the time the bytes need on a slow line.
        patience: s to wait for a connection.
    """

    def __init__(
        self,
        user: str,
        rng: random.Random,
        *,
        outstanding: int = 64,
        large_at_once: int = LARGE_AT_ONCE,
        timeout: float = CONFIRM_TIMEOUT,
        patience: float = PATIENCE,
    ) -> None:
        self._user = user
        self._slots = asyncio.Semaphore(outstanding)
        self._large = asyncio.Semaphore(large_at_once)
        self._timeout = timeout
        self._patience = patience
        self._run = f"{rng.getrandbits(64):016x}"  # this process, in the ids of its attempts
        self._attempts = 0
        self._channel: Channel | None = None
        self._session: Session | None = None
        self._opened = asyncio.Event()

    async def open(self, session: Session) -> None:
        """Use this session from now on, until it ends."""
        self._channel = await session.channel(confirms=True)
        self._session = session
        self._opened.set()

    def attempt_id(self) -> str:
        """A message_id of its own for each attempt: two in flight under one id confuse aiormq."""
        self._attempts += 1
        return f"{self._run}-{self._attempts}"

    async def publish(
        self, exchange: str, key: str, body: bytes, properties: Basic.Properties
    ) -> None:
        """Publish; returns when the broker has confirmed that it holds the message.

        Args:
            exchange, key: where to.
            body: the bytes.
            properties: delivery mode and user are set here.

        Raises:
            Deferred: not confirmed; it may have arrived all the same.
            DeliveryRefused: larger than the broker takes.
        """
        properties.delivery_mode = 2
        properties.user_id = self._user or None
        async with self._slots:
            if len(body) <= LARGE:
                await self._attempt(exchange, key, body, properties)
            else:
                async with self._large:
                    await self._attempt(exchange, key, body, properties)

    async def _attempt(
        self, exchange: str, key: str, body: bytes, properties: Basic.Properties
    ) -> None:
        channel, session = await self._ready()
        session.in_flight += len(body)
        try:
            async with session.deadline(self._timeout + session.in_flight / SLOWEST):
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=key,
                    properties=properties,
                    mandatory=True,
                    wait=len(body) > LARGE,
                )
        except PublishError:
            raise _no_route(exchange, key) from None
        except DeliveryError:
            raise _full(key) from None
        except asyncio.CancelledError:
            session.fail("a publish was given up")
            if cancelled():
                raise
            raise _unknown("connection closed") from None
        except BROKEN as error:
            late = isinstance(error, TimeoutError) and not session.lost.done()
            session.fail(NO_CONFIRM if isinstance(error, TimeoutError) else describe(error))
            raise _unconfirmed(session.why, len(body), late=late) from error
        finally:
            session.in_flight -= len(body)

    async def _ready(self) -> tuple[Channel, Session]:
        if not self._usable():
            self._opened.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._opened.wait()
        if self._channel is None or self._session is None or not self._usable():
            raise Deferred("no connection to the broker", "không có kết nối tới broker")
        return self._channel, self._session

    def _usable(self) -> bool:
        return self._session is not None and not self._session.lost.done()


def _no_route(exchange: str, key: str) -> Deferred:
    log.error("no_route", exchange=exchange, key=key)
    return Deferred(
        f"the broker has no queue for {key} (NO_ROUTE): run `docexchange topology apply`",
        f"broker không có hàng đợi cho {key} (NO_ROUTE): chạy `docexchange topology apply`",
        destination=True,
    )


def _full(key: str) -> QueueFull:
    return QueueFull(
        f"the broker refused {key} for now (nack): the queue is full",
        f"broker tạm từ chối {key} (nack): hàng đợi đầy",
        destination=True,
    )


def _unknown(why: str, *, late: bool = False) -> Deferred:
    return Deferred(
        f"not confirmed: {why}",
        f"broker chưa xác nhận: {why}",
        unknown=True,
        destination=late,  # the queue of this one hangs; the others fail with the session
    )


def _unconfirmed(why: str, size: int, *, late: bool) -> Deferred | DeliveryRefused:
    """A channel that ends takes all that is in flight with it; only the cause is refused."""
    limit = TOO_LARGE.search(why)
    if limit and size > int(limit[1]):
        return DeliveryRefused(
            f"{size:,} bytes; the broker takes at most {int(limit[1]):,} (max_message_size)",
            f"{size:,} byte; broker chỉ nhận tối đa {int(limit[1]):,} (max_message_size)",
        )
    return _unknown(why, late=late)
