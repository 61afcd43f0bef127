"""Recalls of both sides, updates and replacements.

sender     freeze: what is recalled is published no more; wake; ended: 15 or 16 came
receiver   take a recall; settle it by an answer; seal a copy: its content is destroyed, the
           row stays as a tombstone
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select, update

from ...core.errors import NotFound
from ...core.events import recall_event
from ...core.model import (
    Acceptance,
    Arrival,
    ChangeLine,
    OpenRecall,
    RecallStanding,
    Receipt,
    Submission,
)
from ...core.recalls import ANSWERS, RECALL, WAITING_MAX, Recall, decide, ended
from ...core.standing import after
from ...core.states import Event, Kind, State, StatusCode
from . import arrivals, blobs, kept, submissions, tables
from .database import Connection, Query, Row, adding, maybe_micros, maybe_moment, micros
from .deliveries import loaded, move, standing_of
from .transaction import Transaction

WOKEN_FOR = timedelta(hours=24)  # at least, for a recall that turns out to be needed late
_MAY_END = frozenset({Recall.ASKED, Recall.CANCELLED, Recall.REFUSED, Recall.EXPIRED})
_ON_ITS_WAY = frozenset({Event.PUBLISH_CONFIRMED, Event.PUBLISH_DEFERRED, Event.RECEIPT_VERIFIED})

_a, _c, _d, _s = tables.arrivals, tables.changes, tables.deliveries, tables.submissions
_m = tables.mailroom_messages

_OF = Query(loaded().where(_d.c.submission_id == bindparam("submission_id")))
_BY_ID = Query(loaded().where(_d.c.id == bindparam("delivery_id")))
_TARGET = Query(
    loaded().where(
        _s.c.tracking_id == bindparam("tracking_id"),
        _s.c.kind == tables.word(Kind.DOCUMENT),
        _d.c.to_organ == bindparam("organ"),
    )
)
_RECALLING = Query(loaded().where(tables.RECALLS, _d.c.recalls == bindparam("delivery_id")))
_LINK = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(recalls=bindparam("target"))
)
_STAND = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(recall=bindparam("recall"))
)
_BY_DOCUMENT = Query(
    select(_s.c.tracking_id).where(
        tables.IDENTIFIED,
        _s.c.from_organ == bindparam("from_organ"),
        _s.c.document_id == bindparam("document_id"),
    )
)
_HERE = Query(
    select(_a)
    .where(
        _a.c.organ == bindparam("organ"),
        _a.c.from_organ == bindparam("from_organ"),
        _a.c.document_id == bindparam("document_id"),
        _a.c.business != tables.number(RECALL),
        or_(bindparam("sha256") == "", _a.c.sha256 == bindparam("sha256")),
    )
    .order_by(_a.c.id.desc())
    .limit(1)
)
_ADD = Query(adding(_c))
_COUNT_WAITING = Query(
    select(func.count().label("count")).where(
        tables.WAITING_RECALL, _c.c.from_organ == bindparam("from_organ")
    )
)
_OPEN = (
    select(_a.c.tracking_id, _c.c.document_id, _c.c.from_organ, _c.c.organ, _a.c.sha256)
    .join_from(_c, _a, _c.c.arrival_id == _a.c.id)
    .order_by(_c.c.id)
)
_WAITING = Query(
    _OPEN.where(
        _c.c.organ == bindparam("organ"),
        _c.c.from_organ == bindparam("from_organ"),
        _c.c.document_id == bindparam("document_id"),
        _c.c.sha256.in_([tables.word(""), bindparam("sha256")]),
        _c.c.state == tables.word(Recall.WAITING),
    )
)
_ASKED = Query(
    _OPEN.where(
        _c.c.organ == bindparam("organ"),
        _c.c.from_organ == bindparam("from_organ"),
        _c.c.document_id == bindparam("document_id"),
        _c.c.state == tables.word(Recall.ASKED),
        or_(
            _c.c.target_id == bindparam("arrival_id"),
            _c.c.arrival_id == bindparam("arrival_id"),
        ),
    )
)
_OVERDUE = Query(
    select(_a.c.tracking_id, _c.c.document_id, _c.c.from_organ, _c.c.organ, _a.c.sha256)
    .join_from(_c, _a, _c.c.arrival_id == _a.c.id)
    .where(tables.WAITING_RECALL, _c.c.waits_until <= bindparam("now"))
    .order_by(_c.c.waits_until)
    .limit(bindparam("most"))
)
_CHANGES_OF = Query(select(_c).where(_c.c.arrival_id == bindparam("arrival_id")))
_ARRIVAL = Query(select(_a).where(_a.c.id == bindparam("arrival_id")))
_NAMED = Query(select(_a).where(_a.c.tracking_id == bindparam("tracking_id")))
_SETTLE = Query(
    update(_c)
    .where(_c.c.id == bindparam("change_id"))
    .values(state=bindparam("state"), target_id=bindparam("target"))
)
_SEAL = Query(
    update(_a)
    .where(_a.c.id == bindparam("arrival_id"))
    .values(sealed_at=bindparam("now"), code=tables.word("15"))
)
_WITHDRAW = Query(
    delete(_m).where(
        tables.UNSENT, _m.c.vhost == bindparam("vhost"), _m.c.message_id == bindparam("message_id")
    )
)
_CONCERNS = Query(
    select(_c, _a.c.tracking_id)
    .join_from(_c, _a, _c.c.arrival_id == _a.c.id)
    .where(
        _c.c.organ == bindparam("organ"),
        _c.c.from_organ == bindparam("from_organ"),
        _c.c.document_id == bindparam("document_id"),
        _c.c.arrival_id != bindparam("arrival_id"),
        _c.c.sha256.in_([tables.word(""), bindparam("sha256")]),
    )
    .order_by(_c.c.id)
)


# -- sender --------------------------------------------------------------------------------------


def freeze(transaction: Transaction, recall: Submission, submission_id: int) -> None:
    """Publish no more what a recall names; a recall of what was never published, or was recalled
    before, is not sent either."""
    now = recall.submitted_at
    for row in transaction.connection.rows(_OF, submission_id=submission_id):
        found = transaction.connection.one(
            _TARGET, tracking_id=recall.recalls, organ=row["to_organ"]
        )
        if found is not None:
            _freeze(transaction, row, found, bool(recall.status_code), now)


def _freeze(
    transaction: Transaction, recalling: Row, target: Row, asks: bool, now: datetime
) -> None:
    connection = transaction.connection
    connection.run(_LINK, delivery_id=recalling["id"], target=target["id"])
    if asks and target["recall"] not in (
        "",
        Recall.REFUSED,
        Recall.EXPIRED,
    ):  # one that asks is enough
        _move(transaction, recalling, Event.CANCELLED, now, detail="recalled before")
        return
    never = not target["attempts"] and not target["copies"]
    never = never and target["state"] in (State.QUEUED, State.UNDELIVERABLE)
    standing = Recall.CANCELLED if never else Recall.ASKED
    _stand(transaction, target, standing, recalling["tracking_id"], now)
    if target["state"] in (State.QUEUED, State.SENT):
        _move(
            transaction, target, Event.CANCELLED, now, detail="cancelled" if never else "recalled"
        )
    if never:
        _move(transaction, recalling, Event.CANCELLED, now, detail="not needed")


def wake(transaction: Transaction, target: Row, event: Event, now: datetime) -> None:
    """Send a recall after all: the document that was cancelled was on its way at that moment."""
    if target["recall"] != Recall.CANCELLED or event not in _ON_ITS_WAY:
        return
    for row in transaction.connection.rows(_RECALLING, delivery_id=target["id"]):
        if row["state"] == State.UNDELIVERABLE and row["reason"] == "not needed":
            _stand(transaction, target, Recall.ASKED, row["tracking_id"], now)
            ends = max(maybe_moment(row["lifetime_ends"]) or now, now + WOKEN_FOR)
            new = after(standing_of(row), Kind.DOCUMENT, Event.RELEASED, now, next_try=ends)
            move(transaction, row, Event.RELEASED, new, now)


def answered(transaction: Transaction, row: Row, receipt: Receipt) -> None:
    """Note the receiver's 15 or 16 at the document that was recalled; `row` is the delivery of the
    recall, or of the document itself."""
    target = row
    if row["recalls"] is not None:
        found = transaction.connection.one(_BY_ID, delivery_id=row["recalls"])
        target = found if found is not None else row
    if target["recall"] not in _MAY_END:
        return
    standing = ended(receipt.code, target["code"], receipt.note)
    _stand(transaction, target, standing, row["tracking_id"], receipt.arrived_at)


def submission_of(connection: Connection, from_organ: str, document_id: str) -> str:
    """Tracking id of the document of ours with this DocumentId, "" if there is none."""
    rows = connection.rows(_BY_DOCUMENT, from_organ=from_organ, document_id=document_id)
    return rows[0]["tracking_id"] if rows else ""


def _stand(transaction: Transaction, target: Row, standing: Recall, by: str, now: datetime) -> None:
    transaction.connection.run(_STAND, delivery_id=target["id"], recall=standing.value)
    facts = {"delivery": target["id"], "organ": target["to_organ"], "recall": standing.value}
    transaction.note("recall", target["tracking_id"], now, by=by, **facts)


def _move(transaction: Transaction, row: Row, event: Event, now: datetime, detail: str) -> None:
    new = after(standing_of(row), Kind(row["kind"]), event, now, detail=detail)
    move(transaction, row, event, new, now, detail=detail)


# -- receiver ------------------------------------------------------------------------------------


def standing(
    connection: Connection, arrival: Arrival, mailroom: bool
) -> tuple[RecallStanding, Row | None]:
    """What a recall meets here, and the document's row."""
    row = _target(connection, arrival)
    if row is None:
        return RecallStanding(None, False), None
    return RecallStanding(row["code"], row["handed_over_at"] is not None or not mailroom), row


def take(
    transaction: Transaction, recall: Arrival, decided: Recall, answer: Submission
) -> Acceptance | None:
    """Store a recall, what the node made of it and its answer. None when the document changed
    meanwhile, so that something else is to be decided; nothing was stored."""
    connection = transaction.connection
    if arrivals.find(connection, recall.organ, recall.sha256) is not None:
        return Acceptance.DUPLICATE
    mailroom = transaction.node.mailroom_of(recall.organ) is not None
    met, target = standing(connection, recall, mailroom)
    now_decided = decide(met.code, read=met.read, binding=not recall.asks, agrees=recall.agrees)
    if now_decided is not decided:
        return None
    if decided is Recall.WAITING and recall.asks and _too_many(transaction, recall):
        return Acceptance.REFUSED
    number = arrivals.add(transaction, recall, replace(answer, answers=recall.tracking_id))
    _end(transaction, number, target, decided, recall.arrived_at)
    return Acceptance.NEW


def _too_many(transaction: Transaction, recall: Arrival) -> bool:
    """Whether as many status 13 of this organ wait for documents as may; that is journalled."""
    counted = transaction.connection.rows(_COUNT_WAITING, from_organ=recall.from_organ)[0]["count"]
    if counted < WAITING_MAX:
        return False
    facts = {"organ": recall.from_organ, "sha256": recall.sha256, "waiting": counted}
    transaction.note("recall_refused", "", recall.arrived_at, **facts)
    return True


def note(transaction: Transaction, arrival: Arrival, number: int) -> None:
    """Note what an arrival recalls, updates or replaces."""
    for document_id in arrival.changes:
        transaction.connection.run(
            _ADD,
            arrival_id=number,
            business=arrival.business,
            organ=arrival.organ,
            from_organ=arrival.from_organ,
            document_id=document_id,
            sha256=arrival.recalled_sha256,
            state=Recall.WAITING.value if arrival.business == RECALL else "",
            target_id=None,
            waits_until=maybe_micros(arrival.waits_until),
        )


def settle(transaction: Transaction, request: int, code: str, text: str, now: datetime) -> None:
    """End the recall that an answer 15 or 16 is about; nothing if the arrival is no recall. A
    status 13 that waits for its document may be refused; what came before it stays recalled."""
    for change in transaction.connection.rows(_CHANGES_OF, arrival_id=request):
        waits = change["state"] == Recall.WAITING and change["waits_until"] is not None
        if waits and code == StatusCode.CHANGE_REFUSED:
            _end(transaction, request, None, ended(code, "", text), now)
        elif change["state"] == Recall.ASKED:
            target = transaction.connection.one(_ARRIVAL, arrival_id=change["target_id"])
            present = target["code"] if target is not None else ""
            _end(transaction, request, target, ended(code, present, text), now)


def accept_recalled(
    transaction: Transaction, arrival: Arrival, receipt: Submission, answers: Sequence[Submission]
) -> Acceptance:
    """Store a document whose recall overtook it as a tombstone, its 01, and a 15 to each recall.
    RECALLED when other recalls wait than are answered: nothing was stored."""
    connection = transaction.connection
    if arrivals.find(connection, arrival.organ, arrival.sha256) is not None:
        return Acceptance.DUPLICATE
    open_now = {one.tracking_id for one in waiting(connection, arrival)}
    if open_now != {one.answers for one in answers}:
        return Acceptance.RECALLED
    number = arrivals.add(transaction, arrival, receipt, recalled=True)
    target = connection.one(_ARRIVAL, arrival_id=number)
    for answer in answers:
        request = submissions.say(transaction, answer)
        submissions.queue(transaction, answer, request)
        if request is not None:
            _end(transaction, request, target, Recall.AGREED, arrival.arrived_at)
    return Acceptance.NEW


def overdue(connection: Connection, now: datetime, limit: int) -> list[OpenRecall]:
    """Status 13 that waited too long for their document, those first that waited longest."""
    return [_open(row) for row in connection.rows(_OVERDUE, now=micros(now), most=limit)]


def waiting(connection: Connection, arrival: Arrival) -> list[OpenRecall]:
    """Recalls that wait for this document."""
    rows = connection.rows(
        _WAITING,
        organ=arrival.organ,
        from_organ=arrival.from_organ,
        document_id=arrival.document_id,
        sha256=arrival.sha256,
    )
    return [_open(row) for row in rows]


def asked(connection: Connection, tracking_id: str) -> list[OpenRecall]:
    """Recalls of an arrival that wait for the mailroom's answer; the recall itself may be named."""
    row = connection.one(_NAMED, tracking_id=tracking_id)
    if row is None:
        raise NotFound(f"no arrival {tracking_id}")
    names = {row["document_id"]}
    names |= {each["document_id"] for each in connection.rows(_CHANGES_OF, arrival_id=row["id"])}
    found = [
        one
        for name in sorted(names)
        for one in connection.rows(
            _ASKED,
            organ=row["organ"],
            from_organ=row["from_organ"],
            document_id=name,
            arrival_id=row["id"],
        )
    ]
    return [_open(one) for one in found]


def changes_of(connection: Connection, row: Row) -> tuple[ChangeLine, ...]:
    """What an arrival recalls, updates or replaces, and what does so to it."""
    lines = []
    for change in connection.rows(_CHANGES_OF, arrival_id=row["id"]):
        other = connection.one(
            _HERE,
            organ=change["organ"],
            from_organ=change["from_organ"],
            document_id=change["document_id"],
            sha256=change["sha256"],
        )
        name = other["tracking_id"] if other is not None and other["id"] != row["id"] else ""
        lines.append(_line(change, name, by_this=True))
    if row["business"] != RECALL and row["document_id"]:
        names = {name: row[name] for name in ("organ", "from_organ", "document_id", "sha256")}
        found = connection.rows(_CONCERNS, arrival_id=row["id"], **names)
        lines += [_line(one, one["tracking_id"], by_this=False) for one in found]
    return tuple(lines)


def _line(change: Row, tracking_id: str, *, by_this: bool) -> ChangeLine:
    return ChangeLine(
        change["business"], tracking_id, change["document_id"], change["state"], by_this
    )


def _open(row: Row) -> OpenRecall:
    names = ("tracking_id", "document_id", "from_organ", "organ", "sha256")
    return OpenRecall(*(row[name] for name in names))


def _target(connection: Connection, recall: Arrival) -> Row | None:
    return connection.one(
        _HERE,
        organ=recall.organ,
        from_organ=recall.from_organ,
        document_id=recall.changes[0],
        sha256=recall.recalled_sha256,
    )


def _end(
    transaction: Transaction, request: int, target: Row | None, state: Recall, now: datetime
) -> None:
    """Note where a recall stands, seal the copy if it was agreed, and tell the mailroom."""
    connection = transaction.connection
    number = target["id"] if target is not None else None
    for change in connection.rows(_CHANGES_OF, arrival_id=request):
        connection.run(_SETTLE, change_id=change["id"], state=state.value, target=number)
    asking = connection.rows(_ARRIVAL, arrival_id=request)[0]
    facts = {"organ": asking["organ"], "recall": state.value, "code": ANSWERS.get(state, "16")}
    shown = target if target is not None else asking
    transaction.note("recall", shown["tracking_id"], now, by=asking["tracking_id"], **facts)
    if target is not None and state is Recall.AGREED:
        _seal(transaction, target, now)
    vhost = transaction.node.mailroom_of(asking["organ"])
    if vhost is not None:
        event = recall_event(
            arrivals.subject(transaction, shown),
            asking["tracking_id"],
            asking["from_organ"],
            asking["subject"],
            state.value,
            vhost=vhost,
            source=transaction.node.source,
            at=now,
        )
        transaction.post(event, now)


def _seal(transaction: Transaction, target: Row, now: datetime) -> None:
    """Destroy a copy: no mailroom gets it any more, no command reads it; the row stays."""
    connection = transaction.connection
    connection.run(_SEAL, arrival_id=target["id"], now=micros(now))
    vhost = transaction.node.mailroom_of(target["organ"])
    if vhost is not None:
        connection.run(_WITHDRAW, vhost=vhost, message_id=target["tracking_id"])
    destroyed = blobs.destroy(transaction, target["sha256"], target["tracking_id"], now)
    kept.erase_beginning(transaction, target["organ"], target["sha256"], now)
    facts = {"sha256": target["sha256"], "content_destroyed": destroyed}
    transaction.note("sealed", target["tracking_id"], now, organ=target["organ"], **facts)
