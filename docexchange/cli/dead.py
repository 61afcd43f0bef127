"""`dead`: documents that could not be delivered, and sending them once more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from ..core.states import State
from . import explain, options, orders, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import QueueLine


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say("Văn bản không gửi được: xem, gửi lại.", "What could not be delivered: look, replay.")
    )
    options.add(
        group,
        "list",
        list_dead,
        "Văn bản không gửi được, mới nhất trước, với lý do.",
        "Documents that could not be delivered, newest first, with the reason.",
    )
    options.add(
        group,
        "show",
        show_dead,
        "Một văn bản: nơi nào không nhận được, đã gửi mấy bản, lỗi cuối.",
        "One document: who did not get it, how many copies were sent, the last error.",
    )
    options.add(
        group,
        "replay",
        replay,
        "Gửi lại, đúng từng byte và mã cũ, với thời hạn mới. Bên nhận không bao giờ nhận hai lần.",
        "Send it anew, the same bytes under the same id, with a new lifetime. No recipient gets "
        "it twice.",
    )
    app.add_typer(group, name="dead")


def list_dead(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ORGAN",
            help=say("chỉ gửi tới nơi này", "only for this destination"),
        ),
    ] = "",
    limit: options.Limit = 50,
    as_json: options.Json = False,
) -> None:
    """List what was given up."""
    from .queue import line_json, print_lines

    with session.open_store() as (_, store):
        lines = store.operator.dead(to, limit)
    if as_json:
        show.emit("dead-list", {"deliveries": [line_json(one) for one in lines]})
    elif not lines:
        show.note(say("không có văn bản nào không gửi được", "everything could be delivered"))
    else:
        print_lines(lines, why)
        if len(lines) == limit:
            show.note(say(f"chỉ {limit} dòng đầu (--limit)", f"the first {limit} only (--limit)"))


def why(one: QueueLine) -> str:
    """Why it was given up."""
    reason = explain.given_up(one.reason)
    return f"{reason} · {words.side(one.last_error)}" if one.last_error else reason


def show_dead(ref: options.Ref, as_json: options.Json = False) -> None:
    """Show the deliveries of one document that were given up."""
    from .queue import line_json
    from .track import number_of

    with session.open_store() as (_, store):
        view = store.outgoing.document(ref)
        lines = _dead(store.operator.deliveries(view.tracking_id), view.tracking_id)
    if as_json:
        facts = {"tracking_id": view.tracking_id, "subject": view.subject}
        show.emit("dead-show", {**facts, "deliveries": [line_json(one) for one in lines]})
        return
    title = f"{number_of(view.number, view.notation)} · {view.subject}"
    show.out(show.paint(show.plain(title), "bold"))
    for one in lines:
        show.out(show.plain(f"✖ {one.to_organ}: {why(one)}"))
        show.facts(
            [
                (say("Bản đã gửi", "Copies sent"), str(one.copies)),
                (say("Hết hạn lúc", "Given up at"), show.moment(one.lifetime_ends)),
            ]
        )
    show.note(
        say(
            f"Gửi lại: docexchange dead replay {view.tracking_id}",
            f"Send it anew: docexchange dead replay {view.tracking_id}",
        )
    )


def replay(
    ref: options.Ref,
    to: orders.To = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Send what was given up once more."""
    order = orders.order(orders.needed(reason))
    with session.open_store() as (config, store):
        view = store.outgoing.document(ref)
        lines = orders.recipients(store.operator.deliveries(view.tracking_id), orders.organs(to))
        organs = [one.to_organ for one in _dead(lines, view.tracking_id)]
        if not dry_run:
            now = session.now()
            ends = now + config.retry.lifetime_of(view.priority)
            replayed = store.operator.replay(view.tracking_id, organs, ends, order, now)
            organs = asyncio.run(replayed)
    told = say("gửi lại, đúng từng byte", "sent anew, the same bytes")
    orders.tell_document("dead-replay", view.tracking_id, organs, told, dry_run, as_json=as_json)


def _dead(lines: list[QueueLine], tracking_id: str) -> list[QueueLine]:
    """Those that were given up. Raises Conflict when there are none."""
    found = [one for one in lines if one.state is State.UNDELIVERABLE]
    if not found:
        raise Conflict(
            f"nothing of it was given up: docexchange track {tracking_id}",
            f"không có nơi nào bị bỏ cuộc: docexchange track {tracking_id}",
        )
    return found
