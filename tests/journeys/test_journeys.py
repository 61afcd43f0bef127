"""Whole journeys of a document between nodes, told one misfortune at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.flow import inbox, outbox, receipts
from envelopes.pack import pack, with_trace
from tests.fakes import Faults
from tests.pki import AT, OTHER, P256
from tests.theatre import Theatre, document

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


def states(theatre: Theatre, ref: str) -> dict[str, tuple[State, str]]:
    """Recipient -> transport state and processing code, as the sender sees them."""
    view = theatre.nodes["H05"].store.outgoing.document(ref)
    return {line.to_organ: (line.state, line.code) for line in view.deliveries}


def arrived(theatre: Theatre, organ: str) -> list[str]:
    return [view.number for view in theatre.nodes[organ].store.incoming.arrivals(limit=1000)]


async def test_a_document_reaches_two_organs_and_both_answer(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01", "H13"))
    await theatre.settle()
    assert states(theatre, ref) == {
        "H01": (State.ACKNOWLEDGED, "01"),
        "H13": (State.ACKNOWLEDGED, "01"),
    }
    assert arrived(theatre, "H01") == arrived(theatre, "H13") == ["98"]


async def test_the_same_bytes_go_to_every_recipient_and_stay(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01", "H13"))
    await theatre.settle()
    digests = {theatre.nodes[organ].store.incoming.arrivals()[0].sha256 for organ in ("H01", "H13")}
    sent = theatre.nodes["H05"].store.outgoing.document(ref).sha256
    assert digests == {sent}
    assert hashlib.sha256(theatre.nodes["H01"].store.contents.read(sent)).hexdigest() == sent


async def test_statuses_come_back_in_order(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    node = theatre.nodes["H01"]
    for code in ("03", "05", "06"):
        theatre.clock.advance(MINUTE)
        await receipts.report("98/QĐ-UBND", code, world=node.world, now=theatre.clock.now())
    await theatre.settle()
    delivery = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert [line.code for line in delivery.history] == ["01", "03", "05", "06"]
    assert (delivery.code, delivery.code_conflict) == ("06", False)


async def test_a_lost_confirm_leads_to_a_second_copy_and_one_arrival(theatre: Theatre) -> None:
    theatre.axis.faults = Faults(confirm_lost=1.0)
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    view = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert (view.state, view.attempts, view.copies) == (State.QUEUED, 1, 0)
    theatre.axis.faults = Faults()
    await theatre.run(5 * MINUTE)
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")
    assert arrived(theatre, "H01") == ["98"]


async def test_a_lost_receipt_is_given_again_for_the_second_copy(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    await theatre.nodes["H01"].turn()
    await theatre.nodes["H01"].turn()
    lost = theatre.axis.queues["H05"].pop()
    await theatre.run(10 * MINUTE)
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")
    assert arrived(theatre, "H01") == ["98"]
    digest = theatre.nodes["H05"].store.receipts.of(ref)[0][2]
    assert hashlib.sha256(lost.body).hexdigest() == digest  # the original, byte for byte


async def test_doubled_messages_arrive_once_and_are_answered(theatre: Theatre) -> None:
    theatre.axis.faults = Faults(doubled=1.0)
    ref = await theatre.send(98, ("H01",))
    await theatre.run(5 * MINUTE)
    assert arrived(theatre, "H01") == ["98"]
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")
    assert len(theatre.nodes["H05"].store.receipts.of(ref)) == 1


async def test_statuses_out_of_order_end_in_the_latest(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    node = theatre.nodes["H01"]
    for code in ("03", "05", "06"):
        theatre.clock.advance(MINUTE)
        await receipts.report("98/QĐ-UBND", code, world=node.world, now=theatre.clock.now())
        await node.turn()
    theatre.axis.queues["H05"].reverse()
    await theatre.settle()
    delivery = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert delivery.code == "06"
    assert len(delivery.history) == 4


async def test_a_receiver_that_is_down_for_a_day_gets_it_then(theatre: Theatre) -> None:
    receiver = theatre.nodes.pop("H01")
    ref = await theatre.send(98, ("H01", "H13"))
    await theatre.run(DAY, 5 * MINUTE)
    assert states(theatre, ref)["H01"] == (State.SENT, "")
    assert states(theatre, ref)["H13"] == (State.ACKNOWLEDGED, "01")
    copies = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0].copies
    assert 4 <= copies <= 7  # after 5 min, 30 min, 2 h, 6 h, then every 12 h
    theatre.nodes["H01"] = receiver
    await theatre.settle()
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")
    assert arrived(theatre, "H01") == ["98"]


async def test_a_receipt_after_the_lifetime_still_counts(theatre: Theatre) -> None:
    receiver = theatre.nodes.pop("H01")
    ref = await theatre.send(98, ("H01",))
    await theatre.run(4 * DAY, timedelta(hours=1))
    view = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert (view.state, view.reason) == (State.UNDELIVERABLE, "expired")
    theatre.nodes["H01"] = receiver
    await theatre.settle()
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")


async def test_an_axis_that_is_down_costs_only_time(theatre: Theatre) -> None:
    theatre.axis.up = False
    ref = await theatre.send(98, ("H01",))
    await theatre.run(30 * MINUTE)
    view = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert view.state is State.QUEUED
    assert view.attempts >= 5
    assert "no connection" in view.last_error
    theatre.axis.up = True
    await theatre.run(2 * timedelta(hours=1), 5 * MINUTE)
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")
    assert arrived(theatre, "H01") == ["98"]


async def test_two_organs_of_one_node_send_to_each_other(tmp_path: Path, template: Path) -> None:
    theatre = Theatre(tmp_path, template, {"H05": "one", "H01": "one"})
    node = theatre.nodes["one"]
    there = await theatre.send(1, ("H01",), sender="H05")
    back = await theatre.send(2, ("H05",), sender="H01")
    await theatre.settle()
    for ref in (there, back):
        assert node.store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED
    assert sorted((view.organ, view.number) for view in node.store.incoming.arrivals()) == [
        ("H01", "1"),
        ("H05", "2"),
    ]
    theatre.close()


async def test_a_tampered_copy_is_quarantined_and_never_answered(theatre: Theatre) -> None:
    await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    genuine = theatre.axis.queues["H01"].pop()
    body = genuine.body.replace("Quyết định 98".encode(), "Quyết định 89".encode())
    theatre.axis.put(Lane.NORMAL, "H01", body)
    await theatre.settle(1)
    kept = theatre.nodes["H01"].store.incoming.kept_list()
    assert [view.reason for view in kept] == ["HASH_FAILURE"]
    assert arrived(theatre, "H01") == []
    assert not theatre.axis.queues["H05"]


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (P256.signer("H13"), "SIGNER_NOT_SENDER"),
        (OTHER.signer("H05"), "NO_CERTIFICATE_CHAIN_FOUND"),
    ],
    ids=["another organ", "another CA"],
)
async def test_a_foreign_signature_is_quarantined_and_never_answered(
    theatre: Theatre, signer: object, reason: str
) -> None:
    made = with_trace(document(98, ("H01",)), "H05", AT)
    theatre.axis.put(Lane.NORMAL, "H01", pack(made, signer, signing_time=AT))
    await theatre.settle()
    kept = theatre.nodes["H01"].store.incoming.kept_list()
    assert [view.reason for view in kept] == [reason]
    assert arrived(theatre, "H01") == []
    assert not theatre.axis.queues["H05"]


async def test_a_document_for_somebody_else_is_refused_with_a_signed_02(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H13",))
    await theatre.nodes["H05"].turn()
    message = theatre.axis.queues["H13"][0]
    theatre.axis.put(Lane.NORMAL, "H01", message.body)
    await theatre.settle()
    assert [view.reason for view in theatre.nodes["H01"].store.incoming.kept_list()] == [
        "NOT_FOR_US"
    ]
    assert states(theatre, ref) == {"H13": (State.ACKNOWLEDGED, "01")}
    assert arrived(theatre, "H01") == []


async def test_the_same_identity_with_other_content_is_a_conflict(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    other = with_trace(document(98, ("H01",), text=" (sửa)"), "H05", AT)
    theatre.axis.put(Lane.NORMAL, "H01", pack(other, P256.signer("H05"), signing_time=AT))
    await theatre.settle()
    assert [view.reason for view in theatre.nodes["H01"].store.incoming.kept_list()] == ["CONFLICT"]
    assert arrived(theatre, "H01") == ["98"]
    assert states(theatre, ref)["H01"] == (State.ACKNOWLEDGED, "01")


async def test_a_signing_time_ahead_of_our_clock_is_held_until_then(theatre: Theatre) -> None:
    ahead = AT + timedelta(hours=2)
    made = with_trace(document(98, ("H01",)), "H05", ahead)
    theatre.axis.put(Lane.NORMAL, "H01", pack(made, P256.signer("H05"), signing_time=ahead))
    await theatre.settle(1)
    node = theatre.nodes["H01"]
    assert [(view.reason, view.held) for view in node.store.incoming.kept_list()] == [
        ("SIGNED_IN_FUTURE", True)
    ]
    await theatre.run(timedelta(hours=3), 5 * MINUTE)
    assert arrived(theatre, "H01") == ["98"]
    assert node.store.incoming.kept_list(held=True) == []


async def test_a_receipt_for_other_bytes_changes_nothing(theatre: Theatre) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    theatre.axis.queues["H01"].clear()
    about = receipts.About("H05", "H05,2026/06/01,98/QĐ-UBND", "", "", "ab" * 32)
    forged = await receipts.answer(
        about,
        receipts.StatusCode.ARRIVED,
        organ="H01",
        world=theatre.nodes["H01"].world,
        now=AT,
    )
    theatre.axis.put(Lane.RECEIPTS, "H05", forged.data)
    await theatre.nodes["H05"].turn()
    assert states(theatre, ref)["H01"] == (State.SENT, "")


async def test_a_receipt_of_another_recipient_moves_only_its_own_delivery(theatre: Theatre) -> None:
    receiver = theatre.nodes.pop("H01")
    ref = await theatre.send(98, ("H01", "H13"))
    await theatre.settle()
    assert states(theatre, ref) == {
        "H01": (State.SENT, ""),
        "H13": (State.ACKNOWLEDGED, "01"),
    }
    theatre.nodes["H01"] = receiver


async def test_poison_is_quarantined_unparsed_at_the_third_delivery(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise MemoryError("the parser dies")

    monkeypatch.setattr(inbox, "verify", dies)
    theatre.axis.put(Lane.NORMAL, "H01", b"<edXML>poison</edXML>")
    node = theatre.nodes["H01"]
    for _ in range(3):
        message = theatre.axis.take("H01")
        assert message is not None
        with pytest.raises(MemoryError):
            await inbox.receive(message, world=node.world, now=AT)
        theatre.axis.disconnect("H01")
    message = theatre.axis.take("H01")
    assert message is not None
    outcome = await inbox.receive(message, world=node.world, now=AT)
    assert outcome is inbox.Outcome.QUARANTINED
    assert message.acked
    assert [view.reason for view in node.store.incoming.kept_list()] == ["POISON"]


async def test_submitting_the_same_content_again_sends_nothing_more(theatre: Theatre) -> None:
    first = await theatre.send(98, ("H01",))
    await theatre.settle()
    published = theatre.axis.published
    again = await outbox.submit(
        document(98, ("H01",)), world=theatre.nodes["H05"].world, now=theatre.clock.now()
    )
    assert (again.tracking_id, again.duplicate) == (first, True)
    await theatre.settle()
    assert theatre.axis.published == published
