"""Documents that wait for a signature made elsewhere (chờ ký): `sign list`, `sign cancel`, and how
`send`, `track` and `list` show them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.states import SigningState
from . import options, session, show, words
from .explain import print_timeline
from .words import say

if TYPE_CHECKING:
    from keys.remote import RemoteKey

    from ..core.model import PendingView, Submitted
    from ..core.world import World
    from ..edges.store import SqlStore

LAPSED_FOR = timedelta(days=7)  # an expired document stands so long among what needs a person


def register(group: typer.Typer) -> None:
    """Add the commands to the group `sign`."""
    options.add(
        group,
        "list",
        list_waiting,
        "Văn bản đang chờ ký: từ bao giờ, tới bao giờ.",
        "Documents that wait for their signature: since when, until when.",
    )
    options.add(
        group,
        "cancel",
        cancel,
        "Thôi chờ ký; sau đó có thể nộp lại với nội dung khác.",
        "Stop waiting; then it may be submitted again with other content.",
    )


def list_waiting(limit: options.Limit = 50, as_json: options.Json = False) -> None:
    """List what waits, newest first."""
    with session.open_store() as (_, store):
        views = store.signings.waiting(limit)
    if as_json:
        show.emit("sign-list", {"documents": [pending_json(view) for view in views]})
        return
    if not views:
        show.note(say("không có văn bản nào chờ ký", "no document waits for its signature"))
        return
    now = session.now()
    show.table(
        [
            say("TỪ LÚC", "SINCE"),
            say("SỐ, KÝ HIỆU", "NUMBER"),
            say("TRÍCH YẾU", "SUBJECT"),
            say("ĐÃ CHỜ", "AGE"),
            say("HẠN KÝ", "SIGN BY"),
            say("MÃ THEO DÕI", "TRACKING ID"),
        ],
        [
            [
                show.minute(view.submitted_at),
                number_of(view),
                show.short(view.subject, 40),
                show.span(now - view.submitted_at),
                f"{show.minute(view.expires_at)} ({_left(view, now)})",
                view.tracking_id,
            ]
            for view in views
        ],
    )


def cancel(
    ref: options.Ref,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar=say("LÝ_DO", "TEXT"),
            help=say("lý do, ghi vào nhật ký", "why; it goes into the journal"),
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Stop waiting for the signature of a document; nothing of it is sent."""
    with session.open_store() as (_, store):
        view = store.signings.find(ref)
        asyncio.run(store.signings.cancel(view.tracking_id, reason, session.now()))
        view = store.signings.find(view.tracking_id)
    if as_json:
        show.emit("sign-cancel", pending_json(view))
        return
    text = say("thôi chờ ký; không gửi", "waits for no signature any more; not sent")
    show.out(f"{show.paint('✔', 'good')} {show.plain(number_of(view))}: {text}")


# -- for send ----------------------------------------------------------------------------------


def key_for(
    sign_later: bool, cert: Path | None, organ: str, world: World, now: datetime
) -> RemoteKey | None:
    """The key that is to sign later, None when the organ's usual way is meant."""
    from ..edges.remotekeys import read_remote

    if not sign_later and cert is None:
        return None
    if cert is not None:
        return read_remote(cert, now)
    if organ not in world.remote:
        raise typer.BadParameter(
            say(
                f"--sign-later cần --cert CHAIN.pem (hoặc organs.{organ}.document_chain)",
                f"--sign-later needs --cert CHAIN.pem (or organs.{organ}.document_chain)",
            )
        )
    return world.remote[organ]


def tell(submitted: Submitted, world: World, *, as_json: bool) -> None:
    """Tell that a document is not queued but waits for its signature, and what to do."""
    view = world.store.signings.find(submitted.tracking_id)
    if as_json:
        facts = {"duplicate": submitted.duplicate, "waiting_for_signature": True}
        show.emit("send", {**pending_json(view), **facts})
        return
    show.note(f"◌ {show.plain(number_of(view))}: {show.plain(why(view, session.now()))}")
    show.out(submitted.tracking_id)


# -- for track and list ------------------------------------------------------------------------


def track_pending(
    store: SqlStore, view: PendingView, names: Callable[[str], str], *, as_json: bool
) -> None:
    """What `track` shows of a document that has no deliveries yet, or never got them."""
    lines = [json.loads(line.line) for line in store.journal.of(view.tracking_id)]
    if as_json:
        show.emit("track", {**pending_json(view), "deliveries": [], "journal": lines})
        return
    _print(view, lines, names, session.now())


def row(view: PendingView) -> list[str]:
    """Its line in `list`."""
    return [
        show.minute(view.submitted_at),
        number_of(view),
        show.short(view.subject, 40),
        words.signing(view.state),
        words.code(""),
        view.tracking_id,
    ]


def why(view: PendingView, now: datetime) -> str:
    """Why it stands where it is and what to do."""
    if view.state is SigningState.EXPIRED:
        return say(
            "không ai ký trong hạn; nộp lại văn bản nếu vẫn cần gửi",
            "nobody signed in time; submit it again if it is still to be sent",
        )
    if view.state is SigningState.CANCELLED:
        return say(f"thôi ký: {view.reason}", f"taken back: {view.reason}")
    if view.state is SigningState.SIGNED:
        return ""
    refused = ""
    if view.refusals:
        last = words.side(view.last_refusal)
        refused = say(
            f"{view.refusals} chữ ký bị từ chối, lần cuối: {last}; ",
            f"{view.refusals} signature(s) refused, the last: {last}; ",
        )
    ref = view.tracking_id
    return refused + say(
        f"chờ chữ ký {_left(view, now)}, tới {show.moment(view.expires_at)}: "
        f"docexchange sign export {ref} -o yeu-cau.json, ký, rồi "
        f"docexchange sign complete --ref {ref} CHỮ_KÝ",
        f"waits for its signature {_left(view, now)}, until {show.moment(view.expires_at)}: "
        f"docexchange sign export {ref} -o request.json, have it signed, then "
        f"docexchange sign complete --ref {ref} SIGNATURE",
    )


def pending_json(view: PendingView) -> dict[str, Any]:
    """One of them as --json shows it."""
    return {
        "tracking_id": view.tracking_id,
        "request_id": view.request_id,
        "signature": view.state.value,
        "from": view.from_organ,
        "to": list(view.recipients),
        "document_id": view.document_id,
        "business": view.business,
        "number": view.number,
        "notation": view.notation,
        "subject": view.subject,
        "priority": view.priority,
        "submitted_at": view.submitted_at,
        "sign_by": view.expires_at,
        "refusals": view.refusals,
        "last_refusal": view.last_refusal or None,
        "settled_at": view.settled_at,
        "reason": view.reason or None,
    }


def number_of(view: PendingView) -> str:
    """Số, ký hiệu as people write it."""
    return "/".join(part for part in (view.number, view.notation) if part) or "–"


def _left(view: PendingView, now: datetime) -> str:
    left = view.expires_at - now
    if left <= timedelta(0):
        return say("đã quá hạn", "overdue")
    text = show.span(left)
    return say(f"còn {text}", f"{text} left")


def _print(
    view: PendingView,
    lines: Sequence[Mapping[str, Any]],
    names: Callable[[str], str],
    now: datetime,
) -> None:
    show.out(show.paint(show.plain(f"{number_of(view)} · {view.subject}"), "bold"))
    show.facts(
        [
            (say("Mã theo dõi", "Tracking id"), view.tracking_id),
            (say("Định danh", "DocumentId"), view.document_id),
            (say("Từ", "From"), names(view.from_organ)),
            *((say("Đến", "To"), names(organ)) for organ in view.recipients),
            (say("Nộp lúc", "Submitted"), show.moment(view.submitted_at)),
            (say("Trạng thái", "State"), words.signing(view.state)),
            (say("Hạn ký", "Sign by"), show.moment(view.expires_at)),
        ]
    )
    if text := why(view, now):
        show.out(show.plain(f"→ {text}"))
    print_timeline((), lines)
