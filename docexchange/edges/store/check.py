"""Whether a store, or a backup of one, is whole: structure, journal, content, counts.

Reads everything once, in a snapshot, with memory that does not grow with it; changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from envelopes.evidence.journal import Follower, JournalBroken, JournalState

from ...core.errors import StoreError
from ...core.states import State
from . import journal, migrations, tables
from .database import Connection, Query, opened

FAULTS_MAX = 100  # told; a broken disk has thousands

_b, _c, _d, _s, _a = (
    tables.blobs,
    tables.chunks,
    tables.deliveries,
    tables.submissions,
    tables.arrivals,
)
_CONTENT = Query(
    select(_b.c.id, _b.c.sha256, _b.c.size, _c.c.seq, _c.c.data)
    .select_from(_b.outerjoin(_c, _c.c.blob_id == _b.c.id))
    .where(_b.c.complete == tables.number(tables.COMPLETE))
    .order_by(_b.c.id, _c.c.seq)
)
_GONE = Query(
    select(_b.c.sha256)
    .join_from(_b, _c, _c.c.blob_id == _b.c.id)
    .where(
        _b.c.complete == tables.number(tables.DESTROYED),
        _b.c.id.not_in(select(tables.erasures.c.blob_id)),  # its rows are going just now
    )
    .distinct()
)
_EMPTY_DOCUMENTS = Query(
    select(_s.c.tracking_id).where(~select(_d.c.id).where(_d.c.submission_id == _s.c.id).exists())
)
_STATES = Query(
    select(_d.c.id, _d.c.state).where(
        _d.c.state.not_in([tables.word(one.value) for one in State])
        | ((_d.c.state == tables.word(State.QUEUED)) & _d.c.next_try.is_(None))
    )
)
_UNPROVEN = Query(
    select(_d.c.id, _s.c.tracking_id, _d.c.to_organ)
    .join_from(_d, _s)
    .where(
        _d.c.kind == tables.word("document"),
        _d.c.state == tables.word(State.ACKNOWLEDGED),
        ~select(tables.receipts.c.id).where(tables.receipts.c.delivery_id == _d.c.id).exists(),
    )
)
_OTHER_NAME = tuple(
    (
        table.name,
        Query(select(table.c.id).join_from(table, _b).where(table.c.sha256 != _b.c.sha256)),
    )
    for table in (_s, _a, tables.receipts)
)
_UNDER_WAY = Query(
    select(
        _s.c.from_organ.label("organ"),
        func.count().label("deliveries"),
        func.sum(_s.c.size).label("bytes"),
    )
    .join_from(_d, _s)
    .where(tables.ALIVE)
    .group_by(_s.c.from_organ)
)
_COUNTED = Query(select(tables.open_work))


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Args:
        faults: what is wrong, as (where, what); at most FAULTS_MAX.
        tables: version of the tables.
        journal: how the journal stands, None when it is broken.
        contents, size: envelopes read, and their bytes.
    """

    faults: tuple[tuple[str, str], ...]
    tables: str
    journal: JournalState | None
    contents: int
    size: int


class _Finder:
    """Gathers faults up to the bound, and the figures."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.journal: JournalState | None = None
        self.contents = self.size = 0

    def add(self, where: str, what: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append((where, what))

    def run(self, where: str, part: Callable[[Connection], None], connection: Connection) -> None:
        """One part of the check; a database that cannot be read there is a fault, no end."""
        try:
            part(connection)
        except StoreError as broken:
            self.add(where, str(broken))


def check(path: Path, *, immutable: bool = False) -> Checked:
    """Look at a store, or (immutable) at a backup that nobody writes.

    Raises:
        StoreError: it cannot even be opened.
    """
    found = _Finder()
    with opened(Connection(path, immutable=immutable)) as connection, connection.reading():
        version = migrations.version_of(connection)
        if version != migrations.HEAD:
            found.add("tables", f"version {version or 'none'}; this program has {migrations.HEAD}")
        for where, part in (
            ("database", lambda one: _structure(one, found)),
            ("journal", lambda one: _journal(one, found)),
            ("content", lambda one: _content(one, found)),
            ("rows", lambda one: _rows(one, found)),
            ("counts", lambda one: _counts(one, found)),
        ):
            found.run(where, part, connection)
    return Checked(tuple(found.faults), version, found.journal, found.contents, found.size)


def _structure(connection: Connection, found: _Finder) -> None:
    for fault in connection.faults(FAULTS_MAX):
        found.add("database", fault)


def _journal(connection: Connection, found: _Finder) -> None:
    try:
        found.journal = journal.follow(connection, Follower(), lambda _: None)
    except JournalBroken as broken:
        found.add("journal", str(broken))


def _content(connection: Connection, found: _Finder) -> None:
    for sha256, size, read, digest in _contents(connection):
        found.contents += 1
        found.size += read
        if digest != sha256 or size != read:
            found.add("content", f"{sha256} reads as {digest}, {read} of {size} bytes")
    for row in connection.stream(_GONE):
        found.add("content", f"{row['sha256']} was destroyed, and some of it is there")


def _contents(connection: Connection) -> Iterator[tuple[str, int, int, str]]:
    """(digest, size, bytes read, their digest) of each content, a row in memory at a time."""
    present, name, size, read, digest = None, "", 0, 0, hashlib.sha256()
    for row in connection.stream(_CONTENT):
        if row["id"] != present:
            if present is not None:
                yield name, size, read, digest.hexdigest()
            present, name, size = row["id"], row["sha256"], row["size"]
            read, digest = 0, hashlib.sha256()
        data = row["data"] or b""
        read += len(data)
        digest.update(data)
    if present is not None:
        yield name, size, read, digest.hexdigest()


def _rows(connection: Connection, found: _Finder) -> None:
    for row in connection.stream(_EMPTY_DOCUMENTS):
        found.add("rows", f"{row['tracking_id']} has no recipient")
    for row in connection.stream(_STATES):
        found.add("rows", f"delivery {row['id']} is {row['state']} and nothing will happen to it")
    for row in connection.stream(_UNPROVEN):
        found.add("rows", f"{row['tracking_id']} to {row['to_organ']}: acknowledged by no receipt")
    for name, query in _OTHER_NAME:
        for row in connection.stream(query):
            found.add("rows", f"{name} row {row['id']} names another digest than its content")


def _counts(connection: Connection, found: _Finder) -> None:
    real = {row["organ"]: (row["deliveries"], row["bytes"]) for row in connection.rows(_UNDER_WAY)}
    told = {row["organ"]: (row["deliveries"], row["bytes"]) for row in connection.rows(_COUNTED)}
    for organ in sorted(real.keys() | told.keys()):
        here, there = real.get(organ, (0, 0)), told.get(organ, (0, 0))
        if here != there:
            found.add(
                "counts",
                f"{organ}: {here[0]} deliveries ({here[1]} bytes) are under way, "
                f"{there[0]} ({there[1]} bytes) are counted",
            )
