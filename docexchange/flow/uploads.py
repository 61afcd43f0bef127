"""Parts of attachments that a mailroom sends ahead of the document that lists them.

    take_part   one submit.part -> mailrooms.keep_upload  COMMIT == kept, for a day

A part is known by its SHA-256: parts come in any order and any number of times, and the same part
may serve several documents. A part that is kept is not answered; one that is refused is answered
with a problem. The document then lists the digests of its parts in order (`submission`).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

import structlog

from ..core.errors import ContentDamaged, NotFound, SubmissionRefused
from ..core.memory import Store
from ..core.ports import MailroomIncoming
from ..core.problems import PROBLEMS
from ..core.world import World
from .offload import DIGEST_BYTES, aside

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

log = structlog.get_logger()

SHA256_HEADER = "x-sha256"


@dataclass(frozen=True, slots=True)
class InHand:
    """Parts of a mailroom that came and are being stored: a document that came after them waits
    until they are."""

    _parts: set[asyncio.Future[None]] = field(default_factory=set)

    @contextmanager
    def one(self) -> Iterator[None]:
        """While this lasts, one more part is in hand."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts.add(done)
        try:
            yield
        finally:
            self._parts.discard(done)
            done.set_result(None)

    async def earlier(self) -> None:
        """Wait for those in hand now."""
        if self._parts:
            await asyncio.wait(set(self._parts))


async def take_part(incoming: MailroomIncoming, vhost: str, *, world: World, now: datetime) -> None:
    """Keep one part; when this returns it is on disk.

    Raises:
        SubmissionRefused: E-SIZ-001 too large, E-PRT-002 not what its x-sha256 says, E-PRT-003 the
            quota is full; nothing was kept.
        StoreError: nothing was kept.
    """
    body, limits = incoming.body, world.limits
    if len(body) > limits.upload_part_bytes:
        detail = f"{len(body):,} byte; {limits.upload_part_bytes:,} (limits.upload_part_bytes)"
        raise _refused("E-SIZ-001", detail, "")
    said = incoming.headers.get(SHA256_HEADER)
    said = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    found = await aside(len(body) > DIGEST_BYTES, _sha256, body)
    if said != found:
        detail = f"{SHA256_HEADER}: {str(said)[:64]}; nội dung là / the content is {found}"
        raise _refused("E-PRT-002", detail, f"headers/{SHA256_HEADER}")
    if not await world.store.mailrooms.keep_upload(vhost, found, body, now, limits.upload_quota):
        detail = f"{limits.upload_quota:,} byte (limits.upload_quota)"
        raise _refused("E-PRT-003", detail, "")


async def read(vhost: str, digests: Collection[str], store: Store) -> dict[str, bytes]:
    """The bytes of parts that are here. One that is damaged on disk is forgotten, so that it is
    kept when its mailroom sends it again. Raises StoreError."""
    found: dict[str, bytes] = {}
    for digest in digests:
        try:
            found[digest] = await store.contents.load(digest)
        except (ContentDamaged, NotFound) as damaged:
            log.error("damaged", vhost=vhost, part=digest, why=str(damaged))
            await store.mailrooms.drop_uploads(vhost, [digest])
    return found


class Joined(io.RawIOBase):
    """Parts one after the other as one file; at most one of them is in memory.

    Args:
        parts: SHA-256 of each, in order.
        store: where they are kept.
    """

    def __init__(self, parts: Sequence[str], store: Store) -> None:
        super().__init__()
        self._parts, self._store = parts, store
        self._begin()

    def _begin(self) -> None:
        self._waiting, self._part, self._at = iter(self._parts), memoryview(b""), 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True: to its beginning."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to the beginning, or stay. Raises UnsupportedOperation: anywhere else."""
        if (offset, whence) == (0, io.SEEK_SET):
            self._begin()
        elif (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("parts are read from their beginning")
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Some bytes; 0 at the end. Raises StoreError, NotFound: a part cannot be read."""
        while not self._part:
            digest = next(self._waiting, None)
            if digest is None:
                return 0
            self._part = memoryview(self._store.contents.read(digest))
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._part))
        view[:count] = self._part[:count]
        self._part = self._part[count:]
        self._at += count
        return count


def joined(parts: Sequence[str], store: Store) -> BinaryIO:
    """The file that parts make together, open for reading."""
    return io.BufferedReader(Joined(parts, store))


async def measure(vhost: str, parts: Sequence[str], store: Store) -> tuple[int, str] | None:
    """Size and SHA-256 of what parts make together; None when one is damaged on disk. Then it is
    forgotten, as by `read`. Raises StoreError."""
    try:
        return await asyncio.to_thread(_measured, parts, store)
    except (ContentDamaged, NotFound) as damaged:
        log.error("damaged", vhost=vhost, why=str(damaged))
        for digest in dict.fromkeys(parts):
            await read(vhost, [digest], store)
        return None


def _measured(parts: Sequence[str], store: Store) -> tuple[int, str]:
    size, state = 0, hashlib.sha256()
    for digest in parts:
        part = store.contents.read(digest)
        size += len(part)
        state.update(part)
    return size, state.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refused(code: str, detail: str, pointer: str) -> SubmissionRefused:
    known = PROBLEMS[code]
    return SubmissionRefused(
        code, known.vi, known.en, detail=detail, pointer=pointer, retryable=known.again
    )
