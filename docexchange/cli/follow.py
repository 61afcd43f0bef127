"""`track --follow`: what happens to a document, printed as it happens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from . import session, show, words
from .explain import Timeline, ended
from .track import number_of
from .words import say

if TYPE_CHECKING:
    from ..core.model import DocumentView
    from ..edges.store import SqlStore

POLL = 0.5  # s between two looks; a look is a few indexed reads


def follow_document(ref: str, *, as_json: bool) -> None:
    """Print the journal of a document until every recipient has ended; with JSON a line each.

    Raises:
        NotFound, Ambiguous: no sent document, or several, with that name.
    """
    with session.open_store() as (_, store):
        tracking_id = store.outgoing.document(ref).tracking_id
        timeline, told = Timeline(), 0
        while True:
            view, lines = _look(store, tracking_id)
            if as_json:
                for line in lines[told:]:
                    show.out(json.dumps(line, ensure_ascii=False))
                told = len(lines)
            else:
                timeline.print(view.deliveries, lines)
            if all(map(ended, view.deliveries)):
                break
            time.sleep(POLL)
    if not as_json:
        _print_end(view)


def _look(store: SqlStore, tracking_id: str) -> tuple[DocumentView, list[dict[str, Any]]]:
    """The document, and its lines after it: no end is told before the line that brought it."""
    view = store.outgoing.document(tracking_id)
    return view, [json.loads(line.line) for line in store.journal.of(tracking_id)]


def _print_end(view: DocumentView) -> None:
    number = number_of(view.number, view.notation)
    show.note(say(f"{number}: mọi nơi nhận đã xong", f"{number}: every recipient has ended"))
    for one in view.deliveries:
        code = words.code(one.code) if one.code else ""
        show.note(show.plain(f"  {one.to_organ}  {words.state(one.state)}  {code}".rstrip()))
