"""A TCP line between a node and its broker that misbehaves on demand.

It passes bytes until it is struck. It follows the frames of AMQP 0-9-1 far enough to see a
`basic.ack` of the broker, so that it can cut the line when a confirm was sent and not yet read.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from enum import StrEnum

BLOCK = 64 * 1024  # bytes read at once
HEADER = struct.Struct(">BHI")  # of a frame: type, channel, size of the payload
END = 1  # byte after the payload
METHOD = 1  # type of a frame that holds a method
BASIC_ACK = b"\x00\x3c\x00\x50"  # class 60, method 80
LOOPBACK = "127.0.0.1"


class Fault(StrEnum):
    """What a line may do."""

    CUT = "cut"  # both sides see a reset
    DELAY = "delay"  # every block waits
    HALF_OPEN = "half-open"  # the broker's side is gone, the node's side stays up and silent
    BLACK_HOLE = "black hole"  # nothing passes either way; new connections hang, too
    ONE_BYTE = "one byte a second"
    CUT_AFTER_CONFIRM = "cut after the confirm was sent"  # the node never reads it


class Frames:
    """Follows a stream of frames from its beginning; finds the first basic.ack in each block."""

    def __init__(self) -> None:
        self._skip = 0  # bytes of the present frame that are still to come
        self._held = b""  # a header (and the first bytes of a method) that came in pieces

    def first_ack(self, block: bytes) -> int | None:
        """Where in the block the frame of a basic.ack begins (0 if it began before), or None."""
        found: int | None = None
        data, before = self._held + block, len(self._held)
        self._held = b""
        at = min(self._skip, len(data))
        self._skip -= at
        wanted = HEADER.size + len(BASIC_ACK)
        while self._skip == 0 and at < len(data):
            if len(data) - at < wanted:
                self._held = data[at:]  # no frame is shorter than this and its end
                break
            kind, _, size = HEADER.unpack_from(data, at)
            method = data[at + HEADER.size : at + wanted]
            if kind == METHOD and method == BASIC_ACK and found is None:
                found = max(at - before, 0)
            whole = HEADER.size + size + END
            if whole < wanted:  # a heartbeat: no payload
                at += whole
                continue
            self._skip = max(whole - (len(data) - at), 0)
            at += whole
        return found


class Proxy:
    """Listens on a free port of the loopback and passes on to a broker.

    Args:
        port: of the broker on the loopback.
        rng: of the lengths of delays.
    """

    def __init__(self, port: int, rng: random.Random) -> None:
        self._there = port
        self._rng = rng
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calm = asyncio.Event()
        self._calm.set()
        self.fault: Fault | None = None
        self.port = 0
        self.struck: Counter[Fault] = Counter()  # faults that had an effect on a line
        self.passed = 0  # bytes

    async def open(self) -> None:
        """Listen and pass on."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and break every line."""
        if self._server is not None:
            self._server.close()
        self._break_all()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def strike(self, fault: Fault) -> None:
        """Misbehave from now on, until `heal`; a cut is over at once."""
        if fault is Fault.CUT:
            self.struck[fault] += self._break_all()
            return
        self.fault = fault
        self._calm.clear()
        if fault is not Fault.CUT_AFTER_CONFIRM:
            self.struck[fault] += len(self._lines)
        if fault is Fault.HALF_OPEN:
            for line in self._lines:
                reset(line.there)

    def heal(self) -> None:
        """Behave again; lines from which bytes are missing are broken."""
        silent, self.fault = self.fault, None
        self._calm.set()
        if silent in (Fault.HALF_OPEN, Fault.BLACK_HOLE, Fault.ONE_BYTE):
            self._break_all()

    def _break_all(self) -> int:
        lines = tuple(self._lines)
        for line in lines:
            line.break_off()
        return len(lines)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            if self.fault is Fault.BLACK_HOLE:
                self.struck[Fault.BLACK_HOLE] += 1
                await self._calm.wait()
            there_reader, there = await asyncio.open_connection(LOOPBACK, self._there)
        except (OSError, asyncio.CancelledError):
            reset(writer)
            return
        line = _Line(writer, there)
        self._lines.add(line)
        try:
            await asyncio.gather(
                self._pass(line, reader, there, None),
                self._pass(line, there_reader, writer, Frames()),
            )
        except asyncio.CancelledError:
            line.break_off()
        finally:
            self._lines.discard(line)

    async def _pass(
        self,
        line: _Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frames: Frames | None,
    ) -> None:
        """One direction; `frames` follows the broker's."""
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(BLOCK):
                ack = frames.first_ack(block) if frames is not None else None
                if self.fault is Fault.CUT_AFTER_CONFIRM and ack is not None:
                    self.struck[Fault.CUT_AFTER_CONFIRM] += 1
                    self.fault = None
                    self._calm.set()
                    writer.write(block[:ack])
                    line.break_off()
                    return
                await self._send(block, writer)
                self.passed += len(block)
        if self.fault is Fault.HALF_OPEN:
            await self._calm.wait()  # the node's side hears nothing of the end
        writer.close()

    async def _send(self, block: bytes, writer: asyncio.StreamWriter) -> None:
        if self.fault is Fault.DELAY:
            await asyncio.sleep(self._rng.uniform(0.05, 0.5))
        elif self.fault in (Fault.BLACK_HOLE, Fault.HALF_OPEN):
            await self._calm.wait()
        at = 0
        while self.fault is Fault.ONE_BYTE and at < len(block) and not writer.is_closing():
            writer.write(block[at : at + 1])
            at += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._calm.wait()
        writer.write(block[at:])
        await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset instead of an orderly end."""
    peer = writer.get_extra_info("socket")
    if peer is not None and not writer.transport.is_closing():
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Line:
    """Both ends of one connection."""

    def __init__(self, here: asyncio.StreamWriter, there: asyncio.StreamWriter) -> None:
        self.here, self.there = here, there

    def break_off(self) -> None:
        """Both sides see a reset, at once."""
        for writer in (self.here, self.there):
            reset(writer)
