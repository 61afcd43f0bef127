"""docexchange.flow.handover: replies, events and the inbox of a mailroom, in order."""

from __future__ import annotations

import pytest

from docexchange.core.errors import Deferred
from docexchange.core.model import MailroomMessage
from docexchange.flow import handover, mailroom
from docexchange.flow.handover import hand_over
from envelopes import edxml
from tests.docexchange.flow.test_mailroom import COUNTER, Message
from tests.theatre import Node, Theatre, document


class Porter:
    """A mailroom broker that confirms what it is told to."""

    def __init__(self, confirms: int = 1000) -> None:
        self.published: list[MailroomMessage] = []
        self._confirms = confirms

    async def publish(self, message: MailroomMessage) -> None:
        if len(self.published) >= self._confirms:
            raise Deferred("not confirmed")
        self.published.append(message)


async def submit(theatre: Theatre, number: int) -> None:
    """A mailroom's document, taken at H05."""
    message = Message(edxml.write(document(number, ("H01",))), f"m-{number}")
    await mailroom.take(message, COUNTER, world=theatre.nodes["H05"].world, now=theatre.clock.now())


async def test_inbox_events_and_replies_are_handed_over_in_order(
    theatre: Theatre, node: Node
) -> None:
    await submit(theatre, 1)
    await theatre.settle()
    porter = Porter()
    count, why = await hand_over("mr-H05", porter, store=node.store, clock=theatre.clock)
    assert (count, why) == (len(porter.published), "")
    keys = [message.routing_key for message in porter.published]
    assert keys == ["reply.accepted", "event.H05", "event.H05", "event.H05"]
    again, _ = await hand_over("mr-H05", porter, store=node.store, clock=theatre.clock)
    assert again == 0


async def test_the_inbox_message_is_the_envelope_byte_for_byte(
    theatre: Theatre, node: Node
) -> None:
    ref = await theatre.send(1, ("H01",))
    await theatre.settle()
    receiver = theatre.nodes["H01"]
    porter = Porter()
    await hand_over("mr-H01", porter, store=receiver.store, clock=theatre.clock)
    message = porter.published[0]
    arrival = receiver.store.incoming.arrivals()[0]
    assert message.body == node.store.contents.read(node.store.outgoing.document(ref).sha256)
    assert message.message_id == arrival.tracking_id
    assert message.headers["x-verdict"] == "TOTAL-PASSED"
    assert arrival.handed_over_at == theatre.clock.now()


async def test_what_is_not_confirmed_comes_again_under_the_same_id(
    theatre: Theatre, node: Node
) -> None:
    for number in (1, 2, 3):
        await submit(theatre, number)
    weak = Porter(confirms=1)
    assert await hand_over("mr-H05", weak, store=node.store, clock=theatre.clock) == (
        1,
        "not confirmed",
    )
    strong = Porter()
    await hand_over("mr-H05", strong, store=node.store, clock=theatre.clock)
    handed = [message.message_id for message in (*weak.published, *strong.published)]
    assert len(handed) == len(set(handed)) == 3


async def test_no_more_is_in_hand_than_memory_is_for_and_the_rest_follows(
    theatre: Theatre, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        await theatre.send(number, ("H01",))
    await theatre.settle()
    receiver, porter = theatre.nodes["H01"], Porter()
    size = len(receiver.store.contents.read(receiver.store.incoming.arrivals()[0].sha256))
    monkeypatch.setattr(handover, "HAND_OVER_BYTES", size + 1)
    counts = [
        (await hand_over("mr-H01", porter, store=receiver.store, clock=theatre.clock))[0]
        for _ in range(3)
    ]
    assert counts == [2, 1, 0]
    numbers = [one.headers["x-document-number"] for one in porter.published]
    assert numbers == ["1/QĐ-UBND", "2/QĐ-UBND", "3/QĐ-UBND"]
