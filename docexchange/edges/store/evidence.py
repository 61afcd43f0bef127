"""Revocation evidence: CRLs and OCSP answers as they came, each once, by digest.

Nothing here judges. What is over stays: an auditor asks what was known at a time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from ...core.errors import Ambiguous, NotFound
from ...core.model import KeptEvidence, Order
from . import tables
from .database import Connection, Query, Row, adding, maybe_micros, maybe_moment, micros, moment
from .transaction import Transaction

WAITS_FOR_IT = ("REVOCATION_MISSING", "CERTIFICATE_ON_HOLD")  # reasons of held envelopes

_e, _k = tables.evidence, tables.kept
_NO_DATA = [column for column in _e.c if column.name != "data"]
_FIND = Query(select(_e.c.id).where(_e.c.sha256 == bindparam("sha256")))
_ADD = Query(adding(_e))
_AFTER = Query(
    select(_e).where(_e.c.id > bindparam("number")).order_by(_e.c.id).limit(bindparam("most"))
)
_SINCE = Query(
    select(_e.c.id)
    .where(or_(_e.c.next_update.is_(None), _e.c.next_update >= bindparam("now")))
    .order_by(_e.c.id)
)
_ONE = Query(select(_e).where(_e.c.id == bindparam("number")))
_NEWEST = Query(select(*_NO_DATA).order_by(_e.c.id.desc()).limit(bindparam("most")))
_NAMED = Query(
    select(_e).where(_e.c.sha256 >= bindparam("low"), _e.c.sha256 < bindparam("high")).limit(2)
)
_WAKE = Query(
    update(_k)
    .where(tables.HELD, or_(*(_k.c.reason == tables.word(one) for one in WAITS_FOR_IT)))
    .values(recheck_at=bindparam("now"))
)


def has(connection: Connection, sha256: str) -> bool:
    """Whether evidence with this digest is here."""
    return connection.one(_FIND, sha256=sha256) is not None


def keep(transaction: Transaction, one: KeptEvidence, order: Order | None = None) -> bool:
    """Keep evidence, by whose order if a person gave it, unless the same bytes are here; True if
    it is new."""
    connection = transaction.connection
    if has(connection, one.sha256):
        return False
    connection.run(
        _ADD,
        kind=one.kind,
        sha256=one.sha256,
        data=one.data,
        issuer=one.issuer,
        this_update=maybe_micros(one.this_update),
        next_update=maybe_micros(one.next_update),
        entries=one.entries,
        source=one.source,
        kept_at=micros(one.kept_at),
    )
    facts = {"kind": one.kind, "source": one.source, "issuer": one.issuer}
    if order is not None:
        facts |= {"by": order.by, "detail": order.reason}
    transaction.note("evidence_kept", one.sha256, one.kept_at, **facts)
    return True


def wake(transaction: Transaction, now: datetime) -> int:
    """Have the envelopes that are held for want of evidence judged again now; their number."""
    return transaction.connection.run(_WAKE, now=micros(now))


def current(connection: Connection, now: datetime) -> list[int]:
    """Numbers of what is not over, oldest first."""
    return [row["id"] for row in connection.rows(_SINCE, now=micros(now))]


def current_whole(connection: Connection, now: datetime) -> list[KeptEvidence]:
    """What is not over, with its bytes, oldest first."""
    return [numbered(connection, number) for number in current(connection, now)]


def after(connection: Connection, number: int, limit: int = 50) -> list[KeptEvidence]:
    """What was kept after a number, in order."""
    return [_evidence(row) for row in connection.rows(_AFTER, number=number, most=limit)]


def numbered(connection: Connection, number: int) -> KeptEvidence:
    """One by its number. Raises NotFound."""
    row = connection.one(_ONE, number=number)
    if row is None:
        raise NotFound(f"no evidence {number}", f"không có dữ liệu thu hồi số {number}")
    return _evidence(row)


def newest(connection: Connection, limit: int = 50) -> list[KeptEvidence]:
    """Newest first, without the bytes."""
    return [_evidence(row) for row in connection.rows(_NEWEST, most=limit)]


def find(connection: Connection, ref: str) -> KeptEvidence:
    """One by number or beginning of its digest. Raises NotFound, Ambiguous."""
    if ref.isdigit() and len(ref) < 12:
        return numbered(connection, int(ref))
    rows = connection.rows(_NAMED, low=ref.lower(), high=ref.lower() + "g")
    if not rows:
        raise NotFound(f"no evidence {ref}", f"không có dữ liệu thu hồi {ref}")
    if len(rows) > 1:
        names = tuple(row["sha256"] for row in rows)
        raise Ambiguous(f"{ref!r} fits several: {', '.join(names)}", names)
    return _evidence(rows[0])


def _evidence(row: Row) -> KeptEvidence:
    return KeptEvidence(
        kind=row["kind"],
        sha256=row["sha256"],
        data=row["data"] if "data" in row.keys() else b"",  # noqa: SIM118  # a Row is no mapping
        issuer=row["issuer"],
        this_update=maybe_moment(row["this_update"]),
        next_update=maybe_moment(row["next_update"]),
        entries=row["entries"],
        source=row["source"],
        kept_at=moment(row["kept_at"]),
        number=row["id"],
    )
