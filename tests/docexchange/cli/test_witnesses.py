"""`journal witnesses` and `journal verify --witness`: others hold what a journal was (G2, G3)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from envelopes.evidence.journal import GENESIS, chain
from tests.office import Office
from tests.pki import AT


@pytest.fixture
def witnessed(office: Office, tmp_path: Path) -> Path:
    """Receipts of H01 that H05 holds, an hour apart, in a folder."""
    for number in (98, 99, 100):
        office.play(office.theatre.send(number, ("H01",)))
        office.settle()
        office.theatre.clock.advance(timedelta(hours=1, minutes=1))
        office.settle()
    ran = office.run("H05", "journal", "witnesses", "H01", "-o", tmp_path / "witnesses")
    assert ran.code == 0
    return tmp_path / "witnesses"


def verify(office: Office, *given: object) -> tuple[int, str]:
    trust = ("--trust", office.folder / "root.pem")
    ran = office.run("H01", "journal", "verify", *given, *trust)
    return ran.code, ran.out + ran.err


@contextmanager
def store(office: Office, organ: str) -> Iterator[sqlite3.Connection]:
    """The database of a node, changed behind its back."""
    with closing(sqlite3.connect(office.folder / f"{organ}.sqlite3")) as raw, raw:
        yield raw


def test_receipts_say_how_the_journal_of_their_sender_stood(
    office: Office, witnessed: Path
) -> None:
    assert len(list(witnessed.iterdir())) == 2  # the first receipt left before the first look
    text = office.run("H05", "journal", "witnesses").out
    assert text.startswith("Journals of others\nOF ")
    newest = office.run("H05", "journal", "witnesses", "--json").json["witnesses"]
    found = office.run("H05", "journal", "witnesses", "H01", "--json").json
    assert newest == found["witnesses"][-1:]
    assert [(one["organ"], one["holder"]) for one in found["witnesses"]] == [("H01", "H05")] * 2
    assert found["contradictions"] == []
    ours = office.run("H01", "journal", "witnesses", "--json").json["ours"]
    assert [(one["organ"], one["holder"]) for one in ours] == [("H01", "H05")]
    assert ours[0]["lines"] == found["witnesses"][-1]["lines"]
    told = office.run("H05", "doctor", "--only", "witnesses")
    assert (told.code, "journals of 1 organ(s) agree" in told.out) == (0, True)
    assert office.run("H05", "journal", "witnesses", "H13").err.startswith("no receipt spoke")


def test_the_journal_agrees_with_what_others_hold(office: Office, witnessed: Path) -> None:
    code, text = verify(office, "--witness", witnessed)
    assert (code, "agrees with 2 checkpoint(s)" in text) == (0, True)
    [one, _] = sorted(witnessed.iterdir())
    assert verify(office, "--witness", one)[0] == 0
    exported = office.folder / "journal.txt"
    assert office.run("H01", "journal", "export", "-o", exported).code == 0
    assert verify(office, "--witness", witnessed, "--file", exported)[0] == 0


def test_a_tail_that_was_cut_off_shows(office: Office, witnessed: Path) -> None:
    with store(office, "H01") as raw:
        raw.execute("DELETE FROM journal WHERE number > 3")
    code, text = verify(office)
    assert code == 0  # alone it is whole
    code, text = verify(office, "--witness", witnessed)
    assert (code, "an older copy" in text) == (1, True)


def test_a_history_that_was_written_anew_shows(office: Office, witnessed: Path) -> None:
    with store(office, "H01") as raw:
        head = GENESIS
        rows = list(raw.execute("SELECT number, line FROM journal ORDER BY number"))
        for number, old in rows:
            other = json.dumps(json.loads(old) | {"detail": "x"}, separators=(",", ":"))
            line = other if number == 2 else old
            head = chain(head, line)
            changed = (line, head, number)
            raw.execute("UPDATE journal SET line = ?, hash = ? WHERE number = ?", changed)
    assert verify(office)[0] == 0
    code, text = verify(office, "--witness", witnessed)
    assert (code, "another history" in text) == (1, True)


def test_two_histories_of_one_organ_are_shown_to_who_holds_both(
    office: Office, witnessed: Path
) -> None:
    del witnessed
    with store(office, "H05") as raw:
        raw.execute(
            "INSERT INTO witnesses (of, holder, lines, root, head, at, sha256, seen_at) SELECT of,"
            " holder, lines, upper(root), head, at, sha256, seen_at FROM witnesses LIMIT 1"
        )
        raw.execute(
            "UPDATE witnesses SET why = 'CONTRADICTION' WHERE lines IN"
            " (SELECT lines FROM witnesses WHERE root = upper(root))"
        )
    told = office.run("H05", "doctor", "--only", "witnesses")
    assert (told.code, "H01: its signed receipts speak of two" in told.out) == (1, True)
    ran = office.run("H05", "journal", "witnesses")
    assert ran.code == 1
    assert ran.out.startswith("H01: two histories of the same length [FORK]\n")
    found = office.run("H05", "journal", "witnesses", "--json").json["contradictions"]
    assert [(one["kind"], one["organ"], len(one["statements"])) for one in found] == [
        ("FORK", "H01", 2)
    ]


def test_what_is_no_witness_is_refused_by_name(office: Office, witnessed: Path) -> None:
    [one, *_] = sorted(witnessed.iterdir())
    ran = office.run("H01", "journal", "verify", "--witness", one)
    assert (ran.code, "needs --trust" in ran.err) == (78, True)
    assert verify(office, "--witness", office.folder / "none.edxml")[0] == 4
    (office.folder / "empty").mkdir()
    code, text = verify(office, "--witness", office.folder / "empty")
    assert (code, "there is no .edxml in it" in text) == (4, True)
    trust = ("--trust", office.folder / "root.pem")
    ran = office.run("H05", "journal", "verify", "--witness", one, *trust)
    assert (ran.code, "H01 is not served by this node" in ran.err) == (78, True)
    office.theatre.clock.advance(timedelta(days=3650))  # long after the certificates
    assert verify(office, "--witness", one)[0] == 1
    then = f"{AT + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert verify(office, "--witness", one, "--at", then)[0] == 0
    office.theatre.clock.advance(-timedelta(days=3650))
    changed = office.folder / "changed.edxml"
    changed.write_bytes(one.read_bytes().replace(b"<dx:Checkpoint>", b"<dx:Checkpoint>9"))
    code, text = verify(office, "--witness", changed)
    assert (code, "changed.edxml" in text, "HASH_FAILURE" in text) == (1, True, True)
    sent = office.run("H05", "track", "98/QĐ-UBND", "--json").json
    document = office.folder / "document.edxml"
    document.write_bytes(office.theatre.nodes["H05"].store.contents.read(sent["sha256"]))
    code, text = verify(office, "--witness", document)
    assert (code, "says nothing of a journal" in text) == (1, True)
