"""docexchange/edges/store/submissions.py: queued once, known again, refused with its reason."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from docexchange.core.errors import Conflict, NotFound
from docexchange.core.model import Origin, Submitted
from docexchange.core.schedule import Lane
from docexchange.core.states import State
from docexchange.edges.store import SqlStore
from tests.records import (
    NOW,
    arrival,
    digest,
    document,
    due,
    first_receipt,
    reply,
    status,
)

ORIGIN = Origin("mr-H05", "m-1")


def replies(store: SqlStore) -> list[bytes | None]:
    return [row.message.body for row in store.mailrooms.due("mr-H05", 0, 100)]


async def test_a_document_is_queued_with_a_delivery_per_recipient(store: SqlStore) -> None:
    sent = document(recipients=("H01", "H13"))
    assert await store.outgoing.submit(sent, reply()) == Submitted(
        "D1", sent.document_id, duplicate=False
    )
    assert [(each.to_organ, each.sha256, each.size) for each in due(store)] == [
        ("H01", sent.sha256, len(sent.data)),
        ("H13", sent.sha256, len(sent.data)),
    ]
    assert store.contents.read(sent.sha256) == sent.data
    assert replies(store) == [b"D1 accepted"]
    view = store.outgoing.document("D1")
    assert [(each.to_organ, each.state) for each in view.deliveries] == [
        ("H01", State.QUEUED),
        ("H13", State.QUEUED),
    ]
    assert view.deliveries[0].lifetime_ends == sent.lifetime_ends


async def test_the_same_content_under_the_same_identity_is_a_duplicate(store: SqlStore) -> None:
    await store.outgoing.submit(document(), reply())
    again = document(
        tracking_id="D2",
        data=b"signed a second later",
        document_id=document().document_id,
        content_sha256=document().content_sha256,
    )
    assert await store.outgoing.submit(again, reply()) == Submitted(
        "D1", document().document_id, duplicate=True
    )
    assert len(due(store)) == 1
    assert replies(store) == [b"D1 accepted", b"D1 duplicate"]


async def test_a_duplicate_without_a_reply_changes_nothing(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    before = store.journal.verify()
    await store.outgoing.submit(document(tracking_id="D2"))
    assert store.journal.verify() == before
    assert len(due(store)) == 1
    assert replies(store) == []


@pytest.mark.parametrize("business", [0, 3])
async def test_other_content_under_an_identity_is_a_conflict(
    store: SqlStore, business: int
) -> None:
    await store.outgoing.submit(document(business=business))
    other = document("D2", document_id=document().document_id, business=business)
    with pytest.raises(Conflict, match=r"H05,2026/11/23,D1 of H05 was submitted .* as D1"):
        await store.outgoing.submit(other, reply())
    assert len(due(store)) == 1
    assert replies(store) == []
    with pytest.raises(NotFound):
        store.contents.read(other.sha256)


@pytest.mark.parametrize("business", [1, 2])
async def test_updates_and_recalls_of_an_identity_may_come_often(
    store: SqlStore, business: int
) -> None:
    await store.outgoing.submit(document())
    for name in ("U1", "U2"):
        change = document(name, document_id=document().document_id, business=business)
        assert not (await store.outgoing.submit(change)).duplicate
    assert len(due(store)) == 3


async def test_the_very_same_bytes_are_one_submission(store: SqlStore) -> None:
    await store.outgoing.submit(document(business=1))
    again = await store.outgoing.submit(document(business=1, tracking_id="D2"))
    assert again == Submitted("D1", document().document_id, duplicate=True)


async def test_documents_without_a_document_id_have_no_identity(store: SqlStore) -> None:
    await store.outgoing.submit(document("D1", document_id=""))
    assert not (await store.outgoing.submit(document("D2", document_id=""))).duplicate


async def test_an_origin_is_known_again(store: SqlStore) -> None:
    sent = document(origin=ORIGIN)
    await store.outgoing.submit(sent)
    same = document("D2", origin=ORIGIN, content_sha256=sent.content_sha256)
    assert (await store.outgoing.submit(same)).tracking_id == "D1"
    with pytest.raises(Conflict, match="message_id m-1 was submitted with other content as D1"):
        await store.outgoing.submit(document("D3", origin=ORIGIN))
    other_mailroom = document("D4", origin=Origin("mr-H01", "m-1"))
    assert not (await store.outgoing.submit(other_mailroom)).duplicate


async def test_an_origin_is_forgotten_after_30_days_an_identity_never(store: SqlStore) -> None:
    sent = document(origin=ORIGIN)
    await store.outgoing.submit(sent)
    identity = (sent.from_organ, sent.document_id, sent.business)
    await store.contents.sweep_orphans(NOW + timedelta(days=30))
    assert store.outgoing.find(ORIGIN, None, sent.content_sha256) is not None
    assert await store.contents.sweep_orphans(NOW + timedelta(days=30, seconds=1)) == 1
    assert store.outgoing.find(ORIGIN, None, sent.content_sha256) is None
    assert store.outgoing.find(None, identity, sent.content_sha256) is not None


async def test_find_submission_says_what_submit_would(store: SqlStore) -> None:
    sent = document(origin=ORIGIN)
    identity = (sent.from_organ, sent.document_id, sent.business)
    assert store.outgoing.find(ORIGIN, identity, sent.content_sha256) is None
    await store.outgoing.submit(sent)
    found = Submitted("D1", sent.document_id, duplicate=True)
    assert store.outgoing.find(ORIGIN, None, sent.content_sha256) == found
    assert store.outgoing.find(None, identity, sent.content_sha256) == found
    for origin, name in ((ORIGIN, None), (None, identity)):
        with pytest.raises(Conflict, match="with other content as D1"):
            store.outgoing.find(origin, name, digest(b"other"))


async def test_a_status_moves_its_arrivals_code(store: SqlStore) -> None:
    await store.incoming.accept(arrival(), first_receipt(arrival()))
    await store.outgoing.submit(status("S3", "03", "A1"), reply())
    await store.outgoing.submit(status("S5", "05", "A1"), reply())
    view = store.incoming.arrival("A1")
    assert view.code == "05"
    assert [line.code for line in view.history] == ["01", "03", "05"]
    assert store.incoming.statuses_of("A1") == [
        (code, status(name, code).sha256)
        for name, code in (("A1-01", "01"), ("S3", "03"), ("S5", "05"))
    ]


async def test_a_status_that_cannot_follow_is_a_conflict(store: SqlStore) -> None:
    await store.incoming.accept(arrival(), first_receipt(arrival()))
    await store.outgoing.submit(status("S5", "05", "A1"))
    with pytest.raises(Conflict, match="status 03 cannot follow 05"):
        await store.outgoing.submit(status("S3", "03", "A1"), reply())
    assert store.incoming.arrival("A1").code == "05"
    assert replies(store) == [None]  # the inbox message; no reply was queued
    assert len(store.incoming.statuses_of("A1")) == 2


async def test_a_status_about_an_unknown_arrival_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no arrival A9"):
        await store.outgoing.submit(status("S3", "03", "A9"))
    with pytest.raises(NotFound):
        store.contents.read(status("S3", "03").sha256)


async def test_a_status_about_nothing_accepted_just_leaves(store: SqlStore) -> None:
    await store.outgoing.submit(status("Q2", "02"))
    assert [each.tracking_id for each in due(store, Lane.RECEIPTS)] == ["Q2"]


async def test_the_journal_has_no_subject_and_no_content(store: SqlStore) -> None:
    sent = document(subject="Bí mật nhà nước")
    await store.outgoing.submit(sent)
    [line] = store.journal.of("D1")
    assert json.loads(line.line) == {
        "number": 1,
        "at": "2026-11-23T01:00:00.000000Z",
        "event": "queued",
        "ref": "D1",
        "kind": "document",
        "organ": "H05",
        "recipients": 1,
        "sha256": sent.sha256,
    }


async def test_a_thousand_recipients_are_one_transaction_and_one_statement(
    store: SqlStore,
) -> None:
    """Row 13 of the peer-failure list, at the door: none is cut off, and the writer is not held."""
    organs = tuple(f"X{number:03}" for number in range(1000))
    statements: list[str] = []
    raw = store._access.writer._connection._raw
    batches = store._access.writer.batches
    raw.set_trace_callback(statements.append)
    await store.outgoing.submit(document(recipients=organs))
    raw.set_trace_callback(None)
    assert store._access.writer.batches == batches + 1
    others = [each for each in statements if "INSERT INTO deliveries" not in each]
    assert len(others) < 20
    assert tuple(view.to_organ for view in store.outgoing.document("D1").deliveries) == organs
