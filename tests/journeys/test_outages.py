"""Peer failures 15, 16 and 24, catalogue E8: a broker, a destination, a disk or a sender that fails
or floods, and what the others feel of it. Work is counted, never timed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.admission import Backpressure, Disk, Level, Seen
from docexchange.core.errors import NotFound
from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.flow import inbox, keeper
from docexchange.flow.door import Door
from envelopes import edxml
from envelopes.pack import pack, with_trace
from tests.docexchange.flow.test_door import Message, Porter
from tests.docexchange.flow.test_door import take as take_through
from tests.docexchange.flow.test_sender import pump, submit
from tests.fakes import FakeIncoming
from tests.pki import AT, P256
from tests.theatre import Node, Theatre, document

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SERVES = {organ: organ for organ in ("H05", "H01", "H13")}
MARKS = Backpressure(warn_free=1000, refuse_free=500, reserve_free=100)
ORGANS = {"mr-H05": frozenset({"H05"})}


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


@pytest.mark.slow
async def test_peer_failure_15_half_an_hour_without_broker_and_five_thousand_queued(
    theatre: Theatre,
) -> None:
    """On its return the agency gets a ramp, each second at most about twice what left before; the
    agency with a few documents is not behind the one with thousands; all leave in the end."""
    node = theatre.nodes["H05"]
    theatre.axis.up = False
    for batch in range(49):
        await submit(theatre, "H13", 100, prefix=f"D{batch}")
    await submit(theatre, "H01", 100)
    for _ in range(30):
        await pump(theatre, 2)
        theatre.clock.advance(MINUTE)
    [pause] = node.store.outgoing.pauses()
    assert (pause.organ, "no connection to the axis" in pause.why) == ("", True)
    assert len(theatre.axis.queues["H13"]) == 0
    theatre.axis.up = True
    large: list[int] = []
    small: list[int] = []
    for _ in range(20):
        tried = await pump(theatre, 40)
        large.append(tried["H13"])
        small.append(tried["H01"])
        theatre.clock.advance(SECOND)
    assert max(large[:2]) <= 4
    for second, now in enumerate(large[2:], 2):
        assert now <= 2 * (sum(large[:second]) + 2), (second, large)
    assert sum(small[:10]) >= 90  # as soon as its own ramp let it; a few wait for their next try
    for _ in range(200):
        theatre.clock.advance(SECOND)
        await pump(theatre, 40)
    theatre.clock.advance(60 * MINUTE)
    await pump(theatre, 10)
    sent = Counter(message.organ for message in theatre.axis.queues["H13"])
    assert sent["H13"] == 4900
    assert node.store.outgoing.pauses() == []


async def test_peer_failure_16_a_black_hole_leaves_the_others_their_throughput(
    theatre: Theatre,
) -> None:
    """One agency takes everything and confirms nothing: of the window it holds two places, and the
    other one needs no more rounds than when it is alone."""
    node = theatre.nodes["H05"]

    async def rounds_of(prefix: str) -> int:
        await submit(theatre, "H01", 200, prefix=prefix)
        theatre.axis.tried.clear()
        for count in range(4000):
            node.sender.pump(theatre.clock.now())
            await asyncio.sleep(0.0005)  # the writer's thread commits
            if Counter(theatre.axis.tried)["H01"] == 200:
                return count
        raise AssertionError("the other destination starves")

    await rounds_of("alone")
    await node.sender.drain()
    theatre.axis.hung.add("H13")
    await submit(theatre, "H13", 300)
    await rounds_of("beside")
    assert Counter(theatre.axis.tried)["H13"] <= 2
    theatre.axis.hung.clear()
    await node.sender.drain()
    views = node.store.outgoing.documents(limit=1000)
    states = Counter(view.deliveries[0].state for view in views if "H01" in view.tracking_id)
    assert states == {State.SENT: 400}


async def test_peer_failure_24_a_disk_that_fills_and_empties(theatre: Theatre) -> None:
    """95 %: new submissions are refused with the reason, what runs is finished; 100 %: documents of
    the axis stay in their queue, receipts do not; with room again all of it goes on, once."""
    node, porter = theatre.nodes["H05"], Porter()
    for each in theatre.nodes.values():
        each.mailroom = True
    gate = Door(MARKS, ORGANS, Seen(Disk(9_000, 10_000)))
    letters = [Message(edxml.write(document(n, ("H01",))), f"m-{n}") for n in (1, 2)]
    assert await take_through(theatre, letters[0], gate, porter)  # the valid neighbour
    gate.look(Seen(Disk(400, 10_000)))
    lines = node.store.journal.verify()
    assert await take_through(theatre, letters[1], gate, porter)
    assert porter.problem["code"] == "E-BSY-003"
    assert porter.problem["retryable"]
    assert "0 MiB left; nothing is lost" in porter.problem["detail_en"]
    assert node.store.journal.verify() == lines  # nothing half-written, not even a refusal
    await theatre.settle()
    [view] = node.store.outgoing.documents()
    assert view.deliveries[0].state is State.ACKNOWLEDGED
    gate.look(Seen(Disk(50, 10_000)))
    assert (gate.level, gate.room.is_set()) == (Level.RESERVE, False)
    gate.look(Seen(Disk(9_000, 10_000)))
    assert gate.room.is_set()
    assert await take_through(theatre, letters[1], gate, porter)
    await theatre.settle()
    assert sorted(view.number for view in theatre.nodes["H01"].store.incoming.arrivals()) == [
        "1",
        "2",
    ]


async def test_e8_a_flood_from_one_agency_stays_within_its_quota(theatre: Theatre) -> None:
    """Two hundred envelopes of 100 KB that nobody can believe: of them the quota of their
    connection is kept whole, of the rest digest, report and beginning; the reason stands at each.
    Another agency's document in the middle arrives and is answered."""
    node = theatre.nodes["H01"]
    node.store.incoming._quota = 2_000_000
    letter = with_trace(document(98, ("H01",)), "H05", AT)
    for number in range(200):
        junk = b"<edXML>%d%s</edXML>" % (number, b"x" * 100_000)
        theatre.axis.put(Lane.NORMAL, "H01", junk, "node-H13")
        if number == 100:
            body = pack(letter, P256.signer("H05"), signing_time=AT)
            theatre.axis.put(Lane.NORMAL, "H01", body, "node-H05")
    taken = await all_at_once(theatre, node)
    assert all(message.acked for message in taken)
    kept = node.store.incoming.kept_list(limit=1000)
    assert len(kept) == 200
    assert {view.connection for view in kept} == {"node-H13"}
    assert all(view.reason for view in kept)
    whole = sum(
        len(node.store.contents.read(view.sha256)) for view in kept if in_full(node, view.sha256)
    )
    assert whole <= 2_000_000 + 64 * 1024
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]
    await keeper.keep(world=node.world, now=theatre.clock.now())
    await node.turn()
    assert len(theatre.axis.queues["H05"]) == 1  # 01 to H05; nothing for the forger
    assert not theatre.axis.queues["H13"]


async def all_at_once(theatre: Theatre, node: Node) -> list[FakeIncoming]:
    """Take everything as a daemon does, eight in hand."""
    taken: list[FakeIncoming] = []
    while True:
        hand = [message for _ in range(8) if (message := theatre.axis.take("H01")) is not None]
        if not hand:
            return taken
        await asyncio.gather(
            *(inbox.receive(one, world=node.world, now=theatre.clock.now()) for one in hand)
        )
        taken += hand


def in_full(node: Node, sha256: str) -> bool:
    """Whether the whole is kept, and not only its beginning under another digest."""
    try:
        node.store.contents.open(sha256).close()
    except NotFound:
        return False
    return True
