"""A trial: a child process reads an envelope that may have ended us before, within limits.

It does all that is done with the bytes before anybody is believed: gate, parser, canonical form,
digests, signature value. Its verdict is not asked; only whether it lives to give one.

    python -m docexchange.edges.trial MEMORY CPU    envelope on standard input; exit 0: it lived
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

WALL: Final = 10  # times its CPU time that a child may take: it is fed by us, through a pipe
_AT: Final = datetime(2020, 1, 1, tzinfo=UTC)  # any time does: nobody asks for the verdict


class Trial:
    """Reads envelopes in child processes.

    Args:
        memory: bytes of address space.
        cpu: seconds of CPU.
    """

    def __init__(self, memory: int, cpu: int) -> None:
        self._memory, self._cpu = memory, cpu

    def __call__(self, pieces: Iterable[bytes]) -> str:
        """Have an envelope read, given in pieces; "" if the child lived, else how it ended.
        Blocks: for a thread."""
        command = [
            sys.executable,
            "-m",
            "docexchange.edges.trial",
            str(self._memory),
            str(self._cpu),
        ]
        with subprocess.Popen(  # noqa: S603  # ourselves, with two numbers
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            try:
                _feed(child, pieces)
                code = child.wait(self._cpu * WALL)
            except subprocess.TimeoutExpired:
                child.kill()
                return f"no end after {self._cpu * WALL} s"
            except BaseException:
                child.kill()
                raise
        if code < 0:
            return f"signal {-code}"
        return f"exit code {code}" if code else ""


def _feed(child: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> None:
    if child.stdin is None:
        raise AssertionError("it was started with a pipe")
    with suppress(BrokenPipeError), child.stdin as pipe:  # it died: its exit code tells how
        for piece in pieces:
            pipe.write(piece)


def main(memory: int, cpu: int) -> int:
    """Be the child."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    from envelopes.verify import verify_file
    from keys.trust import Trust

    with tempfile.TemporaryFile() as file:
        while piece := sys.stdin.buffer.read(1024 * 1024):
            file.write(piece)
        verify_file(file, trust=Trust(()), at=_AT)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
