"""What systemd is told: read back from a socket of our own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from docexchange.edges.supervisor import Pulse, Supervisor


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"}

    def heard(self) -> list[str]:
        """What was said since."""
        said = []
        while True:
            try:
                said.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return said

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 107 bytes
    made = Systemd("notify")
    yield made
    made.close()


def test_ready_status_and_stopping(systemd: Systemd) -> None:
    supervisor = Supervisor.of(systemd.environment, 7)
    supervisor.ready("serves H05")
    supervisor.status("two\nlines")
    supervisor.stopping()
    assert systemd.heard() == ["READY=1\nSTATUS=serves H05", "STATUS=two lines", "STOPPING=1"]


def test_an_abstract_socket() -> None:
    systemd = Systemd("@docexchange-test-supervisor")
    Supervisor.of(systemd.environment, 7).stopping()
    assert systemd.heard() == ["STOPPING=1"]
    systemd.close()


def test_no_sign_of_life_while_one_loop_stands_still(systemd: Systemd) -> None:
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    supervisor = Supervisor.of(systemd.environment, 7)
    assert supervisor.every == 15
    pulse.beat("sender")
    pulse.beat("keeper")
    now[0] = 30.0
    pulse.beat("keeper")
    supervisor.look(pulse)
    assert systemd.heard() == ["WATCHDOG=1"]
    now[0] = 30.5
    assert pulse.still(30) == ["sender"]
    supervisor.look(pulse)
    assert systemd.heard() == []
    pulse.beat("sender")
    supervisor.look(pulse)
    assert systemd.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 60.0),
        ({"WATCHDOG_PID": "7"}, 60.0),
        ({"WATCHDOG_PID": "8"}, None),  # meant for our parent
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": ""}, None),
    ],
)
def test_whose_watchdog(changed: dict[str, str], expected: float | None) -> None:
    environment = {"NOTIFY_SOCKET": "notify", "WATCHDOG_USEC": "60000000", **changed}
    assert Supervisor.of(environment, 7).watchdog == expected


def test_without_a_supervisor_nothing_is_said() -> None:
    supervisor = Supervisor.of({}, 7)
    supervisor.ready("serves H05")
    supervisor.look(Pulse(lambda: 0.0))
    assert supervisor.every is None


def test_a_supervisor_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    Supervisor(str(tmp_path / "gone")).stopping()
