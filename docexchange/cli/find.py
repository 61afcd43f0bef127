"""`find`: a document by words, number, organ and dates, sent or received."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import StoreUnavailable
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..core.searching import Hit
    from ..edges.store import SqlStore


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "find",
        find,
        "Tìm văn bản đi và đến: số, ký hiệu, trích yếu (không cần dấu), cơ quan, ngày. Mã thoát 4 "
        "nếu không có.",
        "Find sent and received documents: number, notation, subject (without diacritics), organ, "
        "dates. Exit code 4 when there is none.",
    )


def find(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=say("[CHỮ...]", "[WORDS...]"),
            help=say(
                'từ trong số, ký hiệu, trích yếu; "..." là cụm từ; từ cuối có thể gõ dở',
                'words of number, notation, subject; "..." is a phrase; the last may be begun only',
            ),
        ),
    ] = None,
    organ: Annotated[
        str,
        typer.Option(
            "--organ",
            metavar="ORGAN",
            help=say("bên kia là cơ quan này, hoặc trực thuộc", "the other side, or below it"),
        ),
    ] = "",
    begin: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help=say("từ ngày", "from this day"))
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help=say("đến hết ngày", "to this day"))
    ] = "",
    sent: Annotated[
        bool, typer.Option("--sent", help=say("chỉ văn bản đi", "only what was sent"))
    ] = False,
    received: Annotated[
        bool, typer.Option("--received", help=say("chỉ văn bản đến", "only what came"))
    ] = False,
    limit: options.Limit = 50,
    as_json: options.Json = False,
) -> None:
    """Print what fits, newest first."""
    from ..core.searching import Search
    from .track import names_of

    wanted = Search(
        text=" ".join(text or ()),
        organ=organ,
        begin=_midnight(begin) if begin else None,
        end=_midnight(end) + timedelta(days=1) if end else None,
        sent=sent or not received,
        received=received or not sent,
        limit=limit,
    )
    with session.open_store() as (config, store):
        _index(store)
        hits = store.archive.find(wanted)
        names = names_of(config)
    if as_json:
        show.emit("find", {"documents": [_json(one) for one in hits]})
    elif hits:
        _print(hits, names)
        if len(hits) == limit:
            show.note(say(f"chỉ {limit} dòng đầu (--limit)", f"the first {limit} only (--limit)"))
    else:
        show.note(say("không tìm thấy", "nothing fits"))
    if not hits:
        raise typer.Exit(exits.Exit.NOT_FOUND)


def _midnight(text: str) -> datetime:
    return datetime.combine(options.day(text), datetime.min.time(), tzinfo=show.LOCAL)


def _index(store: SqlStore) -> None:
    """Take up what the daemon has not yet: nothing, or the documents of the last second; the first
    time all there are."""

    async def work() -> None:
        while await store.archive.index():
            pass

    try:
        asyncio.run(work())
    except StoreUnavailable as why:
        show.note(
            say(f"có thể thiếu văn bản mới nhất: {why}", f"the newest ones may be missing: {why}")
        )


def _print(hits: Sequence[Hit], names: Callable[[str], str]) -> None:
    from .track import number_of

    show.table(
        [
            say("LÚC", "AT"),
            say("CHIỀU", "WAY"),
            say("SỐ, KÝ HIỆU", "NUMBER"),
            say("TRÍCH YẾU", "SUBJECT"),
            say("BÊN KIA", "OTHER SIDE"),
            say("MÃ THEO DÕI", "TRACKING ID"),
        ],
        [
            [
                show.minute(one.at),
                say("đi", "sent") if one.sent else say("đến", "came"),
                number_of(one.number, one.notation),
                show.short(one.subject),
                _others(one, names),
                one.tracking_id,
            ]
            for one in hits
        ],
    )


def _others(one: Hit, names: Callable[[str], str]) -> str:
    if len(one.organs) == 1:
        return show.short(f"{one.organs[0]} {names(one.organs[0])}", 28)
    more = f" +{one.more}" if one.more else ""
    return ", ".join(one.organs) + more


def _json(one: Hit) -> dict[str, Any]:
    return {
        "direction": "sent" if one.sent else "received",
        "tracking_id": one.tracking_id,
        "number": one.number,
        "notation": one.notation,
        "subject": one.subject,
        "organs": list(one.organs),
        "more_organs": one.more,
        "at": one.at,
    }
