"""What a document costs does not grow with what waits or has ended: counted in steps of SQLite's
virtual machine, not timed. A scan, a sort or a count of the backlog would cost ten steps a row."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from docexchange.core.model import Due
from docexchange.core.pacing import Turn
from docexchange.core.schedule import Lane
from docexchange.core.states import Event
from docexchange.edges.store import SqlStore
from tests.backlog import arrive, finish, pend
from tests.records import NOW, arrival, document, open_store, receipt, status

FEW, MANY = 200, 20_000
SLACK = 1.1  # the steps of a search do not depend on the depth of its tree, but on its neighbours

Work: TypeAlias = Callable[[SqlStore], Awaitable[object]]

pytestmark = pytest.mark.slow


class Steps:
    """Counts the steps of a store's connections."""

    def __init__(self, store: SqlStore) -> None:
        self.count = 0
        for connection in (store._access.writer._connection, store._access.reader):
            connection._raw.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.count += 1
        return 0


@pytest.fixture(scope="module")
def pending(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Stores with few and with many documents waiting, each way."""
    return {count: made(template, tmp_path_factory, count) for count in (FEW, MANY)}


@pytest.fixture(scope="module")
def finished(pending: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The same when all of it has ended."""
    found = {}
    for count, path in pending.items():
        folder = tmp_path_factory.mktemp(f"finished-{count}")
        shutil.copy(path / "store.db", folder / "store.db")
        with open_store(folder) as store:
            finish(store)
        found[count] = folder
    return found


def made(template: Path, factory: pytest.TempPathFactory, count: int) -> Path:
    folder = factory.mktemp(f"pending-{count}")
    shutil.copy(template, folder / "store.db")

    async def fill() -> None:
        with open_store(folder) as store:
            await pend(store, count)
            await arrive(store, count)

    asyncio.run(fill())
    return folder


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Path], SqlStore]]:
    """Opens a copy of a store."""
    stores: list[SqlStore] = []

    def open_copy(folder: Path) -> SqlStore:
        home = tmp_path / str(len(stores))
        home.mkdir()
        shutil.copy(folder / "store.db", home / "store.db")
        stores.append(open_store(home))
        return stores[-1]

    yield open_copy
    for store in stores:
        store.close()


def first(store: SqlStore) -> Due:
    """What the sender takes next."""
    head = store.outgoing.heads(Lane.NORMAL, Turn.FRESH, "", 10)[0]
    return store.outgoing.due(Lane.NORMAL, Turn.FRESH, head.organ, NOW, frozenset(), 1)[0]


async def send(store: SqlStore) -> object:
    delivery = first(store)
    later = NOW + timedelta(minutes=5)
    store.contents.read(delivery.sha256)
    return await store.outgoing.record(
        delivery.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=later
    )


async def defer(store: SqlStore) -> object:
    delivery = first(store)
    later = NOW + timedelta(seconds=15)
    return await store.outgoing.record(
        delivery.delivery_id, Event.PUBLISH_DEFERRED, NOW, next_try=later
    )


async def submit(store: SqlStore) -> object:
    return await store.outgoing.submit(document("new", submitted_at=NOW + timedelta(seconds=1)))


async def acknowledge(store: SqlStore) -> object:
    return await store.receipts.apply(receipt(document("P000000100")))


async def accept(store: SqlStore) -> object:
    new = arrival("new", document_id="H01,2026/11/23,new")
    return await store.incoming.accept(new, status("snew", "01", "new"))


async def again(store: SqlStore) -> object:
    known = store.incoming.find("H05", arrival("A000000100").sha256)
    return await store.incoming.answer_again(known or "", NOW)


async def hand_over(store: SqlStore) -> object:
    rows = store.mailrooms.due("mr-H05", 0, 1)
    return await store.mailrooms.sent([row.row_id for row in rows], NOW)


async def keep(store: SqlStore) -> object:
    list(store.incoming.held_due(NOW, 50))
    await store.signings.expire(NOW)
    await store.receipts.match_parked(NOW)
    return await store.outgoing.sweep(NOW)


async def tidy(store: SqlStore) -> object:
    return await store.contents.sweep_orphans(NOW)


async def look(store: SqlStore) -> object:
    return store.outgoing.open_work(), store.journal.last_time()


async def show(store: SqlStore) -> object:
    return (
        store.outgoing.document("P000000100"),
        store.outgoing.documents(50),
        store.incoming.arrivals(50),
    )


ALL: list[Work] = [
    send,
    defer,
    submit,
    acknowledge,
    accept,
    again,
    hand_over,
    keep,
    tidy,
    look,
    show,
]
AFTERWARDS: list[Work] = [submit, accept, again, hand_over, keep, tidy, look, show]


async def steps(store: SqlStore, work: Work) -> int:
    """How many steps a piece of work takes."""
    counted = Steps(store)
    await work(store)
    return counted.count


@pytest.mark.parametrize("work", ALL, ids=lambda work: work.__name__)
async def test_a_hundred_times_the_backlog_costs_no_more(
    pending: dict[int, Path], opened: Callable[[Path], SqlStore], work: Work
) -> None:
    few = await steps(opened(pending[FEW]), work)
    many = await steps(opened(pending[MANY]), work)
    assert few > 0
    assert many <= few * SLACK


@pytest.mark.parametrize("work", AFTERWARDS, ids=lambda work: work.__name__)
async def test_a_hundred_times_the_history_costs_no_more(
    finished: dict[int, Path], opened: Callable[[Path], SqlStore], work: Work
) -> None:
    few = await steps(opened(finished[FEW]), work)
    many = await steps(opened(finished[MANY]), work)
    assert few > 0
    assert many <= few * SLACK


async def test_the_count_finds_a_scan(
    pending: dict[int, Path], opened: Callable[[Path], SqlStore]
) -> None:
    """The test could fail: looking at every row is seen."""

    async def scan(store: SqlStore) -> object:
        return store._access.reader._raw.execute(
            "SELECT count(*) FROM journal WHERE at > 0"
        ).fetchall()

    few = await steps(opened(pending[FEW]), scan)
    many = await steps(opened(pending[MANY]), scan)
    assert many > 50 * few
