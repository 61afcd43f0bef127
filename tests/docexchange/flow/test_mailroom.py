"""docexchange.flow.mailroom: submissions, status reports, replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from docexchange.core.states import SigningState
from docexchange.flow import mailroom, outbox
from envelopes import edxml
from keys.remote import load_remote_key
from tests.contract import Watch
from tests.pki import P256
from tests.theatre import Node, Theatre, document

COUNTER = mailroom.Counter("mr-H05", frozenset({"H05"}))


@dataclass
class Message:
    """A message of a mailroom, as the edge would hand it over."""

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


async def take(theatre: Theatre, message: Message, counter: mailroom.Counter = COUNTER) -> Any:
    """Take a message at H05 and read the reply to it."""
    node = theatre.nodes["H05"]
    await mailroom.take(message, counter, world=node.world, now=theatre.clock.now())
    assert message.acked
    replies = [
        row.message
        for row in node.store.mailrooms.due(counter.vhost, 0, 100)
        if row.message.routing_key.startswith("reply.")
    ]
    reply = replies[-1]
    assert reply.correlation_id == message.message_id
    assert reply.body is not None
    watch = Watch()
    watch.submitted(message)
    watch.delivered(reply)
    assert not watch.faults
    return json.loads(reply.body)


async def test_a_submission_is_accepted(theatre: Theatre, node: Node) -> None:
    reply = await take(theatre, Message(edxml.write(document(1, ("H01",)))))
    assert reply["status"] == "accepted"
    assert reply["duplicate"] is False
    assert node.store.outgoing.document(reply["tracking_id"]).number == "1"


async def test_the_same_submission_again_is_a_duplicate(theatre: Theatre, node: Node) -> None:
    body = edxml.write(document(1, ("H01",)))
    first = await take(theatre, Message(body))
    again = await take(theatre, Message(body))
    assert again["tracking_id"] == first["tracking_id"]
    assert again["duplicate"] is True
    assert len(node.store.outgoing.documents()) == 1


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        (Message(b""), "E-FMT-001", "EMPTY"),
        (Message(b"not xml"), "E-FMT-001", "NOT_XML"),
        (Message(b"<edXML/>"), "E-FMT-001", "edXML"),
        (Message(b"<!DOCTYPE a><a/>"), "E-FMT-001", "DTD"),
        (Message(b"<a/>", message_id=""), "E-FMT-002", "UUID"),
        (Message(b"<a/>", message_id="x" * 201), "E-FMT-002", "200"),
        (Message(b"<a/>", content_type="application/json"), "E-FMT-006", "application/json"),
        (Message(b"<a/>", content_encoding="br"), "E-FMT-005", "br"),
        (Message(b"<a/>", content_encoding="gzip"), "E-FMT-007", "header"),
        (Message(b"<a/>", routing_key="submit.letter"), "E-FMT-012", "submit.letter"),
        (Message(b" " * 9_000_000), "E-SIZ-001", "9,000,000"),
        (Message(edxml.write(document(1, ("H99",)))), "E-RTE-001", "H99"),
        (Message(edxml.write(document(1, ("H01",), sender="H01"))), "E-AUT-001", "H05"),
    ],
)
async def test_a_bad_submission_is_answered_with_a_problem(
    theatre: Theatre, node: Node, message: Message, code: str, says: str
) -> None:
    reply = await take(theatre, message)
    assert reply["code"] == code
    assert says in reply["detail"]
    assert reply["retryable"] is False
    assert reply["title"]
    assert reply["title_en"]
    assert reply["received"]["size"] == len(message.body)
    assert node.store.outgoing.documents() == []


async def test_the_same_message_id_with_other_content(theatre: Theatre, node: Node) -> None:
    await take(theatre, Message(edxml.write(document(1, ("H01",)))))
    reply = await take(theatre, Message(edxml.write(document(2, ("H01",)))))
    assert reply["code"] == "E-DUP-002"


def status(tracking_id: str, code: str, **more: object) -> Message:
    body = json.dumps({"tracking_id": tracking_id, "code": code, **more}).encode()
    return Message(
        body,
        message_id=f"s-{code}",
        routing_key="submit.status",
        content_type="application/json",
    )


async def arrived_at_h05(theatre: Theatre) -> str:
    await theatre.send(7, ("H05",), sender="H01")
    await theatre.settle()
    return theatre.nodes["H05"].store.incoming.arrivals()[0].tracking_id


async def test_statuses_are_reported_in_order(theatre: Theatre, node: Node) -> None:
    ref = await arrived_at_h05(theatre)
    for code in ("03", "05", "06"):
        reply = await take(theatre, status(ref, code, note="đang làm", staff={"name": "B"}))
        assert reply["status"] == "accepted"
    await theatre.settle()
    sender = theatre.nodes["H01"].store
    delivery = sender.outgoing.documents()[0].deliveries[0]
    assert [line.code for line in delivery.history] == ["01", "03", "05", "06"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (status("REF", "99"), "E-STA-001"),
        (status("REF", "01"), "E-STA-001"),
        (status("REF", "13"), "E-STA-001"),
        (status("REF", "02"), "E-STA-003"),
        (status("nothing-like-it", "03"), "E-REF-001"),
        (status("REF", "03", staff="B"), "E-FMT-004"),
        (status("REF", "03", note=5), "E-FMT-004"),
        (status("", "03"), "E-FMT-004"),
    ],
)
async def test_a_bad_status_report(
    theatre: Theatre, node: Node, message: Message, code: str
) -> None:
    ref = await arrived_at_h05(theatre)
    message.body = message.body.replace(b"REF", ref.encode())
    reply = await take(theatre, message)
    assert reply["code"] == code
    assert node.store.incoming.arrivals()[0].code == "01"


async def test_going_back_is_refused(theatre: Theatre, node: Node) -> None:
    ref = await arrived_at_h05(theatre)
    await take(theatre, status(ref, "05"))
    reply = await take(theatre, status(ref, "03"))
    assert reply["code"] == "E-STA-002"
    assert "05 -> 03" in reply["detail"]


async def test_another_mailroom_may_not_speak_for_it(theatre: Theatre, node: Node) -> None:
    ref = await arrived_at_h05(theatre)
    foreign = mailroom.Counter("mr-other", frozenset({"H13"}))
    reply = await take(theatre, status(ref, "03"), foreign)
    assert reply["code"] == "E-AUT-001"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
async def test_a_report_that_is_no_object(theatre: Theatre, node: Node, body: bytes) -> None:
    message = status("x", "03")
    message.body = body
    assert (await take(theatre, message))["code"] == "E-FMT-004"


async def test_a_mailroom_recalls_its_document(theatre: Theatre, node: Node) -> None:
    ref = await theatre.send(98, ("H01",))
    await theatre.settle()
    asked = Message(
        json.dumps({"tracking_id": ref, "reason": "Sai phụ lục", "to": ["H01"]}).encode(),
        message_id="recall-1",
        routing_key="submit.recall",
        content_type="application/json",
    )
    first = await take(theatre, asked)
    again = await take(theatre, asked)
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["tracking_id"] == again["tracking_id"]
    await theatre.settle()
    assert node.store.outgoing.document(ref).deliveries[0].recall == "agreed"  # nobody had got it


async def test_a_mailroom_recalls_a_document_that_waits_for_its_signature(
    theatre: Theatre, node: Node
) -> None:
    """The reply and the event say so, once each for a message that comes twice."""
    key = load_remote_key(P256.chain_pem("H05", "second"))
    waiting = await outbox.submit(
        document(98, ("H01",)), world=node.world, now=theatre.clock.now(), sign_with=key
    )
    body = {"tracking_id": waiting.tracking_id, "reason": "Sai phụ lục"}
    asked = Message(
        json.dumps(body).encode(),
        message_id="recall-1",
        routing_key="submit.recall",
        content_type="application/json",
    )
    first, again = await take(theatre, asked), await take(theatre, asked)
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["tracking_id"] == again["tracking_id"] == waiting.tracking_id
    due = [one.message for one in node.store.mailrooms.due("mr-H05", 0, 9)]
    events = [json.loads(one.body or b"") for one in due if one.routing_key.startswith("event.")]
    assert [one["data"]["signature"] for one in events] == ["cancelled"]
    assert node.store.signings.find(waiting.tracking_id).state is SigningState.CANCELLED
    other = Message(
        json.dumps(body | {"reason": "Lý do khác"}).encode(),
        message_id="recall-2",
        routing_key="submit.recall",
        content_type="application/json",
    )
    assert (await take(theatre, other))["code"] == "E-DUP-002"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "E-RCL-003"),
        (b"[]", "E-RCL-003"),
        (b'{"tracking_id": "x"}', "E-RCL-003"),
        (b'{"tracking_id": "x", "reason": "y", "to": "H01"}', "E-RCL-003"),
        (b'{"tracking_id": "nowhere", "reason": "y"}', "E-REF-001"),
    ],
)
async def test_a_malformed_recall_is_answered(
    theatre: Theatre, node: Node, body: bytes, code: str
) -> None:
    asked = Message(body, routing_key="submit.recall", content_type="application/json")
    assert (await take(theatre, asked))["code"] == code
