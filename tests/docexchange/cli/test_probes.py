"""Each probe of `doctor`, well and ill: what it says then, and that it says so alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from docexchange.cli import probes
from docexchange.cli.doctor import _NAMES
from docexchange.cli.probe import Patient
from docexchange.core.admission import GIB, MIB, Disk
from docexchange.core.errors import Conflict
from docexchange.core.names import AXIS_DEAD, EVENTS, INBOX, SUBMIT_QUEUE, queue_name
from docexchange.core.schedule import Lane
from docexchange.edges import disk, topology
from tests.authority import WEEK, crl
from tests.docexchange.cli.test_evidence import CHECKED
from tests.docexchange.cli.test_timestamps import stamp
from tests.office import Office
from tests.pki import AT, P256

HOUR = timedelta(hours=1)
STAMPED = '[timestamps]\nurls = ["https://tsa.example/tsr"]\n'
MAILROOM = '[mailroom]\nurl = "amqp://guest:guest@localhost:1"\n'
DEMO = "trusts a DEMO CA"  # the test PKI is one, and says so to every node
Ill = Callable[[Office, pytest.MonkeyPatch], None]


def hold(patch: pytest.MonkeyPatch, differing: dict[str, topology.Depth]) -> None:
    """Every queue is empty and has its consumer, but these."""

    async def told(_url: str, names: Iterable[str]) -> dict[str, topology.Depth]:
        return {name: differing.get(name, topology.Depth(0, 1)) for name in names}

    patch.setattr(topology, "depths", told)


@pytest.fixture(autouse=True)
def well(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node to which every probe applies, and of which every probe says good: its daemon runs (the
    theatre's), documents came and went, all are stamped, lists are in force."""

    async def complete(_url: str, _wanted: topology.Topology) -> list[str]:
        return []

    monkeypatch.setattr(topology, "check", complete)
    hold(monkeypatch, {})
    monkeypatch.setattr(disk, "measure", lambda _: Disk(free=50 * GIB, total=100 * GIB))
    config = office.folder / "H05" / "docexchange.toml"
    organ = 'chain = "chain.pem"\n'
    text = config.read_text().replace(organ, organ + 'mailroom = "mr-H05"\n')
    text = text.replace("[node]\n", '[node]\ndirectory_authority = "../H13/chain.pem"\n', 1)
    config.write_text(text + STAMPED + CHECKED + MAILROOM)
    directory, home = office.folder / "directory.toml", office.folder / "H13"
    directory.write_text("number = 7\n" + directory.read_text())
    keys = ("--key", home / "key.pem", "--cert", home / "chain.pem")
    assert office.run("H05", "directory", "sign", directory, *keys).code == 0
    lists = office.folder / "lists"
    lists.mkdir()
    for name, authority in (("root", P256.root), ("ca", P256.issuing)):
        (lists / f"{name}.crl").write_bytes(crl(authority, next_update=AT + WEEK))
    assert office.run("H05", "evidence", "import", lists, "--reason", "CRL").code == 0
    office.play(office.theatre.send(1, ("H01",)))
    office.settle()
    stamp(office)


def look(office: Office, name: str) -> list[tuple[str, str, str]]:
    """(verdict, detail, what to do) of what one probe found."""
    ran = office.run("H05", "doctor", "--json", "--only", name)
    found: list[dict[str, Any]] = ran.json["probes"]
    assert ran.code == (1 if any(one["verdict"] == "bad" for one in found) else 0)
    return [(one["verdict"], one["detail"], one["remedy"] or "") for one in found]


def test_each_says_good_of_a_node_that_is_well(office: Office) -> None:
    for name in probes.PROBES:
        found = [one for one in look(office, name) if DEMO not in one[1]]
        assert {verdict for verdict, _, _ in found} == {"good"}, (name, found)
        assert {remedy for _, _, remedy in found} == {""}
        assert all(detail for _, detail, _ in found)
    assert [detail for _, detail, _ in look(office, "broker")] == [
        "axis: 3 queues stand",
        "mr-H05: 5 queues stand",
    ]
    lanes = ", ".join(f"{queue_name('H05', lane)} 0" for lane in Lane)
    assert [detail for _, detail, _ in look(office, "queues")] == [
        f"axis: {lanes}, docexchange.dead 0",
        "mr-H05: mr.submit.q 0, mr.inbox 0, mr.replies 0, mr.events 0, mr.dead.q 0",
    ]


def no_key(office: Office, _patch: pytest.MonkeyPatch) -> None:
    (office.folder / "H05" / "key.pem").unlink()


def late_clock(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.theatre.clock.advance(-timedelta(minutes=6))


def full_disk(_office: Office, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(disk, "measure", lambda _: Disk(free=400 * MIB, total=100 * GIB))


def used_quota(office: Office, _patch: pytest.MonkeyPatch) -> None:
    config = office.folder / "H05" / "docexchange.toml"
    config.write_text(config.read_text() + "[backpressure]\nopen_deliveries = 1\n")
    office.theatre.axis.up = False
    office.play(office.theatre.send(2, ("H01",)))


def old_snapshot(office: Office, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(probes, "WAL_LARGE", 10)
    office.play(office.theatre.send(2, ("H01",)))


def damage(office: Office, _patch: pytest.MonkeyPatch) -> None:
    """A message that a porter set aside, since its content cannot be read."""
    with closing(sqlite3.connect(office.folder / "H05.sqlite3")) as raw:
        raw.execute(
            "INSERT INTO mailroom_messages (vhost, routing_key, message_id, type, content_type,"
            " correlation_id, headers, blob, created_at, large) SELECT 'mr-H05', 'document.H05',"
            " 'A-BAD', 't', 'c', '', '{}', sha256, 0, 2 FROM blobs LIMIT 1"
        )
        raw.commit()


def nothing_runs(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.theatre.nodes["H05"].store._lock.release()


def no_queue(_office: Office, patch: pytest.MonkeyPatch) -> None:
    async def gone(url: str, _wanted: object) -> list[str]:
        return ["queue mr.submit.q"] if url.endswith("/mr-H05") else []

    patch.setattr(topology, "check", gone)


def no_mailroom(_office: Office, patch: pytest.MonkeyPatch) -> None:
    hold(patch, {INBOX: topology.Depth(1_200, 0)})


def deaf_node(_office: Office, patch: pytest.MonkeyPatch) -> None:
    hold(patch, {SUBMIT_QUEUE: topology.Depth(3, 0)})


def refused(_office: Office, patch: pytest.MonkeyPatch) -> None:
    hold(patch, {AXIS_DEAD: topology.Depth(2, 0)})


def no_answer(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.theatre.axis.up = False
    office.play(office.theatre.send(2, ("H13",)))
    office.theatre.clock.advance(13 * HOUR)


def quarantined(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.theatre.axis.put(Lane.NORMAL, "H05", b"<a/>", "node-H01")
    office.play(office.theatre.nodes["H05"].turn())


def unstamped(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.play(office.theatre.send(2, ("H01",)))
    office.theatre.clock.advance(HOUR)


def two_journals(office: Office, _patch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(office.folder / "H05.sqlite3")) as raw, raw:
        for number in (1, 2):
            raw.execute(
                "INSERT INTO witnesses (of, holder, lines, root, head, at, sha256, seen_at, why)"
                " VALUES ('H13', 'H05', 9, ?, 'head', 0, ?, 0, 'CONTRADICTION')",
                (f"root {number}", f"receipt {number}"),
            )


def changed_directory(office: Office, _patch: pytest.MonkeyPatch) -> None:
    with (office.folder / "directory.toml").open("a") as file:
        file.write("\n")


def over(office: Office, _patch: pytest.MonkeyPatch) -> None:
    office.theatre.clock.advance(WEEK + HOUR)


def no_list(office: Office, _patch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(office.folder / "H05.sqlite3")) as raw:
        raw.execute("DELETE FROM evidence")
        raw.commit()


AILMENTS: dict[Ill, tuple[str, str, str, str]] = {
    no_key: ("config", "bad", "key.pem", "docexchange config check"),
    late_clock: ("clock", "bad", "nothing is signed", "(NTP)"),
    full_disk: ("disk", "bad", "new documents are refused", "make room at"),
    used_quota: ("disk", "warning", "mr-H05: 1 deliveries under way, its quota", "queue shape"),
    old_snapshot: ("store", "warning", "WAL", "find and end it"),
    damage: ("store", "bad", "the content of A-BAD is damaged", "restore from a copy"),
    nothing_runs: ("daemon", "bad", "nothing leaves or arrives", "docexchange run"),
    no_queue: ("broker", "bad", "mr-H05: queue mr.submit.q", "docexchange topology apply"),
    no_mailroom: ("queues", "warning", "mr-H05: 1,200 message(s) wait in mr.inbox", "its login"),
    deaf_node: ("queues", "bad", "takes nothing from mr.submit.q (3)", "restart docexchange"),
    refused: ("queues", "warning", "axis: 2 refused message(s) lie in", "Queues of refused"),
    no_answer: ("destinations", "warning", "H13: the oldest waits", "agency ping H13"),
    quarantined: ("attention", "warning", "1 quarantined", "docexchange quarantine list"),
    unstamped: ("timestamps", "warning", "the oldest 1 h", "docexchange timestamps check"),
    changed_directory: ("directory", "bad", "somebody else signed", ""),
    two_journals: ("witnesses", "bad", "H13: its signed receipts speak of two", "witnesses H13"),
    over: ("revocation", "bad", "what it certified is held", "docexchange evidence import"),
    no_list: ("revocation", "warning", "no list is here", "docexchange evidence import"),
}


@pytest.mark.parametrize("ill", AILMENTS, ids=lambda ill: ill.__name__)
def test_each_finds_what_is_wrong_and_says_what_to_do(
    office: Office, monkeypatch: pytest.MonkeyPatch, ill: Ill
) -> None:
    name, verdict, detail, remedy = AILMENTS[ill]
    ill(office, monkeypatch)
    worst = [one for one in look(office, name) if one[0] not in ("good", "not_applicable")]
    worst = [one for one in worst if DEMO not in one[1]]
    assert [one[0] for one in worst] == [verdict] * len(worst)
    assert any(detail in one[1] and remedy in one[2] for one in worst), worst


def test_no_probe_is_without_an_illness_and_a_name() -> None:
    assert {name for name, *_ in AILMENTS.values()} == set(probes.PROBES)
    assert set(probes.PROBES) <= set(_NAMES)


@pytest.mark.parametrize("name", ["config", "broker"])
def test_a_probe_that_fails_itself_hides_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(_patient: Patient) -> Any:
        raise Conflict("it cannot be looked at", "không xem được")
        yield

    monkeypatch.setitem(probes.PROBES, name, fails)
    ran = office.run("H05", "doctor", "--json")
    verdicts = {one["name"]: one["verdict"] for one in ran.json["probes"]}
    assert ran.code == 1
    assert [one for one, verdict in verdicts.items() if verdict == "bad"] == [name]
    assert set(verdicts) == set(probes.PROBES)


def test_queues_that_nobody_should_take_from_are_no_trouble(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = topology.Depth(0, 0)
    hold(monkeypatch, {INBOX: empty, EVENTS: topology.Depth(9, 0), AXIS_DEAD: empty})
    assert {verdict for verdict, _, _ in look(office, "queues")} == {"good"}
    nothing_runs(office, monkeypatch)  # said by the probe `daemon`, once
    deaf_node(office, monkeypatch)
    assert {verdict for verdict, _, _ in look(office, "queues")} == {"good"}
