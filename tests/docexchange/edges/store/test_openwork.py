"""docexchange.edges.store.openwork: what is under way is counted as it begins and ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.admission import Work
from docexchange.core.errors import Conflict
from docexchange.core.states import Event
from docexchange.edges.store import SqlStore
from docexchange.edges.store.transaction import Transaction
from tests.records import NOW, document, due, make_old, open_store, receipt

_COUNTED = (
    "SELECT s.from_organ, count(*), sum(s.size) FROM deliveries d JOIN submissions s"
    " ON s.id = d.submission_id WHERE d.kind = 'document' AND d.state IN ('queued', 'sent')"
    " GROUP BY 1"
)


def counted(store: SqlStore) -> dict[str, Work]:
    """The same by looking at every row."""
    rows = store._access.reader._raw.execute(_COUNTED).fetchall()
    return {row[0]: Work(row[1], row[2]) for row in rows}


async def test_deliveries_are_counted_from_beginning_to_end(store: SqlStore) -> None:
    one = document("D1", recipients=("H01", "H13"))
    size = len(one.data)
    await store.outgoing.submit(one)
    assert store.outgoing.open_work() == counted(store) == {"H05": Work(2, 2 * size)}
    first, second = due(store)
    await store.outgoing.record(first.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    assert store.outgoing.open_work() == counted(store) == {"H05": Work(2, 2 * size)}
    await store.receipts.apply(receipt(one))
    assert store.outgoing.open_work() == counted(store) == {"H05": Work(1, size)}
    await store.outgoing.record(second.delivery_id, Event.PUBLISH_REFUSED, NOW, detail="too large")
    assert store.outgoing.open_work() == {"H05": Work(0, 0)}
    await store.outgoing.record(
        second.delivery_id, Event.RELEASED, NOW, next_try=NOW + timedelta(days=3)
    )
    assert store.outgoing.open_work() == counted(store) == {"H05": Work(1, size)}


async def test_an_ended_lifetime_ends_it(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    await store.outgoing.sweep(NOW + timedelta(days=4))
    assert store.outgoing.open_work() == {"H05": Work(0, 0)}


async def test_a_duplicate_and_a_refused_one_are_not_counted(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    await store.outgoing.submit(document())

    def count_and_refuse(transaction: Transaction) -> None:
        transaction.count("H05", 1, 100)
        raise Conflict("not now")

    with pytest.raises(Conflict):
        await store._access.writer.write("op", count_and_refuse)
    assert store.outgoing.open_work() == counted(store)


async def test_an_older_store_is_counted_when_it_is_migrated(folder: Path) -> None:
    with open_store(folder) as store:
        await store.outgoing.submit(document("D1"))
        await store.outgoing.submit(document("D2", recipients=("H01", "H13")))
        wanted = counted(store)
    make_old(folder / "store.db")
    with open_store(folder) as store:
        assert store.outgoing.open_work() == wanted
        assert wanted["H05"].deliveries == 3
