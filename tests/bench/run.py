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
from dataclasses import dataclass
from pathlib import Path

from . import exchange, floor, signatures
from .material import machine
from .report import Measured
from .rig import Rig


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        seconds: about how long a batch of the races is.
        rounds: batches of each contestant.
        messages: of the AMQP floor, in each round.
        rows: of the store's floor, in each round.
        exchange_rounds: batches of each way to exchange.
        documents: in such a batch.
        in_flight: of them at once.
        singles: documents with one in flight, in each round.
    """

    seconds: float = 0.25
    rounds: int = 7
    messages: int = 600
    rows: int = 4000
    exchange_rounds: int = 5
    documents: int = 500
    in_flight: int = 64
    singles: int = 40


QUICK = Plan(
    seconds=0.02, rounds=3, messages=100, rows=400, exchange_rounds=1, documents=100, singles=10
)


def measure(folder: Path, plan: Plan) -> Measured:
    """Measure everything in an empty folder; no process is left when this returns."""
    here = machine()
    rig = Rig(folder)
    say("floor of the building blocks ...")
    crypto = floor.crypto(rig.pki, seconds=plan.seconds, rounds=plan.rounds)
    rows = floor.rows(folder, count=plan.rows, rounds=min(plan.rounds, 3))
    say("signatures ...")
    signed = signatures.measure(rig.pki, seconds=plan.seconds, rounds=plan.rounds)
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
    return Measured(here, plan is QUICK, crypto, raw, rows, signed, exchanged)


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
