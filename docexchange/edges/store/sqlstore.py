"""The store: the memory of a node, on one SQLite database. Implements `core.memory.Store`.

Every write is an operation of the one writer thread (`writer`), durable when it returns, with its
journal line in the same transaction. Reads run on a connection of the calling thread and see what
was committed. This file only opens and closes. What the store can do stands in its sections, whose
methods are the functions of the nouns' files:

    outgoing      documents, deliveries, lanes, pauses; signings; receipts
    incoming      arrivals, what is kept; contents and parts; recalls
    surroundings  mailrooms, reconciling, directories
    proofs        stamps, evidence, the journal, the archive
    operator      what the person who runs the node decides
    witnesses     what was said of journals

The daemon holds a lock beside the database for life; the command line works next to it without.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...core.errors import StoreUnavailable
from .database import BUSY_MS, DAEMON_BUSY_MS, Connection
from .incoming import SqlContents, SqlIncoming, SqlRecalls
from .migrations import bring_up
from .operator import Operator
from .outgoing import SqlOutgoing, SqlReceipts, SqlSignings
from .proofs import SqlArchive, SqlEvidence, SqlJournal, SqlStamps
from .sections import Access
from .storelock import StoreLock
from .surroundings import SqlDirectories, SqlMailrooms, SqlReconciling
from .transaction import Node
from .witnesses import SqlWitnesses
from .writer import AGAIN_S, WINDOW, Writer

if TYPE_CHECKING:
    from ...core.memory import Store

GIB = 1024**3  # bytes


def _no_crash(point: str) -> None:
    """Die nowhere."""


class SqlStore:
    """See `core.memory` for what each operation promises; made by `open`."""

    def __init__(
        self,
        path: Path,
        lock: StoreLock,
        writer: Writer,
        *,
        longest: timedelta,
        quarantine_quota: int,
    ) -> None:
        access = Access(path, writer)
        self._access = access
        self._lock = lock
        self.witnesses = SqlWitnesses(writer, lambda: access.reader)
        self.outgoing = SqlOutgoing(access, longest)
        self.signings = SqlSignings(access)
        self.receipts = SqlReceipts(access, self.witnesses)
        self.incoming = SqlIncoming(access, quarantine_quota)
        self.contents = SqlContents(access)
        self.recalls = SqlRecalls(access)
        self.mailrooms = SqlMailrooms(access)
        self.reconciling = SqlReconciling(access)
        self.directories = SqlDirectories(access)
        self.stamps = SqlStamps(access)
        self.evidence = SqlEvidence(access)
        self.journal = SqlJournal(access)
        self.archive = SqlArchive(access)
        self.operator = Operator(access)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        exclusive: bool,
        node: str,
        mailroom_of: Callable[[str], str | None],
        longest: timedelta,
        quarantine_quota: int = GIB,
        crash: Callable[[str], None] = _no_crash,
        window: float = WINDOW,
        committed: Callable[[], None] = lambda: None,
    ) -> SqlStore:
        """Open a store, made or migrated if need be.

        Args:
            path: the database file; its folder exists.
            exclusive: True for the daemon: no other daemon may serve this store.
            node: our node id, for the source of events.
            mailroom_of: vhost of an organ's mailroom, None when it has none.
            longest: the longest wait of the schedule; a next try further ahead counts as come.
            quarantine_quota: bytes kept per connection of the axis.
            crash: called at the crash points (see `writer`).
            window: longest time to collect operations under load, seconds.
            committed: called on the event loop of the callers after each commit.

        Raises:
            StoreBusy: another daemon serves it, or its tables are older and in use.
            StoreError: it cannot be opened.
        """
        lock = StoreLock.of(path)
        try:
            if exclusive:
                lock.take()
            bring_up(path, lock)
            surroundings = Node(f"/node/{node}", mailroom_of)
            writer = Writer(
                Connection(path, busy_ms=DAEMON_BUSY_MS if exclusive else BUSY_MS),
                surroundings,
                crash=crash,
                window=window,
                committed=committed,
                again=AGAIN_S if exclusive else None,
            )
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, writer, longest=longest, quarantine_quota=quarantine_quota)

    def close(self) -> None:
        """Commit what waits, then close everything; closing twice does nothing."""
        self._access.close()
        self._lock.release()

    @property
    def unavailable(self) -> StoreUnavailable | None:
        """Why the last change was not written, None when it was."""
        return self._access.writer.unavailable

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


if TYPE_CHECKING:

    def _implements(store: SqlStore) -> Store:
        return store
