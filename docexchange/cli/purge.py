"""`purge`: let go of content that is final, archived, old, and under no legal hold."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, orders, session, show
from .words import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.model import OldContent, Order
    from ..edges.store import SqlStore

LEAST = timedelta(days=30)  # ours: a shorter time is nearly always a mistake
YEARS_MAX = 200  # the longest time that a document is kept for, and some more


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "purge",
        purge,
        "Huỷ nội dung đã hết hạn lưu: đã xử lý xong, văn thư đã có, không bị giữ (`legal hold`). "
        "Giá trị băm, biên nhận, bằng chứng và nhật ký vẫn còn.",
        "Purge content that is old: final, with the mailroom, under no legal hold. Digests, "
        "receipts, evidence and journal stay.",
    )


def purge(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="5y|400d",
            help=say("gửi hoặc đến trước chừng này", "submitted or arrived longer ago"),
        ),
    ],
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Go over what is old, step by step; the running daemon goes on meanwhile."""
    now = session.now()
    before = earlier(now, older_than)
    order = orders.order(reason if dry_run else orders.needed(reason))
    with session.open_store() as (_, store):
        if dry_run:
            counts = Counter[str]()
            for step in _steps(store, before):
                for one in step:
                    _count(counts, one)
        else:
            counts = asyncio.run(_purge(store, before, order, now))
        left = store.operator.erasures()
    facts = {"dry_run": dry_run, "before": before, **_facts(counts), "to_erase": left}
    orders.tell("purge", facts, _lines(counts, before, left), dry_run, as_json=as_json)


def earlier(now: datetime, text: str) -> datetime:
    """The time so long ago: years of the calendar, or days. Raises typer.BadParameter."""
    match = re.fullmatch(r"([0-9]{1,5})([dy])", text)
    if match is None:
        raise typer.BadParameter(
            say(f"{text!r}: viết 5y hoặc 400d", f"{text!r}: write 5y or 400d"),
            param_hint="--older-than",
        )
    count = int(match[1])
    if match[2] == "y":
        if count > YEARS_MAX:
            raise typer.BadParameter(f"<= {YEARS_MAX}y", param_hint="--older-than")
        # 29 February becomes 28 February
        day = 28 if (now.month, now.day) == (2, 29) else now.day
        before = now.replace(year=now.year - count, day=day)
    else:
        before = now - timedelta(days=min(count, YEARS_MAX * 365))
    if now - before < LEAST:
        raise typer.BadParameter(
            say(f"ít nhất {LEAST.days} ngày", f"at least {LEAST.days} days"),
            param_hint="--older-than",
        )
    return before


def _steps(store: SqlStore, before: datetime) -> Iterator[list[OldContent]]:
    after = 0
    while found := store.operator.old_contents(before, after):
        yield found
        after = found[-1].blob_id


async def _purge(store: SqlStore, before: datetime, order: Order, now: datetime) -> Counter[str]:
    counts = Counter[str]()
    await store.operator.begin_purge(before, order, now)
    for step in _steps(store, before):
        gone = await store.operator.purge(step, before, order, now)
        numbers = {one.blob_id for one in gone}
        for one in step:
            if one.blob_id in numbers or one.is_open or one.is_held:
                _count(counts, one)
            else:  # something happened with it since it was looked at
                counts["open"] += 1
    return counts


def _count(counts: Counter[str], one: OldContent) -> None:
    kind = "held" if one.is_held else "open" if one.is_open else "purged"
    counts[kind] += 1
    counts[f"{kind}_bytes"] += one.size


def _facts(counts: Counter[str]) -> dict[str, object]:
    return {
        "purged": counts["purged"],
        "bytes": counts["purged_bytes"],
        "open": counts["open"],
        "held": counts["held"],
    }


def _lines(counts: Counter[str], before: datetime, left: int) -> list[str]:
    size = show.size(counts["purged_bytes"])
    lines = [
        say(
            f"trước {show.moment(before)}: huỷ {counts['purged']:,} nội dung, {size}",
            f"before {show.moment(before)}: {counts['purged']:,} content(s) purged, {size}",
        )
    ]
    if counts["open"]:
        lines.append(
            say(
                f"để lại {counts['open']:,}: chưa xử lý xong hoặc văn thư chưa nhận",
                f"{counts['open']:,} left: not final, or not with the mailroom",
            )
        )
    if counts["held"]:
        lines.append(
            say(
                f"để lại {counts['held']:,}: đang giữ theo yêu cầu pháp lý",
                f"{counts['held']:,} left: under legal hold",
            )
        )
    if left:
        lines.append(
            say(
                f"{left:,} nội dung còn vết trong tệp: nút đang chạy sẽ xoá trong ít phút",
                f"{left:,} still leave traces in the files: the running node erases them soon",
            )
        )
    return lines
