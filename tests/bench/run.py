"""The benchmark: floors, signatures, the whole exchange and its peer, in one run.

    python -m tests.bench.run [--quick] [--only PARTS] [--sizes SIZES] [--json FILE] [--keep FOLDER]

Exit code 0 when everything could be measured and every document was acknowledged, whatever the
figures are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tests.bench import backlog, exchange, finding, floor, journal, large, parts, signatures
from tests.bench.atsize import AtSize, Blocks
from tests.bench.material import SIZES, machine
from tests.bench.plan import QUICK, Plan
from tests.bench.report import Measured
from tests.bench.rig import Rig
from tests.bench.timing import Timing

PARTS = ("signatures", "large", "parts", "backlog", "find", "journal", "exchange")


def measure(folder: Path, plan: Plan, only: Collection[str], sizes: Sequence[str]) -> Measured:
    """Measure what was asked for in an empty folder; no process is left when this returns."""
    here = machine()
    rig = Rig(folder)
    say("floor of the building blocks ...")
    crypto = floor.crypto(rig.pki, seconds=plan.seconds, rounds=plan.rounds)
    found = Measured(here, plan is QUICK, crypto)
    if "signatures" in only:
        say("signatures ...")
        # Short batches, many of them: the same time, and a better chance of a quiet one.
        short = {"seconds": plan.seconds / 20, "rounds": plan.rounds * 20}
        found.signatures = signatures.measure(rig.pki, **short)
    if "large" in only:
        say("large envelopes, a folder of many ...")
        found.large = large.measure(rig.pki, folder, plan)
    if "parts" in only:
        say("an envelope in parts between two daemons ...")
        stage = folder / "parts"
        stage.mkdir()
        found.parts = asyncio.run(parts.measure(stage, plan.parts))
    if "backlog" in only:
        say(f"backlog of {plan.backlog:,} deliveries ...")
        found.backlog = backlog.measure(folder, plan)
    if "find" in only:
        say(f"searching among {plan.backlog:,} documents ...")
        found.find = finding.measure(folder, plan.backlog)
    if "journal" in only:
        say("following a journal ...")
        found.journal = journal.measure(folder, plan.journal, plan.rounds)
    if "exchange" in only:
        try:
            asyncio.run(rig.open())
            found.exchange = list(_exchange(rig, plan, sizes, crypto))
        finally:
            rig.close()
    return found


def _exchange(
    rig: Rig, plan: Plan, sizes: Sequence[str], crypto: dict[str, Timing]
) -> Iterator[AtSize]:
    rounds = min(plan.rounds, 3)
    bare = floor.rows(rig.folder, floor.ROW_BYTES, count=plan.rows, rounds=rounds)
    blocks = {}
    for name in sizes:
        say(f"floor of the broker and the store, {name} ...")
        size, share = SIZES[name] * 4 // 3, plan.share(name)
        count = max(20, int(plan.messages * share))
        wire = floor.amqp(rig.peer_url(), rig.broker.pid, size, count=count, rounds=rounds)
        count = max(20, int(plan.rows // 4 * share))
        row = floor.rows(rig.folder, size, count=count, rounds=rounds)
        blocks[name] = Blocks(crypto, wire["publish"], wire["consume"], row, bare)
    say(f"whole exchange, in turns: ours, with mailrooms, Celery; {', '.join(sizes)} ...")
    results = exchange.measure(rig, plan, sizes)
    for name in sizes:
        yield AtSize(name, SIZES[name], blocks[name], results[name])


def say(text: str) -> None:
    """A line for who waits."""
    sys.stderr.write(text + "\n")


def chosen_of(known: Collection[str]) -> object:
    """A type of argparse: some of these names, with commas between; in their own order."""

    def read(text: str) -> list[str]:
        asked = text.split(",")
        for name in asked:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name}: one of {', '.join(known)}")
        return [name for name in known if name in asked]

    return read


def main() -> int:
    """Run it; see the module."""
    parser = argparse.ArgumentParser(prog="bash deploy/bench", description="Measure docexchange.")
    parser.add_argument("--quick", action="store_true", help="under a minute: does it work?")
    parser.add_argument(
        "--only", type=chosen_of(PARTS), default=list(PARTS), metavar=",".join(PARTS)
    )
    parser.add_argument(
        "--sizes", type=chosen_of(SIZES), default=list(SIZES), metavar=",".join(SIZES)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work here and keep the logs")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else Plan()
    if chosen.keep:
        chosen.keep.mkdir(parents=True)
        run = measure(chosen.keep, plan, chosen.only, chosen.sizes)
    else:
        with tempfile.TemporaryDirectory(prefix="docexchange-bench-") as folder:
            run = measure(Path(folder), plan, chosen.only, chosen.sizes)
    if chosen.json:
        chosen.json.write_text(json.dumps(run.as_json(), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.write(run.table() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
