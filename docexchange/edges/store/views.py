"""What a person is shown: documents with their recipients, arrivals, kept envelopes, timelines.

Nothing here changes anything. Call inside `Connection.reading` to see one instant.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from sqlalchemy import bindparam, exists, or_, select

from ...core.errors import Ambiguous, NotFound
from ...core.model import (
    ArrivalView,
    DeliveryView,
    DocumentView,
    JournalLine,
    KeptView,
    SentChange,
    StatusLine,
)
from ...core.states import Kind, State, StatusCode
from . import gone, journal, recalls, tables
from .database import Connection, Query, Row, maybe_moment, moment
from .kept import HELD, QUARANTINED, SETTLED
from .naming import ARRIVALS, CANDIDATES, DOCUMENTS, PREFIX_MIN, SIGNINGS

TRIED_OFTEN = 3  # unconfirmed publishes in a row that a person should know of
ASKED_TWICE = 2  # copies: the receipt of the first is overdue

_s, _d, _r = tables.submissions, tables.deliveries, tables.receipts
_a, _k = tables.arrivals, tables.kept

_needs_attention = exists().where(
    _d.c.submission_id == _s.c.id,
    or_(
        _d.c.state == tables.word(State.UNDELIVERABLE),
        tables.HELD_BACK & _d.c.state.in_([tables.word(State.QUEUED), tables.word(State.SENT)]),
        _d.c.code == StatusCode.REJECTED.value,
        _d.c.code == StatusCode.CHANGE_REFUSED.value,
        _d.c.code_conflict == 1,
        (_d.c.state == tables.word(State.QUEUED)) & (_d.c.attempts >= TRIED_OFTEN),
        (_d.c.state != tables.word(State.ACKNOWLEDGED)) & (_d.c.copies >= ASKED_TWICE),
    ),
)
_x = tables.sent_changes
_CHANGED = Query(
    select(_x).where(_x.c.submission_id == bindparam("submission_id")).order_by(_x.c.id)
)
_CHANGING = Query(
    select(_x.c.business, _s.c.tracking_id)
    .join_from(_x, _s, _x.c.submission_id == _s.c.id)
    .where(
        _x.c.from_organ == bindparam("from_organ"),
        _x.c.document_id == bindparam("document_id"),
        _x.c.submission_id != bindparam("submission_id"),
    )
    .order_by(_x.c.id)
)
_newest = (
    select(_s)
    .where(
        _s.c.kind == tables.word(Kind.DOCUMENT),
        or_(bindparam("before") == 0, _s.c.id < bindparam("before")),
    )
    .order_by(_s.c.id.desc())
    .limit(bindparam("most"))
)
_DOCUMENTS = Query(_newest)
_ATTENTION = Query(_newest.where(_needs_attention))
_DELIVERIES = Query(
    select(_d).where(_d.c.submission_id == bindparam("submission_id")).order_by(_d.c.id)
)
_HISTORY = Query(
    select(_r)
    .join_from(_d, _r, _r.c.delivery_id == _d.c.id)
    .where(_d.c.submission_id == bindparam("submission_id"))
    .order_by(_r.c.id)
)
_RECEIPTS = Query(
    select(_d.c.to_organ, _r.c.code, _r.c.sha256)
    .join_from(_r, _d)
    .where(_d.c.submission_id == bindparam("submission_id"))
    .order_by(_r.c.id)
)
_ARRIVALS = Query(
    select(_a)
    .where(or_(bindparam("organ") == "", _a.c.organ == bindparam("organ")))
    .order_by(_a.c.id.desc())
    .limit(bindparam("most"))
)
_SAID = Query(
    select(_s).join_from(_d, _s).where(_d.c.answers == bindparam("arrival_id")).order_by(_s.c.id)
)
_REQUESTS = Query(select(_r).where(_r.c.arrival_id == bindparam("arrival_id")).order_by(_r.c.id))
_KEPT = Query(
    select(_k)
    .where(
        _k.c.state != SETTLED,
        or_(bindparam("state") == "", _k.c.state == bindparam("state")),
    )
    .order_by(_k.c.id.desc())
    .limit(bindparam("most"))
)
_KEPT_BY_ID = Query(select(_k).where(_k.c.id == bindparam("kept_id")))
_KEPT_BY_DIGEST = Query(
    select(_k)
    .where(_k.c.sha256 >= bindparam("prefix"), _k.c.sha256 < bindparam("end"))
    .limit(CANDIDATES)
)


_TIMES = Query(
    select(_r.c.signed_at, _r.c.recorded_at)
    .where(_r.c.signed_at.is_not(None))
    .order_by(_r.c.id.desc())
    .limit(bindparam("most"))
)


def document(connection: Connection, ref: str) -> DocumentView:
    """One outgoing document. Raises NotFound, Ambiguous."""
    row = DOCUMENTS.resolve(connection, ref)
    view = replace(_document(connection, row), changes=_changes(connection, row))
    return replace(view, purged_at=gone.purged_at(connection, row["sha256"]))


def documents(
    connection: Connection, limit: int = 50, *, attention: bool = False, after: str = ""
) -> list[DocumentView]:
    """Outgoing documents, newest first; `attention`: only those a person should look at; `after`:
    continue below this tracking id."""
    before = DOCUMENTS.resolve(connection, after)["id"] if after else 0
    query = _ATTENTION if attention else _DOCUMENTS
    return [_document(connection, row) for row in connection.rows(query, before=before, most=limit)]


def receipts_of(connection: Connection, ref: str) -> list[tuple[str, str, str]]:
    """(recipient, code, digest) of each receipt of a document, as they came; the bytes are
    `contents.read(digest)`."""
    row = DOCUMENTS.resolve(connection, ref)
    rows = connection.rows(_RECEIPTS, submission_id=row["id"])
    return [(each["to_organ"], each["code"], each["sha256"]) for each in rows]


def arrival(connection: Connection, ref: str, organ: str = "") -> ArrivalView:
    """One incoming document, with its report. Raises NotFound, Ambiguous."""
    row = ARRIVALS.resolve(connection, ref, organ=organ)
    view = _arrival(connection, row, report=row["report"])
    return replace(view, purged_at=gone.purged_at(connection, row["sha256"]))


def arrivals(connection: Connection, limit: int = 50, organ: str = "") -> list[ArrivalView]:
    """Incoming documents, newest first, without their reports."""
    rows = connection.rows(_ARRIVALS, organ=organ, most=limit)
    return [_arrival(connection, row, report="") for row in rows]


def statuses_of(connection: Connection, ref: str) -> list[tuple[str, str]]:
    """(code, digest) of each status that we said about an arrival, in order."""
    row = ARRIVALS.resolve(connection, ref, organ="")
    rows = connection.rows(_SAID, arrival_id=row["id"])
    return [(each["status_code"], each["sha256"]) for each in rows]


def receipt_times(connection: Connection, limit: int = 50) -> list[tuple[datetime, datetime]]:
    """(signed there, recorded here) of the newest receipts: two clocks side by side."""
    rows = connection.rows(_TIMES, most=limit)
    return [(moment(each["signed_at"]), moment(each["recorded_at"])) for each in rows]


def kept(connection: Connection, ref: str) -> KeptView:
    """One held or quarantined envelope by number or digest prefix, also when it has settled."""
    rows: list[Row] = []
    if ref.isascii() and ref.isdigit() and len(ref) < len("9223372036854775807"):
        rows = connection.rows(_KEPT_BY_ID, kept_id=int(ref))
    if not rows and len(ref) >= PREFIX_MIN and ref.isascii() and ref.isalnum():
        prefix = ref.lower()
        rows = connection.rows(_KEPT_BY_DIGEST, prefix=prefix, end=prefix + "~")
    if not rows:
        raise NotFound(f"nothing kept as {ref!r}")
    if len(rows) > 1:
        names = tuple(str(row["id"]) for row in rows)
        raise Ambiguous(f"{ref!r} fits several: {', '.join(names)}", names)
    return _kept(rows[0])


def kept_list(connection: Connection, held: bool | None = None, limit: int = 50) -> list[KeptView]:
    """Held (True), quarantined (False) or both, newest first, without their reports."""
    state = {None: "", True: HELD, False: QUARANTINED}[held]
    return [_kept(row, report="") for row in connection.rows(_KEPT, state=state, most=limit)]


def journal_of(connection: Connection, ref: str) -> list[JournalLine]:
    """Journal lines about an outgoing document, one that waits for its signature, or an arrival
    and what we said of it."""
    row = _outgoing(connection, ref)
    said: list[Row] = []
    if row is None:
        row = ARRIVALS.resolve(connection, ref, organ="")
        said = connection.rows(_SAID, arrival_id=row["id"])
    names = [row["tracking_id"], *(each["tracking_id"] for each in said)]
    lines = [line for name in names for line in journal.lines_of(connection, name)]
    return sorted(lines, key=lambda line: line.number)


def _outgoing(connection: Connection, ref: str) -> Row | None:
    """A document that is sent or waits for its signature, None if it is neither."""
    try:
        return DOCUMENTS.resolve(connection, ref)
    except NotFound:
        pass
    try:
        return SIGNINGS.resolve(connection, ref, state="")
    except NotFound:
        return None


def _document(connection: Connection, row: Row) -> DocumentView:
    rows = connection.rows(_DELIVERIES, submission_id=row["id"])
    history: defaultdict[int, list[StatusLine]] = defaultdict(list)
    for each in connection.rows(_HISTORY, submission_id=row["id"]):
        history[each["delivery_id"]].append(_received(each))
    return DocumentView(
        tracking_id=row["tracking_id"],
        from_organ=row["from_organ"],
        document_id=row["document_id"],
        business=row["business"],
        number=row["number"],
        notation=row["notation"],
        subject=row["subject"],
        priority=row["priority"],
        sha256=row["sha256"],
        size=row["size"],
        submitted_at=moment(row["submitted_at"]),
        deliveries=tuple(
            _delivery(each, row["tracking_id"], tuple(history[each["id"]])) for each in rows
        ),
    )


def _changes(connection: Connection, row: Row) -> tuple[SentChange, ...]:
    """What a document of ours changes, and what changes it, in the order in which they left."""
    lines = []
    for change in connection.rows(_CHANGED, submission_id=row["id"]):
        name = recalls.submission_of(connection, row["from_organ"], change["document_id"])
        lines.append(SentChange(change["business"], name, change["document_id"], by_this=True))
    if row["document_id"]:
        names = {"from_organ": row["from_organ"], "document_id": row["document_id"]}
        for change in connection.rows(_CHANGING, **names, submission_id=row["id"]):
            facts = change["business"], change["tracking_id"], row["document_id"]
            lines.append(SentChange(*facts, by_this=False))
    return tuple(lines)


def _delivery(row: Row, tracking_id: str, history: tuple[StatusLine, ...]) -> DeliveryView:
    return DeliveryView(
        delivery_id=row["id"],
        tracking_id=tracking_id,
        to_organ=row["to_organ"],
        state=State(row["state"]),
        reason=row["reason"],
        held=row["held"],
        attempts=row["attempts"],
        copies=row["copies"],
        next_try=maybe_moment(row["next_try"]),
        lifetime_ends=maybe_moment(row["lifetime_ends"]),
        last_error=row["last_error"],
        code=row["code"],
        code_conflict=bool(row["code_conflict"]),
        history=history,
        recall=row["recall"],
    )


def _received(row: Row) -> StatusLine:
    return StatusLine(
        row["code"],
        row["note"],
        maybe_moment(row["signed_at"]),
        moment(row["recorded_at"]),
        row["sha256"],
    )


def _said(row: Row) -> StatusLine:
    at = moment(row["submitted_at"])
    return StatusLine(row["status_code"], row["subject"], at, at, row["sha256"])


def _arrival(connection: Connection, row: Row, *, report: str) -> ArrivalView:
    said = [_said(each) for each in connection.rows(_SAID, arrival_id=row["id"])]
    asked = [_received(each) for each in connection.rows(_REQUESTS, arrival_id=row["id"])]
    return ArrivalView(
        tracking_id=row["tracking_id"],
        organ=row["organ"],
        from_organ=row["from_organ"],
        document_id=row["document_id"],
        business=row["business"],
        number=row["number"],
        notation=row["notation"],
        subject=row["subject"],
        sha256=row["sha256"],
        size=row["size"],
        arrived_at=moment(row["arrived_at"]),
        signed_at=maybe_moment(row["signed_at"]),
        handed_over_at=maybe_moment(row["handed_over_at"]),
        code=row["code"],
        history=tuple(sorted(said + asked, key=lambda line: line.recorded_at)),
        report=report,
        sealed_at=maybe_moment(row["sealed_at"]),
        changes=recalls.changes_of(connection, row),
        priority=row["priority"],
    )


def _kept(row: Row, report: str | None = None) -> KeptView:
    return KeptView(
        kept_id=row["id"],
        organ=row["organ"],
        sha256=row["sha256"],
        size=row["size"],
        reason=row["reason"],
        detail=row["detail"],
        connection=row["connection"],
        from_organ=row["from_organ"],
        document_id=row["document_id"],
        kept_at=moment(row["kept_at"]),
        copies=row["copies"],
        held=row["state"] == HELD,
        outcome=row["outcome"] if row["state"] == SETTLED else "",
        report=row["report"] if report is None else report,
    )
