"""purging.py, legalholds.py, gone.py: what may go goes, nothing else, and what is left can tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import Conflict, NotFound
from docexchange.core.model import OldContent, Order
from docexchange.core.states import Event, StatusCode
from docexchange.edges.store import SqlStore
from tests.docexchange.edges.store.test_erasing import coming, secret, traces
from tests.records import NOW, digest, document, due, kept, open_store, receipt, status

ORDER = Order("an.nguyen", "hết hạn lưu 5 năm")
LATER = NOW + timedelta(days=2000)
BEFORE = NOW + timedelta(days=1)


def happenings(store: SqlStore, ref: str) -> list[str]:
    return [json.loads(one.line)["event"] for one in store.journal.of(ref)]


async def purge(store: SqlStore) -> list[OldContent]:
    await store.operator.begin_purge(BEFORE, ORDER, LATER)
    found = store.operator.old_contents(BEFORE, 0)
    return await store.operator.purge(found, BEFORE, ORDER, LATER)


def old(store: SqlStore) -> list[tuple[bool, bool]]:
    return [(one.is_open, one.is_held) for one in store.operator.old_contents(BEFORE, 0)]


async def sent(store: SqlStore, data: bytes, *, acknowledged: bool = True) -> None:
    letter = document("D1", data=data, sha256=digest(data))
    await store.outgoing.submit(letter)
    for one in due(store):
        await store.outgoing.record(one.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    if acknowledged:
        for organ in ("H01", "H13"):
            said = receipt(letter, from_organ=organ, data=f"01 {organ}".encode())
            await store.receipts.apply(replace(said, sha256=digest(said.data)))


async def test_what_was_sent_and_acknowledged_goes(tmp_path: Path) -> None:
    data = secret(20_000)
    with open_store(tmp_path) as store:
        await sent(store, data)
        assert store.contents.read(digest(data)) == data
        assert [one.sha256 for one in await purge(store)] == [digest(data)]
        with pytest.raises(NotFound, match="was purged on"):
            store.contents.read(digest(data))
        view = store.outgoing.document("D1")
        assert view.purged_at == LATER
        assert {one.code for one in view.deliveries} == {"01"}
        assert happenings(store, "D1")[-1] == "purged"
        while await store.contents.erase(LATER):
            pass
        assert traces(tmp_path) == {}
        assert happenings(store, "D1")[-1] == "erased"
        assert await purge(store) == []
        with pytest.raises(Conflict, match="purged"):
            await store.operator.replay("D1", [], LATER + timedelta(days=3), ORDER, LATER)


async def test_what_is_under_way_stays(store: SqlStore) -> None:
    await sent(store, b"x" * 100, acknowledged=False)
    assert old(store) == [(True, False)]
    assert await purge(store) == []
    assert store.contents.read(digest(b"x" * 100)) == b"x" * 100


async def test_what_is_younger_stays(store: SqlStore) -> None:
    await sent(store, b"x")
    assert store.operator.old_contents(NOW, 0) == []
    assert store.operator.old_contents(NOW + timedelta(microseconds=1), 0)


async def test_what_arrived_goes_when_it_is_with_the_mailroom_and_done(store: SqlStore) -> None:
    data = b"y" * 500
    target = coming(data)
    await store.incoming.accept(target, status("S1", StatusCode.ARRIVED))
    assert old(store) == [(True, False)]
    for one in due(store):
        await store.outgoing.record(one.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    assert old(store) == [(True, False)]  # our clerks said nothing yet, nobody has it


async def test_a_hold_keeps_it_and_its_end_lets_it_go(store: SqlStore) -> None:
    await sent(store, b"x")
    assert await store.operator.legal_hold("D1", ORDER, NOW)
    assert not await store.operator.legal_hold("D1", ORDER, NOW)
    assert old(store) == [(False, True)]
    assert await purge(store) == []
    [hold] = store.operator.legal_holds()
    assert (hold.tracking_id, hold.by, hold.why) == ("D1", "an.nguyen", "hết hạn lưu 5 năm")
    assert await store.operator.legal_release("D1", ORDER, NOW)
    assert not await store.operator.legal_release("D1", ORDER, NOW)
    assert len(await purge(store)) == 1
    assert happenings(store, "D1")[-3:] == ["legal_held", "legal_released", "purged"]


async def test_a_hold_that_comes_between_looking_and_purging_counts(store: SqlStore) -> None:
    await sent(store, b"x")
    found = store.operator.old_contents(BEFORE, 0)
    await store.operator.legal_hold("D1", ORDER, NOW)
    assert await store.operator.purge(found, BEFORE, ORDER, LATER) == []
    assert store.contents.read(digest(b"x")) == b"x"


async def test_what_lies_in_quarantine_too_stays(store: SqlStore) -> None:
    await sent(store, b"x")
    assert await store.incoming.quarantine(kept("x", data=b"x"), None)
    assert old(store) == [(True, False)]


async def test_steps_go_on_after_the_last_number(store: SqlStore) -> None:
    await sent(store, b"x")
    [one] = store.operator.old_contents(BEFORE, 0)
    assert store.operator.old_contents(BEFORE, one.blob_id) == []
