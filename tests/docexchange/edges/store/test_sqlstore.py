"""docexchange.edges.store: opening, one daemon at a time, and what a kill leaves true."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from docexchange.core.errors import NotFound, StoreBusy, StoreError
from docexchange.core.schedule import Lane
from docexchange.core.states import Event, State
from docexchange.edges.store import SqlStore
from docexchange.edges.store.database import PAGE_BYTES
from tests.records import (
    MINUTE,
    NOW,
    arrival,
    document,
    due,
    first_receipt,
    kept,
    open_store,
    receipt,
    reply,
)

ROOT = Path(__file__).parents[4]


def test_a_new_store_is_made_with_its_settings(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    raw = sqlite3.connect(tmp_path / "store.db")
    assert raw.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_every_connection_is_durable_and_keeps_its_references(store: SqlStore) -> None:
    for connection, busy_ms in (
        (store._access.reader, 30_000),
        (store._access.writer._connection, 500),
    ):
        values = [
            connection._raw.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "foreign_keys", "busy_timeout")
        ]
        assert values == [2, 1, busy_ms]  # 2 is FULL


def test_a_second_daemon_is_refused(folder: Path) -> None:
    with open_store(folder), pytest.raises(StoreBusy, match="another daemon serves this store"):
        open_store(folder)
    open_store(folder).close()


def test_the_command_line_works_beside_the_daemon(folder: Path) -> None:
    with open_store(folder) as daemon, open_store(folder, exclusive=False) as command:
        asyncio.run(command.outgoing.submit(document()))
        assert [each.tracking_id for each in due(daemon)] == ["D1"]


def test_a_failed_opening_leaves_no_lock_behind(folder: Path) -> None:
    (folder / "store.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        open_store(folder)
    (folder / "store.db").unlink()
    open_store(folder).close()


def test_a_store_where_no_folder_is_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file or directory"):
        open_store(tmp_path / "nowhere")


async def test_reads_of_other_threads_have_their_own_connection(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    views = await asyncio.gather(
        *(asyncio.to_thread(store.outgoing.document, "D1") for _ in range(4))
    )
    assert {view.tracking_id for view in views} == {"D1"}


# A child process that does one operation on a prepared store and is killed at a crash point.
CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.docexchange.edges.store import test_sqlstore as story
from tests.records import open_store

folder, point, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def crash(reached):
    if reached == point:
        os.kill(os.getpid(), signal.SIGKILL)

with open_store(folder, crash=crash) as store:
    asyncio.run(story.OPERATIONS[name](store))
"""


async def _submit(store: SqlStore) -> None:
    await store.outgoing.submit(document("D2"), reply())


async def _record(store: SqlStore) -> None:
    [each] = due(store)
    await store.outgoing.record(
        each.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + MINUTE
    )


async def _accept(store: SqlStore) -> None:
    await store.incoming.accept(arrival("A2", document_id="x"), first_receipt(arrival("A2")))


async def _apply_receipt(store: SqlStore) -> None:
    await store.receipts.apply(receipt(document()))


async def _quarantine(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), None)


async def _hold(store: SqlStore) -> None:
    await store.incoming.hold(kept(recheck_at=NOW))


async def _sweep(store: SqlStore) -> None:
    await store.outgoing.sweep(NOW + 72 * 60 * MINUTE)


async def _mailroom_sent(store: SqlStore) -> None:
    await store.mailrooms.sent([1], NOW)


OPERATIONS = {
    "submit": _submit,
    "record": _record,
    "accept": _accept,
    "apply_receipt": _apply_receipt,
    "quarantine": _quarantine,
    "hold": _hold,
    "sweep": _sweep,
    "mailroom_sent": _mailroom_sent,
}


def has_happened(store: SqlStore, name: str) -> bool:
    """Whether the instant of an operation is true, in all its parts or in none."""
    delivery = store.outgoing.document("D1").deliveries[0]
    told = len(store.mailrooms.due("mr-H05", 0, 100))
    match name:
        case "submit":
            known = len(store.outgoing.documents()) == 2
            assert (told == 2, len(due(store)) == 2) == (known, known)
            return known
        case "record":
            assert (delivery.state, told) in ((State.QUEUED, 1), (State.SENT, 2))
            return delivery.state is State.SENT
        case "accept":
            here = store.incoming.find("H05", arrival("A2").sha256) is not None
            answers = [each.tracking_id for each in due(store, Lane.RECEIPTS)]
            assert (told == 2, "A2-01" in answers, len(store.incoming.arrivals()) == 2) == (
                here,
            ) * 3
            return here
        case "apply_receipt":
            done = delivery.state is State.ACKNOWLEDGED
            assert (told == 3, delivery.code == "01", bool(store.receipts.of("D1"))) == (done,) * 3
            return done
        case "quarantine" | "hold":
            return len(store.incoming.kept_list(held=name == "hold")) == 1
        case "sweep":
            return delivery.state is State.UNDELIVERABLE
        case _:
            assert (store.incoming.arrival("A1").handed_over_at is None) == (told == 1)
            return told == 0


async def prepare(store: SqlStore) -> None:
    """D1 queued for H01; A1 arrived, its message waits for the mailroom."""
    await store.incoming.accept(arrival(), first_receipt(arrival()))
    await store.outgoing.submit(document())


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_leaves_the_earlier_instant_true(folder: Path, name: str, when: str) -> None:
    with open_store(folder) as store:
        asyncio.run(prepare(store))
        lines = store.journal.verify()[0]
    arguments = [sys.executable, "-c", CHILD, str(folder), f"{when}:{name}", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        arguments,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with open_store(folder) as store:
        assert has_happened(store, name) is (when == "after")
        assert (store.journal.verify()[0] > lines) is (when == "after")
        if when == "before":  # and then it can be done again
            asyncio.run(OPERATIONS[name](store))
            assert has_happened(store, name)


async def test_a_refused_operation_leaves_no_content(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    with pytest.raises(NotFound):
        await store.outgoing.record(99, Event.PUBLISH_CONFIRMED, NOW)
    assert store.journal.verify()[0] == 1
