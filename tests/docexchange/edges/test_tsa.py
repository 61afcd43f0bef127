"""docexchange/edges/tsa.py: HTTP to an authority on loopback, `openssl ts` and evil ones."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from docexchange.core.errors import Deferred
from docexchange.edges.tsa import QUERY, REPLY, HttpAuthority
from keys.timestamp import RESPONSE_MAX, Request, token_of, verify
from tests.tsa import OpensslTsa

IMPRINT = sha256(b"x").digest()
QUICK = timedelta(seconds=0.3)

Handler = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def serving(answer: Handler) -> Iterator[str]:
    """A server on a free port that answers each POST by this function; its address."""

    class Given(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            raise AssertionError("a redirect was followed")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Given)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replying(data: bytes, kind: str = REPLY, status: int = 200, **headers: str) -> Handler:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def ask(url: str, timeout: timedelta = timedelta(seconds=10)) -> bytes:
    return asyncio.run(HttpAuthority(url, timeout).ask(Request(IMPRINT, 7).to_der()))


def refused(handler: Handler) -> str:
    with serving(handler) as url, pytest.raises(Deferred) as caught:
        ask(url)
    assert caught.value.vi != str(caught.value)
    return str(caught.value)


def test_openssl_behind_http_stamps(tmp_path: Path) -> None:
    authority = OpensslTsa(tmp_path)
    seen: list[tuple[str, str]] = []

    def answer(handler: BaseHTTPRequestHandler, request: bytes) -> None:
        seen.append((handler.path, handler.headers["Content-Type"]))
        replying(authority.answer(request))(handler, request)

    with serving(answer) as url:
        token = token_of(ask(url))
    assert verify(token, trust=authority.trust, imprint=IMPRINT, nonce=7).imprint == IMPRINT
    assert seen == [("/tsr", QUERY)]


def test_a_redirect_is_not_followed() -> None:
    """Only hosts of the config are ever asked."""
    assert "redirects are not followed" in refused(
        replying(b"", status=302, Location="http://127.0.0.1:1/")
    )


def test_a_page_of_html_is_no_answer() -> None:
    assert "text/html" in refused(replying(b"<html>", "text/html; charset=utf-8"))


def test_an_error_of_the_server_is_told() -> None:
    assert "503" in refused(replying(b"", status=503))


def test_an_endless_answer_is_cut_off() -> None:
    assert f"{RESPONSE_MAX:,}" in refused(replying(bytes(RESPONSE_MAX + 100_000)))


def test_half_an_answer_is_none() -> None:
    half = replying(b"half", **{"Content-Length": "1000"})
    assert "cannot be reached" in refused(half)


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Deferred, match="cannot be reached"):
            ask(f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_bytes_that_drip_gain_nothing(drip: bytes) -> None:
    """Silence, endless headers, an endless body: the time for all of it is bounded."""
    done = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.wfile.write(drip)
        while drip and not done.wait(0.05):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return
        done.wait(5)

    with serving(answer) as url:
        began = time.monotonic()
        with pytest.raises(Deferred, match=r"no answer in 0.3 s|answers with nothing"):
            ask(url, QUICK)
        assert time.monotonic() - began < 3
        done.set()
