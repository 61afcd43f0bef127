"""Putting a backup in the place of a store, so that the daemon does not repeat what was done since.

What the copy does not know is gone from this node, but not from the others: the documents that it
thinks unfinished may have been acknowledged, and what arrived later was acknowledged by us. So each
open delivery is held back as RESTORED until its recipient was asked (`reconcile --release`) or a
person lets it go on (`queue release`); the numbers of events jump ahead, and the journal says where
history was cut.

The store in place is exchanged by one rename; whatever is interrupted leaves the old one or the new
one, never none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import bindparam, case, select, update

from ...core.errors import Conflict, NotFound, StoreError, StoreUnavailable
from ...core.events import rfc3339
from ...core.reconciling import RESTORED
from . import backup, journal, tables
from .check import FAULTS_MAX, check
from .database import Connection, Query, micros, opened
from .migrations import bring_up, version
from .storelock import StoreLock
from .transaction import Node, Transaction

# Events of a document that may have been sent since the backup; the next ones get higher numbers,
# so that no mailroom takes them for old ones, and no event's id is used twice.
EVENTS_AHEAD = 1_000_000
STEPS = ("copied", "marked", "aside", "replaced")  # where a restore may be interrupted

_d, _s, _a = tables.deliveries, tables.submissions, tables.arrivals
_ends = case((_d.c.lifetime_ends < bindparam("ends"), bindparam("ends")), else_=_d.c.lifetime_ends)
_HOLD = Query(
    update(_d)
    .where(tables.ALIVE, _d.c.held == tables.word(""))
    .values(
        held=tables.word(RESTORED),
        lifetime_ends=_ends,
        deadline=case((_d.c.deadline >= _d.c.lifetime_ends, _ends), else_=_d.c.deadline),
    )
)
_HELD_FOR = Query(
    select(_d.c.to_organ)
    .distinct()
    .where(tables.HELD_BACK, tables.ALIVE, _d.c.held == tables.word(RESTORED))
    .order_by(_d.c.to_organ)
)
_AHEAD = tuple(
    Query(update(table).values(event_seq=table.c.event_seq + bindparam("ahead")))
    for table in (_s, _a)
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a restore did.

    Args:
        manifest: of the backup.
        held: open deliveries that wait until a person lets them go on.
        organs: whom these are for.
        replaced: where the store that was in place lies now, None if there was none.
        replaced_lines: of its journal, None if that could not be read.
    """

    manifest: backup.Manifest
    held: int
    organs: tuple[str, ...]
    replaced: Path | None
    replaced_lines: int | None


def restore(
    source: Path,
    store: Path,
    node: str,
    now: datetime,
    *,
    replace: bool,
    lifetime: timedelta,
    reached: Callable[[str], None] = lambda _: None,
) -> Done:
    """Put a backup in the place of a store; when this returns, it is there and on the disk.

    Args:
        source: the backup; its manifest lies beside it.
        store: where the node's store is, or is to be.
        node: our node id.
        now: aware UTC.
        replace: True may take the place of a store; that one is kept beside.
        lifetime: what each open delivery has left at least, so that it does not end unasked.
        reached: called at each of STEPS; tests die there.

    Raises:
        NotFound: there is no such backup.
        StoreBusy: a daemon serves the store.
        Conflict: there is a store and `replace` is not set; or it is another node's backup.
        StoreUnavailable: another command has the store in use.
        StoreError: the backup is not whole.
        In each case the store is as it was.
    """
    named, store = store, store.resolve()  # a link keeps its place: what it names is exchanged
    lock = StoreLock.of(store)
    linked = StoreLock.of(named)  # a daemon locks the name in its settings
    lock.take()
    try:
        if named.parent.resolve() / named.name != store:
            linked.take()
        if store.exists() and not replace:
            raise Conflict(
                f"{store}: there is a store; --replace puts the backup in its place and keeps it "
                "beside",
                f"{store}: đã có kho; thêm --replace để thay bằng bản sao lưu (kho cũ được giữ "
                "lại bên cạnh)",
            )
        manifest = _examined(source, node)
        before = _journal_of(store)
        copy = store.with_name(store.name + ".restoring")
        _copy(source, copy)
        reached("copied")
        _refuse_damaged(copy, manifest)
        held, organs = _mark(copy, lock, manifest, node, now, before, lifetime)
        reached("marked")
        replaced = _put_aside(store, now) if store.exists() else None
        reached("aside")
        copy.replace(store)
        backup.sync(store.parent)
        reached("replaced")
    finally:
        linked.release()
        lock.release()
    return Done(manifest, held, organs, replaced, before[0] if before else None)


def _examined(source: Path, node: str) -> backup.Manifest:
    if not source.is_file():
        raise NotFound(f"{source}: no such backup", f"{source}: không có bản sao lưu này")
    manifest = backup.read_manifest(source)
    if manifest.node != node:
        raise Conflict(
            f"{source}: is a backup of node {manifest.node}, this is {node}",
            f"{source}: là bản sao lưu của nút {manifest.node}, không phải {node}",
        )
    return manifest


def _copy(source: Path, copy: Path) -> None:
    for rest in _all_of(copy):
        rest.unlink(missing_ok=True)
    with source.open("rb") as reading, copy.open("xb") as writing:
        os.fchmod(writing.fileno(), 0o600)
        shutil.copyfileobj(reading, writing, backup.PIECE)
        writing.flush()
        os.fsync(writing.fileno())


def _refuse_damaged(copy: Path, manifest: backup.Manifest) -> None:
    """Hold the copy, not the backup, against the manifest: it is what will be used."""
    found = backup.digest(copy)
    if found != manifest.sha256:
        copy.unlink()
        raise StoreError(
            f"the backup is not what its manifest says: SHA-256 {found}, not {manifest.sha256}; "
            "take another backup",
            f"bản sao lưu không đúng với bản kê: SHA-256 {found}, không phải {manifest.sha256}; "
            "hãy dùng bản khác",
        )
    faults = [one for one in check(copy, immutable=True).faults if one[0] != "tables"]
    if faults:
        copy.unlink()
        count = f"{len(faults)}{'+' if len(faults) >= FAULTS_MAX else ''}"
        where, what = faults[0]
        raise StoreError(
            f"the backup is not whole ({count} faults; {where}: {what}); take another one",
            f"bản sao lưu bị hỏng ({count} lỗi; {where}: {what}); hãy dùng bản khác",
        )


def _mark(
    copy: Path,
    lock: StoreLock,
    manifest: backup.Manifest,
    node: str,
    now: datetime,
    before: tuple[int, str] | None,
    lifetime: timedelta,
) -> tuple[int, tuple[str, ...]]:
    """Bring its tables up, hold back what is open, and say in the journal that it was put back; how
    many are held, and for whom."""
    if version(copy) > manifest.tables:
        raise StoreError("the copy has other tables than its manifest says")
    bring_up(copy, lock)
    made_at = datetime.fromisoformat(manifest.made_at)
    with opened(Connection(copy)) as connection:
        transaction = Transaction(connection, Node(f"/node/{node}", lambda _: None))
        connection.command("BEGIN IMMEDIATE")
        held = connection.run(_HOLD, ends=micros(now + lifetime))
        organs = tuple(row["to_organ"] for row in connection.rows(_HELD_FOR))
        for ahead in _AHEAD:
            connection.run(ahead, ahead=EVENTS_AHEAD)
        transaction.note(
            "restored",
            node,
            now,
            backup=manifest.sha256,
            backup_at=rfc3339(made_at),
            lines=manifest.lines,
            head=manifest.head,
            replaced_lines=before[0] if before else None,
            replaced_head=before[1] if before else None,
            held=held,
        )
        transaction.flush()
        connection.command("COMMIT")
        connection.fold_log()
    backup.sync(copy)
    return held, organs


def _journal_of(store: Path) -> tuple[int, str] | None:
    """Lines and head of the journal of the store in place; None if there is none to read. Its log
    is brought into its file, so that one name holds all of it."""
    if not store.exists():
        return None
    try:
        with opened(Connection(store)) as connection:
            connection.fold_log()
            return journal.head(connection)
    except StoreUnavailable:  # a command is using it, or its disk is full: nothing was changed
        raise
    except StoreError:  # damaged: that may be why a backup is put back
        return None


def _put_aside(store: Path, now: datetime) -> Path:
    """Give the store in place another name beside its own, until the rename takes that away."""
    aside = store.with_name(f"{store.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    real, log, index = _all_of(store)
    if log.exists():
        log.replace(aside.with_name(aside.name + "-wal"))
    index.unlink(missing_ok=True)
    if not aside.exists():  # a restore that was interrupted, within the same second
        os.link(real, aside)
    return aside


def _all_of(store: Path) -> tuple[Path, Path, Path]:
    return (
        store,
        store.with_name(store.name + "-wal"),
        store.with_name(store.name + "-shm"),
    )
