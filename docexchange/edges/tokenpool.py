"""A bounded pool of sessions on a token: several signatures at once, each session one at a time.

Knows nothing of PKCS#11. A session that is lost is replaced once for the signature in hand; when
that fails too, or no session comes free in time, the caller gets Deferred: nothing is signed,
nothing acked, and the row or the broker tries again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from keys.algorithms import SignatureAlgorithm

from ..core.errors import ConfigError, Deferred

T = TypeVar("T")

WAIT = 30.0  # s for a free session; ours: longer than any token takes for what waits before us


class Lost(Exception):
    """A session or its token is gone; a new session may work. The text says what the token said."""


class TokenUnusable(ConfigError):
    """A token refuses us: wrong PIN, locked, no such key, no such algorithm. A person must act."""


class Session(Protocol):
    """One logged-in session that has found its key."""

    def sign(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        """Do the operation of the key. Raises Lost."""
        ...

    def close(self) -> None:
        """Give it back to the token. Never raises."""
        ...


class SessionPool:
    """At most `size` sessions, opened when they are needed; implements keys.token.TokenKey.

    May be shared by threads.

    Args:
        open_session: opens one; raises Lost, TokenUnusable.
        size: most sessions.
        name: the token, for messages.
        wait: seconds for a free session.
    """

    def __init__(
        self, open_session: Callable[[], Session], size: int, name: str, wait: float = WAIT
    ) -> None:
        self._open_session = open_session
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[Session] = []
        self._name = name
        self._wait = wait

    def sign(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        """As keys.token.TokenKey.

        Raises:
            Deferred: the token is away, busy, or refuses us (then TokenUnusable is the cause);
                nothing was signed.
        """
        if not self._free.acquire(timeout=self._wait):
            raise Deferred(
                f"{self._name}: no session came free within {self._wait:.0f} s; raise sessions, "
                "or look at the token",
                f"{self._name}: không có phiên nào rảnh sau {self._wait:.0f} giây; tăng sessions, "
                "hoặc kiểm tra token",
            )
        try:
            return self._twice(lambda: self._once(algorithm, prepared))
        except TokenUnusable as refusal:
            raise Deferred(str(refusal), refusal.vi) from refusal
        finally:
            self._free.release()

    def open(self) -> None:
        """Open the first session now, so that what is wrong is told at the start.

        Raises:
            TokenUnusable: the token refuses us.
            Deferred: the token is away.
        """
        self._idle.append(self._twice(self._open_session))

    def close(self) -> None:
        """Close the sessions that are not in use."""
        with suppress(IndexError):  # several threads may close at once
            while True:
                self._idle.pop().close()

    def _twice(self, work: Callable[[], T]) -> T:
        """Do something with a session; once more with a new one if that was lost."""
        try:
            return work()
        except Lost:
            self.close()  # the others are as old: what took one away took them all
        try:
            return work()
        except Lost as lost:
            raise Deferred(
                f"{self._name}: the token does not answer ({lost}); plug it in or look at the "
                "HSM, signing goes on by itself",
                f"{self._name}: token không trả lời ({lost}); cắm lại token hoặc kiểm tra HSM, "
                "việc ký sẽ tự tiếp tục",
            ) from lost

    def _once(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        try:
            session = self._idle.pop()  # atomic; the semaphore bounds how many are out
        except IndexError:
            session = self._open_session()
        try:
            value = session.sign(algorithm, prepared)
        except BaseException:
            session.close()
            raise
        self._idle.append(session)
        return value
