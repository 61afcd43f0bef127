"""docexchange/edges/store/pauses.py: seen by people, kept over a restart."""

from __future__ import annotations

import json
from dataclasses import replace

from docexchange.core.model import Pause
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW

PAUSE = Pause("normal", "H13", NOW, NOW + MINUTE, 0, "hàng đợi đầy / the queue is full")


def lines(store: SqlStore) -> list[str]:
    rows = store._access.reader._raw.execute("SELECT line FROM journal ORDER BY number").fetchall()
    return [json.loads(row["line"])["event"] for row in rows]


async def test_a_pause_is_journalled_when_it_begins_and_when_it_ends(store: SqlStore) -> None:
    await store.outgoing.pause(PAUSE, NOW)
    probed = replace(PAUSE, probe_at=NOW + 3 * MINUTE, probes=1)
    await store.outgoing.pause(probed, NOW + MINUTE)
    assert store.outgoing.pauses() == [probed]
    assert await store.outgoing.resume("normal", "H13", NOW + 3 * MINUTE)
    assert store.outgoing.pauses() == []
    assert not await store.outgoing.resume("normal", "H13", NOW + 3 * MINUTE)
    assert lines(store) == ["paused", "resumed"]


async def test_each_lane_and_the_axis_have_their_own(store: SqlStore) -> None:
    axis = replace(PAUSE, lane="", organ="", since=NOW - MINUTE)
    for each in (PAUSE, replace(PAUSE, lane="receipts"), axis):
        await store.outgoing.pause(each, NOW)
    assert len(store.outgoing.pauses()) == 3
    assert store.outgoing.pauses()[0] == axis
