"""The benchmark: floors, signatures, the whole exchange and its peer, in one run.

    python -m tests.bench.run [--quick] [--json FILE] [--keep FOLDER]

Exit code 0 when everything could be measured and every document was acknowledged, whatever the
figures are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.bench import backlog, exchange, floor, large, parts, signatures
from tests.bench.material import machine
from tests.bench.plan import QUICK, Plan
from tests.bench.report import Measured
from tests.bench.rig import Rig


def measure(folder: Path, plan: Plan) -> Measured:
    """Measure everything in an empty folder; no process is left when this returns."""
    here = machine()
    rig = Rig(folder)
    say("floor of the building blocks ...")
    crypto = floor.crypto(rig.pki, seconds=plan.seconds, rounds=plan.rounds)
    rows = floor.rows(folder, count=plan.rows, rounds=min(plan.rounds, 3))
    say("signatures ...")
    # Short batches, many of them: the same time, and a better chance of a quiet one.
    signed = signatures.measure(rig.pki, seconds=plan.seconds / 20, rounds=plan.rounds * 20)
    say("large envelopes, a folder of many ...")
    large_and_many = large.measure(rig.pki, folder, plan)
    say("an envelope in parts between two daemons ...")
    stage = folder / "parts"
    stage.mkdir()
    in_parts = asyncio.run(parts.measure(stage, plan.parts))
    say(f"backlog of {plan.backlog:,} deliveries ...")
    waiting = backlog.measure(folder, plan)
    say("broker ...")
    try:
        asyncio.run(rig.open())
        raw = floor.amqp(
            rig.peer_url(), rig.broker.pid, count=plan.messages, rounds=min(plan.rounds, 3)
        )
        say("whole exchange, in turns: ours, with mailrooms, Celery ...")
        exchanged = exchange.measure(rig, plan)
    finally:
        rig.close()
    several = (large_and_many, in_parts, waiting, exchanged)
    return Measured(here, plan is QUICK, crypto, raw, rows, signed, *several)


def say(text: str) -> None:
    """A line for who waits."""
    sys.stderr.write(text + "\n")


def main() -> int:
    """Run it; see the module."""
    parser = argparse.ArgumentParser(prog="bash deploy/bench", description="Measure docexchange.")
    parser.add_argument("--quick", action="store_true", help="under a minute: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work here and keep the logs")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else Plan()
    if chosen.keep:
        chosen.keep.mkdir(parents=True)
        run = measure(chosen.keep, plan)
    else:
        with tempfile.TemporaryDirectory(prefix="docexchange-bench-") as folder:
            run = measure(Path(folder), plan)
    if chosen.json:
        chosen.json.write_text(json.dumps(run.as_json(), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.write(run.table() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
