"""docexchange/edges/store/blobs.py: bytes once, checked when read, large ones written ahead."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

import pytest

from docexchange.core.errors import NotFound, StoreError
from docexchange.core.model import Acceptance
from docexchange.edges.store import SqlStore, blobs
from docexchange.edges.store.database import Connection
from envelopes.model import Stored
from tests.records import NOW, arrival, digest, document, first_receipt, kept

LARGE = bytes(range(256)) * 4 * 2600  # 2.5 MiB: three rows


def rows(store: SqlStore) -> list[tuple[int, int]]:
    raw = sqlite3.connect(store._access.path)
    found = raw.execute("SELECT seq, length(data) FROM chunks ORDER BY blob_id, seq").fetchall()
    raw.close()
    return found


@pytest.mark.parametrize(
    "size", [0, 1, blobs.CHUNK - 1, blobs.CHUNK, blobs.CHUNK + 1, 2 * blobs.CHUNK, len(LARGE)]
)
async def test_content_of_any_size_comes_back(store: SqlStore, size: int) -> None:
    data = LARGE[:size]
    await store.outgoing.submit(document(data=data))
    assert store.contents.read(digest(data)) == data


async def test_large_content_is_written_in_transactions_of_one_part(store: SqlStore) -> None:
    before = store._access.writer.batches
    await store.outgoing.submit(document(data=LARGE))
    assert rows(store) == [(0, 1048576), (1, 1048576), (2, len(LARGE) - 2097152)]
    assert store._access.writer.batches - before == 5  # announced, three parts, linked


async def test_content_is_kept_once(store: SqlStore) -> None:
    await store.outgoing.submit(document(data=LARGE))
    found = arrival(data=LARGE)
    assert await store.incoming.accept(found, first_receipt(found)) is Acceptance.NEW
    await store.incoming.quarantine(kept(data=LARGE), None)
    assert len(rows(store)) == 4  # three and the receipt


@pytest.mark.parametrize(("size", "aside"), [(blobs.ASIDE_BYTES, False), (len(LARGE), True)])
async def test_the_loop_never_reads_what_is_long(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, size: int, aside: bool
) -> None:
    data, readers = LARGE[:size], []
    read = blobs.read

    def watched(connection: Connection, sha256: str) -> bytes:
        readers.append(threading.current_thread() is not threading.main_thread())
        return read(connection, sha256)

    monkeypatch.setattr(blobs, "read", watched)
    await store.outgoing.submit(document(data=data))
    assert await store.contents.load(digest(data)) == data  # a moment ago: at hand, once
    assert readers == []
    assert await store.contents.load(digest(data)) == data
    assert readers == [aside]


async def test_what_waits_for_a_mailroom_is_at_hand(store: SqlStore) -> None:
    """And what waits for none is not: nobody would take it."""
    found = replace(arrival(data=LARGE), delivery=None)
    await store.incoming.accept(found, first_receipt(found))
    assert store._access.fresh.take(found.sha256) is None
    other = arrival("T2", data=LARGE[1:])
    assert other.delivery is not None
    await store.incoming.accept(other, first_receipt(other))
    assert store._access.fresh.take(other.sha256) == LARGE[1:]


async def test_content_is_not_readable_before_it_is_linked(store: SqlStore) -> None:
    await store._access.write_large(digest(LARGE), LARGE, NOW)
    assert len(rows(store)) == 3
    with pytest.raises(NotFound, match="no content"):
        store.contents.read(digest(LARGE))
    await store.outgoing.submit(document(data=LARGE))
    assert store.contents.read(digest(LARGE)) == LARGE
    assert len(rows(store)) == 3


async def test_a_crash_between_parts_is_made_good_by_the_next_try(store: SqlStore) -> None:
    sha256 = digest(LARGE)
    write = store._access.writer.write
    await write("begin", lambda work: blobs.begin(work, sha256, len(LARGE), NOW))
    (seq, part), *_ = blobs.parts(LARGE)
    await write("part", lambda work: blobs.put_part(sha256, seq, part, work))
    await store.outgoing.submit(document(data=LARGE))
    assert store.contents.read(sha256) == LARGE


async def test_orphans_go_after_a_day(store: SqlStore) -> None:
    await store._access.write_large(digest(LARGE), LARGE, NOW)
    await store.outgoing.submit(document())
    assert await store.contents.sweep_orphans(NOW + timedelta(days=1)) == 0
    assert await store.contents.sweep_orphans(NOW + timedelta(days=1, seconds=1)) == 1
    assert len(rows(store)) == 1
    assert store.contents.read(document().sha256) == document().data


async def test_an_orphan_that_is_tried_again_lives_another_day(store: SqlStore) -> None:
    await store._access.write_large(digest(LARGE), LARGE, NOW)
    await store._access.write_large(digest(LARGE), LARGE, NOW + timedelta(hours=20))
    assert await store.contents.sweep_orphans(NOW + timedelta(hours=30)) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE chunks SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE seq = 1",
        "DELETE FROM chunks WHERE seq = 2",
    ],
    ids=["changed", "lost"],
)
async def test_damaged_content_is_never_handed_out(store: SqlStore, sql: str) -> None:
    await store.outgoing.submit(document(data=b"\1" + LARGE))
    assert (
        store.contents.read(digest(b"\1" + LARGE)) == b"\1" + LARGE
    )  # the first publish, from memory
    raw = sqlite3.connect(store._access.path)
    raw.execute(sql)
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="is damaged on disk"):
        store.contents.read(digest(b"\1" + LARGE))


def test_unknown_content_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no content 00"):
        store.contents.read("00")


def test_fresh_bytes_are_given_once_and_bounded() -> None:
    fresh = blobs.Fresh(most=10)
    fresh.add("a", b"1234")
    fresh.add("b", b"5678")
    fresh.add("b", b"5678")
    assert fresh.take("b") == b"5678"
    assert fresh.take("b") is None
    fresh.add("c", b"12345678")  # pushes out the oldest
    assert fresh.take("a") is None
    fresh.add("d", b"12345678901")  # larger than all that is kept
    assert fresh.take("d") is None
    assert fresh.take("c") == b"12345678"


async def test_large_content_destroyed_by_a_recall_comes_again_for_another_organ(
    store: SqlStore,
) -> None:
    """The copy that was given back stays known and sealed; the other organ's can be read."""

    def produce(out: BinaryIO) -> Stored:
        out.write(LARGE)
        return Stored(len(LARGE), digest(LARGE))

    for name, organ in (("A1", "H05"), ("A2", "H13")):
        came = replace(arrival(name, data=LARGE), organ=organ, delivery=None)
        held = await store.contents.fill(produce, NOW)
        receipt = first_receipt(came)
        assert await store.incoming.accept(replace(came, data=held), receipt) is Acceptance.NEW
        if organ == "H05":
            raw = sqlite3.connect(store._access.path)
            raw.execute("UPDATE arrivals SET sealed_at = 1")
            raw.commit()
            raw.close()
            done = await store._access.writer.write(
                "settle", lambda work: blobs.destroy(work, digest(LARGE), "A1", NOW)
            )
            assert done
            assert max(size for _, size in rows(store)) < blobs.CHUNK  # that of the receipt
    with store.contents.open(digest(LARGE)) as file:
        read = b"".join(iter(file.read, b""))  # a read ends with its row
    assert (len(read), digest(read)) == (len(LARGE), digest(LARGE))
    for organ, name in (("H05", "A1"), ("H13", "A2")):
        assert store.incoming.find(organ, digest(LARGE)) == name
