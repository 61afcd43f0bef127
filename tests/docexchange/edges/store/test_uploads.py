"""docexchange/edges/store/uploads.py: parts of attachments that wait for their document."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.errors import NotFound
from docexchange.edges.store import SqlStore, uploads
from tests.records import NOW, open_store

QUOTA = 10_000_000


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def keep(store: SqlStore, data: bytes, vhost: str = "mr-H05", quota: int = QUOTA) -> bool:
    return await store.mailrooms.keep_upload(vhost, digest(data), data, NOW, quota)


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
async def test_a_part_is_kept_once_per_mailroom(store: SqlStore, size: int) -> None:
    data = bytes(size)
    for _ in range(3):
        assert await keep(store, data)
    assert await keep(store, data, "mr-H01")
    assert store.mailrooms.uploads("mr-H05", [digest(data), digest(b"other")]) == {
        digest(data): size
    }
    assert store.contents.read(digest(data)) == data


async def test_one_that_was_used_is_forgotten_unless_another_mailroom_needs_it(
    store: SqlStore,
) -> None:
    await keep(store, b"part")
    await keep(store, b"part", "mr-H01")
    await store.mailrooms.drop_uploads("mr-H05", [digest(b"part"), digest(b"never")])
    assert store.mailrooms.uploads("mr-H05", [digest(b"part")]) == {}
    assert store.contents.read(digest(b"part")) == b"part"
    await store.mailrooms.drop_uploads("mr-H01", [digest(b"part")])
    with pytest.raises(NotFound):
        store.contents.read(digest(b"part"))


async def test_the_quota_counts_each_part_once(store: SqlStore) -> None:
    assert await keep(store, b"a" * 60, quota=100)
    assert await keep(store, b"a" * 60, quota=100)
    assert not await keep(store, b"b" * 60, quota=100)
    assert await keep(store, b"b" * 60, "mr-H01", quota=100)
    assert await keep(store, b"c" * 40, quota=100)
    assert store.mailrooms.uploads("mr-H05", [digest(b"b" * 60)]) == {}


async def test_their_number_is_bounded_too(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_MAX", 2)
    assert [await keep(store, bytes([n])) for n in range(3)] == [True, True, False]


async def test_unused_ones_are_forgotten_after_a_day(store: SqlStore) -> None:
    await keep(store, b"old")
    later = NOW + uploads.UPLOAD_FOR
    await store.mailrooms.keep_upload("mr-H05", digest(b"new"), b"new", later, QUOTA)
    await store.contents.sweep_orphans(later)
    assert len(store.mailrooms.uploads("mr-H05", [digest(b"old"), digest(b"new")])) == 2
    await store.contents.sweep_orphans(later + timedelta(seconds=1))
    assert store.mailrooms.uploads("mr-H05", [digest(b"old"), digest(b"new")]) == {
        digest(b"new"): 3
    }


async def test_what_is_over_a_day_old_does_not_count(store: SqlStore) -> None:
    await keep(store, b"a" * 60, quota=100)
    later = NOW + uploads.UPLOAD_FOR + timedelta(seconds=1)
    assert await store.mailrooms.keep_upload("mr-H05", digest(b"b" * 60), b"b" * 60, later, 100)


async def test_a_part_survives_a_restart(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await keep(store, b"part")
    with open_store(tmp_path) as store:
        assert store.mailrooms.uploads("mr-H05", [digest(b"part")]) == {digest(b"part"): 4}


def test_no_statement_reads_the_whole_table(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    raw = sqlite3.connect(tmp_path / "store.db")
    for query in (uploads._FIND, uploads._TOTAL, uploads._OLD, uploads._DROP, uploads._TOUCH):
        names = dict.fromkeys(("vhost", "sha256", "since", "before", "now", "most"), 1)
        names |= query.constants
        plan = raw.execute(f"EXPLAIN QUERY PLAN {query.sql}", names).fetchall()
        assert not [row for row in plan if str(row[3]).startswith("SCAN")], plan
    raw.close()
