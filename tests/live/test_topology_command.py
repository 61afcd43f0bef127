"""`docexchange topology plan|apply|check|definitions` on a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from docexchange.core.names import queue_name
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.link import connect
from tests.live.rig import AXIS, PASSWORD, control, node_url
from tests.office import Office, build

pytestmark = pytest.mark.live


@pytest.fixture
def office(
    tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str], rabbit: Node
) -> Iterator[Office]:
    """An office whose node H05 uses the broker of this run, with its own login."""
    made = build(tmp_path, template, capsys)
    config = tmp_path / "H05" / "docexchange.toml"
    text = config.read_text().replace("amqp://guest:guest@localhost:1/", node_url(rabbit, "H05"))
    text = text.replace('chain.pem"\n', 'chain.pem"\nmailroom = "mr-H05"\n')
    mailroom = rabbit.url("node-H05", PASSWORD, "").rstrip("/")
    config.write_text(f'{text}\n[mailroom]\nurl = "{mailroom}"\n')
    yield made
    made.theatre.close()
    asyncio.run(without_h01(rabbit))


async def without_h01(rabbit: Node) -> None:
    """Take away what other tests do not expect on the axis."""
    session = await connect(rabbit.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    for lane in Lane:
        await channel.queue_delete(queue_name("H01", lane))
    await session.close()


def test_the_node_may_look_and_the_administrator_apply(office: Office, rabbit: Node) -> None:
    if not rabbit.running:
        rabbit.start()
    missing = office.run("H05", "topology", "check")
    assert missing.code == 1
    assert "queue node.H01.urgent" in missing.out
    refused = office.run("H05", "topology", "apply")
    assert refused.code == 78
    assert "this login may not declare" in refused.err
    admin = ("--url", rabbit.admin_url(AXIS), "--mailroom-url", rabbit.admin_url("").rstrip("/"))
    applied = office.run("H05", "topology", "apply", *admin, "-v")
    assert applied.code == 0, applied.err
    assert "binding  docexchange -- normal.H01 --> node.H01.normal" in applied.out
    assert "✔ mr-H05" in applied.out
    complete = office.run("H05", "topology", "check")
    assert (complete.code, complete.out) == (0, "✔ axis: complete\n✔ mr-H05: complete\n")
    as_json = office.run("H05", "topology", "check", "--json").json
    assert as_json["vhosts"] == [
        {"name": "axis", "missing": []},
        {"name": "mr-H05", "missing": []},
    ]


def test_a_plan_says_what_apply_would_do_and_does_nothing(office: Office, rabbit: Node) -> None:
    if not rabbit.running:
        rabbit.start()
    admin = ("--url", rabbit.admin_url(AXIS), "--mailroom-url", rabbit.admin_url("").rstrip("/"))
    first = office.run("H05", "topology", "plan", *admin)
    assert first.code == 0, first.err
    assert "  + create  queue    node.H01.urgent" in first.out
    again = office.run("H05", "topology", "plan", *admin)
    assert again.out == first.out  # nothing was made
    assert office.run("H05", "topology", "apply", *admin).code == 0
    done = office.run("H05", "topology", "plan", *admin, "--json").json
    deeds = {step["deed"] for vhost in done["vhosts"] for step in vhost["steps"]}
    assert deeds == {"keep", "bind"}
    asyncio.run(another_queue(rabbit))
    other = office.run("H05", "topology", "plan", *admin)
    assert other.code == 1
    assert "✖ differs  queue    node.H01.urgent  (x-" in other.out
    ours = office.run("H05", "topology", "plan", "-v")  # a node's own login
    assert "? stands, not compared  queue    node.H01.normal" in ours.out


async def another_queue(rabbit: Node) -> None:
    """Put a queue with another limit where a lane should be."""
    session = await connect(rabbit.admin_url(AXIS))
    channel = await session.channel(confirms=False)
    name = queue_name("H01", Lane.URGENT)
    await channel.queue_delete(name)
    arguments = {"x-queue-type": "quorum", "x-max-length-bytes": 12345}
    await channel.queue_declare(name, durable=True, arguments=arguments)
    await session.close()


@pytest.mark.slow
def test_definitions_are_imported_and_complete(
    office: Office, rabbit: Node, tmp_path: Path
) -> None:
    """On a vhost of its own, by rabbitmqctl: afterwards a plan with the administrator's login finds
    nothing to make and nothing that differs; a user without a password cannot log in."""
    if not rabbit.running:
        rabbit.start()
    printed = office.run(
        "H05", "topology", "definitions", "--part", "axis", "--axis-vhost", "imported"
    )
    assert printed.code == 0, printed.err
    made = json.loads(printed.out)
    assert {user["password_hash"] for user in made["users"]} == {""}
    # The logins of this run keep their passwords: only one that nobody else uses is imported.
    made["users"] = [user for user in made["users"] if user["name"] == "node-H01"]
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(made))
    path.chmod(0o644)
    try:
        asyncio.run(control(rabbit, "import_definitions", str(path)))
        everything = ("imported", "admin", ".*", ".*", ".*")
        asyncio.run(control(rabbit, "set_permissions", "-p", *everything))
        url = rabbit.admin_url("imported")
        mailrooms = ("--mailroom-url", rabbit.admin_url("").rstrip("/"))
        planned = office.run("H05", "topology", "plan", "--url", url, *mailrooms, "--json").json
        deeds = {step["deed"] for step in planned["vhosts"][0]["steps"]}
        assert deeds == {"keep", "bind"}
        nobody = rabbit.url("node-H01", "", "imported")
        refused = office.run("H05", "topology", "check", "--url", nobody)
        assert refused.code == 69
    finally:
        asyncio.run(control(rabbit, "delete_vhost", "imported"))
        asyncio.run(control(rabbit, "delete_user", "node-H01"))


def test_doctor_sees_what_nobody_takes(office: Office, rabbit: Node) -> None:
    """One message waits in the inbox of a mailroom whose program is away, one was rejected by it;
    the node's store is served, but not by a daemon on this broker."""
    if not rabbit.running:
        rabbit.start()
    asyncio.run(fill(rabbit, "mr.inbox", "mr.dead.q"))
    found = office.run("H05", "doctor", "--only", "queues", "--json").json["probes"]
    asyncio.run(fill(rabbit))
    by_text = {one["detail"]: one["verdict"] for one in found}
    assert by_text["mr-H05: 1 message(s) wait in mr.inbox, no program takes them"] == "warning"
    assert by_text["mr-H05: 1 refused message(s) lie in mr.dead.q"] == "warning"
    assert by_text["mr-H05: the node runs and takes nothing from mr.submit.q (0)"] == "bad"
    lanes = [text for text in by_text if text.startswith("axis: the node runs and takes nothing")]
    assert [by_text[text] for text in lanes] == ["bad"]
    assert all(queue_name("H05", lane) in lanes[0] for lane in Lane)


async def fill(rabbit: Node, *queues: str) -> None:
    """One message in each of these queues, none in the others of the mailroom."""
    session = await connect(rabbit.admin_url("mr-H05"))
    channel = await session.channel(confirms=True)
    for queue in ("mr.inbox", "mr.replies", "mr.submit.q", "mr.dead.q"):
        await channel.queue_purge(queue)
    for queue in queues:
        await channel.basic_publish(b"<a/>", exchange="", routing_key=queue)
    await session.close()
