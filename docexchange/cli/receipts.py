"""`receipts parked`: receipts of documents that are not in this store, kept until they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from . import options, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import Receipt


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Biên nhận của bên nhận.", "Receipts of other organs."))
    options.add(
        group,
        "parked",
        list_parked,
        "Biên nhận về văn bản không có ở đây (kho vừa khôi phục?), chờ văn bản đó.",
        "Receipts of documents that are not here (a restored store?), waiting for them.",
    )
    app.add_typer(group, name="receipts")


def list_parked(limit: options.Limit = 50, as_json: options.Json = False) -> None:
    """List what is parked."""
    with session.open_store() as (_, store):
        parked = store.receipts.parked(limit)
    if as_json:
        show.emit("receipts-parked", {"receipts": [_json(one) for one in parked]})
        return
    if not parked:
        show.note(say("không có biên nhận nào chờ văn bản", "no receipt waits for its document"))
        return
    show.table(
        [
            say("ĐẾN LÚC", "ARRIVED"),
            say("TỪ", "FROM"),
            say("NÓI VỀ", "ABOUT"),
            say("TRẠNG THÁI", "STATUS"),
            say("SHA-256 CỦA GÓI TIN", "SHA-256 OF THE ENVELOPE"),
        ],
        [
            [
                show.minute(one.arrived_at),
                one.from_organ,
                one.document_id,
                words.code(one.code),
                one.received_sha256,
            ]
            for one in parked
        ],
    )


def _json(one: Receipt) -> dict[str, Any]:
    return {
        "from": one.from_organ,
        "to": one.to_organ,
        "document_id": one.document_id,
        "code": one.code,
        "note": one.note,
        "received_sha256": one.received_sha256,
        "sha256": one.sha256,
        "signed_at": one.signed_at,
        "arrived_at": one.arrived_at,
    }
