"""Pauses (tạm ngừng gửi): destinations that get nothing but probes for now, for people to see and
for the next process to go on with. Their beginning and end stand in the journal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from ...core.model import Pause
from . import tables
from .database import Connection, Query, adding, micros, moment
from .transaction import Transaction

_p = tables.pauses
_OF = (_p.c.lane == bindparam("of_lane"), _p.c.organ == bindparam("of_organ"))
_ALL = Query(select(_p).order_by(_p.c.since, _p.c.organ))
_ADD = Query(adding(_p))
_PROBED = Query(
    update(_p)
    .where(*_OF)
    .values(probe_at=bindparam("next_at"), probes=bindparam("count"), why=bindparam("error"))
)
_DROP = Query(delete(_p).where(*_OF))


def pause(transaction: Transaction, pause: Pause, now: datetime) -> None:
    """Write down that a pause began, or when its next probe is."""
    connection = transaction.connection
    probed = connection.run(
        _PROBED,
        of_lane=pause.lane,
        of_organ=pause.organ,
        next_at=micros(pause.probe_at),
        count=pause.probes,
        error=pause.why,
    )
    if probed:
        return
    connection.run(
        _ADD,
        lane=pause.lane,
        organ=pause.organ,
        since=micros(pause.since),
        probe_at=micros(pause.probe_at),
        probes=pause.probes,
        why=pause.why,
    )
    transaction.note("paused", "", now, lane=pause.lane, organ=pause.organ, detail=pause.why)


def resume(transaction: Transaction, lane: str, organ: str, now: datetime) -> bool:
    """Write down that a pause is over; False if there was none."""
    if not transaction.connection.run(_DROP, of_lane=lane, of_organ=organ):
        return False
    transaction.note("resumed", "", now, lane=lane, organ=organ)
    return True


def every(connection: Connection) -> list[Pause]:
    """All that are paused, longest first."""
    return [
        Pause(
            row["lane"],
            row["organ"],
            moment(row["since"]),
            moment(row["probe_at"]),
            row["probes"],
            row["why"],
        )
        for row in connection.rows(_ALL)
    ]
