"""`doctor`: each probe finds its trouble, says what to do, and hides no other's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from docexchange.cli import probes
from docexchange.core.admission import GIB, MIB, Disk
from docexchange.core.model import Order
from docexchange.edges import disk, topology
from docexchange.edges.store import StoreLock
from tests.office import Office
from tests.pki import AT

ORDER = Order("an", "bảo trì")


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker where all stands, and room on the disk; the tests take one of them away."""

    async def complete(url: str, wanted: topology.Topology) -> list[str]:
        assert "localhost:1" in url
        assert {one.name for one in wanted.queues} == {
            f"node.H05.{lane}" for lane in ("receipts", "urgent", "normal")
        }
        return []

    async def taken(url: str, names: Iterable[str]) -> dict[str, topology.Depth]:
        assert "localhost:1" in url
        return {name: topology.Depth(0, 1) for name in names}

    monkeypatch.setattr(topology, "check", complete)
    monkeypatch.setattr(topology, "depths", taken)
    monkeypatch.setattr(disk, "measure", lambda _: Disk(free=50 * GIB, total=100 * GIB))


def look(office: Office, *only: str, code: int | None = None) -> dict[str, tuple[str, str]]:
    """Verdict and detail of each probe; the worst one of those with the same name."""
    given = ("--only", ",".join(only)) if only else ()
    ran = office.run("H05", "doctor", "--json", *given)
    if code is not None:
        assert ran.code == code, ran.out
    order = ["not_applicable", "good", "warning", "bad"]
    found: dict[str, tuple[str, str]] = {}
    probed: list[dict[str, Any]] = ran.json["probes"]
    for one in sorted(probed, key=lambda one: order.index(one["verdict"])):
        found[one["name"]] = one["verdict"], f"{one['detail']} → {one['remedy']}"
    return found


def stop(office: Office) -> None:
    """The node's process ended; its store stays readable."""
    office.theatre.nodes["H05"].store._lock.release()


def test_all_is_well_but_nothing_runs(office: Office) -> None:
    stop(office)
    found = look(office, code=1)
    assert {name for name, (verdict, _) in found.items() if verdict == "bad"} == {"daemon"}
    assert found["daemon"][1].endswith("systemctl start docexchange / docexchange run")
    assert {name for name, (verdict, _) in found.items() if verdict == "not_applicable"} == {
        "directory",
        "timestamps",
        "revocation",
    }
    assert set(found) == set(probes.PROBES)


def test_a_running_daemon_is_seen_and_not_disturbed(office: Office) -> None:
    """By the name of the config, or by what that links."""
    assert look(office, "daemon", code=0)["daemon"] == ("good", "running → None")
    stop(office)
    assert look(office, "daemon", code=1)["daemon"][0] == "bad"
    own = StoreLock.of(office.folder / "H05" / "data" / "store.sqlite3")
    own.take()
    assert look(office, "daemon", code=0)["daemon"][0] == "good"
    own.release()


def test_a_broker_that_is_away_hides_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    found = look(office)
    assert found["broker"][0] == "bad"
    assert "the broker did not answer" in found["broker"][1]
    assert found["revocation"][0] == "not_applicable"


def test_a_missing_queue_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_url: str, _wanted: object) -> list[str]:
        return ["queue node.H05.normal"]

    monkeypatch.setattr(topology, "check", gone)
    verdict, text = look(office, "broker", code=1)["broker"]
    assert verdict == "bad"
    assert "queue node.H05.normal → docexchange topology apply" in text


def test_a_clock_behind_the_journal(office: Office) -> None:
    office.play(office.theatre.send(1, ("H01",)))
    office.theatre.clock.advance(-timedelta(minutes=6))
    verdict, text = look(office, "clock", code=1)["clock"]
    assert (verdict, "behind the journal" in text) == ("bad", True)


def test_a_clock_that_differs_from_those_who_answer(office: Office) -> None:
    for number in range(3):
        office.play(office.theatre.send(number, ("H01",)))
    office.settle()
    assert look(office, "clock", code=0)["clock"][0] == "good"
    store = office.theatre.nodes["H05"].store
    ahead = int((AT + timedelta(minutes=2)).timestamp()) * 1_000_000
    with store._access.writer._connection._raw as raw:
        raw.execute("UPDATE receipts SET signed_at = ?", (ahead,))
    verdict, text = look(office, "clock", code=0)["clock"]
    assert (verdict, "after this machine's time" in text) == ("warning", True)


@pytest.mark.parametrize(
    ("free", "verdict", "code"),
    [(1500 * MIB, "warning", 0), (400 * MIB, "bad", 1), (100 * MIB, "bad", 1)],
)
def test_a_disk_that_fills(
    office: Office, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str, code: int
) -> None:
    monkeypatch.setattr(disk, "measure", lambda _: Disk(free=free, total=100 * GIB))
    assert look(office, "disk", code=code)["disk"][0] == verdict


def test_a_key_that_cannot_sign(office: Office) -> None:
    (office.folder / "H05" / "key.pem").unlink()
    verdict, text = look(office, "config", code=1)["config"]
    assert verdict == "bad"
    assert "key.pem" in text


def test_the_oldest_unanswered_a_pause_and_a_hold(office: Office) -> None:
    assert look(office, "destinations", code=0)["destinations"][0] == "good"
    office.theatre.axis.up = False
    office.play(office.theatre.send(1, ("H01",)))
    office.play(office.theatre.nodes["H05"].store.operator.hold_destination("H13", ORDER, AT))
    office.theatre.clock.advance(timedelta(hours=13))
    ran = office.run("H05", "doctor", "--only", "destinations")
    assert ran.code == 0
    assert "H01: the oldest waits for its receipt since" in ran.out
    assert "docexchange queue list --to H01" in ran.out
    assert "H13: held by an: bảo trì" in ran.out
    assert ran.out.splitlines()[-1] == "0 bad, 2 warning(s)"


def test_what_waits_for_a_person(office: Office) -> None:
    office.theatre.axis.up = False
    office.play(office.theatre.send(1, ("H01",)))
    office.play(office.theatre.run(timedelta(hours=73), timedelta(hours=4)))
    verdict, text = look(office, "attention", code=0)["attention"]
    assert (verdict, text) == ("warning", "1 undeliverable → docexchange dead list")


def test_only_what_there_is(office: Office) -> None:
    ran = office.run("H05", "doctor", "--only", "liver")
    assert (ran.code, "liver? config, directory, clock" in ran.err) == (2, True)


def test_in_vietnamese(office: Office) -> None:
    office.lang = "vi"
    out = office.run("H05", "doctor", "--only", "clock,attention").out
    assert "✔ đồng hồ        khớp nhật ký" in out
    assert "0 lỗi, 0 cảnh báo" in out
