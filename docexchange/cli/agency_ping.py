"""`agency ping`: a signed test through the whole path, and how long each way took."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..edges.store import SqlStore

POLL = 0.05  # s between two looks at the journal
FAILED = frozenset({"publish_deferred", "publish_refused"})
Sender = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="ORGAN",
        help=say("cơ quan của nút này đứng gửi", "organ of this node that asks"),
    ),
]


def ping(
    organ: Annotated[str, typer.Argument(metavar="ORGAN", help=say("mã cơ quan", "OrganId"))],
    sender: Sender = "",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="30s", help=say("chờ lâu nhất", "longest wait"))
    ] = "30s",
    as_json: options.Json = False,
) -> None:
    """Send a test and wait. Exit code 0 answered, 75 not in time."""
    from .. import compose
    from ..flow import ping as flow

    longest = options.span(timeout)
    with session.open_world() as (config, world):
        ours = sender_of(config, sender)
        ref = asyncio.run(flow.send(organ, sender=ours, world=world, now=session.now()))
        store = compose.open_store(config, exclusive=False)
        try:
            lines = _wait(store, ref, longest)
        finally:
            store.close()
    _tell(organ, ref, lines, longest, as_json=as_json)


def sender_of(config: Config, sender: str) -> str:
    """The organ of ours that is meant; "" is the only one there is. Raises ConfigError."""
    if sender:
        return sender
    organs = sorted(config.organs)
    if len(organs) == 1:
        return organs[0]
    raise ConfigError(
        f"this node serves {', '.join(organs)}: name one with --from",
        f"nút này phục vụ {', '.join(organs)}: chọn bằng --from",
    )


def _wait(store: SqlStore, ref: str, longest: timedelta) -> Mapping[str, dict[str, Any]]:
    """The lines about the test by their event, the last of each, as far as they came in time."""
    ends = time.monotonic() + longest.total_seconds()
    while True:
        found = [json.loads(line.line) for line in store.journal.about(ref)]
        lines = {line["event"]: line for line in found}
        if "ping_answered" in lines or time.monotonic() >= ends:
            return lines
        time.sleep(POLL)


def _tell(
    organ: str,
    ref: str,
    lines: Mapping[str, dict[str, Any]],
    longest: timedelta,
    *,
    as_json: bool,
) -> None:
    begun = _at(lines["queued"])
    out = _since(begun, lines.get("publish_confirmed"))
    back = _since(begun, lines.get("ping_answered"))
    error = failure(lines) if out is None else ""
    if as_json:
        facts = {"organ": organ, "tracking_id": ref, "answered": back is not None}
        show.emit("agency-ping", {**facts, "confirmed_s": out, "answered_s": back, "error": error})
    elif back is not None:
        mark = show.paint("✔", "good")
        show.out(
            say(
                f"{mark} {organ}: trục nhận sau {out or 0:.2f} s, trả lời có chữ ký hợp lệ sau "
                f"{back:.2f} s",
                f"{mark} {organ}: the axis took it after {out or 0:.2f} s, its signed answer came "
                f"after {back:.2f} s",
            )
        )
    else:
        mark = show.paint("✖", "bad")
        why = silence(longest, error, taken=out is not None)
        show.out(show.plain(f"{mark} {organ}: {why}"))
    if back is None:
        raise typer.Exit(exits.Exit.LATER)


def failure(lines: Mapping[str, dict[str, Any]]) -> str:
    """What the axis said against it, by the lines about it; "" if nothing."""
    last = next((line for event, line in lines.items() if event in FAILED), None)
    return str(last.get("detail", "")) if last else ""


def silence(longest: timedelta, error: str, *, taken: bool) -> str:
    """Why there is no answer, as far as we know; `taken`: the axis took what we sent."""
    waited = show.span(longest)
    if taken:
        return say(
            f"trục đã nhận, {waited} chưa có trả lời: nút bên kia không chạy, hoặc không tin ta",
            f"the axis took it, no answer for {waited}: its node does not run, or does not "
            "believe us",
        )
    if error:
        return say(f"trục không nhận: {error}", f"the axis did not take it: {error}")
    return say(
        f"{waited} chưa gửi đi: `docexchange run` có đang chạy không?",
        f"it did not leave for {waited}: is `docexchange run` running?",
    )


def _at(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"])


def _since(begun: datetime, line: Mapping[str, Any] | None) -> float | None:
    return (_at(line) - begun).total_seconds() if line else None
