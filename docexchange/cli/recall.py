"""`recall`: ask recipients to give a document back, and stop publishing it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from ..core.states import SigningState
from . import options, session, show, waiting, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import PendingView
    from ..core.world import World


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "recall",
        recall_document,
        "Thu hồi văn bản đi: thôi gửi tiếp, gửi yêu cầu lấy lại (13); bên nhận trả lời 15 hoặc 16. "
        "Nơi chưa gửi lần nào thì huỷ tại đây, không gửi gì; văn bản đang chờ ký thì thôi chờ.",
        "Recall a sent document: publish it no more and ask for it back (13); the recipient "
        "answers 15 or 16. Where it was never published it is cancelled and nothing is sent; a "
        "document that waits for its signature waits no more.",
    )


def recall_document(
    ref: options.Ref,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar=say("CHỮ", "TEXT"),
            help=say("lý do, gửi cho bên nhận", "why; it goes to the recipients"),
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ORGAN,...",
            help=say("chỉ những nơi nhận này", "only these recipients"),
        ),
    ] = "",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help=say("chỉ nói sẽ làm gì", "only say what would be done")),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Sign and queue the requests; nothing is changed with --dry-run."""
    from ..flow import recall

    chosen = tuple(one.strip() for one in to.split(",") if one.strip())
    with session.open_world() as (_, world):
        unsigned = recall.awaiting(ref, world)
        if unsigned is not None:
            _take_back(unsigned, reason, chosen, world, dry_run=dry_run, as_json=as_json)
            return
        view = world.store.outgoing.document(ref)
        asked = {one.to_organ for one in recall.recipients(view, reason, chosen)}
        if not dry_run:
            asyncio.run(
                recall.ask(view.tracking_id, reason, world=world, now=session.now(), to=chosen)
            )
            view = world.store.outgoing.document(view.tracking_id)
    shown = [one for one in view.deliveries if one.to_organ in asked]
    if as_json:
        deliveries = [{"organ": one.to_organ, "recall": one.recall or None} for one in shown]
        facts = {"tracking_id": view.tracking_id, "reason": reason, "dry_run": dry_run}
        show.emit("recall", {**facts, "deliveries": deliveries})
        return
    for one in shown:
        if dry_run:
            text = say(f"sẽ thu hồi ở {one.to_organ}", f"would be recalled from {one.to_organ}")
            show.out(show.plain(text))
        else:
            show.out(show.plain(f"{one.to_organ}: {words.recall(one.recall)}"))


def _take_back(
    view: PendingView,
    reason: str,
    to: tuple[str, ...],
    world: World,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """The same of a document whose signature has not come: nothing of it was sent."""
    from ..flow import recall

    recall.check_take_back(view, reason, to)
    if view.state is not SigningState.WAITING:
        raise Conflict(
            f"{view.tracking_id} does not wait for its signature: it is {view.state}",
            f"{view.tracking_id} không chờ ký: {words.signing(view.state)}",
        )
    if not dry_run:
        asyncio.run(recall.ask(view.tracking_id, reason, world=world, now=session.now(), to=to))
        view = world.store.signings.find(view.tracking_id)
    if as_json:
        facts = {"tracking_id": view.tracking_id, "reason": reason, "dry_run": dry_run}
        show.emit("recall", {**facts, "signature": view.state.value, "deliveries": []})
        return
    number = show.plain(waiting.number_of(view))
    if dry_run:
        text = say("đang chờ ký: sẽ thôi chờ", "waits for its signature: would wait no more")
    else:
        text = say("thôi chờ ký; không gửi", "waits for no signature any more; not sent")
    show.out(f"{number}: {text}")
