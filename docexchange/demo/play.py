"""Playing the demo from the first line to the last, and cleaning up whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from .playground import ORGANS, Playground
from .scenes import SCENES, Stage
from .story import SceneFailed, Story

SAMPLE = Path(__file__).with_name("quyet-dinh-mau.pdf")  # made for the demo, no real document


async def play(
    folder: Path, files: Sequence[Path], *, lang: str, keep: bool, broker: str, api: str
) -> int:
    """Play the six scenes.

    Args:
        folder: where keys, configs, stores, logs and exports go; it stays.
        files: documents to send.
        lang: "vi" or "en".
        keep: True leaves the nodes running until Ctrl-C.
        broker: AMQP URL of an administrator on a broker that is already there, or "".
        api: address of its management plugin, or "".

    Returns:
        0 if every scene held, else 1. No process, port or queue is left in either case.
    """
    story = Story(lang)
    begun = time.monotonic()
    _introduce(story, folder, files)
    place = Playground(folder, broker, api)
    try:
        await place.open()
        for organ in ORGANS:
            await place.start_node(organ)
            await place.open_clerk(organ)
        stage = Stage(place, story, files)
        for scene in SCENES:
            await scene(stage)
        await _conclude(stage, time.monotonic() - begun)
        if keep:
            await _until_interrupted(story)
    except (SceneFailed, RuntimeError, TimeoutError) as failed:
        print(f"\n✖ {failed or type(failed).__name__}")
        story.line(f"nhật ký: {folder}/*/daemon.log", f"logs: {folder}/*/daemon.log")
        return 1
    finally:
        await place.close()
    return 0


async def partner(folder: Path, *, lang: str, broker: str, api: str) -> int:
    """Run three nodes for an integrator, until Ctrl-C: H05 is theirs, H13 answers every document
    by itself, H01 refuses every one.

    Args and returns as `play`.
    """
    story = Story(lang)
    place = Playground(folder, broker, api)
    try:
        await place.open()
        await place.start_node("H05")
        await place.start_node("H13", options=("--echo", "H13"))
        await place.start_node("H01", options=("--echo", "H01=reject"))
        story.heading(
            "Văn thư H05 là của bạn; H13 tự trả lời mọi văn bản (01, 03, 05, 06), H01 từ chối.",
            "The mailroom H05 is yours; H13 answers every document (01, 03, 05, 06), H01 refuses.",
        )
        print(f"   export MAILROOM_URL='{place.mailroom_url('H05')}'")
        for command in ("submit deploy/clients/letter.json", "events 6"):
            print(f"   .venv/bin/python deploy/clients/python/mailroom.py {command}", flush=True)
        story.line(f"nhật ký: {folder}/*/daemon.log", f"logs: {folder}/*/daemon.log")
        await _until_interrupted(story)
    except (RuntimeError, TimeoutError) as failed:
        print(f"\n✖ {failed or type(failed).__name__}")
        return 1
    finally:
        await place.close()
    return 0


def _introduce(story: Story, folder: Path, files: Sequence[Path]) -> None:
    story.heading(
        "docexchange: ba tỉnh trao đổi văn bản điện tử có chữ ký số trên một trục liên thông",
        "docexchange: three provinces exchange signed official documents over one axis",
    )
    story.line(
        f"Ba nút thật (ba tiến trình), một RabbitMQ riêng; mọi thứ nằm trong {folder}. "
        "Khoá và chứng thư chỉ để thử (DEMO).",
        f"Three real nodes (three processes), a private RabbitMQ; everything lies in {folder}. "
        "Keys and certificates are for trying out only (DEMO).",
    )
    names = ", ".join(path.name for path in files)
    story.line(f"Tệp gửi đi: {names}", f"Files to send: {names}")


async def _conclude(stage: Stage, seconds: float) -> None:
    story, place = stage.story, stage.place
    lang = story.say("vi", "en")
    story.heading("Dòng thời gian, nhìn từ Bắc Ninh", "Timelines, as Bắc Ninh sees them")
    for number in sorted(stage.sent):
        _, out, _ = await place.command("H05", "track", stage.sent[number], "--lang", lang)
        story.raw(out)
    story.heading(
        f"Cả {len(SCENES)} cảnh đều đúng: {story.checks} điều đã kiểm tra, {seconds:.0f} giây.",
        f"All {len(SCENES)} scenes held: {story.checks} checks, {seconds:.0f} s.",
    )
    story.line(
        f"Gói tin và biên nhận: {place.folder}/audit",
        f"Envelope and receipts: {place.folder}/audit",
    )
    story.line(
        f"Cấu hình, nhật ký, kho của từng nút: {place.folder}/H05, H01, H13",
        f"Config, log and store of each node: {place.folder}/H05, H01, H13",
    )
    story.heading("Thử tiếp", "What to try next")
    program = shutil.which("docexchange") or Path(sys.executable).with_name("docexchange")
    for line in (
        f"{program} track 98/QĐ-UBND -c {place.config('H05')}",
        f"{program} quarantine list -c {place.config('H01')}",
        f"{program} verify {place.folder}/audit/*.edxml {place.folder}/audit/receipts/*.edxml"
        f" --trust {place.folder}/keys/root.pem",
        "bash deploy/demo --keep VAN-BAN-CUA-TOI.pdf",
    ):
        print(f"   {line}")


async def _until_interrupted(story: Story) -> None:
    story.heading(
        "Ba nút vẫn chạy. Nhấn Ctrl-C để dừng và dọn sạch.",
        "The three nodes keep running. Press Ctrl-C to stop and clean up.",
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def run_in(folder: Path, story: Coroutine[Any, Any, int]) -> int:
    """Run `play` or `partner` on a loop of its own; a signal ends it in order."""

    async def run() -> int:
        task = asyncio.ensure_future(story)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            return await task
        return 128 + signal.SIGINT

    os.umask(0o077)
    logging.basicConfig(filename=folder / "mailrooms.log", force=True)  # the clients' library
    return asyncio.run(run())
