"""What each organ has under way: counted as deliveries begin and end, so that nobody ever has to
count the backlog. A transaction gathers the differences and writes each organ's once."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select, update

from ...core.admission import Work
from ...core.states import Kind, State
from . import tables
from .database import Connection, Query, adding

OPEN = frozenset({State.QUEUED, State.SENT})

_w = tables.open_work
_ALL = Query(select(_w))
_ADD = Query(adding(_w))
_CHANGE = Query(
    update(_w)
    .where(_w.c.organ == bindparam("name"))
    .values(
        deliveries=_w.c.deliveries + bindparam("more"), bytes=_w.c.bytes + bindparam("more_bytes")
    )
)


def step(kind: str, before: str, after: State) -> int:
    """1 if a delivery begins by this change, -1 if it ends, else 0."""
    return 0 if kind != Kind.DOCUMENT else (after in OPEN) - (before in OPEN)


def write(connection: Connection, changes: Mapping[str, Work]) -> None:
    """Add what a transaction gathered, by organ."""
    for organ, more in changes.items():
        if more == Work():
            continue
        if not connection.run(_CHANGE, name=organ, more=more.deliveries, more_bytes=more.size):
            connection.run(_ADD, organ=organ, deliveries=more.deliveries, bytes=more.size)


def read(connection: Connection) -> dict[str, Work]:
    """What every organ has under way."""
    rows = connection.rows(_ALL)
    return {row["organ"]: Work(row["deliveries"], row["bytes"]) for row in rows}
