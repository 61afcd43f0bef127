"""docexchange/edges/store/lanes.py: destination by destination, at a cost per destination."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from docexchange.core.pacing import Turn
from docexchange.core.schedule import Lane
from docexchange.core.states import Event
from docexchange.edges.store import SqlStore, lanes
from tests.records import LONGEST, MINUTE, NOW, document

LATER = NOW + 5 * MINUTE


async def queued(store: SqlStore, name: str, organ: str = "H01", **changes: object) -> int:
    await store.outgoing.submit(document(name, recipients=(organ,), **changes))
    return store.outgoing.document(name).deliveries[0].delivery_id


def heads(store: SqlStore, turn: Turn = Turn.FRESH, after: str = "", most: int = 9) -> list[str]:
    return [head.organ for head in store.outgoing.heads(Lane.NORMAL, turn, after, most)]


def names(
    store: SqlStore,
    turn: Turn = Turn.FRESH,
    organ: str = "H01",
    now: datetime = NOW,
    skip: frozenset[int] = frozenset(),
    limit: int = 9,
) -> list[str]:
    found = store.outgoing.due(Lane.NORMAL, turn, organ, now, skip, limit)
    return [each.tracking_id for each in found]


async def test_each_destination_is_named_once(store: SqlStore) -> None:
    for number, organ in enumerate(("H13", "H01", "H13", "H05.2", "H01")):
        await queued(store, f"D{number}", organ)
    assert heads(store) == ["H01", "H05.2", "H13"]
    assert heads(store, after="H01", most=1) == ["H05.2"]
    assert heads(store, after="H13") == []
    assert list(store.outgoing.heads(Lane.URGENT, Turn.FRESH, "", 9)) == []


async def test_a_head_says_when_its_first_and_last_are_due(store: SqlStore) -> None:
    await queued(store, "D1", submitted_at=LATER)
    await queued(store, "D2")
    [head] = store.outgoing.heads(Lane.NORMAL, Turn.FRESH, "", 9)
    assert (head.first, head.last) == (NOW, LATER)


async def test_what_was_given_to_the_axis_before_takes_the_other_turn(store: SqlStore) -> None:
    number = await queued(store, "D1")
    await queued(store, "D2")
    await store.outgoing.record(number, Event.PUBLISH_DEFERRED, NOW, next_try=LATER)
    assert (names(store), names(store, Turn.AGAIN, now=LATER)) == (["D2"], ["D1"])
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    assert heads(store, Turn.AGAIN) == []
    await store.outgoing.sweep(LATER)
    assert names(store, Turn.AGAIN, now=LATER) == ["D1"]


async def test_the_oldest_goes_first_and_what_is_in_hand_is_skipped(store: SqlStore) -> None:
    numbers = {}
    for name, minutes in (("D1", 3), ("D2", 1), ("D3", 2)):
        numbers[name] = await queued(store, name, submitted_at=NOW + minutes * MINUTE)
    assert names(store, now=LATER) == ["D2", "D3", "D1"]
    assert names(store, now=NOW + 2 * MINUTE) == ["D2", "D3"]
    in_hand = frozenset({numbers["D2"]})
    assert names(store, now=LATER, skip=in_hand, limit=1) == ["D3"]


async def test_what_a_person_holds_is_in_no_line(store: SqlStore) -> None:
    await queued(store, "D1")
    with store._access.reader.reading():
        pass
    store._access.reader._raw.execute("UPDATE deliveries SET held = 'why'")
    assert heads(store) == []


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(timedelta(0), []), (timedelta(microseconds=1), ["D1"])],
    ids=["longest wait", "beyond it"],
)
async def test_a_try_impossibly_far_ahead_counts_as_come(
    store: SqlStore, ahead: timedelta, expected: list[str]
) -> None:
    number = await queued(store, "D1")
    await store.outgoing.record(number, Event.PUBLISH_DEFERRED, NOW, next_try=NOW + LONGEST + ahead)
    assert names(store, Turn.AGAIN) == expected


def steps_of(store: SqlStore, work: Callable[[], object]) -> int:
    """Steps of SQLite's machine that reading takes, in tens."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    raw = store._access.reader._raw
    work()  # compiled before it is counted
    raw.set_progress_handler(count, 10)
    work()
    raw.set_progress_handler(None, 0)
    return counted[0]


async def test_ten_thousand_for_a_dead_destination_are_one_step_of_the_walk(
    store: SqlStore,
) -> None:
    """Row 16 of the peer-failure list, in work and not in time."""
    await queued(store, "D1", "H01")
    await queued(store, "D2", "H13")
    await queued(store, "D3", "H13")

    def look() -> object:
        return heads(store), names(store)

    few = steps_of(store, look)
    store._access.reader._raw.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
        "INSERT INTO deliveries SELECT NULL, submission_id, 'H13', kind, lane, state, reason, "
        "held, answers, waiting, attempts, copies, next_try - n.i, lifetime_ends, last_error, "
        "code, code_conflict, deadline, recall, recalls FROM deliveries, n "
        "WHERE to_organ = 'H13' LIMIT 10000"
    )
    assert heads(store) == ["H01", "H13"]
    assert steps_of(store, look) <= few + 1


def test_the_plan_is_a_walk_along_the_index(store: SqlStore) -> None:
    values = {"lane": "", "organ": "", "now": 0, "far": 0, "after": "", "most": 1}
    for queries in (lanes._HEADS, lanes._NOW, lanes._FAR):
        for turn, query in queries.items():
            plan = store._access.reader._raw.execute(
                f"EXPLAIN QUERY PLAN {query.sql}", values | query.constants
            ).fetchall()
            steps = [row["detail"] for row in plan if "deliveries" in row["detail"]]
            assert steps
            assert all(f"USING INDEX deliveries_{turn.value} (lane=?" in step for step in steps)
            assert not any("TEMP B-TREE" in row["detail"] for row in plan)
