"""`legal`: documents that must not be purged (giữ theo yêu cầu pháp lý)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from ..core.errors import NotFound
from . import options, orders, session, show
from .words import say

if TYPE_CHECKING:
    from ..core.model import ArrivalView, DocumentView
    from ..edges.store import SqlStore


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Giữ văn bản theo yêu cầu pháp lý: `purge` không huỷ nội dung của nó.",
            "Legal hold: `purge` leaves the content of such a document alone.",
        )
    )
    options.add(group, "hold", hold, "Giữ một văn bản đi hoặc đến.", "Hold a document, in or out.")
    options.add(group, "release", release, "Thôi giữ.", "End a hold.")
    options.add(group, "list", list_holds, "Đang giữ những gì.", "What is held.")
    app.add_typer(group, name="legal")


def hold(
    ref: options.Ref,
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Keep a document from being purged."""
    order = orders.order(orders.needed(reason))
    with session.open_store() as (_, store):
        view = document(store, ref)
        if view.purged_at is not None:
            raise NotFound(
                f"{ref}: its content was purged on {view.purged_at:%Y-%m-%d}; nothing to hold",
                f"{ref}: nội dung đã huỷ ngày {view.purged_at:%d/%m/%Y}; không còn gì để giữ",
            )
        changed = view.tracking_id not in {one.tracking_id for one in store.operator.legal_holds()}
        if not dry_run:
            done = store.operator.legal_hold(view.tracking_id, order, session.now())
            changed = asyncio.run(done)
    told = say("đã giữ", "held") if changed else say("đã giữ từ trước", "was held already")
    _tell("legal-hold", view.tracking_id, told, dry_run, changed=changed, as_json=as_json)


def release(
    ref: options.Ref,
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """End a hold."""
    order = orders.order(orders.needed(reason))
    with session.open_store() as (_, store):
        view = document(store, ref)
        changed = view.tracking_id in {one.tracking_id for one in store.operator.legal_holds()}
        if not dry_run:
            done = store.operator.legal_release(view.tracking_id, order, session.now())
            changed = asyncio.run(done)
    told = say("thôi giữ", "released") if changed else say("không bị giữ", "was not held")
    _tell("legal-release", view.tracking_id, told, dry_run, changed=changed, as_json=as_json)


def list_holds(as_json: options.Json = False) -> None:
    """List what is held, by whom and why."""
    with session.open_store() as (_, store):
        holds = store.operator.legal_holds()
    if as_json:
        facts = [
            {"tracking_id": one.tracking_id, "since": one.since, "by": one.by, "reason": one.why}
            for one in holds
        ]
        show.emit("legal-list", {"holds": facts})
        return
    if not holds:
        show.note(say("không giữ văn bản nào", "nothing is held"))
        return
    show.table(
        [say("MÃ", "ID"), say("TỪ", "SINCE"), say("NGƯỜI GIỮ", "BY"), say("VÌ SAO", "WHY")],
        [[one.tracking_id, show.minute(one.since), one.by, one.why] for one in holds],
    )


def document(store: SqlStore, ref: str) -> DocumentView | ArrivalView:
    """A document of ours, else one that arrived. Raises NotFound, Ambiguous."""
    try:
        return store.outgoing.document(ref)
    except NotFound:
        return store.incoming.arrival(ref)


def _tell(
    name: str, tracking_id: str, told: str, dry_run: bool, *, changed: bool, as_json: bool
) -> None:
    facts = {"tracking_id": tracking_id, "dry_run": dry_run, "changed": changed}
    orders.tell(name, facts, [f"{tracking_id}: {told}"], dry_run, as_json=as_json)
