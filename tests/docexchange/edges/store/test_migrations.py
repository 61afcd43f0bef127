"""docexchange/edges/store/migrations: from nothing to the tables that the statements expect."""

from __future__ import annotations

import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from docexchange.core.errors import StoreBusy, StoreError
from docexchange.edges.store import migrations, tables
from docexchange.edges.store.storelock import StoreLock
from tests.records import document, make_old, open_store


def schema(path: Path) -> dict[str, list[str]]:
    """Tables and indexes, words in a fixed order: constraints may stand anywhere in a table."""
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    raw.close()
    return {name: sorted(re.findall(r"[\w']+", sql)) for name, sql in rows}


def test_migrating_from_nothing_gives_the_tables_of_the_statements(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'wanted.db'}")
    tables.metadata.create_all(engine)
    engine.dispose()
    made = schema(tmp_path / "store.db")
    assert made.pop("alembic_version")
    assert made == schema(tmp_path / "wanted.db")


def test_the_head_is_the_last_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_a_store_of_the_first_version_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(tmp_path) as store:
        await store.outgoing.submit(document())
        head = store.journal.verify()
    make_old(path)
    with open_store(tmp_path) as store:
        assert store.outgoing.document("D1").deliveries[0].to_organ == "H01"
        assert store.journal.verify() == head
        assert store.signings.waiting() == []
    assert migrations.version(path) == migrations.HEAD


def test_opening_again_migrates_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_migrate", pytest.fail)
    open_store(folder).close()
    open_store(folder, exclusive=False).close()


def test_the_command_line_may_make_the_store(tmp_path: Path) -> None:
    with open_store(tmp_path, exclusive=False) as command, open_store(tmp_path) as daemon:
        assert command.journal.verify() == daemon.journal.verify()


def test_newer_tables_are_refused(folder: Path) -> None:
    raw = sqlite3.connect(folder / "store.db")
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match=r"cannot be migrated: .*9999"):
        open_store(folder)
    assert migrations.version(folder / "store.db") == "9999"


def test_older_tables_in_use_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_PATIENCE_S", 0.0)
    lock = StoreLock(tmp_path / "store.db.lock")
    lock.take()
    with pytest.raises(StoreBusy, match="stop its daemon first"):
        open_store(tmp_path, exclusive=False)
    lock.release()
    open_store(tmp_path, exclusive=False).close()


def test_who_finds_another_migrating_waits_for_it(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def open_one() -> None:
        open_store(tmp_path, exclusive=False).close()
        outcomes.append(migrations.version(tmp_path / "store.db"))

    threads = [threading.Thread(target=open_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcomes == [migrations.HEAD] * 3
