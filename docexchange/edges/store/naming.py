"""References: how a person names a document, and which row is meant.

A reference is a tracking id, its unique prefix of four characters or more in either case, or the
official number (98/QĐ-UBND). Numbers are compared after NFC and case folding; stored text never is.
"""

from __future__ import annotations

import unicodedata

from sqlalchemy import BindParameter, ColumnElement, Table, bindparam, or_, select

from ...core.errors import Ambiguous, NotFound
from ...core.states import Kind
from . import tables
from .database import Connection, Query, Row

PREFIX_MIN = 4  # characters: shorter ones fit half of a month's documents
KEY_MAX = 200  # characters of a number that count; NFC of a run of marks costs its square
CANDIDATES = 20  # named at most when a reference fits several
_LAST = "\U0010ffff"  # sorts after every character


def folded(number: str, notation: str) -> str:
    """number/notation as it is searched; "" if both are empty."""
    return fold("/".join(part for part in (number, notation) if part))


def fold(text: str) -> str:
    """A search key: NFC, case folded, no spaces around; of a long text its beginning."""
    text = text[:KEY_MAX]
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip()


class Names:
    """The ways to name a row of one table.

    Args:
        table: has tracking_id and reference.
        only: a condition every row must meet.
    """

    def __init__(self, table: Table, only: ColumnElement[bool]) -> None:
        key = table.c.tracking_id
        found = select(table).where(only).limit(CANDIDATES)
        self._exact = Query(found.where(key == bindparam("ref")))
        self._number = Query(
            found.where(table.c.reference == bindparam("folded")).order_by(table.c.id)
        )
        self._prefix = Query(
            found.where(key >= bindparam("prefix"), key < bindparam("end")).order_by(key)
        )

    def resolve(self, connection: Connection, ref: str, **values: object) -> Row:
        """The one row that is meant; `values` are those of the condition.

        Raises:
            NotFound: none.
            Ambiguous: several; they are named.
        """
        if not ref.isprintable():  # also what a terminal could not decode
            raise NotFound(f"no document {ref!r}")
        rows = connection.rows(self._exact, ref=ref, **values)
        rows = rows or connection.rows(self._number, folded=fold(ref) or "\0", **values)
        if not rows and len(ref) >= PREFIX_MIN:
            prefix = ref.upper()  # tracking ids are ULIDs, in capitals
            rows = connection.rows(self._prefix, prefix=prefix, end=prefix + _LAST, **values)
        if not rows:
            raise NotFound(f"no document {ref!r}")
        if len(rows) > 1:
            names = tuple(row["tracking_id"] for row in rows)
            raise Ambiguous(f"{ref!r} fits several: {', '.join(names)}", names)
        return rows[0]


def _either(state: ColumnElement[str]) -> ColumnElement[bool]:
    """Rows in this state; any row when the value given for it is ""."""
    wanted: BindParameter[str] = bindparam("state")
    return or_(wanted == "", state == wanted)


SIGNINGS = Names(tables.signings, _either(tables.signings.c.state))
DOCUMENTS = Names(tables.submissions, tables.submissions.c.kind == tables.word(Kind.DOCUMENT))
ARRIVALS = Names(
    tables.arrivals,
    or_(tables.arrivals.c.organ == bindparam("organ"), bindparam("organ") == ""),
)
