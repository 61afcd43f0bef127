"""`run` as systemd starts it: a process of its own, heard on the socket that it is given; and the
exit code when it ends by itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from docexchange.cli import run
from docexchange.core.errors import StoreError
from docexchange.edges.heartbeat import LaneStuck
from docexchange.edges.watch import ConsumerStuck
from tests.office import Office

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # s for a loaded machine; a good run needs two


@pytest.mark.slow
def test_systemd_hears_ready_alive_and_stopping(office: Office) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(PATIENCE)
        name = f"\0docexchange-test-{os.getpid()}"
        systemd.bind(name)
        config = office.folder / "H05" / "docexchange.toml"
        with subprocess.Popen(
            [sys.executable, "-m", "docexchange", "run", "-c", config],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": "@" + name[1:], "WATCHDOG_USEC": "2000000"},
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                status = "STATUS=H05: mất kết nối trục, đang nối lại; đang xử lý 0"
                assert _next(systemd) == f"READY=1\n{status}"  # without a broker, too
                assert _next(systemd) == "WATCHDOG=1"
                assert _next(systemd) == status
                assert _next(systemd) == "WATCHDOG=1"
                process.send_signal(signal.SIGTERM)
                while (line := _next(systemd)) != "STOPPING=1":
                    assert line in (status, "WATCHDOG=1")
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


def _next(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


@pytest.mark.parametrize(
    ("why", "event"),
    [
        (LaneStuck("lane urgent is silent"), "axis_stuck"),
        (ConsumerStuck("queue mr.submit.q of mr-H05"), "mailroom_stuck"),
        (StoreError("no space"), "store_failed"),
    ],
)
def test_what_a_new_process_may_cure_ends_with_69(
    office: Office, monkeypatch: pytest.MonkeyPatch, why: Exception, event: str
) -> None:
    """deploy/docexchange.service restarts on it."""

    async def ended(*_: object) -> None:
        raise ExceptionGroup("the daemon", [ExceptionGroup("the axis", [why])])

    monkeypatch.setattr(run, "_until_told", ended)
    ran = office.run("H05", "run")
    assert ran.code == 69
    assert event in ran.out + ran.err
    assert str(why) in ran.out + ran.err
