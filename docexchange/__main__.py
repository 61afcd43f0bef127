"""`docexchange`, `python -m docexchange`: the command, alone in its process."""

from __future__ import annotations

import gc
import sys

YOUNG = 50_000  # objects made before the collector looks; 700 is Python's own


def run() -> int:
    """Run the command; its exit code.

    What a command loads stays until the process ends. Python would look through it dozens of
    times while it comes and twice more in the end: a fifth of the time of a short command.
    """
    gc.set_threshold(YOUNG)
    from .cli import main

    try:
        return main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(run())
