"""docexchange/edges/store/parked.py: receipts of documents that are not here yet."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from docexchange.core.model import ReceiptOutcome
from docexchange.core.states import State
from docexchange.edges.store import SqlStore, parked
from tests.records import MINUTE, NOW, document, receipt

SENT = document()
EARLY = receipt(SENT, arrived_at=NOW)


def last_line(store: SqlStore) -> dict[str, object]:
    row = store._access.reader._raw.execute(
        "SELECT line FROM journal ORDER BY number DESC"
    ).fetchone()
    line: dict[str, object] = json.loads(row["line"])
    return line


async def test_it_waits_for_its_document(store: SqlStore) -> None:
    """Row 6 of the peer-failure list."""
    assert await store.receipts.apply(EARLY) is ReceiptOutcome.PARKED
    assert last_line(store)["event"] == "receipt_parked"
    assert [each.received_sha256 for each in store.receipts.parked()] == [SENT.sha256]
    assert await store.receipts.match_parked(NOW + MINUTE) == []
    await store.outgoing.submit(SENT)
    [applied] = await store.receipts.match_parked(NOW + 5 * MINUTE)
    assert applied.sha256 == EARLY.sha256
    [delivery] = store.outgoing.document("D1").deliveries
    assert (delivery.state, delivery.code) == (State.ACKNOWLEDGED, "01")
    assert store.contents.read(EARLY.sha256) == EARLY.data
    assert store.receipts.parked() == []
    assert await store.receipts.apply(EARLY) is ReceiptOutcome.DUPLICATE


async def test_the_same_again_is_parked_once(store: SqlStore) -> None:
    await store.receipts.apply(EARLY)
    before = store.journal.verify()
    assert await store.receipts.apply(EARLY) is ReceiptOutcome.PARKED
    assert (len(store.receipts.parked()), store.journal.verify()) == (1, before)


async def test_it_is_looked_at_again_more_and_more_rarely(store: SqlStore) -> None:
    await store.receipts.apply(EARLY)
    looked, now = [], NOW
    for second in range(300):
        now = NOW + timedelta(seconds=second)
        if parked.any_due(store._access.reader, now):
            looked.append(second)
            await store.receipts.match_parked(now)
    assert looked == [1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert parked.any_due(store._access.reader, now - timedelta(days=9))  # a clock that was wrong


async def test_after_thirty_days_it_is_given_up(store: SqlStore) -> None:
    await store.receipts.apply(EARLY)
    assert await store.receipts.match_parked(NOW + timedelta(days=30)) == []
    assert store.receipts.parked() == []
    assert (last_line(store)["event"], last_line(store)["sha256"]) == ("bad_receipt", EARLY.sha256)


async def test_one_organ_cannot_fill_the_store(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row D7 of the attack catalogue: many receipts of what was never sent."""
    monkeypatch.setattr(parked, "MOST_OF_ORGAN", 3)
    forged = [receipt(SENT, data=f"forged {n}".encode(), note=str(n)) for n in range(5)]
    outcomes = [await store.receipts.apply(each) for each in forged]
    assert outcomes == [ReceiptOutcome.PARKED] * 3 + [ReceiptOutcome.BAD_RECEIPT] * 2
    other = receipt(SENT, from_organ="H13", data=b"of another")
    assert await store.receipts.apply(other) is ReceiptOutcome.PARKED


async def test_one_that_fits_no_recipient_when_the_document_comes_is_bad(store: SqlStore) -> None:
    await store.receipts.apply(receipt(SENT, from_organ="H13", arrived_at=NOW))
    await store.outgoing.submit(SENT)
    assert await store.receipts.match_parked(NOW + MINUTE) == []
    assert last_line(store)["event"] == "bad_receipt"
    assert store.receipts.parked() == []
    assert store.outgoing.document("D1").deliveries[0].state is State.QUEUED


async def test_other_content_under_our_identity_is_told_to_our_mailroom(store: SqlStore) -> None:
    """Row 4 of the peer-failure list, at the side of the sender: bytes that it does not have."""
    await store.outgoing.submit(SENT)
    said = receipt(SENT, "02", received_sha256="ab" * 32, note="CONFLICT: other content is here")
    assert await store.receipts.apply(said) is ReceiptOutcome.PARKED
    line = json.loads(store.journal.of("D1")[-1].line)
    assert (line["event"], line["organ"], line["received"]) == (
        "conflict_reported",
        "H01",
        "ab" * 32,
    )
    [message] = store.mailrooms.due("mr-H05", 0, 9)
    event = json.loads(message.message.body or b"")["data"]
    assert (event["reported"]["code"], event["reported"]["note"]) == ("02", said.note)
    assert event["recipients"][0]["transport"] == "queued"  # nothing was decided by it
