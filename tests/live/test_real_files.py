"""Real edXML of mailrooms: `send --from-xml`, a real broker, the inbox of the receiver."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docexchange.cli import main
from docexchange.config import load
from docexchange.daemon import serve
from docexchange.demo.clerk import Clerk
from docexchange.edges.topology import axis_topology
from envelopes import edxml
from envelopes.model import Document
from keys.certificates import load_pem
from keys.demo_ca import demo_ca
from tests.live.rig import AXIS, SOON, Node, fresh, mailroom_url
from tests.samples import WELL_FORMED

pytestmark = pytest.mark.live


def document(path: Path) -> Document | None:
    """The document in a sample, dates put right as `--from-xml` does; None of a status."""
    message, _ = edxml.read(path.read_bytes(), repair=True)
    return message if isinstance(message, Document) else None


DOCUMENTS = [
    path for path in WELL_FORMED if not isinstance(path, Path) or document(path) is not None
]


@dataclass
class Pair:
    """A sending and a receiving node, and the receiver's mailroom."""

    sender: Path  # its config
    clerk: Clerk


@contextlib.asynccontextmanager
async def pair(
    folder: Path, rabbit: Node, senders: Iterable[str], receivers: Iterable[str]
) -> AsyncIterator[Pair]:
    """Two real nodes over the broker, S serving the senders and R the receivers."""
    nodes = {"S": sorted(set(senders)), "R": sorted(set(receivers))}
    organs = {organ: node for node, served in nodes.items() for organ in served}
    for name, data in demo_ca({o: o for o in organs}, now=datetime.now(UTC), key="p256").items():
        path = folder / "keys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)
    issuer = load_pem((folder / "keys/issuing.pem").read_bytes())[0].fingerprint
    (folder / "directory.toml").write_text(
        "".join(
            f'[organs."{organ}"]\nname = "{organ}"\nnode = "{node}"\n'
            f'subject_rule = true\nissuers = ["{issuer}"]\n'
            for organ, node in organs.items()
        )
    )
    await fresh(rabbit, AXIS, axis_topology(nodes))
    configs = {node: _config(folder, rabbit, node, served) for node, served in nodes.items()}
    stop = asyncio.Event()
    clerk = Clerk("R", mailroom_url(rabbit, "H13"), "mailroom-H13")
    async with asyncio.TaskGroup() as group:
        for config in configs.values():
            group.create_task(serve(load(config), stop))
        await clerk.open()
        try:
            yield Pair(configs["S"], clerk)
        finally:
            await clerk.close()
            stop.set()


def _config(folder: Path, rabbit: Node, node: str, organs: Iterable[str]) -> Path:
    """The administrator's login stands in for the node's: these nodes are made up per test."""
    mailroom = "mr-H13" if node == "R" else ""
    lines = [
        f'[node]\nid = "{node}"\ndata = "{node}"\ndirectory = "directory.toml"',
        'trust = "keys/root.pem"',
        f'[axis]\nurl = "{rabbit.admin_url(AXIS)}"',
        f'[mailroom]\nurl = "{rabbit.admin_url("x").rpartition("/")[0]}"',
    ]
    for organ in organs:
        lines.append(f'[organs."{organ}"]')
        lines += [f'key = "keys/{organ}/key.pem"', f'chain = "keys/{organ}/chain.pem"']
        lines += [f'mailroom = "{mailroom}"'] if mailroom else []
    path = folder / f"{node}.toml"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_the_receiver_gets_what_the_mailroom_wrote(
    path: Path, tmp_path: Path, empty_mailrooms: Node
) -> None:
    written = document(path)
    assert written is not None
    sender = written.sender.organ_id
    receivers = [organ for organ in written.recipients if organ != sender]
    async with pair(tmp_path, empty_mailrooms, [sender], receivers) as (nodes):
        arguments = ["send", "--from-xml", str(path), "-c", str(nodes.sender), "--wait", "01"]
        assert await asyncio.to_thread(main, arguments) == 0
        async with asyncio.timeout(SOON):
            while len(nodes.clerk.inbox) < len(receivers):
                await asyncio.sleep(0.02)
        for message in nodes.clerk.inbox.values():
            assert message.headers["x-verdict"] == "TOTAL-PASSED"
            received, findings = edxml.read(message.body)
            assert isinstance(received, Document)
            assert [finding.code for finding in findings] == ["W-SIG-001"]  # ours, in the header
            assert without_our_hop(received, sender) == written
            assert [one.content for one in received.attachments] == [
                one.content for one in written.attachments
            ]


def without_our_hop(received: Document, sender: str) -> Document:
    """The document as it was before the sending node appended its TraceHeader."""
    assert received.trace is not None
    *earlier, ours = received.trace.traces
    assert ours.organ_id == sender
    return replace(received, trace=replace(received.trace, traces=tuple(earlier)))
