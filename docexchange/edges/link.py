"""An AMQP connection that is kept up for ever.

    Link        reconnects with jitter; calls `opened` with each new Session
    Session     one connection that is up; whatever breaks on it ends all of it, and the Link
                begins anew

Written on aiormq, the protocol layer under aio-pika, without either library's reconnecting: an
outage is answered here, in sight. Nothing is ever declared. Knows no exchange, queue or message.

What aiormq does that shaped this file: an exception in a consumer callback is only logged; a
future rejected by a closing connection may raise CancelledError in a task that nobody cancelled;
frames that wait in its queue are dropped when a connection is closed, and a caller that waits for
room in that queue is forgotten; a consumer that the broker cancels leaves a channel that is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NoReturn, cast

import structlog
from aiormq.channel import Channel
from aiormq.connection import (
    Connection,
    TCPTransportFactory,
    TLSTransportFactory,
    TransportFactory,
)
from aiormq.exceptions import AMQPError, ChannelInvalidStateError, ProbableAuthenticationError
from pamqp.commands import Basic
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from yarl import URL

from . import wire

log = structlog.get_logger()

CONNECT_TIMEOUT = 15.0  # s for TCP, TLS and login; the same again for the opening of all channels
CLOSE_TIMEOUT = 5.0  # s for the last acks and the farewell; then the socket is cut
HEARTBEAT = 10  # s; a dead peer is noticed after about 30 s (RabbitMQ advises 5 to 20)
FIRST_WAIT = 0.25  # s before the first reconnect; doubles
LONGEST_WAIT = 30.0  # s between two attempts to connect, however long the outage
STEADY = 10.0  # s a connection must have lasted to forget the failures before it
BROKEN = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)

wire.accept_anything()


class Lost(Exception):
    """The connection, or something on it, is gone; the text says why."""


class Session:
    """One connection that is up. Made by `connect`.

    Args:
        connection: of aiormq, opened.
        cut: closes the socket at once, whatever waits to be written.
    """

    def __init__(self, connection: Connection, cut: Callable[[], None]) -> None:
        self._connection = connection
        self._cut = cut
        self._workers: list[asyncio.Task[None]] = []
        self._farewells: list[Callable[[], Awaitable[None]]] = []
        self._deadlines: set[asyncio.Timeout] = set()
        self.in_flight = 0  # bytes published that wait for their confirm
        self.lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
        self.lost.add_done_callback(self._release)
        connection.closing.add_done_callback(self._closed)

    async def channel(self, *, confirms: bool) -> Channel:
        """Open a channel; its end, and the end of a consumer on it, end the session."""
        channel = cast(  # aiormq declares less than it returns
            "Channel",
            await self._connection.channel(publisher_confirms=confirms, on_return_raises=True),
        )
        channel.closing.add_done_callback(self._closed)
        channel.on_consumer_cancel_callbacks.add(self._cancelled)
        return channel

    @property
    def why(self) -> str:
        """Why the session ended, "" while it lasts."""
        return str(self.lost.exception() or self.lost.result()) if self.lost.done() else ""

    @contextlib.asynccontextmanager
    async def deadline(self, seconds: float) -> AsyncGenerator[None, None]:
        """Bound a wait for the broker: TimeoutError after `seconds`, or when the session ends."""
        if self.lost.done():
            raise TimeoutError
        async with asyncio.timeout(seconds) as timeout:
            self._deadlines.add(timeout)
            try:
                yield
            finally:
                self._deadlines.discard(timeout)

    def fail(self, why: str) -> None:
        """End the session; the first reason stands."""
        if not self.lost.done():
            self.lost.set_result(Lost(why))

    def crash(self, bug: Exception) -> None:
        """End the session and the link with it: a bug of ours, not the world's."""
        if not self.lost.done():
            self.lost.set_exception(bug)

    def work(self, work: Awaitable[None], farewell: Callable[[], Awaitable[None]]) -> None:
        """Run something as long as the session; `farewell` is awaited before it is closed."""

        async def guarded() -> None:
            try:
                await work
            except BROKEN as error:
                self.fail(describe(error))
            except Exception as bug:  # noqa: BLE001  # nobody else would hear of it
                self.crash(bug)

        self._workers.append(asyncio.create_task(guarded()))
        self._farewells.append(farewell)

    async def close(self) -> None:
        """Say farewell and close; after CLOSE_TIMEOUT the socket is cut."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if not self.lost.done():
                    await asyncio.gather(*(farewell() for farewell in self._farewells))
                self.fail("closed by us")
                with contextlib.suppress(*BROKEN):
                    await self._connection.close(ConnectionError("closed by us"))
        except TimeoutError:
            log.warning("connection_cut", why="the broker did not answer the farewell")
        finally:
            self.fail("closed by us")
            self._cut()
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)

    def _release(self, _lost: asyncio.Future[Lost]) -> None:
        now = asyncio.get_running_loop().time()
        for timeout in self._deadlines:
            with contextlib.suppress(RuntimeError):  # it just expired by itself
                timeout.reschedule(now)

    def _closed(self, closing: asyncio.Future[Any]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.fail(describe(error) if error else "closed by the broker")

    def _cancelled(self, frame: Basic.Cancel) -> None:
        self.fail(f"the broker cancelled a consumer ({frame.consumer_tag}): is its queue gone?")


class _Transport(TransportFactory):
    """Makes the socket as aiormq does, and remembers it, so that it can be cut."""

    def __init__(self, url: URL) -> None:
        tls = url.scheme == "amqps"
        self._factory = TLSTransportFactory() if tls else TCPTransportFactory()
        self._transport: asyncio.WriteTransport | None = None

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._factory.create(url, **kwargs)
        self._transport = writer.transport
        return reader, writer

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connect(url: str, name: str = "docexchange") -> Session:
    """Connect once.

    Args:
        url: amqp:// or amqps://, with login and vhost.
        name: shown by the broker in its list of connections.

    Raises:
        Lost: it did not work; the text says why, without the password.
    """
    address = URL(url)
    if "heartbeat" not in address.query:
        address = address.update_query(heartbeat=HEARTBEAT)
    transport = _Transport(address)
    connection = Connection(address.update_query(name=name), transport_factory=transport)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await connection.connect()
    except (*BROKEN, asyncio.CancelledError) as error:
        transport.cut()
        if cancelled():
            raise
        raise Lost(f"{where(url)}: {describe(error)}") from error
    return Session(connection, transport.cut)


def where(url: str) -> str:
    """A broker's address for people: login, host, port and vhost, without the password."""
    address = URL(url)
    return str(address.with_password(None).with_query(None))


def login(url: str) -> str:
    """The user of an address, "" when it names none (a certificate will)."""
    return URL(url).user or ""


def describe(error: BaseException) -> str:
    """An error of the AMQP library as one sentence."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ProbableAuthenticationError):
        return f"login refused ({error})"
    if isinstance(error, asyncio.CancelledError):
        return "connection closed"
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _unbelieved(tls)
    return str(error) or type(error).__name__


def _unbelieved(error: ssl.SSLCertVerificationError) -> str:
    """Why the broker's certificate is not believed, and what to do."""
    advice = {
        10: "the broker's administrator renews it",  # X509_V_ERR_CERT_HAS_EXPIRED
        62: "write the name that stands in it, or ask for one with this name",  # HOSTNAME_MISMATCH
        64: "write the name that stands in it, or ask for one with this address",  # IP_...
    }
    usual = "`ca` in the config must name the authority that issued it"
    advised = advice.get(error.verify_code, usual)
    return f"the broker's certificate is refused: {error.verify_message}; {advised}"


class Link:
    """A connection that is made again whenever it breaks, for ever.

    Args:
        url: of the broker, with login and vhost.
        name: what it is for; in the log and in the broker's list of connections.
        opened: called with each new session; opens its channels. May raise Lost.
        rng: jitter only.
        longest: most seconds between two attempts.
    """

    def __init__(
        self,
        url: str,
        name: str,
        opened: Callable[[Session], Awaitable[None]],
        *,
        rng: random.Random,
        longest: float = LONGEST_WAIT,
    ) -> None:
        self._url = url
        self._name = name
        self._opened = opened
        self._rng = rng
        self._longest = longest
        self._failures = 0
        self.up = asyncio.Event()
        self.why = ""  # why the last session, or attempt at one, ended

    async def run(self) -> NoReturn:
        """Keep it up until cancelled; then the last acks are written and it is closed.

        Raises:
            Exception: a bug of ours in handling a message; the world's trouble never ends it.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Lost), wait=self._wait, before_sleep=self._tell
        )
        await retrying(self._serve)
        raise AssertionError("a session ends with an error")

    async def _serve(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        since = loop.time()
        self._failures += 1
        session = await connect(self._url, self._name)
        try:
            await self._open_on(session)
            log.info("connected", link=self._name, to=where(self._url))
            self.up.set()
            raise await asyncio.shield(session.lost)
        finally:
            self.up.clear()
            if loop.time() - since > STEADY:
                self._failures = 0
            await session.close()

    async def _open_on(self, session: Session) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._opened(session)
        except BROKEN as error:
            raise Lost(describe(error)) from error
        except asyncio.CancelledError:
            if cancelled():
                raise
            raise Lost("connection closed while opening it") from None

    def _wait(self, _state: RetryCallState) -> float:
        full = FIRST_WAIT * 2.0 ** min(self._failures, 32)
        return self._rng.uniform(0.5, 1.0) * min(full, self._longest)

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.why = str(error)
        again = round(state.next_action.sleep, 2) if state.next_action else 0
        log.warning("connection_lost", link=self._name, why=str(error), again_in_s=again)


def cancelled() -> bool:
    """Whether somebody really cancelled the running task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
