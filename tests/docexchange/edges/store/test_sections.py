"""docexchange/edges/store/sections.py: functions of the nouns become methods of the store."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from docexchange.core.errors import StoreError
from docexchange.core.model import InStore
from docexchange.edges.store import SqlStore, lanes
from docexchange.edges.store.database import CACHE_KIB, Connection
from docexchange.edges.store.sections import BESIDE_KIB, Section, finishes, looks, reads, writes
from docexchange.edges.store.transaction import Transaction
from tests.records import NOW


def busy(connection: Connection) -> bool:
    """Whether it reads within one snapshot."""
    return connection.in_transaction


def line(transaction: Transaction, event: str, *, ref: str = "") -> str:
    """Note an event."""
    transaction.note(event, ref, NOW)
    return event


class Desk(Section):
    at_once = reads(busy)
    together = looks(busy)
    say = writes("note", line)
    end = finishes("reply", line)


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store._access)


def test_only_looks_hold_a_snapshot(desk: Desk) -> None:
    assert (desk.at_once(), desk.together()) == (False, True)


async def test_a_write_takes_its_arguments_and_is_committed(store: SqlStore, desk: Desk) -> None:
    assert await desk.say("first", ref="X") == "first"
    assert await desk.end("second") == "second"
    assert store.journal.verify()[0] == 2
    assert len(store.journal.about("X")) == 1


async def test_a_write_and_an_end_say_whether_something_is_in_hand(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, bool]] = []

    async def write(name: str, operation: object, *, in_hand: bool = False) -> str:
        given.append((name, in_hand))
        return ""

    monkeypatch.setattr(desk._access.writer, "write", write)
    await desk.say("first")
    await desk.end("second")
    assert given == [("note", False), ("reply", True)]


def test_a_method_says_what_its_function_says(store: SqlStore) -> None:
    assert inspect.getdoc(store.outgoing.heads) == inspect.getdoc(lanes.heads)


async def test_closing_ends_reading_and_writing(store: SqlStore, desk: Desk) -> None:
    assert desk.at_once() is False
    store.close()
    store.close()
    assert desk._access._readers == []
    with pytest.raises(StoreError, match="the store is closed"):
        await desk.say("late")


async def test_a_thread_that_helps_keeps_few_pages(store: SqlStore) -> None:
    def cache() -> int:
        kib: int = -store._access.reader._raw.execute("PRAGMA cache_size").fetchone()[0]
        return kib

    assert cache() == CACHE_KIB
    assert await asyncio.to_thread(cache) == BESIDE_KIB < CACHE_KIB
    assert len(store._access._readers) == 2


def test_content_is_at_hand_before_its_commit_and_not_without_one(store: SqlStore) -> None:
    """Whoever publishes it sees the commit in the database, perhaps before its caller is told."""
    fresh = store._access.fresh
    with store._access.committing(("A", b"one"), ("B", InStore(7, 9, "B"))):
        assert (fresh.take("A"), fresh.take("B")) == (b"one", None)
    with pytest.raises(StoreError, match="disk"), store._access.committing(("C", b"two")):
        raise StoreError("disk")
    assert fresh.take("C") is None
