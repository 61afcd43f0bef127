"""docexchange.flow.door: who is let in, and what a mailroom is told when it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from docexchange.core.admission import Backpressure, Disk, Level, Seen, Work
from docexchange.core.errors import Busy, Deferred
from docexchange.core.model import MailroomMessage
from docexchange.flow import door, mailroom
from envelopes import edxml
from tests.pki import AT
from tests.theatre import Node, Theatre, document

ORGANS = {"mr-H05": frozenset({"H05"}), "mr-H01": frozenset({"H01"})}
COUNTER = mailroom.Counter("mr-H05", ORGANS["mr-H05"])
MARKS = Backpressure(warn_free=1000, refuse_free=500, reserve_free=100, open_deliveries=2)
PLENTY = Disk(10_000, 10_000)


@dataclass
class Message:
    """A message of a mailroom."""

    body: bytes
    message_id: str = "m-1"
    routing_key: str = "submit.document"
    content_type: str = "application/xml"
    content_encoding: str = ""
    type: str = ""
    vhost: str = "mr-H05"
    headers: Mapping[str, object] = field(default_factory=dict)
    acked: bool = False

    def ack(self) -> None:
        self.acked = True


class Porter:
    """A mailroom's broker that is there, or not."""

    def __init__(self) -> None:
        self.there = True
        self.published: list[MailroomMessage] = []

    async def publish(self, message: MailroomMessage) -> None:
        if not self.there:
            raise Deferred("no connection")
        self.published.append(message)

    @property
    def problem(self) -> Any:
        body = self.published[-1].body
        assert body is not None
        return json.loads(body)


@pytest.fixture
def porter() -> Porter:
    return Porter()


def opened(disk: Disk = PLENTY, work: dict[str, Work] | None = None) -> door.Door:
    return door.Door(MARKS, ORGANS, Seen(disk, work or {}))


async def take(theatre: Theatre, message: Message, gate: door.Door, porter: Porter) -> bool:
    world = theatre.nodes["H05"].world
    return await door.take(message, COUNTER, gate, porter, world=world, now=theatre.clock.now())


async def test_there_is_room(theatre: Theatre, node: Node, porter: Porter) -> None:
    message = Message(edxml.write(document(1, ("H01",))))
    assert await take(theatre, message, opened(), porter)
    assert message.acked
    assert len(node.store.outgoing.documents()) == 1
    assert porter.published == []


async def test_a_full_disk_is_told_past_the_store(
    theatre: Theatre, node: Node, porter: Porter
) -> None:
    message = Message(edxml.write(document(1, ("H01",))))
    lines = node.store.journal.verify()
    assert await take(theatre, message, opened(Disk(400, 10_000)), porter)
    assert message.acked
    assert porter.problem["code"] == "E-BSY-003"
    assert (porter.problem["retryable"], porter.problem["retry_after_s"]) == (True, 60)
    assert porter.published[0].correlation_id == "m-1"
    assert node.store.outgoing.documents() == []
    assert node.store.mailrooms.due("mr-H05", 0, 10) == []
    assert node.store.journal.verify() == lines


async def test_what_can_neither_be_taken_nor_told_stays_with_the_broker(
    theatre: Theatre, node: Node, porter: Porter
) -> None:
    porter.there = False
    message = Message(edxml.write(document(1, ("H01",))))
    assert not await take(theatre, message, opened(Disk(400, 10_000)), porter)
    assert not message.acked
    assert await take(theatre, message, opened(), porter)
    assert message.acked


async def test_a_status_report_passes_a_closed_door(
    theatre: Theatre, node: Node, porter: Porter
) -> None:
    """It finishes something; here it names no arrival, and the reply says that, not E-BSY."""
    report = Message(
        b'{"tracking_id": "none", "code": "03"}',
        routing_key="submit.status",
        content_type="application/json",
    )
    assert await take(theatre, report, opened(Disk(400, 10_000)), porter)
    assert porter.published == []
    reply = node.store.mailrooms.due("mr-H05", 0, 10)[0].message
    assert reply.body is not None
    assert json.loads(reply.body)["code"] == "E-REF-001"


async def test_a_store_that_cannot_write_is_told_past_the_store(
    theatre: Theatre, node: Node, porter: Porter
) -> None:
    raw = node.store._access.writer._connection._raw
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")
    sent = 0
    while not porter.published:
        sent += 1
        assert sent < 100  # free pages of a new store
        body = edxml.write(document(sent, ("H01",)))
        assert await take(theatre, Message(body, f"m-{sent}"), opened(), porter)
    assert porter.problem["code"] == "E-BSY-005"
    assert len(node.store.outgoing.documents(100)) == sent - 1
    raw.execute("PRAGMA max_page_count = 1000000")
    assert await take(theatre, Message(body, f"m-{sent}"), opened(), porter)
    assert len(node.store.outgoing.documents(100)) == sent


def test_a_mailroom_over_its_quota_does_not_close_the_door_to_another() -> None:
    gate = opened(work={"H05": Work(2, 10)})
    with pytest.raises(Busy, match="E-BSY-001"):
        gate.admit("mr-H05", 1, AT)
    gate.admit("mr-H01", 1, AT)
    gate.look(Seen(PLENTY, {"H05": Work(1, 10)}))
    gate.admit("mr-H05", 1, AT)


def test_what_was_let_in_since_the_last_look_counts() -> None:
    gate = opened()
    gate.admit("mr-H05", 1, AT)
    gate.admit("mr-H05", 1, AT)
    with pytest.raises(Busy, match="E-BSY-001"):
        gate.admit("mr-H05", 1, AT)
    assert gate.work("mr-H05") == Work(2, 2)


def test_a_rate_is_one_mailrooms_own() -> None:
    settings = Backpressure(per_minute=1)
    gate = door.Door(settings, ORGANS, Seen(Disk(10**15, 10**15)))
    gate.admit("mr-H05", 1, AT)
    with pytest.raises(Busy, match="E-BSY-004") as refused:
        gate.admit("mr-H05", 1, AT)
    assert refused.value.retry_after == 60
    gate.admit("mr-H01", 1, AT)
    gate.admit("mr-H05", 1, AT + timedelta(minutes=1))


def test_documents_of_the_axis_wait_only_below_the_last_mark() -> None:
    gate = opened(Disk(100, 10_000))
    assert gate.level is Level.CLOSED
    assert gate.room.is_set()
    assert gate.look(Seen(Disk(99, 10_000)))
    assert not gate.room.is_set()
    assert not gate.look(Seen(Disk(110, 10_000)))
    assert gate.look(Seen(Disk(125, 10_000)))
    assert gate.room.is_set()
