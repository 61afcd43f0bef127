"""`quarantine export|recheck|discard`: a person decides, and never makes us believe anything."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from docexchange.cli.quarantine_orders import AT_ONCE
from docexchange.core.schedule import Lane
from docexchange.edges.directory import TomlDirectory
from envelopes.pack import pack, with_trace
from tests.office import Office
from tests.pki import AT, P256
from tests.theatre import document

WHY = ("--reason", "đã gọi điện xác nhận")


def envelope(number: int = 98, sender: str = "H01") -> bytes:
    """Of H01 for H05, signed by `sender`."""
    made = with_trace(document(number, ("H05",), "H01"), "H01", AT)
    return pack(made, P256.signer(sender), signing_time=AT)


@pytest.fixture
def forged(office: Office) -> bytes:
    """An envelope of H01 that H13 signed, in the quarantine of H05 as number 1."""
    data = envelope(sender="H13")
    office.theatre.axis.put(Lane.NORMAL, "H05", data, "node-H13")
    office.settle()
    return data


def test_export_writes_the_bytes_as_they_came(
    office: Office, forged: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "forged.edxml"
    ran = office.run("H05", "quarantine", "export", "1", "-o", out, "--json")
    assert (ran.code, ran.json["whole"], ran.json["size"]) == (0, True, len(forged))
    assert out.read_bytes() == forged
    again = office.run("H05", "quarantine", "export", "1", "-o", out)
    assert (again.code, "--force" in again.err) == (5, True)


def test_a_recheck_of_what_is_still_forged_stays_in_quarantine(
    office: Office, forged: bytes
) -> None:
    store = office.theatre.nodes["H05"].store
    ran = office.run("H05", "quarantine", "recheck", "1", *WHY)
    assert ran.code == 1
    assert "1: quarantined: " in ran.out
    assert store.incoming.arrivals() == []
    assert store.incoming.kept("1").sha256 == hashlib.sha256(forged).hexdigest()
    assert store.incoming.kept("1").held is False


def test_what_passes_after_the_directory_was_mended_goes_to_the_inbox(office: Office) -> None:
    path = office.folder / "directory.toml"
    right = path.read_text(encoding="utf-8")
    node = office.theatre.nodes["H05"]
    whole, mended = node.world.directory, node.world
    path.write_text(right.replace('[organs."H01"]', '[organs."H77"]'), encoding="utf-8")
    node.world = replace(mended, directory=TomlDirectory.load(path))
    office.theatre.axis.put(Lane.NORMAL, "H05", envelope(), "node-H01")
    office.settle()
    assert node.store.incoming.arrivals() == []
    path.write_text(right, encoding="utf-8")
    node.world = replace(mended, directory=whole)
    ran = office.run("H05", "quarantine", "recheck", "1", "--dry-run")
    assert (ran.code, node.store.incoming.arrivals()) == (0, [])
    ran = office.run("H05", "quarantine", "recheck", "1", *WHY)
    assert (ran.code, ran.out) == (0, "1: it passed, and went to the inbox\n")
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]
    assert "SETTLED" in office.run("H05", "quarantine", "show", "1").out
    again = office.run("H05", "quarantine", "recheck", "1")
    assert (again.code, "it was settled" in again.err) == (5, True)


def test_all_of_a_reason_are_judged_again_at_once(office: Office, forged: bytes) -> None:
    path = office.folder / "directory.toml"
    right = path.read_text(encoding="utf-8")
    node = office.theatre.nodes["H05"]
    whole, mended = node.world.directory, node.world
    path.write_text(right.replace('[organs."H01"]', '[organs."H77"]'), encoding="utf-8")
    node.world = replace(mended, directory=TomlDirectory.load(path))
    for number in range(1, AT_ONCE + 3):
        office.theatre.axis.put(Lane.NORMAL, "H05", envelope(number), "node-H01")
    office.settle()
    assert node.store.incoming.arrivals() == []
    path.write_text(right, encoding="utf-8")
    node.world = replace(mended, directory=whole)
    unbound = node.store.incoming.kept("2").reason
    assert office.run("H05", "quarantine", "recheck", "--all").code == 2  # why?
    assert office.run("H05", "quarantine", "recheck", *WHY).code == 2  # which?
    assert office.run("H05", "quarantine", "recheck", "2", "--all", *WHY).code == 2
    dry = office.run("H05", "quarantine", "recheck", "--all", "--dry-run", "--json", *WHY)
    assert (dry.code, len(dry.json["envelopes"])) == (0, AT_ONCE + 3)
    assert node.store.incoming.arrivals() == []
    ran = office.run("H05", "quarantine", "recheck", "--all", "--code", unbound, *WHY)
    assert ran.code == 0
    assert ran.out.endswith(f"{AT_ONCE + 2} envelope(s), {AT_ONCE + 2} settled\n")
    assert len(node.store.incoming.arrivals(limit=100)) == AT_ONCE + 2
    ran = office.run("H05", "quarantine", "recheck", "--all", "--json", *WHY)
    assert (ran.code, [one["state"] for one in ran.json["envelopes"]]) == (1, ["quarantined"])
    assert ran.json["envelopes"][0]["sha256"] == hashlib.sha256(forged).hexdigest()


def test_discard_drops_the_content_and_keeps_the_report(
    office: Office, forged: bytes, tmp_path: Path
) -> None:
    assert office.run("H05", "quarantine", "discard", "1").code == 2  # why?
    dry = office.run("H05", "quarantine", "discard", "1", "--dry-run", *WHY)
    assert dry.code == 0
    assert office.theatre.nodes["H05"].store.incoming.kept("1").outcome == ""
    ran = office.run("H05", "quarantine", "discard", "1", *WHY)
    assert (ran.code, ran.out) == (0, "1: dropped, its content is gone\n")
    shown = office.run("H05", "quarantine", "show", "1", "--json").json
    assert (shown["state"], shown["outcome"]) == ("settled", "discarded")
    assert shown["report"]["checks"]
    exported = office.run("H05", "quarantine", "export", "1", "-o", tmp_path / "x.edxml")
    assert exported.code == 3
    assert "only 0 " in exported.err
    assert office.run("H05", "quarantine", "list").out == ""


def test_the_line_of_the_journal_says_who_and_why(office: Office, forged: bytes) -> None:
    del forged
    office.run("H05", "quarantine", "discard", "1", *WHY)
    store = office.theatre.nodes["H05"].store
    [last] = store._access.reader._raw.execute(
        "SELECT line FROM journal ORDER BY number DESC LIMIT 1"
    ).fetchone()
    assert '"event":"discarded"' in last
    assert WHY[1] in last
    assert '"by":"' in last
