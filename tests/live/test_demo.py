"""The demo as its user runs it: a process, exit code 0, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from docexchange.demo.rabbitmq import Node, find_server

pytestmark = [pytest.mark.live, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240.0  # s; it takes about 40


def play(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `docexchange demo`."""
    return subprocess.run(
        [sys.executable, "-m", "docexchange", "demo", "--dir", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder, and processes whose home it is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in told:
                found.append(told.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


@pytest.fixture(autouse=True)
def server() -> None:
    if find_server() is None and os.environ.get("DOCEXCHANGE_TEST_LIVE") != "1":
        pytest.skip("no rabbitmq-server here; deploy/test installs the Debian package")


def test_every_scene_holds_and_nothing_is_left(tmp_path: Path) -> None:
    ended = play(tmp_path, "--lang", "en")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "All 6 scenes held" in ended.stdout
    assert ended.stderr == ""
    assert processes_of(tmp_path) == []


def test_own_files_on_a_broker_that_is_already_there(tmp_path: Path) -> None:
    folder, own = tmp_path / "demo", tmp_path / "Công văn của tôi.txt"
    own.write_text("Kính gửi: Ủy ban nhân dân tỉnh An Giang\n" * 20, encoding="utf-8")
    node = Node(
        tmp_path / "theirs",
        plugins=["rabbitmq_management"],
        settings={"management.tcp.ip": "127.0.0.1", "management.tcp.port": "15999"},
    )
    api = "http://127.0.0.1:15999"
    with node:
        address = node.admin_url("/").rpartition("/")[0]
        ended = play(folder, "--broker", address, "--broker-api", api, str(own))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Cả 6 cảnh đều đúng" in ended.stdout
        assert vhosts(address, api) == ["/"]
        assert processes_of(folder) == []


def vhosts(address: str, api: str) -> list[str]:
    parts = urlsplit(address)
    login = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    request = urllib.request.Request(
        f"{api}/api/vhosts", headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [vhost["name"] for vhost in json.load(answer)]


def test_an_integrators_first_message(tmp_path: Path) -> None:
    """`demo --echo` prints all that deploy/clients/README.md tells an integrator to type."""
    with subprocess.Popen(
        [sys.executable, "-m", "docexchange", "demo", "--echo", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            told = [process.stdout.readline().strip() for _ in range(5)]
            _, _, address, submit, events = told
            url = address.removeprefix("export MAILROOM_URL='").rstrip("'")
            (accepted,) = follow(submit, url)
            lines = follow(events.replace("events 6", "events 4"), url)
        finally:
            process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(LIMIT) == 0  # as asked
    assert accepted["status"] == "accepted"
    assert [line["data"]["recipients"][0]["code"] for line in lines] == ["", "01", "01", "03"]
    assert processes_of(tmp_path) == []


def follow(line: str, url: str) -> list[dict[str, Any]]:
    """Run a line that was printed, with this interpreter; the JSON that it prints."""
    python, *arguments = line.split()
    assert python == ".venv/bin/python"
    ended = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"MAILROOM_URL": url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    return [json.loads(one) for one in ended.stdout.splitlines()]


def test_an_interrupted_demo_cleans_up(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "docexchange", "demo", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "✔" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(LIMIT) == 130
    assert processes_of(tmp_path) == []
