"""`timestamps status|check`: what waits for a timestamp, and whether the authorities answer."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import typer

from ..core.errors import ConfigError, Deferred
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from ..config import Config


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say("Dấu thời gian (RFC 3161) của văn bản và biên nhận.", "Timestamps of what is kept.")
    )
    options.add(
        group,
        "status",
        status,
        "Bao nhiêu văn bản, biên nhận đang chờ dấu thời gian, và từ bao giờ.",
        "How many documents and receipts wait for a timestamp, and since when.",
    )
    options.add(
        group,
        "check",
        check,
        "Hỏi thử từng máy chủ dấu thời gian và kiểm tra câu trả lời. Không lưu gì.",
        "Ask each authority for a token and check it. Nothing is kept.",
    )
    app.add_typer(group, name="timestamps")


def status(as_json: options.Json = False) -> None:
    """The backlog. Exit code 3 when something has waited longer than the first age to warn at."""
    now = session.now()
    with session.open_store() as (config, store):
        backlog = store.stamps.backlog()
    settings = config.timestamps
    age = now - backlog.oldest if backlog.oldest is not None else None
    late = bool(settings.urls) and age is not None and age >= settings.stamping.warn[0]
    if as_json:
        facts = {"authorities": list(settings.urls), "waiting": backlog.waiting, "late": late}
        facts |= {"oldest": backlog.oldest, "stamped": backlog.stamped, "last": backlog.last}
        show.emit("timestamps-status", facts)
    else:
        none = say("chưa cấu hình ([timestamps] urls)", "none ([timestamps] urls)")
        oldest = f"{show.moment(backlog.oldest)} ({age})" if backlog.oldest else "–"
        show.facts(
            [
                (say("Máy chủ", "Authorities"), ", ".join(settings.urls) or none),
                (say("Đang chờ", "Waiting"), f"{backlog.waiting:,}"),
                (say("Chờ lâu nhất từ", "Oldest since"), oldest),
                (say("Đã có dấu", "Stamped"), f"{backlog.stamped:,}"),
                (
                    say("Dấu gần nhất", "Last token"),
                    show.moment(backlog.last) if backlog.last else "–",
                ),
            ]
        )
    if late:
        raise typer.Exit(exits.Exit.PARTLY)


def check(as_json: options.Json = False) -> None:
    """Ask every authority. Exit code 1 when one of them gave no good token."""
    config = session.load_config()
    if not config.timestamps.urls:
        raise ConfigError(
            "no timestamping authority: name one in [timestamps] urls",
            "chưa có máy chủ dấu thời gian: ghi vào [timestamps] urls",
        )
    found = asyncio.run(_ask_all(config))
    if as_json:
        show.emit("timestamps-check", {"authorities": found})
    else:
        for one in found:
            good = one["why"] is None
            facts = f"{one['gen_time']} · {one['signer']}" if good else one["why"]
            show.out(
                show.paint(
                    show.plain(f"{'✔' if good else '✖'} {one['url']} · {facts}"),
                    "good" if good else "bad",
                )
            )
    if any(one["why"] is not None for one in found):
        raise typer.Exit(exits.Exit.NEGATIVE)


async def _ask_all(config: Config) -> list[dict[str, Any]]:
    from .. import compose
    from ..flow.stamping import Stamper

    trust, now = compose.node_trust(config).authorities, session.now()
    imprint = sha256(b"docexchange timestamps check").digest()
    found = []
    for authority in compose.authorities(config):
        stamper = Stamper([authority], config.timestamps.stamping, compose.nonce)
        try:
            _, token, _ = await stamper.ask(imprint, trust=trust, now=now)
        except Deferred as deferred:
            why = say(deferred.vi, str(deferred))
            found.append({"url": authority.name, "why": why, "gen_time": None, "signer": None})
        else:
            at = token.gen_time.isoformat()
            subject = token.signer.subject
            found.append({"url": authority.name, "why": None, "gen_time": at, "signer": subject})
    return found
