"""`queue shape`: how much waits for each destination and since when, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, session, show
from .words import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ..core.model import ShapeLine


def show_shape(
    sent: Annotated[
        bool,
        typer.Option(
            "--sent",
            help=say("những gì chờ biên nhận, không phải chờ gửi", "what awaits its receipt"),
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Print the counts by destination, lane and age."""
    from ..edges.store.queue import AGES

    with session.open_store() as (_, store):
        lines = store.operator.shape(session.now(), sent=sent)
    if as_json:
        facts = {"ages_s": [age.total_seconds() for age in AGES], "awaiting_receipt": sent}
        show.emit("queue-shape", {**facts, "destinations": [_json(one) for one in lines]})
    elif not lines:
        show.note(say("không có gì chờ", "nothing waits"))
    else:
        _print(lines, AGES)


def _json(one: ShapeLine) -> dict[str, Any]:
    return {
        "organ": one.organ,
        "lane": one.lane,
        "count": one.count,
        "by_age": list(one.ages),
        "held": one.held,
        "tried": one.tried,
        "oldest": one.oldest,
    }


def _print(lines: Sequence[ShapeLine], ages: Sequence[timedelta]) -> None:
    bounds = [f"≤{_bound(age)}" for age in ages] + [f">{_bound(ages[-1])}"]
    ends = [say("GIỮ LẠI", "HELD"), say("ĐÃ THỬ", "TRIED"), say("CŨ NHẤT", "OLDEST")]
    headers = [say("NƠI NHẬN", "RECIPIENT"), say("LÀN", "LANE"), say("TẤT CẢ", "ALL")]
    rows = [
        _row(one.organ, one.lane, one.ages, one.held, one.tried, show.minute(one.oldest))
        for one in lines
    ]
    if len(lines) > 1:
        ages_of_all = [sum(column) for column in zip(*(one.ages for one in lines), strict=True)]
        held, tried = sum(one.held for one in lines), sum(one.tried for one in lines)
        oldest = show.minute(min(one.oldest for one in lines))
        rows.append(_row(say("CỘNG", "ALL"), "", ages_of_all, held, tried, oldest))
    show.table([*headers, *bounds, *ends], rows)


def _row(
    organ: str, lane: str, ages: Sequence[int], held: int, tried: int, oldest: str
) -> list[str]:
    counts = [_number(count) for count in (sum(ages), *ages, held, tried)]
    return [organ, lane, *counts, oldest]


def _number(count: int) -> str:
    """A dot for nothing: the eye finds what is there."""
    return f"{count:,}" if count else "·"


def _bound(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return f"{minutes // 60}h" if minutes >= 60 else f"{minutes}m"
