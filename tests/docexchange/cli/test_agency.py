"""`agency list|show|ping`: as the administrator sees the others."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from docexchange.cli import agency_ping
from docexchange.core.model import Order
from tests.office import Office
from tests.pki import AT


def test_list_tells_what_waits_and_when_each_answered(office: Office) -> None:
    office.play(office.theatre.send(1, ("H01",)))
    office.settle()
    office.theatre.axis.full.add("H13")
    office.play(office.theatre.send(2, ("H13",)))
    office.play(office.theatre.nodes["H05"].turn())
    found = office.run("H05", "agency", "list", "--json").json["organs"]
    by = {one["organ"]: one for one in found}
    assert by["H05"]["ours"] is True
    assert (by["H01"]["waiting"], by["H01"]["last_receipt"]) == (0, "2026-06-01T00:00:00.000Z")
    assert (by["H13"]["waiting"], by["H13"]["last_receipt"]) == (1, None)
    assert (by["H02"]["closed"], by["H02"]["successor"]) == (True, "H05")
    out = office.run("H05", "agency", "list").out
    assert "closed → H05" in out
    assert "this node" in out


def test_show_tells_why_nothing_leaves(office: Office) -> None:
    node = office.theatre.nodes["H05"]
    office.play(node.store.operator.hold_destination("H13", Order("an", "bảo trì"), AT))
    out = office.run("H05", "agency", "show", "H13").out
    assert "H13 · Cần Thơ" in out
    assert "an: bảo trì" in out
    assert "every certificate with this code, issued by 1 named CA(s)" in out
    shown = office.run("H05", "agency", "show", "H13", "--json").json
    assert (shown["path"], shown["subject_rule"]) == ("held", True)
    missing = office.run("H05", "agency", "show", "H99")
    assert (missing.code, "the directory has no organ H99" in missing.err) == (4, True)


def test_ping_waits_for_the_signed_answer(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_: float) -> None:
        office.theatre.clock.advance(timedelta(seconds=0.25))
        office.quietly(office.theatre.settle(1))

    monkeypatch.setattr(agency_ping, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 0.0))
    ran = office.run("H05", "agency", "ping", "H01")
    assert ran.code == 0
    assert "✔ H01: the axis took it after 0.25 s, its signed answer came after 0.75 s" in ran.out
    assert office.run("H01", "inbox", "list", "--json").json["documents"] == []


@pytest.mark.parametrize(
    ("up", "runs", "why"),
    [
        (True, ("H05",), "no answer for 1 s: its node does not run"),
        (False, ("H05",), "the axis did not take it"),
        (True, (), "is `docexchange run` running?"),
    ],
)
def test_a_ping_without_an_answer_says_how_far_it_came(
    office: Office, monkeypatch: pytest.MonkeyPatch, up: bool, runs: tuple[str, ...], why: str
) -> None:
    office.theatre.axis.up = up
    times = iter([0.0, 0.5, 2.0, 3.0])

    def sleep(_: float) -> None:
        for name in runs:
            office.quietly(office.theatre.nodes[name].turn())

    given = SimpleNamespace(sleep=sleep, monotonic=lambda: next(times))
    monkeypatch.setattr(agency_ping, "time", given)
    ran = office.run("H05", "agency", "ping", "H01", "--timeout", "1s")
    assert (ran.code, why in ran.out) == (75, True), ran.out


def test_ping_of_a_closed_organ_names_its_successor(office: Office) -> None:
    ran = office.run("H05", "agency", "ping", "H02")
    assert (ran.code, "[E-RTE-002]" in ran.err, "H05" in ran.err) == (5, True, True)
