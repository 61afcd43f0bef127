"""`journal`: the history of a node shown, checked, signed and proven."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.docexchange.cli.test_exchange import pdf, send  # noqa: F401  # a fixture
from tests.office import Office


@pytest.fixture
def sent(office: Office, pdf: Path) -> str:  # noqa: F811
    """A document that was acknowledged by both."""
    ref = send(office, pdf)
    office.settle()
    return ref


def store(office: Office) -> Path:
    return next((office.folder / "H05").rglob("*.sqlite3"))


def change(office: Office, sql: str) -> None:
    raw = sqlite3.connect(store(office))
    raw.execute(sql)
    raw.commit()
    raw.close()


@pytest.mark.usefixtures("sent")
def test_head_and_verify_agree(office: Office) -> None:
    head = office.run("H05", "journal", "head", "--json").json
    assert head["schema"] == "docexchange/journal-head/v1"
    ran = office.run("H05", "journal", "verify", "--json")
    assert ran.code == 0
    assert (ran.json["whole"], ran.json["lines"], ran.json["head"]) == (
        True,
        head["lines"],
        head["head"],
    )
    text = office.run("H05", "journal", "verify").out
    assert "the chain is whole" in text
    assert "held against no checkpoint" in text
    assert head["root"] in office.run("H05", "journal", "head").out


@pytest.mark.usefixtures("sent")
def test_a_changed_line_is_named(office: Office) -> None:
    change(office, "UPDATE journal SET line = replace(line, 'queued', 'sent') WHERE number = 1")
    ran = office.run("H05", "journal", "verify")
    assert ran.code == 1
    assert "BROKEN · journal: line 1 was changed" in ran.out
    ran = office.run("H05", "journal", "verify", "--json")
    assert (ran.code, ran.json["whole"], ran.json["line"]) == (1, False, 1)
    office.lang = "vi"
    assert "HỎNG · nhật ký: dòng 1 bị sửa" in office.run("H05", "journal", "verify").out
    for command in (["head"], ["checkpoint", "-o", "x"], ["export", "-o", "y"]):
        assert office.run("H05", "journal", *command).code == 1
    assert not Path("x").exists()
    assert not Path("y").exists()


def test_a_checkpoint_shows_that_lines_were_cut_off(
    office: Office, sent: str, tmp_path: Path
) -> None:
    kept, trust = tmp_path / "kept.json", ("--trust", tmp_path / "root.pem")
    assert office.run("H05", "journal", "checkpoint", "-o", kept).code == 0
    send_more = office.run("H05", "journal", "verify", "--checkpoint", kept, *trust)
    assert "agrees with 1 checkpoint(s)" in send_more.out
    change(office, "DELETE FROM journal WHERE number = (SELECT max(number) FROM journal)")
    assert office.run("H05", "journal", "verify").code == 0
    ran = office.run("H05", "journal", "verify", "--checkpoint", kept, *trust)
    assert ran.code == 1
    assert "an older copy" in ran.out


@pytest.mark.usefixtures("sent")
def test_a_checkpoint_needs_anchors_and_must_pass(office: Office, tmp_path: Path) -> None:
    kept, trust = tmp_path / "kept.json", ("--trust", tmp_path / "root.pem")
    office.run("H05", "journal", "checkpoint", "-o", kept)
    ran = office.run("H05", "journal", "verify", "--checkpoint", kept)
    assert (ran.code, "needs --trust" in ran.err) == (78, True)
    given = json.loads(kept.read_text())
    given["text"] = given["text"].replace("lines ", "lines 9")
    kept.write_text(json.dumps(given))
    ran = office.run("H05", "journal", "verify", "--checkpoint", kept, *trust)
    assert (ran.code, "SIG_CRYPTO_FAILURE" in ran.err) == (1, True)
    ran = office.bare("journal", "check", kept, *trust)
    assert (ran.code, ran.out.startswith("TOTAL-FAILED")) == (1, True)
    kept.write_text("{")
    assert office.bare("journal", "check", kept, *trust).code == 1
    assert office.bare("journal", "check", tmp_path / "none", *trust).code == 4


@pytest.mark.usefixtures("sent")
def test_an_export_is_checked_without_the_node(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "journal.txt"
    ran = office.run("H05", "journal", "export", "-o", file, "--json")
    assert (ran.code, ran.json["lines"]) == (0, len(file.read_text().splitlines()))
    assert office.run("H05", "journal", "export", "-o", file).code == 5
    ran = office.bare("journal", "verify", "--file", file, "--json")
    assert (ran.code, ran.json["whole"]) == (0, True)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x80
    file.write_bytes(data)
    assert office.bare("journal", "verify", "--file", file).code == 1


def test_a_proof_is_checked_without_the_node(office: Office, sent: str, tmp_path: Path) -> None:
    file, trust = tmp_path / "proof.json", ("--trust", tmp_path / "root.pem")
    ran = office.run("H05", "journal", "prove", sent, "-o", file, "--json")
    assert (ran.code, len(ran.json["proven"]) >= 3) == (0, True)
    ran = office.bare("journal", "check", file, *trust)
    assert (ran.code, ran.out.startswith("TOTAL-PASSED")) == (0, True), ran.out + ran.err
    assert '"event":"queued"' in ran.out
    found = office.bare("journal", "check", file, *trust, "--json").json["files"][0]
    assert (found["kind"], found["indication"], found["unproven"]) == ("proof", "TOTAL-PASSED", [])
    given = json.loads(file.read_text())
    given["lines"][0]["line"] = given["lines"][0]["line"].replace("queued", "forged")
    file.write_text(json.dumps(given))
    ran = office.bare("journal", "check", file, *trust)
    assert (ran.code, "does not lead to the root" in ran.out) == (1, True)
    assert office.run("H05", "journal", "prove", "none", "-o", tmp_path / "x").code == 4


@pytest.mark.usefixtures("sent")
def test_who_does_not_count_signs_nothing(office: Office, tmp_path: Path) -> None:
    ran = office.run("H05", "journal", "checkpoint", "--organ", "H13", "-o", tmp_path / "x")
    assert (ran.code, "not served by this node" in ran.err) == (78, True)
