"""docexchange/edges/store/journal.py: whatever is changed afterwards shows, and where."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from docexchange.core.errors import StoreError
from docexchange.edges.store import SqlStore, journal
from tests.records import MINUTE, NOW, document, open_store


@pytest.fixture
async def written(store: SqlStore) -> SqlStore:
    """A store with three lines."""
    for name in ("D1", "D2", "D3"):
        await store.outgoing.submit(document(name))
    return store


def change(store: SqlStore, sql: str, *values: object) -> None:
    raw = sqlite3.connect(store._access.path)
    raw.execute(sql, values)
    raw.commit()
    raw.close()


def test_an_empty_journal_is_whole(store: SqlStore) -> None:
    assert store.journal.verify() == (0, "0" * 64)
    assert store.journal.last_time() is None


def test_a_line_is_canonical() -> None:
    at = datetime(2026, 11, 23, 8, 0, 0, 5, tzinfo=timezone(timedelta(hours=7)))
    entry = journal.Entry("tested", "Đ1", at, {"organ": "H05", "b": None, "a": "", "zero": 0})
    assert journal.render(7, entry) == (
        '{"at":"2026-11-23T01:00:00.000005Z","event":"tested","number":7,"organ":"H05",'
        '"ref":"Đ1","zero":0}'
    )


async def test_the_chain_is_sha256_over_previous_hash_and_line(written: SqlStore) -> None:
    previous = bytes(32)
    lines = [line for name in ("D1", "D2", "D3") for line in written.journal.of(name)]
    for number, line in enumerate(lines, 1):
        previous = hashlib.sha256(previous + line.line.encode()).digest()
        assert (line.number, line.hash) == (number, previous.hex())
        assert json.loads(line.line)["number"] == number
    assert written.journal.verify() == (3, previous.hex())


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE journal SET line = replace(line, 'H05', 'H06') WHERE number = 2", "line 2 was"),
        ("UPDATE journal SET hash = ? WHERE number = 2", "line 2 was"),
        ("UPDATE journal SET ref = 'D9' WHERE number = 2", "line 2 was"),
        ("UPDATE journal SET at = at + 1 WHERE number = 2", "line 2 was"),
        ("DELETE FROM journal WHERE number = 2", "line 2 is missing"),
        ("DELETE FROM journal WHERE number = 1", "line 1 is missing"),
        ("UPDATE journal SET number = number + 10 WHERE number = 3", "line 3 is missing"),
    ],
)
async def test_every_change_is_found_where_it_is(written: SqlStore, sql: str, broken: str) -> None:
    values = ["0" * 64] if "?" in sql else []
    change(written, sql, *values)
    with pytest.raises(StoreError, match=f"journal: {broken}"):
        written.journal.verify()


async def test_a_rewritten_line_with_its_own_hash_breaks_the_next(written: SqlStore) -> None:
    first, second = written.journal.of("D1")[0], written.journal.of("D2")[0]
    forged = second.line.replace("H05", "H06")
    forged_hash = journal.chain(first.hash, forged)
    change(written, "UPDATE journal SET line = ?, hash = ? WHERE number = 2", forged, forged_hash)
    with pytest.raises(StoreError, match="line 3 was changed or does not follow line 2"):
        written.journal.verify()


async def test_a_cut_off_end_shows_against_a_head_kept_elsewhere(written: SqlStore) -> None:
    head = written.journal.verify()
    change(written, "DELETE FROM journal WHERE number = 3")
    assert written.journal.verify()[0] == 2
    assert written.journal.verify() != head


async def test_two_processes_write_one_chain(folder: Path) -> None:
    with open_store(folder) as daemon, open_store(folder, exclusive=False) as command:
        for number in range(3):
            await daemon.outgoing.submit(document(f"D{number}"))
            await command.outgoing.submit(document(f"C{number}"))
        count, head = daemon.journal.verify()
        assert count == 6
        assert command.journal.verify() == (count, head)


async def test_the_last_time_is_that_of_the_last_line(store: SqlStore) -> None:
    await store.outgoing.submit(document("D1", submitted_at=NOW + MINUTE))
    assert store.journal.last_time() == NOW + MINUTE
    await store.outgoing.submit(document("D2"))  # a clock that went back
    assert store.journal.last_time() == NOW
    assert NOW.tzinfo is UTC
