"""`run`: the daemon, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import typer

from . import session
from .exits import Exit
from .words import say

if TYPE_CHECKING:
    from ..config import Config


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        help=say(
            "Chạy tiến trình nền của nút, cho tới SIGTERM hay Ctrl-C.",
            "Run the daemon of the node, until SIGTERM or Ctrl-C.",
        )
    )(run)


def run() -> int:
    """Serve. A failing store or a bug ends it with a code that a supervisor restarts on."""
    import structlog

    from .. import log
    from ..core.errors import StoreError

    log.setup(verbose=session.current.verbose)
    config = session.load_config()
    code = Exit.DONE
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_told(config))
    except* StoreError as group:
        structlog.get_logger().error("store_failed", why=[str(one) for one in group.exceptions])
        code = Exit.UNAVAILABLE
    return code


async def _until_told(config: Config) -> None:
    from ..daemon import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(config, stop)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: about a fifth more documents a second (measured)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
