"""docexchange/edges/tokenpool.py: how many sign at once, and what a lost token means."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from docexchange.core.errors import Deferred
from docexchange.edges.tokenpool import Lost, SessionPool, TokenUnusable
from keys.algorithms import RSA_SHA256


class Token:
    """A token whose sessions do what the test says; counts them."""

    def __init__(self, act: Callable[[bytes], bytes] = bytes.upper) -> None:
        self.act = act
        self.opened = self.closed = 0
        self.refuses: Exception | None = None

    def open(self) -> "Token.Session":
        if self.refuses is not None:
            raise self.refuses
        self.opened += 1
        return Token.Session(self)

    class Session:
        def __init__(self, token: "Token") -> None:
            self.token = token

        def sign(self, algorithm: object, prepared: bytes) -> bytes:
            assert algorithm is RSA_SHA256
            return self.token.act(prepared)

        def close(self) -> None:
            self.token.closed += 1


def pool(token: Token, size: int = 2, wait: float = 30.0) -> SessionPool:
    return SessionPool(token.open, size, "token 'T'", wait)


def test_eight_threads_share_two_sessions() -> None:
    both = threading.Barrier(2)  # passes only while exactly two are inside together
    inside, most, lock = 0, 0, threading.Lock()

    def act(data: bytes) -> bytes:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        both.wait(timeout=30)
        with lock:
            inside -= 1
        return data.upper()

    token = Token(act)
    shared = pool(token)
    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(lambda i: shared.sign(RSA_SHA256, b"a%d" % i), range(64)))
    assert values == [b"A%d" % i for i in range(64)]
    assert most == 2
    assert token.opened == 2
    shared.close()
    assert token.closed == 2


def test_a_lost_session_is_replaced_once() -> None:
    answers = [Lost("SessionHandleInvalid"), b"good"]

    def act(_: bytes) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Lost):
            raise answer
        return answer

    token = Token(act)
    shared = pool(token)
    shared.open()
    assert shared.sign(RSA_SHA256, b"a") == b"good"
    assert (token.opened, token.closed) == (2, 1)


def test_a_token_that_is_away_defers_and_comes_back() -> None:
    token = Token()
    shared = pool(token, size=1)
    shared.open()

    def lost(_: bytes) -> bytes:
        raise Lost("DeviceRemoved")

    token.act = lost
    for _ in range(3):  # the one session is given back each time
        with pytest.raises(Deferred, match=r"token 'T': the token does not answer \(DeviceRemoved"):
            shared.sign(RSA_SHA256, b"a")
    assert token.closed == token.opened
    token.act = bytes.upper
    assert shared.sign(RSA_SHA256, b"a") == b"A"


def test_a_refusal_while_running_defers_and_names_its_cause() -> None:
    token = Token()
    shared = pool(token)
    token.refuses = TokenUnusable("the PIN is wrong", "sai mã PIN")
    with pytest.raises(Deferred, match="the PIN is wrong") as caught:
        shared.sign(RSA_SHA256, b"a")
    assert isinstance(caught.value.__cause__, TokenUnusable)
    with pytest.raises(TokenUnusable):
        shared.open()


def test_open_tells_that_the_token_is_away() -> None:
    token = Token()
    token.refuses = Lost("TokenNotPresent")
    with pytest.raises(Deferred, match="TokenNotPresent"):
        pool(token).open()


def test_nobody_waits_for_ever() -> None:
    entered, leave = threading.Event(), threading.Event()

    def act(data: bytes) -> bytes:
        entered.set()
        assert leave.wait(30)
        return data

    shared = pool(Token(act), size=1, wait=0)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(shared.sign, RSA_SHA256, b"a")
        assert entered.wait(30)
        with pytest.raises(Deferred, match="no session came free"):
            shared.sign(RSA_SHA256, b"b")
        leave.set()
        assert first.result() == b"a"


def test_a_bug_gives_the_session_back() -> None:
    def act(_: bytes) -> bytes:
        raise ZeroDivisionError

    token = Token(act)
    shared = pool(token, size=1, wait=0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared.sign(RSA_SHA256, b"a")
    assert token.closed == 2
