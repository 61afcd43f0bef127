"""One private RabbitMQ node for the whole run, with an empty axis and mailrooms for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from docexchange.core.model import MailroomMessage
from docexchange.demo.rabbitmq import Node
from docexchange.edges.mailroom import Mailrooms, Submitted
from docexchange.edges.topology import axis_topology, mailroom_topology
from tests.contract import Watch
from tests.live.rig import AXIS, MAILROOMS, ORGANS, broker, fresh


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The broker of this run."""
    with broker(tmp_path_factory.mktemp("rabbit")) as node:
        yield node


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Every message between a node of this process and its mailrooms is held against the contract.

    The marker `off_contract` is for tests of the wire alone, whose messages mean nothing.
    """
    seeing = Watch()
    publish, receive = Mailrooms.publish, Mailrooms.receive

    async def watched_publish(self: Mailrooms, message: MailroomMessage) -> None:
        seeing.delivered(message)
        await publish(self, message)

    async def watched_receive(self: Mailrooms) -> Submitted:
        message = await receive(self)
        seeing.submitted(message)
        return message

    monkeypatch.setattr(Mailrooms, "publish", watched_publish)
    monkeypatch.setattr(Mailrooms, "receive", watched_receive)
    yield seeing
    if request.node.get_closest_marker("off_contract") is None:
        assert not seeing.faults, seeing.faults[:3]


@pytest.fixture
async def empty_axis(rabbit: Node) -> AsyncIterator[Node]:
    """The broker with an axis that nothing waits on."""
    await fresh(rabbit, AXIS, axis_topology(ORGANS))
    yield rabbit


@pytest.fixture
async def empty_mailrooms(rabbit: Node) -> AsyncIterator[Node]:
    """The broker with mailrooms in which nothing waits."""
    for mailroom in MAILROOMS:
        await fresh(rabbit, mailroom.vhost, mailroom_topology())
    yield rabbit
