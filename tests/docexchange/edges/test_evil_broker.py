"""Catalogue E5: a broker that lies, floods or breaks the protocol. A publish is Deferred, or
returns when it was confirmed; the link comes back, nothing crashes.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pamqp.commands import Basic, Channel, Connection

from docexchange.core.errors import Deferred
from docexchange.edges.link import Link
from docexchange.edges.publisher import Publisher
from tests.docexchange.edges.evil import Deed, Talk, broker

pytestmark = pytest.mark.slow

SOON = 10.0  # s
ERROR = (541, "INTERNAL_ERROR", 60, 40)


def confirm(talk: Talk, nth: int) -> None:
    talk.say(Basic.Ack(nth))


def unknown_tag(talk: Talk, nth: int) -> None:
    talk.say(Basic.Ack(nth + 1000))


def all_refused(talk: Talk, nth: int) -> None:
    talk.say(Basic.Nack(nth, multiple=True, requeue=False))


def closed(talk: Talk, nth: int) -> None:
    talk.say(Connection.Close(*ERROR), 0)


def channel_closed(talk: Talk, nth: int) -> None:
    talk.say(Channel.Close(*ERROR))


def reset(talk: Talk, nth: int) -> None:
    talk.cut()


def silent(talk: Talk, nth: int) -> None:
    """Takes it and never confirms."""


def blocked(talk: Talk, nth: int) -> None:
    talk.say(Connection.Blocked("low on memory"), 0)


def oversized(talk: Talk, nth: int) -> None:
    talk.raw(struct.pack(">BHI", 1, 1, 2**32 - 1) + b"\0" * 1000)


def no_frame(talk: Talk, nth: int) -> None:
    talk.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8)


def unknown_method(talk: Talk, nth: int) -> None:
    talk.raw(struct.pack(">BHIHH", 1, 1, 4, 999, 999) + b"\xce")


def unknown_channel(talk: Talk, nth: int) -> None:
    talk.say(Basic.Ack(nth), 77)


DEEDS: dict[str, tuple[Deed, str]] = {  # and what its Deferred says
    "confirms a tag that was never used": (unknown_tag, "no confirm in time"),
    "refuses everything": (all_refused, "the queue is full"),
    "closes the connection": (closed, "INTERNAL_ERROR"),
    "closes the channel": (channel_closed, "INTERNAL_ERROR"),
    "resets": (reset, ""),
    "never confirms": (silent, "no confirm in time"),
    "blocks": (blocked, "no confirm in time"),
    "a frame of 4 GiB": (oversized, ""),
    "no AMQP": (no_frame, ""),
    "a method that is none": (unknown_method, ""),
    "a confirm on a channel that is not open": (unknown_channel, ""),
}


@asynccontextmanager
async def publisher_at(url: str) -> AsyncIterator[tuple[Publisher, asyncio.Task[None]]]:
    publisher = Publisher("node", random.Random(1), timeout=0.2, patience=2.0)
    link = Link(url, "test", publisher.open, rng=random.Random(1), longest=0.05)
    run = asyncio.create_task(link.run())
    try:
        yield publisher, run
    finally:
        run.cancel()
        await asyncio.wait([run], timeout=SOON)


async def publish(publisher: Publisher) -> None:
    properties = Basic.Properties(message_id=publisher.attempt_id())
    await publisher.publish("docexchange", "normal.H13", b"<edXML/>", properties)


async def test_e5_an_honest_broker_is_the_valid_neighbour() -> None:
    async with asyncio.timeout(SOON), broker(confirm) as url, publisher_at(url) as (ours, _):
        await asyncio.gather(*(publish(ours) for _ in range(20)))


@pytest.mark.parametrize("name", DEEDS)
async def test_e5_a_broker_that_misbehaves_is_deferred(name: str) -> None:
    """Three publishes one after the other: each is Deferred with the reason, the link is still
    running, and once the broker behaves the next one passes."""
    deed, why = DEEDS[name]
    evil = True

    def once_evil(talk: Talk, nth: int) -> None:
        (deed if evil else confirm)(talk, nth)

    async with (
        asyncio.timeout(2 * SOON),
        broker(once_evil) as url,
        publisher_at(url) as (ours, run),
    ):
        for _ in range(3):
            with pytest.raises(Deferred) as deferred:
                await publish(ours)
            assert why in str(deferred.value)
        assert not run.done()
        evil = False
        while True:
            try:
                await publish(ours)
            except Deferred:
                continue
            break
        assert not run.done()
