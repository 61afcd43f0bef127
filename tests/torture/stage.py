"""Three nodes, their broker and the proxies between, all in one folder.

The playground of the demo, with the difference that every node reaches its broker only through a
fault proxy of its own, and that a node may be started to die.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from docexchange.demo.playground import AXIS, ORGANS, Daemon, Playground
from tests.torture.proxy import Proxy

LIMITS = """
[limits]
poison_attempts = 10    # named points kill in the middle of judging again and again: no poison
"""
READY = 60.0  # s for a node to serve, on a machine that is busy with the rest
SERVING = b'"serving"'
LOOK = 0.05  # s between two looks at a process


class NodeEnded(Exception):
    """A node ended before it served."""


class Stage(Playground):
    """The place of the torture.

    Args:
        folder: an empty or new folder.
        rng: of the proxies.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, "", "")
        self.broker_port = urlsplit(self.broker.admin_url(AXIS)).port or 0
        self.proxies = {organ: Proxy(self.broker_port, rng) for organ in ORGANS}

    async def open(self) -> None:
        """As the playground's, behind the proxies."""
        for proxy in self.proxies.values():
            await proxy.open()
        await super().open()

    async def close(self) -> None:
        """Leave no process and no line behind."""
        await super().close()
        for proxy in self.proxies.values():
            await proxy.close()

    def _write_config(self, organ: str) -> None:
        super()._write_config(organ)
        path = self.config(organ)
        text = path.read_text()
        through = text.replace(f":{self.broker_port}", f":{self.proxies[organ].port}")
        if text == through:
            raise RuntimeError(f"{path} does not name the broker's port {self.broker_port}")
        path.write_text(through + LIMITS)

    def mailroom_url(self, organ: str) -> str:
        """AMQP URL of an organ's mailroom, past the proxy."""
        login = f"mailroom-{organ}"
        return self.broker.url(login, self._passwords[login], f"demo-mr-{organ}")

    def store(self, organ: str) -> Path:
        """The database of a node."""
        return self.folder / organ / "data" / "store.sqlite3"

    def alive(self, organ: str) -> bool:
        """Whether the process of a node runs."""
        return organ in self.daemons and self.daemons[organ].alive

    async def start_node(self, organ: str, crash_at: str = "") -> None:
        """Start a node and wait until it serves.

        Raises:
            NodeEnded: it ended first, as it may when a crash point is on the way.
        """
        log = self.folder / organ / "daemon.log"
        environment: Mapping[str, str] = {**os.environ, "DOCEXCHANGE_CRASH_AT": crash_at}
        with log.open("ab") as out:
            seen = out.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "docexchange", "run", "-c", str(self.config(organ))],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.daemons[organ] = Daemon(process, log)
        async with asyncio.timeout(READY):
            with log.open("rb") as said:
                said.seek(seen)
                text = b""
                while SERVING not in text:
                    if process.poll() is not None:
                        raise NodeEnded(f"node {organ} ended with {process.returncode}; see {log}")
                    await asyncio.sleep(LOOK)
                    text += said.read()

    async def ended(self, organ: str, limit: float = READY) -> int:
        """Wait until a node's process has ended; its return code. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while (code := self.daemons[organ].process.poll()) is None:
                await asyncio.sleep(LOOK)
        return code
