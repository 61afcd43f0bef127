"""`queue retry|hold|release|cancel`: what a person decides about documents that wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from ..core.states import State
from . import options, orders, session
from .words import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from ..core.model import DeliveryView, Order, QueueLine
    from ..edges.store import SqlStore

_ALIVE = (State.QUEUED, State.SENT)


def retry(
    ref: orders.MaybeRef = "",
    to: orders.To = "",
    everything: Annotated[
        bool, typer.Option("--all", help=say("mọi nơi nhận đang chờ", "every destination"))
    ] = False,
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Make due now what waits for its next try."""
    organs, order, now = orders.organs(to), orders.order(reason), session.now()
    if everything and (ref or organs):
        raise typer.BadParameter(say("chỉ một mình", "it stands alone"), param_hint="--all")
    if not everything:
        orders.target(ref, organs)
    with session.open_store() as (_, store):
        if ref:
            found = _alive(store, ref, organs, "queue retry")
            tracking_id, done = _names(found)
            if not dry_run:
                done = asyncio.run(store.operator.retry(tracking_id, done, order, now))
            told = say("gửi ngay", "due now")
            orders.tell_document("queue-retry", tracking_id, done, told, dry_run, as_json=as_json)
            return
        counts = _later(store, organs)
        if not dry_run:
            counts = asyncio.run(_retry_all(store, organs or tuple(counts), order, not organs))
    facts = {"dry_run": dry_run, "destinations": counts}
    lines = [
        say(f"{organ}: {count} văn bản gửi ngay", f"{organ}: {count} due now")
        for organ, count in counts.items()
    ]
    nothing = say("không có gì chờ giờ hẹn", "nothing waits for its next try")
    orders.tell("queue-retry", facts, lines or [nothing], dry_run, as_json=as_json)


def _later(store: SqlStore, organs: Sequence[str]) -> dict[str, int]:
    """How many documents wait for their next try, by destination."""
    counts = dict.fromkeys(organs, 0)
    for one in store.operator.shape(session.now()):
        if not organs or one.organ in organs:
            counts[one.organ] = counts.get(one.organ, 0) + one.tried
    return counts


async def _retry_all(
    store: SqlStore, organs: Iterable[str], order: Order, axis: bool
) -> dict[str, int]:
    now = session.now()
    if axis:
        await store.operator.probe_axis(now)
    return {organ: await store.operator.retry_destination(organ, order, now) for organ in organs}


def hold(
    ref: orders.MaybeRef = "",
    to: orders.To = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Hold back a document or a destination."""
    organs = orders.organs(to)
    orders.target(ref, organs)
    order = orders.order(orders.needed(reason))
    with session.open_store() as (_, store):
        operator, now = store.operator, session.now()
        if not ref:
            _destinations(
                "queue-hold",
                [
                    one
                    for one in organs
                    if one not in {held.organ for held in store.outgoing.holds()}
                ],
                lambda organ: operator.hold_destination(organ, order, now),
                (
                    say("giữ lại mọi thứ gửi tới nơi này", "everything for it is held"),
                    say("đã giữ lại từ trước", "it was held already"),
                ),
                organs,
                dry_run,
                as_json=as_json,
            )
            return
        found = _alive(store, ref, organs, "queue hold")
        tracking_id, done = _names(found)
        if not dry_run:
            done = asyncio.run(operator.hold(tracking_id, done, order, now))
    told = say("giữ lại", "held")
    orders.tell_document("queue-hold", tracking_id, done, told, dry_run, as_json=as_json)


def release(
    ref: orders.MaybeRef = "",
    to: orders.To = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Let go what was held back."""
    organs, order = orders.organs(to), orders.order(reason)
    orders.target(ref, organs)
    with session.open_store() as (_, store):
        operator, now = store.operator, session.now()
        if not ref:
            _destinations(
                "queue-release",
                [one for one in organs if one in {held.organ for held in store.outgoing.holds()}],
                lambda organ: operator.release_destination(organ, order, now),
                (
                    say("thả ra, gửi tiếp", "released, it goes on"),
                    say("không bị giữ", "it was not held"),
                ),
                organs,
                dry_run,
                as_json=as_json,
            )
            return
        lines = orders.recipients(_deliveries(store, ref), organs)
        found = [one for one in lines if one.held]
        if not found:
            raise Conflict(
                "nobody holds it back; see: docexchange queue list --state held",
                "không có ai giữ văn bản này; xem: docexchange queue list --state held",
            )
        tracking_id, done = _names(found)
        if not dry_run:
            done = asyncio.run(operator.release(tracking_id, done, order, now))
    told = say("thả ra", "released")
    orders.tell_document("queue-release", tracking_id, done, told, dry_run, as_json=as_json)


def _destinations(
    name: str,
    changing: Sequence[str],
    change: Callable[[str], Awaitable[bool]],
    told: tuple[str, str],
    organs: Sequence[str],
    dry_run: bool,
    *,
    as_json: bool,
) -> None:
    """Change destinations and say what was done, or that it was so before."""

    async def work() -> list[str]:
        return [organ for organ in changing if await change(organ)]

    changed = list(changing) if dry_run else asyncio.run(work())
    facts = {"dry_run": dry_run, "destinations": {one: one in changed for one in organs}}
    lines = [f"{one}: {told[0] if one in changed else told[1]}" for one in organs]
    orders.tell(name, facts, lines, dry_run, as_json=as_json)


def cancel(
    ref: options.Ref,
    to: orders.To = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Cancel where it never left; if it leaves at that very moment, it is recalled."""
    order = orders.order(orders.needed(reason))
    with session.open_store() as (_, store):
        view = store.outgoing.document(ref)
        chosen = orders.recipients(view.deliveries, orders.organs(to))
        here = [one.to_organ for one in chosen if _never_left(one)]
        gone = [one.to_organ for one in chosen if one.to_organ not in here]
        if gone and (to or not here):
            names = ", ".join(gone)
            raise Conflict(
                f"it has left for {names}, or may have: docexchange recall {view.tracking_id}",
                f"đã gửi, hoặc có thể đã gửi, tới {names}: docexchange recall {view.tracking_id}",
            )
        if not dry_run:  # who asked, before it is done: a crash leaves only the question
            asyncio.run(store.operator.ask_cancel(view.tracking_id, order, session.now()))
    if not dry_run:
        _cancel(view.tracking_id, here, order)
    told = say("huỷ gửi", "cancelled")
    orders.tell_document("queue-cancel", view.tracking_id, here, told, dry_run, as_json=as_json)


def _cancel(tracking_id: str, organs: Sequence[str], order: Order) -> None:
    from ..flow import recall

    now, to = session.now(), tuple(organs)
    with session.open_world() as (_, world):
        asyncio.run(recall.ask(tracking_id, order.reason, world=world, now=now, to=to))


def _never_left(one: DeliveryView) -> bool:
    return one.state is State.QUEUED and not one.copies and not one.attempts


def _deliveries(store: SqlStore, ref: str) -> list[QueueLine]:
    return store.operator.deliveries(store.outgoing.document(ref).tracking_id)


def _alive(store: SqlStore, ref: str, organs: Sequence[str], doing: str) -> list[QueueLine]:
    """Deliveries that wait and that nobody holds back. Raises NotFound, Conflict."""
    lines = orders.recipients(_deliveries(store, ref), organs)
    found = [one for one in lines if one.state in _ALIVE and not one.held]
    if found:
        return found
    if any(one.held for one in lines):
        raise Conflict(
            "it is held back: docexchange queue release",
            "văn bản đang bị giữ lại: docexchange queue release",
        )
    raise Conflict(
        f"it waits for nothing any more; {doing} is for what waits (docexchange track {ref})",
        f"văn bản không còn chờ gì; {doing} chỉ dùng cho thứ đang chờ (docexchange track {ref})",
    )


def _names(lines: Sequence[QueueLine]) -> tuple[str, list[str]]:
    return lines[0].tracking_id, [one.to_organ for one in lines]
