"""The journal (nhật ký): one line per instant, append-only, each chained to the one before.

    line = JSON, sorted keys, UTF-8 as it is, no spaces: number, at, event, ref and facts
    hash = SHA-256(previous hash, line), both as bytes; before the first line: 32 zero bytes

Facts are names, states, counts, digests and reasons: no subject, no content, no secret.
The head is read inside the transaction that appends, because the command line may have written
since. Whoever keeps a head elsewhere can later prove that nothing before it was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from ...core.errors import StoreError
from ...core.events import rfc3339
from ...core.model import JournalLine
from . import tables
from .database import Connection, Query, Row, adding, micros, moment

GENESIS = "0" * 64  # stands for the hash before line 1

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
    head = connection.one(_HEAD)
    last, previous = (head["number"], head["hash"]) if head else (0, GENESIS)
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


def chain(previous: str, line: str) -> str:
    """Hex hash of a line after the hex hash of the line before it."""
    return hashlib.sha256(bytes.fromhex(previous) + line.encode()).hexdigest()


def verify(connection: Connection) -> tuple[int, str]:
    """Check the whole chain.

    Returns:
        (number of lines, hash of the last one; GENESIS when there is none).

    Raises:
        StoreError: names the first line that is missing or was changed.
    """
    number, previous = 0, GENESIS
    for row in connection.stream(_ALL):
        number += 1
        if row["number"] != number:
            raise StoreError(f"journal: line {number} is missing")
        previous = chain(previous, row["line"])
        if row["hash"] != previous or not _agrees(row):
            raise StoreError(
                f"journal: line {number} was changed or does not follow line {number - 1}"
            )
    return number, previous


def _agrees(row: Row) -> bool:
    """Whether the columns that are searched say the same as the line that is hashed."""
    line = json.loads(row["line"])
    return (line["number"], line["ref"], line["at"]) == (
        row["number"],
        row["ref"],
        rfc3339(moment(row["at"])),
    )


def last_time(connection: Connection) -> datetime | None:
    """Time of the last line."""
    head = connection.one(_HEAD)
    return moment(head["at"]) if head else None


def lines_of(connection: Connection, ref: str) -> list[JournalLine]:
    """Lines about one tracking id, in order."""
    rows = connection.rows(_OF, ref=ref)
    return [JournalLine(row["number"], row["line"], row["hash"]) for row in rows]
