"""What a person who runs the node decides about deliveries: hold, release, try now, send anew.

Each decision is a line of the journal that says who and why. The daemon beside us sees a hold of a
delivery in its next query, and a hold or a probe of a destination within a second (`Sender.obey`).
What is decided about a whole destination is done in steps, so that the daemon writes in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Update, bindparam, delete, select, update

from ...core.errors import Conflict
from ...core.model import DestinationHold, Order, Submission
from ...core.schedule import Lane
from ...core.standing import after
from ...core.states import Event, Kind, State
from . import blobs, gone, submissions, tables
from .database import Connection, Query, Row, adding, micros, moment
from .deliveries import announce, loaded, move, standing_of
from .transaction import Transaction

STEP = 1000  # deliveries that one transaction makes due: some 10 ms of the writer

_d, _s, _h, _p = tables.deliveries, tables.submissions, tables.holds, tables.pauses
_OF = Query(
    loaded()
    .where(_s.c.kind == tables.word(Kind.DOCUMENT), _s.c.tracking_id == bindparam("tracking_id"))
    .order_by(_d.c.id)
)
_SENT = Query(
    select(_s).where(
        _s.c.kind == tables.word(Kind.DOCUMENT), _s.c.tracking_id == bindparam("tracking_id")
    )
)
_BY_ID = Query(loaded().where(_d.c.id == bindparam("delivery_id")))
_HELD = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(held=bindparam("reason"))
)
_NOW = Query(
    update(_d).where(_d.c.id == bindparam("delivery_id")).values(next_try=bindparam("now"))
)
_HOLDS = Query(select(_h).order_by(_h.c.organ))
_ADD_HOLD = Query(adding(_h))
_DROP_HOLD = Query(delete(_h).where(_h.c.organ == bindparam("of_organ")))
_PROBE = Query(
    update(_p)
    .where(_p.c.organ == bindparam("of_organ"), _p.c.probe_at > bindparam("now"))
    .values(probe_at=bindparam("now"))
)


def _sooner() -> Update:
    lane, organ = _d.c.lane == bindparam("of_lane"), _d.c.to_organ == bindparam("of_organ")
    later = (
        select(_d.c.id)
        .where(tables.AGAIN, lane, organ, _d.c.next_try > bindparam("now"))
        .limit(bindparam("most"))
    )
    return update(_d).where(_d.c.id.in_(later)).values(next_try=bindparam("now"))


_SOONER = Query(_sooner())


def hold(
    transaction: Transaction, tracking_id: str, organs: Collection[str], order: Order, now: datetime
) -> list[str]:
    """Hold a document back from these recipients (all when empty); those that now are held.

    What was published already is not sent again while it is held; its lifetime goes on.
    """
    rows = [
        row
        for row in _open(transaction, tracking_id, organs)
        if not row["held"] and row["state"] in (State.QUEUED, State.SENT)
    ]
    for row in rows:
        _set_held(transaction, row, order.reason, "held_back", order, now)
    return [row["to_organ"] for row in rows]


def release(
    transaction: Transaction, tracking_id: str, organs: Collection[str], order: Order, now: datetime
) -> list[str]:
    """Let a document that was held back go on; those that were held."""
    rows = [row for row in _open(transaction, tracking_id, organs) if row["held"]]
    for row in rows:
        _set_held(transaction, row, "", "let_go", order, now)
    return [row["to_organ"] for row in rows]


def _set_held(
    transaction: Transaction, row: Row, reason: str, event: str, order: Order, now: datetime
) -> None:
    connection = transaction.connection
    connection.run(_HELD, delivery_id=row["id"], reason=reason)
    _note(transaction, event, row["tracking_id"], row["to_organ"], order, now)
    changed = connection.rows(_BY_ID, delivery_id=row["id"])[0]
    announce(transaction, changed, standing_of(changed), now)


def retry(
    transaction: Transaction, tracking_id: str, organs: Collection[str], order: Order, now: datetime
) -> list[str]:
    """Have a document published now to these recipients (all when empty) whose receipt is not
    here; those it is for. A pause of the destination is probed now. What is held stays held."""
    rows = [
        row
        for row in _open(transaction, tracking_id, organs)
        if not row["held"] and row["state"] in (State.QUEUED, State.SENT)
    ]
    for row in rows:
        _note(transaction, "retried", row["tracking_id"], row["to_organ"], order, now)
        if row["state"] == State.SENT:  # as if its receipt were overdue
            new = after(standing_of(row), Kind.DOCUMENT, Event.RECEIPT_OVERDUE, now)
            move(transaction, row, Event.RECEIPT_OVERDUE, new, now)
        else:
            transaction.connection.run(_NOW, delivery_id=row["id"], now=micros(now))
        probe(transaction, row["to_organ"], now)
    return [row["to_organ"] for row in rows]


def replay(
    transaction: Transaction,
    tracking_id: str,
    organs: Collection[str],
    ends: datetime,
    order: Order,
    now: datetime,
) -> list[str]:
    """Send what could not be delivered once more, the same bytes under the same id, with a new
    lifetime; those it is for.

    Raises:
        Conflict: one of them was recalled, or its content was purged; nothing was changed.
    """
    rows = [
        row
        for row in _open(transaction, tracking_id, organs)
        if row["state"] == State.UNDELIVERABLE
    ]
    recalled = [row["to_organ"] for row in rows if row["recall"]]
    if recalled:
        raise Conflict(
            f"recalled from {', '.join(recalled)}: it is not sent again",
            f"đã thu hồi ở {', '.join(recalled)}: không gửi lại",
        )
    gone.refuse(transaction.connection, tracking_id)
    for row in rows:
        _note(transaction, "replayed", row["tracking_id"], row["to_organ"], order, now)
        transaction.connection.run(_HELD, delivery_id=row["id"], reason="")
        new = after(standing_of(row), Kind.DOCUMENT, Event.RELEASED, now, next_try=ends)
        move(transaction, row, Event.RELEASED, new, now)
    return [row["to_organ"] for row in rows]


def ask_again(
    transaction: Transaction,
    tracking_id: str,
    organs: Collection[str],
    new_id: Callable[[], str],
    order: Order,
    now: datetime,
) -> list[str]:
    """Send the same bytes once more to those that have acknowledged them: they take them as the
    copy that they are, and answer with every status that they ever said. For whom.

    The copy is a delivery of its own that waits for nothing (`Kind.TEST`); what comes is a receipt
    of the document as any other.
    """
    rows = [
        row for row in _open(transaction, tracking_id, organs) if row["state"] == State.ACKNOWLEDGED
    ]
    if not rows:
        return []
    sent = transaction.connection.rows(_SENT, tracking_id=tracking_id)[0]
    asked = [row["to_organ"] for row in rows]
    copy = copy_of(transaction.connection, sent, asked, new_id(), now, lane=rows[0]["lane"])
    submissions.queue(transaction, copy, None)
    for organ in asked:
        _note(transaction, "statuses_asked", tracking_id, organ, order, now)
    return asked


def copy_of(
    connection: Connection,
    sent: Row,
    to: Collection[str],
    tracking_id: str,
    now: datetime,
    *,
    lane: str = "",
) -> Submission:
    """The same bytes once more, as a delivery that waits for nothing.

    Args:
        connection: reads the content.
        sent: row of the submission.
        to: for whom.
        tracking_id: of the copy.
        now: when.
        lane: of the axis; "" when the row of the submission has it.
    """
    return Submission(
        tracking_id=tracking_id,
        kind=Kind.TEST,
        data=blobs.content(connection, sent["sha256"]),
        sha256=sent["sha256"],
        from_organ=sent["from_organ"],
        document_id=sent["document_id"],
        business=0,
        number="",
        notation="",
        subject="",
        recipients=tuple(to),
        lane=Lane(lane or sent["lane"]),
        priority=0,
        submitted_at=now,
        lifetime_ends=None,
        content_sha256=sent["content_sha256"],
    )


def ask_cancel(transaction: Transaction, tracking_id: str, order: Order, now: datetime) -> None:
    """Write down who wants a document cancelled and why; cancelling is a recall (`recalls`)."""
    _note(transaction, "cancel_asked", tracking_id, "", order, now)


def _open(transaction: Transaction, tracking_id: str, organs: Collection[str]) -> list[Row]:
    """The deliveries of a document to these recipients, all of them when none is named."""
    rows = transaction.connection.rows(_OF, tracking_id=tracking_id)
    return [row for row in rows if not organs or row["to_organ"] in organs]


# -- destinations ------------------------------------------------------------------------------


def hold_destination(transaction: Transaction, organ: str, order: Order, now: datetime) -> bool:
    """Let nothing leave for an organ; False if that was so."""
    if any(one.organ == organ for one in holds(transaction.connection)):
        return False
    transaction.connection.run(
        _ADD_HOLD, organ=organ, since=micros(now), who=order.by, why=order.reason
    )
    _note(transaction, "destination_held", "", organ, order, now)
    return True


def release_destination(transaction: Transaction, organ: str, order: Order, now: datetime) -> bool:
    """End such a hold; False if there was none."""
    if not transaction.connection.run(_DROP_HOLD, of_organ=organ):
        return False
    _note(transaction, "destination_released", "", organ, order, now)
    return True


def retry_destination(
    transaction: Transaction, organ: str, now: datetime, order: Order | None
) -> int:
    """Make some of what waits for an organ due now; how many, 0 when all is. With an order, the
    first step: its line is written and the pauses of the organ are probed."""
    if order is not None:
        _note(transaction, "retried", "", organ, order, now)
        probe(transaction, organ, now)
    return sum(
        transaction.connection.run(
            _SOONER, of_lane=lane.value, of_organ=organ, now=micros(now), most=STEP
        )
        for lane in Lane
    )


def probe(transaction: Transaction, organ: str, now: datetime) -> int:
    """Have the pauses of an organ probed now; "" is the axis as a whole."""
    return transaction.connection.run(_PROBE, of_organ=organ, now=micros(now))


def holds(connection: Connection) -> list[DestinationHold]:
    """Destinations that a person holds back."""
    return [
        DestinationHold(row["organ"], moment(row["since"]), row["who"], row["why"])
        for row in connection.rows(_HOLDS)
    ]


def _note(
    transaction: Transaction, event: str, ref: str, organ: str, order: Order, now: datetime
) -> None:
    transaction.note(event, ref, now, organ=organ, by=order.by, detail=order.reason)
