"""The fault proxy does what its faults say."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.torture.proxy import BASIC_ACK, LOOPBACK, Fault, Frames, Proxy

ACK = b"\x01\x00\x01\x00\x00\x00\x0d" + BASIC_ACK + bytes(8) + b"\x00\xce"
DELIVER = b"\x01\x00\x01\x00\x00\x00\x08\x00\x3c\x00\x3cabcd\xce"
BODY = b"\x03\x00\x01\x00\x00\x00\x06" + BASIC_ACK + b"ab\xce"  # looks like an ack and is a body
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


@pytest.mark.parametrize("before", [b"", DELIVER, BODY + HEARTBEAT, DELIVER * 3 + BODY])
def test_the_first_ack_is_found_and_nothing_else(before: bytes) -> None:
    assert Frames().first_ack(before) is None
    assert Frames().first_ack(before + ACK + ACK) == len(before)


def test_a_stream_in_pieces_of_any_size_has_its_ack_at_one_place() -> None:
    stream = DELIVER + HEARTBEAT + BODY + ACK + DELIVER
    for size in range(1, len(stream) + 1):
        frames, found = Frames(), 0
        for at in range(0, len(stream), size):
            found += frames.first_ack(stream[at : at + size]) is not None
        assert found == 1, size


def test_a_heartbeat_may_stand_at_the_end_of_a_block() -> None:
    frames = Frames()
    assert frames.first_ack(HEARTBEAT) is None
    assert frames.first_ack(ACK) == 0


class Echo:
    """A server that answers each line, with a basic.ack when asked for one."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(ACK if line == b"publish\n" else DELIVER)
        except ConnectionError:
            pass
        writer.close()


@asynccontextmanager
async def between() -> AsyncIterator[tuple[Proxy, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, LOOPBACK, 0)
    proxy = Proxy(server.sockets[0].getsockname()[1], random.Random(0))
    await proxy.open()
    try:
        yield proxy, echo
    finally:
        await proxy.close()
        while WRITERS:
            WRITERS.pop().transport.abort()
        server.close()
        await asyncio.gather(*echo.tasks)


WRITERS: list[asyncio.StreamWriter] = []


async def connect(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    WRITERS.append(writer)
    return reader, writer


async def ask(proxy: Proxy, question: bytes = b"hello\n") -> tuple[asyncio.StreamReader, bytes]:
    reader, writer = await connect(proxy)
    writer.write(question)
    return reader, await reader.read(len(DELIVER))


async def test_it_passes_both_ways() -> None:
    async with between() as (proxy, _):
        assert (await ask(proxy))[1] == DELIVER
        assert (await ask(proxy, b"publish\n"))[1] == ACK[: len(DELIVER)]


async def test_a_cut_is_seen_at_once_and_is_over() -> None:
    async with between() as (proxy, _):
        reader, _ = await ask(proxy)
        proxy.strike(Fault.CUT)
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        assert (await ask(proxy))[1] == DELIVER
        assert proxy.struck[Fault.CUT] == 1


async def test_the_confirm_is_sent_and_never_read() -> None:
    async with between() as (proxy, echo):
        proxy.strike(Fault.CUT_AFTER_CONFIRM)
        assert (await ask(proxy))[1] == DELIVER  # only a confirm cuts
        reader, writer = await connect(proxy)
        writer.write(b"publish\n")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert echo.heard == [b"hello\n", b"publish\n"]
        assert proxy.struck[Fault.CUT_AFTER_CONFIRM] == 1
        assert (await ask(proxy, b"publish\n"))[1] == ACK[: len(DELIVER)]  # once


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.HALF_OPEN])
async def test_nothing_passes_and_nobody_is_told(fault: Fault) -> None:
    async with between() as (proxy, _):
        reader, writer = await connect(proxy)
        writer.write(b"one\n")
        await reader.readexactly(len(DELIVER))
        proxy.strike(fault)
        writer.write(b"two\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        proxy.heal()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(DELIVER) * 2)
        assert (await ask(proxy))[1] == DELIVER


async def test_one_byte_a_second() -> None:
    async with between() as (proxy, _):
        reader, writer = await connect(proxy)
        proxy.strike(Fault.ONE_BYTE)
        writer.write(b"hello\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.readexactly(len(DELIVER))
        proxy.heal()
        assert (await ask(proxy))[1] == DELIVER


async def test_a_delay_changes_no_byte() -> None:
    async with between() as (proxy, _):
        proxy.strike(Fault.DELAY)
        assert (await ask(proxy))[1] == DELIVER
        proxy.heal()
