"""erasing.py: what a recall destroys or a person discards is in no file of the store afterwards.

The files are read while the store is open, as a thief of the disk or a backup tool would.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from docexchange.core.errors import NotFound
from docexchange.core.model import Arrival, Kept, Order
from docexchange.core.recalls import RECALL, Recall
from docexchange.core.states import StatusCode
from docexchange.edges.store import SqlStore
from docexchange.edges.store.database import Connection
from tests.records import NOW, arrival, digest, first_receipt, kept, open_store, status

MIB = 1024 * 1024
MARK = b"PHU LUC BI THU HOI"
SIZES = [100, 20_000, 300_000, 3 * MIB]  # in a leaf, on overflow pages, in one row, in several
ORDER = Order("an.nguyen", "gửi nhầm")


def secret(size: int, seed: int = 1) -> bytes:
    """Content with the mark every few hundred bytes, so that no page of it is without."""
    dice = random.Random(seed)
    return b"".join(MARK + dice.randbytes(100) for _ in range(size // 118 + 1))


def traces(folder: Path) -> dict[str, int]:
    """How often the mark stands in each file of a store."""
    found = {path.name: path.read_bytes().count(MARK) for path in folder.glob("store.db*")}
    return {name: count for name, count in found.items() if count}


def coming(data: bytes, name: str = "A1") -> Arrival:
    return arrival(name, data=data, sha256=digest(data), document_id=f"doc {name}")


async def recall(store: SqlStore, target: Arrival) -> None:
    """Take a document's recall that binds."""
    asking = arrival(
        f"R{target.tracking_id}",
        document_id=f"recall {target.tracking_id}",
        business=RECALL,
        changes=(target.document_id,),
    )
    answer = status(f"S{target.tracking_id}", StatusCode.CHANGE_AGREED)
    assert await store.recalls.take(asking, Recall.AGREED, answer) is not None


def happenings(store: SqlStore, ref: str) -> list[str]:
    return [json.loads(one.line)["event"] for one in store.journal.of(ref)]


async def erase(store: SqlStore) -> int:
    steps = 0
    while await store.contents.erase(NOW):
        steps += 1
    return steps


@pytest.mark.parametrize("size", SIZES)
async def test_a_recalled_copy_is_in_no_file(tmp_path: Path, size: int) -> None:
    with open_store(tmp_path) as store:
        found = coming(secret(size))
        await store.incoming.accept(found, first_receipt(found))
        for number in range(20):  # neighbours on the same pages, before and after
            other = coming(random.Random(number).randbytes(5000), f"N{number}")
            await store.incoming.accept(other, first_receipt(other))
        assert traces(tmp_path)
        await recall(store, found)
        with pytest.raises(NotFound):
            store.contents.read(found.sha256)
        assert await erase(store) == 1
        assert traces(tmp_path) == {}
        assert store.incoming.arrival("A1").subject == found.subject  # the tombstone stays
        assert store.contents.read(other.sha256) == other.data
        assert happenings(store, "A1")[-2:] == ["sealed", "erased"]
        assert store.journal.verify()
    assert traces(tmp_path) == {}


async def test_nothing_to_erase_writes_nothing(store: SqlStore) -> None:
    before = store.journal.verify()
    assert await store.contents.erase(NOW) == 0
    assert store.journal.verify() == before


@pytest.mark.parametrize("size", [20_000, 3 * MIB])
async def test_a_discarded_one_is_in_no_file(tmp_path: Path, size: int) -> None:
    with open_store(tmp_path) as store:
        await store.incoming.quarantine(quarantined(secret(size)), None)
        await store.operator.discard(1, ORDER, NOW)
        await erase(store)
        assert traces(tmp_path) == {}


async def test_a_state_secret_found_late_is_in_no_file(tmp_path: Path) -> None:
    """It was kept unread, and turned out to be one: its row now links the empty content."""
    with open_store(tmp_path) as store:
        held = quarantined(secret(20_000), recheck_at=NOW)
        await store.incoming.hold(held)
        await store.incoming.quarantine(replace(held, data=b"", truncated=True), None)
        await erase(store)
        assert traces(tmp_path) == {}


async def test_the_beginning_that_was_kept_goes_with_the_recalled_copy(tmp_path: Path) -> None:
    """Beyond the quota only 64 KiB were kept; the envelope was accepted later, and recalled."""
    data = secret(300_000)
    with open_store(tmp_path, quarantine_quota=1000) as store:
        found = coming(data)
        await store.incoming.quarantine(quarantined(data, organ=found.organ), None)
        await store.incoming.accept(found, first_receipt(found))
        await recall(store, found)
        await erase(store)
        assert traces(tmp_path) == {}


async def test_a_large_one_goes_in_steps(tmp_path: Path) -> None:
    """40 MiB: never more than 16 rows in a transaction, unreadable from the first moment."""
    data = secret(40 * MIB)
    with open_store(tmp_path) as store:
        found = coming(data)
        await store.incoming.accept(found, first_receipt(found))
        await recall(store, found)
        with pytest.raises(NotFound):
            store.contents.read(found.sha256)
        assert traces(tmp_path)
        steps = [await store.contents.erase(NOW) for _ in range(5)]
        assert [some <= 16 for some in steps] == [True] * 5
        assert sum(steps[:3]) == -(-len(data) // MIB)
        assert steps[3:] == [1, 0]
        assert traces(tmp_path) == {}


async def test_a_large_one_that_was_discarded_waits_for_its_rows(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await store.incoming.quarantine(quarantined(secret(20 * MIB)), None)
        await store.operator.discard(1, ORDER, NOW)
        assert await store.contents.erase(NOW) == 0
        while await store.contents.sweep_parts(NOW, NOW):
            pass
        assert await erase(store) == 1
        assert traces(tmp_path) == {}


async def test_a_reader_of_old_versions_delays_it(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        found = coming(secret(20_000))
        await store.incoming.accept(found, first_receipt(found))
        reader = Connection(tmp_path / "store.db")
        with reader.reading():
            reader.command("SELECT count(*) FROM arrivals")
            await recall(store, found)
            assert await store.contents.erase(NOW) == 0
            assert traces(tmp_path)
        reader.close()
        assert await erase(store) == 1
        assert traces(tmp_path) == {}


async def test_a_crash_before_the_log_was_emptied_is_made_good(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        found = coming(secret(20_000))
        await store.incoming.accept(found, first_receipt(found))
        await recall(store, found)
        kept_open = Connection(tmp_path / "store.db")  # or closing would empty the log
        kept_open.command("SELECT count(*) FROM arrivals")
    assert traces(tmp_path)
    with open_store(tmp_path) as store:
        assert await erase(store) == 1
        assert traces(tmp_path) == {}
    kept_open.close()


async def test_what_another_organ_here_got_stays_until_that_copy_goes(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        here = coming(secret(300_000))
        there = replace(here, tracking_id="A2", organ="H06")
        for one in (here, there):
            await store.incoming.accept(one, first_receipt(one, f"first {one.tracking_id}"))
        await recall(store, here)
        assert await erase(store) == 0
        assert store.contents.read(there.sha256) == there.data


async def test_content_that_comes_again_while_its_rows_go_is_whole(tmp_path: Path) -> None:
    """Recalled here, and then the same envelope arrives for another organ of the node."""
    data = secret(20 * MIB)
    with open_store(tmp_path) as store:
        here = coming(data)
        await store.incoming.accept(here, first_receipt(here))
        await recall(store, here)
        assert await store.contents.erase(NOW) == 16
        there = replace(here, tracking_id="A2", organ="H06")
        await store.incoming.accept(there, first_receipt(there, "first A2"))
        await erase(store)
        with store.contents.open(there.sha256) as file:
            assert b"".join(iter(lambda: file.read(MIB), b"")) == data


def quarantined(data: bytes, **changes: object) -> Kept:
    return replace(kept(), data=data, sha256=digest(data), size=len(data), **changes)  # type: ignore[arg-type]
