"""Why a delivery is where it is, what happens next and when: one sentence for each cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..core.reconciling import RESTORED
from ..core.states import State, StatusCode
from . import show, words
from .explain import OURS, given_up
from .rollup import explain_pause
from .words import say

if TYPE_CHECKING:
    from ..core.model import DeliveryView, DestinationHold, Pause

_BUSY = frozenset({StatusCode.ACCEPTED, StatusCode.ASSIGNED, StatusCode.PROCESSING})


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a delivery.

    Args:
        names: code -> code and name of an organ.
        now: the time.
        pauses: what holds up a recipient, by its code (`rollup.pauses_of`).
        holds: destinations that a person holds back, by their code.
        running: whether the daemon runs.
    """

    names: Callable[[str], str]
    now: datetime
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    holds: Mapping[str, DestinationHold] = field(default_factory=dict)
    running: bool = True


def why(delivery: DeliveryView, around: Around) -> str:
    """The sentence; "" when it has ended well and there is nothing to explain."""
    if delivery.recall:
        return words.recall(delivery.recall)
    if delivery.state in (State.QUEUED, State.SENT):
        return _under_way(delivery, around)
    if delivery.state is State.UNDELIVERABLE:
        return given_up(delivery.reason) + _remedy(delivery)
    return _acknowledged(delivery, around)


def _remedy(delivery: DeliveryView) -> str:
    if delivery.reason != "expired":
        return ""
    return say("; gửi lại: docexchange dead replay", "; send it anew: docexchange dead replay")


def _under_way(delivery: DeliveryView, around: Around) -> str:
    """Of what leaves us, or waits for its receipt; the nearest obstacle first."""
    if delivery.held == RESTORED:
        whom = delivery.to_organ
        return say(
            f"giữ lại từ khi khôi phục kho: {whom} có thể đã có; docexchange reconcile {whom} "
            "--release",
            f"held since the store was restored: {whom} may have it; docexchange reconcile {whom} "
            "--release",
        )
    if delivery.held:
        return say(
            f"tạm giữ: {delivery.held}; thả ra: docexchange queue release",
            f"on hold: {delivery.held}; let it go: docexchange queue release",
        )
    if delivery.state is State.SENT:
        return _unanswered(delivery, around)
    if not around.running:
        return say(
            "tiến trình không chạy nên không gì được gửi: chạy `docexchange run`",
            "the daemon does not run, so nothing leaves: start `docexchange run`",
        )
    hold = around.holds.get(delivery.to_organ)
    if hold is not None:
        organ = delivery.to_organ
        return say(
            f"{hold.by} giữ lại mọi thứ gửi tới nơi này ({hold.why}); "
            f"thả ra: docexchange queue release --to {organ}",
            f"{hold.by} holds back all that goes there ({hold.why}); "
            f"let it go: docexchange queue release --to {organ}",
        )
    pause = around.pauses.get(delivery.to_organ)
    if pause is not None:
        return explain_pause(pause, around.names, around.now)
    return _queued(delivery, around)


def _queued(delivery: DeliveryView, around: Around) -> str:
    again = _when(delivery.next_try, around.now)
    if delivery.attempts:
        why = f" ({words.side(delivery.last_error)})" if delivery.last_error else ""
        return say(
            f"trục chưa nhận, đã thử {delivery.attempts} lần{why}; thử lại {again}",
            f"the axis did not take it, {delivery.attempts} attempt(s){why}; again {again}",
        )
    if delivery.copies:
        return say(
            f"chưa có biên nhận sau {delivery.copies} bản gửi; gửi lại {again}",
            f"no receipt after {delivery.copies} copies; sent again {again}",
        )
    return say(
        "đang xếp hàng, đến lượt sẽ gửi ngay", "in the queue; it leaves as soon as it is its turn"
    )


def _unanswered(delivery: DeliveryView, around: Around) -> str:
    again, end = _when(delivery.next_try, around.now), show.moment(delivery.lifetime_ends)
    whom = around.names(delivery.to_organ)
    return say(
        f"trục đã nhận, {whom} chưa gửi biên nhận; gửi lại {again} nếu vẫn chưa có, chờ tới {end}",
        f"the axis holds it, no receipt of {whom} yet; sent again {again} if there is none by "
        f"then, until {end}",
    )


def _acknowledged(delivery: DeliveryView, around: Around) -> str:
    whom = around.names(delivery.to_organ)
    if delivery.code_conflict:
        return say(
            "bên nhận báo từ chối (02) sau khi đã tiếp nhận: cần hỏi lại bên nhận",
            "the recipient rejected it (02) after accepting it: ask the recipient",
        )
    if delivery.late:
        return say(
            "đã giao muộn: biên nhận đến sau khi ta đã thôi chờ",
            "delivered late: its receipt came after we had given up",
        )
    if delivery.code in OURS and delivery.history:
        note = delivery.history[-1].note
        return say(f"lý do: {note}", f"reason: {note}") if note else ""
    said = (
        delivery.history[-1].signed_at or delivery.history[-1].recorded_at
        if (delivery.history)
        else None
    )
    since = show.moment(said)
    if delivery.code == StatusCode.ARRIVED:
        return say(
            f"đã đến {whom} từ {since}, văn thư bên đó chưa tiếp nhận (03); việc của bên nhận",
            f"with {whom} since {since}, its clerks have not accepted it (03) yet; their move",
        )
    if delivery.code in _BUSY:
        return say(
            f"{whom} đang xử lý ({words.code(delivery.code)}) từ {since}",
            f"{whom} is at work on it ({words.code(delivery.code)}) since {since}",
        )
    return ""


def _when(time: datetime | None, now: datetime) -> str:
    if time is None or time <= now:
        return say("ngay", "at once")
    return say(
        f"lúc {show.moment(time)} (sau {show.span(time - now)})",
        f"at {show.moment(time)} (in {show.span(time - now)})",
    )
