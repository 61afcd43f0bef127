"""One piece of work on a large file in a process of its own, and the memory that it took.

    python -m tests.bench.large_work pack|verify|extract|digest PKI CONTENT ENVELOPE COPY

Prints a JSON line: peak of the resident set over that of the idle process with everything
imported, bytes; CPU seconds.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from envelopes.large import copy_content
from envelopes.pack_file import describe, pack_to
from envelopes.report import Report
from envelopes.verify import verify_file
from tests.bench.material import RECEIVER, SENDER, Pki, document


def pack(pki: Pki, content: Path, envelope: Path, _: Path) -> None:
    """Describe, sign and write."""
    with content.open("rb") as file:
        letter = document(1, describe(file))
    opener: Callable[[], BinaryIO] = partial(content.open, "rb")
    with envelope.open("wb") as out:
        pack_to(out, letter, [opener], pki.signer(SENDER), signing_time=datetime.now(UTC))


def verify(pki: Pki, _content: Path, envelope: Path, _: Path) -> Report:
    """The whole report, the digest of the attachment included."""
    with envelope.open("rb") as file:
        report = verify_file(file, trust=pki.trust(), at=datetime.now(UTC))
    report.require_passed()
    return report


def extract(pki: Pki, content: Path, envelope: Path, copy: Path) -> None:
    """Verify, then write the attachment."""
    stored = verify(pki, content, envelope, copy).attachments[0].stored
    if stored is None:
        raise RuntimeError("the attachment is in memory")
    with envelope.open("rb") as file, copy.open("wb") as out:
        copy_content(file, stored, out)


def digest(_pki: Pki, _content: Path, envelope: Path, _: Path) -> None:
    """The floor: nothing but one SHA-256 of the envelope."""
    state = hashlib.sha256()
    with envelope.open("rb") as file:
        while part := file.read(1024 * 1024):
            state.update(part)


WORKS = {"pack": pack, "verify": verify, "extract": extract, "digest": digest}


def _memory(name: str) -> int:
    """VmRSS or VmHWM, bytes; unlike ru_maxrss nothing of it is the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def main() -> None:
    """Do it; see the module."""
    name, pki, *paths = sys.argv[1:]
    keys = Pki(Path(pki))
    keys.signer(RECEIVER)  # the idle process has opened a key
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    idle = _memory("VmRSS")
    begun = time.process_time()
    WORKS[name](keys, *map(Path, paths))
    cpu = time.process_time() - begun
    sys.stdout.write(json.dumps({"peak": _memory("VmHWM") - idle, "cpu": cpu}) + "\n")


if __name__ == "__main__":
    main()
