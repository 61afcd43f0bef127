"""streams.py: content that was destroyed here comes again in parts, whatever still links it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from docexchange.core.errors import NotFound
from docexchange.core.model import Acceptance, Arrival, InStore, Kept, Order
from docexchange.core.recalls import RECALL, Recall
from docexchange.core.states import Event, StatusCode
from docexchange.edges.store import SqlStore, tables
from docexchange.edges.store.check import check
from docexchange.edges.store.streams import FOLLOWING, LEFT_BEHIND
from envelopes.model import Stored
from tests.records import (
    NOW,
    arrival,
    digest,
    document,
    due,
    first_receipt,
    kept,
    open_store,
    receipt,
    status,
)

MIB = 1024 * 1024
DATA = random.Random(4).randbytes(3 * MIB)
SHA = digest(DATA)
ORDER = Order("an.nguyen", "hết hạn lưu")
LATER = NOW + timedelta(days=40)
Step = Callable[[SqlStore], Awaitable[None]]


async def in_store(store: SqlStore) -> InStore:
    """The content as its parts leave it."""

    def produce(out: BinaryIO) -> Stored:
        out.write(DATA)
        return Stored(len(DATA), SHA)

    return await store.contents.fill(produce, NOW)


def waiting(organ: str, data: InStore) -> Kept:
    return replace(kept(), organ=organ, data=data, sha256=SHA, size=len(DATA))


async def accept(store: SqlStore, name: str, organ: str) -> Arrival:
    """It comes in parts and is accepted."""
    came = arrival(name, data=DATA, document_id=f"doc {name}")
    came = replace(came, organ=organ, data=await in_store(store))
    assert await store.incoming.accept(came, first_receipt(came, f"first {name}")) is Acceptance.NEW
    return came


async def recall(store: SqlStore) -> None:
    asking = arrival("R1", document_id="recall", business=RECALL, changes=("doc A1",))
    answer = status("S1", StatusCode.CHANGE_AGREED)
    assert await store.recalls.take(asking, Recall.AGREED, answer) is not None


async def accepted(store: SqlStore) -> None:
    await accept(store, "A1", "H05")
    await recall(store)


async def held_and_accepted(store: SqlStore) -> None:
    await store.incoming.hold(waiting("H05", await in_store(store)))
    await accepted(store)


async def quarantined_and_accepted(store: SqlStore) -> None:
    await store.incoming.quarantine(waiting("H05", await in_store(store)), None)
    await accepted(store)


async def sent_stamped_and_purged(store: SqlStore) -> None:
    """By age, as `purge` does it; a timestamp is kept beside it."""
    letter = document("D1", data=DATA, sha256=SHA)
    await store.outgoing.submit(replace(letter, data=await in_store(store)))
    for one in due(store):
        await store.outgoing.record(one.delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    for organ in ("H01", "H13"):
        await store.receipts.apply(receipt(letter, from_organ=organ, data=f"01 {organ}".encode()))
    with closing(sqlite3.connect(store._access.path)) as raw:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("INSERT INTO stamp_tokens VALUES (1, x'00', 'sha256:ab', 0, 1, 0)")
        raw.execute("INSERT INTO stamps SELECT id, 1, 0, x'' FROM blobs WHERE sha256 = ?", (SHA,))
        raw.commit()
    found = store.operator.old_contents(LATER, 0)
    assert [one.sha256 for one in await store.operator.purge(found, LATER, ORDER, LATER)] == [SHA]


async def comes_for_another(store: SqlStore) -> None:
    await accept(store, "A2", "H13")


async def is_quarantined_for_another(store: SqlStore) -> None:
    assert await store.incoming.quarantine(waiting("H13", await in_store(store)), None)


@pytest.mark.parametrize("again", [comes_for_another, is_quarantined_for_another])
@pytest.mark.parametrize(
    "before", [accepted, held_and_accepted, quarantined_and_accepted, sent_stamped_and_purged]
)
async def test_destroyed_content_comes_again_in_parts(
    tmp_path: Path, before: Step, again: Step
) -> None:
    """The new copy can be read, all that linked the old one stands, nothing is left over."""
    with open_store(tmp_path) as store:
        await before(store)
        with pytest.raises(NotFound):
            store.contents.open(SHA)
        await again(store)
        with store.contents.open(SHA) as file:
            assert digest(b"".join(iter(lambda: file.read(MIB), b""))) == SHA
        while await store.contents.sweep_orphans(LATER) or await store.contents.sweep_parts(
            LATER, LATER
        ):
            """In steps."""
        while await store.contents.erase(LATER):
            """In steps."""
        raw = store._access.writer._connection._raw
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        names = [name for (name,) in raw.execute("SELECT sha256 FROM blobs") if len(name) != 64]
        assert names == []
        chunks = raw.execute("SELECT sum(length(data)) FROM chunks").fetchone()[0]
        assert len(DATA) <= chunks < len(DATA) + MIB
    assert check(tmp_path / "store.db").faults == ()


async def test_a_timestamp_stays_with_content_that_comes_again(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await sent_stamped_and_purged(store)
        await comes_for_another(store)
        raw = store._access.writer._connection._raw
        found = "SELECT blobs.sha256 FROM stamps JOIN blobs ON blobs.id = stamps.blob_id"
        assert raw.execute(found).fetchall()[0][0] == SHA
        assert store.outgoing.document("D1").purged_at is None  # it is here again


async def test_a_part_of_an_attachment_is_no_reason_to_keep_what_is_recalled(
    tmp_path: Path,
) -> None:
    """A mailroom uploaded the same bytes, to forward them: it has to send them again."""
    data = b"an envelope that is forwarded"
    with open_store(tmp_path) as store:
        came = arrival("A1", data=data, document_id="doc A1")
        await store.incoming.accept(came, first_receipt(came))
        assert await store.mailrooms.keep_upload("mr-H05", came.sha256, data, NOW, 1000)
        await recall(store)
        assert store.mailrooms.uploads("mr-H05", [came.sha256]) == {}
        assert await store.mailrooms.keep_upload("mr-H05", came.sha256, data, NOW, 1000)
        assert store.contents.read(came.sha256) == data


def test_whatever_links_content_follows_it() -> None:
    """A new table that links blobs stands in one of the two lists."""
    linking = {
        (table.name, column.name)
        for table in tables.metadata.tables.values()
        for column in table.columns
        if any(
            key.column in (tables.blobs.c.id, tables.blobs.c.sha256) for key in column.foreign_keys
        )
    }
    by_number = {(column.table.name, column.name) for column in FOLLOWING}
    stay = {(column.table.name, column.name) for column in LEFT_BEHIND}
    assert linking == by_number | stay
    assert not by_number & stay
