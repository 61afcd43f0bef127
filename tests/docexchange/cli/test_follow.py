"""`track --follow`, `track --ask` and `stats`: what happens, as it happens and counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest

from docexchange.cli import follow
from docexchange.flow import receipts
from tests.office import Office


def answer(office: Office, node: str, code: str) -> None:
    """The organ of a node says a status of what came last."""
    at = office.theatre.nodes[node]
    ref = at.store.incoming.arrivals()[0].tracking_id
    office.theatre.clock.advance(timedelta(minutes=1))
    now = office.theatre.clock.now()
    office.quietly(receipts.report(ref, code, world=at.world, now=now))
    office.quietly(office.theatre.settle())


def steps(monkeypatch: pytest.MonkeyPatch, *todo: Callable[[], None]) -> list[float]:
    """Do one of these whenever the command sleeps."""
    waits: list[float] = []
    left: Iterator[Callable[[], None]] = iter(todo)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        next(left)()

    monkeypatch.setattr(follow, "time", SimpleNamespace(sleep=sleep))
    return waits


def test_follow_prints_what_happens_until_all_have_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = office.play(office.theatre.send(98, ("H01", "H13")))
    waits = steps(
        monkeypatch,
        lambda: office.quietly(office.theatre.settle()),
        lambda: answer(office, "H01", "06"),
        lambda: answer(office, "H13", "06"),
    )
    ran = office.run("H05", "track", ref, "--follow")
    assert (ran.code, len(waits)) == (0, 3)
    lines = [line for line in ran.out.splitlines() if "[info" not in line]
    told = "\n".join(lines)
    assert told.count("the axis took it") == 2
    assert told.index("signed, stored and queued") < told.index("01 Arrived")
    assert told.index("01 Arrived") < told.index("06 Completed")
    assert len(lines) == len(set(lines))
    assert "every recipient has ended" in ran.err


def test_follow_as_json_is_a_line_each(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = office.play(office.theatre.send(98, ("H01",)))
    steps(
        monkeypatch,
        lambda: office.quietly(office.theatre.settle()),
        lambda: answer(office, "H01", "06"),
    )
    ran = office.run("H05", "track", ref, "-f", "--json")
    lines = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines if "delivery" in line or "event" in line]
    assert events[0] == "queued"
    assert events.count("receipt_verified") == 2


def test_follow_of_what_has_ended_says_so_at_once(office: Office) -> None:
    ref = office.play(office.theatre.send(98, ("H01",)))
    office.settle()
    answer(office, "H01", "06")
    assert office.run("H05", "track", ref, "--follow").code == 0
    assert office.run("H05", "track", "99", "--follow").code == 4


def test_stats_counts_by_organ_and_tells_the_median(office: Office) -> None:
    for number in range(3):
        office.play(office.theatre.send(number, ("H01", "H13")))
    office.theatre.axis.full.add("H13")
    office.play(office.theatre.nodes["H05"].turn())
    office.theatre.clock.advance(timedelta(minutes=2))
    office.settle()
    answer(office, "H01", "06")
    office.settle()  # and forget what the nodes logged
    found = office.run("H05", "stats", "--json").json
    sent = {one["organ"]: one for one in found["sent"]}
    assert (sent["H01"]["deliveries"], sent["H01"]["acknowledged"]) == (3, 3)
    assert (sent["H13"]["under_way"], sent["H13"]["oldest_under_way"] is None) == (3, False)
    times = {one["status"]: (one["deliveries"], one["median_s"]) for one in found["times_to"]}
    assert times == {"01": (3, 120.0), "03": (0, None), "06": (1, 180.0)}
    came = office.run("H01", "stats", "--json").json["received"]
    assert [(one["organ"], one["documents"], one["completed"]) for one in came] == [("H05", 3, 1)]
    shown = office.run("H05", "stats").out
    assert "Sent: 6 deliveries, 50.0 % acknowledged" in shown
    assert "01 Arrived" in shown
    assert "2 min" in shown or "120" in shown


def test_stats_of_another_time(office: Office) -> None:
    office.play(office.theatre.send(1, ("H01",)))
    office.theatre.clock.advance(timedelta(hours=25))
    ran = office.run("H05", "stats")
    assert "Nothing was sent" in ran.out, ran.err
    assert "Sent: 1 deliveries" in office.run("H05", "stats", "--since", "2d").out
    given = ("--from", "2026-06-01T07:00:00+07:00", "--to", "2026-06-01T07:00:01+07:00")
    assert "Sent: 1 deliveries" in office.run("H05", "stats", *given).out
    assert office.run("H05", "stats", "--from", "yesterday").code == 2


def test_a_status_that_was_lost_is_asked_for_again(office: Office) -> None:
    """The broker of the sender lost its disk: the 03 is nowhere but at its receiver."""
    ref = office.play(office.theatre.send(98, ("H01", "H13")))
    office.settle()
    at = office.theatre.nodes["H01"]
    story = receipts.report(
        at.store.incoming.arrivals()[0].tracking_id,
        "03",
        world=at.world,
        now=office.theatre.clock.now(),
    )
    office.play(story)
    office.play(at.turn())
    office.theatre.axis.queues["H05"].clear()
    office.theatre.clock.advance(timedelta(hours=1))
    shown = office.run("H05", "track", ref, "--json").json
    assert {one["organ"]: one["code"] for one in shown["deliveries"]} == {"H01": "01", "H13": "01"}

    dry = office.run("H05", "track", ref, "--ask", "--to", "H01", "--dry-run")
    assert (dry.code, dry.out) == (0, "H01: asked for its statuses again\n")
    ran = office.run("H05", "track", ref, "--ask", "--to", "H01", "--reason", "mất trạng thái")
    assert ran.code == 0
    office.settle()
    shown = office.run("H05", "track", ref, "--json").json
    assert {one["organ"]: one["code"] for one in shown["deliveries"]} == {"H01": "03", "H13": "01"}
    assert [one["event"] for one in shown["journal"]].count("statuses_asked") == 1
    assert len(at.store.incoming.arrivals()) == 1
    listed = office.run("H05", "list", "--json").json["documents"]
    assert [one["tracking_id"] for one in listed] == [ref]
    assert office.theatre.nodes["H05"].store.operator.shape(office.theatre.clock.now()) == []


def test_who_has_not_acknowledged_is_not_asked(office: Office) -> None:
    ref = office.play(office.theatre.send(98, ("H01",)))
    ran = office.run("H05", "track", ref, "--ask")
    assert (ran.code, "what waits is sent again by itself" in ran.err) == (5, True)
    assert office.run("H05", "track", ref, "--ask", "--to", "H13").code == 4
