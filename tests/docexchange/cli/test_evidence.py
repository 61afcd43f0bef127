"""`evidence import|list|show`, and what an imported list changes: row F1 as a person sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.schedule import Lane
from docexchange.edges.evidence import Collector
from docexchange.edges.webfetch import Rules
from docexchange.flow import keeper
from keys.certificates import Certificate
from keys.trust import Trust, TrustAnchor
from tests.authority import WEEK, answer, crl
from tests.docexchange.cli.test_quarantine import envelope
from tests.office import Office
from tests.pki import AT, DAY, P256

SIGNER = P256.organ("H01").certificate
WHY = ("--reason", "CRL tháng 6")
HELD = 1000  # envelopes that came while the CA was down
CHECKED = '[revocation]\npolicy = "required"\n'


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A folder as a person brings it from the CA: two lists and a page."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "root.crl").write_bytes(crl(P256.root, next_update=AT + WEEK))
    (folder / "ca.crl").write_bytes(crl(P256.issuing, next_update=AT + WEEK))
    (folder / "index.html").write_text("<html>CRL</html>")
    return folder


@pytest.fixture
def strict(office: Office) -> Office:
    """H05 believes nothing whose certificate may be revoked."""
    path = office.folder / "H05" / "docexchange.toml"
    path.write_text(path.read_text() + CHECKED)
    node = office.theatre.nodes["H05"]
    anchor = TrustAnchor(P256.root.certificate, "required")
    node.world = replace(node.world, trust=Trust([anchor]))
    return office


def receive(office: Office, data: bytes = b"") -> bytes:
    """Let H05 have an envelope, number 98 if none is given; its bytes."""
    data = data or envelope(98)
    office.theatre.axis.put(Lane.NORMAL, "H05", data, "node-H01")
    office.play(office.theatre.nodes["H05"].turn())
    return data


def test_import_names_each_file_and_what_was_left_out(office: Office, lists: Path) -> None:
    ran = office.run("H05", "evidence", "import", lists, *WHY)
    assert ran.code == 3  # one of them is none
    assert ran.out.count("revocation list (CRL)") == 2
    assert ran.out.count("· new") == 2
    assert "index.html: neither a CRL" in ran.err
    assert "as a page of a web site is" in ran.err
    again = office.run("H05", "evidence", "import", lists / "ca.crl", *WHY)
    assert (again.code, "· known" in again.out) == (0, True)
    alone = office.run("H05", "evidence", "import", lists / "index.html")
    assert (alone.code, "neither a CRL" in alone.err) == (78, True)


def test_a_dry_run_keeps_nothing(office: Office, lists: Path) -> None:
    ran = office.run("H05", "evidence", "import", lists / "ca.crl", "--dry-run", "--json")
    assert [one["new"] for one in ran.json["evidence"]] == [True]
    assert office.run("H05", "evidence", "list", "--json").json["evidence"] == []


def test_list_and_show(office: Office, lists: Path, tmp_path: Path) -> None:
    assert office.run("H05", "evidence", "list").err == "there is none\n"
    office.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    listed = office.run("H05", "evidence", "list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NO.", "2", "1"]
    assert "import:ca.crl" in listed.out
    office.theatre.clock.advance(8 * DAY)
    assert "(over)" in office.run("H05", "evidence", "list").out
    out = tmp_path / "out.crl"
    shown = office.run("H05", "evidence", "show", "2", "-o", out)
    assert shown.code == 0
    assert out.read_bytes() == (lists / "ca.crl").read_bytes()
    found = office.run("H05", "evidence", "show", "2", "--json").json
    assert office.run("H05", "evidence", "show", found["sha256"][:12]).code == 0
    assert office.run("H05", "evidence", "show", "7").code == 4


def test_without_evidence_an_envelope_is_held_until_it_comes(strict: Office, lists: Path) -> None:
    receive(strict)
    store = strict.theatre.nodes["H05"].store
    assert (store.incoming.kept("1").held, store.incoming.kept("1").reason) == (
        True,
        "REVOCATION_MISSING",
    )
    assert store.incoming.arrivals() == []
    strict.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    ran = strict.run("H05", "quarantine", "recheck", "1", *WHY)
    assert (ran.code, ran.out) == (0, "1: it passed, and went to the inbox\n")
    assert [view.number for view in store.incoming.arrivals()] == ["98"]


@pytest.mark.slow
def test_after_an_outage_all_that_was_held_is_judged_again_in_small_steps(
    strict: Office, lists: Path
) -> None:
    """1,000 of them: none is forgotten, none asks for a person, no round takes more than a few."""
    node, now = strict.theatre.nodes["H05"], strict.theatre.clock.now()
    for number in range(1, HELD + 1):
        strict.theatre.axis.put(Lane.NORMAL, "H05", envelope(number), "node-H01")
    strict.play(node.turn())
    assert len(node.store.incoming.kept_list(held=True, limit=2 * HELD)) == HELD
    strict.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    early = strict.play(keeper.recheck(world=node.world, now=now))
    assert early == 0  # a round before the daemon has read what was imported decides nothing
    trust, evidence = node.world.trust, node.world.evidence
    collector = Collector(evidence=evidence, trust=trust, store=node.store.evidence, rules=Rules())
    assert strict.play(collector.take_up(now)) == 2
    rounds = []
    while settled := strict.play(keeper.recheck(world=node.world, now=now)):
        rounds.append(settled)
    assert rounds == [keeper.HELD_ROWS] * (HELD // keeper.HELD_ROWS)
    assert node.store.incoming.kept_list(held=True) == []
    arrived = sorted(int(view.number) for view in node.store.incoming.arrivals(limit=2 * HELD))
    assert arrived == list(range(1, HELD + 1))


def test_after_the_grace_a_person_decides(strict: Office, lists: Path) -> None:
    receive(strict)
    node = strict.theatre.nodes["H05"]
    strict.play(strict.theatre.run(timedelta(hours=3, minutes=50), timedelta(minutes=5)))
    assert node.store.incoming.kept("1").held is True
    strict.play(strict.theatre.run(timedelta(minutes=20), timedelta(minutes=5)))
    assert (node.store.incoming.kept("1").held, node.store.incoming.arrivals()) == (False, [])
    assert (
        strict.theatre.nodes["H01"].store.incoming.arrivals() == []
    )  # and nobody was told "revoked"
    again = strict.run("H05", "quarantine", "recheck", "1")
    assert (again.code, "REVOCATION_MISSING" in again.out) == (1, True)
    strict.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    assert strict.run("H05", "quarantine", "recheck", "1").code == 0
    assert [view.number for view in node.store.incoming.arrivals()] == ["98"]


def journal(office: Office) -> list[dict[str, object]]:
    """What H05 wrote down, in order."""
    raw = office.theatre.nodes["H05"].store._access.reader._raw
    return [json.loads(line) for (line,) in raw.execute("SELECT line FROM journal ORDER BY number")]


def past_the_grace(strict: Office) -> bytes:
    """Let H05 wait in vain for evidence of an envelope; its bytes."""
    data = receive(strict)
    strict.play(strict.theatre.run(timedelta(hours=4, minutes=10), timedelta(minutes=5)))
    assert strict.theatre.nodes["H05"].store.incoming.kept("1").held is False
    return data


@pytest.mark.parametrize("decision", ["recheck", "discard"])
def test_what_a_person_decides_after_the_grace_is_journalled(
    strict: Office, lists: Path, decision: str
) -> None:
    past_the_grace(strict)
    if decision == "recheck":
        strict.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    before = len(journal(strict))
    ran = strict.run("H05", "quarantine", decision, "1", "--reason", "đã hỏi CA")
    assert ran.code == 0, ran.err
    written = journal(strict)[before:]
    assert any(line.get("detail") == "đã hỏi CA" and line.get("by") for line in written)
    assert len(strict.theatre.nodes["H05"].store.incoming.arrivals()) == (decision == "recheck")


def test_after_the_grace_the_sender_s_next_copy_is_judged_by_what_came(
    strict: Office, lists: Path
) -> None:
    data = past_the_grace(strict)
    store = strict.theatre.nodes["H05"].store
    receive(strict, data)
    assert (store.incoming.kept("1").copies, store.incoming.arrivals()) == (2, [])
    strict.run("H05", "evidence", "import", lists / "root.crl", lists / "ca.crl", *WHY)
    node = strict.theatre.nodes["H05"]
    for name in ("root.crl", "ca.crl"):  # as its collector does within a second
        node.world.evidence.add((lists / name).read_bytes())
    receive(strict, data)
    assert [view.number for view in store.incoming.arrivals()] == ["98"]


def test_what_a_revoked_key_signed_is_quarantined(strict: Office, tmp_path: Path) -> None:
    revoked: dict[Certificate | int, object] = {SIGNER: AT - DAY}
    (tmp_path / "ca.crl").write_bytes(crl(P256.issuing, revoked))  # type: ignore[arg-type]
    (tmp_path / "root.crl").write_bytes(crl(P256.root))
    receive(strict)
    strict.run("H05", "evidence", "import", tmp_path / "ca.crl", tmp_path / "root.crl", *WHY)
    ran = strict.run("H05", "quarantine", "recheck", "1", "--json")
    assert (ran.code, ran.json["state"], ran.json["reason"]) == (1, "quarantined", "REVOKED")
    assert strict.theatre.nodes["H05"].store.incoming.arrivals() == []


def test_who_imported_what_and_why_is_journalled(office: Office, lists: Path) -> None:
    office.run("H05", "evidence", "import", lists / "ca.crl", *WHY)
    store = office.theatre.nodes["H05"].store
    [line] = store._access.reader._raw.execute(
        "SELECT line FROM journal ORDER BY number DESC LIMIT 1"
    ).fetchone()
    assert '"event":"evidence_kept"' in line
    assert "CRL tháng 6" in line
    assert '"by":"' in line


def test_a_bundle_brings_the_evidence_that_it_needs(
    strict: Office, lists: Path, tmp_path: Path
) -> None:
    """An auditor who asks for evidence needs nothing but the bundle and the anchors."""
    (lists / "leaf.ocsp").write_bytes(answer(SIGNER, P256.issuing, next_update=AT + DAY))
    (lists / "index.html").unlink()
    receive(strict)
    strict.run("H05", "evidence", "import", lists, *WHY)
    strict.run("H05", "quarantine", "recheck", "1")
    strict.settle()
    bundle = tmp_path / "X.zip"
    made = strict.run("H05", "bundle", "make", "98/QĐ-UBND", "-o", bundle)
    assert made.code == 0, made.err
    terms = ("--trust", tmp_path / "root.pem", "--revocation", "required", "--json")
    whole = strict.bare("verify", bundle, *terms)
    assert whole.code == 0, whole.out
    assert "REVOCATION" not in str(whole.json["document"]["checks"])
