"""Many mutants, judged by several processes; what does not hold is kept as a file.

The same seed makes the same choices again. Keys are new in each run (no private key is kept
anywhere), so a find is written down with its bytes.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests.fuzz.corpus import accepted
from tests.fuzz.invariants import check_verdict
from tests.fuzz.mutate import mutant

CHUNK = 500  # mutants a process takes at a time


@dataclass
class Tally:
    """What became of some mutants.

    Args:
        reasons: reason code -> how many were refused with it.
        changes: name of a change -> how often it was done.
        unchanged: mutants that were an original again (they have to pass).
        different: the first bytes of the digest of each refused mutant.
        finds: number of a mutant, and what did not hold.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    different: set[bytes] = field(default_factory=set)
    finds: list[tuple[int, str]] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Mutants with other bytes than any original; each was refused."""
        return sum(self.reasons.values())

    def add(self, other: "Tally") -> None:
        """Sum up."""
        self.reasons += other.reasons
        self.changes += other.changes
        self.unchanged += other.unchanged
        self.different |= other.different
        self.finds += other.finds


def judge_chunk(seed: int, first: int, count: int, keep: Path | None = None) -> Tally:
    """Judge mutants first .. first + count - 1."""
    tally = Tally()
    genuine = accepted()
    for number in range(first, first + count):
        made = mutant(seed, number)
        tally.changes.update(made.done)
        try:
            report = check_verdict(made.data, genuine)
        except Exception as error:  # noqa: BLE001  # a find, whatever it is
            tally.finds.append((number, f"{' + '.join(made.done)}: {error!r:.300}"))
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"mutant-{seed}-{number}.edxml").write_bytes(made.data)
            continue
        if made.data in genuine:
            tally.unchanged += 1
        else:
            tally.reasons[report.reason] += 1
            tally.different.add(sha256(made.data).digest()[:8])
    return tally


def _chunk(arguments: tuple[int, int, int, Path | None]) -> Tally:
    return judge_chunk(*arguments)


def run(seed: int, count: int, processes: int, keep: Path) -> Iterator[Tally]:
    """Judge `count` mutants; yields the sum so far after each chunk."""
    accepted()  # before the fork: all processes have the same keys
    total = Tally()
    chunks = [(seed, at, min(CHUNK, count - at), keep) for at in range(0, count, CHUNK)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for tally in pool.imap_unordered(_chunk, chunks):
            total.add(tally)
            yield total


def tell(seed: int, count: int, processes: int, keep: Path) -> int:
    """Run, show progress and the result; the number of finds."""
    begun = shown = time.monotonic()
    print(f"mutants: seed {seed}, {count:,} in {processes} processes", flush=True)
    total = Tally()
    for total in run(seed, count, processes, keep):
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            done = total.refused + total.unchanged + len(total.finds)
            line = f"  {done:>9,} judged, {len(total.finds)} finds, {shown - begun:.0f} s"
            print(line, flush=True)
    print(f"\n{total.refused:,} changed envelopes refused, {len(total.finds)} finds")
    print(f"{len(total.different):,} of them different from each other")
    print(f"{total.unchanged:,} mutants were an original again, and passed")
    print(f"seed {seed}, {time.monotonic() - begun:.0f} s\n\nby reason:")
    for reason, found in total.reasons.most_common():
        print(f"  {found:>9,}  {reason}")
    for number, what in total.finds[:20]:
        print(f"FIND mutant {number}: {what}\n  kept in {keep}")
    return len(total.finds)
