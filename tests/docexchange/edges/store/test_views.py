"""docexchange/edges/store/views.py and naming.py: what a person sees, and how they name it."""

from __future__ import annotations

import json

import pytest

from docexchange.core.errors import Ambiguous, NotFound
from docexchange.core.schedule import Lane
from docexchange.core.states import Event
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, arrival, document, due, first_receipt, receipt, status

ULID = "01K9ABCDEFGHJKMNPQRSTVWXYZ"


async def test_the_ways_to_name_a_document(store: SqlStore) -> None:
    await store.outgoing.submit(document(ULID))
    for ref in (ULID, ULID.lower(), "01K9", "01k9abcd", "98/QĐ-UBND", "98/qđ-ubnd", " 98/QĐ-UBND "):
        assert store.outgoing.document(ref).tracking_id == ULID


async def test_numbers_are_compared_composed_and_folded(store: SqlStore) -> None:
    await store.outgoing.submit(document("D1", number="5", notation="TB-ĐƯ"))
    decomposed = "5/tb-\u0111u\u031b"
    assert store.outgoing.document(decomposed).tracking_id == "D1"
    assert store.outgoing.document("D1").notation == "TB-ĐƯ"


@pytest.mark.parametrize("ref", ["01K", "", "99/QĐ-UBND", "01K9ZZ", "\udcff", "a\0b", "%%%%", "/"])
async def test_other_names_are_not_found(store: SqlStore, ref: str) -> None:
    await store.outgoing.submit(document(ULID))
    with pytest.raises(NotFound, match="no document"):
        store.outgoing.document(ref)


async def test_a_name_that_fits_several_lists_them(store: SqlStore) -> None:
    other = "01K9ABCDEF" + "Z" * 16
    await store.outgoing.submit(document(ULID))
    await store.outgoing.submit(document(other))
    for ref in ("01K9ABCD", "98/QĐ-UBND"):
        with pytest.raises(Ambiguous, match="fits several") as ambiguous:
            store.outgoing.document(ref)
        assert ambiguous.value.candidates == (ULID, other)
    assert store.outgoing.document("01K9ABCDEFZ").tracking_id == other


async def test_a_status_is_no_document(store: SqlStore) -> None:
    await store.outgoing.submit(status("S2XX", "02"))
    for ref in ("S2XX", "s2xx"):
        with pytest.raises(NotFound):
            store.outgoing.document(ref)
    assert store.outgoing.documents() == []


async def test_arrivals_are_named_alike_and_by_organ(store: SqlStore) -> None:
    for name, organ in (("ARRIVED1", "H05"), ("ARRIVED2", "H06")):
        found = arrival(name, organ=organ)
        await store.incoming.accept(found, first_receipt(found))
    assert store.incoming.arrival("arrived1").tracking_id == "ARRIVED1"
    with pytest.raises(Ambiguous):
        store.incoming.arrival("7/CV")
    assert store.incoming.arrival("7/cv", organ="H06").tracking_id == "ARRIVED2"
    with pytest.raises(NotFound):
        store.incoming.arrival("ARRIVED1", organ="H06")
    assert [view.tracking_id for view in store.incoming.arrivals()] == ["ARRIVED2", "ARRIVED1"]
    assert [view.tracking_id for view in store.incoming.arrivals(organ="H05")] == ["ARRIVED1"]
    assert [view.tracking_id for view in store.incoming.arrivals(limit=1)] == ["ARRIVED2"]
    assert store.incoming.arrivals()[0].report == ""
    assert store.incoming.arrival("ARRIVED1").report


async def test_documents_newest_first_page_by_page(store: SqlStore) -> None:
    for number in range(5):
        await store.outgoing.submit(document(f"DOC{number}"))
    assert [view.tracking_id for view in store.outgoing.documents(2)] == ["DOC4", "DOC3"]
    assert [view.tracking_id for view in store.outgoing.documents(9, after="DOC3")] == [
        "DOC2",
        "DOC1",
        "DOC0",
    ]


class TestAttention:
    """Which documents a person should look at."""

    async def shown(self, store: SqlStore) -> bool:
        return [view.tracking_id for view in store.outgoing.documents(attention=True)] == ["D1"]

    @pytest.fixture(autouse=True)
    async def queued(self, store: SqlStore) -> None:
        await store.outgoing.submit(document(recipients=("H01", "H13")))

    async def record(self, store: SqlStore, event: Event, times: int) -> None:
        number = store.outgoing.document("D1").deliveries[1].delivery_id
        for _ in range(times):
            await store.outgoing.record(number, event, NOW, next_try=NOW + MINUTE, detail="why")

    async def test_not_one_that_goes_its_way(self, store: SqlStore) -> None:
        await self.record(store, Event.PUBLISH_CONFIRMED, 1)
        assert not await self.shown(store)

    @pytest.mark.parametrize(("times", "expected"), [(2, False), (3, True)])
    async def test_one_that_the_broker_does_not_take(
        self, store: SqlStore, times: int, expected: bool
    ) -> None:
        await self.record(store, Event.PUBLISH_DEFERRED, times)
        assert await self.shown(store) is expected

    async def test_one_without_an_answer_to_its_second_copy(self, store: SqlStore) -> None:
        await self.record(store, Event.PUBLISH_CONFIRMED, 2)
        assert await self.shown(store)
        await store.receipts.apply(receipt(document(), from_organ="H13"))
        assert not await self.shown(store)

    async def test_one_that_failed(self, store: SqlStore) -> None:
        await self.record(store, Event.PUBLISH_REFUSED, 1)
        assert await self.shown(store)

    @pytest.mark.parametrize(("code", "expected"), [("02", True), ("16", True), ("03", False)])
    async def test_one_that_was_turned_down(
        self, store: SqlStore, code: str, expected: bool
    ) -> None:
        await store.receipts.apply(receipt(document(), code))
        assert await self.shown(store) is expected


async def test_the_timeline_of_a_document(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    [each] = due(store)
    await store.outgoing.record(
        each.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + MINUTE
    )
    await store.outgoing.submit(document("D2"))
    await store.receipts.apply(receipt(document()))
    events = [json.loads(line.line)["event"] for line in store.journal.of("D1")]
    assert events == ["queued", "publish_confirmed", "receipt_verified"]


async def test_the_timeline_of_an_arrival_tells_what_we_said(store: SqlStore) -> None:
    await store.incoming.accept(arrival(), first_receipt(arrival()))
    await store.outgoing.submit(status("S3", "03", "A1"))
    for _ in range(2):
        [each] = due(store, Lane.RECEIPTS)
        await store.outgoing.record(each.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    told = [json.loads(line.line) for line in store.journal.of("A1")]
    assert [(line["event"], line.get("code")) for line in told] == [
        ("arrived", None),
        ("queued", "01"),
        ("queued", "03"),
        ("publish_confirmed", None),
        ("publish_confirmed", None),
    ]
    with pytest.raises(NotFound):
        store.journal.of("A9")


async def test_point_reads_use_indexes(store: SqlStore) -> None:
    """The plan, not a clock: no read of the event loop walks through a table."""
    from docexchange.edges.store import (
        arrivals,
        blobs,
        handover,
        kept,
        naming,
        parts,
        submissions,
    )

    named = vars(naming.DOCUMENTS) | vars(naming.ARRIVALS)
    queries = [arrivals._FIND, blobs._READ, handover._DUE, kept._DUE, submissions._BY_ORIGIN]
    queries += [submissions._BY_IDENTITY, submissions._BY_BYTES, *named.values()]
    queries += [parts._FIND, parts._OF_BLOB, parts._CHARGED, parts._OLD, parts._DROPPED]
    raw = store._access.reader._raw
    for query in queries:
        names = ["sha256", "organ", "vhost", "after", "most", "now", "message_id", "from_organ"]
        names += ["document_id", "business", "ref", "folded", "prefix", "end"]
        names += ["large", "connection", "blob_id", "before"]
        values = dict.fromkeys(names, 1) | query.constants
        plan = raw.execute(f"EXPLAIN QUERY PLAN {query.sql}", values).fetchall()
        assert plan
        assert not any(row["detail"].startswith("SCAN") for row in plan), query.sql
