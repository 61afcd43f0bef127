"""`bundle make` and `verify X.zip`: from the store of a node to an auditor without one."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import tracemalloc
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.docexchange.cli.test_exchange import pdf, send  # noqa: F401  # a fixture
from tests.office import Office
from tests.pki import AT, OTHER

XMLSEC = "xmlsec1 --verify"


@pytest.fixture
def sent(office: Office, pdf: Path) -> str:  # noqa: F811
    """A document that was acknowledged by both."""
    ref = send(office, pdf)
    office.settle()
    return ref


@pytest.fixture
def made(office: Office, sent: str, tmp_path: Path) -> Path:
    """The sender's bundle."""
    path = tmp_path / "X.zip"
    ran = office.run("H05", "bundle", "make", sent, "-o", path)
    assert (ran.code, ran.out) == (0, f"{path}\n"), ran.err
    return path


def test_the_sender_makes_one_and_an_auditor_reads_it(
    office: Office, made: Path, tmp_path: Path
) -> None:
    ran = office.bare("verify", made, "--trust", tmp_path / "root.pem")
    assert ran.code == 0, ran.out + ran.err
    for words in (
        "TOTAL-PASSED · The bundle is intact",
        "Who sent             H05 Bắc Ninh",
        "To whom              H01 An Giang; H13 Cần Thơ",
        "Signed at (claimed)  01/06/2026 07:00:00 +07:00",
        "Signed at (proven)   – there is no timestamp",
        "Who confirmed: 2/2",
        "✔ 01 Arrived · signed at 01/06/2026 07:00:00 +07:00 (claimed) · receipts/H01-01-1.edxml",
        "Made by            H05 (the sender)",
        "This bundle does not prove",
        "What would: a timestamp token",
    ):
        assert words in ran.out
    office.lang = "vi"
    ran = office.bare("verify", made, "--trust", tmp_path / "root.pem")
    assert "Hồ sơ nguyên vẹn; mọi chữ ký trong đó hợp lệ" in ran.out
    assert "Ai đã xác nhận: 2/2" in ran.out
    assert "Cần: dấu thời gian" in ran.out
    assert "7 Chuỗi" in office.bare("-v", "verify", made, "--trust", tmp_path / "root.pem").out


def test_time_that_passes_meanwhile_is_no_other_time(
    office: Office, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = office.theatre.clock
    told = clock.now()

    def ticking() -> datetime:
        nonlocal told
        told += timedelta(microseconds=1)
        return told

    monkeypatch.setattr(clock, "now", ticking)
    ran = office.bare("verify", made, "--trust", tmp_path / "root.pem")
    assert (ran.code, "Judged for now" in ran.out) == (0, False)


def test_json_says_the_same(office: Office, made: Path, tmp_path: Path) -> None:
    ran = office.bare("verify", made, "--trust", tmp_path / "root.pem", "--json")
    said = ran.json
    assert (ran.code, said["schema"], said["intact"]) == (0, "docexchange/bundle/v1", True)
    assert (said["bundle"]["made_by"], said["bundle"]["role"]) == ("H05", "sender")
    assert [one["organ"] for one in said["recipients"] if one["confirmed"]] == ["H01", "H13"]
    assert said["journal"]["organ"] == "H05"
    assert said["document"]["proven_at"] is None
    directory = json.loads(zipfile.ZipFile(made).read("directory.json"))
    assert [one["organ"] for one in directory["organs"]] == ["H01", "H05", "H13"]
    assert all(one["subject_rule"] and one["issuers"] for one in directory["organs"])


def test_a_receiver_makes_one(office: Office, sent: str, tmp_path: Path) -> None:
    path, trust = tmp_path / "Y.zip", tmp_path / "root.pem"
    assert office.run("H01", "status", "set", "98/QĐ-UBND", "03").code == 0
    ran = office.run("H01", "bundle", "make", "98/QĐ-UBND", "-o", path, "--json")
    assert (ran.code, ran.json["role"], ran.json["receipts"]) == (0, "receiver", 2)
    ran = office.bare("verify", path, "--trust", trust)
    assert ran.code == 0, ran.out
    assert "Made by            H01 (a recipient)" in ran.out
    assert "Who confirmed: 1/2" in ran.out
    assert "does not know what other recipients confirmed" in ran.out
    assert "03 Received" in ran.out or "03 Accepted" in ran.out or "✔ 03" in ran.out


def test_the_time_asked_for_and_now(office: Office, made: Path, tmp_path: Path) -> None:
    trust = ("--trust", tmp_path / "root.pem")
    ran = office.bare("verify", made, *trust, "--at", "2026-05-01T00:00:00+07:00")
    assert ran.code == 3
    assert "SIGNED_IN_FUTURE" in ran.out
    assert "Judged for now (01/06/2026 07:00:00 +07:00): ✔ TOTAL-PASSED" in ran.out
    assert "Who confirmed: 0/2" in ran.out
    said = office.bare("verify", made, *trust, "--at", "2026-05-01T00:00:00+07:00", "--json").json
    assert (said["indication"], said["now"]["indication"]) == ("INDETERMINATE", "TOTAL-PASSED")


def test_what_did_not_come_back_is_said(office: Office, pdf: Path, tmp_path: Path) -> None:  # noqa: F811
    ref, path = send(office, pdf), tmp_path / "X.zip"
    assert office.run("H05", "bundle", "make", ref, "-o", path).code == 0
    ran = office.bare("verify", path, "--trust", tmp_path / "root.pem")
    assert ran.code == 0
    assert "✖ H01 An Giang: no valid receipt (the maker says: queued)" in ran.out
    assert "neither that it got the document is proven, nor that it did not (H01, H13)" in ran.out


def test_a_changed_one_and_a_wrong_root(office: Office, made: Path, tmp_path: Path) -> None:
    data = bytearray(made.read_bytes())
    data[data.index(b"edXMLEnvelope")] ^= 1
    changed, trust = tmp_path / "changed.zip", tmp_path / "root.pem"
    changed.write_bytes(data)
    ran = office.bare("verify", changed, "--trust", trust)
    assert ran.code == 1
    assert "A file was changed after it was signed [FILE_CHANGED]: envelope.edxml" in ran.out
    assert "✖ it was changed" in ran.out
    other = tmp_path / "other.pem"
    other.write_bytes(OTHER.root.pem)
    ran = office.bare("verify", made, "--trust", other)
    assert (ran.code, "NO_CERTIFICATE_CHAIN_FOUND" in ran.out) == (3, True)
    with zipfile.ZipFile(tmp_path / "any.zip", "w") as foreign:
        foreign.writestr("x.txt", "x")
    ran = office.bare("verify", tmp_path / "any.zip", "--trust", trust)
    assert (ran.code, "ARCHIVE_FORM" in ran.out) == (1, True)
    assert office.bare("verify", made, changed, "--trust", trust).code == 2


def test_mistakes_are_told(office: Office, made: Path, sent: str, tmp_path: Path) -> None:
    before = made.read_bytes()
    assert office.run("H05", "bundle", "make", sent, "-o", made).code == 5
    assert office.run("H05", "bundle", "make", "no such", "-o", tmp_path / "n.zip").code == 4
    assert office.run("H05", "bundle", "make", sent, "-o", made, "--force").code == 0
    assert len(made.read_bytes()) - len(before) < 100
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_content_that_is_damaged_or_recalled_makes_none(
    office: Office, sent: str, tmp_path: Path
) -> None:
    path = tmp_path / "X.zip"
    office.run("H05", "recall", sent, "--reason", "Sai phụ lục", "--to", "H01")
    office.settle()
    office.run("H01", "status", "set", "98/QĐ-UBND", "15")
    ran = office.run("H01", "bundle", "make", "98/QĐ-UBND", "-o", path)
    assert (ran.code, "destroyed by a recall" in ran.err, path.exists()) == (5, True, False)
    raw = sqlite3.connect(next((office.folder / "H05").rglob("*.sqlite3")))
    changed = "CAST(replace(data, 'edXMLEnvelope', 'edXMLenvelope') AS BLOB)"
    raw.execute(f"UPDATE chunks SET data = {changed}")
    raw.commit()
    raw.close()
    ran = office.run("H05", "bundle", "make", sent, "-o", path)
    assert (ran.code != 0, path.exists()) == (True, False)
    assert "damaged" in ran.err


def commands(text: str) -> list[str]:
    """The commands that a text for people gives."""
    return [line.strip()[2:] for line in text.splitlines() if line.strip().startswith("$ ")]


@pytest.mark.independent
def test_the_commands_of_its_readme_check_it_without_us(made: Path, tmp_path: Path) -> None:
    missing = [tool for tool in ("xmlsec1", "openssl", "sha256sum") if shutil.which(tool) is None]
    if missing and os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") != "1":
        pytest.skip(f"not installed: {missing}")
    folder = tmp_path / "u"
    zipfile.ZipFile(made).extractall(folder)
    shutil.copy(tmp_path / "root.pem", folder)
    given = commands((folder / "README.txt").read_text())
    assert len(given) == 6
    timed = f'{XMLSEC} --verification-gmt-time "{AT:%Y-%m-%d %H:%M:%S}"'

    def run() -> list[subprocess.CompletedProcess[str]]:
        return [
            subprocess.run(
                ["/bin/bash", "-ec", one.replace(XMLSEC, timed)],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            for one in given
        ]

    sums, signature, envelope, receipts, about, certificates = run()
    for one in (sums, signature, envelope, receipts, certificates):
        assert one.returncode == 0, one.stderr
    references = len(sums.stdout.splitlines()) + 2  # the sums themselves and SignedProperties
    assert f"(ok/all): {references}/{references}" in signature.stdout + signature.stderr
    assert about.stdout == ""
    assert certificates.stdout.count("subject=") == 4
    for name in ("envelope.edxml", "receipts/H01-01-1.edxml"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(re.sub(rb">H05<", b">H06<", data))
    sums, signature, envelope, receipts, about, _ = run()
    for one in (sums, signature, envelope, receipts):
        assert one.returncode != 0
    assert "receipts/H13-01-1.edxml" in about.stdout


@pytest.mark.slow
def test_a_large_one_takes_little_memory(office: Office, tmp_path: Path) -> None:
    large, path = tmp_path / "ban-do.bin", tmp_path / "X.zip"
    large.write_bytes(random.Random(1).randbytes(24 * 1024 * 1024))
    ref = send(office, large)
    tracemalloc.start()
    assert office.run("H05", "bundle", "make", ref, "-o", path).code == 0
    _, making = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    ran = office.bare("verify", path, "--trust", tmp_path / "root.pem")
    _, judging = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ran.code == 0, ran.out
    assert path.stat().st_size > 32 * 1024 * 1024
    assert max(making, judging) < 16 * 1024 * 1024
