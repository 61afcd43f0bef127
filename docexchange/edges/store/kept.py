"""Kept envelopes: held until evidence or time settles them, or quarantined (cách ly) for a person.

The same bytes for the same organ are one row: a copy is counted, and its newer verdict replaces
the older one. Each connection of the axis has a byte quota; beyond it a quarantined envelope
keeps its digest, its report and its first 64 KiB.

    held -> held | quarantined | settled        quarantined -> held | quarantined | settled

A person may discard one (its content goes, its row and report stay) or have it judged again.

Of a state secret no content is kept: its row links the empty content. Bytes that were kept before
anybody could read them go when they turn out to be one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from ...core.errors import Conflict, ContentDamaged, NotFound
from ...core.model import Content, InStore, Kept, Order, Submission
from . import blobs, streams, submissions, tables
from .database import Connection, Query, Row, adding, maybe_micros, micros, moment
from .transaction import Transaction

HELD, QUARANTINED, SETTLED = "held", "quarantined", "settled"
DISCARDED = "discarded"  # outcome of a settled one
NOTHING = hashlib.sha256(b"").hexdigest()  # under which the empty content lies
BEYOND_QUOTA = 64 * 1024  # bytes kept of an envelope when its connection's quota is used up

_k, _q, _t = tables.kept, tables.kept_bytes, tables.attempts
_FIND = Query(
    select(_k).where(_k.c.sha256 == bindparam("sha256"), _k.c.organ == bindparam("organ"))
)
_BY_ID = Query(select(_k).where(_k.c.id == bindparam("kept_id")))
_ADD = Query(adding(_k).returning(_k.c.id))
_JUDGED = ("state", "reason", "detail", "report", "recheck_at", "copies")
_JUDGE_AGAIN = Query(
    update(_k)
    .where(_k.c.id == bindparam("kept_id"))
    .values({name: bindparam(name) for name in _JUDGED})
)
_SETTLE = Query(
    update(_k)
    .where(_k.c.id == bindparam("kept_id"))
    .values(state=bindparam("state"), outcome=bindparam("outcome"))
)
_LINK = Query(
    update(_k).where(_k.c.id == bindparam("kept_id")).values(blob=bindparam("link"), truncated=1)
)
_DUE = Query(
    select(_k)
    .where(tables.HELD, _k.c.recheck_at <= bindparam("now"))
    .order_by(_k.c.recheck_at)
    .limit(bindparam("most"))
)
_USED = Query(select(_q.c.bytes).where(_q.c.connection == bindparam("connection")))
_ADD_QUOTA = Query(adding(_q))
_USE = Query(
    update(_q)
    .where(_q.c.connection == bindparam("name"))
    .values(bytes=_q.c.bytes + bindparam("more"))
)
_STORED = Query(select(tables.blobs.c.size).where(tables.blobs.c.sha256 == bindparam("sha256")))
_COUNT = Query(
    update(_t)
    .where(_t.c.sha256 == bindparam("digest"))
    .values(count=_t.c.count + 1, at=bindparam("now"))
    .returning(_t.c.count)
)
_ADD_ATTEMPT = Query(adding(_t))
_UNCOUNT = Query(update(_t).where(_t.c.sha256 == bindparam("digest")).values(count=_t.c.count - 1))
_FORGET_ATTEMPTS = Query(delete(_t).where(_t.c.sha256 == bindparam("digest")))


def quarantine(transaction: Transaction, kept: Kept, answer: Submission | None, quota: int) -> bool:
    """Keep an envelope for a person, with the automatic answer if it is new; quota in bytes."""
    row = _find(transaction.connection, kept)
    new = row is None or row["state"] != QUARANTINED
    if row is None:
        _add(transaction, _within(transaction.connection, kept, quota), QUARANTINED)
    else:
        _judge_again(transaction, row, kept, QUARANTINED)
        if kept.truncated and not kept.data:
            _drop_content(transaction, row, kept)
    if new:
        _note(transaction, QUARANTINED, kept)
        if answer is not None and (row is None or row["outcome"] != QUARANTINED):
            submissions.queue(transaction, answer, None)
    return new


def hold(transaction: Transaction, kept: Kept) -> bool:
    """Keep an envelope until it is judged again at `recheck_at`. One of which only the beginning
    was kept cannot be judged and stays with the person."""
    row = _find(transaction.connection, kept)
    if row is None:
        _add(transaction, kept, HELD)
    else:
        _judge_again(transaction, row, kept, QUARANTINED if row["truncated"] else HELD)
    new = row is None or (row["state"] != HELD and not row["truncated"])
    if new:
        _note(transaction, HELD, kept)
    return new


def due(
    connection: Connection, now: datetime, limit: int
) -> Iterator[tuple[int, str, Content | None, datetime, str]]:
    """Held envelopes to judge again: (number, organ, content or None when it is damaged, kept at,
    connection). Each content is read when its turn comes: fifty may be 400 MiB."""
    for row in connection.rows(_DUE, now=micros(now), most=limit):
        content = _readable(connection, row["blob"])
        yield row["id"], row["organ"], content, moment(row["kept_at"]), row["connection"]


def _readable(connection: Connection, blob: str) -> Content | None:
    try:
        return blobs.content(connection, blob)
    except (ContentDamaged, NotFound):
        return None


def damaged(
    transaction: Transaction, kept_id: int, reason: str, why: str, now: datetime
) -> Row | None:
    """Quarantine a held envelope whose content is damaged, and let go of that; its row as it was,
    None when it is held no more."""
    connection = transaction.connection
    row = connection.one(_BY_ID, kept_id=kept_id)
    if row is None or row["state"] != HELD:
        return None
    verdict = {"reason": reason, "detail": why, "report": row["report"], "recheck_at": None}
    connection.run(
        _JUDGE_AGAIN, kept_id=kept_id, state=QUARANTINED, copies=row["copies"], **verdict
    )
    _use(connection, row["connection"], -_stored_size(connection, row))
    blobs.put(transaction, NOTHING, b"", now)
    connection.run(_LINK, kept_id=kept_id, link=NOTHING)
    return row


def settle(transaction: Transaction, kept_id: int, now: datetime, outcome: str) -> None:
    """Take a held one off the list; one that was settled or quarantined meanwhile stays so."""
    row = transaction.connection.one(_BY_ID, kept_id=kept_id)
    if row is None:
        raise NotFound(f"no kept envelope {kept_id}")
    if row["state"] == HELD:
        _settle(transaction, row, outcome)
        facts = {"kept": kept_id, "organ": row["organ"], "outcome": outcome}
        transaction.note(SETTLED, row["sha256"], now, **facts)


def discard(transaction: Transaction, kept_id: int, order: Order, now: datetime) -> None:
    """Take one off the list for good and drop its content; its row, digest and report stay.

    Raises:
        Conflict: it was settled meanwhile; nothing was changed.
    """
    row = _unsettled(transaction, kept_id)
    _settle(transaction, row, DISCARDED)
    facts = {"kept": kept_id, "organ": row["organ"], "by": order.by, "detail": order.reason}
    transaction.note(DISCARDED, row["sha256"], now, **facts)
    _erase(transaction, row, now)


def erase_beginning(transaction: Transaction, organ: str, sha256: str, now: datetime) -> None:
    """Drop what was kept of an envelope beyond the quota, before it was accepted and recalled."""
    row = transaction.connection.one(_FIND, organ=organ, sha256=sha256)
    if row is not None and row["truncated"] and row["state"] == SETTLED:
        _erase(transaction, row, now)


def _erase(transaction: Transaction, row: Row, now: datetime) -> None:
    """Link the empty content; the old one goes for good unless something else needs it."""
    if row["blob"] == NOTHING:
        return
    blobs.put(transaction, NOTHING, b"", now)
    transaction.connection.run(_LINK, kept_id=row["id"], link=NOTHING)
    blobs.forget_in_steps(transaction, row["blob"], row["sha256"], now)


def reopen(transaction: Transaction, kept_id: int, order: Order, now: datetime) -> None:
    """Have a quarantined one judged again: it counts as held, and is due.

    Raises:
        Conflict: it was settled meanwhile, or only its beginning was kept; nothing was changed.
    """
    row = _unsettled(transaction, kept_id)
    if row["truncated"]:
        raise Conflict(
            f"only the beginning of {kept_id} was kept: it cannot be judged; ask for a new copy",
            f"số {kept_id} chỉ còn phần đầu, không thể kiểm tra lại; hãy đề nghị gửi lại",
        )
    verdict = {name: row[name] for name in ("reason", "detail", "report", "copies")}
    connection = transaction.connection
    connection.run(_JUDGE_AGAIN, kept_id=kept_id, state=HELD, recheck_at=micros(now), **verdict)
    connection.run(_SETTLE, kept_id=kept_id, state=HELD, outcome=QUARANTINED)
    facts = {"kept": kept_id, "organ": row["organ"], "by": order.by, "detail": order.reason}
    transaction.note("recheck_asked", row["sha256"], now, **facts)


def _unsettled(transaction: Transaction, kept_id: int) -> Row:
    row = transaction.connection.one(_BY_ID, kept_id=kept_id)
    if row is None or row["state"] == SETTLED:
        raise Conflict(
            f"{kept_id} waits for nobody: it was settled",
            f"số {kept_id} đã được giải quyết, không còn chờ ai",
        )
    return row


def content_of(connection: Connection, kept_id: int) -> tuple[str, bool]:
    """(digest under which its content lies, whether that is less than came). Raises NotFound."""
    row = connection.one(_BY_ID, kept_id=kept_id)
    if row is None:
        raise NotFound(f"no kept envelope {kept_id}")
    return row["blob"], bool(row["truncated"])


def resolve(transaction: Transaction, organ: str, sha256: str, outcome: str) -> int | None:
    """Settle whatever is kept of bytes that are now accepted; its number."""
    row = transaction.connection.one(_FIND, organ=organ, sha256=sha256)
    if row is None or row["state"] == SETTLED:
        return None
    _settle(transaction, row, outcome)
    number: int = row["id"]
    return number


def is_quarantined(connection: Connection, organ: str, sha256: str) -> bool:
    """Whether these bytes wait in quarantine for a person."""
    row = connection.one(_FIND, sha256=sha256, organ=organ)
    return row is not None and row["state"] == QUARANTINED


def attempt(transaction: Transaction, sha256: str, now: datetime) -> int:
    """Count that judging a redelivered message begins; which attempt this is, from 1."""
    counted = transaction.connection.rows(_COUNT, digest=sha256, now=micros(now))
    if counted:
        count: int = counted[0]["count"]
        return count
    transaction.connection.run(_ADD_ATTEMPT, sha256=sha256, count=1, at=micros(now))
    return 1


def judged(transaction: Transaction, sha256: str, *, ended: bool) -> None:
    """Forget the attempts of a message, or take the last one back."""
    transaction.connection.run(_FORGET_ATTEMPTS if ended else _UNCOUNT, digest=sha256)


def _find(connection: Connection, kept: Kept) -> Row | None:
    return connection.one(_FIND, sha256=kept.sha256, organ=kept.organ)


def _within(connection: Connection, kept: Kept, quota: int) -> Kept:
    """The envelope as its connection's quota allows to keep it."""
    used = connection.one(_USED, connection=kept.connection)
    if (used["bytes"] if used else 0) + len(kept.data) <= quota or len(kept.data) <= BEYOND_QUOTA:
        return kept
    if isinstance(kept.data, InStore):
        beginning = streams.head(connection, kept.data, BEYOND_QUOTA)
    else:
        beginning = kept.data[:BEYOND_QUOTA]
    return replace(kept, data=beginning, truncated=True)


def _add(transaction: Transaction, kept: Kept, state: str) -> None:
    connection = transaction.connection
    blob = kept.sha256
    if kept.truncated and isinstance(kept.data, bytes):
        blob = hashlib.sha256(kept.data).hexdigest()
    blobs.put(transaction, blob, kept.data, kept.kept_at)
    connection.rows(
        _ADD,
        organ=kept.organ,
        sha256=kept.sha256,
        blob=blob,
        size=kept.size,
        state=state,
        reason=kept.reason,
        detail=kept.detail,
        report=kept.report,
        connection=kept.connection,
        from_organ=kept.from_organ,
        document_id=kept.document_id,
        kept_at=micros(kept.kept_at),
        recheck_at=maybe_micros(kept.recheck_at),
        truncated=int(kept.truncated),
        copies=1,
        outcome="",
    )
    _use(connection, kept.connection, len(kept.data))


def _judge_again(transaction: Transaction, row: Row, kept: Kept, state: str) -> None:
    """Replace the verdict of a kept envelope. Judging a held one when it was due is not a copy."""
    was_due = row["state"] == HELD and micros(kept.kept_at) >= row["recheck_at"]
    connection = transaction.connection
    connection.run(
        _JUDGE_AGAIN,
        kept_id=row["id"],
        state=state,
        reason=kept.reason,
        detail=kept.detail,
        report=kept.report,
        recheck_at=maybe_micros(kept.recheck_at),
        copies=row["copies"] + (0 if was_due else 1),
    )
    if row["state"] == SETTLED:
        _use(connection, row["connection"], _stored_size(connection, row))


def _drop_content(transaction: Transaction, row: Row, kept: Kept) -> None:
    """Let go of content that must not be here, and of its place in the quota."""
    connection = transaction.connection
    if row["blob"] == NOTHING:
        return
    _use(connection, row["connection"], -_stored_size(connection, row))
    _erase(transaction, row, kept.kept_at)


def _settle(transaction: Transaction, row: Row, outcome: str) -> None:
    connection = transaction.connection
    connection.run(_SETTLE, kept_id=row["id"], state=SETTLED, outcome=outcome)
    _use(connection, row["connection"], -_stored_size(connection, row))


def _stored_size(connection: Connection, row: Row) -> int:
    size: int = connection.rows(_STORED, sha256=row["blob"])[0]["size"]
    return size


def _use(connection: Connection, name: str, more: int) -> None:
    if not connection.run(_USE, name=name, more=more):
        connection.run(_ADD_QUOTA, connection=name, bytes=more)


def _note(transaction: Transaction, event: str, kept: Kept) -> None:
    transaction.note(
        event,
        kept.sha256,
        kept.kept_at,
        organ=kept.organ,
        reason=kept.reason,
        size=kept.size,
        connection=kept.connection,
    )
