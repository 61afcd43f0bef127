"""Processes of the benchmark: started tied to us, measured from /proc, always stopped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")  # /proc counts CPU time in these, 100 a second
STOP = 20.0  # s for a process to end in order
ANSWER = 180.0  # s for one batch; more means that it hangs


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Process:
    """A Python child. It gets a SIGTERM when we die, however we die.

    Args:
        arguments: of the interpreter.
        log: file for what it says on stderr (and stdout, unless it `answers`).
        environment: added to ours.
        answers: True if it takes questions and gives answers, a JSON line each.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        answers: bool = False,
    ) -> None:
        self.log = log
        setpriv = shutil.which("setpriv")
        tied = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*tied, sys.executable, *arguments],
                stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
                stdout=subprocess.PIPE if answers else out,
                stderr=out,
                env={**os.environ, **(environment or {})},
                text=True,
            )

    @property
    def cpu(self) -> float:
        """Its CPU time until now, seconds."""
        return cpu_seconds(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, **question: object) -> dict[str, Any]:
        """Send a question and wait for its answer.

        Raises:
            RuntimeError: it ended, or did not answer in time; its log is named.
        """
        pipe, answers = self._process.stdin, self._process.stdout
        if pipe is None or answers is None:
            raise RuntimeError("this process takes no questions")
        guard = threading.Timer(ANSWER, self._process.kill)
        guard.start()
        try:
            pipe.write(json.dumps(question) + "\n")
            pipe.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        finally:
            guard.cancel()
        if not line:
            raise RuntimeError(f"it gave no answer; see {self.log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def wait_for(self, word: bytes, limit: float = 40.0) -> None:
        """Wait until its log says something. Raises RuntimeError when it does not."""
        until = time.monotonic() + limit
        while word not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it did not get ready; see {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order (no more questions, or SIGTERM), then by force."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        else:
            self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
