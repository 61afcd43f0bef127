"""`track`: where one document is, one honest line per recipient; `list`: the documents sent.

Transport and processing never share a column. What is late says why and when it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..core.errors import ConfigError, NotFound
from ..core.states import State, StatusCode
from . import options, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..core.model import DeliveryView, DocumentView
    from ..edges.store import SqlStore

T = TypeVar("T")

# What a list shows of several recipients: the one that needs a person first, then the slowest.
_STATES = (State.UNDELIVERABLE, State.QUEUED, State.SENT, State.ACKNOWLEDGED)
_CODES = ("02", "16", "", "01", "13", "03", "04", "05", "15", "06")
_FINAL = frozenset({StatusCode.COMPLETED, StatusCode.CHANGE_AGREED})
_OURS = frozenset({StatusCode.REJECTED, StatusCode.CHANGE_REFUSED})
_PUBLISHES = frozenset({"publish_confirmed", "publish_deferred", "publish_refused"})


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


def track(ref: options.Ref, as_json: options.Json = False) -> None:
    """Show one outgoing document."""

    with session.open_store() as (config, store):
        try:
            view = store.document(ref)
        except NotFound as error:
            raise _not_sent(store, ref) or error from None
        lines = [json.loads(line.line) for line in store.journal_of(view.tracking_id)]
    if as_json:
        show.emit("track", {**document_json(view, lines), "journal": lines})
    else:
        _print(view, lines, names_of(config), session.now())


def _not_sent(store: SqlStore, ref: str) -> NotFound | None:
    """What to say when the name is that of an incoming document."""
    try:
        found = store.arrival(ref)
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
        views = store.documents(limit, attention=attention)
    if as_json:
        show.emit("list", {"documents": [document_json(view) for view in views]})
        return
    if not views:
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
        [_row(view) for view in views],
    )
    if attention:
        _print_reasons(views, names_of(config), now)


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


def _print_reasons(
    views: Sequence[DocumentView], names: Callable[[str], str], now: datetime
) -> None:
    show.out()
    for view in views:
        for one in view.deliveries:
            if why := explain(one, names, now):
                show.out(
                    show.plain(
                        f"{number_of(view.number, view.notation)} → {names(one.to_organ)}: {why}"
                    )
                )


def number_of(number: str, notation: str) -> str:
    """Số, ký hiệu as people write it."""
    return "/".join(part for part in (number, notation) if part) or "–"


def names_of(config: Config) -> Callable[[str], str]:
    """Code and name of an organ; the code alone when the directory cannot be read, and a note."""
    from ..edges.directory import TomlDirectory

    try:
        directory = TomlDirectory.load(config.directory)
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
    lines: Sequence[Mapping[str, Any]],
    names: Callable[[str], str],
    now: datetime,
) -> None:
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
        ]
    )
    show.out()
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
                names(one.to_organ),
                words.state(one.state),
                words.code(one.code),
                str(_publishes(one, lines)),
                _next_mover(one),
            ]
            for one in view.deliveries
        ],
    )
    for one in view.deliveries:
        if why := explain(one, names, now):
            show.out(show.plain(f"→ {one.to_organ}: {why}"))
    _print_timeline(view, lines)


def _publishes(delivery: DeliveryView, lines: Sequence[Mapping[str, Any]]) -> int:
    """How often it was given to the axis, confirmed or not."""
    return sum(
        line["event"] in _PUBLISHES and line.get("delivery") == delivery.delivery_id
        for line in lines
    )


def _next_mover(delivery: DeliveryView) -> str:
    if delivery.state is State.QUEUED:
        return say("nút này", "this node")
    if delivery.state is State.SENT:
        return delivery.to_organ
    if delivery.state is State.UNDELIVERABLE or delivery.code in _OURS:
        return say("văn thư bên ta", "our clerk")
    return "–" if delivery.code in _FINAL else delivery.to_organ


_REASONS: Mapping[str, tuple[str, str]] = {
    "expired": (
        "hết hạn chờ biên nhận; văn bản vẫn có thể đến, biên nhận muộn vẫn được ghi",
        "no receipt within the lifetime; it may still arrive, and a late receipt still counts",
    ),
    "cancelled": ("đã huỷ gửi", "cancelled"),
}


def explain(delivery: DeliveryView, names: Callable[[str], str], now: datetime) -> str:
    """Why a delivery is where it is and when it goes on; "" when there is nothing to explain."""
    again = _when(delivery.next_try, now)
    if delivery.held:
        return say(f"tạm giữ: {delivery.held}", f"on hold: {delivery.held}")
    if delivery.state is State.UNDELIVERABLE:
        known = _REASONS.get(delivery.reason)
        return (
            say(*known)
            if known
            else say(f"bị từ chối: {delivery.reason}", f"refused: {delivery.reason}")
        )
    if delivery.code_conflict:
        return say(
            "bên nhận báo từ chối (02) sau khi đã tiếp nhận: cần hỏi lại bên nhận",
            "the recipient rejected it (02) after accepting it: ask the recipient",
        )
    if delivery.state is State.QUEUED and delivery.attempts:
        why = f" ({words.side(delivery.last_error)})" if delivery.last_error else ""
        return say(
            f"trục chưa nhận, đã thử {delivery.attempts} lần{why}; thử lại {again}",
            f"the axis did not take it, {delivery.attempts} attempt(s){why}; again {again}",
        )
    if delivery.state is State.QUEUED and delivery.copies:
        return say(
            f"chưa có biên nhận sau {delivery.copies} bản gửi; gửi lại {again}",
            f"no receipt after {delivery.copies} copies; sent again {again}",
        )
    if delivery.state is State.QUEUED:
        return say(
            "chờ tiến trình `docexchange run` gửi đi", "waits for `docexchange run` to send it"
        )
    if delivery.state is State.SENT:
        end = show.moment(delivery.lifetime_ends)
        return say(
            f"trục đã nhận, {names(delivery.to_organ)} chưa gửi biên nhận; "
            f"gửi lại {again} nếu vẫn chưa có, chờ tới {end}",
            f"the axis holds it, no receipt of {names(delivery.to_organ)} yet; "
            f"sent again {again} if there is none by then, until {end}",
        )
    if delivery.code in _OURS and delivery.history:
        note = delivery.history[-1].note
        return say(f"lý do: {note}", f"reason: {note}") if note else ""
    return ""


def _when(time: datetime | None, now: datetime) -> str:
    if time is None or time <= now:
        return say("ngay", "at once")
    return say(
        f"lúc {show.moment(time)} (sau {show.span(time - now)})",
        f"at {show.moment(time)} (in {show.span(time - now)})",
    )


# -- what happened -----------------------------------------------------------------------------

_HAPPENED: Mapping[str, tuple[str, str, str]] = {
    "queued": ("●", "ký, lưu và xếp hàng gửi", "signed, stored and queued"),
    "publish_confirmed": ("●", "trục đã nhận", "the axis took it"),
    "publish_deferred": (
        "▲",
        "trục chưa nhận, sẽ thử lại",
        "the axis did not take it, again later",
    ),
    "publish_refused": ("✖", "trục từ chối", "the axis refused it"),
    "receipt_overdue": ("▲", "quá hạn biên nhận, gửi lại", "receipt overdue, sent again"),
    "lifetime_ended": ("✖", "hết hạn chờ", "lifetime ended"),
    "cancelled": ("✖", "huỷ gửi", "cancelled"),
    "released": ("●", "cho gửi lại", "released"),
}


def _print_timeline(view: DocumentView, lines: Sequence[Mapping[str, Any]]) -> None:
    show.out()
    show.out(show.paint(say("Diễn biến", "What happened"), "bold"))
    wide = max((len(one.to_organ) for one in view.deliveries), default=0)
    many = len(view.deliveries) > 1
    day = ""
    for line in lines:
        at = show.moment(datetime.fromisoformat(line["at"]))
        date, clock = at.split(" ")[:2]
        sign, text = _happened(line, view)
        about = f"{line['organ']:<{wide}}  " if many and line["event"] != "queued" else ""
        show.out(f"  {date if date != day else ' ' * len(date)} {clock}  {sign} {about}{text}")
        day = date


def _happened(line: Mapping[str, Any], view: DocumentView) -> tuple[str, str]:
    if line["event"] == "receipt_verified":
        status = _status_of(line, view)
        text = say("biên nhận có chữ ký hợp lệ", "receipt, its signature is valid")
        return "●", show.plain(f"{words.code(str(line.get('code', '')))} · {text}{status}")
    sign, vi, en = _HAPPENED.get(line["event"], ("●", line["event"], line["event"]))
    detail = f": {words.side(line['detail'])}" if line.get("detail") else ""
    return sign, show.plain(say(vi, en) + detail)


def _status_of(line: Mapping[str, Any], view: DocumentView) -> str:
    """The remark of a receipt, if it says more than its code."""
    from ..flow.receipts import DESCRIPTIONS

    for one in view.deliveries:
        for said in one.history:
            if said.sha256 == line.get("sha256") and said.note not in ("", *DESCRIPTIONS.values()):
                return f" · {said.note}"
    return ""


# -- JSON --------------------------------------------------------------------------------------


def document_json(
    view: DocumentView, lines: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """An outgoing document as --json shows it; with its journal, also how often it was sent."""
    deliveries = [delivery_json(one) for one in view.deliveries]
    if lines is not None:
        for shown, one in zip(deliveries, view.deliveries, strict=True):
            shown["attempts_total"] = _publishes(one, lines)
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
