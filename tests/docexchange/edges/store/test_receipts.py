"""receipts.py: matched by digest and signed From, or journalled and dropped."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from docexchange.core.errors import NotFound
from docexchange.core.model import DeliveryView, ReceiptOutcome
from docexchange.core.states import Event, State
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, document, due, receipt

SENT = document()


@pytest.fixture
async def sent(store: SqlStore) -> SqlStore:
    """A store whose document is with the broker."""
    await store.outgoing.submit(SENT)
    [each] = due(store)
    await store.outgoing.record(
        each.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + MINUTE
    )
    return store


def only(store: SqlStore) -> DeliveryView:
    [delivery] = store.outgoing.document("D1").deliveries
    return delivery


def events(store: SqlStore, vhost: str = "mr-H05") -> list[dict[str, Any]]:
    rows = store.mailrooms.due(vhost, 0, 1000)
    return [
        json.loads(row.message.body or b"") for row in rows if "event" in row.message.routing_key
    ]


async def test_a_receipt_acknowledges_its_delivery(sent: SqlStore) -> None:
    assert await sent.receipts.apply(receipt(SENT)) is ReceiptOutcome.APPLIED
    view = only(sent)
    assert (view.state, view.code, view.next_try) == (State.ACKNOWLEDGED, "01", None)
    assert [line.sha256 for line in view.history] == [receipt(SENT).sha256]
    assert sent.contents.read(receipt(SENT).sha256) == receipt(SENT).data
    assert sent.receipts.of("D1") == [("H01", "01", receipt(SENT).sha256)]


async def test_the_mailroom_learns_transport_and_code(sent: SqlStore) -> None:
    await sent.receipts.apply(receipt(SENT))
    kinds = [(event["type"].split(".")[-2], event["data"]["previous"]) for event in events(sent)]
    assert kinds == [("transport", "queued"), ("transport", "sent"), ("status", "")]
    assert [event["data"]["sequence"] for event in events(sent)] == [1, 2, 3]
    said = events(sent)[-1]
    assert said["id"] == "D1-3"
    assert said["data"]["recipients"][0]["code"] == "01"
    assert said["data"]["reported"]["staff"] == {"name": "Trần Thị B"}


async def test_a_second_code_changes_the_status_only(sent: SqlStore) -> None:
    await sent.receipts.apply(receipt(SENT))
    await sent.receipts.apply(receipt(SENT, "03", signed_at=NOW + 2 * MINUTE))
    assert [event["type"].split(".")[-2] for event in events(sent)][2:] == ["status", "status"]
    assert events(sent)[-1]["data"]["previous"] == "01"
    assert only(sent).code == "03"


async def test_the_same_bytes_again_are_a_duplicate(sent: SqlStore) -> None:
    await sent.receipts.apply(receipt(SENT))
    before = sent.journal.verify()
    assert await sent.receipts.apply(receipt(SENT)) is ReceiptOutcome.DUPLICATE
    assert sent.journal.verify() == before
    assert len(only(sent).history) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"received_sha256": ""}, "it names no digest of what it received"),
        ({"from_organ": "H13"}, "no document of ours with these bytes went to its sender"),
        ({"to_organ": "H06"}, "it answers H06, but H05 sent the document"),
        (
            {"document_id": "H05,2026/11/23,9"},
            "it answers another DocumentId than these bytes have",
        ),
    ],
    ids=["no digest", "other sender", "other addressee", "other document"],
)
async def test_what_does_not_fit_is_journalled_and_changes_nothing(
    sent: SqlStore, changes: dict[str, str], why: str
) -> None:
    bad = receipt(SENT, **changes)
    before, told = only(sent), len(events(sent))
    assert await sent.receipts.apply(bad) is ReceiptOutcome.BAD_RECEIPT
    assert (only(sent), len(events(sent))) == (before, told)
    line = json.loads(last_line(sent))
    assert (line["event"], line["detail"], line["sha256"]) == ("bad_receipt", why, bad.sha256)
    with pytest.raises(NotFound):
        sent.contents.read(bad.sha256)
    assert await sent.receipts.apply(receipt(SENT)) is ReceiptOutcome.APPLIED


def last_line(store: SqlStore) -> str:
    row = store._access.reader._raw.execute(
        "SELECT line FROM journal ORDER BY number DESC"
    ).fetchone()
    return str(row["line"])


async def test_a_receipt_before_the_confirm_wins(store: SqlStore) -> None:
    await store.outgoing.submit(SENT)
    [each] = due(store)
    await store.receipts.apply(receipt(SENT))
    assert due(store) == []
    later = NOW + MINUTE
    await store.outgoing.record(each.delivery_id, Event.PUBLISH_CONFIRMED, later, next_try=later)
    assert (only(store).state, only(store).next_try) == (State.ACKNOWLEDGED, None)


async def test_a_receipt_after_we_gave_up_wins(sent: SqlStore) -> None:
    await sent.outgoing.sweep(NOW + timedelta(hours=73))
    assert (only(sent).state, only(sent).reason) == (State.UNDELIVERABLE, "expired")
    await sent.receipts.apply(receipt(SENT, arrived_at=NOW + timedelta(hours=74)))
    assert (only(sent).state, only(sent).reason) == (State.ACKNOWLEDGED, "late")
    assert json.loads(last_line(sent))["late"] is True
    assert events(sent)[-1]["data"]["recipients"][0]["reason"] == "late"
    await sent.receipts.apply(receipt(SENT, "03", arrived_at=NOW + timedelta(hours=75)))
    assert only(sent).reason == "late"


async def test_any_code_acknowledges(sent: SqlStore) -> None:
    await sent.receipts.apply(receipt(SENT, "02"))
    assert (only(sent).state, only(sent).code) == (State.ACKNOWLEDGED, "02")


async def test_codes_are_folded_by_signing_time_not_by_arrival(sent: SqlStore) -> None:
    for code, minute in (("05", 3), ("01", 1), ("03", 2)):
        await sent.receipts.apply(receipt(SENT, code, signed_at=NOW + minute * MINUTE))
    assert only(sent).code == "05"
    assert [line.code for line in only(sent).history] == ["05", "01", "03"]


async def test_a_status_without_a_signing_time_counts_from_its_arrival(sent: SqlStore) -> None:
    await sent.receipts.apply(receipt(SENT, "03", signed_at=None, arrived_at=NOW + 5 * MINUTE))
    await sent.receipts.apply(receipt(SENT, "01", signed_at=NOW + 4 * MINUTE))
    assert only(sent).code == "03"


@pytest.mark.parametrize(("code", "conflict"), [("02", True), ("06", False)])
async def test_a_rejection_after_acceptance_is_shown_as_a_conflict(
    sent: SqlStore, code: str, conflict: bool
) -> None:
    await sent.receipts.apply(receipt(SENT, "03", signed_at=NOW))
    await sent.receipts.apply(receipt(SENT, code, signed_at=NOW + MINUTE))
    assert only(sent).code_conflict is conflict


async def test_each_recipient_is_acknowledged_alone(store: SqlStore) -> None:
    await store.outgoing.submit(document(recipients=("H01", "H13")))
    await store.receipts.apply(receipt(SENT, from_organ="H13"))
    states = {view.to_organ: view.state for view in store.outgoing.document("D1").deliveries}
    assert states == {"H01": State.QUEUED, "H13": State.ACKNOWLEDGED}


async def test_an_organ_without_a_mailroom_is_told_nothing(store: SqlStore) -> None:
    quiet = document(from_organ="H20")
    await store.outgoing.submit(quiet)
    assert await store.receipts.apply(receipt(quiet)) is ReceiptOutcome.APPLIED
    assert events(store) == []
