"""`stats`: what came and went lately, by organ, and how long answers took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, session, show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import ReceivedCount, SentCount, TimeTaken


def register(app: typer.Typer) -> None:
    """Add the command, which prints, and `stats export`, which writes files."""
    from . import stats_export
    from .commands import new_group

    text = say(
        "Số liệu gửi, nhận theo cơ quan và thời gian trả lời (trung vị), trong 24 giờ qua hoặc "
        "--since, --from, --to.",
        "Sent and received by organ, and how long answers took (median), in the last 24 h or "
        "--since, --from, --to.",
    )
    group = new_group(text)
    group.callback(invoke_without_command=True, no_args_is_help=False)(stats)
    stats_export.register(group)
    app.add_typer(group, name="stats")


def stats(
    context: typer.Context,
    since: Annotated[
        str,
        typer.Option("--since", metavar="24h", help=say("trong khoảng này", "in this last time")),
    ] = "24h",
    begin: Annotated[
        str,
        typer.Option(
            "--from", metavar="RFC3339", help=say("từ lúc này, thay cho --since", "from this time")
        ),
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="RFC3339", help=say("đến trước lúc này", "before this"))
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Print the figures of a time."""
    if context.invoked_subcommand is not None:
        return
    from .track import names_of

    now = session.now()
    until = options.moment(end) if end else now + timedelta(microseconds=1)
    start = options.moment(begin) if begin else until - options.span(since)
    with session.open_store() as (config, store):
        sent, received, taken = store.archive.figures(start, until)
        names = names_of(config)
    if as_json:
        facts = {"from": start, "to": until, "sent": [_sent_json(one) for one in sent]}
        facts |= {"received": [_received_json(one) for one in received]}
        show.emit("stats", {**facts, "times_to": [_taken_json(one) for one in taken]})
        return
    period = say(
        f"Từ {show.moment(start)} đến {show.moment(until)}",
        f"From {show.moment(start)} to {show.moment(until)}",
    )
    show.out(show.paint(period, "bold"))
    _print_sent(sent, names)
    _print_received(received, names)
    _print_taken(taken)


def _print_sent(sent: Sequence[SentCount], names: Callable[[str], str]) -> None:
    show.out()
    if not sent:
        show.out(say("Không gửi văn bản nào", "Nothing was sent"))
        return
    total = sum(one.count for one in sent)
    good = sum(one.acknowledged for one in sent)
    share = f"{100 * good / total:.1f} %"
    show.out(
        say(
            f"Gửi đi: {total:,} lượt, {share} có biên nhận",
            f"Sent: {total:,} deliveries, {share} acknowledged",
        )
    )
    headers = [
        *(say("NƠI NHẬN", "RECIPIENT"), say("LƯỢT", "ALL"), say("CÓ BIÊN NHẬN", "ACKNOWLEDGED")),
        *(say("ĐANG GỬI", "UNDER WAY"), say("KHÔNG ĐẾN", "UNDELIVERABLE")),
        *(say("TỪ CHỐI", "REJECTED"), say("MUỘN", "LATE"), say("CŨ NHẤT", "OLDEST")),
    ]
    show.table(
        headers,
        [
            [
                show.short(f"{one.organ} {names(one.organ)}", 30),
                *(_number(count) for count in (one.count, one.acknowledged, one.open)),
                *(_number(count) for count in (one.undeliverable, one.rejected, one.late)),
                show.minute(one.oldest) if one.oldest else "",
            ]
            for one in sent
        ],
    )


def _print_received(received: Sequence[ReceivedCount], names: Callable[[str], str]) -> None:
    show.out()
    if not received:
        show.out(say("Không nhận văn bản nào", "Nothing was received"))
        return
    total = sum(one.count for one in received)
    show.out(say(f"Nhận: {total:,} văn bản", f"Received: {total:,} documents"))
    headers = [
        *(say("NƠI GỬI", "SENDER"), say("VĂN BẢN", "ALL"), say("HOÀN THÀNH", "COMPLETED")),
        *(say("TỪ CHỐI", "REJECTED"), say("CHƯA XỬ LÝ", "UNTOUCHED")),
    ]
    show.table(
        headers,
        [
            [
                show.short(f"{one.organ} {names(one.organ)}", 30),
                *(_number(count) for count in (one.count, one.completed)),
                *(_number(count) for count in (one.rejected, one.untouched)),
            ]
            for one in received
        ],
    )


def _print_taken(taken: Sequence[TimeTaken]) -> None:
    if not any(one.count for one in taken):
        return
    show.out()
    show.out(say("Từ khi nộp (trung vị):", "Since submission (median):"))
    show.facts(
        [
            (words.code(one.code), f"{_span(one.median)}  ({one.count:,})")
            for one in taken
            if one.median is not None
        ]
    )


def _span(time: timedelta | None) -> str:
    if time is None:
        return "–"
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else show.span(time)


def _number(count: int) -> str:
    return f"{count:,}" if count else "·"


def _sent_json(one: SentCount) -> dict[str, Any]:
    return {
        "organ": one.organ,
        "deliveries": one.count,
        "bytes": one.size,
        "acknowledged": one.acknowledged,
        "under_way": one.open,
        "undeliverable": one.undeliverable,
        "rejected": one.rejected,
        "late": one.late,
        "oldest_under_way": one.oldest,
    }


def _received_json(one: ReceivedCount) -> dict[str, Any]:
    return {
        "organ": one.organ,
        "documents": one.count,
        "bytes": one.size,
        "completed": one.completed,
        "rejected": one.rejected,
        "untouched": one.untouched,
    }


def _taken_json(one: TimeTaken) -> dict[str, Any]:
    median = one.median.total_seconds() if one.median is not None else None
    return {"status": one.code, "deliveries": one.count, "median_s": median}
