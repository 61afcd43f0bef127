"""Parked receipts: of documents that are not here. The store was restored from a copy, or the
receipt was quicker than the commit; when the document is here, the receipt is applied.

Looked at again after 1, 2, 4 .. 60 s; whatever fits nothing for 30 days is given up. Anybody with
a certificate could send them for ever, so each organ has at most 1,000.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select, update

from ...core.errors import ContentDamaged, NotFound
from ...core.model import Receipt
from . import blobs, tables
from .database import Connection, Query, Row, adding, maybe_micros, maybe_moment, micros, moment
from .transaction import Transaction

PARKED_FOR = timedelta(days=30)  # beyond any lifetime, and any backup that one would go back to
MOST_OF_ORGAN = 1000  # rows: one organ cannot fill the store
LONGEST_WAIT = timedelta(seconds=60)
STEP_ROWS = 200  # looked at in one transaction

_p = tables.parked
_due = or_(_p.c.recheck_at <= bindparam("now"), _p.c.recheck_at > bindparam("far"))
_ADD = Query(adding(_p))
_KNOWN = Query(select(_p.c.id).where(_p.c.blob_id == tables.blob_of(bindparam("sha256"))))
_COUNT = Query(select(func.count().label("count")).where(_p.c.from_organ == bindparam("organ")))
_DUE = Query(select(_p).where(_due).limit(bindparam("most")))
_NEWEST = Query(select(_p).order_by(_p.c.id.desc()).limit(bindparam("most")))
_LATER = Query(
    update(_p)
    .where(_p.c.id == bindparam("parked_id"))
    .values(tries=_p.c.tries + 1, recheck_at=bindparam("next_at"))
)
_DROP = Query(delete(_p).where(_p.c.id == bindparam("parked_id")))


def is_parked(connection: Connection, sha256: str) -> bool:
    """Whether these bytes are parked already."""
    return connection.one(_KNOWN, sha256=sha256) is not None


def has_room(connection: Connection, organ: str) -> bool:
    """Whether another receipt of this organ may be parked."""
    counted = connection.rows(_COUNT, organ=organ)[0]["count"]
    return bool(counted < MOST_OF_ORGAN)


def park(transaction: Transaction, receipt: Receipt) -> None:
    """Keep a receipt of a document that is not here."""
    at = receipt.arrived_at
    transaction.connection.run(
        _ADD,
        blob_id=blobs.put(transaction, receipt.sha256, receipt.data, at),
        sha256=receipt.sha256,
        received_sha256=receipt.received_sha256,
        from_organ=receipt.from_organ,
        to_organ=receipt.to_organ,
        document_id=receipt.document_id,
        code=receipt.code,
        note=receipt.note,
        staff=json.dumps(dict(receipt.staff), ensure_ascii=False),
        signed_at=maybe_micros(receipt.signed_at),
        arrived_at=micros(at),
        tries=0,
        recheck_at=micros(at) + 1_000_000,
    )
    facts = {"organ": receipt.from_organ, "code": receipt.code, "sha256": receipt.sha256}
    transaction.note("receipt_parked", "", at, received=receipt.received_sha256, **facts)


def any_due(connection: Connection, now: datetime) -> bool:
    """Whether there is one to look at."""
    return bool(_rows_due(connection, now, 1))


def due(transaction: Transaction, now: datetime) -> list[tuple[Row, Receipt]]:
    """Those to look at now. One whose bytes are damaged proves nothing any more: it is given up,
    with a line in the journal; its organ answers the next copy of the document again."""
    connection = transaction.connection
    found: list[tuple[Row, Receipt]] = []
    for row in _rows_due(connection, now, STEP_ROWS):
        try:
            found.append((row, _receipt(row, blobs.read(connection, row["sha256"]))))
        except (ContentDamaged, NotFound) as damaged:
            facts = {"organ": row["from_organ"], "sha256": row["sha256"], "detail": str(damaged)}
            transaction.note("damaged", "", now, **facts)
            drop(transaction, row)
            blobs.forget(transaction, row["sha256"])
    return found


def put_off(transaction: Transaction, row: Row, now: datetime) -> bool:
    """Look at it later; False if it has waited too long and was dropped."""
    if now - moment(row["arrived_at"]) >= PARKED_FOR:
        drop(transaction, row)
        blobs.forget(transaction, row["sha256"])
        return False
    wait = min(timedelta(seconds=2 ** min(row["tries"] + 1, 10)), LONGEST_WAIT)
    transaction.connection.run(_LATER, parked_id=row["id"], next_at=micros(now + wait))
    return True


def drop(transaction: Transaction, row: Row) -> None:
    """Take it off the list; its bytes stay with whoever links them."""
    transaction.connection.run(_DROP, parked_id=row["id"])


def newest(connection: Connection, limit: int = 50) -> list[Receipt]:
    """What is parked, newest first, without the bytes."""
    return [_receipt(row, b"") for row in connection.rows(_NEWEST, most=limit)]


def _rows_due(connection: Connection, now: datetime, most: int) -> list[Row]:
    far = micros(now + 2 * LONGEST_WAIT)  # set by a broken clock
    return connection.rows(_DUE, now=micros(now), far=far, most=most)


def _receipt(row: Row, data: bytes) -> Receipt:
    return Receipt(
        sha256=row["sha256"],
        data=data,
        code=row["code"],
        note=row["note"],
        from_organ=row["from_organ"],
        to_organ=row["to_organ"],
        document_id=row["document_id"],
        received_sha256=row["received_sha256"],
        signed_at=maybe_moment(row["signed_at"]),
        arrived_at=moment(row["arrived_at"]),
        report="",
        staff=json.loads(row["staff"]),
    )
