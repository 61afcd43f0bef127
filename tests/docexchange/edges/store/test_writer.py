"""writer.py: one fsync for those who wait together, each with its own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docexchange.core.errors import Conflict, StoreError
from docexchange.edges.store import SqlStore
from docexchange.edges.store.database import Connection
from docexchange.edges.store.transaction import Node, Transaction
from docexchange.edges.store.writer import WINDOW_STEP, Writer
from tests.records import NOW, document, open_store

Operation = Callable[[Transaction], Any]


class Gate:
    """Holds the writer between two batches, so that a test decides who shares one."""

    def __init__(self) -> None:
        self.points: list[str] = []
        self._open = threading.Event()
        self._reached = threading.Event()

    def __call__(self, point: str) -> None:
        self.points.append(point)
        if point == "before:gate":
            self._reached.set()
            assert self._open.wait(10)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def writer(folder: Path, gate: Gate) -> Iterator[Writer]:
    made = Writer(Connection(folder / "store.db"), Node("/node/H05", lambda _: None), crash=gate)
    yield made
    gate.open()
    made.close()


def note(ref: str) -> Operation:
    def operation(transaction: Transaction) -> str:
        transaction.note("tested", ref, NOW)
        return ref

    return operation


def refuse(transaction: Transaction) -> None:
    transaction.note("tested", "refused", NOW)
    transaction.connection.command("INSERT INTO attempts VALUES ('refused', 1, 1)")
    raise Conflict("not now")


async def together(writer: Writer, gate: Gate, *operations: Operation) -> list[Any]:
    """Run operations in one batch: they queue up while another batch is held before its commit."""
    first = asyncio.ensure_future(writer.write("gate", lambda _: None))
    await gate.reached()
    waiting = [asyncio.ensure_future(writer.write("op", each)) for each in operations]
    await asyncio.sleep(0)
    gate.open()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def refs(folder: Path) -> list[str]:
    connection = Connection(folder / "store.db")
    rows = connection._raw.execute("SELECT ref FROM journal ORDER BY number").fetchall()
    attempts = connection._raw.execute("SELECT sha256 FROM attempts").fetchall()
    connection.close()
    return [row["ref"] for row in rows] + [row["sha256"] for row in attempts]


async def test_those_who_wait_together_share_a_transaction(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    names = [f"r{number}" for number in range(40)]
    assert await together(writer, gate, *map(note, names)) == names
    assert writer.batches == 2
    assert gate.points[2:] == ["before:op", "after:op"]
    assert refs(folder) == names


async def test_a_refused_operation_undoes_itself_alone(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    outcomes = await together(writer, gate, note("a"), refuse, note("b"))
    assert (outcomes[0], outcomes[2]) == ("a", "b")
    assert isinstance(outcomes[1], Conflict)
    assert writer.batches == 2
    assert refs(folder) == ["a", "b"]


async def test_an_error_of_the_database_undoes_its_operation_alone(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    def broken(transaction: Transaction) -> None:
        transaction.note("tested", "broken", NOW)
        transaction.connection.command("INSERT INTO nowhere VALUES (1)")

    outcomes = await together(writer, gate, note("a"), broken, note("b"))
    assert isinstance(outcomes[1], StoreError)
    assert str(outcomes[1]) == "database: no such table: nowhere"
    assert refs(folder) == ["a", "b"]
    assert await writer.write("op", note("c")) == "c"


async def test_one_alone_is_committed_at_once(writer: Writer) -> None:
    for count in range(1, 6):
        await writer.write("op", note("r"))
        assert writer.batches == count


async def test_the_window_follows_the_last_batch(writer: Writer) -> None:
    """No window after one alone; under load 1 ms for each more, at most 20 ms."""
    windows = [writer.window_after(last) for last in (1, 2, 5, 21, 1000)]
    assert [round(window / WINDOW_STEP) for window in windows] == [0, 1, 4, 20, 20]


async def test_a_cancelled_caller_does_not_disturb_the_others(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    first = asyncio.ensure_future(writer.write("gate", note("first")))
    await gate.reached()
    waiting = [asyncio.ensure_future(writer.write("op", note(name))) for name in "abc"]
    await asyncio.sleep(0)
    waiting[1].cancel()
    first.cancel()  # its batch is on its way already: it will be committed all the same
    await asyncio.sleep(0)
    gate.open()
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in outcomes] == [
        True,
        False,
        True,
        False,
    ]
    assert refs(folder) == ["first", "a", "c"]


async def test_callers_of_several_event_loops_share_the_writer(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    def elsewhere() -> str:
        return asyncio.run(writer.write("op", note("elsewhere")))

    other = asyncio.create_task(asyncio.to_thread(elsewhere))
    assert await together(writer, gate, note("here")) == ["here"]
    assert await other == "elsewhere"
    assert sorted(refs(folder)) == ["elsewhere", "here"]


async def test_a_loop_that_is_gone_disturbs_nobody(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    async def leave() -> None:
        asyncio.ensure_future(writer.write("op", note("gone")))  # noqa: RUF006  # left on purpose
        await asyncio.sleep(0)

    first = asyncio.ensure_future(writer.write("gate", note("first")))
    await gate.reached()
    await asyncio.to_thread(asyncio.run, leave())
    gate.open()
    await first
    assert await writer.write("op", note("next")) == "next"
    assert refs(folder) == ["first", "next"]


class Unwilling(Connection):
    """A connection whose COMMIT fails when told to."""

    failing = False

    def command(self, sql: str) -> None:
        if sql == "COMMIT" and self.failing:
            raise StoreError("database: disk I/O error")
        super().command(sql)


async def test_a_failed_commit_fails_all_and_stops_the_writer(folder: Path, gate: Gate) -> None:
    connection = Unwilling(folder / "store.db")
    writer = Writer(connection, Node("/node/H05", lambda _: None), crash=gate)
    await writer.write("op", note("before"))
    first = asyncio.ensure_future(writer.write("gate", note("gate")))
    await gate.reached()
    waiting = [asyncio.ensure_future(writer.write("op", each)) for each in (note("a"), refuse)]
    await asyncio.sleep(0)
    connection.failing = True
    gate.open()
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [str(each) for each in outcomes] == ["nothing was stored: database: disk I/O error"] * 3
    assert all(type(each) is StoreError for each in outcomes)
    connection.failing = False
    with pytest.raises(StoreError, match="the store has stopped: database: disk I/O error"):
        await writer.write("op", note("after"))
    writer.close()
    assert refs(folder) == ["before"]


async def test_a_transaction_that_the_database_gave_up_fails_all(
    writer: Writer, gate: Gate, folder: Path
) -> None:
    def give_up(transaction: Transaction) -> None:
        transaction.connection.command("ROLLBACK")  # as SQLite does by itself when the disk is full
        transaction.connection.command("INSERT INTO nowhere VALUES (1)")

    outcomes = await together(writer, gate, note("a"), give_up, note("b"))
    assert [str(each) for each in outcomes] == [
        "nothing was stored: database: no such table: nowhere"
    ] * 3
    assert refs(folder) == []
    with pytest.raises(StoreError, match="the store has stopped"):
        await writer.write("op", note("after"))


async def test_a_journal_that_cannot_be_written_fails_all(folder: Path) -> None:
    with open_store(folder) as store:
        await store.outgoing.submit(document("D1"))
        store._access.reader._raw.execute("UPDATE journal SET hash = 'not hex'")
        with pytest.raises(StoreError, match="nothing was stored: ValueError"):
            await store.outgoing.submit(document("D2"))
        with pytest.raises(StoreError, match="the store has stopped"):
            await store.outgoing.submit(document("D3"))
        assert len(store.outgoing.documents()) == 1


async def test_closing_commits_what_waits_and_then_takes_nothing(store: SqlStore) -> None:
    waiting = asyncio.ensure_future(store.outgoing.submit(document()))
    await asyncio.sleep(0)
    store.close()
    assert not (await waiting).duplicate
    with pytest.raises(StoreError, match="the store is closed"):
        await store.outgoing.submit(document("D2"))
    store.close()
