"""db backup, check and restore: online copies, what a check finds, how a restore may be cut off."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from docexchange.core.errors import Conflict, NotFound, StoreBusy, StoreError, StoreUnavailable
from docexchange.core.states import Event
from docexchange.edges.store import backup, restore
from docexchange.edges.store.check import check
from docexchange.edges.store.database import Connection
from docexchange.edges.store.storelock import StoreLock
from tests.records import NOW as AT
from tests.records import document, open_store

DAY = timedelta(days=1)


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A store with a queued, a sent and a large document."""
    with open_store(tmp_path) as opened:
        await opened.outgoing.submit(document())
        await opened.outgoing.submit(document("D2"))
        large = document("D3", data=b"x" * 3_000_000)
        await opened.outgoing.submit(large)
        due = opened.outgoing.document("D2").deliveries[0].delivery_id
        await opened.outgoing.record(due, Event.PUBLISH_CONFIRMED, AT, next_try=AT + DAY)
    return tmp_path / "store.db"


def made(store: Path, name: str = "copy.db") -> Path:
    backup.make(store, store.with_name(name), "H05", AT)
    return store.with_name(name)


def put_back(copy: Path, store: Path, **more: object) -> restore.Done:
    settings = {"replace": True, "lifetime": 3 * DAY} | more
    return restore.restore(copy, store, "H05", AT + DAY, **settings)  # type: ignore[arg-type]


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    raw = sqlite3.connect(path)
    try:
        rows = raw.execute(statement).fetchall()
        raw.commit()
    finally:
        raw.close()
    return rows


def beginning_with(folder: Path, name: str) -> list[Path]:
    return list(folder.glob(f"{name}*"))


async def test_a_backup_of_a_store_in_use_is_a_snapshot(tmp_path: Path) -> None:
    with open_store(tmp_path) as opened:
        await opened.outgoing.submit(document())
        copy = made(tmp_path / "store.db")
        await opened.outgoing.submit(document("D2"))
    manifest = backup.read_manifest(copy)
    assert (manifest.node, manifest.rows["submissions"], manifest.lines) == ("H05", 1, 1)
    assert manifest.sha256 == backup.digest(copy)
    assert check(copy, immutable=True).faults == ()
    assert backup.digest(copy) == manifest.sha256, "looking at it changed it"
    files = beginning_with(tmp_path, "copy")
    assert sorted(one.name for one in files) == ["copy.db", "copy.db.json"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)


def test_a_backup_writes_over_nothing(store: Path) -> None:
    copy = made(store)
    with pytest.raises(Conflict):
        backup.make(store, copy, "H05", AT)


def test_a_whole_store_has_no_faults(store: Path) -> None:
    checked = check(store)
    assert checked.faults == ()
    assert (checked.contents, checked.journal and checked.journal.lines) == (3, 4)


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (
            "UPDATE chunks SET data = zeroblob(length(data)) WHERE blob_id = 3 AND seq = 1",
            "content",
        ),
        ("DELETE FROM chunks WHERE blob_id = 3 AND seq = 2", "content"),
        ("UPDATE blobs SET size = size + 1 WHERE id = 1", "content"),
        ("DELETE FROM journal WHERE number = 2", "journal"),
        ("UPDATE journal SET line = replace(line, 'D1', 'D9') WHERE number = 1", "journal"),
        ("UPDATE deliveries SET state = 'acknowledged' WHERE id = 1", "rows"),
        ("UPDATE deliveries SET state = 'lost' WHERE id = 1", "rows"),
        ("UPDATE submissions SET blob_id = 2 WHERE id = 1", "rows"),
        ("DELETE FROM deliveries WHERE id = 1", "rows"),
        ("UPDATE open_work SET deliveries = deliveries + 1", "counts"),
        ("UPDATE deliveries SET submission_id = 99 WHERE id = 1", "database"),
    ],
)
def test_a_check_finds_what_was_changed(store: Path, damage: str, where: str) -> None:
    sql(store, damage)
    assert where in {place for place, _ in check(store).faults}


def test_a_page_that_is_overwritten_is_a_fault_and_no_end(store: Path) -> None:
    copy = made(store)
    with copy.open("r+b") as file:
        file.seek(copy.stat().st_size // 2)
        file.write(b"\xff" * 100_000)
    assert check(copy, immutable=True).faults
    with pytest.raises(StoreError, match="not what its manifest says"):
        put_back(copy, store)


def test_a_restore_holds_what_is_open_and_says_so(store: Path) -> None:
    copy = made(store)
    done = put_back(copy, store)
    assert (done.held, done.replaced_lines) == (3, 4)
    assert sql(store, "SELECT DISTINCT held FROM deliveries") == [("restored",)]
    assert sql(store, "SELECT min(event_seq) >= 1000000 FROM submissions") == [(1,)]
    line = json.loads(str(sql(store, "SELECT line FROM journal WHERE number = 5")[0][0]))
    assert (line["event"], line["lines"], line["replaced_lines"]) == ("restored", 4, 4)
    ends = sql(store, "SELECT min(lifetime_ends) FROM deliveries")[0][0]
    assert ends == int((AT + 4 * DAY).timestamp() * 1e6)
    assert check(store).faults == ()
    assert done.replaced is not None
    assert check(done.replaced).faults == ()


def test_a_restore_refuses_while_a_daemon_runs(store: Path) -> None:
    copy = made(store)
    daemon = StoreLock(store.with_name("store.db.lock"))
    daemon.take()
    with pytest.raises(StoreBusy):
        put_back(copy, store)
    daemon.release()


def test_a_restore_waits_for_a_command_that_reads_the_store(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "Connection", partial(Connection, busy_ms=0))
    copy = made(store)
    reader = sqlite3.connect(store, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM journal").fetchone()
    sql(store, "UPDATE deliveries SET held = 'by a person' WHERE id = 1")  # in the log, unfolded
    with pytest.raises(StoreUnavailable, match="in use"):
        put_back(copy, store)
    reader.close()
    assert sql(store, "SELECT count(*) FROM deliveries WHERE held = 'by a person'") == [(1,)]
    assert put_back(copy, store).held == 3


def test_a_link_to_a_store_stays_a_link(store: Path, tmp_path: Path) -> None:
    copy, link = made(store), tmp_path / "link.db"
    link.symlink_to(store)
    for name in ("link.db.lock", "store.db.lock"):  # whichever name a daemon has in its settings
        daemon = StoreLock(tmp_path / name)
        daemon.take()
        with pytest.raises(StoreBusy):
            put_back(copy, link)
        daemon.release()
    put_back(copy, link)
    assert link.is_symlink()
    assert sql(store, "SELECT DISTINCT held FROM deliveries") == [("restored",)]


def test_a_restore_refuses_a_store_another_node_and_what_is_no_backup(store: Path) -> None:
    copy, before = made(store), backup.digest(store)
    with pytest.raises(Conflict, match="--replace"):
        put_back(copy, store, replace=False)
    with pytest.raises(Conflict, match="node H05, this is H01"):
        restore.restore(copy, store, "H01", AT, replace=True, lifetime=DAY)
    with pytest.raises(NotFound):
        put_back(copy.with_name("none"), store)
    with pytest.raises(StoreError, match="no manifest"):
        put_back(store, store)
    assert backup.digest(store) == before


@pytest.fixture(params=restore.STEPS)
def step(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_a_restore_that_is_cut_off_leaves_the_old_store_or_the_new(store: Path, step: str) -> None:
    copy = made(store)
    sql(store, "DELETE FROM journal WHERE number = 4")  # so that both can be told apart

    def die(reached: str) -> None:
        if reached == step:
            raise Killed(step)

    with pytest.raises(Killed):
        put_back(copy, store, reached=die)
    held = sql(store, "SELECT count(*) FROM deliveries WHERE held = 'restored'")[0][0]
    lines = sql(store, "SELECT count(*) FROM journal")[0][0]
    assert (held, lines) == ((3, 5) if step == "replaced" else (0, 3))
    done = put_back(copy, store)  # and once more, to the end
    assert done.held == 3
    assert check(store).faults == ()


def test_a_damaged_store_can_be_replaced(store: Path) -> None:
    copy = made(store)
    store.write_bytes(b"no database at all" * 4096)
    done = put_back(copy, store)
    assert done.replaced_lines is None
    assert check(store).faults == ()
