"""The one writer thread: operations that wait together share one transaction and one fsync.

An operation is a function of a `Transaction` and may be run twice, the first time undone. A refused
one undoes only itself; each caller gets its result only after the COMMIT.

A transaction that cannot be committed fails all of them. If the disk is full or another process
holds the database, the writer goes on: new work is refused, what is in hand is tried again until it
is written. After any other failure it takes nothing more: the daemon stops.

The window adapts: after a batch of one the next is committed at once; under load the writer
collects up to 20 ms. A caller that is cancelled meanwhile changes nothing for the others.

It knows neither tables nor rules.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ...core.errors import StoreError, StoreUnavailable
from .database import Connection
from .transaction import Node, Transaction, TransactionLost

T = TypeVar("T")

WINDOW = 0.020  # seconds; at 64 in flight 8 % less CPU a document than 10 ms, 30 % less than 0
WINDOW_STEP = 0.001  # seconds of window for each operation of the last batch beyond the first
AGAIN_S = 0.5  # seconds before work in hand asks again a store that could not write
BATCH_MAX = 512  # operations in a transaction: bounds the journal lines held in memory


def _nobody() -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Job:
    """An operation and who waits for it."""

    name: str
    operation: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Give the caller its outcome, on its own loop; a cancelled caller gets nothing."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Owns the writing connection and its thread.

    Args:
        connection: used by the thread alone from now on; closed with it.
        node: whose store it is.
        crash: called as crash("before:<name>") just before the COMMIT of a batch that holds an
            operation of that name, and crash("after:<name>") just after; tests die there.
        window: longest time to collect under load, seconds.
        committed: called on the callers' event loop after each commit: there may be work.
        again: seconds before work in hand is tried again when the store cannot write for now;
            None: it is not, its caller is told (a command line, which a person can repeat).
    """

    def __init__(
        self,
        connection: Connection,
        node: Node,
        *,
        crash: Callable[[str], None],
        window: float = WINDOW,
        committed: Callable[[], None] = _nobody,
        again: float | None = None,
    ) -> None:
        self._again = again
        self._committed = committed
        self._connection = connection
        self._node = node
        self._crash = crash
        self._window = window
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._broken: StoreError | None = None
        self._closed = False
        self.batches = 0  # transactions committed, for measuring
        self.unavailable: StoreUnavailable | None = None  # why the last change was not written
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def write(
        self, name: str, operation: Callable[[Transaction], T], *, in_hand: bool = False
    ) -> T:
        """Run an operation; when this returns, it is on disk.

        Args:
            name: of its crash points.
            operation: may be run more than once, every time but the last undone.
            in_hand: it finishes something: while the store cannot write, this waits.

        Raises:
            what the operation raised: it alone was undone.
            StoreUnavailable: nothing of it is on disk; the store goes on.
            StoreError: nothing of it is on disk.
        """
        while True:
            try:
                return await self._write(name, operation)
            except StoreUnavailable:
                if not in_hand or self._again is None:
                    raise
            await asyncio.sleep(self._again)

    async def _write(self, name: str, operation: Callable[[Transaction], T]) -> T:
        if self._broken is not None:
            raise StoreError(f"the store has stopped: {self._broken}")
        if self._closed:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(Job(name, operation, future, loop))
        return await future

    def close(self) -> None:
        """Commit what waits, end the thread and close the connection."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
            self._connection.close()
            self._refuse_rest()

    def _work(self) -> None:
        size = 1
        while batch := self._collect(size):
            self._commit(batch)
            self._settle(batch)
            size = len(batch)

    def window_after(self, last: int) -> float:
        """How long to collect after a batch of so many operations, seconds."""
        return min(self._window, (last - 1) * WINDOW_STEP)

    def _collect(self, last: int) -> list[Job]:
        """Wait for an operation, then once for those that come within the window. The thread
        sleeps through the window: to wake for each operation would fight for the GIL each time."""
        first = self._jobs.get()
        if first is None:
            return []
        batch = [first]
        if window := self.window_after(last):
            time.sleep(window)
        while len(batch) < BATCH_MAX and (job := self._next()) is not None:
            batch.append(job)
        return batch

    def _next(self) -> Job | None:
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            return None
        if job is None:  # closing: this batch is the last, and _work is to see the end again
            self._jobs.put(None)
        return job

    def _commit(self, batch: Sequence[Job]) -> None:
        if self._broken is not None:
            return self._fail(batch, self._broken)
        try:
            self._transact(batch)
        except Exception as error:  # noqa: BLE001  # whatever it was, the callers must be told
            self._roll_back()
            self._explain(batch, error)
        return None

    def _explain(self, batch: Sequence[Job], error: Exception) -> None:
        """Tell a batch that it was not written. Whoever cannot even undo it must stop, too."""
        lost = error.__cause__ if isinstance(error, TransactionLost) else error
        if isinstance(lost, StoreUnavailable) and not self._connection.in_transaction:
            self.unavailable = lost
            text = f"nothing was stored: {lost}"
            for job in batch:
                job.error = StoreUnavailable(text, lost.vi, cause=lost.cause)
            return
        self._broken = error if isinstance(error, StoreError) else StoreError(repr(error))
        self._fail(batch, self._broken)

    def _transact(self, batch: Sequence[Job]) -> None:
        names = dict.fromkeys(job.name for job in batch)
        before = self._connection.changes
        self._run(batch)
        for name in names:
            self._crash(f"before:{name}")
        self._connection.command("COMMIT")
        self.batches += 1
        self._recover(batch, before)
        for name in names:
            self._crash(f"after:{name}")

    def _recover(self, batch: Sequence[Job], before: int) -> None:
        """A commit of nothing says nothing about the disk; one that left an operation out does."""
        left_out = [job.error for job in batch if isinstance(job.error, StoreUnavailable)]
        if left_out:
            self.unavailable = left_out[0]
        elif self.unavailable is not None and self._connection.changes > before:
            self.unavailable = None

    def _run(self, batch: Sequence[Job]) -> None:
        """Run the operations; when one raises, all of them again, each in its own savepoint.

        Hardly any does, and three savepoint commands cost as much as an operation's own work.
        """
        transaction = self._begin()
        try:
            for job in batch:
                if not job.future.cancelled():
                    job.result = job.operation(transaction)
        except Exception:  # noqa: BLE001  # whose fault it is comes out below
            self._roll_back()
            transaction = self._begin()
            for job in batch:
                _attempt(job, transaction)
        transaction.flush()

    def _begin(self) -> Transaction:
        self._connection.command("BEGIN IMMEDIATE")
        return Transaction(self._connection, self._node)

    def _settle(self, batch: Sequence[Job]) -> None:
        """Wake the callers, with one call into each event loop."""
        for loop in dict.fromkeys(job.loop for job in batch):
            jobs = [job for job in batch if job.loop is loop]
            try:
                loop.call_soon_threadsafe(self._settle_here, jobs)
            except RuntimeError:  # the loop was closed: nobody waits any more
                continue

    def _settle_here(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            job.settle()
        self._committed()

    def _fail(self, batch: Sequence[Job], error: StoreError) -> None:
        for job in batch:
            job.error = StoreError(f"nothing was stored: {error}")

    def _refuse_rest(self) -> None:
        """Tell those who asked from another thread while we were closing."""
        late: list[Job] = []
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            late += [job] if job else []
        self._fail(late, StoreError("the store is closed"))
        self._settle(late)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(StoreError):  # it is broken already; closing rolls back, too
                self._connection.command("ROLLBACK")


def _attempt(job: Job, transaction: Transaction) -> None:
    if job.future.cancelled():
        return
    try:
        job.result = transaction.attempt(job.operation)
    except TransactionLost:
        raise
    except Exception as error:  # noqa: BLE001  # it is the caller's, who gets it
        job.error = error
