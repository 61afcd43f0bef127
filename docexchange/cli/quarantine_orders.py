"""`quarantine export|recheck|discard`: decided by a person about envelopes that were not believed.

Nobody can make the node believe one: a recheck is the whole judgement again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, files, options, orders, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import KeptView, Order

KeptRef = Annotated[
    str,
    typer.Argument(
        metavar=say("SỐ", "NO."),
        help=say("số trong danh sách, hoặc phần đầu SHA-256", "number, or start of the SHA-256"),
    ),
]

_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "accepted": ("đạt, đã nhận vào hộp đến", "it passed, and went to the inbox"),
    "answered_again": ("đã có trong hộp đến, trả lời lại", "it was here already, answered again"),
    "receipt": ("là biên nhận, đã ghi nhận", "it is a receipt, and was applied"),
    "discarded": ("đã bỏ", "dropped"),
}


def export(
    ref: KeptRef,
    output: options.File,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write the bytes as they came, or what was kept of them."""
    with session.open_store() as (_, store):
        view = store.kept(ref)
        digest, truncated = store.operator.content_of(view.kept_id)
        with (
            closing(store.open_blob(digest)) as kept,
            files.replacing(output, force=force) as file,
        ):
            shutil.copyfileobj(kept, file)
            size = file.tell()
    if as_json:
        facts = {"number": view.kept_id, "file": str(output), "size": size}
        show.emit("quarantine-export", {**facts, "whole": not truncated, "sha256": view.sha256})
    else:
        show.out(str(output))
    if not truncated:
        return
    show.note(
        say(
            f"chỉ còn {show.size(size)} trong {show.size(view.size)}: phần còn lại không được lưu",
            f"only {show.size(size)} of {show.size(view.size)}: the rest was not kept",
        )
    )
    raise typer.Exit(exits.Exit.PARTLY)


def discard(
    ref: KeptRef,
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Drop one for good."""
    order = orders.order(orders.needed(reason))
    with session.open_store() as (_, store):
        view = store.kept(ref)
        if not dry_run:
            asyncio.run(store.operator.discard(view.kept_id, order, session.now()))
    facts = {"number": view.kept_id, "sha256": view.sha256, "dry_run": dry_run}
    told = say(
        f"{view.kept_id}: đã bỏ, nội dung đã xoá", f"{view.kept_id}: dropped, its content is gone"
    )
    orders.tell("quarantine-discard", facts, [told], dry_run, as_json=as_json)


def recheck(
    ref: KeptRef,
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Judge one again; exit 1 when it is still not believed."""
    order = orders.order(reason)
    with session.open_store() as (_, store):
        view = store.kept(ref)
    after = view if dry_run else _judge(view, order)
    facts = {"number": view.kept_id, "sha256": view.sha256, "dry_run": dry_run}
    facts |= {"outcome": after.outcome or None, "state": state_of(after), "reason": after.reason}
    told = f"{view.kept_id}: {_told(after)}"
    orders.tell("quarantine-recheck", facts, [told], dry_run, as_json=as_json)
    if not after.outcome and not dry_run:
        raise typer.Exit(exits.Exit.NEGATIVE)


def _judge(view: KeptView, order: Order) -> KeptView:
    """What is kept of it after it was judged again."""
    from .. import compose
    from ..flow import keeper

    with session.open_world() as (config, world), session.open_store() as (_, store):
        now = session.now()

        async def work() -> None:
            await compose.collector(config, store, world).load(now)
            await store.operator.reopen(view.kept_id, order, now)
            await keeper.recheck(world=world, now=now)

        asyncio.run(work())
        return store.kept(str(view.kept_id))


def state_of(view: KeptView) -> str:
    """Of a kept envelope, for machines."""
    if view.outcome:
        return "settled"
    return "held" if view.held else "quarantined"


def _told(view: KeptView) -> str:
    why = f"{words.reason(view.reason)} [{view.reason}]"
    if view.outcome:
        return say(*_OUTCOMES.get(view.outcome, (view.outcome, view.outcome)))
    if view.held:
        return say(f"tạm giữ: {why}", f"held: {why}")
    return say(f"cách ly: {why}", f"quarantined: {why}")
