"""Journeys of delivery: many recipients, peers that fail in different ways, evidence of it all.

The rows named are those of the list of failures of peer systems.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.flow import inbox, keeper, outbox, receipts
from envelopes.pack import pack, with_trace
from tests.pki import AT, P256
from tests.theatre import Theatre, directory, document

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, SERVES)
    for node in play.nodes.values():
        node.mailroom = True
    yield play
    play.close()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the operator's log gets, whatever another test has configured."""
    lines: list[dict[str, Any]] = []

    class Recorder:
        def __getattr__(self, level: str) -> Callable[..., None]:
            return lambda event, **facts: lines.append({"level": level, "event": event, **facts})

    for module in (inbox, keeper, receipts):
        monkeypatch.setattr(module, "log", Recorder())
    return lines


def journal(theatre: Theatre, node: str, ref: str) -> list[dict[str, Any]]:
    return [json.loads(line.line) for line in theatre.nodes[node].store.journal.of(ref)]


def events(theatre: Theatre, node: str = "H05") -> list[dict[str, Any]]:
    """What the mailroom of an organ was told, in order."""
    rows = theatre.nodes[node].store.mailrooms.due(f"mr-{node}", 0, 1000)
    return [
        json.loads(row.message.body or b"{}")["data"]
        for row in rows
        if row.message.routing_key.startswith("event.")
    ]


async def test_of_a_hundred_recipients_three_fail_in_different_ways(
    tmp_path: Path, template: Path
) -> None:
    """Row 12: 97 of 100, and only the three are sent to again."""
    good = tuple(f"X{number:02}" for number in range(97))
    serves = {"H05": "H05", **dict.fromkeys(good, "GOOD"), "FULL": "FULL", "AWAY": "AWAY"}
    serves |= {"LATE": "LATE"}
    play = Theatre(tmp_path, template, serves)
    away, late = play.nodes.pop("AWAY"), play.nodes.pop("LATE")
    play.axis.full.add("FULL")
    ref = await play.send(98, (*good, "FULL", "AWAY", "LATE"))
    await play.settle()
    view = play.nodes["H05"].store.outgoing.document(ref)
    assert view.counts == {"acknowledged": 97, "queued": 1, "sent": 2}
    assert [one.to_organ for one in view.missing] == ["FULL", "AWAY", "LATE"]
    play.axis.tried.clear()
    await play.run(2 * HOUR, 5 * MINUTE)
    again = Counter(organ for organ in play.axis.tried if organ != "H05")
    assert set(again) == {"FULL", "AWAY", "LATE"}
    play.nodes |= {"LATE": late, "AWAY": away}
    play.axis.full.clear()
    await play.run(3 * HOUR, 5 * MINUTE)
    assert play.nodes["H05"].store.outgoing.document(ref).counts == {"acknowledged": 100}
    play.close()


@pytest.mark.slow
async def test_a_thousand_recipients_none_is_cut_off(tmp_path: Path, template: Path) -> None:
    """Row 13, with a reason of 2,000 characters that comes back whole."""
    organs = tuple(f"X{number:03}" for number in range(1000))
    play = Theatre(tmp_path, template, {"H05": "H05", **dict.fromkeys(organs, "ALL")})
    ref = await play.send(98, organs)
    store = play.nodes["H05"].store
    assert [one.to_organ for one in store.outgoing.document(ref).deliveries] == list(organs)
    for _ in range(60):
        await play.settle(1)
        if store.outgoing.document(ref).counts == {"acknowledged": 1000}:
            break
    assert store.outgoing.document(ref).counts == {"acknowledged": 1000}
    why = "Văn bản thiếu phụ lục, đề nghị gửi lại đúng thể thức; " * 40
    node = play.nodes["ALL"]
    arrival = next(one for one in node.store.incoming.arrivals(1000) if one.organ == "X977")
    await receipts.report(
        arrival.tracking_id, "02", world=node.world, now=play.clock.now(), note=why
    )
    await play.settle()
    [said] = [one for one in store.outgoing.document(ref).deliveries if one.code == "02"]
    assert (said.to_organ, said.history[-1].note) == ("X977", why)
    assert len(why) > 2000
    play.close()


async def test_it_is_accepted_when_the_receiver_has_mended_its_directory(theatre: Theatre) -> None:
    """Row 3: the first attempt failed at the receiver, the same bytes later pass."""
    node = theatre.nodes["H01"]
    right = node.world
    node.world = replace(right, directory=directory({"H01": "H01"}))
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    assert [view.copies for view in node.store.incoming.kept_list()] == [1]
    node.world = right
    await theatre.run(10 * MINUTE)
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]
    assert theatre.nodes["H05"].store.outgoing.document(ref).counts == {"acknowledged": 1}
    assert node.store.incoming.kept_list() == []


async def test_a_conflict_is_alarmed_at_both_sides(
    theatre: Theatre, logged: list[dict[str, Any]]
) -> None:
    """Row 4: the same number with other content, as after a restore from an old copy."""
    first = await theatre.send(98, ("H01",))
    await theatre.settle()
    sender, receiver = theatre.nodes["H05"], theatre.nodes["H01"]
    accepted = receiver.store.incoming.arrivals()[0]
    other = with_trace(document(98, ("H01",), text=" (sửa)"), "H05", AT)
    theatre.axis.put(Lane.NORMAL, "H01", pack(other, P256.signer("H05"), signing_time=AT))
    await theatre.settle()
    alarms = {line["event"] for line in logged if line["level"] == "error"}
    assert alarms == {"conflict", "conflict_reported"}
    [kept] = receiver.store.incoming.kept_list()
    assert kept.reason == "CONFLICT"
    line = journal(theatre, "H01", accepted.tracking_id)[-1]
    assert (line["event"], line["accepted"], line["sha256"]) == (
        "conflict",
        accepted.sha256,
        kept.sha256,
    )
    line = journal(theatre, "H05", first)[-1]
    assert (line["event"], line["received"]) == ("conflict_reported", kept.sha256)
    told = events(theatre)[-1]["reported"]
    assert (told["organ"], told["code"]) == ("H01", "02")
    assert told["note"].startswith("CONFLICT: ")
    [delivery] = sender.store.outgoing.document(first).deliveries
    assert (delivery.state, delivery.code) == (State.ACKNOWLEDGED, "01")  # the first is untouched


async def test_a_receipt_after_the_end_turns_it_into_delivered_late(theatre: Theatre) -> None:
    """Row 5."""
    receiver = theatre.nodes.pop("H01")
    ref = await theatre.send(98, ("H01",))
    await theatre.run(73 * HOUR, HOUR)
    store = theatre.nodes["H05"].store
    [delivery] = store.outgoing.document(ref).deliveries
    assert (delivery.state, delivery.reason) == (State.UNDELIVERABLE, "expired")
    theatre.nodes["H01"] = receiver
    await theatre.settle()
    [delivery] = store.outgoing.document(ref).deliveries
    assert (delivery.state, delivery.reason, delivery.late) == (State.ACKNOWLEDGED, "late", True)
    assert journal(theatre, "H05", ref)[-1]["late"] is True
    assert events(theatre)[-1]["recipients"][0]["reason"] == "late"
    assert store.receipts.of(ref)


async def test_the_mailroom_is_warned_and_told_the_end_once_each(
    theatre: Theatre, logged: list[dict[str, Any]]
) -> None:
    del theatre.nodes["H01"]
    ref = await theatre.send(98, ("H01",))
    await theatre.run(75 * HOUR, HOUR)
    told = [event["deadline"] for event in events(theatre) if "deadline" in event]
    assert [(one["kind"], one["reason"]) for one in told] == [
        ("warning", "no_receipt"),
        ("final", "no_receipt"),
    ]
    lines = [line["event"] for line in journal(theatre, "H05", ref)]
    assert (lines.count("deadline_warned"), lines.count("lifetime_ended")) == (1, 1)
    shown = [(line["event"], line["number"], line["to"]) for line in logged if "number" in line]
    assert shown == [("late", "98/QĐ-UBND", "H01"), ("undeliverable", "98/QĐ-UBND", "H01")]


async def test_receipts_of_the_same_number_in_two_years_do_not_cross(theatre: Theatre) -> None:
    """Row 7."""
    receiver = theatre.nodes.pop("H01")
    refs = [await theatre.send(98, ("H01",))]
    node = theatre.nodes["H05"]
    next_year = replace(
        document(98, ("H01",)),
        document_id="H05,2027/06/01,98/QĐ-UBND",
    )
    submitted = await outbox.submit(next_year, world=node.world, now=theatre.clock.now())
    refs.append(submitted.tracking_id)
    node.sender.pump(theatre.clock.now())
    await node.sender.drain()
    theatre.axis.queues["H01"].pop(0)  # the first year's copy is lost
    theatre.nodes["H01"] = receiver
    await theatre.settle()
    states = [node.store.outgoing.document(ref).deliveries[0].state for ref in refs]
    assert states == [State.SENT, State.ACKNOWLEDGED]


async def test_a_receipt_that_cannot_leave_does_not_run_anything_again(theatre: Theatre) -> None:
    """Row 28: the document is accepted once; and nothing ever answers a receipt."""
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    theatre.axis.full.add("H05")
    await theatre.run(30 * MINUTE, 5 * MINUTE)
    receiver = theatre.nodes["H01"]
    lines = [
        line["event"]
        for line in journal(theatre, "H01", receiver.store.incoming.arrivals()[0].tracking_id)
    ]
    assert lines.count("arrived") == 1
    assert len(receiver.store.mailrooms.due("mr-H01", 0, 99)) == 1
    theatre.axis.full.clear()
    await theatre.run(HOUR, 5 * MINUTE)
    assert theatre.nodes["H05"].store.outgoing.document(ref).counts == {"acknowledged": 1}
    published = theatre.axis.published
    await theatre.run(DAY, HOUR)
    assert theatre.axis.published == published


async def test_a_lost_confirm_is_shown_as_unknown_and_settled_by_the_same_bytes(
    theatre: Theatre,
) -> None:
    theatre.axis.faults = replace(theatre.axis.faults, confirm_lost=1.0)
    ref = await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    line = journal(theatre, "H05", ref)[-1]
    assert (line["event"], line["outcome"]) == ("publish_deferred", "unknown")
    theatre.axis.faults = replace(theatre.axis.faults, confirm_lost=0.0)
    await theatre.run(5 * MINUTE)
    [delivery] = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert delivery.state is State.ACKNOWLEDGED
    assert len(theatre.nodes["H01"].store.incoming.arrivals()) == 1


async def test_a_receipt_of_a_document_that_a_restore_forgot_is_parked(
    theatre: Theatre, template: Path, tmp_path: Path
) -> None:
    """Row 6: it is kept and shown, and changes nothing."""
    await theatre.send(98, ("H01",))
    await theatre.nodes["H05"].turn()
    node = theatre.nodes["H05"]
    node.store.close()
    shutil.copy(template, tmp_path / "H05.sqlite3")
    node._open()
    await theatre.settle()
    [parked] = node.store.receipts.parked()
    assert (parked.from_organ, parked.code) == ("H01", "01")
    assert node.store.outgoing.documents() == []
    assert not theatre.axis.queues["H01"]
