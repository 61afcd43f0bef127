"""docexchange/edges/webfetch.py: what is fetched, and everything that is not (server-side requests
that a certificate could cause: catalogue F)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from docexchange.edges.webfetch import REDIRECTS_MAX, FetchFailed, Rules, fetch

Handler = Callable[[BaseHTTPRequestHandler], None]
LIMIT = 1000
PUBLIC = "8.8.8.8"  # of the internet; nothing is sent to it


@contextmanager
def serving(answer: Handler) -> Iterator[int]:
    """A server on loopback that answers each request by this function; its port."""

    class Given(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815  # a name of the library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Given)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replying(data: bytes = b"list", status: int = 200, **headers: str) -> Handler:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def rules(port: int, *, private: bool = True, host: str = "localhost") -> Rules:
    hosts = frozenset({f"{host}:{port}"})
    return Rules(hosts, hosts if private else frozenset(), timedelta(seconds=0.5))


def test_what_the_config_names_is_fetched() -> None:
    with serving(replying()) as port:
        assert fetch(f"http://localhost:{port}/a.crl?x=1", rules(port), LIMIT) == b"list"


def test_a_body_is_posted_with_its_type() -> None:
    seen: list[tuple[str, str | None, bytes]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        seen.append((handler.command, handler.headers["Content-Type"], body))
        replying(b"answer")(handler)

    with serving(answer) as port:
        asked = fetch(f"http://localhost:{port}/", rules(port), LIMIT, b"ask", "x/request")
    assert (asked, seen) == (b"answer", [("POST", "x/request", b"ask")])


def test_of_other_hosts_and_ports_nothing_is_asked() -> None:
    def never(handler: BaseHTTPRequestHandler) -> None:
        raise AssertionError(handler.path)

    with serving(never) as port:
        for url in (
            f"http://127.0.0.1:{port}/",
            f"http://localhost.evil.example:{port}/",
            "http://localhost/",
            f"ftp://localhost:{port}/",
            f"http://user@localhost:{port}/",
            "file:///etc/passwd",
            f"http://localhost:{port}/\r\nHost: other",
        ):
            with pytest.raises(FetchFailed, match=r"not in revocation\.hosts"):
                fetch(url, rules(port), LIMIT)


def test_a_name_that_leads_inside_is_refused_unless_the_config_says_so() -> None:
    with serving(replying()) as port:
        with pytest.raises(FetchFailed, match="a private address"):
            fetch(f"http://localhost:{port}/", rules(port, private=False), LIMIT)
        assert fetch(f"http://localhost:{port}/", rules(port), LIMIT) == b"list"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.1.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fd00::1",
        "fec0::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "ff0e::1",
    ],
)
def test_each_form_of_an_address_inside_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a public one too: which of them a connection takes is not for the name to choose."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in (PUBLIC, address)]
    tried: list[object] = []

    def resolve(*_: object, **__: object) -> object:
        return found

    def connect(where: object, **_: object) -> socket.socket:
        tried.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    named = Rules(frozenset({"crl.vn"}))
    with pytest.raises(FetchFailed, match="a private address"):
        fetch("http://crl.vn/ca.crl", named, LIMIT)
    assert tried == []
    found.pop()
    with pytest.raises(FetchFailed, match="Refused"):
        fetch("http://crl.vn/ca.crl", named, LIMIT)
    assert tried == [(PUBLIC, 80)]


def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(replying()) as port:
        # Nobody listens on 127.0.0.2; it stands for IPv6 that leads nowhere.
        found = [(socket.AF_INET, 1, 6, "", (one, port)) for one in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert fetch(f"http://localhost:{port}/", rules(port), LIMIT) == b"list"


def test_a_redirect_is_judged_as_an_address_is() -> None:
    with serving(replying()) as good, serving(replying()) as other:
        for place, why in (
            (f"http://localhost:{other}/", "not in revocation"),
            ("http://169.254.169.254/latest", "not in revocation"),
            ("file:///etc/passwd", "not in revocation"),
            ("", "redirects"),
        ):
            with (
                serving(replying(b"", 302, Location=place)) as port,
                pytest.raises(FetchFailed, match=why),
            ):
                fetch(f"http://localhost:{port}/", rules(port), LIMIT)
        with serving(replying(b"", 302, Location=f"http://localhost:{good}/b")) as port:
            both = Rules(
                rules(port).hosts | rules(good).hosts, rules(port).hosts | rules(good).hosts
            )
            assert fetch(f"http://localhost:{port}/", both, LIMIT) == b"list"
    assert REDIRECTS_MAX == 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (replying(b"x" * (LIMIT + 1)), "more than 1000 bytes"),
        (replying(b"x", Content_Length=str(LIMIT + 1)), "at most 1000"),
        (replying(b"<html>", Content_Type="text/html; charset=utf-8"), "a page of HTML"),
        (replying(b"", 404), "it answered 404"),
        (replying(b"x", Content_Length="9"), "cut off after 1 of 9 bytes"),
    ],
    ids=["large", "says large", "page", "missing", "cut"],
)
def test_what_is_no_answer(answer: Handler, why: str) -> None:
    with serving(answer) as port, pytest.raises(FetchFailed, match=why):
        fetch(f"http://localhost:{port}/", rules(port), LIMIT)


def test_a_source_that_drips_is_left_when_the_time_is_over() -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not stop.wait(0.01):
                handler.wfile.write(b"x")
        except OSError:
            return

    with serving(drip) as port:
        with pytest.raises(FetchFailed, match=r"within 0\.5 s"):
            fetch(f"http://localhost:{port}/", rules(port), 10**9)
        stop.set()


def test_nobody_is_asked_when_the_look_up_took_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*_: object, **__: object) -> object:
        threading.Event().wait(0.1)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    def never(handler: BaseHTTPRequestHandler) -> None:
        raise AssertionError(handler.path)

    with serving(never) as port:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        hosts = frozenset({f"localhost:{port}"})
        short = Rules(hosts, hosts, timedelta(seconds=0.02))
        with pytest.raises(FetchFailed, match=r"within 0\.02 s"):
            fetch(f"http://localhost:{port}/", short, LIMIT)


def test_a_source_that_is_down() -> None:
    with serving(replying()) as port:
        pass
    with pytest.raises(FetchFailed, match="ConnectionRefused"):
        fetch(f"http://localhost:{port}/", rules(port), LIMIT)
