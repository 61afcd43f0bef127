"""A broker that speaks AMQP 0-9-1 well until a publish comes, and then does what it was told to."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pamqp import commands, frame
from pamqp.heartbeat import Heartbeat

PREAMBLE = 8  # bytes: "AMQP" and the version
HEADER = struct.Struct(">BHI")  # of a frame: type, channel, size
FRAME_MAX = 131_072
PROPERTIES = {"capabilities": {"publisher_confirms": True, "basic.nack": True}}

Deed = Callable[["Talk", int], Any]  # what is done at the n-th publish, from 1


class Talk:
    """One connection of a client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deed: Deed
    ) -> None:
        self._reader, self._writer, self._deed = reader, writer, deed
        self._published = 0

    def say(self, method: Any, channel: int = 1) -> None:
        """Send a method."""
        self._writer.write(frame.marshal(method, channel))

    def raw(self, data: bytes) -> None:
        """Send bytes that need not be a frame."""
        self._writer.write(data)

    def cut(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()

    async def run(self) -> None:
        """Answer until the client goes."""
        await self._reader.readexactly(PREAMBLE)
        self.say(commands.Connection.Start(0, 9, PROPERTIES, "PLAIN", "en_US"), 0)
        while True:
            kind, channel, size = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            payload = await self._reader.readexactly(size + 1)
            data = HEADER.pack(kind, channel, size) + payload
            method = frame.unmarshal(data)[2]
            if not isinstance(method, Heartbeat):
                self._answer(method, channel)

    def _answer(self, method: Any, channel: int) -> None:
        match method:
            case commands.Connection.StartOk():
                self.say(commands.Connection.Tune(2047, FRAME_MAX, 0), 0)
            case commands.Connection.Open():
                self.say(commands.Connection.OpenOk(), 0)
            case commands.Connection.Close():
                self.say(commands.Connection.CloseOk(), 0)
            case commands.Channel.Open():
                self.say(commands.Channel.OpenOk(), channel)
            case commands.Channel.Close():
                self.say(commands.Channel.CloseOk(), channel)
            case commands.Confirm.Select():
                self.say(commands.Confirm.SelectOk(), channel)
            case commands.Basic.Publish():
                self._published += 1
                self._deed(self, self._published)


@asynccontextmanager
async def broker(deed: Deed) -> AsyncIterator[str]:
    """Serve on a free loopback port; the address for a client."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await Talk(reader, writer, deed).run()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"amqp://node:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/axis"
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
