"""Content that is too large for memory: written and read in rows of 1 MiB, linked when complete.

    fill        a thread writes, each row a small transaction    (packing)
    open_blob   a file to read from, on a connection of its own
    adopt       give content its digest as name, in the transaction that needs it

Until it is adopted, content has a name that is no digest, so nobody finds it; what nobody adopts
within a day is swept with the other orphans.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from sqlalchemy import bindparam, delete, func, select, update

from envelopes.model import Stored

from ...core.errors import ContentDamaged, StoreError
from ...core.model import InStore
from . import gone, tables
from .database import Connection, Query, Row, adding, micros
from .transaction import Transaction

if TYPE_CHECKING:
    from .writer import Writer

CHUNK: Final = 1024 * 1024  # bytes a row, as `blobs` has them
SHRINK_ROWS: Final = 16  # rows between two givings back: each part, or 16 MiB of packing
CACHE_KIB: Final = 1024  # page cache of a reader that passes by each page once

_b, _c, _g = tables.blobs, tables.chunks, tables.part_groups
_FIND = Query(select(_b).where(_b.c.sha256 == bindparam("sha256")))
_ADD = Query(adding(_b).returning(_b.c.id))
_ADD_CHUNK = Query(adding(_c))
_RENAME = Query(
    update(_b)
    .where(_b.c.id == bindparam("blob_id"))
    .values(
        sha256=bindparam("name"),
        size=bindparam("size"),
        complete=bindparam("complete"),
    )
)
# What follows a content to another number when it comes again after it was destroyed
FOLLOWING: Final = (
    tables.submissions.c.blob_id,
    tables.signings.c.blob_id,
    tables.arrivals.c.blob_id,
    tables.receipts.c.blob_id,
    tables.parked.c.blob_id,
    tables.uploads.c.blob_id,
    tables.stamps.c.blob_id,
    tables.purged.c.blob_id,
)
# What does not: the rows of each, and what links by digest and so follows by itself
LEFT_BEHIND: Final = (
    tables.chunks.c.blob_id,
    tables.part_groups.c.blob_id,
    tables.kept.c.blob,
    tables.mailroom_messages.c.blob,
)
_RELINK = tuple(
    Query(
        update(column.table)
        .where(column == bindparam("from_blob"))
        .values({column.name: bindparam("content_id")})
    )
    for column in FOLLOWING
)
_LEAVE_GROUP = Query(delete(_g).where(_g.c.blob_id == bindparam("blob_id")))
_ROWS = Query(
    select(_c.c.seq, func.length(_c.c.data).label("size"))
    .where(_c.c.blob_id == bindparam("blob_id"))
    .order_by(_c.c.seq)
)
_CHUNK = Query(
    select(_c.c.data).where(_c.c.blob_id == bindparam("blob_id"), _c.c.seq == bindparam("seq"))
)


def begin(transaction: Transaction, name: str, complete: int, at: datetime) -> int:
    """Announce content under a name that is no digest; its number."""
    values = {"sha256": name, "size": 0, "complete": complete, "stored_at": micros(at)}
    number: int = transaction.connection.rows(_ADD, **values)[0]["id"]
    return number


def put_chunk(transaction: Transaction, blob_id: int, seq: int, data: bytes | memoryview) -> None:
    """Write one row; now and then the pages that this takes are given back."""
    transaction.connection.run(_ADD_CHUNK, blob_id=blob_id, seq=seq, data=data)
    if seq % SHRINK_ROWS == 0:
        transaction.connection.shrink()


def adopt(transaction: Transaction, content: InStore, sha256: str) -> int:
    """Name content by its digest and make it readable; the number to link.

    When the same content is here already, that one is linked, and this one is left to be swept.
    Whatever linked one that was destroyed links this one: a copy that was given back is sealed,
    whatever it links.
    Parts that gathered to it are no group any more.
    """
    connection = transaction.connection
    known = connection.one(_FIND, sha256=sha256)
    if known is None:
        _name(connection, content, sha256)
    elif known["id"] != content.blob_id:
        number: int = known["id"]
        if known["complete"] == tables.COMPLETE:
            return number
        if known["complete"] == tables.DESTROYED:
            with connection.links_checked_later():  # for a moment nothing has this digest
                _replace(connection, known, content, sha256)
        else:
            _replace(connection, known, content, sha256)
    return content.blob_id


def _name(connection: Connection, content: InStore, sha256: str) -> None:
    named = {"name": sha256, "size": content.size, "complete": tables.COMPLETE}
    connection.run(_RENAME, blob_id=content.blob_id, **named)
    connection.run(_LEAVE_GROUP, blob_id=content.blob_id)


def _replace(connection: Connection, known: Row, content: InStore, sha256: str) -> None:
    """Have the new copy instead of the old one, which is left to be swept."""
    away = {"name": f"orphan {known['id']}", "size": known["size"], "complete": 0}
    connection.run(_RENAME, blob_id=known["id"], **away)
    _name(connection, content, sha256)
    if known["complete"] == tables.DESTROYED:  # nothing links what was only begun
        for relink in _RELINK:
            connection.run(relink, from_blob=known["id"], content_id=content.blob_id)


def head(connection: Connection, content: InStore, size: int) -> bytes:
    """The first bytes of large content; `size` is at most a row's."""
    first = connection.rows(_ROWS, blob_id=content.blob_id)[0]["seq"]
    data: bytes = connection.rows(_CHUNK, blob_id=content.blob_id, seq=first)[0]["data"]
    return data[:size]


async def fill(writer: Writer, produce: Callable[[BinaryIO], Stored], now: datetime) -> InStore:
    """Have a thread write content, a row at a time; it waits for each to be on disk, so that
    nothing piles up.

    Raises:
        whatever `produce` raises; what was written is swept.
        StoreError: a row could not be stored.
    """
    name = f"filling {secrets.token_hex(16)}"
    blob_id = await writer.write("begin_content", lambda work: begin(work, name, 0, now))
    file = _Filling(writer, blob_id, asyncio.get_running_loop())

    def run() -> Stored:
        stored = produce(cast("BinaryIO", file))
        file.finish()
        return stored

    stored = await asyncio.to_thread(run)
    return InStore(blob_id, stored.size, stored.sha256)


class _Filling:
    """What a thread writes into."""

    def __init__(self, writer: Writer, blob_id: int, loop: asyncio.AbstractEventLoop) -> None:
        self._writer, self._blob_id, self._loop = writer, blob_id, loop
        self._rest = bytearray()
        self._seq = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes; whole rows are on disk when this returns. Raises StoreError."""
        self._rest += data
        while len(self._rest) >= CHUNK:
            self._store(CHUNK)
        return len(data)

    def finish(self) -> None:
        """Store the last row. Raises StoreError."""
        if self._rest or not self._seq:
            self._store(len(self._rest))

    def _store(self, size: int) -> None:
        blob_id, seq, data = self._blob_id, self._seq, bytes(self._rest[:size])
        del self._rest[:size]
        self._seq += 1
        writing = self._writer.write("content", lambda work: put_chunk(work, blob_id, seq, data))
        asyncio.run_coroutine_threadsafe(writing, self._loop).result()


def open_blob(path: Path, wanted: InStore | str) -> BinaryIO:
    """A seekable file over stored content, of one thread at a time; closing it is the caller's.

    By its digest it is checked: at its end, when it was read from its beginning to its end.

    Raises:
        NotFound: nothing is stored under this digest.
        StoreError: when it is opened or read.
    """
    connection = Connection(path, cache_kib=CACHE_KIB)
    try:
        if isinstance(wanted, InStore):
            return cast("BinaryIO", StoredFile(connection, wanted.blob_id))
        return cast("BinaryIO", StoredFile(connection, _complete(connection, wanted), wanted))
    except BaseException:
        connection.close()
        raise


def _complete(connection: Connection, sha256: str) -> int:
    known = connection.one(_FIND, sha256=sha256)
    if known is None or known["complete"] != 1:
        raise gone.missing(connection, sha256)
    number: int = known["id"]
    return number


class StoredFile(io.RawIOBase):
    """Reads content row by row; a read ends at the end of a row at the latest."""

    def __init__(self, connection: Connection, blob_id: int, sha256: str = "") -> None:
        self._connection, self._blob_id, self._sha256 = connection, blob_id, sha256
        self._rows: list[tuple[int, int, int]] = []  # begin, end, seq
        end = 0
        for row in connection.rows(_ROWS, blob_id=blob_id):
            self._rows.append((end, end + row["size"], row["seq"]))
            end += row["size"]
        self._size, self._at, self._row = end, 0, 0
        self._held: tuple[int, bytes] = (-1, b"")
        self._state, self._hashed = hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        self._row = 0
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes, b"" at the end.

        Raises:
            ContentDamaged: it reads as something else.
            StoreError: it was dropped meanwhile.
        """
        while self._row < len(self._rows) and self._rows[self._row][1] <= self._at:
            self._row += 1
        if self._row == len(self._rows):
            return b""
        begin, end, seq = self._rows[self._row]
        data = self._load(seq)
        if len(data) != end - begin:
            raise StoreError(f"content {self._sha256 or self._blob_id} changed while it was read")
        most = end - self._at if size < 0 else min(size, end - self._at)
        found = data[self._at - begin : self._at - begin + most]
        self._check(found)
        self._at += len(found)
        return found

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._connection.close()
        super().close()

    def _load(self, seq: int) -> bytes:
        if self._held[0] != seq:
            row = self._connection.one(_CHUNK, blob_id=self._blob_id, seq=seq)
            self._held = (seq, row["data"] if row else b"")
        return self._held[1]

    def _check(self, found: bytes) -> None:
        if not self._sha256 or self._at != self._hashed:
            return
        self._state.update(found)
        self._hashed += len(found)
        if self._hashed == self._size and self._state.hexdigest() != self._sha256:
            raise ContentDamaged(
                f"content {self._sha256} is damaged on disk: it reads as {self._state.hexdigest()}"
            )
