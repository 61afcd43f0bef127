"""`bash deploy/fuzz`: see there, or --help."""

import argparse
import random
import sys
from pathlib import Path

KEPT = Path("build/fuzz")
GUIDED = ("gate", "reader", "verify", "receipt", "names")  # of `targets`, imported instrumented


def main() -> int:
    """Parse the command line and run one target; 0 when all held, 1 with finds."""
    parser = argparse.ArgumentParser(prog="deploy/fuzz", description="Fuzz the verifier.")
    parser.add_argument("target", nargs="?", default="mutate", choices=("mutate", *GUIDED))
    parser.add_argument("--count", type=int, default=100_000, help="mutants (target mutate)")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--processes", type=int, default=2, help="of target mutate")
    parser.add_argument("--minutes", type=float, default=10, help="of the other targets")
    chosen = parser.parse_args()
    seed = random.randrange(1 << 31) if chosen.seed is None else chosen.seed
    if chosen.target == "mutate":
        from tests.fuzz.campaign import tell

        return 1 if tell(seed, chosen.count, chosen.processes, KEPT) else 0
    from tests.fuzz.guided import fuzz

    return fuzz(chosen.target, seed, chosen.minutes, KEPT)


if __name__ == "__main__":
    sys.exit(main())
