"""`quarantine export|recheck|discard`: decided by a person about envelopes that were not believed.

Nobody can make the node believe one: a recheck is the whole judgement again.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from . import exits, files, options, orders, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import KeptView, Order
    from ..edges.store import SqlStore

AT_ONCE = 50  # envelopes that are opened again together; the node judges as many in a round

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
        view = store.incoming.kept(ref)
        digest, truncated = store.operator.content_of(view.kept_id)
        with (
            closing(store.contents.open(digest)) as kept,
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
        view = store.incoming.kept(ref)
        if not dry_run:
            asyncio.run(store.operator.discard(view.kept_id, order, session.now()))
    facts = {"number": view.kept_id, "sha256": view.sha256, "dry_run": dry_run}
    told = say(
        f"{view.kept_id}: đã bỏ, nội dung đã xoá", f"{view.kept_id}: dropped, its content is gone"
    )
    orders.tell("quarantine-discard", facts, [told], dry_run, as_json=as_json)


def recheck(
    ref: Annotated[
        str,
        typer.Argument(
            metavar=f"[{say('SỐ', 'NO.')}]",
            help=say(
                "số trong danh sách, hoặc phần đầu SHA-256", "number, or start of the SHA-256"
            ),
        ),
    ] = "",
    all_of: Annotated[
        bool,
        typer.Option(
            "--all", help=say("mọi gói tin đang bị cách ly", "every quarantined envelope")
        ),
    ] = False,
    code: Annotated[
        str,
        typer.Option(
            "--code",
            metavar=say("MÃ", "CODE"),
            help=say(
                "với --all: chỉ gói tin có mã lý do này", "with --all: of this reason code only"
            ),
        ),
    ] = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Judge one again, or all of a reason; exit 1 when none is believed now, 3 when some are."""
    if bool(ref) == all_of or (code and not all_of):
        raise typer.BadParameter(
            say(
                "nêu một số, hoặc --all (và --code nếu cần)",
                "name one, or --all (and --code if you like)",
            ),
            param_hint=say("SỐ", "NO."),
        )
    order = orders.order(orders.needed(reason) if all_of else reason)
    with session.open_store() as (_, store):
        chosen = [store.incoming.kept(ref)] if ref else _quarantined(store, code)
    after = chosen if dry_run else _judge([view.kept_id for view in chosen], order)
    told = [f"{view.kept_id}: {_told(view)}" for view in after]
    believed = sum(bool(view.outcome) for view in after)
    if ref:
        orders.tell("quarantine-recheck", _facts(after[0], dry_run), told, dry_run, as_json=as_json)
    else:
        facts = {"dry_run": dry_run, "envelopes": [_facts(view, dry_run) for view in after]}
        counts = say(
            f"{len(after)} gói tin, {believed} được giải quyết",
            f"{len(after)} envelope(s), {believed} settled",
        )
        orders.tell("quarantine-recheck-all", facts, [*told, counts], dry_run, as_json=as_json)
    if believed < len(after) and not dry_run:
        raise typer.Exit(exits.Exit.PARTLY if believed else exits.Exit.NEGATIVE)


def _facts(view: KeptView, dry_run: bool) -> dict[str, object]:
    facts = {"number": view.kept_id, "sha256": view.sha256, "dry_run": dry_run}
    return facts | {"outcome": view.outcome or None, "state": state_of(view), "reason": view.reason}


def _quarantined(store: SqlStore, code: str) -> list[KeptView]:
    """Those that wait for a person, the oldest first."""
    views = store.incoming.kept_list(held=False, limit=sys.maxsize)
    return [view for view in reversed(views) if not code or view.reason == code]


def _judge(chosen: Sequence[int], order: Order) -> list[KeptView]:
    """What is kept of each after it was judged again; one that cannot be stays as it is."""
    from .. import compose
    from ..flow import keeper

    with session.open_world() as (config, world), session.open_store() as (_, store):
        now = session.now()

        async def work() -> None:
            await compose.collector(config, store, world).load(now)
            for first in range(0, len(chosen), AT_ONCE):
                for kept_id in chosen[first : first + AT_ONCE]:
                    await _reopen(store, kept_id, order, now)
                while any(store.incoming.held_due(now, 1)):  # a round settles each or puts it off
                    await keeper.recheck(world=world, now=now)

        async def _reopen(store: SqlStore, kept_id: int, order: Order, now: datetime) -> None:
            try:
                await store.operator.reopen(kept_id, order, now)
            except Conflict:  # only its beginning was kept, or somebody settled it meanwhile
                if len(chosen) == 1:
                    raise

        asyncio.run(work())
        return [store.incoming.kept(str(kept_id)) for kept_id in chosen]


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
