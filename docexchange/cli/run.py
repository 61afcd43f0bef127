"""`run`: the daemon, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from . import session
from .exits import Exit
from .words import say

if TYPE_CHECKING:
    from ..config import Config
    from ..flow.echo import Echo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        help=say(
            "Chạy tiến trình nền của nút, cho tới SIGTERM hay Ctrl-C.",
            "Run the daemon of the node, until SIGTERM or Ctrl-C.",
        )
    )(run)


def run(
    echo: Annotated[
        list[str] | None,
        typer.Option(
            "--echo",
            metavar=say("MÃ[=KIỂU]", "ORGAN[=VARIANT]"),
            help=say(
                "cơ quan thử nghiệm tự trả lời mọi văn bản theo giờ: echo (03, 05, 06), slow, "
                "reject (02), recall (đồng ý trả lại)",
                "a test organ that answers every document by itself, by a timer: echo "
                "(03, 05, 06), slow, reject (02), recall (agrees to give back)",
            ),
        ),
    ] = None,
) -> int:
    """Serve. A failing store or a bug ends it with a code that a supervisor restarts on."""
    import structlog

    from .. import log
    from ..core.errors import StoreError
    from ..edges.heartbeat import LaneStuck
    from ..edges.watch import ConsumerStuck

    config = session.load_config()
    echoes = tuple(_echo(text, config) for text in echo or ())
    log.setup(verbose=session.current.verbose)
    code = Exit.DONE
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_told(config, echoes))
    except* StoreError as group:
        structlog.get_logger().error("store_failed", why=[str(one) for one in _leaves(group)])
        code = Exit.UNAVAILABLE
    except* LaneStuck as group:
        structlog.get_logger().error("axis_stuck", why=[str(one) for one in _leaves(group)])
        code = Exit.UNAVAILABLE
    except* ConsumerStuck as group:
        structlog.get_logger().error("mailroom_stuck", why=[str(one) for one in _leaves(group)])
        code = Exit.UNAVAILABLE
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """The exceptions of a group and of the groups in it."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def _echo(text: str, config: Config) -> Echo:
    from ..flow.echo import Echo, Variant

    organ, _, variant = text.partition("=")
    if organ not in config.organs:
        served = ", ".join(sorted(config.organs))
        raise typer.BadParameter(
            say(f"nút này không phục vụ {organ}; có {served}", f"{organ} is not served; {served}"),
            param_hint="--echo",
        )
    if (variant or Variant.ECHO) not in list(Variant):
        known = ", ".join(Variant)
        raise typer.BadParameter(
            say(f"không có kiểu {variant}; có {known}", f"no variant {variant}; known: {known}"),
            param_hint="--echo",
        )
    return Echo(organ, Variant(variant or Variant.ECHO))


async def _until_told(config: Config, echoes: tuple[Echo, ...]) -> None:
    from ..daemon import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(config, stop, echoes=echoes)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: about a fifth more documents a second (measured)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
