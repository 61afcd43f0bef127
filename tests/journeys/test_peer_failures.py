"""Failures that users of other exchange systems reported, each a journey that must go well here.

Which row is tested where: test_rows.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import Deferred, SubmissionRefused
from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.flow import inbox, outbox, receipts
from envelopes.model import Document
from envelopes.pack import new_document, pack, with_trace
from tests.fakes import FakeIncoming, Faults
from tests.pki import AT, OTHER, P256
from tests.theatre import Theatre, document

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}
REASON = "Văn bản không đúng thẩm quyền ban hành, đề nghị gửi lại kèm tờ trình; " * 29


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


def to_organs(number: int, *organs: str, **changes: object) -> Document:
    return replace(document(number, organs), **changes)  # type: ignore[arg-type]


def signed(letter: Document, sender: str = "H05") -> bytes:
    return pack(with_trace(letter, sender, AT), P256.signer(sender), signing_time=AT)


async def test_peer_failure_2_a_lost_receipt_is_given_again_as_it_was(theatre: Theatre) -> None:
    """Receiver accepts, its receipt is lost; the resend gets the stored receipt, one document."""
    theatre.nodes["H01"].mailroom = True
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    for _ in range(2):  # takes it; answers
        await theatre.nodes["H01"].turn()
    first = theatre.axis.queues["H05"].pop().body
    theatre.clock.advance(6 * MINUTE)
    await theatre.nodes["H05"].turn()
    for _ in range(2):
        await theatre.nodes["H01"].turn()
    assert [message.body for message in theatre.axis.queues["H05"]] == [first]
    await theatre.settle()
    store = theatre.nodes["H01"].store
    inboxed = [
        row for row in store.mailrooms.due("mr-H01", 0, 99) if row.message.blob or "document." in
        row.message.routing_key
    ]  # fmt: skip
    assert len(store.incoming.arrivals()) == len(inboxed) == 1
    assert (
        theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED
    )


async def test_peer_failure_3_the_same_bytes_pass_once_the_receiver_is_put_right(
    theatre: Theatre,
) -> None:
    """First attempt failed in validation; the identical second, after the fix, is accepted."""
    node = theatre.nodes["H01"]
    right = node.world
    node.world = replace(right, trust=OTHER.trust)
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    assert [view.reason for view in node.store.incoming.kept_list()] == [
        "NO_CERTIFICATE_CHAIN_FOUND"
    ]
    node.world = right
    await theatre.run(10 * MINUTE)
    assert len(node.store.incoming.arrivals()) == 1
    assert node.store.incoming.kept_list() == []
    assert (
        theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED
    )


async def test_peer_failure_7_the_same_number_in_two_years_is_two_documents(
    theatre: Theatre,
) -> None:
    """Same number/notation from the same agency in different years: receipts do not cross."""
    refs = []
    for days in (0, 365):
        letter = new_document(
            sender="H05",
            to={"H01": ""},
            number="98",
            notation="QĐ-UBND",
            subject="Cùng số, khác năm",
            date=(AT - timedelta(days=days)).date(),
            files=[("qd.pdf", b"%PDF")],
        )
        world, now = theatre.nodes["H05"].world, theatre.clock.now()
        refs.append((await outbox.submit(letter, world=world, now=now)).tracking_id)
        await theatre.nodes["H05"].turn()
    lost = theatre.axis.queues["H01"].pop()  # only the first of them arrives
    await theatre.settle()
    sender = theatre.nodes["H05"].store
    states = [sender.outgoing.document(ref).deliveries[0].state for ref in refs]
    assert states == [State.ACKNOWLEDGED, State.SENT]
    theatre.axis.put(Lane.NORMAL, "H01", lost.body)
    await theatre.settle()
    assert sender.outgoing.document(refs[1]).deliveries[0].state is State.ACKNOWLEDGED
    assert len(theatre.nodes["H01"].store.incoming.arrivals()) == 2


@pytest.mark.slow
async def test_peer_failure_12_three_of_a_hundred_fail_in_three_ways(
    tmp_path: Path, template: Path
) -> None:
    """100 recipients of which 3 fail differently: 97/3 is visible, only the 3 are sent again."""
    well = [f"H01.{number}" for number in range(10, 107)]
    failing = {"H13": "gone", "H08": "distrusts", "H23": "loses"}
    serves = {"H05": "H05", **dict.fromkeys(well, "well"), **failing}
    theatre = Theatre(tmp_path, template, serves)
    gone = theatre.nodes.pop("gone")
    distrusting = theatre.nodes["distrusts"]
    distrusting.world = replace(distrusting.world, trust=OTHER.trust)
    ref = await theatre.send(98, (*well, *failing))
    for _ in range(15):  # eight at once
        await theatre.nodes["H05"].turn()
    theatre.axis.queues["loses"].clear()
    await theatre.settle(20)
    sender = theatre.nodes["H05"].store
    assert Counter(one.state for one in sender.outgoing.document(ref).deliveries) == {
        State.ACKNOWLEDGED: 97,
        State.SENT: 3,
    }
    theatre.clock.advance(7 * MINUTE)
    published = theatre.axis.published
    await theatre.nodes["H05"].turn()
    assert theatre.axis.published == published + 3
    copies = {one.to_organ: one.copies for one in sender.outgoing.document(ref).deliveries}
    assert {organ for organ, count in copies.items() if count == 2} == set(failing)
    theatre.nodes["gone"] = gone
    theatre.close()


@pytest.mark.slow
async def test_peer_failure_13_a_thousand_recipients_and_a_long_reason(theatre: Theatre) -> None:
    """1,000 recipients in one envelope, none cut off; a reason of 2,000 characters survives."""
    codes = [f"H01.{number}" for number in range(1, 1000)]
    theatre.axis.serves = dict.fromkeys(codes, "H13") | SERVES
    node = theatre.nodes["H05"]
    node.world = replace(node.world, directory=_everyone(codes))
    ref = await theatre.send(98, ("H01", *codes))
    for _ in range(130):
        await node.turn()
    view = node.store.outgoing.document(ref)
    assert {one.to_organ for one in view.deliveries} == {"H01", *codes}
    reached = Counter(message.organ for message in theatre.axis.queues["H13"])
    assert reached == dict.fromkeys(codes, 1)
    assert {message.body for message in theatre.axis.queues["H13"]} == {
        node.store.contents.read(view.sha256)
    }
    theatre.axis.queues["H13"].clear()
    await theatre.nodes["H01"].turn()
    assert len(REASON) >= 2000
    world, now = theatre.nodes["H01"].world, theatre.clock.now()
    await receipts.report("98/QĐ-UBND", "02", note=REASON, world=world, now=now)
    await theatre.nodes["H01"].turn()
    await theatre.nodes["H01"].turn()
    await node.turn()
    refused = next(
        one for one in node.store.outgoing.document(ref).deliveries if one.to_organ == "H01"
    )
    assert refused.history[-1].note.strip() == REASON.strip()


def _everyone(codes: list[str]) -> object:
    from tests.theatre import directory

    return directory({**SERVES, **dict.fromkeys(codes, "H13")})


async def test_peer_failure_17_a_damaged_document_stops_nobody_else(
    theatre: Theatre, tmp_path: Path
) -> None:
    """Unreadable content in the store: the daemon goes on, the item is undeliverable, visibly."""
    damaged, whole = [await theatre.send(number, ("H01",)) for number in (1, 2)]
    node = theatre.nodes["H05"]
    digest = node.store.outgoing.document(damaged).sha256
    with closing(sqlite3.connect(tmp_path / "H05.sqlite3")) as raw:
        raw.execute(
            "UPDATE chunks SET data = zeroblob(length(data)) WHERE blob_id ="
            " (SELECT id FROM blobs WHERE sha256 = ?)",
            (digest,),
        )
        raw.commit()
    node.restart()  # it starts, without the bytes in its memory
    await theatre.settle()
    assert node.crashes == 1
    [bad], [good] = (node.store.outgoing.document(ref).deliveries for ref in (damaged, whole))
    assert bad.state is State.UNDELIVERABLE
    assert "damaged on disk" in bad.reason
    assert good.state is State.ACKNOWLEDGED


async def test_peer_failure_18_what_is_queued_takes_the_new_address(theatre: Theatre) -> None:
    """A wrong endpoint is put right in the config: queued items use it without a requeue."""

    class Wrong:
        async def publish(self, *_: object) -> None:
            raise Deferred("no such host")

    node = theatre.nodes["H05"]
    node.sender = outbox.Sender(node.world, Wrong(), theatre.clock)  # type: ignore[arg-type]
    ref = await theatre.send(98, ("H01",))
    await node.turn()
    assert node.store.outgoing.document(ref).deliveries[0].last_error.startswith("no such host")
    node.restart()  # with the right address
    await theatre.run(5 * MINUTE)
    assert node.store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED


async def test_peer_failure_21_fifty_at_once_are_not_mixed(theatre: Theatre) -> None:
    """Concurrent inbound of 50 files: contents are not mixed."""
    bodies = {str(number): signed(document(number, ("H01",))) for number in range(50)}
    node = theatre.nodes["H01"]
    for body in bodies.values():
        theatre.axis.put(Lane.NORMAL, "H01", body)
    taken: list[FakeIncoming] = []
    while (message := theatre.axis.take("H01")) is not None:
        taken.append(message)
    await asyncio.gather(
        *(inbox.receive(message, world=node.world, now=theatre.clock.now()) for message in taken)
    )
    views = node.store.incoming.arrivals(limit=100)
    assert len(views) == 50
    for view in views:
        assert node.store.contents.read(view.sha256) == bodies[view.number]


async def test_peer_failure_22_two_who_ask_at_once_send_once(theatre: Theatre) -> None:
    """Two ask for work at once: no double send (a second daemon is refused: test_sqlstore)."""
    for number in range(20):
        await theatre.send(number, ("H01",))
    node = theatre.nodes["H05"]
    for _ in range(200):  # asks for more while what it has is on its way
        node.sender.pump(theatre.clock.now())
        await asyncio.sleep(0)
    for _ in range(4):
        await node.turn()
    digests = Counter(hashlib.sha256(m.body).hexdigest() for m in theatre.axis.queues["H01"])
    assert len(digests) == 20
    assert set(digests.values()) == {1}


async def test_peer_failure_23_a_trust_store_replaced_while_sending(theatre: Theatre) -> None:
    """The next message is judged by the new anchors; the same node, a message later."""
    node = theatre.nodes["H01"]
    await theatre.send(1, ("H01",))
    await theatre.settle()
    node.world = replace(node.world, trust=OTHER.trust)
    await theatre.send(2, ("H01",))
    await theatre.settle()
    assert [view.number for view in node.store.incoming.arrivals()] == ["1"]
    assert len(node.store.incoming.kept_list()) == 1


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_peer_failure_25_a_clock_ten_minutes_wrong(theatre: Theatre, minutes: int) -> None:
    """No evidence with an impossible order: what is signed ahead of us is held, not answered."""
    at = AT + timedelta(minutes=minutes)
    body = pack(with_trace(document(98, ("H01",)), "H05", at), P256.signer("H05"), signing_time=at)
    theatre.axis.put(Lane.NORMAL, "H01", body)
    node = theatre.nodes["H01"]
    for _ in range(2):
        await node.turn()
    held = node.store.incoming.kept_list(held=True)
    assert [view.reason for view in held] == (["SIGNED_IN_FUTURE"] if minutes > 0 else [])
    for view in held:  # told with the measured skew
        assert "0:10:00 after the time judged" in node.store.incoming.kept(str(view.kept_id)).report
    assert bool(theatre.axis.queues["H05"]) is (minutes < 0)
    await theatre.run(20 * MINUTE, MINUTE)
    [view] = node.store.incoming.arrivals()
    assert view.signed_at is not None
    assert view.arrived_at >= view.signed_at - node.world.limits.signing_skew


@pytest.mark.parametrize("code", ["h01", "H01 ", "Ｈ01", "H01\u0301", "Н01"])
async def test_peer_failure_26_codes_that_only_look_alike(theatre: Theatre, code: str) -> None:
    """Case, width, combining marks, Cyrillic: another code is refused, never taken for ours."""
    letter = new_document(
        sender="H05",
        to={code: ""},
        number="98",
        notation="QĐ-UBND",
        subject="Mã gần giống",
        date=AT.date(),
        files=[("qd.pdf", b"%PDF")],
    )
    with pytest.raises(SubmissionRefused) as refused:
        await outbox.submit(letter, world=theatre.nodes["H05"].world, now=AT)
    assert refused.value.code in ("E-FMT-016", "E-RTE-001")
    assert theatre.nodes["H05"].store.outgoing.documents() == []


async def test_peer_failure_28_a_receipt_that_cannot_leave_repeats_only_itself(
    theatre: Theatre,
) -> None:
    """Receipt-sending failure does not re-run processing; nothing answers a receipt."""
    node = theatre.nodes["H01"]
    node.mailroom = True
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    theatre.axis.faults = Faults(refused=1.0)
    await theatre.run(5 * MINUTE)
    assert theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0].state is State.SENT
    before = [(view.tracking_id, view.arrived_at) for view in node.store.incoming.arrivals()]
    assert len(before) == 1
    theatre.axis.faults = Faults()
    await theatre.run(30 * MINUTE)
    assert [
        (view.tracking_id, view.arrived_at) for view in node.store.incoming.arrivals()
    ] == before
    assert (
        theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED
    )
    published = theatre.axis.published
    await theatre.run(2 * DAY, timedelta(hours=1))
    assert theatre.axis.published == published  # no receipt of a receipt, ever
