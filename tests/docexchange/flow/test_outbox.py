"""docexchange.flow.outbox: the door, the queue, the sender."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest

from docexchange.core.errors import Conflict, SubmissionRefused
from docexchange.core.model import Origin
from docexchange.core.policy import Limits
from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.flow import outbox
from docexchange.flow.offload import DIGEST_BYTES
from envelopes.model import Attachment, Document, Organization, OtherInfo
from envelopes.report import Indication
from envelopes.verify import verify
from tests.pki import AT, P256
from tests.theatre import Theatre, directory, document


async def submit(theatre: Theatre, made: Document, origin: Origin | None = None) -> str:
    world = theatre.nodes["H05"].world
    taken = await outbox.submit(made, world=world, now=theatre.clock.now(), origin=origin)
    return taken.tracking_id


def nothing_stored(theatre: Theatre) -> bool:
    store = theatre.nodes["H05"].store
    return store.outgoing.documents() == [] and store.journal.last_time() is None


@pytest.mark.parametrize(
    ("made", "code", "says"),
    [
        (document(1, ("H99",)), "E-RTE-001", "H99"),
        (document(1, ("H02",)), "E-RTE-002", "H05"),
        (document(1, ("H02.12",)), "E-RTE-002", "H05"),
        (document(1, ("000.00.00.H02",)), "E-RTE-002", "H05"),
        (document(1, ()), "E-RTE-004", "0 nơi nhận"),
        (document(1, ("H05",), sender="H01"), "E-AUT-001", "H01"),
        (
            replace(document(1, ("H01",)), to=(Organization(organ_id="H01"),) * 2),
            "E-FMT-015",
            "H01",
        ),
        (replace(document(1, ("H01",)), subject=" "), "E-FMT-020", "Subject"),
        (replace(document(1, ("H01",)), manifest=()), "E-FMT-020", "manifest"),
        (
            replace(
                document(1, ("H01",)), other_info=OtherInfo(sphere_of_promulgation="TUYỆT MẬT")
            ),
            "E-SEC-001",
            "TUYỆT MẬT",
        ),
    ],
)
async def test_refused_at_the_door(theatre: Theatre, made: Document, code: str, says: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        await submit(theatre, made)
    assert refused.value.code == code
    assert says in refused.value.detail
    assert not refused.value.retryable
    assert nothing_stored(theatre)


async def test_ordinary_words_are_not_secret(theatre: Theatre) -> None:
    made = replace(document(1, ("H01",)), subject="Bảo mật và mật độ dân số")
    assert await submit(theatre, made)


async def test_over_the_limit_names_both_numbers(theatre: Theatre) -> None:
    node = theatre.nodes["H05"]
    node.world = replace(node.world, limits=Limits(envelope_bytes=100_000))
    large = replace(document(1, ("H01",)).attachments[0], content=b"x" * 90_000)
    with pytest.raises(SubmissionRefused, match="100,000 byte") as refused:
        await submit(theatre, replace(document(1, ("H01",)), attachments=(large,)))
    assert refused.value.code == "E-SIZ-001"
    assert nothing_stored(theatre)
    small: Attachment = replace(large, content=b"x" * 60_000)
    assert await submit(theatre, replace(document(1, ("H01",)), attachments=(small,)))


async def test_large_documents_are_signed_beside_the_loop(theatre: Theatre) -> None:
    content = bytes(range(256)) * 4096
    made = document(1, ("H01",))
    made = replace(made, attachments=(replace(made.attachments[0], content=content),))
    ref = await submit(theatre, made)
    await theatre.settle()
    delivery = theatre.nodes["H05"].store.outgoing.document(ref).deliveries[0]
    assert delivery.state is State.ACKNOWLEDGED


async def test_the_same_message_id_with_other_content_is_a_conflict(theatre: Theatre) -> None:
    origin = Origin("mr-H05", "message-1")
    first = await submit(theatre, document(1, ("H01",)), origin)
    assert await submit(theatre, document(1, ("H01",)), origin) == first
    with pytest.raises(Conflict):
        await submit(theatre, document(2, ("H01",)), origin)


async def test_the_same_number_with_other_content_is_a_conflict(theatre: Theatre) -> None:
    await submit(theatre, document(1, ("H01",)))
    with pytest.raises(Conflict):
        await submit(theatre, document(1, ("H01",), text=" sửa"))


@pytest.mark.parametrize(("priority", "lane"), [("0", Lane.NORMAL), ("3", Lane.URGENT)])
async def test_urgent_documents_go_by_the_urgent_lane(
    theatre: Theatre, priority: str, lane: Lane
) -> None:
    made = replace(document(1, ("H01",)), other_info=OtherInfo(priority_text=priority))
    await submit(theatre, made)
    node = theatre.nodes["H05"]
    node.sender.pump(theatre.clock.now())
    await node.sender.drain()
    assert [message.lane for message in theatre.axis.queues["H01"]] == [lane]


async def test_too_many_recipients_are_told_the_limit(theatre: Theatre) -> None:
    node = theatre.nodes["H05"]
    node.world = replace(node.world, limits=Limits(recipients=1))
    with pytest.raises(SubmissionRefused, match="cho phép từ 1 đến 1") as refused:
        await submit(theatre, document(1, ("H01", "H05")))
    assert refused.value.code == "E-RTE-004"
    assert nothing_stored(theatre)


@pytest.mark.parametrize("details", [False, True])
async def test_what_a_receivers_gate_would_refuse_is_refused_at_ours(
    theatre: Theatre, details: bool
) -> None:
    """Nobody would answer such an envelope: it is not judged at all."""
    organs = tuple(f"X{number:04}" for number in range(2500))
    node = theatre.nodes["H05"]
    node.world = replace(node.world, directory=directory(dict.fromkeys((*organs, "H05"), "H05")))
    names = ("address", "email", "fax", "in_charge", "telephone", "website")
    full = dict.fromkeys(names, "x") if details else {}
    to = tuple(Organization(organ_id=one, name="x", **full) for one in organs)
    made = replace(document(1, organs), to=to)
    if not details:
        ref = await submit(theatre, made)
        data = node.store.contents.read(node.store.outgoing.document(ref).sha256)
        report = verify(data, trust=P256.trust, at=AT, directory=node.world.directory)
        assert report.indication is Indication.PASSED
        return
    with pytest.raises(SubmissionRefused, match=r"2,500 nơi nhận; giới hạn 20,000") as refused:
        await submit(theatre, made)
    assert refused.value.code == "E-RTE-004"
    assert nothing_stored(theatre)


async def test_the_digest_of_a_long_envelope_is_not_taken_on_the_loop(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256, on_the_loop = hashlib.sha256, []

    def watched(data: bytes = b"") -> object:
        if len(data) > DIGEST_BYTES:
            on_the_loop.append(threading.current_thread() is threading.main_thread())
        return sha256(data)

    made = document(1, ("H01",))
    (attachment,) = made.attachments
    longer = replace(made, attachments=(replace(attachment, content=bytes(DIGEST_BYTES)),))
    monkeypatch.setattr(hashlib, "sha256", watched)
    ref = await submit(theatre, longer)
    assert on_the_loop == [False]
    view = theatre.nodes["H05"].store.outgoing.document(ref)
    assert sha256(theatre.nodes["H05"].store.contents.read(view.sha256)).hexdigest() == view.sha256
