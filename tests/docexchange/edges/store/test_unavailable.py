"""A full disk and a locked database, both real: new work is refused, nothing is lost, and the
store goes on by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docexchange.core.errors import StoreError, StoreUnavailable
from docexchange.core.model import Acceptance
from docexchange.core.states import Event, State
from docexchange.edges.store import SqlStore
from docexchange.edges.store import writer as writing
from tests.records import NOW, arrival, document, due, open_store, status


class Disk:
    """Lets a store grow no further, and makes room again."""

    def __init__(self, store: SqlStore) -> None:
        self._raw = store._access.writer._connection._raw

    def fill(self) -> None:
        pages = self._raw.execute("PRAGMA page_count").fetchone()[0]
        self._raw.execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self) -> None:
        self._raw.execute("PRAGMA max_page_count = 1000000")


class Other:
    """Another process's hand on the database."""

    def __init__(self, path: Path) -> None:
        self._raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def lock(self) -> None:
        self._raw.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        self._raw.execute("ROLLBACK")

    def close(self) -> None:
        self._raw.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a lock or for room takes milliseconds."""
    monkeypatch.setattr("docexchange.edges.store.sqlstore.DAEMON_BUSY_MS", 1)
    monkeypatch.setattr("docexchange.edges.store.sqlstore.AGAIN_S", 0.001)


@pytest.fixture
def daemon(folder: Path, quick: None) -> Iterator[SqlStore]:
    with open_store(folder) as store:
        yield store


@pytest.fixture
def other(folder: Path, daemon: SqlStore) -> Iterator[Other]:
    made = Other(folder / "store.db")
    yield made
    made.close()


LARGE = b"x" * 200_000  # more than the free pages of a new store


async def test_a_full_disk_refuses_what_is_new_and_takes_it_again_when_there_is_room(
    daemon: SqlStore,
) -> None:
    disk = Disk(daemon)
    await daemon.outgoing.submit(document("D1"))
    disk.fill()
    with pytest.raises(StoreUnavailable, match="database or disk is full") as refused:
        await daemon.outgoing.submit(document("D2", data=LARGE))
    assert refused.value.cause == "full"
    assert daemon.unavailable is not None
    disk.make_room()
    assert not (await daemon.outgoing.submit(document("D2", data=LARGE))).duplicate
    assert daemon.unavailable is None
    assert [one.tracking_id for one in daemon.outgoing.documents()] == ["D2", "D1"]
    assert daemon.journal.verify()[0] == 2


async def test_who_fits_is_served_beside_who_does_not(daemon: SqlStore) -> None:
    """In one transaction: what is small still finds its place in pages that are there."""
    await daemon.outgoing.submit(document("D1"))
    Disk(daemon).fill()
    large = asyncio.ensure_future(daemon.outgoing.submit(document("D2", data=LARGE)))
    small = asyncio.ensure_future(
        daemon.outgoing.record(due(daemon)[0].delivery_id, Event.PUBLISH_CONFIRMED, NOW)
    )
    outcomes = await asyncio.gather(large, small, return_exceptions=True)
    assert isinstance(outcomes[0], StoreUnavailable)
    assert outcomes[1] is State.SENT
    assert daemon.outgoing.open_work()["H05"].deliveries == 1


async def test_what_is_in_hand_waits_for_room_and_is_then_stored_once(daemon: SqlStore) -> None:
    disk = Disk(daemon)
    disk.fill()
    accepting = asyncio.ensure_future(
        daemon.incoming.accept(arrival("A1", data=LARGE), status("R1", "01", "A1"))
    )
    while daemon.unavailable is None:
        await asyncio.sleep(0)
    assert not accepting.done()
    assert daemon.incoming.arrivals() == []
    disk.make_room()
    assert await accepting is Acceptance.NEW
    assert [one.tracking_id for one in daemon.incoming.arrivals()] == ["A1"]
    assert daemon.unavailable is None


async def test_a_locked_database_refuses_what_is_new_at_once(
    daemon: SqlStore, other: Other
) -> None:
    other.lock()
    with pytest.raises(StoreUnavailable, match="database is locked") as refused:
        await daemon.outgoing.submit(document("D1"))
    assert refused.value.cause == "locked"
    assert daemon.outgoing.documents() == []
    other.unlock()
    await daemon.outgoing.submit(document("D1"))
    assert daemon.unavailable is None


async def test_what_is_in_hand_waits_for_the_lock(daemon: SqlStore, other: Other) -> None:
    await daemon.outgoing.submit(document("D1"))
    delivery = due(daemon)[0].delivery_id
    other.lock()
    recording = asyncio.ensure_future(
        daemon.outgoing.record(delivery, Event.PUBLISH_CONFIRMED, NOW)
    )
    while daemon.unavailable is None:
        await asyncio.sleep(0)
    assert daemon.outgoing.document("D1").deliveries[0].state is State.QUEUED
    other.unlock()
    assert await recording is State.SENT
    assert daemon.outgoing.document("D1").deliveries[0].copies == 1


async def test_a_command_waits_for_the_lock_itself_and_then_tells_its_person(
    folder: Path, daemon: SqlStore, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docexchange.edges.store.sqlstore.BUSY_MS", 1)
    with open_store(folder, exclusive=False) as command:
        await command.outgoing.submit(document("D1"))
        delivery = due(command)[0].delivery_id
        other.lock()
        with pytest.raises(StoreUnavailable):
            await command.outgoing.record(delivery, Event.PUBLISH_CONFIRMED, NOW)
        other.unlock()


async def test_a_commit_of_nothing_does_not_say_that_there_is_room(daemon: SqlStore) -> None:
    disk = Disk(daemon)
    disk.fill()
    with pytest.raises(StoreUnavailable):
        await daemon.outgoing.submit(document("D1", data=LARGE))
    await daemon.outgoing.sweep(NOW)
    assert daemon.unavailable is not None


class Stuck(writing.Connection):
    """A connection that cannot even undo."""

    def command(self, sql: str) -> None:
        if sql == "COMMIT":
            raise StoreUnavailable("database: full", cause="full")
        if sql == "ROLLBACK":
            raise StoreError("database: disk I/O error")
        super().command(sql)


async def test_who_cannot_undo_must_stop(folder: Path) -> None:
    node = writing.Node("/node/H05", lambda _: None)
    writer = writing.Writer(Stuck(folder / "store.db"), node, crash=lambda _: None, again=0.0)
    with pytest.raises(StoreError, match="nothing was stored"):
        await writer.write("op", lambda work: work.note("tested", "r", NOW))
    with pytest.raises(StoreError, match="the store has stopped"):
        await writer.write("op", lambda work: None, in_hand=True)
    writer.close()


FILE_LIMIT = """
import asyncio, resource, signal, sys
from pathlib import Path
from docexchange.core.errors import StoreUnavailable
from tests.records import document, open_store

async def main(folder):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open_store(folder) as store:
        await store.outgoing.submit(document("D1"))
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        size = (folder / "store.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, hard))
        try:
            await store.outgoing.submit(document("D2", data=b"x" * 500_000))
        except StoreUnavailable as why:
            print(why.cause)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await store.outgoing.submit(document("D2", data=b"x" * 500_000))
        print(len(store.outgoing.documents()), store.journal.verify()[0])

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_write_that_the_file_system_refuses_is_a_full_disk(folder: Path) -> None:
    """The operating system itself refuses here, in a process of its own (RLIMIT_FSIZE)."""
    ran = subprocess.run(  # our own program
        [sys.executable, "-c", FILE_LIMIT, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.stdout.split(), ran.returncode) == (["full", "2", "2"], 0), ran.stderr
