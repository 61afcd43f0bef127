"""Large envelopes and many of them: memory and speed of the streaming path, `verify` of a folder.

Each large piece of work runs in a process of its own, so that its peak is its own; the floor is
one SHA-256 of the envelope. A folder is measured by file in this process, in turns with one raw
RSA verification, and as the command with all cores, the median of a few.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from docexchange.cli import folders
from envelopes.pack import pack
from envelopes.report import Report
from tests.bench.floor import SIGNED_INFO
from tests.bench.material import SENDER, Pki, content, document
from tests.bench.plan import Plan
from tests.bench.timing import Timing, race

MIB = 1024 * 1024
WORKS = ("digest", "pack", "verify", "extract")
PEAK_GOAL = 64 * MIB
FOLDER_GOAL = 0.15  # of one core's raw RSA verifications, files that the command judges
FOLDER = "verify DIR, all cores / one core of raw RSA verify"
ATTACHMENT = 10_000  # bytes: an envelope of 20 KB


@dataclass(frozen=True, slots=True)
class Work:
    """What one piece of work on the large envelope took: bytes over idle, CPU seconds."""

    peak: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything of one run.

    Args:
        size: of the attachment, bytes.
        works: name of the work -> what it took.
        files: envelopes in the folder.
        timings: one file, one raw verification.
        command: wall and CPU seconds of `verify DIR` with all cores, start included.
    """

    size: int
    works: Mapping[str, Work]
    files: int
    timings: Mapping[str, Timing]
    command: tuple[float, float]

    def ratios(self) -> dict[str, float]:
        """Against one SHA-256 of the same envelope, and against one core of raw verify."""
        floor = self.works["digest"].cpu
        found = {f"large {name} / SHA-256": floor / self.works[name].cpu for name in WORKS[1:]}
        raw = self.timings["rsa_verify"]
        found["verify DIR, one core / raw RSA verify"] = self.timings["file"].faster_than(raw)
        found[FOLDER] = self.files / self.command[0] / raw.rate
        return found

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        peak = max(self.works[name].peak for name in WORKS)
        return {
            f"peak of a large envelope < {PEAK_GOAL // MIB} MiB": peak < PEAK_GOAL,
            f"{FOLDER} >= {FOLDER_GOAL}": self.ratios()[FOLDER] >= FOLDER_GOAL,
        }

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "attachment_bytes": self.size,
            **{name: {"peak": one.peak, "cpu_s": one.cpu} for name, one in self.works.items()},
            "folder": {
                "files": self.files,
                "us": {name: timing.us for name, timing in self.timings.items()},
                "command_s": self.command[0],
                "command_cpu_s": self.command[1],
            },
        }

    def table(self) -> Iterator[str]:
        """Lines for a person."""
        ratios = self.ratios()
        yield ""
        text = f"attachment of {self.size // MIB:,} MiB"
        yield f"{text:<30}{'MiB over idle':>14}{'CPU s':>8}{'MiB/s':>8}{'to SHA-256':>12}"
        for name, one in self.works.items():
            to = "" if name == "digest" else f"{ratios[f'large {name} / SHA-256']:.2f}"
            rate = self.size / MIB / one.cpu
            yield f"{name:<30}{one.peak / MIB:>14.1f}{one.cpu:>8.2f}{rate:>8,.0f}{to:>12}"
        us = {name: timing.us for name, timing in self.timings.items()}
        wall, cpu = self.command
        one_core = ratios["verify DIR, one core / raw RSA verify"]
        yield (
            f"verify DIR: {us['file']:,.0f} us a file of 20 KB, raw RSA verify "
            f"{us['rsa_verify']:,.0f} us: one core {one_core:.2f}"
        )
        all_cores = ratios[FOLDER]
        yield (
            f"  command over {self.files:,} files: {wall:.1f} s, {cpu:.1f} s CPU, "
            f"{self.files / wall:,.0f} files/s: all cores {all_cores:.2f} of one core's raw verify"
        )


def measure(pki: Pki, folder: Path, plan: Plan) -> Measured:
    """Measure in an empty folder; it is empty again when this returns.

    Raises:
        RuntimeError: something did not verify; then its time would mean nothing.
    """
    works = _large(pki, folder, plan.large)
    envelopes = folder / "envelopes"
    envelopes.mkdir()
    signer, now, attached = pki.signer(SENDER), datetime.now(UTC), content(ATTACHMENT)
    for number in range(plan.files):
        data = pack(document(number, attached), signer, signing_time=now)
        (envelopes / f"{number:06}.edxml").write_bytes(data)
    timings = _by_file(pki, envelopes, plan)
    command = sorted(_command(pki, envelopes) for _ in range(plan.commands))[plan.commands // 2]
    for path in envelopes.iterdir():
        path.unlink()
    envelopes.rmdir()
    return Measured(plan.large, works, plan.files, timings, command)


def _large(pki: Pki, folder: Path, size: int) -> dict[str, Work]:
    paths = [folder / name for name in ("content", "large.edxml", "copy")]
    write_content(paths[0], size)
    try:
        pack_first = {name: work(name, pki, *paths) for name in ("pack", *WORKS)}
        if paths[0].stat().st_size != paths[2].stat().st_size:
            raise RuntimeError("what was extracted is not what was packed")
        return {name: pack_first[name] for name in WORKS}
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def write_content(path: Path, size: int) -> None:
    """A file of pseudo-random bytes; one MiB of them, again and again."""
    block = content(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)


def work(name: str, pki: Pki, *paths: Path) -> Work:
    """One piece of `large_work` in a process of its own. Raises CalledProcessError."""
    arguments = ["-m", "tests.bench.large_work", name, str(pki.folder), *map(str, paths)]
    ran = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True)
    return Work(**json.loads(ran.stdout))


def _by_file(pki: Pki, envelopes: Path, plan: Plan) -> dict[str, Timing]:
    terms = folders.Terms(pki.trust(), datetime.now(UTC), None, MIB, all_shown=False)
    paths = itertools.cycle(sorted(str(path) for path in envelopes.iterdir()))
    key, info = pki.signer(SENDER).key, content(SIGNED_INFO)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the floor is that of RSA")
    public, value = key.public_key(), key.sign(info, PKCS1v15(), SHA256())

    def one_file() -> None:
        judged = folders.judge(next(paths), terms)
        if not isinstance(judged, Report) or judged.reason:
            raise RuntimeError(f"an envelope does not verify: {judged}")

    works = {
        "file": one_file,
        "rsa_verify": lambda: public.verify(value, info, PKCS1v15(), SHA256()),
    }
    return race(works, seconds=plan.seconds, rounds=plan.rounds)


def _command(pki: Pki, envelopes: Path) -> tuple[float, float]:
    arguments = ["-m", "docexchange", "verify", str(envelopes), "--trust", str(pki.root)]
    begun, used = time.perf_counter(), _children_cpu()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun, _children_cpu() - used


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
