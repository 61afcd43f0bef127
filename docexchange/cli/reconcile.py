"""`reconcile`: what two organs sent to each other, as both have it, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.reconciling import RESTORED, Compared, Sent
from . import agency_ping, exits, options, orders, session, show, words
from .reconciling import Settled, Talk, compare, settle
from .show import LOCAL
from .words import say

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = 30  # of a window that nobody chose
SHOWN = 50  # documents listed for people; JSON has all


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "reconcile",
        reconcile,
        "Đối soát với một cơ quan: hỏi và được trả lời có chữ ký, văn bản nào bên này gửi mà bên "
        "kia không có, và ngược lại. Mã thoát 0: không có khác biệt; 1: có; 75: chưa trả lời.",
        "Compare with another organ, by a signed question and its signed answer: which documents "
        "one sent and the other does not have. Exit code 0: no difference; 1: some; 75: no "
        "answer.",
    )


def reconcile(
    organ: Annotated[str, typer.Argument(metavar="ORGAN", help=say("mã cơ quan", "OrganId"))],
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar=say("NGÀY", "DATE"),
            help=say(
                f"văn bản gửi từ ngày này, 2026-11-22 (mặc định: {DAYS} ngày)",
                f"documents sent from this day on, 2026-11-22 (default: {DAYS} days)",
            ),
        ),
    ] = "",
    release: Annotated[
        bool,
        typer.Option(
            "--release",
            help=say(
                "văn bản giữ lại sau khôi phục: bên kia có thì xin lại biên nhận, chưa có thì gửi",
                "documents held since a restore: of what they have the receipts are asked for "
                "again, what they lack is sent",
            ),
        ),
    ] = False,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend",
            help=say(
                "xin bên kia gửi lại văn bản mà bên này bị mất",
                "ask them to send again what was lost here",
            ),
        ),
    ] = False,
    reason: orders.Reason = "",
    sender: agency_ping.Sender = "",
    wait: Annotated[
        str,
        typer.Option(
            "--wait",
            metavar="30s",
            help=say("chờ lâu nhất cho mỗi câu trả lời", "longest wait for each answer"),
        ),
    ] = "30s",
    as_json: options.Json = False,
) -> None:
    """Ask, compare, do what was asked for, print."""
    from .. import compose

    now, longest = session.now(), options.span(wait)
    begin = _begin(since, now)
    order = orders.order(orders.needed(reason) if release or resend else reason)
    with session.open_world() as (config, world):
        ours = agency_ping.sender_of(config, sender)
        if organ == ours:
            raise typer.BadParameter(
                say(f"{organ} là chính cơ quan này", f"{organ} is this organ itself"),
                param_hint="ORGAN",
            )
        store = compose.open_store(config, exclusive=False)
        try:
            talk = Talk(world, store, ours, organ, order, longest)
            compared = compare(talk, begin, now)
            settled = settle(talk, compared, release=release, resend=resend)
        finally:
            store.close()
    if as_json:
        show.emit("reconcile", _json(talk, compared, settled, begin, now))
    else:
        _print(talk, compared, settled, begin, now)
    if compared.differences:
        raise typer.Exit(exits.Exit.NEGATIVE)


def _begin(since: str, now: datetime) -> datetime:
    """Midnight in Vietnam of a day, DAYS ago if none is named. Raises typer.BadParameter."""
    day = options.day(since) if since else options.today(now) - timedelta(days=DAYS)
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)


def _print(
    talk: Talk, compared: Compared, settled: Settled, begin: datetime, until: datetime
) -> None:
    found, ours, peer = compared.differences, talk.organ, talk.peer
    show.out(
        show.plain(f"{ours} ↔ {peer}   {show.minute(begin)} – {show.moment(until)}"),
    )
    here = sum(one.sha256 in compared.here for one in compared.theirs)
    show.facts(
        [
            (
                say(f"{ours} gửi", f"{ours} sent"),
                f"{len(compared.ours):,}; "
                + say(f"{peer} có {len(compared.have):,}", f"{peer} has {len(compared.have):,}"),
            ),
            (
                say(f"{peer} gửi", f"{peer} sent"),
                f"{len(compared.theirs):,}; " + say(f"{ours} có {here:,}", f"{ours} has {here:,}"),
            ),
        ]
    )
    if not found:
        show.out(show.paint("✔ ", "good") + say("không có khác biệt", "no difference"))
        return
    _list(
        say(f"{ours} đã gửi, {peer} không có", f"{ours} sent, {peer} does not have"),
        found.not_there,
        _state_here,
    )
    _list(
        say(f"{peer} đã gửi, {ours} không có", f"{peer} sent, {ours} does not have"),
        found.not_here,
        _state_there,
    )
    _list(
        say(f"{peer} có, {ours} chưa có biên nhận", f"{peer} has, {ours} has no receipt"),
        found.open_here,
        _state_here,
    )
    _list(
        say(
            f"{peer} có văn bản của {ours} mà kho này không biết",
            f"{peer} has documents of {ours} that this store does not know",
        ),
        found.unknown_here,
        lambda one: words.code(one.code),
    )
    for line in _done(settled):
        show.out(show.plain(line))
    for line in _advice(compared, settled, peer):
        show.note(show.plain(line))


def _list(title: str, some: Sequence[Sent], state: Callable[[Sent], str]) -> None:
    if not some:
        return
    show.out(show.paint(show.plain(f"▲ {title} ({len(some):,})"), "open"))
    for one in some[:SHOWN]:
        name = show.short(one.document_id or one.sha256)
        show.out(show.plain(f"    {show.minute(one.at)}  {name}  {state(one)}"))
    if len(some) > SHOWN:
        more = len(some) - SHOWN
        show.out(
            say(f"    … và {more:,} văn bản nữa (--json)", f"    … and {more:,} more (--json)")
        )


def _state_here(one: Sent) -> str:
    if one.held == RESTORED:
        return say("■ giữ lại sau khôi phục", "■ held back since the restore")
    return words.state(one.state) + (f" ({one.held})" if one.held else "")


def _state_there(one: Sent) -> str:
    told = words.state(one.state)
    return say(f"bên kia ghi: {told}", f"they say: {told}")


def _done(settled: Settled) -> list[str]:
    lines = []
    if settled.asked:
        counts = f"{settled.acknowledged:,}/{len(settled.asked):,}"
        lines.append(
            say(f"● xin lại biên nhận: đã đến {counts}", f"● receipts asked again: {counts} came")
        )
    if settled.released:
        count = f"{len(settled.released):,}"
        lines.append(
            say(f"● thả ra để gửi: {count} văn bản", f"● released, they are sent: {count}")
        )
    if settled.wanted:
        counts = f"{settled.arrived:,}/{len(settled.wanted):,}"
        lines.append(
            say(f"● xin gửi lại: đã đến {counts}", f"● asked to be sent again: {counts} came")
        )
    return lines


def _advice(compared: Compared, settled: Settled, peer: str) -> list[str]:
    found = compared.differences
    lines = []
    held = [one for one in (*found.not_there, *found.open_here) if one.held == RESTORED]
    if held and not (settled.asked or settled.released):
        lines.append(
            say(
                f"`docexchange reconcile {peer} --release --reason ...`: xin lại biên nhận của "
                "văn bản bên kia đã có, gửi văn bản bên kia chưa có",
                f"`docexchange reconcile {peer} --release --reason ...` asks for the receipts of "
                "what they have, and sends what they lack",
            )
        )
    if found.not_here and not settled.wanted:
        lines.append(
            say(
                f"`docexchange reconcile {peer} --resend --reason ...`: xin gửi lại văn bản mà "
                "bên này đã nhận rồi mất; văn bản chưa có biên nhận thì bên kia tự gửi lại",
                f"`docexchange reconcile {peer} --resend --reason ...` asks for what was lost here "
                "after it had been acknowledged; they send what has no receipt by themselves",
            )
        )
    if found.unknown_here:
        lines.append(
            say(
                f"văn bản {peer} có mà kho này không biết: đã gửi sau bản sao lưu; không gửi lại "
                "dưới cùng số, văn thư giữ bản của mình",
                f"what {peer} has and this store does not know was sent after the backup: do not "
                "submit it again under its number; the mailroom has its own copy",
            )
        )
    if settled != Settled():
        lines.append(
            say(
                f"xem lại: `docexchange reconcile {peer}`",
                f"look again: `docexchange reconcile {peer}`",
            )
        )
    return lines


def _json(
    talk: Talk, compared: Compared, settled: Settled, begin: datetime, until: datetime
) -> dict[str, Any]:
    found = compared.differences
    return {
        "organ": talk.organ,
        "peer": talk.peer,
        "since": begin,
        "until": until,
        "sent": {"count": len(compared.ours), "they_have": len(compared.have)},
        "received": {"count": len(compared.theirs), "we_have": len(compared.here)},
        "same": not found,
        "not_there": [_plain(one) for one in found.not_there],
        "not_here": [_plain(one) for one in found.not_here],
        "open_here": [_plain(one) for one in found.open_here],
        "unknown_here": [_plain(one) for one in found.unknown_here],
        "done": {
            "released": list(settled.released),
            "receipts_asked": list(settled.asked),
            "receipts_came": settled.acknowledged,
            "copies_asked": list(settled.wanted),
            "copies_refused": sorted(set(settled.wanted) - set(settled.resent)),
            "copies_came": settled.arrived,
        },
    }


def _plain(one: Sent) -> dict[str, Any]:
    return {
        "sha256": one.sha256,
        "document_id": one.document_id,
        "submitted_at": one.at,
        "state": one.state.value,
        "code": one.code or None,
        "tracking_id": one.tracking_id or None,
        "held": one.held or None,
    }
