"""What organs said of their journals: ours in our receipts, theirs in those that we got.

Ours is a hash tree over the journal that goes on from where it was kept, so a receipt costs nothing
and a minute costs its own lines. Of theirs a row stays for one an hour, and for each that
contradicts another; the newest has one until a newer comes. The receipts are kept in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from envelopes.evidence.checkpoint import Checkpoint, claimed
from envelopes.evidence.journal import GENESIS
from envelopes.evidence.merkle import Frontier, leaf_hash
from envelopes.evidence.witness import CLOCK_BACK, FORK, WENT_BACK, Contradiction, Seen

from ...core.model import Receipt, ReceiptOutcome
from ...core.states import Kind
from ...core.witnessing import KEPT_EVERY, KeptFor, Witness
from . import tables
from .database import Connection, Query, Row, adding, micros, moment
from .transaction import Transaction
from .writer import Writer

LOOK_LINES = (
    100_000  # lines that are read at once, in about a second; a keeper that stands is killed
)
KEEP_LINES = 20_000  # lines after which the tree is kept though no hour has passed: 0.2 s to read

_w, _j, _k = tables.witnesses, tables.journal, tables.journal_tree
_s, _d = tables.submissions, tables.deliveries
_KEPT_TREE = Query(select(_k))
_kept = insert(_k).values({column.name: bindparam(column.name) for column in _k.c})
_KEEP_TREE = Query(
    _kept.on_conflict_do_update(
        [_k.c.id], set_={c.name: _kept.excluded[c.name] for c in _k.c if c is not _k.c.id}
    )
)
_SINCE = Query(
    select(_j.c.number, _j.c.line, _j.c.hash)
    .where(_j.c.number > bindparam("number"))
    .order_by(_j.c.number)
    .limit(bindparam("most"))
)
_of = _w.c.of == bindparam("of")
_KNOWN = Query(select(_w).where(_of, _w.c.lines == bindparam("lines")).order_by(_w.c.id))
_LONGER = Query(
    select(_w)
    .where(_of, _w.c.lines > bindparam("lines"), _w.c.at < bindparam("before"))
    .order_by(_w.c.lines.desc())
    .limit(1)
)
_SHORTER = Query(
    select(_w)
    .where(_of, _w.c.at > bindparam("after"), _w.c.lines < bindparam("lines"))
    .order_by(_w.c.at)
    .limit(1)
)
_mine = _of & (_w.c.holder == bindparam("holder"))
_at = select(_w.c.at).where(_mine)
_hourly = _at.where(_w.c.why == tables.word(KeptFor.HOURLY))
_HOURLY = Query(_hourly.order_by(_w.c.at.desc()).limit(1))
_NEWEST = Query(_at.where(_w.c.why == tables.word(KeptFor.NEWEST)))  # one at most
_NO_MORE_NEWEST = Query(delete(_w).where(_mine, _w.c.why == tables.word(KeptFor.NEWEST)))
_IS_EVIDENCE = Query(
    update(_w).where(_w.c.id == bindparam("row")).values(why=tables.word(KeptFor.CONTRADICTION))
)
_ADD = Query(adding(_w))
_ALL = Query(
    select(_w)
    .where((bindparam("organ") == tables.word("")) | (_w.c.of == bindparam("organ")))
    .order_by(_w.c.of, _w.c.at, _w.c.id)
)
_last = (
    select(_w.c.of, _w.c.holder, func.max(_w.c.at).label("at"))
    .group_by(_w.c.of, _w.c.holder)
    .subquery()
)
_LAST_HEARD = Query(  # of each organ, by who of us has it
    select(_w)
    .join_from(
        _last,
        _w,
        (_w.c.of == _last.c.of) & (_w.c.holder == _last.c.holder) & (_w.c.at == _last.c.at),
    )
    .order_by(_w.c.of, _w.c.holder, _w.c.id)
)
_EVIDENCE = Query(
    select(_w)
    .where(_w.c.why == tables.word(KeptFor.CONTRADICTION))
    .order_by(_w.c.of, _w.c.at, _w.c.id)
)
_LAST_SAID = Query(  # our newest receipt to each organ
    select(_d.c.to_organ, _s.c.from_organ, _s.c.sha256, _s.c.submitted_at, func.max(_s.c.id))
    .join_from(_d, _s)
    .where(_s.c.kind == tables.word(Kind.STATUS))
    .group_by(_d.c.to_organ, _s.c.from_organ)
)


class SqlWitnesses:
    """See `core.witnessing.Witnesses` for what each operation promises."""

    def __init__(self, writer: Writer, reader: Callable[[], Connection]) -> None:
        self._writer, self._reader = writer, reader
        self._tree: Frontier | None = None
        self._head = GENESIS
        self._kept_lines = 0
        self._kept_at: datetime | None = None
        self._heard: dict[str, str] = {}  # by organ, the statement that was looked at last
        self._alarms: list[Contradiction] = []
        self.claim = ""

    def look(self, now: datetime) -> bool:
        connection = self._reader()
        tree = self._tree or self._begun(connection)
        begun = tree.size
        for row in connection.stream(_SINCE, number=begun, most=LOOK_LINES):
            tree.add(leaf_hash(row["line"].encode()))
            self._head = row["hash"]
        self._tree = tree
        if tree.size - begun == LOOK_LINES:
            return False
        if tree.size:
            stands = Checkpoint("", tree.size, tree.root().hex(), self._head, now)
            self.claim = stands.claim()
        return True

    def _begun(self, connection: Connection) -> Frontier:
        """The tree as it was kept; an empty one if it was not, or if the journal is not as long:
        then this is another journal, which is to be read whole."""
        row = connection.one(_KEPT_TREE)
        if row is None or not connection.rows(_SINCE, number=row["lines"] - 1, most=1):
            return Frontier()
        self._head, self._kept_lines = row["head"], row["lines"]
        self._kept_at = moment(row["at"])
        return Frontier.from_bytes(row["frontier"])

    async def keep_tree(self, now: datetime) -> bool:
        tree = self._tree
        if tree is None or tree.size == self._kept_lines:
            return False
        young = self._kept_at is not None and now - self._kept_at < KEPT_EVERY
        if young and tree.size - self._kept_lines < KEEP_LINES:
            return False
        values = {
            "id": 1,
            "lines": tree.size,
            "head": self._head,
            "frontier": tree.to_bytes(),
            "at": micros(now),
        }
        await self._writer.write(
            "keep_tree", lambda work: work.connection.run(_KEEP_TREE, **values)
        )
        self._kept_lines, self._kept_at = tree.size, now
        return True

    # -- others' ----------------------------------------------------------------------------
    def unheard(self, receipt: Receipt) -> Checkpoint | None:
        """What a receipt says of its sender's journal, if its last one said something else."""
        if not receipt.checkpoint or self._heard.get(receipt.from_organ) == receipt.checkpoint:
            return None
        return claimed(receipt.from_organ, receipt.checkpoint)

    def heard(self, receipt: Receipt, found: Sequence[Contradiction]) -> None:
        """Note that what it says was looked at, and committed with it."""
        self._heard[receipt.from_organ] = receipt.checkpoint
        self._alarms += found

    def take_alarms(self) -> Sequence[Contradiction]:
        alarms, self._alarms = self._alarms, []
        return alarms

    def of(self, organ: str = "") -> list[Witness]:
        """What we have of an organ, or of all, oldest first."""
        return [_witness(row) for row in self._reader().rows(_ALL, organ=organ)]

    def newest(self) -> list[Witness]:
        """The newest that we have of each organ."""
        return [_witness(row) for row in self._reader().rows(_LAST_HEARD)]

    def contradicted(self) -> list[Witness]:
        """Both sides of each contradiction that was found, of all organs, oldest first."""
        return [_witness(row) for row in self._reader().rows(_EVIDENCE)]

    def told(self) -> list[tuple[str, str, str, datetime]]:
        """(recipient, organ of ours, SHA-256, sent at) of our newest receipt to each organ."""
        rows = self._reader().rows(_LAST_SAID)
        return [
            (row["to_organ"], row["from_organ"], row["sha256"], moment(row["submitted_at"]))
            for row in rows
        ]


def note(
    transaction: Transaction, said: Checkpoint, receipt: Receipt, outcome: ReceiptOutcome
) -> Sequence[Contradiction]:
    """Keep a statement; those that it contradicts, and that nobody knew to be contradicted, are
    journalled and returned. A receipt that was not kept is no evidence."""
    if outcome is ReceiptOutcome.BAD_RECEIPT:
        return ()
    connection, seen = transaction.connection, Seen(said, receipt.to_organ, receipt.sha256)
    known = connection.rows(_KNOWN, of=said.organ, lines=said.lines)
    forks = [row for row in known if (row["root"], row["head"]) != (said.root, said.head)]
    is_known = len(forks) < len(known)
    against = [] if is_known else [(FORK, row) for row in forks[:1]]
    against += [(WENT_BACK, row) for row in _backwards(connection, said) if not _is_evidence(row)]
    if against:
        _keep_evidence(connection, seen, receipt.arrived_at, [row["id"] for _, row in against])
    elif not is_known:
        _keep(connection, seen, receipt.arrived_at)
    found = [Contradiction(kind, _seen(row), seen) for kind, row in against]
    for one in found:
        transaction.note(
            "witness_contradicts",
            "",
            receipt.arrived_at,
            kind=one.kind,
            organ=said.organ,
            said=said.claim(),
            sha256=receipt.sha256,
            other=one.one.checkpoint.claim(),
            other_sha256=one.one.sha256,
        )
    return found


def _keep_evidence(
    connection: Connection, seen: Seen, now: datetime, against: Sequence[int]
) -> None:
    for row in against:
        connection.run(_IS_EVIDENCE, row=row)
    connection.run(_ADD, **_columns(seen, now, KeptFor.CONTRADICTION))


def _keep(connection: Connection, seen: Seen, now: datetime) -> None:
    """One an hour stays, the newest in between goes on; a late one is in its receipt only."""
    said, mine = seen.checkpoint, {"of": seen.checkpoint.organ, "holder": seen.holder}
    last, newest = connection.one(_HOURLY, **mine), connection.one(_NEWEST, **mine)
    young = last is not None and said.at - moment(last["at"]) < KEPT_EVERY
    kept = [moment(row["at"]) for row in (last, newest) if row is not None]
    if kept and said.at < max(kept):
        return
    connection.run(_NO_MORE_NEWEST, **mine)
    connection.run(_ADD, **_columns(seen, now, KeptFor.NEWEST if young else KeptFor.HOURLY))


def _is_evidence(row: Row) -> bool:
    return bool(row["why"] == KeptFor.CONTRADICTION)


def _backwards(connection: Connection, said: Checkpoint) -> list[Row]:
    """One that had more lines well before, and one that has fewer well after."""
    facts = {"of": said.organ, "lines": said.lines}
    longer = connection.one(_LONGER, before=micros(said.at - CLOCK_BACK), **facts)
    shorter = connection.one(_SHORTER, after=micros(said.at + CLOCK_BACK), **facts)
    return [row for row in (longer, shorter) if row is not None]


def _columns(seen: Seen, now: datetime, why: KeptFor) -> dict[str, object]:
    said = seen.checkpoint
    return {
        "of": said.organ,
        "holder": seen.holder,
        "lines": said.lines,
        "root": said.root,
        "head": said.head,
        "at": micros(said.at),
        "sha256": seen.sha256,
        "seen_at": micros(now),
        "why": why,
    }


def _checkpoint(row: Row) -> Checkpoint:
    return Checkpoint(row["of"], row["lines"], row["root"], row["head"], moment(row["at"]))


def _seen(row: Row) -> Seen:
    return Seen(_checkpoint(row), row["holder"], row["sha256"])


def _witness(row: Row) -> Witness:
    return Witness(_checkpoint(row), row["holder"], row["sha256"], moment(row["seen_at"]))
