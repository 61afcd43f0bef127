"""`demo`: three provinces on this machine, six checked scenes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .words import say, spoken


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        help=say(
            "Diễn việc chính với ba nút thật, một RabbitMQ riêng; mã thoát 0 khi mọi cảnh đúng.",
            "Play the main job: three real nodes, a private RabbitMQ; exit 0 if all scenes held.",
        )
    )(demo)


def demo(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            metavar=say("[TỆP]...", "[FILE]..."),
            help=say("gửi các tệp này thay cho văn bản mẫu", "send these instead of the sample"),
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help=say("để các nút chạy tới khi Ctrl-C", "keep the nodes until Ctrl-C")
        ),
    ] = False,
    echo: Annotated[
        bool,
        typer.Option(
            "--echo",
            help=say(
                "không diễn: một văn thư cho bạn thử phần mềm, và cơ quan tự trả lời",
                "no story: a mailroom to try your program on, and organs that answer by themselves",
            ),
        ),
    ] = False,
    broker: Annotated[
        str,
        typer.Option(
            "--broker",
            metavar="amqp://...",
            help=say(
                "dùng RabbitMQ có sẵn (tài khoản quản trị)",
                "use a RabbitMQ that is there (an administrator's login)",
            ),
        ),
    ] = "",
    broker_api: Annotated[
        str,
        typer.Option(
            "--broker-api",
            metavar="http://...",
            help=say(
                "plugin management của RabbitMQ đó (mặc định: cổng 15672)",
                "management plugin of that RabbitMQ (default: port 15672)",
            ),
        ),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help=say("thư mục để diễn (mới)", "folder to play in (a new one)")),
    ] = None,
) -> int:
    """Play it. The folder stays, with logs, stores and exported envelopes."""
    from ..demo.play import SAMPLE, partner, play, run_in

    place = folder or Path(tempfile.mkdtemp(prefix="docexchange-demo-"))
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = [path.resolve() for path in files or [SAMPLE]]
    place = place.resolve()
    lang = spoken()
    if echo:
        return run_in(place, partner(place, lang=lang, broker=broker, api=broker_api))
    story = play(place, chosen, lang=lang, keep=keep, broker=broker, api=broker_api)
    return run_in(place, story)
