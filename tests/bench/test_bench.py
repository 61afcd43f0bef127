"""The benchmark as its user runs it, short: it works, and loses no document. No time is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docexchange.demo.rabbitmq import find_server
from tests.bench.exchange import MAILED_AT
from tests.bench.material import SIZES
from tests.bench.plan import QUICK
from tests.bench.timing import Timing, percentile

LIMIT = 240.0  # s; it takes about 45


@pytest.fixture
def ready() -> None:
    """What the comparison needs beside the project itself."""
    pytest.importorskip("celery", reason="the peer: bash deploy/setup bench installs it")
    if find_server() is None and os.environ.get("DOCEXCHANGE_TEST_LIVE") != "1":
        pytest.skip("no rabbitmq-server here; deploy/test installs the Debian package")


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_short_run_measures_everything_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    options = ["--quick", "--json", str(file), "--keep", str(tmp_path / "work")]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.run", *options],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = json.loads(file.read_text())
    assert run["schema"] == "docexchange/bench/v2"
    assert all(ratio > 0 for ratio in run["ratios"].values())
    assert list(run["exchange"]) == list(SIZES)
    for size, at in run["exchange"].items():
        ways = ("ours", "mailed", "celery") if size == MAILED_AT else ("ours", "celery")
        for way in ways:
            asked = QUICK.documents_of(size) + QUICK.singles
            assert at[way]["acknowledged"] == asked * QUICK.exchange_rounds
        assert 0 < at["floor"]["exchange_us"] < at["ours"]["python_cpu_us"]
        assert f"goal {size}: exchange / celery >=" in ended.stdout


def test_the_faster_one_has_the_larger_ratio() -> None:
    quick, slow = Timing([10.0, 20.0, 11.0]), Timing([20.0, 40.0, 44.0])
    assert quick.faster_than(slow) == 2.0
    assert slow.faster_than(quick) == 0.5
    assert quick.us == 11.0


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 51.0
    assert percentile(values, 0.99) == 100.0
    assert percentile([7.0], 0.99) == 7.0
