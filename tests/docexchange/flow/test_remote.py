"""docexchange.flow.remote: held, completed, refused, late; once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from docexchange.core.errors import Conflict, NotFound, SubmissionRefused
from docexchange.core.model import Submitted
from docexchange.core.policy import Limits
from docexchange.core.recalls import Recall
from docexchange.core.states import SigningState, State
from docexchange.flow import keeper, mailroom, outbox, remote
from envelopes import edxml
from envelopes.errors import RequestExpired, SignatureRefused
from envelopes.model import Business, Document, TraceHeaderList
from keys.remote import RemoteKey, load_remote_key
from tests.pki import OTHER, P256
from tests.theatre import Node, Theatre, document

COUNTER = mailroom.Counter("mr-H05", frozenset({"H05"}))
KEY = load_remote_key(P256.chain_pem("H05", "second"))
LEADER = P256.signer("H05", "second")
HOURS = timedelta(hours=1)


@dataclass
class Message:
    """A submission of the mailroom, as the edge would hand it over."""

    body: bytes
    message_id: str = "m-1"
    routing_key: str = "submit.document"
    content_type: str = "application/xml"
    content_encoding: str = ""
    type: str = ""
    vhost: str = "mr-H05"
    headers: Mapping[str, object] = field(default_factory=dict)

    def ack(self) -> None:
        """Nothing is asked about it here."""


@pytest.fixture
def node(theatre: Theatre) -> Node:
    for each in theatre.nodes.values():
        each.mailroom = True
    made = theatre.nodes["H05"]
    made.world = replace(made.world, remote={"H05": KEY})
    return made


async def submit(
    theatre: Theatre, node: Node, made: Document | None = None, key: RemoteKey | None = None
) -> Submitted:
    return await outbox.submit(
        made or document(98, ("H01",)), world=node.world, now=theatre.clock.now(), sign_with=key
    )


def answer(node: Node, ref: str) -> bytes:
    """What the leader's phone returns."""
    request = remote.request_of(node.store.signings.find(ref), node.world)
    return LEADER.sign(request.to_sign)


async def complete(theatre: Theatre, node: Node, ref: str, value: bytes) -> remote.Signed:
    return await remote.complete(ref, value, world=node.world, now=theatre.clock.now())


async def test_a_document_waits_is_signed_and_arrives(theatre: Theatre, node: Node) -> None:
    taken = await submit(theatre, node)
    assert taken.sign_by == theatre.clock.now() + 48 * HOURS
    await theatre.run(2 * HOURS, HOURS)
    assert theatre.axis.published == 0
    signed = await complete(theatre, node, "98/QĐ-UBND", answer(node, taken.tracking_id))
    assert (signed.tracking_id, signed.duplicate) == (taken.tracking_id, False)
    await theatre.settle()
    line = node.store.outgoing.document(taken.tracking_id).deliveries[0]
    assert (line.state, line.code) == (State.ACKNOWLEDGED, "01")
    assert [one.number for one in theatre.nodes["H01"].store.incoming.arrivals()] == ["98"]


async def test_the_lifetime_begins_with_the_signature(theatre: Theatre, node: Node) -> None:
    taken = await submit(theatre, node)
    theatre.clock.advance(40 * HOURS)
    await complete(theatre, node, taken.tracking_id, answer(node, taken.tracking_id))
    line = node.store.outgoing.document(taken.tracking_id).deliveries[0]
    assert line.lifetime_ends == theatre.clock.now() + theatre.schedule.lifetime


async def test_a_recalling_document_signed_elsewhere_freezes_what_it_recalls(
    theatre: Theatre, node: Node
) -> None:
    """Its signature queues it; from then on the document that it names is published no more."""
    old = await submit(theatre, node)
    await complete(theatre, node, old.tracking_id, answer(node, old.tracking_id))
    business = Business(type="1", document_id=old.document_id, reason="Ban hành nhầm")
    made = replace(document(99, ("H01",)), trace=TraceHeaderList(business=business))
    taken = await submit(theatre, node, made)
    assert node.store.outgoing.document(old.tracking_id).deliveries[0].recall == ""
    await complete(theatre, node, taken.tracking_id, answer(node, taken.tracking_id))
    view = node.store.outgoing.document(old.tracking_id)
    assert view.deliveries[0].recall == Recall.CANCELLED  # it had not left yet
    assert [(one.business, one.by_this) for one in view.changes] == [(1, False)]
    await theatre.settle()
    assert theatre.axis.published == 0


async def test_a_wrong_signature_leaves_it_waiting(theatre: Theatre, node: Node) -> None:
    ref = (await submit(theatre, node)).tracking_id
    request = remote.request_of(node.store.signings.find(ref), node.world)
    wrong = P256.signer("H05").sign(request.to_sign)  # the organ's other key
    with pytest.raises(SignatureRefused) as refused:
        await complete(theatre, node, ref, wrong)
    assert refused.value.reason == "OTHER_KEY"
    view = node.store.signings.find(ref)
    assert (view.state, view.refusals) == (SigningState.WAITING, 1)
    await theatre.settle()
    assert theatre.axis.published == 0
    assert not (await complete(theatre, node, ref, answer(node, ref))).duplicate


async def test_a_late_one_finds_it_expired(theatre: Theatre, node: Node) -> None:
    ref = (await submit(theatre, node)).tracking_id
    value = answer(node, ref)
    theatre.clock.advance(48 * HOURS)
    with pytest.raises(RequestExpired):  # before the keeper came by
        await complete(theatre, node, ref, value)
    assert node.store.signings.find(ref).state is SigningState.EXPIRED
    with pytest.raises(RequestExpired):
        await complete(theatre, node, ref, value)
    events = [json.loads(line.line)["event"] for line in node.store.journal.of(ref)]
    assert events == [
        *("signature_awaited", "signature_expired", "signature_refused", "signature_refused")
    ]
    await theatre.settle()
    assert theatre.axis.published == 0


async def test_the_keeper_expires_it_and_the_mailroom_is_told_once(
    theatre: Theatre, node: Node
) -> None:
    await submit(theatre, node)
    theatre.clock.advance(48 * HOURS)
    for _ in range(2):
        await keeper.keep(world=node.world, now=theatre.clock.now())
    (event,) = [
        json.loads(row.message.body or b"") for row in node.store.mailrooms.due("mr-H05", 0, 9)
    ]
    assert event["type"] == "vn.docexchange.document.signature.v1"
    assert (event["data"]["previous"], event["data"]["signature"]) == ("waiting", "expired")


async def test_expired_it_can_be_submitted_again_and_changed(theatre: Theatre, node: Node) -> None:
    first = await submit(theatre, node)
    changed = document(98, ("H01",), text=" (sửa)")
    with pytest.raises(Conflict):
        await submit(theatre, node, changed)
    theatre.clock.advance(48 * HOURS)  # the keeper has not come by
    second = await submit(theatre, node, changed)
    assert second.tracking_id != first.tracking_id
    assert not second.duplicate


async def test_taken_back_it_can_be_submitted_again_and_changed(
    theatre: Theatre, node: Node
) -> None:
    first = await submit(theatre, node)
    value = answer(node, first.tracking_id)
    await node.store.signings.cancel(first.tracking_id, "Sai", theatre.clock.now())
    with pytest.raises(Conflict, match="taken back"):
        await complete(theatre, node, first.tracking_id, value)
    second = await submit(theatre, node, document(98, ("H01",), text=" (sửa)"))
    with pytest.raises(SignatureRefused):  # the old signature is none for the new text
        await complete(theatre, node, second.tracking_id, value)


async def test_the_same_document_again_is_the_one_that_waits(theatre: Theatre, node: Node) -> None:
    first = await submit(theatre, node)
    theatre.clock.advance(HOURS)
    again = await submit(theatre, node)
    assert (again.tracking_id, again.duplicate) == (first.tracking_id, True)
    assert again.sign_by == first.sign_by


async def test_the_signature_twice_sends_once(theatre: Theatre, node: Node) -> None:
    ref = (await submit(theatre, node)).tracking_id
    value = answer(node, ref)
    await complete(theatre, node, ref, value)
    await theatre.settle()
    published = theatre.axis.published
    theatre.clock.advance(100 * HOURS)
    assert (await complete(theatre, node, ref, value)).duplicate
    with pytest.raises(SignatureRefused):
        await complete(theatre, node, ref, value[:-1])
    await theatre.settle()
    assert theatre.axis.published == published


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        (P256.chain_pem("H01"), "H01"),
        (OTHER.chain_pem("H05"), "NO_CERTIFICATE_CHAIN_FOUND"),
        (P256.chain_pem("H05", "not yet valid"), ""),
    ],
    ids=["another organ", "another CA", "not yet valid"],
)
async def test_a_key_that_receivers_would_not_believe_is_refused_at_once(
    theatre: Theatre, node: Node, chain: bytes, why: str
) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        await submit(theatre, node, key=load_remote_key(chain))
    assert refused.value.code == "E-AUT-002"
    assert why in refused.value.detail
    assert node.store.signings.waiting() == []


async def test_the_signature_counts_for_the_size(theatre: Theatre, node: Node) -> None:
    made = document(98, ("H01",))
    size = len(edxml.write(made))
    node.world = replace(node.world, limits=Limits(envelope_bytes=size + 1000))
    with pytest.raises(SubmissionRefused, match="E-SIZ-001"):
        await submit(theatre, node)


async def test_what_nobody_waits_for(theatre: Theatre, node: Node) -> None:
    with pytest.raises(NotFound):
        await complete(theatre, node, "98/QĐ-UBND", b"x")


async def test_a_mailroom_is_told_that_its_document_waits(theatre: Theatre, node: Node) -> None:
    message = Message(edxml.write(document(98, ("H01",))))
    replies = []
    for _ in range(2):
        await mailroom.take(message, COUNTER, world=node.world, now=theatre.clock.now())
        rows = node.store.mailrooms.due("mr-H05", 0, 9)
        replies.append(json.loads(rows[-1].message.body or b""))
    first, again = replies
    assert (first["status"], first["waiting_for_signature"]) == ("accepted", True)
    assert (first["sign_by"], first["duplicate"]) == ("2026-06-03T00:00:00.000000Z", False)
    assert (again["tracking_id"], again["duplicate"]) == (first["tracking_id"], True)
    ref = first["tracking_id"]
    await complete(theatre, node, ref, answer(node, ref))
    await mailroom.take(message, COUNTER, world=node.world, now=theatre.clock.now())
    last = json.loads(node.store.mailrooms.due("mr-H05", 0, 9)[-1].message.body or b"")
    assert (last["tracking_id"], last["waiting_for_signature"]) == (ref, False)
