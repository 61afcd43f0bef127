"""A copy of the store, made while the daemon runs, and the file beside it that says what it holds.

`VACUUM INTO` reads one snapshot: writers go on meanwhile, nothing of a later commit is in it, and
what was deleted is not copied along. The copy holds every document, receipt and journal line of the
node; no key, no password and no setting ever lies in the store.

Source: https://www.sqlite.org/lang_vacuum.html (its output is not synced: we do that)
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from envelopes.evidence.journal import Follower

from ...core.errors import Conflict, StoreError
from ...core.events import rfc3339
from . import journal
from .database import Connection, opened
from .migrations import version_of

SCHEMA = "docexchange/backup/v1"
PIECE = 1024 * 1024  # bytes read at a time
MANIFEST_BYTES = 64 * 1024  # of a manifest; ours have about 1 KB


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Args:
        node: whose it is.
        made_at: RFC 3339, UTC.
        tables: version of its tables (`migrations.HEAD`).
        sha256, size: of the file.
        lines, head, root: of its journal.
        rows: how many each table has.
    """

    node: str
    made_at: str
    tables: str
    sha256: str
    size: int
    lines: int
    head: str
    root: str
    rows: dict[str, int]


def beside(backup: Path) -> Path:
    """Where the manifest of a backup lies."""
    return backup.with_name(backup.name + ".json")


def make(store: Path, out: Path, node: str, now: datetime) -> Manifest:
    """Write a backup and its manifest; when this returns, both are on the disk.

    Args:
        store: the database; a daemon may be serving it.
        out: the file to write; its folder exists.
        node: our node id.
        now: aware UTC.

    Raises:
        Conflict: there is something at that place; nothing was changed.
        StoreError: it could not be read or written; nothing is left at that place.
    """
    for place in (out, beside(out)):
        if place.exists():
            raise Conflict(
                f"{place}: is there already; a backup never writes over anything",
                f"{place}: đã có sẵn; sao lưu không bao giờ ghi đè",
            )
    partial = out.with_name(out.name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with opened(Connection(store)) as connection:
            connection.copy_into(partial)
        sync(partial)
        manifest = _look(partial, node, now)
        write_manifest(beside(out), manifest)
        partial.rename(out)
        sync(out.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return manifest


def _look(copy: Path, node: str, now: datetime) -> Manifest:
    with opened(Connection(copy, immutable=True)) as connection:
        state = journal.follow(connection, Follower(), lambda _: None)
        tables, rows = version_of(connection), connection.count_rows()
    return Manifest(
        node=node,
        made_at=rfc3339(now),
        tables=tables,
        sha256=digest(copy),
        size=copy.stat().st_size,
        lines=state.lines,
        head=state.head,
        root=state.root,
        rows=rows,
    )


def write_manifest(place: Path, manifest: Manifest) -> None:
    """Write it so that it is there whole or not at all."""
    partial = place.with_name(place.name + ".partial")
    text = json.dumps({"schema": SCHEMA, **asdict(manifest)}, ensure_ascii=False, indent=2)
    with partial.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.rename(place)


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup. Raises StoreError when there is none, or it is none of ours."""
    place = beside(backup)
    try:
        with place.open("rb") as file:
            told: Any = json.loads(file.read(MANIFEST_BYTES))
        _check_schema(told.pop("schema"))
        manifest = Manifest(**told)
        _check_types(manifest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{place}: no manifest of a backup ({error}); it was written beside the backup and "
            "belongs to it",
            f"{place}: không phải bản kê của bản sao lưu ({error}); tệp này được ghi cạnh bản sao "
            "lưu và phải đi cùng",
        ) from error
    return manifest


def _check_schema(schema: object) -> None:
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r:.60}")


def _check_types(manifest: Manifest) -> None:
    words = (manifest.node, manifest.made_at, manifest.tables, manifest.sha256, manifest.head)
    numbers = (manifest.size, manifest.lines, *manifest.rows.values())
    datetime.fromisoformat(manifest.made_at)
    if not all(isinstance(one, str) for one in (*words, manifest.root)):
        raise ValueError("text expected")
    if not all(type(one) is int for one in numbers):
        raise ValueError("number expected")


def digest(file: Path) -> str:
    """SHA-256 of a file, hex."""
    with file.open("rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def sync(place: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
