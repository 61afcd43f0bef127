"""`queue`: what waits to leave, or for its receipt, and what a person decides about it.

    list, show, shape                 only look
    retry, hold, release, cancel      decide: `queue_orders`

A running daemon obeys within a second. Who decided and why stands in the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.reconciling import RESTORED
from ..core.states import State
from . import options, queue_orders, queue_shape, session, show, words
from .words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..core.model import DestinationHold, Pause, QueueLine

HELD = "held"
STATES = (State.QUEUED.value, State.SENT.value, HELD)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Hàng đợi gửi đi: xem, gửi lại ngay, giữ lại, thả ra, huỷ.",
            "What waits to leave: look, try now, hold, release, cancel.",
        )
    )
    options.add(
        group,
        "list",
        list_queue,
        "Văn bản chờ gửi hoặc chờ biên nhận, sắp hết hạn trước.",
        "Documents that wait to leave or for their receipt, nearest deadline first.",
    )
    options.add(
        group,
        "show",
        show_document,
        "Một văn bản trong hàng đợi: từng nơi nhận, đã thử mấy lần, bao giờ thử tiếp.",
        "One document: each recipient, how often it was tried, when it is tried again.",
    )
    options.add(
        group,
        "shape",
        queue_shape.show_shape,
        "Mỗi nơi nhận còn bao nhiêu, chờ đã bao lâu: nhìn một lần biết nghẽn ở đâu.",
        "How much waits for each destination, and since when: one look tells where it is stuck.",
    )
    options.add(
        group,
        "retry",
        queue_orders.retry,
        "Gửi ngay, không chờ tới giờ hẹn. Vẫn đúng từng byte và mã cũ.",
        "Publish now instead of at the next try. The same bytes under the same id.",
    )
    options.add(
        group,
        "hold",
        queue_orders.hold,
        "Giữ lại một văn bản, hoặc mọi thứ gửi tới một nơi (--to). Hạn chờ vẫn tính.",
        "Hold back a document, or all that goes to a destination (--to). Lifetimes go on.",
    )
    options.add(
        group,
        "release",
        queue_orders.release,
        "Thả ra thứ đã giữ lại.",
        "Let go what was held back.",
    )
    options.add(
        group,
        "cancel",
        queue_orders.cancel,
        "Huỷ gửi tới những nơi chưa gửi lần nào. Đã gửi rồi thì dùng `recall`.",
        "Cancel where it never left. What was published can only be recalled (`recall`).",
    )
    app.add_typer(group, name="queue")


# -- looking -----------------------------------------------------------------------------------


def list_queue(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ORGAN",
            help=say("chỉ gửi tới nơi này", "only for this destination"),
        ),
    ] = "",
    state: Annotated[
        str,
        typer.Option("--state", metavar="|".join(STATES), help=say("chỉ những thứ", "only those")),
    ] = "",
    limit: options.Limit = 50,
    as_json: options.Json = False,
) -> None:
    """List what waits."""
    if state and state not in STATES:
        raise typer.BadParameter(" | ".join(STATES), param_hint="--state")
    with session.open_store() as (_, store):
        if state == HELD:
            lines = store.operator.held(to, limit)
        else:
            lines = store.operator.waiting(to, State(state) if state else None, limit)
        pauses, holds = store.outgoing.pauses(), store.outgoing.holds()
    if as_json:
        show.emit(
            "queue-list",
            {
                "deliveries": [line_json(one) for one in lines],
                "destinations_held": [hold_json(one) for one in holds],
                "destinations_paused": [pause_json(one) for one in pauses],
            },
        )
        return
    print_destinations(pauses, holds)
    if not lines:
        show.note(say("không có gì chờ gửi", "nothing waits"))
        return
    now = session.now()
    print_lines(lines, lambda one: why(one, now))
    if len(lines) == limit:
        show.note(say(f"chỉ {limit} dòng đầu (--limit)", f"the first {limit} only (--limit)"))


def print_lines(lines: Sequence[QueueLine], last: Callable[[QueueLine], str]) -> None:
    """Deliveries as a table; `last` says why each is there."""
    from .track import number_of

    show.table(
        [
            say("NỘP LÚC", "SUBMITTED"),
            say("SỐ, KÝ HIỆU", "NUMBER"),
            say("NƠI NHẬN", "RECIPIENT"),
            say("LÀN", "LANE"),
            say("VẬN CHUYỂN", "TRANSPORT"),
            say("LÝ DO, BƯỚC TIẾP", "WHY, WHAT NEXT"),
            say("MÃ THEO DÕI", "TRACKING ID"),
        ],
        [
            [
                show.minute(one.submitted_at),
                number_of(one.number, one.notation),
                one.to_organ,
                one.lane,
                words.state(one.state),
                show.short(last(one), 60),
                one.tracking_id,
            ]
            for one in lines
        ],
    )


def why(one: QueueLine, now: datetime) -> str:
    """Why a delivery waits, and when it goes on."""
    if one.held == RESTORED:
        return say("giữ lại từ khi khôi phục (reconcile)", "held since the restore (reconcile)")
    if one.held:
        return say(f"giữ lại: {one.held}", f"held: {one.held}")
    again = show.moment(one.next_try) if one.next_try and one.next_try > now else ""
    when = say(f"thử lại {again}", f"again {again}") if again else say("đến lượt", "due")
    if one.state is State.SENT:
        return say(f"chờ biên nhận, gửi lại {again}", f"awaits its receipt, sent again {again}")
    if one.attempts:
        error = words.side(one.last_error)
        return say(f"lỗi {one.attempts} lần: {error}", f"{one.attempts} failed: {error}") + (
            f"; {when}"
        )
    if one.copies:
        return say(f"đã gửi {one.copies} bản; {when}", f"{one.copies} copies sent; {when}")
    return when


def print_destinations(pauses: Sequence[Pause], holds: Sequence[DestinationHold]) -> None:
    """Destinations that get nothing now, with the reason."""
    from .rollup import explain_pause

    for one in holds:
        since = show.moment(one.since)
        show.out(
            show.plain(
                say(
                    f"■ giữ lại mọi thứ gửi tới {one.organ} từ {since}, bởi {one.by}: {one.why}",
                    f"■ all for {one.organ} is held since {since} by {one.by}: {one.why}",
                )
            )
        )
    for pause in pauses:
        text = explain_pause(pause, lambda organ: organ, session.now())
        show.out(show.plain(f"‖ {text} [{pause.lane or say('trục', 'axis')}]"))


def show_document(ref: options.Ref, as_json: options.Json = False) -> None:
    """Show the deliveries of one document."""
    from .track import number_of

    with session.open_store() as (_, store):
        view = store.outgoing.document(ref)
        lines = store.operator.deliveries(view.tracking_id)
        organs = {one.to_organ for one in lines}
        pauses = [one for one in store.outgoing.pauses() if not one.organ or one.organ in organs]
        holds = [one for one in store.outgoing.holds() if one.organ in organs]
    if as_json:
        facts = {"tracking_id": view.tracking_id, "deliveries": [line_json(one) for one in lines]}
        facts["destinations_held"] = [hold_json(one) for one in holds]
        facts["destinations_paused"] = [pause_json(one) for one in pauses]
        show.emit("queue-show", facts)
        return
    title = f"{number_of(view.number, view.notation)} · {view.subject}"
    show.out(show.paint(show.plain(title), "bold"))
    print_destinations(pauses, holds)
    for one in lines:
        show.out(show.plain(f"→ {one.to_organ} · {words.state(one.state)}"))
        show.facts(_facts(one))


def _facts(one: QueueLine) -> list[tuple[str, str]]:
    return [
        (say("Làn", "Lane"), one.lane),
        (say("Giữ lại", "Held"), one.held),
        (say("Bản đã gửi", "Copies sent"), str(one.copies)),
        (say("Lần lỗi liên tiếp", "Failures in a row"), str(one.attempts or "")),
        (say("Lỗi cuối", "Last error"), words.side(one.last_error)),
        (say("Lý do", "Reason"), one.reason),
        (say("Bước tiếp lúc", "Next step"), show.moment(one.next_try) if one.next_try else ""),
        (say("Hạn chờ", "Given up at"), show.moment(one.lifetime_ends)),
    ]


def line_json(one: QueueLine) -> dict[str, Any]:
    """A delivery for machines."""
    return {
        "tracking_id": one.tracking_id,
        "number": one.number,
        "notation": one.notation,
        "subject": one.subject,
        "organ": one.to_organ,
        "lane": one.lane,
        "state": one.state.value,
        "submitted_at": one.submitted_at,
        "held": one.held or None,
        "copies_sent": one.copies,
        "failures": one.attempts,
        "last_error": one.last_error or None,
        "reason": one.reason or None,
        "next_try": one.next_try,
        "lifetime_ends": one.lifetime_ends,
        "size": one.size,
    }


def hold_json(one: DestinationHold) -> dict[str, Any]:
    """A destination that a person holds back."""
    return {"organ": one.organ, "since": one.since, "by": one.by, "reason": one.why}


def pause_json(one: Pause) -> dict[str, Any]:
    """A destination that the daemon leaves alone for a while; no organ: the whole axis."""
    facts = {"organ": one.organ or None, "lane": one.lane or None, "since": one.since}
    return {**facts, "probe_at": one.probe_at, "probes": one.probes, "last_error": one.why}
