"""AMQP at its barest: a blocking socket, frames made beforehand, nothing decoded that can be
counted. The floor under every client library; good for nothing else.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pamqp import body, commands, frame, header

TIMEOUT = 30.0  # s; nothing here waits that long unless it is broken
FRAME_MAX = 131_072  # bytes, what RabbitMQ offers; 8 of them are around the payload
METHOD = 1
ACK, DELIVER = (60, 80), (60, 60)  # class and method of Basic
TAG = struct.Struct(">QB")


class Wire:
    """One connection with one channel.

    Args:
        url: amqp:// with login and vhost.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = self._read()
        login = f"\0{unquote(parts.username or '')}\0{unquote(parts.password or '')}"
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        next(self._frames)
        self._say(commands.Connection.StartOk({}, "PLAIN", login), 0)
        self._say(commands.Connection.TuneOk(1, FRAME_MAX, 0), 0, answered=False)
        self._say(commands.Connection.Open(unquote(parts.path[1:])), 0)
        self._say(commands.Channel.Open())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def declare(self, queue: str) -> None:
        """Make a quorum queue."""
        arguments: dict[str, Any] = {"x-queue-type": "quorum"}
        self._say(commands.Queue.Declare(queue=queue, durable=True, arguments=arguments))

    def publish(self, queue: str, data: bytes, count: int, window: int) -> None:
        """Publish persistently with confirms, at most `window` of them outstanding."""
        self._say(commands.Confirm.Select())
        message = _message(queue, data)
        sent = confirmed = 0
        while confirmed < count:
            while sent < count and sent - confirmed < window:
                self._socket.sendall(message)
                sent += 1
            kind, payload = next(self._frames)
            if kind != METHOD or struct.unpack(">HH", payload[:4]) != ACK:
                raise ConnectionError(f"the broker did not confirm: {payload[:80]!r}")
            tag, multiple = TAG.unpack(payload[4:13])
            confirmed = tag if multiple else confirmed + 1

    def consume(self, queue: str, count: int, prefetch: int) -> None:
        """Take `count` messages; half of the prefetch is acked at once."""
        self._say(commands.Basic.Qos(prefetch_count=prefetch))
        self._say(commands.Basic.Consume(queue=queue))
        taken = 0
        while taken < count:
            kind, payload = next(self._frames)
            if kind != METHOD or struct.unpack(">HH", payload[:4]) != DELIVER:
                continue  # header or body
            taken += 1
            if taken % (prefetch // 2) == 0 or taken == count:
                self._say(commands.Basic.Ack(taken, multiple=True), answered=False)
        self._say(commands.Channel.Close(200, "", 0, 0))  # answered after the acks were taken

    def _say(self, method: Any, channel: int = 1, *, answered: bool = True) -> None:
        self._socket.sendall(frame.marshal(method, channel))
        while answered:
            kind, payload = next(self._frames)
            if kind != METHOD or struct.unpack(">HH", payload[:4]) == DELIVER:
                continue
            if struct.unpack(">HH", payload[:4]) in ((10, 50), (20, 40)):
                raise ConnectionError(f"the broker refused {method.name}: {payload[:200]!r}")
            return

    def _read(self) -> Iterator[tuple[int, bytes]]:
        """Frames as (type, payload), cut out of what the socket gives."""
        waiting = bytearray()
        while True:
            at = 0
            while len(waiting) - at >= 7:
                kind, _, size = struct.unpack_from(">BHI", waiting, at)
                if len(waiting) - at < size + 8:
                    break
                yield kind, bytes(waiting[at + 7 : at + 7 + min(size, 256)])
                at += size + 8
            del waiting[:at]
            block = self._socket.recv(1 << 20)
            if not block:
                raise ConnectionError("the broker closed the connection")
            waiting += block


def _message(queue: str, data: bytes) -> bytes:
    """The frames of one message."""
    properties = commands.Basic.Properties(delivery_mode=2)
    payload = FRAME_MAX - 8
    pieces = [data[at : at + payload] for at in range(0, len(data), payload)]
    return b"".join(
        [
            frame.marshal(commands.Basic.Publish(routing_key=queue), 1),
            frame.marshal(header.ContentHeader(0, len(data), properties), 1),
            *(frame.marshal(body.ContentBody(piece), 1) for piece in pieces),
        ]
    )
