"""An envelope in parts between two real daemons: memory of both, and what small documents feel.

The mailroom submits it as JSON with its attachment in parts, so the sender takes it in, packs it
and sends it.

idle       small documents from mailroom to receipt, one at a time
meanwhile  the same while the large one is sent, received, judged and handed over

python -m tests.bench.parts [MIB]      the attachment, default 760: an envelope of 1 GiB
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from docexchange.demo.clerk import Clerk
from docexchange.demo.playground import Playground
from envelopes import edxml
from envelopes.pack import new_document
from tests.bench.large import MIB, write_content
from tests.bench.timing import percentile
from tests.bench.uploads import upload

SENDER, RECEIVER = "H05", "H01"
SMALL = 20  # documents whose latency is taken while nothing else happens
PAUSE = 0.05  # s between two of them
LONGEST = 900.0  # s for the large one
PEAK_GOAL = 100 * MIB
LATENCY_GOAL = 5.0  # times the latency without the large one, median: the disk is shared
WAITS = ('unanswered = ["6s", "10s", "20s"]', 'unanswered = ["2h"]')


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything of one run.

    Args:
        size: of the envelope, bytes.
        seconds: from its queueing (the reply of the node) to its receipt.
        peaks: organ -> bytes over idle.
        idle, meanwhile: latencies of small documents, s.
    """

    size: int
    seconds: float
    peaks: Mapping[str, int]
    idle: list[float]
    meanwhile: list[float]

    @property
    def slower(self) -> float:
        """Median latency of small documents meanwhile, as a multiple of that without."""
        return median(self.meanwhile) / median(self.idle)

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        return {
            f"parts: peak of both daemons < {PEAK_GOAL // MIB} MiB over idle": max(
                self.peaks.values()
            )
            < PEAK_GOAL,
            f"parts: small documents meanwhile <= {LATENCY_GOAL:.0f} times": self.slower
            <= LATENCY_GOAL,
        }

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "envelope_bytes": self.size,
            "seconds": self.seconds,
            "peak_over_idle": dict(self.peaks),
            "small_idle_ms": [one * 1000 for one in self.idle],
            "small_meanwhile_ms": [one * 1000 for one in self.meanwhile],
            "slower": self.slower,
        }

    def table(self) -> Iterator[str]:
        """Lines for a person."""
        yield ""
        yield (
            f"in parts: {self.size / MIB:,.0f} MiB in {self.seconds:.1f} s "
            f"({self.size / MIB / self.seconds:,.0f} MiB/s), "
            + ", ".join(f"{organ} +{peak / MIB:.0f} MiB" for organ, peak in self.peaks.items())
        )
        yield (
            f"  small documents to their receipt, median: {median(self.idle) * 1000:.0f} ms, "
            f"meanwhile {median(self.meanwhile) * 1000:.0f} ms ({self.slower:.1f} times, "
            f"p95 {percentile(self.meanwhile, 0.95) * 1000:.0f} ms, {len(self.meanwhile)} of them)"
        )


async def measure(folder: Path, size: int) -> Measured:
    """Measure in an empty folder; no process is left when this returns.

    Args:
        folder: for keys, stores and the broker.
        size: of the attachment, bytes.

    Raises:
        TimeoutError: something did not arrive.
    """
    stage = Playground(folder, "", "")
    try:
        await stage.open()
        for organ in (SENDER, RECEIVER):
            config = stage.config(organ)
            config.write_text(config.read_text().replace(*WAITS))
            await stage.start_node(organ)
        return await between(stage, await stage.open_clerk(SENDER), size, by_mailroom=True)
    finally:
        await stage.close()


async def between(
    stage: Playground, clerk: Clerk, size: int, *, by_mailroom: bool = False
) -> Measured:
    """Measure between two nodes that serve; `clerk` is the sender's mailroom, which submits the
    large one as JSON with its attachment in parts, too, or leaves it to the administrator."""
    small = _Small(clerk)
    for _ in range(SMALL // 2):
        await small.exchange()
    idle = [await small.exchange() for _ in range(SMALL)]
    resting = {organ: _memory(stage, organ, "VmRSS") for organ in (SENDER, RECEIVER)}
    for organ in resting:
        _forget_peak(stage, organ)
    path = stage.folder / "phu-luc.bin"
    write_content(path, size)
    send = _by_mailroom(stage, clerk, path) if by_mailroom else _by_command(stage, path)
    tracking_id = await send
    begun = time.perf_counter()
    meanwhile: list[float] = []
    async with asyncio.timeout(LONGEST):
        while True:
            meanwhile.append(await small.exchange())
            if clerk_knows(clerk, tracking_id):
                seconds = time.perf_counter() - begun
                break
            await asyncio.sleep(PAUSE)
        while (shown := await _shown(stage))["handed_over_at"] is None:
            await small.exchange()
    peaks = {organ: _memory(stage, organ, "VmHWM") - rest for organ, rest in resting.items()}
    return Measured(shown["size"], seconds, peaks, idle, meanwhile)


async def _by_command(stage: Playground, path: Path) -> str:
    """Queue it as an administrator does; its tracking_id."""
    options = ("--from", SENDER, "--to", RECEIVER, "--number", "20", "--notation", "QĐ-UBND")
    sent = await stage.ask(SENDER, "send", str(path), *options, "--subject", "Phụ lục lớn")
    return str(sent["tracking_id"])


async def _by_mailroom(stage: Playground, clerk: Clerk, path: Path) -> str:
    """Submit it over AMQP and wait for the reply; its tracking_id."""
    await upload(stage.mailroom_url(SENDER), path, RECEIVER, "large")
    return str((await clerk.reply_to("large", LONGEST))["tracking_id"])


async def _shown(stage: Playground) -> dict[str, Any]:
    """What the receiver's inbox says of it."""
    shown: dict[str, Any] = await stage.ask(RECEIVER, "inbox", "show", "20/QĐ-UBND")
    return shown


def _memory(stage: Playground, organ: str, name: str) -> int:
    """A line of the status of a node's process, bytes."""
    status = Path(f"/proc/{stage.daemons[organ].process.pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def _forget_peak(stage: Playground, organ: str) -> None:
    """Let VmHWM of a node's process begin anew (proc(5), clear_refs)."""
    Path(f"/proc/{stage.daemons[organ].process.pid}/clear_refs").write_text("5")


def clerk_knows(clerk: Clerk, tracking_id: str) -> bool:
    """Whether the sender's mailroom was told that a document is acknowledged."""
    return any(
        event["subject"] == tracking_id
        and any(one["transport"] == "acknowledged" for one in event["data"].get("recipients", ()))
        for event in clerk.events
    )


class _Small:
    """Small documents through the sender's mailroom."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk
        self._number = 1000

    async def exchange(self) -> float:
        """Submit one and wait for the event of its receipt; seconds."""
        self._number += 1
        data = edxml.write(_small(self._number))
        begun = time.perf_counter()
        reply = await self._clerk.reply_to(await self._clerk.submit(data), 60.0)
        async with asyncio.timeout(60.0):
            while not clerk_knows(self._clerk, reply["tracking_id"]):
                await asyncio.sleep(0.002)
        return time.perf_counter() - begun


def _small(number: int) -> Any:
    return new_document(
        sender=SENDER,
        to={RECEIVER: ""},
        number=str(number),
        notation="QĐ-UBND",
        subject="Văn bản nhỏ",
        type_name="Quyết định",
        date=date.today(),  # noqa: DTZ011  # of the document, not of the measurement
        files=[("qd.pdf", b"%PDF-1.7 " + bytes(10_000))],
    )


def main() -> int:
    """Run it alone; see the module."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 760
    with tempfile.TemporaryDirectory(prefix="docexchange-parts-") as folder:
        measured = asyncio.run(measure(Path(folder), size * MIB))
    sys.stdout.write("\n".join(measured.table()) + "\n")
    sys.stdout.write(json.dumps(measured.goals(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
