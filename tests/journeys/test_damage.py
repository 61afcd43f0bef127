"""Content that is damaged on disk, wherever it waits: it is told, set aside or asked for again, and
its neighbours go on. Peer failure 17 beyond the outgoing side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docexchange.core.model import JournalLine, MailroomMessage
from docexchange.core.schedule import Lane
from docexchange.core.states import State, StatusCode
from docexchange.flow import handover, inbox, keeper, receipts
from docexchange.flow.parts import LargePorter
from envelopes.evidence.journal import Follower
from envelopes.pack import pack, with_trace
from tests.journeys.test_large import Desk, large_document
from tests.journeys.test_large import send as send_large
from tests.pki import AT, P256
from tests.theatre import Node, Theatre, document, flip

MINUTE = timedelta(minutes=1)


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H01": "H01"})
    yield play
    play.close()


def noted(node: Node) -> list[dict[str, Any]]:
    """The journal's lines of damage."""
    lines: list[JournalLine] = []
    node.store.journal.follow(Follower(), lines.append)
    read = [json.loads(line.line) for line in lines]
    return [line for line in read if line["event"] == "damaged"]


async def hand_over(theatre: Theatre, node: Node, desk: Desk) -> list[MailroomMessage]:
    await handover.hand_over("mr-H01", desk, store=node.store, clock=theatre.clock)
    return [one for one in desk.taken if one.type == "document.deliver.v1"]


async def test_of_three_for_the_mailroom_one_is_damaged(theatre: Theatre) -> None:
    """The two others are handed over; the third waits, visibly, until its bytes are right."""
    node = theatre.nodes["H01"]
    node.mailroom = True
    for number in (1, 2, 3):
        await theatre.send(number, ("H01",))
    await theatre.settle()
    bad = next(view for view in node.store.incoming.arrivals() if view.number == "2")
    flip(node, bad.sha256)
    desk = Desk()
    for _ in range(2):
        given = await hand_over(theatre, node, desk)
    assert sorted(one.headers["x-document-number"] for one in given) == ["1/QĐ-UBND", "3/QĐ-UBND"]
    [aside] = node.store.mailrooms.damaged()
    assert (aside.tracking_id, aside.vhost) == (bad.tracking_id, "mr-H01")
    assert aside.sha256 == bad.sha256
    [line] = noted(node)
    assert "damaged on disk" in line["detail"]
    assert node.store.incoming.arrival(bad.tracking_id).handed_over_at is None
    flip(node, bad.sha256)  # restored from a backup
    assert await node.store.mailrooms.take_up_again() == 1
    assert len(await hand_over(theatre, node, desk)) == 3
    assert node.store.mailrooms.damaged() == []
    assert node.store.incoming.arrival(bad.tracking_id).handed_over_at is not None


async def test_a_large_one_for_the_mailroom_is_damaged(theatre: Theatre) -> None:
    """Its parts may have left, but never their list; the next large one is handed over."""
    node = theatre.nodes["H01"]
    node.mailroom = True
    refs = [await send_large(theatre, large_document(number)) for number in (1, 2)]
    for _ in range(3):
        await theatre.settle()
    flip(node, theatre.nodes["H05"].store.outgoing.document(refs[0]).sha256)
    desk = Desk()
    porter = LargePorter("mr-H01", desk, node.store)
    while await porter.hand_over(theatre.clock):
        pass
    lists = [one for one in desk.taken if one.type == "document.deliver.v1"]
    assert [one.headers["x-document-number"] for one in lists] == ["2/QĐ-UBND"]
    assert len(node.store.mailrooms.damaged()) == len(noted(node)) == 1


async def test_a_held_envelope_is_damaged(theatre: Theatre) -> None:
    """It is quarantined with the reason, its neighbour settles in time; a new copy of it is stored
    afresh and arrives."""
    node = theatre.nodes["H01"]
    at = AT + 10 * MINUTE  # ahead of our clock: held
    bodies = [
        pack(with_trace(document(number, ("H01",)), "H05", at), P256.signer("H05"), signing_time=at)
        for number in (1, 2)
    ]
    for body in bodies:
        theatre.axis.put(Lane.NORMAL, "H01", body, "H05")
    await node.turn()
    held = {view.sha256: view for view in node.store.incoming.kept_list(held=True)}
    assert len(held) == 2
    first = next(view for view in held.values() if "1/QĐ" in view.document_id)
    flip(node, first.sha256)
    theatre.clock.advance(20 * MINUTE)
    await node.turn()
    assert [view.number for view in node.store.incoming.arrivals()] == ["2"]
    [kept] = node.store.incoming.kept_list()
    assert (kept.reason, kept.held, kept.sha256) == ("DAMAGED", False, first.sha256)
    assert [line["kept"] for line in noted(node)] == [first.kept_id]
    theatre.axis.put(Lane.NORMAL, "H01", bodies[0], "H05")
    await node.turn()
    assert [view.number for view in node.store.incoming.arrivals()] == ["2", "1"][::-1]
    assert node.store.contents.read(first.sha256) == bodies[0]
    assert node.store.incoming.kept_list() == []


async def test_a_parked_receipt_is_damaged(theatre: Theatre) -> None:
    """It is given up with a line; the daemon goes on, and the receipt comes with the next copy."""
    sender, node = theatre.nodes["H05"], theatre.nodes["H01"]
    ref = await theatre.send(1, ("H01",))
    await sender.turn()
    for _ in range(2):
        await node.turn()
    digest = await park(theatre)
    flip(sender, digest)
    theatre.clock.advance(MINUTE)
    await keeper.keep(world=sender.world, now=theatre.clock.now())
    assert sender.store.receipts.parked() == []
    assert [line["sha256"] for line in noted(sender)] == [digest]
    await theatre.run(10 * MINUTE)
    assert sender.store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED


async def park(theatre: Theatre) -> str:
    """Park at H05 a receipt of bytes that it does not have; its digest."""
    about = receipts.About.document(document(7, ("H01",)), "ab" * 32)
    world, now = theatre.nodes["H01"].world, theatre.clock.now()
    answer = await receipts.answer(about, StatusCode.ARRIVED, organ="H01", world=world, now=now)
    assert isinstance(answer.data, bytes)
    theatre.axis.put(Lane.RECEIPTS, "H05", answer.data)
    theatre.axis.queues["H05"].insert(0, theatre.axis.queues["H05"].pop())
    message = theatre.axis.take("H05")
    assert message is not None
    await inbox.receive(message, world=theatre.nodes["H05"].world, now=now)
    return theatre.nodes["H05"].store.receipts.parked()[0].sha256
