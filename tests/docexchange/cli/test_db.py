"""`db`: a backup is made, looked at and put back, and nothing is sent twice for it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.office import Office

HOURS = timedelta(hours=12)
REF = "H05-00000000000000000000000001"
WHY = ("--reason", "H01 đã trả lời: chưa nhận")


@pytest.fixture
def copy(office: Office) -> Path:
    """A backup of H05 made while a document waits for its receipt, which came afterwards."""
    assert office.play(office.theatre.send(98, ("H01",))) == REF
    office.play(office.theatre.nodes["H05"].turn())
    path = office.folder / "copy.db"
    assert office.run("H05", "db", "backup", path).code == 0
    office.settle()
    assert states(office) == ["acknowledged"]
    return path


def states(office: Office) -> list[str]:
    return [
        one.state.value
        for one in office.theatre.nodes["H05"].store.outgoing.document(REF).deliveries
    ]


def put_back(office: Office, copy: Path) -> None:
    """Restore with the node stopped, and start it again."""
    node = office.theatre.nodes["H05"]
    node.store.close()
    ran = office.run("H05", "db", "restore", copy, "--replace", "--json")
    assert (ran.code, ran.json["held"]) == (0, 1), ran.err
    node._open()


def publishes(office: Office) -> int:
    rows = office.theatre.nodes["H05"].store._access.reader._raw
    return int(rows.execute("SELECT sum(attempts + copies) FROM deliveries").fetchone()[0])


def test_a_backup_is_whole_and_a_changed_one_is_not(office: Office, copy: Path) -> None:
    ran = office.run("H05", "db", "check", copy)
    assert (ran.code, "whole" in ran.out) == (0, True), ran.err
    assert office.run("H05", "db", "check").code == 0
    manifest = json.loads(copy.with_name("copy.db.json").read_text())
    assert manifest["node"] == "H05"
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    ran = office.run("H05", "db", "check", copy)
    assert ran.code == 1
    assert "its manifest says" in ran.out


def test_a_running_node_is_not_restored(office: Office, copy: Path) -> None:
    assert office.run("H05", "db", "restore", copy, "--replace").code == 5
    assert states(office) == ["acknowledged"]


def test_what_a_peer_acknowledged_is_not_sent_again_until_a_person_says_so(
    office: Office, copy: Path
) -> None:
    put_back(office, copy)
    before = publishes(office)
    office.play(office.theatre.run(HOURS, HOURS / 12))
    assert (publishes(office), states(office)) == (before, ["queued"])
    held = office.run("H05", "queue", "list", "--state", "held", "--json").json["deliveries"]
    assert [one["organ"] for one in held] == ["H01"]
    assert office.run("H05", "queue", "release", REF, *WHY).code == 0
    office.play(office.theatre.run(HOURS, HOURS / 12))
    assert states(office) == ["acknowledged"]
    assert len(office.theatre.nodes["H01"].store.incoming.arrivals()) == 1
