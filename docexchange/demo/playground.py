"""The place where the story plays: a folder with keys and configs, a broker, three nodes.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keys.certificates import load_pem
from keys.demo_ca import demo_ca

from ..edges.permissions import MailroomLogin, NodeLogin, definitions
from ..edges.topology import apply, axis_topology, mailroom_topology
from .broker import Broker, GivenBroker, PrivateBroker
from .clerk import Clerk

ORGANS: Mapping[str, str] = {
    "H05": "UBND tỉnh Bắc Ninh",
    "H01": "UBND tỉnh An Giang",
    "H13": "UBND thành phố Cần Thơ",
}
AXIS = "demo-axis"  # vhost of the exchange axis
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
mailroom = "demo-mr-{organ}"

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
        broker_url: AMQP URL of an administrator on a broker that is already there, "" for a
            private one.
        api_url: address of that broker's management plugin, "" for the usual one.
    """

    def __init__(self, folder: Path, broker_url: str, api_url: str) -> None:
        self.folder = folder
        self.daemons: dict[str, Daemon] = {}
        self.clerks: dict[str, Clerk] = {}
        logins = [f"{kind}-{organ}" for organ in ORGANS for kind in ("node", "mailroom")]
        self._passwords = {login: secrets.token_urlsafe(12) for login in logins}
        made = self._definitions()
        self.broker: Broker = (
            GivenBroker(broker_url, api_url, made)
            if broker_url
            else PrivateBroker(folder / "rabbitmq", made)
        )

    # -- making it --------------------------------------------------------------------------
    async def open(self) -> None:
        """Start the broker, make its topology, write keys, directory and configs."""
        await self.broker.open()
        await apply(
            self.broker.admin_url(AXIS), axis_topology({organ: [organ] for organ in ORGANS})
        )
        for organ in ORGANS:
            await apply(self.broker.admin_url(_vhost(organ)), mailroom_topology())
        _write_keys(self.folder / "keys")
        _write_directory(self.folder)
        for organ in ORGANS:
            self._write_config(organ)

    def _definitions(self) -> Mapping[str, Any]:
        """One vhost per mailroom, a login per node and mailroom with just the rights it needs."""
        nodes = [
            NodeLogin(organ, _node(organ), self._passwords[_node(organ)], (_vhost(organ),))
            for organ in ORGANS
        ]
        mailrooms = [
            MailroomLogin(_vhost(organ), _mailroom(organ), self._passwords[_mailroom(organ)])
            for organ in ORGANS
        ]
        return definitions(AXIS, nodes, mailrooms)

    def _write_config(self, organ: str) -> None:
        home = self.folder / organ
        home.mkdir()
        login = _node(organ)
        text = CONFIG.format(
            organ=organ,
            name=ORGANS[organ],
            axis_url=self.broker.url(login, self._passwords[login], AXIS),
            mailroom_url=self.broker.url(login, self._passwords[login], ""),
        )
        path = home / "docexchange.toml"
        path.touch(mode=0o600)
        path.write_text(text)

    def config(self, organ: str) -> Path:
        """The config file of a node."""
        return self.folder / organ / "docexchange.toml"

    # -- processes --------------------------------------------------------------------------
    async def start_node(self, organ: str, crash_at: str = "", options: Sequence[str] = ()) -> None:
        """Start a node and wait until it serves.

        Args:
            organ: the organ that it serves.
            crash_at: crash point at which it will kill itself, as `after:accept`.
            options: more options of `docexchange run`.

        Raises:
            RuntimeError: it ended or did not get ready; its log is named.
        """
        log = self.folder / organ / "daemon.log"
        at = log.stat().st_size if log.exists() else 0
        environment = {**os.environ, "DOCEXCHANGE_CRASH_AT": crash_at}
        with log.open("ab") as out:
            process = subprocess.Popen(  # our own interpreter and module
                [
                    sys.executable,
                    "-m",
                    "docexchange",
                    "run",
                    "-c",
                    str(self.config(organ)),
                    *options,
                ],
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
        clerk = Clerk(organ, self.mailroom_url(organ), _mailroom(organ))
        await clerk.open()
        self.clerks[organ] = clerk
        return clerk

    def mailroom_url(self, organ: str) -> str:
        """AMQP URL of an organ's mailroom with its own login: all that an integrator gets."""
        login = _mailroom(organ)
        return self.broker.url(login, self._passwords[login], _vhost(organ))

    def node_url(self, organ: str) -> str:
        """AMQP URL of the axis with the login of a node: what a forger inside it would have."""
        login = _node(organ)
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
        await self.broker.close()


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


def _vhost(organ: str) -> str:
    return f"demo-mr-{organ}"


def _node(organ: str) -> str:
    return f"node-{organ}"


def _mailroom(organ: str) -> str:
    return f"mailroom-{organ}"


def _write_keys(folder: Path) -> None:
    for name, data in demo_ca(ORGANS, now=datetime.now(UTC)).items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)


def _write_directory(folder: Path) -> None:
    issuer = load_pem((folder / "keys" / "issuing.pem").read_bytes())[0].fingerprint
    organs = "\n".join(
        DIRECTORY_ORGAN.format(organ=organ, name=name, issuer=issuer)
        for organ, name in ORGANS.items()
    )
    (folder / "directory.toml").write_text(DIRECTORY.format(organs=organs))
