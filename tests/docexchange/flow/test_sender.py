"""docexchange.flow.outbox.Sender: whose turn it is, and what one destination costs the others.

Work is counted, never timed: who was tried, in which order, how often.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.model import Pause
from docexchange.core.schedule import Lane
from docexchange.core.states import Event, Kind, State
from docexchange.flow import outbox, receipts
from docexchange.flow.outbox import Sender
from tests.records import document, due, receipt, status
from tests.theatre import Node, Theatre

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SERVES = {organ: organ for organ in ("H05", "H01", "H13", "H20")}


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


@pytest.fixture
def node(theatre: Theatre) -> Node:
    return theatre.nodes["H05"]


async def submit(
    theatre: Theatre, organ: str, count: int, lane: Lane = Lane.NORMAL, prefix: str = "D"
) -> None:
    """So many documents to one organ, as rows; their bytes are nobody's to read here."""
    now = theatre.clock.now()
    made = [
        document(
            f"{prefix}-{organ}-{number}",
            recipients=(organ,),
            lane=lane,
            submitted_at=now,
            lifetime_ends=now + 72 * HOUR,
        )
        for number in range(count)
    ]
    await asyncio.gather(*(theatre.nodes["H05"].store.outgoing.submit(each) for each in made))


async def pump(theatre: Theatre, rounds: int = 1) -> Counter[str]:
    """Whom the node tried in so many rounds at this moment."""
    theatre.axis.tried.clear()
    sender = theatre.nodes["H05"].sender
    for _ in range(rounds):
        sender.pump(theatre.clock.now())
        await sender.drain()
    return Counter(theatre.axis.tried)


async def test_it_begins_slowly_and_keeps_to_its_window(theatre: Theatre, node: Node) -> None:
    await submit(theatre, "H01", 40)
    rounds = [(await pump(theatre))["H01"] for _ in range(5)]
    assert rounds == [2, 4, 4, 4, 4]  # alone it gets half of the eight places
    assert node.sender.pump(theatre.clock.now()) == 4
    assert node.sender.pump(theatre.clock.now()) == 0  # what is in hand is not taken twice
    await node.sender.drain()


async def test_destinations_take_turns_however_much_each_has(theatre: Theatre) -> None:
    await submit(theatre, "H01", 50)
    await submit(theatre, "H13", 3)
    await submit(theatre, "H20", 3)
    tried = await pump(theatre, 2)
    assert tried["H13"] == tried["H20"] == 3
    assert 4 <= tried["H01"] <= 6


async def test_new_and_repeated_ones_take_turns(theatre: Theatre, node: Node) -> None:
    await submit(theatre, "H01", 60, prefix="old")
    store, now = node.store, theatre.clock.now()
    for each in due(store, now=now):
        await store.outgoing.record(each.delivery_id, Event.PUBLISH_DEFERRED, now, next_try=now)
    await submit(theatre, "H01", 60, prefix="new")
    await pump(theatre, 10)
    left = Counter(
        view.tracking_id.partition("-")[0]
        for view in store.outgoing.documents(limit=200)
        if view.deliveries[0].state is State.SENT
    )
    assert abs(left["old"] - left["new"]) <= 4
    assert left["old"] + left["new"] >= 30


async def test_an_urgent_document_does_not_wait_behind_normal_ones(theatre: Theatre) -> None:
    await submit(theatre, "H01", 50)
    await submit(theatre, "H13", 1, Lane.URGENT)
    assert (await pump(theatre))["H13"] == 1


async def test_a_full_queue_is_tried_five_times_and_then_probed(
    theatre: Theatre, node: Node
) -> None:
    """Row 16 of the peer-failure list: the others keep their throughput."""
    theatre.axis.full.add("H13")
    await submit(theatre, "H13", 300)
    await submit(theatre, "H01", 60)
    tried = await pump(theatre, 30)
    assert tried["H01"] == 60
    assert 5 <= tried["H13"] <= 8
    [pause] = node.store.outgoing.pauses()
    assert (pause.lane, pause.organ) == ("normal", "H13")
    for _ in range(20):
        theatre.clock.advance(MINUTE)
        tried += await pump(theatre, 3)
    assert tried["H13"] <= 8 + 5  # after 1, 3, 7, 15 min, with jitter
    assert (
        sum(view.deliveries[0].attempts for view in node.store.outgoing.documents(limit=400)) <= 13
    )
    theatre.axis.full.clear()
    theatre.clock.advance(HOUR)
    assert (await pump(theatre))["H13"] == 1  # the probe
    assert node.store.outgoing.pauses() == []
    for _ in range(30):
        theatre.clock.advance(SECOND)
        await pump(theatre, 60)
    assert all(view.deliveries[0].copies for view in node.store.outgoing.documents(limit=400))


async def test_other_lanes_of_a_full_queue_go_on(theatre: Theatre) -> None:
    theatre.axis.full.add("H13")
    await submit(theatre, "H13", 20)
    await pump(theatre, 10)
    theatre.axis.full.clear()
    await submit(theatre, "H13", 3, Lane.URGENT, "U")
    assert (await pump(theatre, 3))["H13"] == 3


async def test_one_that_never_confirms_holds_two_places(theatre: Theatre, node: Node) -> None:
    theatre.axis.hung.add("H13")
    await submit(theatre, "H13", 50)
    await submit(theatre, "H01", 40)
    theatre.axis.tried.clear()
    for _ in range(400):
        node.sender.pump(theatre.clock.now())
        await asyncio.sleep(0.0005)  # the writer's thread commits
        if Counter(theatre.axis.tried)["H01"] == 40:
            break
    assert Counter(theatre.axis.tried) == {"H01": 40, "H13": 2}
    theatre.axis.hung.clear()
    await node.sender.drain()


async def test_one_that_never_answers_gets_its_copies_one_by_one(
    theatre: Theatre, node: Node
) -> None:
    """Its queue takes everything and no receipt comes: what is new goes out, copies hardly do."""
    await submit(theatre, "H13", 40)
    await pump(theatre, 30)
    theatre.clock.advance(10 * MINUTE)
    await node.store.outgoing.sweep(theatre.clock.now())
    tried = await pump(theatre, 30)
    assert tried["H13"] <= 8
    await submit(theatre, "H13", 10, prefix="new")
    assert (await pump(theatre, 10))["H13"] >= 10
    node.sender.heard("H13")
    assert 5 <= (await pump(theatre, 30))["H13"] <= 8


async def test_the_store_hears_of_a_receipt_and_so_does_the_sender(
    theatre: Theatre, node: Node
) -> None:
    heard: list[str] = []
    world = replace(node.world, heard=heard.append)
    await submit(theatre, "H01", 1)
    sent = document("D-H01-0", recipients=("H01",))
    await receipts.apply(receipt(sent), world=world)
    assert heard == ["H01"]


async def test_statuses_are_not_held_back_for_want_of_answers(theatre: Theatre, node: Node) -> None:
    for number in range(12):
        made = status(f"S{number}", "02", recipients=("H13",), submitted_at=theatre.clock.now())
        assert made.kind is Kind.STATUS
        await node.store.outgoing.submit(made)
    await pump(theatre, 10)
    now = theatre.clock.now()
    raw = node.store._access.writer._connection._raw
    raw.execute("UPDATE deliveries SET state = 'queued', next_try = 0")
    raw.commit()
    assert due(node.store, Lane.RECEIPTS, now)
    assert (await pump(theatre, 10))["H13"] == 12


async def test_while_the_axis_is_away_only_probes_are_tried(theatre: Theatre, node: Node) -> None:
    """Row 15 of the peer-failure list, first half: an outage is not a write per document."""
    await submit(theatre, "H01", 200)
    await submit(theatre, "H13", 200)
    theatre.axis.up = False
    tried: Counter[str] = Counter()
    for _ in range(30 * 6):
        tried += await pump(theatre, 3)
        theatre.clock.advance(10 * SECOND)
    assert sum(tried.values()) <= 8 + 30 * 3
    [pause] = node.store.outgoing.pauses()
    assert (pause.lane, pause.organ, pause.probes > 10) == ("", "", True)


async def test_after_an_outage_each_destination_gets_a_ramp(theatre: Theatre, node: Node) -> None:
    """Row 15, second half: what has left in all grows by doubling; a small one is not behind."""
    await submit(theatre, "H13", 400)
    await submit(theatre, "H01", 10)
    theatre.axis.up = False
    for _ in range(6):
        await pump(theatre, 3)
        theatre.clock.advance(5 * MINUTE)
    theatre.axis.up = True
    left: list[int] = []
    small: list[int] = []
    for _ in range(25):
        tried = await pump(theatre, 200)
        left.append(tried["H13"])
        small.append(tried["H01"])
        theatre.clock.advance(SECOND)
    assert max(left[:2]) <= 4
    assert sum(left[:6]) <= 64
    assert sum(left) >= 390
    assert sum(small[:8]) >= 9
    assert all(
        late <= 2 * (sum(left[: index + 2]) + 2) for index, late in enumerate(left[2:])
    )  # never more at once than twice what had left before
    assert node.store.outgoing.pauses() == []


async def test_a_pause_outlives_the_process(theatre: Theatre, node: Node) -> None:
    now = theatre.clock.now()
    await node.store.outgoing.pause(Pause("normal", "H13", now, now + MINUTE, 2, "full"), now)
    node.restart()
    await submit(theatre, "H13", 5)
    assert await pump(theatre, 3) == Counter()
    theatre.clock.advance(MINUTE)
    assert (await pump(theatre))["H13"] == 1


async def test_more_destinations_than_one_visit_looks_at(
    theatre: Theatre, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "HEADS", 5)
    organs = tuple(f"X{number:02}" for number in range(23))
    theatre.axis.serves = {**theatre.axis.serves, **dict.fromkeys(organs, "H01")}
    theatre.axis.full.update(organs[:20])
    now = theatre.clock.now()
    await node.store.outgoing.submit(document(recipients=organs, submitted_at=now))
    node.sender = Sender(node.world, theatre.axis.broker("H05"), theatre.clock, window=8)
    theatre.axis.tried.clear()
    for _ in range(40):
        if not (node.sender.pump(now) or node.sender.unfinished):
            break
        await node.sender.drain()
    assert Counter(theatre.axis.tried) == Counter(organs)


async def test_of_large_bodies_one_destination_holds_three(theatre: Theatre, node: Node) -> None:
    """The axis takes four of a lane at once; one that hangs leaves places for another's."""
    now, store = theatre.clock.now(), node.store
    await submit(theatre, "H13", 40, prefix="small")
    await pump(theatre, 20)
    for organ in ("H13", "H01"):
        for number in range(4):
            made = document(
                f"L-{organ}-{number}",
                data=f"{organ}{number}".encode() * 100_000,
                recipients=(organ,),
                submitted_at=now,
            )
            await store.outgoing.submit(made)
    theatre.axis.hung.add("H13")
    theatre.axis.tried.clear()
    for _ in range(400):
        node.sender.pump(now)
        await asyncio.sleep(0.0005)  # the writer's thread commits
        if Counter(theatre.axis.tried)["H01"] == 4:
            break
    assert Counter(theatre.axis.tried) == {"H01": 4, "H13": 3}
    theatre.axis.hung.clear()
    await node.sender.drain()
    assert (await pump(theatre, 3))["H13"] == 1
