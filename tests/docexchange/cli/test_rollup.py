"""docexchange/cli/rollup.py and what `track` shows of many recipients, lateness and pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.cli import rollup, words
from docexchange.core.model import DocumentView, Pause
from docexchange.core.states import Event
from tests.fakes import Faults
from tests.office import Office
from tests.records import NOW, document, open_store, receipt

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    words.speak("en")
    yield
    words.speak("vi")


@pytest.fixture
async def view(tmp_path: Path) -> DocumentView:
    """One of 100 was refused by the axis, one is sent, one queued; 97 have acknowledged."""
    organs = tuple(f"X{number:02}" for number in range(100))
    sent = document(recipients=organs)
    with open_store(tmp_path) as store:
        await store.outgoing.submit(sent)
        refused, waits, *_ = (one.delivery_id for one in store.outgoing.document("D1").deliveries)
        await store.outgoing.record(refused, Event.PUBLISH_REFUSED, NOW, detail="too large")
        await store.outgoing.record(waits, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + HOUR)
        for organ in organs[3:]:
            said = receipt(sent, from_organ=organ, data=organ.encode())
            await store.receipts.apply(said)
        return store.outgoing.document("D1")


def test_97_of_100(view: DocumentView) -> None:
    assert rollup.line(view) == (
        "97 of 100 acknowledged · 1 undeliverable · 1 queued · 1 sent, waiting for receipt"
    )
    assert rollup.to_json(view) == {
        "recipients": 100,
        "queued": 1,
        "sent": 1,
        "acknowledged": 97,
        "undeliverable": 1,
        "delivered_late": 0,
    }


def test_of_many_only_those_that_lack_something_are_shown(view: DocumentView) -> None:
    assert [one.to_organ for one in rollup.shown(view, everyone=False)] == ["X00", "X01", "X02"]
    assert len(rollup.shown(view, everyone=True)) == 100
    few = replace(view, deliveries=view.deliveries[:20])
    assert len(rollup.shown(few, everyone=False)) == 20
    rejected = replace(view.deliveries[50], code="02")
    late = replace(view.deliveries[60], reason="late")
    odd = replace(view, deliveries=(*view.deliveries[:50], rejected, *view.deliveries[51:60], late))
    names = [one.to_organ for one in rollup.shown(odd, everyone=False)]
    assert names == ["X00", "X01", "X02", "X50", "X60"]


def test_one_recipient_is_no_roll_up(view: DocumentView) -> None:
    assert rollup.line(replace(view, deliveries=view.deliveries[:1])) == ""


def test_a_pause_holds_up_its_own_queue_and_the_axis_all(view: DocumentView) -> None:
    mine = Pause("normal", "X02", NOW, NOW + HOUR, 3, "đầy / full")
    others = (replace(mine, lane="urgent"), replace(mine, organ="X77"))
    axis = replace(mine, lane="", organ="", why="no connection")
    assert rollup.pauses_of(view, others) == {}
    assert rollup.pauses_of(view, (*others, mine)) == {"X02": mine}
    assert rollup.pauses_of(view, (axis,)) == {"X02": axis}
    told = rollup.explain_pause(mine, lambda organ: organ, NOW)
    assert told.startswith("nothing is sent to X02 since ")
    assert "(full)" in told
    assert "the axis" in rollup.explain_pause(axis, str, NOW)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "qd.pdf"
    path.write_bytes(b"%PDF-1.7 quyet dinh")
    return path


def send(office: Office, pdf: Path) -> str:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01,H13", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "Quy chế", "--type", "Quyết định"),
    )
    return ran.out.strip()


def test_track_says_that_an_outcome_is_unknown(office: Office, pdf: Path) -> None:
    office.theatre.axis.faults = Faults(confirm_lost=1.0)
    ref = send(office, pdf)
    office.settle()
    out = office.run("H05", "track", ref).out
    assert "outcome unknown: the axis may have it" in out
    assert "recipients" in office.run("H05", "track", ref, "--json").json["rollup"]


def test_track_says_what_is_paused_and_when_it_is_tried(office: Office, pdf: Path) -> None:
    office.theatre.axis.full.add("H13")
    refs = [send(office, pdf)]
    for number in range(99, 106):
        ran = office.run(
            *("H05", "send", pdf, "--from", "H05", "--to", "H13", "--number", str(number)),
            *("--notation", "QĐ-UBND", "--subject", "Quy chế", "--type", "Quyết định"),
        )
        refs.append(ran.out.strip())
    office.settle()
    out = office.run("H05", "track", refs[-1]).out
    assert "→ H13: nothing is sent to H13 Cần Thơ since" in out
    assert "the queue is full" in out
    paused = office.run("H05", "track", refs[-1], "--json").json["paused"]
    assert list(paused) == ["H13"]
