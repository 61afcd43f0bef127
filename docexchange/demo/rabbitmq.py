"""A private RabbitMQ node in a folder: for the demo, the tests and the benchmark.

It listens on free loopback ports, has an epmd, a cookie and a configuration of its own, and does
not know of, nor disturb, a broker that already runs here. It dies with the process that started
it, however that one dies: a guard holds a pipe and kills the node when the pipe breaks. Works as
root and as an ordinary user; standard library only.

    python -m docexchange.demo.rabbitmq start DIR [--definitions FILE]     prints the admin URL
    python -m docexchange.demo.rabbitmq stop DIR
"""

from __future__ import annotations

import argparse
import atexit
import base64
import contextlib
import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

LOOPBACK = "127.0.0.1"
ADMIN = "admin"
PORTS = range(20_000, 32_000)  # below Linux's ephemeral ports, so a restart finds its port free
SERVERS = (  # the programs themselves; Debian's /usr/sbin wrapper would switch to user rabbitmq
    Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    Path("/opt/rabbitmq/sbin/rabbitmq-server"),
    Path("/usr/local/opt/rabbitmq/sbin/rabbitmq-server"),
)
GUARD = 'cat >/dev/null; kill -9 "-$1"; kill -9 "-$2"'  # cat ends when our end of its pipe does
POLL = 0.1  # s between two looks at the port: a handshake costs the broker nothing


class NodeError(Exception):
    """The private node could not be started; the text names the reason and the log."""


def find_server() -> Path | None:
    """The rabbitmq-server program, or None when the Debian package rabbitmq-server is missing.

    The environment variable DOCEXCHANGE_RABBITMQ_SERVER names another one.
    """
    named = os.environ.get("DOCEXCHANGE_RABBITMQ_SERVER")
    candidates = (Path(named),) if named else SERVERS
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def password_hash(password: str) -> str:
    """A password as RabbitMQ's definitions want it: base64 of salt, SHA-256(salt, password)."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class Node:
    """A RabbitMQ node whose whole life is in one folder.

    Args:
        directory: its folder; made when missing, never removed. A folder of an earlier run is
            used again: same ports, same administrator, same data.
        definitions: vhosts, users, permissions and objects in RabbitMQ's definitions form, loaded
            at every start. An administrator over all of these vhosts is added.
        settings: more lines of rabbitmq.conf, as {"max_message_size": "1048576"}.
        plugins: names of plugins to enable, as rabbitmq_management.
        tied: True if the node must die with this process.
    """

    def __init__(
        self,
        directory: Path,
        *,
        definitions: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        plugins: Sequence[str] = (),
        tied: bool = True,
    ) -> None:
        self.directory = directory.resolve()
        self._definitions = definitions or {}
        self._settings = settings or {}
        self._plugins = plugins
        self._tied = tied
        self._beam: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._memory = self._remember()

    @property
    def port(self) -> int:
        """The AMQP port on 127.0.0.1; the same over every restart."""
        return int(self._memory["port"])

    @property
    def running(self) -> bool:
        """True while the broker's process lives."""
        return self._beam is not None and self._beam.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the broker (beam.smp), to measure it. Raises NodeError if not running."""
        if self._beam is None:
            raise NodeError("the node is not running")
        return self._beam.pid

    def url(self, user: str, password: str, vhost: str = "/") -> str:
        """The AMQP URL of a user on a vhost of this node."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"amqp://{login}@{LOOPBACK}:{self.port}/{quote(vhost, safe='')}"

    def admin_url(self, vhost: str = "/") -> str:
        """The AMQP URL of the administrator on a vhost of the definitions."""
        return self.url(ADMIN, str(self._memory["password"]), vhost)

    def start(self, timeout: float = 90.0) -> None:
        """Start the node, or start it again after `stop` or `kill` with the data it had.

        When this returns, the broker answers the AMQP handshake.

        Raises:
            NodeError: the program is missing, it ended, or it was not ready after `timeout`
                seconds; nothing is left running.
        """
        server = find_server()
        if server is None:
            raise NodeError(
                "rabbitmq-server is not installed; on Debian: apt-get install rabbitmq-server"
            )
        self._write_files()
        atexit.register(self.stop)
        try:
            self._launch(server)
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        """Stop it in order (SIGTERM), after `timeout` seconds by force; then nothing is left."""
        if self._beam is not None and self._beam.poll() is None:
            self._beam.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._beam.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """Kill it as a power failure would (SIGKILL); `start` brings it back on the same port."""
        for process in (self._beam, self._epmd, self._guard):
            if process is not None:
                _kill_group(process.pid)
                process.wait()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        self._beam = self._epmd = self._guard = None
        atexit.unregister(self.stop)

    def __enter__(self) -> Node:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- the folder -------------------------------------------------------------------------
    def _remember(self) -> dict[str, Any]:
        """Ports and the administrator's password, chosen at the first use of the folder."""
        path = self.directory / "node.json"
        if path.exists():
            return dict(json.loads(path.read_text()))
        port, dist, epmd = _free_ports(3)
        memory = {"port": port, "dist": dist, "epmd": epmd, "password": secrets.token_urlsafe(18)}
        _write_private(path, json.dumps(memory))
        return memory

    def _write_files(self) -> None:
        cookie = self.directory / ".erlang.cookie"
        if not cookie.exists():
            _write_private(cookie, secrets.token_hex(16))
            cookie.chmod(0o400)
        _write_private(self.directory / "definitions.json", json.dumps(self._all_definitions()))
        lines = {
            "listeners.tcp.1": f"{LOOPBACK}:{self.port}",
            "load_definitions": str(self.directory / "definitions.json"),
            "log.file.level": "info",
            "log.console": "false",
            **self._settings,
        }
        config = "".join(f"{key} = {value}\n" for key, value in lines.items())
        (self.directory / "rabbitmq.conf").write_text(config)
        (self.directory / "advanced.config").write_text("[].\n")
        (self.directory / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")

    def _all_definitions(self) -> dict[str, Any]:
        given = {key: list(value) for key, value in self._definitions.items()}
        vhosts = given.setdefault("vhosts", [])
        if not any(vhost["name"] == "/" for vhost in vhosts):
            vhosts.append({"name": "/"})
        given.setdefault("users", []).append(
            {
                "name": ADMIN,
                "password_hash": password_hash(self._memory["password"]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }
        )
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        given.setdefault("permissions", []).extend(
            {"user": ADMIN, "vhost": vhost["name"], **everything} for vhost in vhosts
        )
        return given

    # -- the processes ----------------------------------------------------------------------
    def _launch(self, server: Path) -> None:
        environment = self._environment()
        epmd = shutil.which("epmd")
        if epmd is None:
            raise NodeError("epmd is not installed; on Debian it comes with erlang-base")
        log = (self.directory / "console.log").open("ab")
        with log:
            self._epmd = subprocess.Popen(
                [epmd, "-port", str(self._memory["epmd"]), "-address", LOOPBACK],
                **self._detached(environment, log),
            )
            self._wait_for_epmd()
            self._beam = subprocess.Popen([str(server)], **self._detached(environment, log))
        pids = {"beam": self._beam.pid, "epmd": self._epmd.pid}
        _write_private(self.directory / "pids.json", json.dumps(pids))
        if self._tied:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "guard", str(self._beam.pid), str(self._epmd.pid)],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _detached(self, environment: dict[str, str], log: IO[bytes]) -> dict[str, Any]:
        """A session of its own (so a group that one signal reaches), no terminal, no input."""
        return {
            "env": environment,
            "cwd": self.directory,
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
            "start_new_session": True,
        }

    def _environment(self) -> dict[str, str]:
        """All of it our own: no RABBITMQ_* or ERL_* of the caller may leak in."""
        folder = self.directory
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._memory["epmd"]),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the broker: one process
            "RABBITMQ_NODENAME": "private@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_DIST_PORT": str(self._memory["dist"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ("-kernel inet_dist_use_interface {127,0,0,1}"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "rabbit.pid"),
        }

    def _wait_for_epmd(self) -> None:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection((LOOPBACK, self._memory["epmd"]), timeout=1).close()
                return
            time.sleep(POLL / 2)
        raise NodeError(f"epmd does not listen on port {self._memory['epmd']}")

    def _wait(self, until: float) -> None:
        while not _speaks_amqp(self.port):
            if not self.running:
                raise NodeError(f"the RabbitMQ node ended while starting\n{self._log_tail()}")
            if time.monotonic() > until:
                raise NodeError(f"the RabbitMQ node was not ready in time\n{self._log_tail()}")
            time.sleep(POLL)

    def _log_tail(self) -> str:
        console = self.directory / "console.log"
        text = console.read_text(errors="replace") if console.exists() else ""
        return "\n".join([f"{console}:", *text.splitlines()[-15:]])


def stop_folder(directory: Path) -> bool:
    """Stop the node that `start DIR` left running in this folder; False if there is none."""
    path = directory.resolve() / "pids.json"
    if not path.exists():
        return False
    pids = json.loads(path.read_text())
    alive = {name: pid for name, pid in pids.items() if _belongs_to(pid, directory.resolve())}
    if "beam" in alive:
        os.kill(alive["beam"], signal.SIGTERM)
        until = time.monotonic() + 30
        while _belongs_to(alive["beam"], directory.resolve()) and time.monotonic() < until:
            time.sleep(POLL)
    for pid in alive.values():
        _kill_group(pid)
    path.unlink()
    return bool(alive)


def _belongs_to(pid: int, directory: Path) -> bool:
    """Whether this process still is one of the folder's: a process id may have been reused."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"HOME={directory}".encode() in environment.split(b"\0")


def _speaks_amqp(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"  # a method frame: Connection.Start
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            found.append(port)
        if len(found) == count:
            return found
    raise NodeError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read: it holds a password."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def main() -> int:
    """The command line of this file."""
    parser = argparse.ArgumentParser(description="A private RabbitMQ node in a folder.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it and leave it running")
    start.add_argument("directory", type=Path)
    start.add_argument("--definitions", type=Path, help="RabbitMQ definitions (JSON)")
    commands.add_parser("stop", help="stop it").add_argument("directory", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "stop":
        return 0 if stop_folder(arguments.directory) else 4
    given = json.loads(arguments.definitions.read_text()) if arguments.definitions else None
    node = Node(arguments.directory, definitions=given, tied=False)
    try:
        node.start()
    except NodeError as error:
        print(error, file=sys.stderr)
        return 69
    atexit.unregister(node.stop)
    print(node.admin_url())
    return 0


if __name__ == "__main__":
    sys.exit(main())
