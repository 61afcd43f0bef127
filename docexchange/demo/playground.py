"""The place where the story plays: a folder with keys, directory and configs, a broker, three nodes.

Everything is made anew in one folder; nodes are real `docexchange run` processes; nothing outside
the folder is touched, and `close` leaves no process behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keys.demo_ca import demo_ca

from ..edges.topology import definitions
from .clerk import Clerk
from .rabbitmq import Node

ORGANS: Mapping[str, str] = {
    "H05": "UBND tỉnh Bắc Ninh",
    "H01": "UBND tỉnh An Giang",
    "H13": "UBND thành phố Cần Thơ",
}
AXIS = "axis"  # vhost of the exchange axis
READY = 30.0  # s for a node to say that it has started
STOP = 15.0  # s for a node to finish what is in hand

CONFIG = """\
# {name}: a node of the demo. The waits are shorter than in service, so that the story is short.
[node]
id = "{organ}"
data = "data"
directory = "../directory.toml"
trust = "../keys/root.pem"

[organs.{organ}]
key = "../keys/{organ}/key.pem"
chain = "../keys/{organ}/chain.pem"
mailroom = "mr-{organ}"

[axis]
url = "{axis_url}"

[mailroom]
url = "{mailroom_url}"

[retry]
unconfirmed = ["1s", "2s", "4s"]   # in service: 15s, 45s, 2m, ...
unanswered = ["6s", "10s", "20s"]  # in service: 5m, 30m, 2h, ...

[test]
crash_points = true                # in service: false
"""

DIRECTORY = """\
# Who is who on the axis of the demo. H02 was closed by the merger of 2025 (QĐ 09/2025/QĐ-TTg).
{organs}
[closed.H02]
name = "UBND tỉnh Bắc Giang"
successor = "H05"
"""

DIRECTORY_ORGAN = """\
[organs.{organ}]
name = "{name}"
node = "{organ}"
subject_rule = true
issuers = ["{issuer}"]
"""


@dataclass
class Daemon:
    """A running `docexchange run`."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class Playground:
    """The folder, the broker and the nodes.

    Args:
        folder: an empty or new folder.
        broker: the private node, or None with `broker_url` for one that is already there.
    """

    def __init__(self, folder: Path, broker: Node) -> None:
        self.folder = folder
        self.broker = broker
        self.daemons: dict[str, Daemon] = {}
        self.clerks: dict[str, Clerk] = {}
        self._passwords = _passwords()

    # -- making it --------------------------------------------------------------------------
    @classmethod
    def make(cls, folder: Path) -> Playground:
        """Write keys, directory and configs, and start the broker with its topology."""
        passwords = _passwords()
        place = cls.__new__(cls)
        place.folder, place.daemons, place.clerks, place._passwords = folder, {}, {}, passwords
        place.broker = Node(folder / "rabbitmq", definitions=_definitions(passwords))
        place.broker.start()
        _write_keys(folder / "keys")
        _write_directory(folder)
        for organ in ORGANS:
            place._write_config(organ)
        return place

    def _write_config(self, organ: str) -> None:
        home = self.folder / organ
        home.mkdir()
        login = f"node-{organ}"
        text = CONFIG.format(
            organ=organ,
            name=ORGANS[organ],
            axis_url=self.broker.url(login, self._passwords[login], AXIS),
            mailroom_url=self.broker.url(login, self._passwords[login], "").rstrip("/"),
        )
        path = home / "docexchange.toml"
        path.touch(mode=0o600)
        path.write_text(text)

    def config(self, organ: str) -> Path:
        """The config file of a node."""
        return self.folder / organ / "docexchange.toml"

    # -- processes --------------------------------------------------------------------------
    async def start_node(self, organ: str, crash_at: str = "") -> None:
        """Start a node and wait until it serves.

        Args:
            crash_at: crash point at which it will kill itself, as `after:accept`.

        Raises:
            RuntimeError: it ended or did not get ready; its log is named.
        """
        log = self.folder / organ / "daemon.log"
        at = log.stat().st_size if log.exists() else 0
        environment = {**os.environ, "DOCEXCHANGE_CRASH_AT": crash_at}
        with log.open("ab") as out:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", "docexchange", "run", "-c", str(self.config(organ))],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.daemons[organ] = Daemon(process, log)
        async with asyncio.timeout(READY):
            while b'"serving"' not in log.read_bytes()[at:]:
                if process.poll() is not None:
                    raise RuntimeError(f"node {organ} ended while starting; see {log}")
                await asyncio.sleep(0.05)

    async def ended(self, organ: str, limit: float = READY) -> int:
        """Wait until a node's process has ended; returns its return code."""
        async with asyncio.timeout(limit):
            while (code := self.daemons[organ].process.poll()) is None:
                await asyncio.sleep(0.05)
        return code

    def signal_node(self, organ: str, number: signal.Signals) -> None:
        """Send a signal to a node."""
        self.daemons[organ].process.send_signal(number)

    async def open_clerk(self, organ: str) -> Clerk:
        """Connect the mailroom of an organ."""
        login = f"mailroom-{organ}"
        url = self.broker.url(login, self._passwords[login], f"mr-{organ}")
        clerk = Clerk(organ, url, login)
        await clerk.open()
        self.clerks[organ] = clerk
        return clerk

    def node_url(self, organ: str) -> str:
        """AMQP URL of the axis with the login of a node: what a forger inside it would have."""
        login = f"node-{organ}"
        return self.broker.url(login, self._passwords[login], AXIS)

    async def command(self, organ: str, *arguments: str) -> tuple[int, str, str]:
        """Run `docexchange ... -c CONFIG` of a node; returns exit code, stdout, stderr."""
        return await command(*arguments, "-c", str(self.config(organ)))

    async def ask(self, organ: str, *arguments: str) -> Any:
        """Run a command with --json and parse what it prints."""
        code, out, err = await self.command(organ, *arguments, "--json")
        if code != 0:
            raise RuntimeError(f"docexchange {' '.join(arguments)}: exit {code}: {err}")
        return json.loads(out)

    async def close(self) -> None:
        """Stop mailrooms, nodes (in order, then by force) and the broker."""
        for clerk in self.clerks.values():
            with contextlib.suppress(Exception):
                await clerk.close()
        for daemon in self.daemons.values():
            with contextlib.suppress(ProcessLookupError):
                daemon.process.send_signal(signal.SIGCONT)
                daemon.process.terminate()
        for daemon in self.daemons.values():
            try:
                await asyncio.to_thread(daemon.process.wait, STOP)
            except subprocess.TimeoutExpired:
                daemon.process.kill()
                daemon.process.wait()
        self.broker.stop()


async def command(*arguments: str) -> tuple[int, str, str]:
    """Run `docexchange ARGUMENTS` as a process; returns exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "docexchange",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def _passwords() -> dict[str, str]:
    logins = [f"{kind}-{organ}" for organ in ORGANS for kind in ("node", "mailroom")]
    return {login: secrets.token_urlsafe(12) for login in logins}


def _definitions(passwords: Mapping[str, str]) -> Mapping[str, Any]:
    raise NotImplementedError


def _write_keys(folder: Path) -> None:
    for name, data in demo_ca(ORGANS, now=datetime.now(UTC)).items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)


def _write_directory(folder: Path) -> None:
    from keys.certificates import load_pem

    issuer = load_pem((folder / "keys" / "issuing.pem").read_bytes())[0].fingerprint
    organs = "\n".join(
        DIRECTORY_ORGAN.format(organ=organ, name=name, issuer=issuer)
        for organ, name in ORGANS.items()
    )
    (folder / "directory.toml").write_text(DIRECTORY.format(organs=organs))
