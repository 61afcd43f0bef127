"""docexchange/edges/store/arrivals.py: accepted once, with its answer and its handing over."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from docexchange.core.errors import NotFound
from docexchange.core.model import Acceptance
from docexchange.core.schedule import Lane
from docexchange.core.states import Event
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, arrival, due, first_receipt, kept, status


async def accept(store: SqlStore, name: str = "A1", **changes: object) -> Acceptance:
    found = arrival(name, **changes)
    return await store.incoming.accept(found, first_receipt(found))


async def test_it_is_stored_with_receipt_and_message_at_once(store: SqlStore) -> None:
    assert await accept(store) is Acceptance.NEW
    view = store.incoming.arrival("A1")
    assert (view.organ, view.from_organ, view.code) == ("H05", "H01", "01")
    assert (view.arrived_at, view.signed_at, view.handed_over_at) == (NOW, NOW - MINUTE, None)
    assert view.report == arrival().report
    assert store.incoming.find("H05", arrival().sha256) == "A1"
    assert [each.tracking_id for each in due(store, Lane.RECEIPTS)] == ["A1-01"]
    [row] = store.mailrooms.due("mr-H05", 0, 10)
    assert (row.message.message_id, row.message.blob) == ("A1", arrival().sha256)
    assert row.message.headers["x-verdict"] == "TOTAL-PASSED"


async def test_the_same_bytes_are_a_duplicate(store: SqlStore) -> None:
    await accept(store)
    before = store.journal.verify()
    assert await accept(store, "A2", data=arrival().data) is Acceptance.DUPLICATE
    assert store.journal.verify() == before
    assert len(store.mailrooms.due("mr-H05", 0, 10)) == 1


async def test_the_same_bytes_for_another_organ_of_ours_arrive_too(store: SqlStore) -> None:
    await accept(store)
    assert await accept(store, "A2", data=arrival().data, organ="H06") is Acceptance.NEW
    assert store.incoming.find("H06", arrival().sha256) == "A2"


@pytest.mark.parametrize("business", [0, 3])
async def test_other_bytes_under_an_accepted_identity_are_a_conflict(
    store: SqlStore, business: int
) -> None:
    await accept(store, business=business)
    assert await accept(store, "A2", business=business) is Acceptance.CONFLICT
    line = json.loads(store.journal.of("A1")[-1].line)
    digests = (line["accepted"], line["sha256"])
    assert line["event"] == "conflict"
    assert digests == (arrival("A1").sha256, arrival("A2").sha256)
    assert store.incoming.find("H05", arrival("A2").sha256) is None
    with pytest.raises(NotFound):
        store.contents.read(arrival("A2").sha256)


@pytest.mark.parametrize(
    "changes",
    [
        {"business": 1},
        {"business": 2},
        {"document_id": "H01,2026/11/23,8"},
        {"from_organ": "H13"},
        {"organ": "H06"},
        {"business": 3},
    ],
    ids="-".join,
)
async def test_another_identity_is_no_conflict(store: SqlStore, changes: dict[str, object]) -> None:
    await accept(store)
    assert await accept(store, "A2", **changes) is Acceptance.NEW


@pytest.mark.parametrize("business", [1, 2])
async def test_updates_and_recalls_may_come_often(store: SqlStore, business: int) -> None:
    await accept(store, business=business)
    assert await accept(store, "A2", business=business) is Acceptance.NEW


async def test_without_a_document_id_there_is_no_identity(store: SqlStore) -> None:
    await accept(store, document_id="")
    assert await accept(store, "A2", document_id="") is Acceptance.NEW


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], Acceptance.CONFLICT),
        (["02"], Acceptance.NEW),
        (["03"], Acceptance.CONFLICT),
        (["03", "15"], Acceptance.NEW),
        (["03", "16"], Acceptance.CONFLICT),
    ],
    ids=lambda value: "-".join(value) or "01",
)
async def test_a_new_edition_may_follow_one_that_ended(
    store: SqlStore, codes: list[str], expected: Acceptance
) -> None:
    await accept(store)
    for code in codes:
        await store.outgoing.submit(status(f"S{code}", code, "A1"))
    assert await accept(store, "A2") is expected
    if expected is Acceptance.NEW:
        assert await accept(store, "A3") is Acceptance.CONFLICT


async def test_what_was_kept_is_settled_by_its_acceptance(store: SqlStore) -> None:
    await store.incoming.hold(kept(data=arrival().data, recheck_at=NOW))
    await accept(store)
    assert store.incoming.kept_list() == []
    assert list(store.incoming.held_due(NOW, 10)) == []
    assert json.loads(store.journal.of("A1")[0].line)["was_kept"] == 1
    before = store.journal.verify()
    await store.incoming.settle(1, NOW, "accepted")
    assert store.journal.verify() == before


async def test_without_a_mailroom_nothing_is_handed_over(store: SqlStore) -> None:
    await accept(store, delivery=None)
    assert store.mailrooms.due("mr-H05", 0, 10) == []
    assert store.incoming.arrival("A1").handed_over_at is None


async def test_answer_again_repeats_every_status_at_most_once_a_minute(store: SqlStore) -> None:
    await accept(store)
    await store.outgoing.submit(status("S3", "03", "A1"))
    for _ in range(2):
        [each] = due(store, Lane.RECEIPTS)
        await store.outgoing.record(each.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    assert due(store, Lane.RECEIPTS) == []
    assert await store.incoming.answer_again("A1", NOW) == 2
    assert await store.incoming.answer_again("A1", NOW + MINUTE - timedelta(microseconds=1)) == 0
    assert await store.incoming.answer_again("A1", NOW + MINUTE) == 2
    assert [each.tracking_id for each in due(store, Lane.RECEIPTS, NOW + MINUTE)] == ["A1-01"]


async def test_a_clock_that_went_back_does_not_silence_the_answers(store: SqlStore) -> None:
    await accept(store)
    await store.incoming.answer_again("A1", NOW + timedelta(days=400))
    assert await store.incoming.answer_again("A1", NOW) == 1


async def test_a_refused_answer_is_not_repeated(store: SqlStore) -> None:
    await accept(store)
    [each] = due(store, Lane.RECEIPTS)
    await store.outgoing.record(each.delivery_id, Event.PUBLISH_REFUSED, NOW, detail="too large")
    assert await store.incoming.answer_again("A1", NOW) == 0


async def test_only_an_arrival_can_be_answered_again(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no arrival A9"):
        await store.incoming.answer_again("A9", NOW)
