"""Catalogue E7: what ends the process is quarantined at its third redelivery, and nothing else is.

The valid neighbours are documents that were in hand when the process ended: they are judged one
at a time, so only the one that was being judged then is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docexchange.core.errors import Deferred, StoreError
from docexchange.core.schedule import Lane
from docexchange.flow import inbox
from envelopes.pack import pack, with_trace
from keys.signer import Signer
from tests.fakes import FakeIncoming
from tests.pki import AT, P256
from tests.theatre import Node, Theatre, document

POISON = b"<edXML>poison</edXML>"


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H01": "H01"})
    yield play
    play.close()


def put(theatre: Theatre, *numbers: int) -> None:
    for number in numbers:
        letter = with_trace(document(number, ("H01",)), "H05", AT)
        theatre.axis.put(
            Lane.NORMAL, "H01", pack(letter, P256.signer("H05"), signing_time=AT), "H05"
        )


def in_hand(theatre: Theatre) -> list[FakeIncoming]:
    """Everything that waits, taken at once as a prefetch does."""
    taken: list[FakeIncoming] = []
    while (message := theatre.axis.take("H01")) is not None:
        taken.append(message)
    return taken


async def live(theatre: Theatre, node: Node) -> None:
    """A life of the daemon: all that waits is in hand together; it ends at the first failure."""
    tasks = [
        asyncio.create_task(inbox.receive(message, world=node.world, now=AT))
        for message in in_hand(theatre)
    ]
    if tasks:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def numbers(node: Node) -> list[int]:
    return sorted(int(view.number) for view in node.store.incoming.arrivals())


async def test_e7_many_restarts_make_no_poison_of_what_only_waited(theatre: Theatre) -> None:
    """Eight in hand, a kill after each that was judged: all arrive, none is called poison."""
    node = theatre.nodes["H01"]
    put(theatre, *range(1, 9))
    in_hand(theatre)
    node.restart()  # all of them come redelivered from now on
    for lives in range(1, 8):
        node.crash_at = "after:judged"
        await live(theatre, node)
        node.restart()
        assert len(numbers(node)) == lives
    await node.turn()
    assert numbers(node) == list(range(1, 9))
    assert node.store.incoming.kept_list() == []


async def test_e7_only_the_one_being_judged_is_counted(theatre: Theatre) -> None:
    """Killed three times over the same document: the third time it is quarantined unparsed, with
    its reason; those that waited behind it arrive."""
    node = theatre.nodes["H01"]
    put(theatre, *range(1, 6))
    in_hand(theatre)
    node.restart()
    for _ in range(2):
        node.crash_at = "before:accept"
        await live(theatre, node)
        node.restart()
    await node.turn()
    assert numbers(node) == [2, 3, 4, 5]
    [kept] = node.store.incoming.kept_list()
    assert kept.reason == "POISON"
    assert "3 times" in node.store.incoming.kept(str(kept.kept_id)).detail


async def test_e7_a_consumer_that_dies_after_each_delivery(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Poison between two valid documents: they arrive, it is parsed three times and no more."""
    node = theatre.nodes["H01"]
    put(theatre, 1)
    theatre.axis.put(Lane.NORMAL, "H01", POISON)
    put(theatre, 2)
    true, parsed = inbox.verify, []

    def verify(data: bytes, **kwargs: object) -> object:
        if data == POISON:
            parsed.append(data)
            raise MemoryError("the parser dies")
        return true(data, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox, "verify", verify)
    for _ in range(8):
        await live(theatre, node)
        node.restart()
    assert len(parsed) == 3
    assert numbers(node) == [1, 2]
    assert [kept.reason for kept in node.store.incoming.kept_list()] == ["POISON"]
    assert theatre.axis.take("H01") is None  # acked: nothing comes again


async def test_e7_a_signer_that_is_down_makes_no_poison(theatre: Theatre) -> None:
    """Judged again and again because nothing can be signed: that is our fault, not the document's;
    it arrives when the signer is back."""

    class Down:
        def signer(self, organ: str) -> Signer:
            raise Deferred("the clock is behind the journal")

    node = theatre.nodes["H01"]
    put(theatre, 1)
    in_hand(theatre)
    node.restart()
    [message] = in_hand(theatre)
    working = node.world
    for _ in range(5):
        with pytest.raises(Deferred):
            await inbox.receive(message, world=replace(working, keyring=Down()), now=AT)
    assert await inbox.receive(message, world=working, now=AT) is inbox.Outcome.ACCEPTED
    assert node.store.incoming.kept_list() == []


async def test_e7_an_orderly_stop_in_the_middle_counts_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still being judged when the grace of a stop is over is not counted."""
    node = theatre.nodes["H01"]
    put(theatre, 1)
    in_hand(theatre)
    node.restart()
    with monkeypatch.context() as patched:

        async def forever(*_: object, **__: object) -> None:
            await asyncio.Event().wait()

        patched.setattr(inbox, "judge", forever)
        for _ in range(5):
            [message] = in_hand(theatre)
            task = asyncio.create_task(inbox.receive(message, world=node.world, now=AT))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(task, 0.05)
            node.restart()
    await node.turn()
    assert numbers(node) == [1]
    assert node.store.incoming.kept_list() == []


async def test_e7_a_store_that_fails_while_it_is_taken_back_is_told(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason of the caller is raised, not that of the store; the attempt stays counted once."""
    node = theatre.nodes["H01"]
    put(theatre, 1)
    in_hand(theatre)
    node.restart()
    [message] = in_hand(theatre)

    async def cannot(*_: object, **__: object) -> None:
        raise StoreError("no")

    async def down(*_: object, **__: object) -> None:
        raise Deferred("no signer")

    monkeypatch.setattr(inbox, "judge", down)
    monkeypatch.setattr(type(node.store.incoming), "judged", cannot)
    with pytest.raises(Deferred, match="no signer"):
        await inbox.receive(message, world=node.world, now=AT)
    assert await node.store.incoming.attempt(hashlib.sha256(message.body).hexdigest(), AT) == 2
