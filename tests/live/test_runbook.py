"""deploy/README.md is true: its commands are run in their order, on a private broker."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from docexchange.demo.rabbitmq import Node
from keys.demo_ca import Issued, issue_authority, issue_organ, issue_root
from tests.live.rig import PASSWORD, node_url
from tests.pki import key

pytestmark = [pytest.mark.live, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?```console\n(.*?)```", re.DOTALL)
PATIENCE = 60.0  # s for one command on a loaded machine
DAY = timedelta(days=1)


def blocks() -> list[tuple[str, list[str]]]:
    """The remark before each block, and its commands."""
    found = []
    for remark, body in BLOCK.findall(TEXT):
        lines = body.splitlines()
        assert all(line.startswith("$ ") for line in lines), lines
        found.append((remark, [line.removeprefix("$ ") for line in lines]))
    return found


class Machine:
    """A machine whose folders are below one folder, with a node that can run."""

    def __init__(self, folder: Path, rabbit: Node) -> None:
        self.folder, self._rabbit = folder, rabbit
        self.etc = folder / "etc/docexchange"
        self._daemon: subprocess.Popen[bytes] | None = None
        (folder / "var/lib/docexchange").mkdir(parents=True, mode=0o700)
        command = folder / "bin/docexchange"
        command.parent.mkdir()
        module = f"{shlex.quote(sys.executable)} -m docexchange"
        command.write_text(f'#!/bin/sh\nexec {module} --lang en "$@"\n')
        command.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DOCEXCHANGE_CONFIG": str(self.etc / "docexchange.toml"),
        }
        begin = datetime.now(UTC) - DAY
        root = issue_root("DEMO root", key("runbook root"), begin, begin + 900 * DAY)
        self._begin, self._root = begin, root
        self._issuing = issue_authority(
            "DEMO issuing", key("runbook"), root, begin, begin + 800 * DAY
        )

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page on this machine."""
        admin = self._rabbit.admin_url("axis")
        for there, here in {
            "/etc/docexchange": str(self.etc),
            "/var/": f"{self.folder}/var/",
            "amqps://ADMIN@BROKER/axis": admin,
            "amqps://ADMIN@BROKER": admin.removesuffix("/axis"),
        }.items():
            command = command.replace(there, here)
        return subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    # -- what others do in between ----------------------------------------------------------
    def answer(self) -> None:
        """The CA answered, and the addresses are written."""
        self._certify("key.pem", "chain.pem")
        (self.etc / "trust/root.pem").write_bytes(self._root.pem)
        directory = self.etc / "directory.toml"
        fingerprint = self._issuing.certificate.fingerprint
        text = directory.read_text().replace("# subject_rule", "subject_rule")
        directory.write_text(
            text.replace(
                '# issuers = ["<SHA-256 of the CA certificate>"]', f"issuers = {[fingerprint]}"
            )
        )
        (self.etc / "axis.url").write_text(node_url(self._rabbit, "H05"))
        mailroom = self._rabbit.url("node-H05", PASSWORD, "").rstrip("/")
        (self.etc / "mailroom.url").write_text(mailroom)

    def answer_next(self) -> None:
        """The CA answered for the next key."""
        self._certify("next.pem", "next-chain.pem")

    def _certify(self, name: str, chain: str) -> None:
        home = self.etc / "keys/H05"
        private = load_pem_private_key((home / name).read_bytes(), None)
        end = self._begin + 400 * DAY
        made: Issued = issue_organ(
            "H05",
            "UBND tỉnh Bắc Ninh",
            private,  # type: ignore[arg-type]
            self._issuing,
            self._begin,
            end,
        )
        (home / chain).write_bytes(made.pem + self._issuing.pem)

    def start(self) -> None:
        """The node runs."""
        if self._daemon is not None:
            return
        log = (self.folder / "daemon.log").open("ab")
        with log:
            begin = log.tell()
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", "docexchange", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + PATIENCE
        while b"axis consume" not in (self.folder / "daemon.log").read_bytes()[begin:]:
            said = (self.folder / "daemon.log").read_text()
            assert self._daemon.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.1)

    def stop(self) -> None:
        """The node is stopped."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGTERM)
            assert self._daemon.wait(PATIENCE) == 0, (self.folder / "daemon.log").read_text()
            self._daemon = None


@pytest.fixture
def machine(tmp_path: Path, empty_axis: Node, empty_mailrooms: Node) -> Iterator[Machine]:
    made = Machine(tmp_path, empty_axis)
    yield made
    made.stop()


def test_every_block_is_run_or_says_why_not() -> None:
    remarks = [remark for remark, _ in blocks()]
    assert len(remarks) == TEXT.count("```") / 2  # none escapes by its form
    assert sum(not one.startswith("not run: ") for one in remarks) > len(remarks) / 2
    for remark in remarks:
        assert re.fullmatch(r"|not run: .{10,}|given: .{10,}", remark), remark


def test_the_page_is_true_from_top_to_bottom(machine: Machine) -> None:
    given: dict[str, Callable[[], None]] = {
        "the CA answered, and the addresses are written": machine.answer,
        "the CA answered for the next key": machine.answer_next,
        "the node runs": machine.start,
        "the node is stopped": machine.stop,
    }
    for remark, commands in blocks():
        if remark.startswith("not run: "):
            continue
        if remark:
            given[remark.removeprefix("given: ")]()
        for command in commands:
            ran = machine.run(command)
            assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
