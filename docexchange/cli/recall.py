"""`recall`: ask recipients to give a document back, and stop publishing it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from . import options, session, show, words
from .words import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "recall",
        recall_document,
        "Thu hồi văn bản đi: thôi gửi tiếp, gửi yêu cầu lấy lại (13); bên nhận trả lời 15 hoặc 16. "
        "Nơi chưa gửi lần nào thì huỷ tại đây, không gửi gì.",
        "Recall a sent document: publish it no more and ask for it back (13); the recipient "
        "answers 15 or 16. Where it was never published it is cancelled and nothing is sent.",
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
        view = world.store.document(ref)
        asked = {one.to_organ for one in recall.recipients(view, reason, chosen)}
        if not dry_run:
            asyncio.run(
                recall.ask(view.tracking_id, reason, world=world, now=session.now(), to=chosen)
            )
            view = world.store.document(view.tracking_id)
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
