"""One small thing from the web: only from hosts that the operator named, within size and time.

A certificate names addresses that its CA chose, so an address is never simply followed. The name of
its host must be in the config, with its port unless that is the usual one; every address that the
name resolves to must be a public one unless the config says otherwise; and the connection goes to
the very address that was judged, so that a second look-up cannot lead elsewhere. Redirects are
judged in the same way. Proxies and credentials of the environment are not used.

It blocks; call it in a thread.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from ..core.errors import Deferred

REDIRECTS_MAX: Final = 3
_PORTS: Final = {"http": 80, "https": 443}
_PIECE: Final = 64 * 1024  # bytes read at once
# IPv6 that carries an IPv4 address: NAT64 (RFC 6052 and 8215), 6to4 (RFC 3056), the IPv4-compatible
# form (RFC 4291, clause 2.5.5.1).
_CARRYING: Final = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96"))
)
_PAGES: Final = ("text/html", "application/xhtml+xml")


class FetchFailed(Deferred):
    """Nothing usable came: refused by the rules here, down, slow, too large, or a page of HTML."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be fetched.

    Args:
        hosts: names, as "crl.example.vn" or "ocsp.example.vn:8080"; of any other nothing is asked.
        private: those of `hosts` that may have private or loopback addresses.
        timeout: for the whole of one fetch, redirects included.
    """

    hosts: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    timeout: timedelta = timedelta(seconds=20)

    def host_of(self, url: str) -> str:
        """The entry of `hosts` that allows an address, "" when none does."""
        parts = _split(url)
        if parts is None:
            return ""
        port = parts.port or _PORTS[parts.scheme]
        host = (parts.hostname or "").lower().rstrip(".")
        named = f"{host}:{port}"
        if named in self.hosts:
            return named
        return host if host in self.hosts and port == _PORTS[parts.scheme] else ""


def fetch(url: str, rules: Rules, limit: int, body: bytes = b"", kind: str = "") -> bytes:
    """GET an address, or POST a body to it.

    Args:
        url: http or https.
        rules: what may be asked.
        limit: largest answer, bytes.
        body: to post; b"" to get.
        kind: content type of the body.

    Raises:
        FetchFailed: the text names the address and the reason.
    """
    watch = _Watch(rules.timeout.total_seconds())
    try:
        for _ in range(REDIRECTS_MAX + 1):
            answer = _ask(url, rules, limit, body, kind, watch)
            if isinstance(answer, bytes):
                return answer
            url = answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        if watch.over:
            seconds = rules.timeout.total_seconds()
            raise _failed(url, f"no answer within {seconds:g} s") from error
        raise _failed(url, f"{type(error).__name__}: {error}") from error
    finally:
        watch.stop()
    raise _failed(url, f"more than {REDIRECTS_MAX} redirects")


class _Watch:
    """Ends a connection when the time is over, whatever it does: a server that sends a byte a
    second never lets a timeout of the socket come."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def hold(self, connection: socket.socket) -> None:
        """This connection is the one to end."""
        self._socket = connection
        if self.over:
            self._end()

    def stop(self) -> None:
        """It ended by itself."""
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _ask(url: str, rules: Rules, limit: int, body: bytes, kind: str, watch: _Watch) -> bytes | str:
    """The answer, or the address that a redirect leads to."""
    allowed = rules.host_of(url)
    parts = _split(url)
    if not allowed or parts is None:
        raise _failed(url, "its host is not in revocation.hosts")
    connection = _connect(parts, private=allowed in rules.private, watch=watch)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "*/*", "Connection": "close", "User-Agent": "docexchange"}
        if body:
            headers["Content-Type"] = kind
        connection.request("POST" if body else "GET", target, body or None, headers)
        response = connection.getresponse()
        if response.status in (301, 302, 303, 307, 308):
            return urljoin(url, response.headers.get("Location") or "")
        return _content(url, response, limit, watch)
    finally:
        connection.close()


def _content(url: str, response: http.client.HTTPResponse, limit: int, watch: _Watch) -> bytes:
    if response.status != 200:
        raise _failed(url, f"it answered {response.status}")
    if response.headers.get_content_type() in _PAGES:
        raise _failed(url, "it answered with a page of HTML")
    size = response.headers.get("Content-Length", "")
    if size.isdigit() and int(size) > limit:
        raise _failed(url, f"{size} bytes; at most {limit} are read")
    data = bytearray()
    while piece := response.read(_PIECE):
        data += piece
        if len(data) > limit:
            raise _failed(url, f"more than {limit} bytes")
    if size.isdigit() and len(data) < int(size):
        raise _failed(url, f"cut off after {len(data)} of {size} bytes")
    if watch.over:
        raise _failed(url, f"not whole within {watch.seconds:g} s")
    return bytes(data)


def _connect(parts: SplitResult, *, private: bool, watch: _Watch) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    url = parts.geturl()
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if watch.over:  # a look-up cannot be ended from outside
        raise TimeoutError
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    closed = [one for one in addresses if not _is_public(one)]
    if closed and not private:
        raise _failed(url, f"{host} is {closed[0]}, a private address (revocation.private_hosts)")
    raw = _first(addresses, port, watch)
    connection = http.client.HTTPConnection(host, port, timeout=watch.seconds)
    connection.sock = raw
    if parts.scheme == "https":
        try:
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(raw, server_hostname=host)
        except OSError:
            raw.close()
            raise
        watch.hold(connection.sock)
    return connection


def _first(addresses: Sequence[str], port: int, watch: _Watch) -> socket.socket:
    """A connection to the first of the addresses that takes one; each has an equal part of the
    time, so that IPv6 that leads nowhere does not use it up."""
    for address in addresses[:-1]:
        with suppress(OSError):
            wait = watch.seconds / len(addresses)
            return _held(socket.create_connection((address, port), timeout=wait), watch)
    return _held(socket.create_connection((addresses[-1], port), timeout=watch.seconds), watch)


def _held(raw: socket.socket, watch: _Watch) -> socket.socket:
    raw.settimeout(watch.seconds)
    watch.hold(raw)
    return raw


def _is_public(address: str) -> bool:
    """Whether an address is of one host of the internet, and not a form that a gateway turns into
    another one: those carry any IPv4 address, loopback too."""
    one = ipaddress.ip_address(address)
    if not one.is_global or one.is_multicast:
        return False
    return one.version == 4 or not (one.is_site_local or any(one in net for net in _CARRYING))


def _split(url: str) -> SplitResult | None:
    """An address of the web without a user's name, None of anything else."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        return None
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        return None
    return parts


def _failed(url: str, why: str) -> FetchFailed:
    shown = "".join(one if one.isprintable() else "?" for one in url[:200])
    return FetchFailed(f"{shown}: {why}", f"{shown}: {why}")
