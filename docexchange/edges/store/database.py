"""One connection to the database. The only file that knows that it is SQLite.

Statements are written in SQLAlchemy Core against `tables`, compiled once into a `Query`, and run
by the driver: measured 3 to 5 us each, against 20 us through Core's execute. Another database is
another file like this one.

Source: https://www.sqlite.org/wal.html, pragma.html; figures: README, decisions.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Insert, Table, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.expression import ClauseElement

from ...core.errors import StoreError, StoreUnavailable

PAGE_BYTES = 32 * 1024  # 18 % more documents/s than 4 KiB: an envelope is a few large rows
BUSY_MS = 30_000  # milliseconds to wait for another process (the CLI) that writes just now
DAEMON_BUSY_MS = (
    500  # the same for the daemon: who submits meanwhile is refused, and not kept waiting
)
BUSY_STEP = 0.005  # seconds between two looks where SQLite does not wait by itself
CACHE_KIB = 65_536  # page cache of a connection; the default is 64 pages of this size
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A quota of the file system (EDQUOT) or of the process (EFBIG) comes as IOERR_WRITE, one met while
# the index of the log grows as IOERR_SHMSIZE. A failed fsync (IOERR_FSYNC) is not among them: then
# nobody knows what is on the disk, and the process must stop.
_NO_ROOM = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)
_PRIMARY = 0xFF  # of an extended result code the part that names its kind
_DIALECT = sqlite.dialect(paramstyle="named")

Row = sqlite3.Row


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware time."""
    return (at - EPOCH) // _MICROSECOND


def maybe_micros(at: datetime | None) -> int | None:
    """The same for a time that may be absent."""
    return None if at is None else micros(at)


def moment(value: int) -> datetime:
    """The aware UTC time of a stored integer."""
    return EPOCH + timedelta(microseconds=value)


def maybe_moment(value: int | None) -> datetime | None:
    """The same for a time that may be absent."""
    return None if value is None else moment(value)


class Query:
    """A Core statement compiled once; parameters are given by name when it runs."""

    __slots__ = ("constants", "sql")

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self.constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }


def adding(table: Table) -> Insert:
    """INSERT of every column that the database does not number by itself."""
    given = [column.name for column in table.c if column.name != "id"]
    return insert(table).values({name: bindparam(name) for name in given})


class Connection:
    """A connection whose every failure is a StoreError. Reads see one statement's snapshot, or
    one of several statements inside `reading`."""

    def __init__(
        self,
        path: Path,
        *,
        busy_ms: int = BUSY_MS,
        cache_kib: int = CACHE_KIB,
        immutable: bool = False,
    ) -> None:
        with _failing():
            if immutable:  # a file that nobody writes: nothing is made beside it, no byte changes
                self._raw = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
            else:
                self._raw = connect(path, cache_kib=cache_kib)
            with _or_closed(self._raw):
                self._raw.execute(f"PRAGMA busy_timeout = {busy_ms}")
            self._raw.row_factory = sqlite3.Row

    @property
    def in_transaction(self) -> bool:
        """False also after an error that made the database roll back by itself (disk full)."""
        return self._raw.in_transaction

    @property
    def changes(self) -> int:
        """Rows changed since it was opened, also those that were undone."""
        return self._raw.total_changes

    def rows(self, query: Query, **values: object) -> list[Row]:
        """Run a statement; all its rows."""
        try:
            return self._raw.execute(query.sql, _bind(query, values)).fetchall()
        except sqlite3.Error as error:
            raise _store_error(error) from error

    def one(self, query: Query, **values: object) -> Row | None:
        """Run a statement; its first row, None if there is none."""
        rows = self.rows(query, **values)
        return rows[0] if rows else None

    def run(self, query: Query, **values: object) -> int:
        """Run a statement that changes rows; how many it changed."""
        try:
            return self._raw.execute(query.sql, _bind(query, values)).rowcount
        except sqlite3.Error as error:
            raise _store_error(error) from error

    def many(self, query: Query, values: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement once for each set of values."""
        with _failing():
            self._raw.executemany(query.sql, [_bind(query, each) for each in values])

    def stream(self, query: Query, **values: object) -> Iterator[Row]:
        """Run a statement; its rows one by one, for tables that do not fit into memory."""
        with _failing():
            yield from self._raw.execute(query.sql, _bind(query, values))

    def command(self, sql: str) -> None:
        """Run BEGIN, COMMIT, SAVEPOINT and their like."""
        try:
            self._raw.execute(sql)
        except sqlite3.Error as error:
            raise _store_error(error) from error

    @contextmanager
    def links_checked_later(self) -> Iterator[None]:
        """Inside a transaction: rows may link what is not there until the next row is written;
        what is still missing at the COMMIT fails it."""
        self.command("PRAGMA defer_foreign_keys = ON")
        try:
            yield
        finally:
            self.command("PRAGMA defer_foreign_keys = OFF")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several reads that see the same instant."""
        self.command("BEGIN")
        try:
            yield
        finally:
            self.command("ROLLBACK")

    def empty_log(self) -> bool:
        """Bring the write-ahead log into the database file and cut it to nothing. False when
        somebody still reads what is in it: most of it is done, ask again."""
        try:
            self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)")  # stops nobody, leaves little
            busy, *_ = self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise _store_error(error) from error
        return not busy

    def copy_into(self, path: Path) -> None:
        """Write a snapshot of everything into an empty file, which is then still to be synced."""
        with _failing():
            self._raw.execute("VACUUM INTO ?", (str(path),))

    def count_rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with _failing():
            names = self._raw.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
                " AND name NOT LIKE 'sqlite_%' ORDER BY name"
            ).fetchall()
            return {
                name: self._raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  # names of the schema
                for (name,) in names
            }

    def faults(self, most: int) -> list[str]:
        """What SQLite finds wrong with its own structure, at most so many; reads every page."""
        found: list[str] = []
        with _failing():
            for (text,) in self._raw.execute(f"PRAGMA integrity_check({most})"):
                found += [line for line in str(text).splitlines() if line != "ok"]
            for table, row, parent, _ in self._raw.execute("PRAGMA foreign_key_check"):
                found.append(f"{table} row {row} links no row of {parent}")
                if len(found) >= most:
                    break
        return found[:most]

    def fold_log(self) -> None:
        """Bring the write-ahead log into the file and empty it. Raises StoreError if in use."""
        with _failing():
            busy, _, _ = self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnavailable(
                "the database is in use", "chương trình khác đang mở kho", cause="locked"
            )

    def shrink(self) -> None:
        """Give back the memory of cached pages: large content pushed out all others anyway."""
        self.command("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close it; closing twice does nothing."""
        self._raw.close()


@contextmanager
def opened(connection: Connection) -> Iterator[Connection]:
    """A connection that is closed in the end."""
    try:
        yield connection
    finally:
        connection.close()


def connect(path: Path, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """A raw connection with our settings; the page size counts only before the first WAL."""
    raw = sqlite3.connect(
        path,
        timeout=BUSY_MS / 1000,
        isolation_level=None,  # transactions are begun and ended by us
        check_same_thread=False,  # a connection is used by one thread at a time, closed by another
        cached_statements=512,
    )
    with _or_closed(raw):
        raw.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        _use_wal(raw)
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        raw.execute(f"PRAGMA cache_size = -{cache_kib}")
        raw.execute("PRAGMA temp_store = MEMORY")
        raw.execute("PRAGMA secure_delete = ON")  # zeros over what is deleted (`erasing`)
    return raw


@contextmanager
def _or_closed(raw: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        raw.close()
        raise


def _use_wal(raw: sqlite3.Connection) -> None:
    """SQLite does not wait here by itself, though whoever opens the database first or closes it
    last holds it for a moment."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(BUSY_STEP)
        else:
            return


def _bind(query: Query, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**query.constants, **values} if query.constants else values


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(error) from error


def _store_error(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)  # None: found by the driver, not by SQLite
    if code in _NO_ROOM:
        return StoreUnavailable(f"database: {error}", "đĩa đầy", cause="full")
    if code is not None and code & _PRIMARY == sqlite3.SQLITE_BUSY:
        return StoreUnavailable(f"database: {error}", "chương trình khác đang ghi", cause="locked")
    return StoreError(f"database: {error}")
