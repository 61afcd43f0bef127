"""docexchange/edges/store/operating.py: what a person decides is done, told and journalled."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import Conflict
from docexchange.core.model import DestinationHold, Order, Pause
from docexchange.core.states import Event, State
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, document, due, make_old, open_store, receipt

ORDER = Order("an.nguyen", "máy bên nhận đang bảo trì")
LATER = NOW + 5 * MINUTE
END = NOW + timedelta(hours=72)


def journal(store: SqlStore) -> list[tuple[str, str, str, str]]:
    """(event, organ, by, detail) of each line that a person wrote."""
    rows = store._access.reader._raw.execute("SELECT line FROM journal ORDER BY number").fetchall()
    lines = [json.loads(row["line"]) for row in rows]
    return [
        (line["event"], line.get("organ", ""), line["by"], line.get("detail", ""))
        for line in lines
        if line.get("by")
    ]


async def queued(store: SqlStore, name: str = "D1", **changes: object) -> int:
    await store.outgoing.submit(document(name, **changes))
    return store.outgoing.document(name).deliveries[0].delivery_id


async def undeliverable(store: SqlStore, name: str = "D1") -> int:
    number = await queued(store, name)
    await store.outgoing.sweep(END)
    return number


async def test_a_held_document_is_not_due_until_it_is_let_go(store: SqlStore) -> None:
    await queued(store, recipients=("H01", "H13"))
    assert await store.operator.hold("D1", ["H01"], ORDER, NOW) == ["H01"]
    assert [each.to_organ for each in due(store)] == ["H13"]
    assert store.outgoing.document("D1").deliveries[0].held == ORDER.reason
    assert await store.operator.hold("D1", ["H01"], ORDER, NOW) == []
    assert await store.operator.release("D1", [], ORDER, NOW) == ["H01"]
    assert [each.to_organ for each in due(store)] == ["H01", "H13"]
    assert await store.operator.release("D1", [], ORDER, NOW) == []
    who = ("H01", "an.nguyen", ORDER.reason)
    assert journal(store) == [("held_back", *who), ("let_go", *who)]


async def test_the_mailroom_sees_a_hold(store: SqlStore) -> None:
    await queued(store)
    await store.operator.hold("D1", [], ORDER, NOW)
    last = store.mailrooms.due("mr-H05", 0, 100)[-1].message
    said = json.loads(last.body or b"")["data"]
    [one] = said["recipients"]
    assert (one["transport"], one["held"]) == ("queued", ORDER.reason)


async def test_what_was_held_when_its_lifetime_ended_is_undeliverable(store: SqlStore) -> None:
    await queued(store)
    await store.operator.hold("D1", [], ORDER, NOW)
    await store.outgoing.sweep(END)
    assert store.outgoing.document("D1").deliveries[0].state is State.UNDELIVERABLE
    assert await store.operator.hold("D1", [], ORDER, END) == []


async def test_a_retry_is_due_now_whatever_it_waited_for(store: SqlStore) -> None:
    first = await queued(store)
    second = await queued(store, "D2")
    await store.outgoing.record(first, Event.PUBLISH_DEFERRED, NOW, next_try=LATER, detail="full")
    await store.outgoing.record(second, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    assert due(store) == []
    for name in ("D1", "D2"):
        assert await store.operator.retry(name, [], ORDER, NOW + MINUTE) == ["H01"]
    assert [each.tracking_id for each in due(store, now=NOW + MINUTE)] == ["D1", "D2"]
    assert [event for event, *_ in journal(store)] == ["retried", "retried"]


async def test_a_retry_leaves_what_is_held_or_final(store: SqlStore) -> None:
    await queued(store)
    await store.operator.hold("D1", [], ORDER, NOW)
    assert await store.operator.retry("D1", [], ORDER, NOW) == []
    await store.operator.release("D1", [], ORDER, NOW)
    await store.receipts.apply(receipt(document()))
    assert await store.operator.retry("D1", [], ORDER, NOW) == []
    assert due(store) == []


async def test_a_replay_sends_the_same_bytes_with_a_new_lifetime(store: SqlStore) -> None:
    await undeliverable(store)
    ends = END + timedelta(hours=72)
    assert await store.operator.replay("D1", [], ends, ORDER, END) == ["H01"]
    [again] = due(store, now=END)
    assert again.sha256 == document().sha256
    view = store.outgoing.document("D1").deliveries[0]
    assert (view.state, view.reason, view.lifetime_ends) == (State.QUEUED, "", ends)
    assert await store.operator.replay("D1", [], ends, ORDER, END) == []
    assert journal(store) == [("replayed", "H01", "an.nguyen", ORDER.reason)]


async def test_what_was_held_and_given_up_leaves_when_it_is_replayed(store: SqlStore) -> None:
    await queued(store)
    await store.operator.hold("D1", [], ORDER, NOW)
    await store.outgoing.sweep(END)
    await store.operator.replay("D1", [], END + MINUTE, ORDER, END)
    assert len(due(store, now=END)) == 1


async def test_what_was_recalled_is_never_replayed(store: SqlStore) -> None:
    await queued(store)
    asked = document("R1", business=1, content_sha256="00" * 32, recalls="D1")
    await store.recalls.submit([asked])
    before = store.outgoing.document("D1").deliveries[0]
    assert before.state is State.UNDELIVERABLE
    with pytest.raises(Conflict, match="recalled from H01"):
        await store.operator.replay("D1", [], END, ORDER, NOW)
    assert store.outgoing.document("D1").deliveries[0] == before
    assert "replayed" not in [event for event, *_ in journal(store)]


async def test_a_destination_is_held_and_released_once(store: SqlStore) -> None:
    operator = store.operator
    assert await operator.hold_destination("H13", ORDER, NOW)
    assert not await operator.hold_destination("H13", Order("b", "c"), NOW)
    assert store.outgoing.holds() == [DestinationHold("H13", NOW, "an.nguyen", ORDER.reason)]
    assert await operator.release_destination("H13", ORDER, NOW)
    assert not await operator.release_destination("H13", ORDER, NOW)
    assert store.outgoing.holds() == []
    assert [event for event, *_ in journal(store)] == ["destination_held", "destination_released"]


async def test_a_hold_outlives_the_process(folder: Path) -> None:
    with open_store(folder) as store:
        await store.operator.hold_destination("H13", ORDER, NOW)
    with open_store(folder) as store:
        assert [one.organ for one in store.outgoing.holds()] == ["H13"]


async def test_all_that_waits_for_a_destination_is_due_in_steps(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docexchange.edges.store.operating.STEP", 2)
    for number in range(5):
        one = await queued(store, f"D{number}")
        await store.outgoing.record(one, Event.PUBLISH_DEFERRED, NOW, next_try=LATER, detail="full")
    other = await queued(store, "E1", recipients=("H13",))
    await store.outgoing.record(other, Event.PUBLISH_DEFERRED, NOW, next_try=LATER, detail="full")
    pause = Pause("normal", "H01", NOW, LATER, 3, "full")
    await store.outgoing.pause(pause, NOW)
    assert await store.operator.retry_destination("H01", ORDER, NOW + MINUTE) == 5
    assert {each.to_organ for each in due(store, now=NOW + MINUTE)} == {"H01"}
    [probed] = store.outgoing.pauses()
    assert (probed.probe_at, probed.probes) == (NOW + MINUTE, 3)
    assert journal(store) == [("retried", "H01", "an.nguyen", ORDER.reason)]


async def test_a_pause_of_the_axis_is_probed_sooner_and_never_later(store: SqlStore) -> None:
    assert not await store.operator.probe_axis(NOW)
    await store.outgoing.pause(Pause("", "", NOW, LATER, 1, "no connection"), NOW)
    assert await store.operator.probe_axis(NOW + MINUTE)
    assert not await store.operator.probe_axis(NOW + 2 * MINUTE)
    assert store.outgoing.pauses()[0].probe_at == NOW + MINUTE


def test_an_older_store_has_no_holds(folder: Path) -> None:
    open_store(folder).close()
    make_old(folder / "store.db")
    with open_store(folder) as store:
        assert store.outgoing.holds() == []
