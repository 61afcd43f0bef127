"""A target under atheris: libFuzzer mutates, guided by the coverage of our packages."""

import random
import sys
import tempfile
from pathlib import Path

NO_ATHERIS = 69  # exit code: something outside is missing


def fuzz(target: str, seed: int, minutes: float, keep: Path) -> int:
    """Fuzz for some minutes; ends the process, with 0 when there was no find. Inputs that are
    finds stay in the folder `keep`."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: bash deploy/setup fuzz", file=sys.stderr)
        return NO_ATHERIS
    with atheris.instrument_imports(include=["envelopes", "keys", "docexchange"]):
        from tests.fuzz.targets import TARGETS, seeds
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(seeds(target)):
            (Path(folder) / str(number)).write_bytes(data)
        arguments = [
            *("deploy/fuzz", folder, f"-seed={seed}", f"-max_total_time={int(minutes * 60)}"),
            *("-max_len=20000", "-timeout=10", f"-artifact_prefix={keep}/{target}-"),
        ]
        print(f"target {target}, seed {seed}, {minutes:g} minutes; finds go to {keep}", flush=True)
        atheris.Setup(arguments, TARGETS[target])
        atheris.Fuzz()
    return 0


def blind(target: str, seed: int, runs: int) -> None:
    """The same target on blind mutations of the same seeds: what CI runs, where a run is bounded by
    number and needs no instrumented interpreter.

    Raises:
        AssertionError, Exception: a find.
    """
    from tests.fuzz.mutate import TEXT_CHANGES
    from tests.fuzz.targets import TARGETS, seeds

    rng = random.Random(f"{target}:{seed}")
    known = seeds(target)
    for _ in range(runs):
        data = rng.choice(known) or b" "
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(TEXT_CHANGES)(data or b" ", rng)
        TARGETS[target](data)
