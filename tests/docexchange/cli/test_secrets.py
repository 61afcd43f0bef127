"""Catalogue D13: secrets in logs. A real process with secrets wherever one can stand, at its most
talkative, that meets trouble; none of them is in what it says, in its journal or in `ps`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.office import Office

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PASSWORD, OTHER_PASSWORD, PASSPHRASE = "S3cretAxis", "S3cretMailroom", "S3cretKey"
TEXT = "Nội dung không được lộ"
PATIENCE = 30.0  # s for a loaded machine


def with_secrets(office: Office) -> Path:
    """Give node H05 secrets of every kind; its config."""
    home = office.folder / "H05"
    config = home / "docexchange.toml"
    text = config.read_text().replace("guest:guest@localhost:1", f"u:{PASSWORD}@localhost:1")
    text = text.replace('key = "key.pem"', 'key = "key.pem"\npassphrase_file = "pass"')
    text = text.replace('chain = "chain.pem"', 'chain = "chain.pem"\nmailroom = "mr-H05"')
    config.write_text(text + f'\n[mailroom]\nurl = "amqp://m:{OTHER_PASSWORD}@localhost:1"\n')
    key = load_pem_private_key((home / "key.pem").read_bytes(), None)
    locked = BestAvailableEncryption(PASSPHRASE.encode())
    (home / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    (home / "pass").touch(mode=0o600)
    (home / "pass").write_text(PASSPHRASE)
    return config


def secrets(office: Office) -> dict[str, bytes]:
    key = (office.folder / "H05" / "key.pem").read_bytes().splitlines()[3]
    return {
        "password of the axis": PASSWORD.encode(),
        "password of the mailrooms": OTHER_PASSWORD.encode(),
        "passphrase": PASSPHRASE.encode(),
        "key": key,
        "text of a document": TEXT.encode(),
    }


def test_d13_no_secret_in_log_journal_or_process_list(office: Office, tmp_path: Path) -> None:
    """It starts, cannot reach its brokers, signs a document, is stopped; the log is not empty."""
    config = with_secrets(office)
    pdf = tmp_path / "qd.pdf"
    pdf.write_bytes(b"%PDF " + TEXT.encode())
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "docexchange", "-v", "run", "-c", config],
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
        try:
            until = time.monotonic() + PATIENCE
            while b"connection_lost" not in log.read_bytes() and time.monotonic() < until:
                os.sched_yield()
            command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            sent = office.run(
                *("H05", "-v", "send", pdf, "--from", "H05", "--to", "H01", "--number", "98"),
                *("--notation", "QĐ-UBND", "--subject", TEXT),
            )
            assert sent.code == 0, sent.err
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
    journal = office.run("H05", "journal", "export", "-o", tmp_path / "journal.txt")
    assert journal.code == 0, journal.err
    shown = office.run("H05", "config", "show")
    said = {
        "log": log.read_bytes(),
        "command": (sent.out + sent.err).encode(),
        "journal": (tmp_path / "journal.txt").read_bytes(),
        "config show": (shown.out + shown.err).encode(),
        "ps": command_line,
    }
    assert b'"connection_lost"' in said["log"]
    assert b'"queued"' in said["journal"]
    found = [
        (where, what)
        for where, text in said.items()
        for what, secret in secrets(office).items()
        if secret in text
    ]
    assert found == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda home: (home / "pass").write_text("S3cretWrong"), "key.pem"),
        (lambda home: (home / "key.pem").write_bytes(b"-----BEGIN S3cretWrong"), "key.pem"),
    ],
    ids=["wrong passphrase", "broken key"],
)
def test_d13_what_is_refused_is_named_and_not_shown(
    office: Office, wrong: object, reason: str
) -> None:
    """The valid neighbour of both is the test above: there the same node starts."""
    config = with_secrets(office)
    wrong(office.folder / "H05")  # type: ignore[operator]
    ended = subprocess.run(
        [sys.executable, "-m", "docexchange", "-v", "run", "-c", config],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode != 0
    assert reason in ended.stderr
    assert "Traceback" in ended.stderr  # -v asks for it
    for secret in (PASSWORD, OTHER_PASSWORD, PASSPHRASE, "S3cretWrong"):
        assert secret not in ended.stdout + ended.stderr
