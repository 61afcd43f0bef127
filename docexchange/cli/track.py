"""`track`: where one document is, one honest line per recipient; `list`: the documents sent.

Transport and processing never share a column. What is late says why and when it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..core.errors import ConfigError, NotFound
from ..core.states import State
from . import options, orders, rollup, session, show, waiting, words
from .explain import next_mover, print_timeline, publishes
from .why import Around, why
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..core.model import DeliveryView, DocumentView, PendingView, SentChange
    from ..edges.store import SqlStore

T = TypeVar("T")

# What a list shows of several recipients: the one that needs a person first, then the slowest.
_STATES = (State.UNDELIVERABLE, State.QUEUED, State.SENT, State.ACKNOWLEDGED)
_CODES = ("02", "16", "", "01", "13", "03", "04", "05", "15", "06")

_CHANGES = {  # BussinessDocType: what this document does, what another does to it
    1: (("Thu hồi", "Recalls"), ("Đã bị thu hồi bởi", "Recalled by")),
    2: (("Cập nhật", "Updates"), ("Đã được cập nhật bởi", "Updated by")),
    3: (("Thay thế", "Replaces"), ("Đã được thay thế bởi", "Replaced by")),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        app,
        "track",
        track,
        "Văn bản đi đang ở đâu. Từng nơi nhận, ai làm tiếp, vì sao chậm, diễn biến.",
        "Where a document is. Each recipient, who moves next, why it is late, what happened.",
    )
    options.add(
        app, "list", list_documents, "Văn bản đi, mới nhất trước.", "Sent documents, newest first."
    )


def track(
    ref: options.Ref,
    everyone: Annotated[
        bool,
        typer.Option(
            "--all",
            help=say(
                f"mọi nơi nhận, cả khi trên {rollup.FEW} nơi",
                f"every recipient, also of more than {rollup.FEW}",
            ),
        ),
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help=say(
                "tiếp tục in diễn biến cho tới khi mọi nơi nhận xong (Ctrl-C để thôi)",
                "go on printing what happens until every recipient has ended (Ctrl-C stops)",
            ),
        ),
    ] = False,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask",
            help=say(
                "hỏi lại nơi đã có biên nhận mọi trạng thái đã báo (gửi lại đúng gói tin; bên nhận "
                "không nhận hai lần)",
                "ask those that acknowledged for all their statuses again (the same bytes; nobody "
                "takes them twice)",
            ),
        ),
    ] = False,
    to: orders.To = "",
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Show one outgoing document, or ask about it."""
    if ask:
        from .ask import ask_again

        ask_again(ref, orders.organs(to), orders.order(reason), dry_run, as_json=as_json)
        return
    if follow:
        from .follow import follow_document

        follow_document(ref, as_json=as_json)
        return
    with session.open_store() as (config, store):
        try:
            view = store.outgoing.document(ref)
        except NotFound:
            waiting.track_pending(store, _pending(store, ref), names_of(config), as_json=as_json)
            return
        lines = [json.loads(line.line) for line in store.journal.of(view.tracking_id)]
        pauses = rollup.pauses_of(view, store.outgoing.pauses())
        around = _around(config, store)(view)
    if as_json:
        held_up = {
            organ: {"since": one.since, "probe_at": one.probe_at, "why": one.why}
            for organ, one in pauses.items()
        }
        show.emit("track", {**document_json(view, lines), "paused": held_up, "journal": lines})
        return
    chosen = rollup.shown(view, everyone=everyone)
    _print(view, chosen, lines, around)
    print_timeline(chosen, lines)


def _around(config: Config, store: SqlStore) -> Callable[[DocumentView], Around]:
    """What stands around the deliveries of a document, as the store has it now."""
    from ..edges.store import StoreLock

    names, now = names_of(config), session.now()
    pauses, holds = store.outgoing.pauses(), {one.organ: one for one in store.outgoing.holds()}
    running = StoreLock.serves(config.store)
    return lambda view: Around(names, now, rollup.pauses_of(view, pauses), holds, running)


def _pending(store: SqlStore, ref: str) -> PendingView:
    """The document that waits for its signature, or waited. Raises NotFound, Ambiguous."""
    try:
        return store.signings.find(ref)
    except NotFound:
        raise _not_sent(store, ref) from None


def _not_sent(store: SqlStore, ref: str) -> NotFound:
    """What to say when the name is that of an incoming document."""
    try:
        found = store.incoming.arrival(ref)
    except NotFound:
        return NotFound(
            f"no document {ref!r}; `docexchange list` shows what was sent",
            f"không có văn bản {ref!r}; `docexchange list` cho xem văn bản đã gửi",
        )
    return NotFound(
        f"{ref!r} is an incoming document: docexchange inbox show {found.tracking_id}",
        f"{ref!r} là văn bản đến: docexchange inbox show {found.tracking_id}",
    )


def list_documents(
    attention: Annotated[
        bool,
        typer.Option(
            "--attention",
            help=say("chỉ những văn bản cần người xem", "only what a person should look at"),
        ),
    ] = False,
    limit: options.Limit = 50,
    as_json: options.Json = False,
) -> None:
    """List outgoing documents."""

    with session.open_store() as (config, store):
        views = store.outgoing.documents(limit, attention=attention)
        pending = store.signings.waiting(limit)
        around = _around(config, store)
        if attention:
            since = session.now() - waiting.LAPSED_FOR
            pending += store.signings.lapsed(since, limit)
    if as_json:
        show.emit(
            "list",
            {
                "documents": [document_json(view) for view in views],
                "waiting_for_signature": [waiting.pending_json(view) for view in pending],
            },
        )
        return
    if not views and not pending:
        show.note(
            say("không có văn bản nào cần xem", "nothing needs attention")
            if attention
            else say("chưa gửi văn bản nào", "nothing was sent yet")
        )
        return
    now = session.now()
    show.table(
        [
            say("NỘP LÚC", "SUBMITTED"),
            say("SỐ, KÝ HIỆU", "NUMBER"),
            say("TRÍCH YẾU", "SUBJECT"),
            say("VẬN CHUYỂN", "TRANSPORT"),
            say("XỬ LÝ", "PROCESSING"),
            say("MÃ THEO DÕI", "TRACKING ID"),
        ],
        [*map(waiting.row, pending), *map(_row, views)],
    )
    if attention:
        _print_reasons(views, around)
        for view in pending:
            show.out(show.plain(f"{waiting.number_of(view)}: {waiting.why(view, now)}"))


def _row(view: DocumentView) -> list[str]:
    return [
        show.minute(view.submitted_at),
        number_of(view.number, view.notation),
        show.short(view.subject, 40),
        _least(view, lambda one: one.state, _STATES, words.state),
        _least(view, lambda one: one.code, _CODES, words.code),
        view.tracking_id,
    ]


def _least(
    view: DocumentView,
    value: Callable[[DeliveryView], T],
    order: Sequence[T],
    word: Callable[[T], str],
) -> str:
    """The least advanced of the recipients, and how many of them stand there."""
    values = [value(one) for one in view.deliveries]
    least = min(values, key=lambda one: order.index(one) if one in order else len(order))
    share = f" ({values.count(least)}/{len(values)})" if len(values) > 1 else ""
    return word(least) + share


def _print_reasons(views: Sequence[DocumentView], around: Callable[[DocumentView], Around]) -> None:
    show.out()
    for view in views:
        here = around(view)
        for one in view.deliveries:
            if text := why(one, here):
                number, organ = number_of(view.number, view.notation), here.names(one.to_organ)
                show.out(show.plain(f"{number} → {organ}: {text}"))


def number_of(number: str, notation: str) -> str:
    """Số, ký hiệu as people write it."""
    return "/".join(part for part in (number, notation) if part) or "–"


def names_of(config: Config) -> Callable[[str], str]:
    """Code and name of an organ; the code alone when the directory cannot be read, and a note."""
    try:
        directory = session.load_directory(config)
    except ConfigError as error:
        show.note(say(error.vi, str(error)))
        return lambda organ_id: organ_id

    def name(organ_id: str) -> str:
        organ = directory.find(organ_id)
        return f"{organ_id} {organ.name}" if organ else organ_id

    return name


# -- one document ------------------------------------------------------------------------------


def _print(
    view: DocumentView,
    chosen: Sequence[DeliveryView],
    lines: Sequence[Mapping[str, Any]],
    around: Around,
) -> None:
    names = around.names
    number = number_of(view.number, view.notation)
    show.out(show.paint(show.plain(f"{number} · {view.subject}"), "bold"))
    show.facts(
        [
            (say("Mã theo dõi", "Tracking id"), view.tracking_id),
            (say("Định danh", "DocumentId"), view.document_id),
            (say("Từ", "From"), names(view.from_organ)),
            (say("Nộp lúc", "Submitted"), show.moment(view.submitted_at)),
            (
                say("Loại", "Kind"),
                f"{words.business(view.business)} · {say('độ khẩn', 'priority')} "
                f"{words.priority(view.priority)} · {show.size(view.size)}",
            ),
            (say("Nơi nhận", "Recipients"), rollup.line(view)),
        ]
    )
    for change in view.changes:
        show.out(show.plain(_change(change)))
    show.out()
    _print_recipients(view, chosen, lines, around)


def _change(change: SentChange) -> str:
    by_this, of_this = _CHANGES[change.business]
    if not change.by_this:
        return f"{say(*of_this)} {change.tracking_id}"
    known = f" ({change.tracking_id})" if change.tracking_id else ""
    return f"{say(*by_this)} {change.document_id}{known}"


def _print_recipients(
    view: DocumentView,
    chosen: Sequence[DeliveryView],
    lines: Sequence[Mapping[str, Any]],
    around: Around,
) -> None:
    show.table(
        [
            say("NƠI NHẬN", "RECIPIENT"),
            say("VẬN CHUYỂN", "TRANSPORT"),
            say("XỬ LÝ", "PROCESSING"),
            say("LẦN GỬI", "SENT"),
            say("BÊN LÀM TIẾP", "MOVES NEXT"),
        ],
        [
            [
                around.names(one.to_organ),
                words.state(one.state),
                words.code(one.code),
                str(publishes(one, lines)),
                next_mover(one),
            ]
            for one in chosen
        ],
    )
    if rest := len(view.deliveries) - len(chosen):
        show.out(
            say(
                f"  … và {rest} nơi đã có biên nhận (--all cho xem tất cả)",
                f"  … and {rest} that have acknowledged it (--all shows them)",
            )
        )
    for one in chosen:
        if text := why(one, around):
            show.out(show.plain(f"→ {one.to_organ}: {text}"))


# -- JSON --------------------------------------------------------------------------------------


def document_json(
    view: DocumentView, lines: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """An outgoing document as --json shows it; with its journal, also how often it was sent."""
    deliveries = [delivery_json(one) for one in view.deliveries]
    if lines is not None:
        for shown, one in zip(deliveries, view.deliveries, strict=True):
            shown["attempts_total"] = publishes(one, lines)
    return {
        "tracking_id": view.tracking_id,
        "from": view.from_organ,
        "document_id": view.document_id,
        "business": view.business,
        "number": view.number,
        "notation": view.notation,
        "subject": view.subject,
        "priority": view.priority,
        "sha256": view.sha256,
        "size": view.size,
        "submitted_at": view.submitted_at,
        "changes": [
            {
                "business": one.business,
                "tracking_id": one.tracking_id or None,
                "document_id": one.document_id,
                "by_this": one.by_this,
            }
            for one in view.changes
        ],
        "rollup": rollup.to_json(view),
        "deliveries": deliveries,
    }


def delivery_json(one: DeliveryView) -> dict[str, Any]:
    """One recipient as --json shows it."""
    return {
        "organ": one.to_organ,
        "state": one.state.value,
        "reason": one.reason or None,
        "held": one.held or None,
        "attempts": one.attempts,
        "copies": one.copies,
        "next_try": one.next_try,
        "lifetime_ends": one.lifetime_ends,
        "last_error": one.last_error or None,
        "code": one.code or None,
        "code_conflict": one.code_conflict,
        "delivered_late": one.late,
        "recall": one.recall or None,
        "history": [
            {
                "code": said.code,
                "note": said.note,
                "signed_at": said.signed_at,
                "recorded_at": said.recorded_at,
                "sha256": said.sha256,
            }
            for said in one.history
        ],
    }
