"""What an event makes of a delivery beside its state: counts, next try, reason. Pure.

The state itself is for `states.step` to say; here stands which other columns an event touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .states import Event, Kind, State, step

REASONS: Mapping[Event, str] = {  # why a delivery is undeliverable, when nobody gave a better one
    Event.PUBLISH_REFUSED: "refused",
    Event.CANCELLED: "cancelled",
    Event.LIFETIME_ENDED: "expired",
}

LATE = "late"  # reason of an acknowledged one: the receipt came after we had given up
NO_RECEIPT = "no_receipt"  # at a deadline: the axis took it, the recipient has not answered
NOT_TAKEN = "not_taken"  # at a deadline: the axis has not taken it


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a delivery that events change; times aware UTC. `deadline` is the next one: when
    a person is to be warned, then `lifetime_ends`."""

    state: State
    reason: str
    attempts: int
    copies: int
    next_try: datetime | None
    lifetime_ends: datetime | None
    deadline: datetime | None
    last_error: str
    code: str
    code_conflict: bool


def after(
    standing: Standing,
    kind: Kind,
    event: Event,
    now: datetime,
    *,
    next_try: datetime | None = None,
    detail: str = "",
) -> Standing:
    """Say what a delivery becomes by an event.

    Args:
        standing: its present standing.
        kind: what it carries; a status waits for no answer, so nothing is due once it has left.
        event: what happened.
        now: when.
        next_try: of a confirm, when a receipt is overdue; of a deferral, when to publish again;
            of a release, when the new lifetime ends.
        detail: of a deferral the error; of a refusal or cancellation the reason.

    Raises:
        IllegalTransition: the event cannot happen now.
    """
    state = step(kind, standing.state, event)
    new = replace(standing, state=state)
    match event:
        case Event.PUBLISH_CONFIRMED:
            new = replace(new, copies=new.copies + 1, attempts=0, last_error="")
            waits = state is State.SENT
            return replace(new, next_try=_deadline(kind, next_try)) if waits else new
        case Event.PUBLISH_DEFERRED:
            new = replace(new, attempts=new.attempts + 1, last_error=detail)
            return replace(new, next_try=next_try) if state is State.QUEUED else new
        case Event.PUBLISH_REFUSED if state is standing.state:
            return replace(new, last_error=detail)
        case Event.PUBLISH_REFUSED | Event.CANCELLED | Event.LIFETIME_ENDED:
            return replace(new, reason=detail or REASONS[event], next_try=None)
        case Event.RECEIPT_VERIFIED:
            return replace(new, reason=_promptness(standing), next_try=None)
        case Event.RECEIPT_OVERDUE:
            return replace(new, next_try=now)
        case Event.ASKED_AGAIN:
            return replace(new, attempts=0, next_try=now)
        case Event.RELEASED:
            fresh = replace(new, reason="", attempts=0, copies=0)
            return replace(fresh, next_try=now, lifetime_ends=next_try, deadline=next_try)


def warned(standing: Standing) -> Standing:
    """What a delivery becomes when a person was warned of it: only its end is left to wait for."""
    return replace(standing, deadline=standing.lifetime_ends)


def missing(standing: Standing) -> str:
    """What a delivery lacks at a deadline, as it stands then."""
    return NO_RECEIPT if standing.copies else NOT_TAKEN


def _promptness(standing: Standing) -> str:
    """Reason of an acknowledged one: LATE when we had given up before the first receipt came."""
    if standing.state is State.UNDELIVERABLE or standing.reason == LATE:
        return LATE
    return ""


def _deadline(kind: Kind, at: datetime | None) -> datetime | None:
    return at if kind is Kind.DOCUMENT else None
