"""docexchange/edges/store/queue.py: what waits, one by one and counted."""

from __future__ import annotations

from datetime import timedelta

from docexchange.core.model import Order
from docexchange.core.schedule import Lane
from docexchange.core.states import Event, State
from docexchange.edges.store import SqlStore, queue
from docexchange.edges.store.queue import AGES
from tests.records import MINUTE, NOW, document, receipt, status

HOUR = timedelta(hours=1)
END = NOW + 72 * HOUR
ORDER = Order("an", "chờ")


async def queued(store: SqlStore, name: str, **changes: object) -> int:
    await store.outgoing.submit(document(name, **changes))
    return store.outgoing.document(name).deliveries[0].delivery_id


async def test_lines_are_what_waits_nearest_deadline_first(store: SqlStore) -> None:
    await queued(store, "D1")
    await queued(store, "D2", lifetime_ends=END - HOUR, recipients=("H13",))
    sent = await queued(store, "D3", lifetime_ends=END + HOUR)
    await store.outgoing.record(sent, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + MINUTE)
    await store.outgoing.submit(status("S1", "01"))
    await queued(store, "D4")
    await store.receipts.apply(receipt(document("D4")))
    waiting = store.operator.waiting
    assert [one.tracking_id for one in waiting()] == ["D2", "D1", "D3"]
    assert [one.tracking_id for one in waiting("H01")] == ["D1", "D3"]
    assert [one.tracking_id for one in waiting(state=State.SENT)] == ["D3"]
    assert [one.tracking_id for one in waiting(limit=1)] == ["D2"]
    assert store.operator.dead() == []


async def test_held_and_dead_have_their_own_lists(store: SqlStore) -> None:
    for name in ("D1", "D2", "D3"):
        await queued(store, name, lifetime_ends=END + (HOUR if name == "D3" else 0 * HOUR))
    await store.operator.hold("D3", [], ORDER, NOW)
    assert [(one.tracking_id, one.held) for one in store.operator.held()] == [("D3", "chờ")]
    await store.outgoing.sweep(END)
    assert [one.tracking_id for one in store.operator.dead()] == ["D2", "D1"]
    assert {one.reason for one in store.operator.dead("H01")} == {"expired"}
    assert store.operator.dead("H13") == []
    assert [one.state for one in store.operator.deliveries("D1")] == [State.UNDELIVERABLE]


async def test_the_shape_counts_by_destination_lane_and_age(store: SqlStore) -> None:
    now = NOW + 80 * HOUR
    for place, age in enumerate((MINUTE, 5 * MINUTE, 30 * MINUTE, 70 * HOUR, 73 * HOUR)):
        await queued(store, f"D{place}", submitted_at=now - age)
    await queued(store, "U1", lane=Lane.URGENT, submitted_at=now, recipients=("H13",))
    tried = await queued(store, "T1", submitted_at=now - 2 * HOUR)
    await store.outgoing.record(
        tried, Event.PUBLISH_DEFERRED, now, next_try=now + MINUTE, detail="full"
    )
    await queued(store, "H1", submitted_at=now - 2 * HOUR)
    await store.operator.hold("H1", [], ORDER, now)
    sent = await queued(store, "S1", submitted_at=now)
    await store.outgoing.record(sent, Event.PUBLISH_CONFIRMED, now, next_try=now + MINUTE)
    full, urgent = store.operator.shape(now)
    assert (full.organ, full.lane, full.ages) == ("H01", "normal", (1, 2, 2, 0, 1, 1))
    assert (full.count, full.held, full.tried) == (7, 1, 1)
    assert full.oldest == now - 73 * HOUR
    assert (urgent.organ, urgent.lane, urgent.count) == ("H13", "urgent", 1)
    [awaiting] = store.operator.shape(now, sent=True)
    assert (awaiting.organ, awaiting.count, awaiting.held) == ("H01", 1, 0)
    assert len(full.ages) == len(AGES) + 1


def test_each_list_has_its_index(store: SqlStore) -> None:
    """What is acknowledged, which is nearly all there ever was, is never read."""
    given = dict.fromkeys(("organ", "state"), "") | {"most": 1}
    given |= {f"bound{place}": 0 for place in range(len(AGES))}
    for query in (queue._ALIVE, queue._HELD, queue._DEAD, queue._FRESH, queue._AGAIN, queue._SENT):
        plan = store._access.reader._raw.execute(
            f"EXPLAIN QUERY PLAN {query.sql}", given | query.constants
        ).fetchall()
        steps = [row["detail"] for row in plan if "deliveries" in row["detail"]]
        assert steps
        assert all("INDEX deliveries_" in step for step in steps), steps
