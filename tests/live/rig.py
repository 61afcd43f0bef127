"""What the live tests share: the logins of a small axis, and the clearing of its queues."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docexchange.config import Config, load
from docexchange.daemon import serve
from docexchange.demo.rabbitmq import Node, find_server
from docexchange.edges.link import connect
from docexchange.edges.permissions import MailroomLogin, NodeLogin, definitions
from docexchange.edges.topology import Topology, apply
from docexchange.flow.echo import Echo
from keys.certificates import load_pem
from keys.demo_ca import demo_ca

AXIS = "axis"
ORGANS = {"H05": ["H05", "H05.12.03"], "H13": ["H13"]}
PASSWORD = "only-on-loopback"
MAX_MESSAGE = 16 * 1024 * 1024  # what RabbitMQ 4 takes unless told otherwise; 3.10 takes 128 MiB
NODES = [NodeLogin(name, f"node-{name}", PASSWORD, (f"mr-{name}",)) for name in ORGANS]
MAILROOMS = [MailroomLogin(f"mr-{name}", f"mailroom-{name}", PASSWORD) for name in ORGANS]
SOON = 10.0  # s; generous, since nothing here should take one
RESTART = 60.0  # s for a killed broker to be back and all clients with it


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[Node]:
    """A private broker with the logins of this axis; skips, or fails where it must be there."""
    if find_server() is None:
        why = "no rabbitmq-server here; deploy/test installs the Debian package"
        if os.environ.get("DOCEXCHANGE_TEST_LIVE") == "1":
            pytest.fail(why)
        pytest.skip(why)
    node = Node(
        folder,
        definitions=definitions(AXIS, NODES, MAILROOMS),
        settings={"max_message_size": str(MAX_MESSAGE)},
    )
    with node:
        yield node


def node_url(rabbit: Node, node: str, vhost: str = AXIS) -> str:
    """Address of a vhost with the login of a node."""
    return rabbit.url(f"node-{node}", PASSWORD, vhost)


def mailroom_url(rabbit: Node, name: str) -> str:
    """Address of a mailroom's vhost with its own login."""
    return rabbit.url(f"mailroom-{name}", PASSWORD, f"mr-{name}")


@contextlib.asynccontextmanager
async def exchange(
    folder: Path,
    rabbit: Node,
    *echoes: Echo,
    more: str = "",
    keys: Mapping[str, bytes] | None = None,
) -> AsyncIterator[dict[str, Config]]:
    """The nodes of this axis, real and in this process, each serving the organ of its name with a
    mailroom, `more` in its config; `rabbit` has an empty axis and empty mailrooms. `keys` are files
    as `demo_ca` makes them, which makes them if None."""
    names = list(ORGANS)
    made = keys or demo_ca({o: o for o in names}, now=datetime.now(UTC), key="p256")
    for name, data in made.items():
        path = folder / "keys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)
    issuer = load_pem((folder / "keys/issuing.pem").read_bytes())[0].fingerprint
    (folder / "directory.toml").write_text(
        "".join(
            f'[organs."{name}"]\nname = "{name}"\nnode = "{name}"\n'
            f'subject_rule = true\nissuers = ["{issuer}"]\n'
            for name in names
        )
    )
    configs = {name: load(_config(folder, rabbit, name, more)) for name in names}
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name, config in configs.items():
            own = tuple(echo for echo in echoes if echo.organ == name)
            group.create_task(serve(config, stop, echoes=own))
        try:
            yield configs
        finally:
            stop.set()


def _config(folder: Path, rabbit: Node, name: str, more: str) -> Path:
    path = folder / f"{name}.toml"
    path.touch(mode=0o600)
    path.write_text(
        f'[node]\nid = "{name}"\ndata = "{name}"\ndirectory = "directory.toml"\n'
        f'trust = "keys/root.pem"\n[axis]\nurl = "{node_url(rabbit, name)}"\n'
        f'[mailroom]\nurl = "{rabbit.url(f"node-{name}", PASSWORD, "").rstrip("/")}"\n'
        f'[organs."{name}"]\nkey = "keys/{name}/key.pem"\nchain = "keys/{name}/chain.pem"\n'
        f'mailroom = "mr-{name}"\n{more}'
    )
    return path


async def fresh(rabbit: Node, vhost: str, topology: Topology) -> None:
    """Make the topology anew, with empty queues."""
    if not rabbit.running:
        rabbit.start()
    session = await connect(rabbit.admin_url(vhost))
    channel = await session.channel(confirms=False)
    for queue in topology.queues:
        await channel.queue_delete(queue.name)
    await session.close()
    await apply(rabbit.admin_url(vhost), topology)


async def control(rabbit: Node, *command: str) -> None:
    """rabbitmqctl, as the operator of the broker has it."""
    server = find_server()
    assert server is not None
    ended = await asyncio.to_thread(
        subprocess.run,
        [server.with_name("rabbitmqctl"), "-n", "private@localhost", *command],
        env=rabbit._environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
