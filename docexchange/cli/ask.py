"""`track --ask`: asks those that acknowledged a document for all their statuses again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ulid import ULID

from ..core.errors import Conflict
from ..core.states import State
from . import orders, session
from .words import say

if TYPE_CHECKING:
    from ..core.model import Order


def ask_again(
    ref: str, organs: Sequence[str], order: Order, dry_run: bool, *, as_json: bool
) -> None:
    """Ask recipients that acknowledged a document for all their statuses again.

    Raises:
        NotFound, Ambiguous: no sent document, or several, with that name; no such recipient.
        Conflict: none of them has acknowledged it.
    """
    with session.open_store() as (_, store):
        view = store.outgoing.document(ref)
        chosen = orders.recipients(view.deliveries, organs)
        asked = [one.to_organ for one in chosen if one.state is State.ACKNOWLEDGED]
        if not asked:
            raise Conflict(
                "none of them has acknowledged it; what waits is sent again by itself",
                "chưa nơi nào có biên nhận; văn bản đang chờ tự được gửi lại",
            )
        if not dry_run:
            given = (view.tracking_id, asked, lambda: str(ULID()), order, session.now())
            asked = asyncio.run(store.operator.ask_again(*given))
    told = say("hỏi lại các trạng thái đã báo", "asked for its statuses again")
    orders.tell_document("track-ask", view.tracking_id, asked, told, dry_run, as_json=as_json)
