"""Timestamping authorities over HTTP (RFC 3161, clause 3.4): the request out, the answer in.

Only the addresses of the config are asked: no redirect is followed, no proxy of the environment is
used, and nothing that an answer says leads anywhere. What came is bytes; `keys.timestamp` judges.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit

from keys.timestamp import RESPONSE_MAX

from ..core.errors import Deferred

TIMEOUT: Final = timedelta(seconds=10)  # for all of it; a good authority takes 0.2 s
QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
_CHUNK: Final = 16 * 1024  # bytes read at once


@dataclass(frozen=True)
class HttpAuthority:
    """Implements `core.stamping.Authority`.

    Args:
        name: its address, http:// or https://; of the config.
        timeout: for connecting, sending and receiving together.
        tls: for https; None for the system's trust store.
    """

    name: str
    timeout: timedelta = TIMEOUT
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    async def ask(self, request: bytes) -> bytes:
        """See `core.stamping.Authority`."""
        return await asyncio.to_thread(self._ask, request)

    def _ask(self, request: bytes) -> bytes:
        until = time.monotonic() + self.timeout.total_seconds()
        where = urlsplit(self.name)
        connection = self._connection(where)
        late = f"no answer in {self.timeout.total_seconds():g} s"
        late_vi = f"không trả lời trong {self.timeout.total_seconds():g} giây"
        try:
            connection.connect()
            hang_up = threading.Timer(until - time.monotonic(), _hang_up, (connection.sock,))
            hang_up.start()  # bytes that drip in, headers too, gain nothing
            try:
                return _exchange(connection, where, request)
            finally:
                hang_up.cancel()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, TimeoutError) or time.monotonic() >= until:
                raise Deferred(late, late_vi) from error
            why = f"{type(error).__name__}: {error}"
            raise Deferred(f"cannot be reached: {why}", f"không kết nối được: {why}") from error
        finally:
            connection.close()

    def _connection(self, where: SplitResult) -> http.client.HTTPConnection:
        host, seconds = where.hostname or "", self.timeout.total_seconds()
        if where.scheme == "https":
            return http.client.HTTPSConnection(
                host, where.port, timeout=seconds, context=self.tls or ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, where.port, timeout=seconds)


def _exchange(connection: http.client.HTTPConnection, where: SplitResult, request: bytes) -> bytes:
    path = (where.path or "/") + (f"?{where.query}" if where.query else "")
    connection.request("POST", path, request, {"Content-Type": QUERY, "Accept": REPLY})
    with connection.getresponse() as answer:
        return _body(answer)


def _body(answer: http.client.HTTPResponse) -> bytes:
    if answer.status != http.client.OK:
        raise Deferred(
            f"it answers {answer.status} {answer.reason}; redirects are not followed",
            f"máy chủ trả lời {answer.status} {answer.reason}; không đi theo chuyển hướng",
        )
    kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != REPLY:
        raise Deferred(
            f"it answers with {kind[:60] or 'nothing'}, not a timestamp",
            f"máy chủ trả về {kind[:60] or 'rỗng'}, không phải dấu thời gian",
        )
    data = b""
    while part := answer.read1(_CHUNK):
        data += part
        if len(data) > RESPONSE_MAX:
            raise Deferred(
                f"its answer is over {RESPONSE_MAX:,} bytes",
                f"câu trả lời dài hơn {RESPONSE_MAX:,} byte",
            )
    return _whole(data, answer)


def _whole(data: bytes, answer: http.client.HTTPResponse) -> bytes:
    """What came, if that is as much as was announced."""
    announced = answer.getheader("Content-Length")
    if announced is not None and announced != str(len(data)):
        raise ValueError(f"the connection ended after {len(data)} of {announced[:20]} bytes")
    return data


def _hang_up(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
