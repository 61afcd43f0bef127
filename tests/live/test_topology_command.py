"""`docexchange topology apply|check` on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from docexchange.core.names import queue_name
from docexchange.core.schedule import Lane
from docexchange.demo.rabbitmq import Node
from docexchange.edges.link import connect
from tests.live.rig import AXIS, PASSWORD, node_url
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
