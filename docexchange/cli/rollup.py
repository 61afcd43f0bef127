"""A document of many recipients in one line (97 of 100), and which of them a person should see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.schedule import lane_of
from ..core.states import State, StatusCode
from . import show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import DeliveryView, DocumentView, Pause

FEW = 20  # recipients that are all shown; of more, those that lack something
_ORDER = (State.UNDELIVERABLE, State.QUEUED, State.SENT)
_REFUSALS = frozenset({StatusCode.REJECTED, StatusCode.CHANGE_REFUSED})


def line(view: DocumentView) -> str:
    """How many have it, and where the others are; "" for one recipient."""
    total, counts = len(view.deliveries), view.counts
    if total < 2:
        return ""
    done = counts.get(State.ACKNOWLEDGED.value, 0)
    parts = [say(f"{done}/{total} nơi đã có biên nhận", f"{done} of {total} acknowledged")]
    parts += [
        f"{counts[state.value]} {words.state(state).partition(' ')[2].lower()}"
        for state in _ORDER
        if state.value in counts
    ]
    if late := sum(one.late for one in view.deliveries):
        parts.append(say(f"{late} đến muộn", f"{late} delivered late"))
    return " · ".join(parts)


def shown(view: DocumentView, *, everyone: bool) -> Sequence[DeliveryView]:
    """The recipients to show: all of a few; of many those without receipt, that refused, whose
    codes contradict each other, or that got it late."""
    if everyone or len(view.deliveries) <= FEW:
        return view.deliveries
    return [
        one
        for one in view.deliveries
        if one in view.missing or one.code in _REFUSALS or one.code_conflict or one.late
    ]


def to_json(view: DocumentView) -> dict[str, Any]:
    """The same for --json."""
    counts = view.counts
    return {
        "recipients": len(view.deliveries),
        **{state.value: counts.get(state.value, 0) for state in State},
        "delivered_late": sum(one.late for one in view.deliveries),
    }


def pauses_of(view: DocumentView, pauses: Sequence[Pause]) -> Mapping[str, Pause]:
    """The pause that holds up each recipient, by its code; one of the whole axis holds up all."""
    lane = lane_of(view.priority).value
    waiting = {one.to_organ for one in view.deliveries if one.state is State.QUEUED}
    everywhere = next((pause for pause in pauses if not pause.organ), None)
    found = dict.fromkeys(sorted(waiting), everywhere) if everywhere else {}
    found |= {p.organ: p for p in pauses if p.lane == lane and p.organ in waiting}
    return {organ: pause for organ, pause in found.items() if pause is not None}


def explain_pause(pause: Pause, names: Callable[[str], str], now: datetime) -> str:
    """Why nothing leaves for now, and when the next probe does."""
    since, why = show.moment(pause.since), words.side(pause.why)
    whom = names(pause.organ) if pause.organ else say("trục", "the axis")
    again = say("ngay", "at once") if pause.probe_at <= now else show.moment(pause.probe_at)
    return say(
        f"tạm ngừng gửi tới {whom} từ {since} ({why}); thử lại một văn bản: {again}",
        f"nothing is sent to {whom} since {since} ({why}); one document tries again: {again}",
    )
