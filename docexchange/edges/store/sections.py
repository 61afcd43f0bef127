"""How the sections of the store reach its database, and how an operation becomes a method of one.

A section groups what one caller of the store needs (`outgoing`, `incoming`, `proofs`, `desk`). An
operation is a function of its noun's file: one that reads takes a `Connection` first, one that
writes takes a `Transaction`. These make methods of them, with the same arguments:

    heads = reads(lanes.heads)                      one statement
    document = looks(views.document)                several statements of one snapshot
    note = writes("note", journal.note)             refused while the store cannot write
    accept = finishes("accept", arrivals.accept)    waits until it can: something is in hand

The name of a write is that of its crash points (`crashpoints.COMMITS`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...core.model import Content, InStore
from . import blobs
from .database import CACHE_KIB, Connection
from .transaction import Transaction
from .writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

BESIDE_KIB = (
    8_192  # page cache of a thread that helps; there may be a dozen, each reads now and then
)


class Access:
    """The writer thread, and a reading connection for each thread that asks.

    Args:
        path: the database file.
        writer: closed with this.
    """

    def __init__(self, path: Path, writer: Writer) -> None:
        self.path = path
        self.writer = writer
        self.fresh = blobs.Fresh()
        self._here = threading.local()
        self._readers: list[Connection] = []

    @property
    def reader(self) -> Connection:
        """The reading connection of this thread."""
        connection: Connection | None = getattr(self._here, "connection", None)
        if connection is None:
            beside = threading.current_thread() is not threading.main_thread()
            kib = BESIDE_KIB if beside else CACHE_KIB
            connection = self._here.connection = Connection(self.path, cache_kib=kib)
            self._readers.append(connection)
        return connection

    @contextmanager
    def committing(self, *contents: tuple[str, Content]) -> Iterator[None]:
        """Have content at hand from before its commit, since whoever publishes it may be awake
        before its caller; content that could not be stored is not at hand."""
        for sha256, data in contents:
            if isinstance(data, bytes):
                self.fresh.add(sha256, data)
        try:
            yield
        except BaseException:
            for sha256, _ in contents:
                self.fresh.take(sha256)
            raise

    def close(self) -> None:
        """Commit what waits, then close every connection; closing twice does nothing."""
        self.writer.close()
        while self._readers:
            self._readers.pop().close()
        self._here = threading.local()

    async def write_large(
        self, sha256: str, data: Content, now: datetime, *, in_hand: bool = False
    ) -> None:
        """Write content over 1 MiB ahead, part by part, so that nobody waits for all of it."""
        if isinstance(data, InStore) or len(data) <= blobs.CHUNK:
            return
        if not await self.writer.write(
            "begin_content",
            lambda work: blobs.begin(work, sha256, len(data), now),
            in_hand=in_hand,
        ):
            return
        for seq, part in blobs.parts(data):
            put = partial(blobs.put_part, sha256, seq, part)
            await self.writer.write("content", put, in_hand=in_hand)


class Section:
    """A part of the store; see `core.memory` for what the operations promise."""

    def __init__(self, access: Access) -> None:
        self._access = access


def reads(look: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Section, P], T]:
    """A method that reads with one statement."""

    @wraps(look)
    def method(section: Section, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return look(section._access.reader, *args, **kwargs)

    return method


def looks(look: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Section, P], T]:
    """A method that reads with several statements, all of one snapshot."""

    @wraps(look)
    def method(section: Section, /, *args: P.args, **kwargs: P.kwargs) -> T:
        connection = section._access.reader
        with connection.reading():
            return look(connection, *args, **kwargs)

    return method


def writes(
    name: str, operation: Callable[Concatenate[Transaction, P], T], *, in_hand: bool = False
) -> Callable[Concatenate[Section, P], Coroutine[Any, Any, T]]:
    """A method that writes: durable when it returns. Raises StoreError: then nothing was changed.

    Args:
        name: of its crash points.
        operation: may be run more than once, every time but the last undone.
        in_hand: while the store cannot write, it waits.
    """

    @wraps(operation)
    async def method(section: Section, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await section._access.writer.write(
            name, lambda work: operation(work, *args, **kwargs), in_hand=in_hand
        )

    return method


def finishes(
    name: str, operation: Callable[Concatenate[Transaction, P], T]
) -> Callable[Concatenate[Section, P], Coroutine[Any, Any, T]]:
    """A method that writes what finishes something in hand; while the store cannot write, the
    daemon waits."""
    return writes(name, operation, in_hand=True)
