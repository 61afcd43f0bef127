"""Attack catalogue D: protocol, receipts, replay; pushed through the whole incoming path."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from docexchange.core.model import JournalLine
from docexchange.core.schedule import Lane
from docexchange.core.states import State, StatusCode
from docexchange.flow import inbox, receipts
from envelopes import edxml
from envelopes.evidence.journal import Follower
from envelopes.pack import pack, with_trace
from keys.signer import Signer
from tests.pki import AT, OTHER, P256
from tests.theatre import Theatre, document

SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    yield play
    play.close()


def signed(number: int, signer: Signer | None = None, at: datetime = AT, text: str = "") -> bytes:
    letter = with_trace(document(number, ("H01",), text=text), "H05", at)
    return pack(letter, signer or P256.signer("H05"), signing_time=at)


@pytest.mark.slow
async def test_d1_the_same_bytes_a_thousand_times(theatre: Theatre) -> None:
    """Also after a restart and after 400 days: one inbox entry, each copy answered."""
    body, node = signed(98), theatre.nodes["H01"]

    async def replay(times: int) -> None:
        for _ in range(times):
            theatre.axis.put(Lane.NORMAL, "H01", body)
        while (message := theatre.axis.take("H01")) is not None:
            await inbox.receive(message, world=node.world, now=theatre.clock.now())

    await replay(500)
    node.restart()
    await replay(499)
    await node.turn()
    [answer] = theatre.axis.queues["H05"]
    theatre.clock.advance(timedelta(days=400))
    await replay(1)
    await node.turn()
    assert [message.body for message in theatre.axis.queues["H05"]] == [answer.body] * 2
    assert len(node.store.incoming.arrivals()) == 1
    assert node.store.incoming.kept_list() == []


async def test_d2_the_same_identity_with_other_content(theatre: Theatre) -> None:
    """Quarantined and journalled; the first one is untouched."""
    node = theatre.nodes["H01"]
    first = signed(98)
    theatre.axis.put(Lane.NORMAL, "H01", first)
    theatre.axis.put(Lane.NORMAL, "H01", signed(98, text=" (sửa)"))
    await node.turn()
    [arrival] = node.store.incoming.arrivals()
    assert node.store.contents.read(arrival.sha256) == first
    [kept] = node.store.incoming.kept_list()
    assert kept.reason == "CONFLICT"
    assert kept.sha256 != arrival.sha256


async def test_d3_the_same_identity_from_another_agency(theatre: Theatre) -> None:
    """Ids are scoped by their sender: both are accepted, neither is overwritten."""
    name = document(98, ("H01",)).document_id
    other = replace(document(98, ("H01",), "H13"), document_id=name)
    theatre.axis.put(Lane.NORMAL, "H01", signed(98))
    body = pack(with_trace(other, "H13", AT), P256.signer("H13"), signing_time=AT)
    theatre.axis.put(Lane.NORMAL, "H01", body)
    node = theatre.nodes["H01"]
    await node.turn()
    arrived = {(view.from_organ, view.document_id) for view in node.store.incoming.arrivals()}
    assert arrived == {("H05", name), ("H13", name)}
    assert node.store.incoming.kept_list() == []


async def test_d4_for_another_agency(theatre: Theatre) -> None:
    """An envelope for H13 in the queue of H01: the signed To decides."""
    letter = with_trace(document(98, ("H13",)), "H05", AT)
    body = pack(letter, P256.signer("H05"), signing_time=AT)
    theatre.axis.put(Lane.NORMAL, "H01", body)
    await theatre.nodes["H01"].turn()
    assert [view.reason for view in theatre.nodes["H01"].store.incoming.kept_list()] == [
        "NOT_FOR_US"
    ]
    assert theatre.nodes["H01"].store.incoming.arrivals() == []


@pytest.mark.parametrize(
    ("at", "becomes"),
    [
        (AT + timedelta(minutes=5), "arrived"),
        (AT + timedelta(minutes=6), "held"),
        (AT + timedelta(hours=23), "held"),
        (AT + timedelta(days=2), "quarantined"),
        (datetime(2036, 6, 1, tzinfo=UTC), "quarantined"),
        (datetime(1970, 1, 1, tzinfo=UTC), "quarantined"),
    ],
)
async def test_d5_a_shifted_signing_time(theatre: Theatre, at: datetime, becomes: str) -> None:
    """Skew up to 5 min passes; up to a day ahead waits; the rest is for a person."""
    theatre.axis.put(Lane.NORMAL, "H01", signed(98, at=at))
    node = theatre.nodes["H01"]
    await node.turn()
    held, kept = node.store.incoming.kept_list(held=True), node.store.incoming.kept_list(held=False)
    found = {
        "arrived": len(node.store.incoming.arrivals()),
        "held": len(held),
        "quarantined": len(kept),
    }
    assert {name for name, count in found.items() if count} == {becomes}
    for view in node.store.incoming.arrivals():
        assert view.signed_at is not None
        assert view.signed_at.tzinfo is UTC


async def test_d6_without_a_signature(theatre: Theatre) -> None:
    """No way down to an unsigned envelope; for algorithms and TLS: test_algorithms, test_config."""
    theatre.axis.put(Lane.NORMAL, "H01", edxml.write(document(98, ("H01",))))
    await theatre.settle()
    assert theatre.nodes["H01"].store.incoming.arrivals() == []
    assert len(theatre.nodes["H01"].store.incoming.kept_list()) == 1
    assert not theatre.axis.queues["H05"]


@pytest.mark.slow
async def test_d7_two_thousand_forgeries_each_with_its_reason(theatre: Theatre) -> None:
    """Of an agency that got nothing, of bytes that are not here, of the right document by another
    name, of no digest: the delivery stays, and the journal says of each why. The right receipt
    beside them counts."""
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    sender = theatre.nodes["H05"]
    digest = sender.store.outgoing.document(ref).sha256
    [right] = sender.store.outgoing.document(ref).deliveries
    assert (right.state, right.code) == (State.ACKNOWLEDGED, "01")
    named, other = document(98, ("H01",)), document(99, ("H01",))
    for number in range(500):
        at = AT + timedelta(milliseconds=number)
        for organ, letter, received in (
            ("H13", named, digest),
            ("H01", other, digest),
            ("H01", named, ""),
            ("H13", other, f"{number:064x}"),  # of bytes never sent: parked
        ):
            about = receipts.About.document(letter, received)
            world = theatre.nodes[organ].world
            code = StatusCode.COMPLETED
            made = await receipts.answer(about, code, organ=organ, world=world, now=at)
            theatre.axis.put(Lane.RECEIPTS, "H05", made.data)  # type: ignore[arg-type]
    await sender.turn()
    [after] = sender.store.outgoing.document(ref).deliveries
    assert (after.state, after.code, after.history) == (right.state, right.code, right.history)
    lines: list[JournalLine] = []
    sender.store.journal.follow(Follower(), lines.append)
    told = Counter(
        line["detail"] for one in lines if (line := json.loads(one.line))["event"] == "bad_receipt"
    )
    assert told == {
        "no document of ours with these bytes went to its sender": 500,
        "it answers another DocumentId than these bytes have": 500,
        "it names no digest of what it received": 500,
    }
    assert len(sender.store.receipts.parked(10_000)) == 500  # bounded: 1,000 of an organ
    theatre.clock.advance(timedelta(minutes=1))
    world = theatre.nodes["H01"].world
    await receipts.report("98/QĐ-UBND", "03", world=world, now=theatre.clock.now())
    await theatre.settle()
    assert sender.store.outgoing.document(ref).deliveries[0].code == "03"


@pytest.mark.parametrize("forged", ["unsigned", "another organ", "sender", "another CA", "digest"])
async def test_d7_a_forged_receipt_changes_nothing(theatre: Theatre, forged: str) -> None:
    """Unsigned, of another agency, of the sender itself, for other bytes; many of them."""
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    sent = theatre.axis.queues["H01"].pop()
    sender, node = theatre.nodes["H05"], theatre.nodes["H01"]
    digest = sender.store.outgoing.document(ref).sha256 if forged != "digest" else "ab" * 32
    about = receipts.About.document(document(98, ("H01",)), digest)
    organ = "H13" if forged == "another organ" else "H01"
    world = theatre.nodes[organ].world
    answer = await receipts.answer(about, StatusCode.ARRIVED, organ=organ, world=world, now=AT)
    message, _ = edxml.read(answer.data)
    signer = {"sender": P256.signer("H05"), "another CA": OTHER.signer("H01")}.get(forged)
    body = answer.data
    if forged == "unsigned":
        body = edxml.write(message)
    elif signer is not None:
        body = pack(message, signer, signing_time=AT)
    before = sender.store.outgoing.document(ref).deliveries
    for _ in range(100):
        theatre.axis.put(Lane.RECEIPTS, "H05", body)
    await sender.turn()
    after = sender.store.outgoing.document(ref).deliveries
    assert [(one.state, one.code) for one in after] == [(one.state, one.code) for one in before]
    assert after[0].state is State.SENT
    theatre.axis.put(Lane.NORMAL, "H01", sent.body)  # the right one still counts
    await theatre.settle()
    assert sender.store.outgoing.document(ref).deliveries[0].state is State.ACKNOWLEDGED
    assert node.store.incoming.arrivals()[0].sha256 == sender.store.outgoing.document(ref).sha256


async def test_d7_a_status_that_goes_back_is_recorded_and_moves_nothing(theatre: Theatre) -> None:
    """06 then 03, out of order: the history has both, the present status stays."""
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    node = theatre.nodes["H01"]
    for code in ("03", "06"):
        theatre.clock.advance(timedelta(minutes=1))
        world, now = node.world, theatre.clock.now()
        await receipts.report("98/QĐ-UBND", code, world=world, now=now)
    await theatre.settle()
    theatre.clock.advance(timedelta(minutes=1))
    about = receipts.About.arrival(node.store.incoming.arrivals()[0])
    back = await receipts.answer(
        about, StatusCode.ACCEPTED, organ="H01", world=node.world, now=theatre.clock.now()
    )
    theatre.axis.put(Lane.RECEIPTS, "H05", back.data)
    await theatre.settle()
    [delivery] = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert delivery.code == "06"
    assert [line.code for line in delivery.history] == ["01", "03", "06", "03"]


HEADERS: dict[str, dict[str, object]] = {
    "none": {},
    "copies": {"CC": ["normal.H13"], "BCC": ["normal.H05"]},
    "death": {"x-death": [{"queue": "node.H01.normal", "count": 99}], "x-delivery-count": 50},
    "long": {"x-sha256": "A" * 131_072},
    "hints that lie": {"x-sha256": "00" * 32, "x-kind": "status", "x-tracking-id": "H05-1"},
}


@pytest.mark.parametrize("name", HEADERS)
async def test_d11_headers_decide_nothing(theatre: Theatre, name: str) -> None:
    """A valid document arrives once and a forged one is quarantined, whatever stands in the
    headers; who names copies is told of."""
    node = theatre.nodes["H01"]
    with structlog.testing.capture_logs() as told:
        theatre.axis.put(Lane.NORMAL, "H01", signed(98), "node-H05", HEADERS[name])
        theatre.axis.put(Lane.NORMAL, "H01", signed(99)[:-9], "node-H05", HEADERS[name])
        await node.turn()
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]
    assert [view.reason for view in node.store.incoming.kept_list()] == ["NOT_XML"]
    assert theatre.axis.take("H01") is None
    alarms = [line["connection"] for line in told if line["event"] == "copies_named"]
    assert alarms == (["node-H05"] * 2 if name == "copies" else [])


async def test_d10_receipts_are_never_receipted(theatre: Theatre) -> None:
    """A receipt of a receipt, two daemons that answer each other: the counter stays."""
    await theatre.send(98, ("H01",))
    await theatre.settle()
    published = theatre.axis.published
    [answer] = theatre.nodes["H01"].store.incoming.statuses_of("98/QĐ-UBND")
    body = theatre.nodes["H01"].store.contents.read(answer[1])
    for organ in ("H05", "H01", "H13"):  # also to whom it is not meant
        for _ in range(20):
            theatre.axis.put(Lane.RECEIPTS, organ, body)
            theatre.axis.put(Lane.NORMAL, organ, body)
    await theatre.settle()
    assert theatre.axis.published == published
