"""The private node itself: it comes back where it was, and never outlives who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docexchange.demo.rabbitmq import Node, find_server, stop_folder

pytestmark = [pytest.mark.live, pytest.mark.slow]

ORPHAN = """
import os, signal, sys
from pathlib import Path
from docexchange.demo.rabbitmq import Node
node = Node(Path(sys.argv[1]))
node.start()
print(node.pid, node.port, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def server() -> Path:
    found = find_server()
    if found is None:
        pytest.skip("no rabbitmq-server here")
    return found


def test_it_dies_with_who_started_it_and_its_folder_starts_again(
    server: Path, tmp_path: Path
) -> None:
    started = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "node")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert started.returncode == -signal.SIGKILL, started.stderr
    pid, port = map(int, started.stdout.split())
    wait_until_gone(pid)
    node = Node(tmp_path / "node")
    assert node.port == port
    with node:
        assert node.running
        assert node.pid != pid
    assert not node.running
    assert stop_folder(tmp_path / "node") is False  # nothing left to stop


def wait_until_gone(pid: int) -> None:
    """A killed process may stay as a zombie where nobody reaps; then it runs no more."""
    for _ in range(100_000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
                return
        except OSError:
            return
        os.sched_yield()
    pytest.fail(f"process {pid} still runs")
