"""docexchange/edges/store/database.py: what SQLite does not do by itself."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from docexchange.core.errors import StoreError
from docexchange.edges.store import database


class Opening:
    """A database that somebody else opens or closes just now, for so many looks."""

    def __init__(self, looks: int, code: int = sqlite3.SQLITE_BUSY) -> None:
        self.looks = looks
        self.code = code

    def execute(self, sql: str) -> None:
        assert sql == "PRAGMA journal_mode = WAL"
        if self.looks:
            self.looks -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def test_opening_waits_for_whoever_opens_just_now(waits: list[float]) -> None:
    database._use_wal(Opening(3))  # type: ignore[arg-type]
    assert waits == [database.BUSY_STEP] * 3


def test_it_waits_for_nothing_else(waits: list[float]) -> None:
    with pytest.raises(sqlite3.OperationalError):
        database._use_wal(Opening(1, sqlite3.SQLITE_IOERR))  # type: ignore[arg-type]
    assert waits == []


def test_opening_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(database, "BUSY_MS", 0)
    with pytest.raises(StoreError, match="locked"):
        database.Connection(tmp_path / "store.db")
    other.close()
