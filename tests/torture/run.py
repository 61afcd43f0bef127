"""`bash deploy/torture`: see there, or --help."""

import argparse
import asyncio
import logging
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.torture.storm import Wish, blow


def main() -> int:
    """Parse the command line and let it blow; 0 when nothing was lost, doubled or unexpected."""
    parser = argparse.ArgumentParser(prog="deploy/torture", description="Try to lose a document.")
    parser.add_argument("--kills", type=int, default=60, help="of nodes, by SIGKILL")
    parser.add_argument("--documents", type=int, default=3_000, help="to hand in")
    parser.add_argument("--minutes", type=float, default=10, help="of the storm, at most")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep stores and logs there")
    chosen = parser.parse_args()
    seed = random.randrange(1 << 31) if chosen.seed is None else chosen.seed
    wish = Wish(seed, chosen.kills, chosen.documents, chosen.minutes)
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # every broken line is told there, too
    for number in (signal.SIGINT, signal.SIGTERM):  # also in the background, where INT is ignored
        signal.signal(number, signal.default_int_handler)
    print(f"seed {seed}: {wish.kills} kills, {wish.documents} documents", flush=True)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        outcome = asyncio.run(blow(chosen.keep or Path(folder), wish))
    print("\n".join(outcome.lines()))
    print(f"seed {seed}: {'nothing lost, doubled or unexpected' if outcome.holds else 'FAILED'}")
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
