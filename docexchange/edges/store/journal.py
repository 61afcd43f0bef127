"""The journal (nhật ký): one line per instant, append-only, each chained to the one before
(`envelopes.evidence.journal`).

Facts are names, states, counts, digests and reasons: no subject, no content, no secret.
The head is read inside the transaction that appends, because the command line may have written
since. Whoever keeps a head elsewhere can later prove that nothing before it was changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from envelopes.evidence.journal import GENESIS, Follower, JournalState, chain, changed, missing

from ...core.events import rfc3339
from ...core.model import JournalLine
from . import tables
from .database import Connection, Query, adding, micros, moment

_t = tables.journal
_HEAD = Query(select(_t.c.number, _t.c.hash, _t.c.at).order_by(_t.c.number.desc()).limit(1))
_ADD = Query(adding(_t))
_ALL = Query(select(_t).order_by(_t.c.number))
_OF = Query(select(_t).where(_t.c.ref == bindparam("ref")).order_by(_t.c.number))


@dataclass(frozen=True, slots=True)
class Entry:
    """A line to be, before it has its number."""

    event: str
    ref: str
    at: datetime
    facts: Mapping[str, Any]


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Chain entries to the head and insert them; the caller's transaction holds the write lock."""
    if not entries:
        return
    last, previous = head(connection)
    rows = []
    for number, entry in enumerate(entries, last + 1):
        line = render(number, entry)
        previous = chain(previous, line)
        rows.append(
            {
                "number": number,
                "at": micros(entry.at),
                "ref": entry.ref,
                "line": line,
                "hash": previous,
            }
        )
    connection.many(_ADD, rows)


def render(number: int, entry: Entry) -> str:
    """The canonical line; facts that are None or empty are left out."""
    facts = {key: value for key, value in entry.facts.items() if value is not None and value != ""}
    whole = {
        **facts,
        "number": number,
        "at": rfc3339(entry.at),
        "event": entry.event,
        "ref": entry.ref,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def follow(
    connection: Connection,
    follower: Follower,
    each: Callable[[JournalLine], object] = lambda _: None,
) -> JournalState:
    """Check the whole chain, and tell of each line.

    Raises:
        JournalBroken: names the first line that is missing or was changed.
    """
    for row in connection.stream(_ALL):
        number = row["number"]
        if number != follower.lines + 1:
            raise missing(follower.lines + 1)
        said = follower.take(row["line"], row["hash"])
        if (said.get("ref"), said.get("at")) != (row["ref"], rfc3339(moment(row["at"]))):
            raise changed(number)  # the columns that are searched say something else
        each(JournalLine(number, row["line"], row["hash"]))
    return follower.end()


def head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last line; 0 and GENESIS before the first."""
    row = connection.one(_HEAD)
    return (row["number"], row["hash"]) if row else (0, GENESIS)


def last_time(connection: Connection) -> datetime | None:
    """Time of the last line."""
    row = connection.one(_HEAD)
    return moment(row["at"]) if row else None


def lines_of(connection: Connection, ref: str) -> list[JournalLine]:
    """Lines about one tracking id, in order."""
    rows = connection.rows(_OF, ref=ref)
    return [JournalLine(row["number"], row["line"], row["hash"]) for row in rows]
