"""The sample clients under deploy/clients, really run against two nodes and a broker."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from docexchange.compose import open_store
from docexchange.config import Config
from docexchange.flow.echo import Echo
from envelopes import edxml
from tests.contract import Watch
from tests.live.rig import Node, exchange, mailroom_url
from tests.theatre import document

pytestmark = [pytest.mark.live, pytest.mark.slow]

CLIENTS = Path(__file__).resolve().parents[2] / "deploy" / "clients"
LONGEST = 60.0  # s for a client; two of them start a virtual machine first
JARS = [
    Path("/usr/share/java") / f"{name}.jar" for name in ("amqp-client", "slf4j-api", "slf4j-nop")
]
PHP_LIBRARY = Path("/usr/share/php/PhpAmqpLib/autoload.php")


@dataclass(frozen=True)
class Client:
    """How to run a client, and what it needs here."""

    command: tuple[str, ...]
    missing: str = ""
    always: bool = False
    compile: tuple[str, ...] = ()  # run once; its output folder stands in `command` as CLASSES


def _tool(name: str) -> str:
    beside = Path(sys.prefix) / "bin" / name
    return str(beside) if beside.exists() else shutil.which(name) or ""


def _clients() -> dict[str, Client]:
    node, php, java = _tool("node"), _tool("php"), _tool("java")
    modules = Path(sys.prefix) / "node" / "node_modules"
    jars = ":".join(map(str, JARS))
    lacks = [path.name for path in JARS if not path.exists()]
    return {
        "python": Client((sys.executable, str(CLIENTS / "python/mailroom.py")), always=True),
        "node": Client(
            (node, str(CLIENTS / "node/mailroom.js")),
            "" if node and (modules / "amqplib").exists() else "no node with amqplib",
            always=True,
        ),
        "java": Client(
            (java, "-cp", f"CLASSES:{jars}", "Mailroom"),
            "" if java and _tool("javac") and not lacks else f"no JDK, or not {lacks}",
            compile=("javac", "-cp", jars, "-d", "CLASSES", str(CLIENTS / "java/Mailroom.java")),
        ),
        "php": Client(
            (php, str(CLIENTS / "php/mailroom.php")),
            "" if php and PHP_LIBRARY.exists() else "no php with php-amqplib",
        ),
    }


RUNNERS = _clients()


@pytest.fixture(params=RUNNERS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    found = RUNNERS[request.param]
    if found.missing:
        why = f"{request.param}: {found.missing}; deploy/setup test installs it"
        if found.always and os.environ.get("DOCEXCHANGE_TEST_LIVE") == "1":
            pytest.fail(why)
        pytest.skip(why)
    classes = str(tmp_path / "classes")
    if found.compile:
        subprocess.run([one.replace("CLASSES", classes) for one in found.compile], check=True)
    return replace(found, command=tuple(one.replace("CLASSES", classes) for one in found.command))


async def run(client: Client, url: str, *arguments: object, code: int = 0) -> list[Any]:
    """Run a client; the JSON lines that it printed."""
    modules = str(Path(sys.prefix) / "node" / "node_modules")
    process = await asyncio.create_subprocess_exec(
        *client.command,
        *map(str, arguments),
        env=os.environ | {"MAILROOM_URL": url, "NODE_PATH": modules},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == code, (out.decode(), err.decode())
    return [json.loads(line) for line in out.decode().splitlines()]


def envelopes_of(config: Config) -> list[bytes]:
    """The documents that a node sent, byte for byte."""
    with open_store(config, exclusive=False) as store:
        return [store.contents.read(one.sha256) for one in store.outgoing.documents()]


async def test_a_client_does_all_that_a_mailroom_does(
    client: Client, empty_axis: Node, empty_mailrooms: Node, tmp_path: Path, watch: Watch
) -> None:
    rabbit = empty_axis
    ours, theirs = mailroom_url(rabbit, "H05"), mailroom_url(rabbit, "H13")
    stored = tmp_path / "stored"
    stored.mkdir()
    edxml_file = tmp_path / "second.edxml"
    edxml_file.write_bytes(edxml.write(document(2, ("H13",))))
    unknown = tmp_path / "unknown.json"
    letter = json.loads((CLIENTS / "letter.json").read_text(encoding="utf-8"))
    unknown.write_text(json.dumps(letter | {"organs_to": ["H99"]}))

    async with exchange(tmp_path, rabbit) as nodes:
        (accepted,) = await run(client, ours, "submit", CLIENTS / "letter.json")
        assert (accepted["status"], accepted["duplicate"]) == ("accepted", False)
        (again,) = await run(client, ours, "submit", CLIENTS / "letter.json")
        assert (again["tracking_id"], again["duplicate"]) == (accepted["tracking_id"], True)
        (problem,) = await run(client, ours, "submit", unknown, code=1)
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("E-RTE-001", "/organs_to")
        assert "H99" in problem["detail"]

        got, reported = await run(client, theirs, "receive", stored, "03")
        assert (got["from"], reported["status"]) == ("H05", "accepted")

        events = await run(client, ours, "events", 4)
        assert [one["data"]["sequence"] for one in events] == [1, 2, 3, 4]
        assert {one["subject"] for one in events} == {accepted["tracking_id"]}
        recipient = events[-1]["data"]["recipients"][0]
        assert (recipient["transport"], recipient["code"]) == ("acknowledged", "03")

        (second,) = await run(client, ours, "submit", edxml_file)
        got, _ = await run(client, theirs, "receive", stored)
        sent = envelopes_of(nodes["H05"])
    assert sorted(path.read_bytes() for path in stored.iterdir()) == sorted(sent)
    assert second["tracking_id"] != accepted["tracking_id"]
    assert watch.seen > 10


async def test_an_echo_organ_answers_a_client(
    empty_axis: Node, empty_mailrooms: Node, tmp_path: Path
) -> None:
    """What an integrator has without a partner: 01, 03 by the echo organ of the other node."""
    ours = mailroom_url(empty_axis, "H05")
    async with exchange(tmp_path, empty_axis, Echo("H13")):
        client = RUNNERS["python"]
        await run(client, ours, "submit", CLIENTS / "letter.json")
        events = await run(client, ours, "events", 4)
    assert [one["data"].get("reported", {}).get("code") for one in events][-2:] == ["01", "03"]
