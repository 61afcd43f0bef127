"""`queue` and `dead`: what a person sees of what waits, and what they decide about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from docexchange.cli import orders
from tests.office import Office

WHY = ("--reason", "máy bên nhận đang bảo trì")


def send(office: Office, *to: str, number: int = 98) -> str:
    ref: str = office.play(office.theatre.send(number, to or ("H01",)))
    return ref


def give_up(office: Office) -> None:
    """Nobody answers until the lifetime is over."""
    office.theatre.axis.up = False
    office.play(office.theatre.run(timedelta(hours=73), timedelta(hours=1)))
    office.theatre.axis.up = True


def deliveries(office: Office, *arguments: str) -> list[tuple[str, str]]:
    found: list[dict[str, Any]] = office.run("H05", *arguments, "--json").json["deliveries"]
    return [(one["organ"], one["state"]) for one in found]


def events(office: Office, ref: str) -> list[str]:
    ran = office.run("H05", "track", ref, "--json")
    return [line["event"] for line in ran.json["journal"]]


def test_nothing_waits(office: Office) -> None:
    for command in ("list", "shape"):
        ran = office.run("H05", "queue", command)
        assert (ran.code, ran.out, ran.err) == (0, "", "nothing waits\n")
    ran = office.run("H05", "dead", "list")
    assert (ran.code, ran.out, ran.err) == (0, "", "everything could be delivered\n")


def test_list_names_what_waits_and_why(office: Office) -> None:
    office.theatre.axis.full.add("H13")
    send(office, "H01", "H13")
    office.play(office.theatre.nodes["H05"].turn())
    ran = office.run("H05", "queue", "list")
    assert "98/QĐ-UBND" in ran.out
    assert "awaits its receipt" in ran.out
    assert "1 failed:" in ran.out
    assert deliveries(office, "queue", "list", "--to", "H13") == [("H13", "queued")]
    assert deliveries(office, "queue", "list", "--state", "sent") == [("H01", "sent")]
    assert office.run("H05", "queue", "list", "--state", "lost").code == 2


def test_shape_counts_by_destination(office: Office) -> None:
    send(office, "H01", "H13")
    send(office, "H13", number=99)
    ran = office.run("H05", "queue", "shape")
    head, most, least, total = ran.out.splitlines()
    assert head.split()[:3] == ["RECIPIENT", "LANE", "ALL"]
    assert most.split()[:3] == ["H13", "normal", "2"]
    assert least.split()[:3] == ["H01", "normal", "1"]
    assert total.split()[:2] == ["ALL", "3"]
    counted = office.run("H05", "queue", "shape", "--json").json["destinations"]
    assert [(one["organ"], one["by_age"][0]) for one in counted] == [("H13", 2), ("H01", 1)]


def test_a_document_is_held_shown_and_released(office: Office) -> None:
    ref = send(office, "H01", "H13")
    ran = office.run("H05", "queue", "hold", ref, "--to", "H01", *WHY)
    assert (ran.code, ran.out) == (0, "H01: held\n")
    office.settle()
    assert deliveries(office, "queue", "show", ref) == [("H01", "queued"), ("H13", "acknowledged")]
    assert f"on hold: {WHY[1]}" in office.run("H05", "track", ref).out
    assert f"held: {WHY[1]}" in office.run("H05", "queue", "list", "--state", "held").out
    assert "Held" in office.run("H05", "queue", "show", ref).out
    refused = office.run("H05", "queue", "retry", ref, "--to", "H01")
    assert (refused.code, "it is held back: docexchange queue release" in refused.err) == (5, True)
    assert office.run("H05", "queue", "release", ref).out == "H01: released\n"
    office.settle()
    assert deliveries(office, "queue", "list") == []
    assert [one for one in events(office, ref) if one in ("held_back", "let_go")] == [
        "held_back",
        "let_go",
    ]
    assert "nobody holds it back" in office.run("H05", "queue", "release", ref).err


def test_a_destination_is_held_and_released(office: Office) -> None:
    ran = office.run("H05", "queue", "hold", "--to", "H13", *WHY)
    assert (ran.code, ran.out) == (0, "H13: everything for it is held\n")
    assert "held already" in office.run("H05", "queue", "hold", "--to", "H13", *WHY).out
    ref = send(office, "H01", "H13")
    office.settle()
    assert deliveries(office, "queue", "list") == [("H13", "queued")]
    listed = office.run("H05", "queue", "list")
    assert "■ all for H13 is held since" in listed.out
    assert WHY[1] in listed.out
    assert office.run("H05", "queue", "release", "--to", "H13").code == 0
    office.settle()
    assert [state for _, state in deliveries(office, "queue", "show", ref)] == ["acknowledged"] * 2
    assert "it was not held" in office.run("H05", "queue", "release", "--to", "H13").out


def test_a_retry_is_published_at_the_next_turn(office: Office) -> None:
    office.theatre.axis.full.add("H01")
    ref = send(office)
    office.settle()
    office.theatre.axis.full.clear()
    office.settle()
    assert deliveries(office, "queue", "list") == [("H01", "queued")]  # not yet
    ran = office.run("H05", "queue", "retry", ref, "--json")
    assert (ran.json["organs"], ran.json["dry_run"]) == (["H01"], False)
    office.settle()
    assert deliveries(office, "queue", "list") == []
    assert "retried" in events(office, ref)


@pytest.mark.parametrize("target", [("--to", "H01"), ("--all",)])
def test_a_retry_of_destinations_ends_their_pause(office: Office, target: tuple[str, ...]) -> None:
    office.theatre.axis.full.add("H01")
    for number in range(7):
        send(office, number=number)
    office.settle()
    office.settle()
    assert len(office.theatre.nodes["H05"].store.outgoing.pauses()) == 1
    office.theatre.axis.full.clear()
    asked = office.run("H05", "queue", "retry", *target, "--dry-run", "--json").json
    assert asked["destinations"]["H01"] >= 5
    ran = office.run("H05", "queue", "retry", *target)
    assert f"H01: {asked['destinations']['H01']} due now" in ran.out
    office.settle()
    assert office.theatre.nodes["H05"].store.outgoing.pauses() == []
    office.play(office.theatre.run(timedelta(minutes=10)))  # a ramp, no burst
    assert deliveries(office, "queue", "list") == []


def test_what_never_left_is_cancelled(office: Office) -> None:
    ref = send(office)
    ran = office.run("H05", "queue", "cancel", ref, *WHY)
    assert (ran.code, ran.out) == (0, "H01: cancelled\n")
    office.settle()
    assert office.theatre.nodes["H01"].store.incoming.arrivals() == []
    assert {"cancel_asked", "cancelled"} <= set(events(office, ref))


def test_what_left_can_only_be_recalled(office: Office) -> None:
    ref = send(office)
    office.play(office.theatre.nodes["H05"].turn())
    ran = office.run("H05", "queue", "cancel", ref, *WHY)
    assert ran.code == 5
    assert f"docexchange recall {ref}" in ran.err
    assert "cancel_asked" not in events(office, ref)


def test_dead_is_listed_shown_and_replayed(office: Office) -> None:
    ref = send(office)
    give_up(office)
    listed = office.run("H05", "dead", "list")
    assert "no receipt within the lifetime" in listed.out
    shown = office.run("H05", "dead", "show", ref)
    assert "✖ H01: no receipt within the lifetime" in shown.out
    assert f"docexchange dead replay {ref}" in shown.err
    assert office.run("H05", "dead", "replay", ref, "--dry-run", *WHY).code == 0
    office.settle()
    assert deliveries(office, "dead", "list") == [("H01", "undeliverable")]
    ran = office.run("H05", "dead", "replay", ref, *WHY)
    assert ran.out == "H01: sent anew, the same bytes\n"
    office.settle()
    assert deliveries(office, "dead", "list") == []
    assert [view.number for view in office.theatre.nodes["H01"].store.incoming.arrivals()] == ["98"]
    again = office.run("H05", "dead", "replay", ref, *WHY)
    assert (again.code, "nothing of it was given up" in again.err) == (5, True)


def test_a_replay_of_what_arrived_is_no_second_document(office: Office) -> None:
    """The axis took it, the receipt was lost, we gave up: the recipient answers again."""
    ref = send(office)
    node = office.theatre.nodes["H01"]
    office.play(office.theatre.nodes["H05"].turn())
    office.play(node.turn())
    office.theatre.axis.queues["H05"].clear()
    give_up(office)
    office.theatre.axis.queues["H05"].clear()
    office.run("H05", "dead", "replay", ref, *WHY)
    office.settle()
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]
    assert deliveries(office, "queue", "show", ref) == [("H01", "acknowledged")]


@pytest.mark.parametrize("command", ["hold", "cancel"])
def test_a_decision_needs_its_reason(office: Office, command: str) -> None:
    ref = send(office)
    ran = office.run("H05", "queue", command, ref)
    assert (ran.code, "it goes into the journal" in ran.err) == (2, True)
    assert deliveries(office, "queue", "list") == [("H01", "queued")]


@pytest.mark.parametrize("command", ["retry", "hold", "release"])
def test_a_decision_is_about_something(office: Office, command: str) -> None:
    ran = office.run("H05", "queue", command, *WHY)
    assert (ran.code, "name a document (REF), or destinations" in ran.err) == (2, True)


def test_a_recipient_that_is_none(office: Office) -> None:
    ref = send(office)
    ran = office.run("H05", "queue", "hold", ref, "--to", "H13", *WHY)
    assert (ran.code, "not sent to H13; sent to: H01" in ran.err) == (4, True)


@pytest.mark.parametrize(
    "command", [("hold",), ("hold", "--to", "H01"), ("retry",), ("cancel",)], ids=" ".join
)
def test_a_dry_run_changes_nothing(office: Office, command: tuple[str, ...]) -> None:
    ref = send(office)
    store = office.theatre.nodes["H05"].store
    before = store.journal.verify(), store.outgoing.document(ref)
    ran = office.run("H05", "queue", *command, ref, "--dry-run", *WHY)
    assert (ran.code, ran.err) == (0, "nothing was changed (--dry-run)\n")
    assert "H01" in ran.out
    assert (store.journal.verify(), store.outgoing.document(ref)) == before


def test_vietnamese_by_default(office: Office) -> None:
    office.lang = "vi"
    ref = send(office)
    assert office.run("H05", "queue", "hold", ref, *WHY).out == "H01: giữ lại\n"
    assert "giữ lại: máy bên nhận" in office.run("H05", "queue", "list").out


def test_who_decides_is_who_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    assert orders.order(" vì thế ", {}).by == "root"
    assert orders.order("", {"SUDO_USER": "an.nguyen"}).by == "an.nguyen (root)"
    assert orders.order(" vì thế ", {}).reason == "vì thế"
