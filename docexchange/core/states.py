"""The two state tables: transport of a delivery, and processing by the receiving organ.

Everything that moves a delivery is in TRANSPORT; an empty cell raises `IllegalTransition`
and nothing has changed. Processing codes are a second, separate table: they come late, twice
and out of order, so we refuse to *send* an illegal one and fold whatever arrives.

Source: design of the exchange, §4; codes: VPCP guide and SDK (QĐ 28/2018 Art 10.2h in words).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from .errors import Conflict


class Kind(StrEnum):
    """What a delivery carries: a document waits for an answer, a status does not; a test (`ping`)
    is sent once, and whoever sent it looks for the answer."""

    DOCUMENT = "document"
    STATUS = "status"
    TEST = "test"


class State(StrEnum):
    """Transport state of a delivery (lượt gửi)."""

    QUEUED = "queued"  # chờ gửi
    SENT = "sent"  # đã gửi, chờ biên nhận
    ACKNOWLEDGED = "acknowledged"  # đã có biên nhận
    UNDELIVERABLE = "undeliverable"  # không gửi được


class Event(StrEnum):
    """What can happen to a delivery."""

    PUBLISH_CONFIRMED = "publish_confirmed"
    PUBLISH_DEFERRED = "publish_deferred"
    PUBLISH_REFUSED = "publish_refused"
    RECEIPT_VERIFIED = "receipt_verified"
    RECEIPT_OVERDUE = "receipt_overdue"
    LIFETIME_ENDED = "lifetime_ended"
    CANCELLED = "cancelled"
    RELEASED = "released"
    ASKED_AGAIN = "asked_again"


class SigningState(StrEnum):
    """State of a document whose signature is made elsewhere, before any delivery exists.

    WAITING becomes one of the others, once; what was SIGNED goes on as deliveries.
    """

    WAITING = "waiting"  # chờ ký
    SIGNED = "signed"  # đã ký
    EXPIRED = "expired"  # hết hạn ký
    CANCELLED = "cancelled"  # thôi không ký


class IllegalTransition(Conflict):
    """The event cannot happen in that state; nothing was changed."""


_Q, _S, _A, _U = State.QUEUED, State.SENT, State.ACKNOWLEDGED, State.UNDELIVERABLE
_E = Event

TRANSPORT: Mapping[State, Mapping[Event, State]] = {
    _Q: {
        _E.PUBLISH_CONFIRMED: _S,
        _E.PUBLISH_DEFERRED: _Q,
        _E.PUBLISH_REFUSED: _U,
        _E.RECEIPT_VERIFIED: _A,
        _E.LIFETIME_ENDED: _U,
        _E.CANCELLED: _U,
        _E.ASKED_AGAIN: _Q,
    },
    _S: {
        _E.PUBLISH_CONFIRMED: _S,
        _E.PUBLISH_DEFERRED: _S,
        _E.PUBLISH_REFUSED: _S,
        _E.RECEIPT_VERIFIED: _A,
        _E.RECEIPT_OVERDUE: _Q,
        _E.LIFETIME_ENDED: _U,
        _E.CANCELLED: _U,
        _E.RELEASED: _Q,
        _E.ASKED_AGAIN: _Q,
    },
    _A: {
        _E.PUBLISH_CONFIRMED: _A,
        _E.PUBLISH_DEFERRED: _A,
        _E.PUBLISH_REFUSED: _A,
        _E.RECEIPT_VERIFIED: _A,
    },
    _U: {
        _E.PUBLISH_CONFIRMED: _U,
        _E.PUBLISH_DEFERRED: _U,
        _E.PUBLISH_REFUSED: _U,
        _E.RECEIPT_VERIFIED: _A,
        _E.RELEASED: _Q,
    },
}

DOCUMENT_ONLY = frozenset(
    {
        Event.RECEIPT_VERIFIED,
        Event.RECEIPT_OVERDUE,
        Event.LIFETIME_ENDED,
        Event.CANCELLED,
        Event.RELEASED,
    }
)
STATUS_ONLY = frozenset({Event.ASKED_AGAIN})


def step(kind: Kind, state: State, event: Event) -> State:
    """Say what a delivery becomes.

    Args:
        kind: what the delivery carries.
        state: its present state.
        event: what happened.

    Returns:
        The next state, perhaps the same.

    Raises:
        IllegalTransition: the cell is empty for this kind; nothing has changed.
    """
    forbidden = STATUS_ONLY if kind is Kind.DOCUMENT else DOCUMENT_ONLY
    following = None if event in forbidden else TRANSPORT[state].get(event)
    if following is None:
        raise IllegalTransition(f"a {kind} in state {state} cannot take {event}")
    return following


class StatusCode(StrEnum):
    """Mã trạng thái xử lý: the nine codes seen on the wire."""

    ARRIVED = "01"  # đã đến
    REJECTED = "02"  # từ chối tiếp nhận
    ACCEPTED = "03"  # đã tiếp nhận
    ASSIGNED = "04"  # phân công
    PROCESSING = "05"  # đang xử lý
    COMPLETED = "06"  # hoàn thành
    RECALLING = "13"  # lấy lại
    CHANGE_AGREED = "15"  # đồng ý cập nhật hoặc lấy lại
    CHANGE_REFUSED = "16"  # từ chối cập nhật hoặc lấy lại


_C = StatusCode

# What the receiving organ may say next; "" is "nothing said yet". 15 and 16 answer a recall or
# an update and are judged apart: they may follow anything that is not rejected.
PROCESSING: Mapping[str, frozenset[StatusCode]] = {
    "": frozenset({_C.ARRIVED, _C.REJECTED, _C.ACCEPTED, _C.ASSIGNED, _C.PROCESSING, _C.COMPLETED}),
    _C.ARRIVED: frozenset({_C.REJECTED, _C.ACCEPTED, _C.ASSIGNED, _C.PROCESSING, _C.COMPLETED}),
    _C.ACCEPTED: frozenset({_C.ASSIGNED, _C.PROCESSING, _C.COMPLETED}),
    _C.ASSIGNED: frozenset({_C.PROCESSING, _C.COMPLETED}),
    _C.PROCESSING: frozenset({_C.COMPLETED}),
    _C.COMPLETED: frozenset(),
    _C.REJECTED: frozenset(),
    _C.CHANGE_AGREED: frozenset(),
    _C.CHANGE_REFUSED: frozenset({_C.ACCEPTED, _C.ASSIGNED, _C.PROCESSING, _C.COMPLETED}),
}
CHANGE_ANSWERS = frozenset({_C.CHANGE_AGREED, _C.CHANGE_REFUSED})


CONFLICT = "CONFLICT"  # reason of a 02: the recipient has other content under that identity


def says_conflict(code: str, note: str) -> bool:
    """Whether a status is a node's 02 for a conflict; its Description begins with the reason."""
    return code == _C.REJECTED and note.startswith(f"{CONFLICT}:")


def may_say(current: str, code: StatusCode) -> bool:
    """Whether a receiving organ at `current` ("" at first) may send `code` next."""
    if code in CHANGE_ANSWERS:
        return current not in (_C.REJECTED, _C.CHANGE_AGREED)
    return code in PROCESSING[current]


def fold(history: Iterable[tuple[datetime, int, str]]) -> tuple[str, bool]:
    """Fold codes that arrived in any order into the present processing status.

    Args:
        history: (signing time, arrival number, code) of each verified status, in any order.

    Returns:
        (the present code or "", whether the history contradicts itself: 02 after acceptance).
    """
    current, conflict = "", False
    for _, _, code in sorted(history):
        if code not in StatusCode.__members__.values():
            continue
        if may_say(current, StatusCode(code)):
            current = code
        elif code == _C.REJECTED and current in (_C.ACCEPTED, _C.ASSIGNED, _C.PROCESSING):
            conflict = True
    return current, conflict
