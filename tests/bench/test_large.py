"""Memory of large envelopes, each piece of work in a process of its own: little, and constant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.large import MIB, PEAK_GOAL, work, write_content
from tests.bench.material import Pki

SAME = 8 * MIB  # two sizes may differ by this much


@pytest.mark.slow
def test_the_peak_does_not_grow_with_the_envelope(tmp_path: Path) -> None:
    pki = Pki.make(tmp_path / "pki")
    paths = [tmp_path / name for name in ("content", "envelope", "copy")]
    peaks: dict[tuple[str, int], int] = {}
    for size in (64 * MIB, 256 * MIB):
        write_content(paths[0], size)
        for name in ("pack", "verify", "extract"):
            peaks[name, size] = work(name, pki, *paths).peak
        assert last(paths[0]) == last(paths[2])
        assert paths[0].stat().st_size == paths[2].stat().st_size
    for name in ("pack", "verify", "extract"):
        small, large = peaks[name, 64 * MIB], peaks[name, 256 * MIB]
        assert 0 < large < PEAK_GOAL, peaks
        assert abs(large - small) < SAME, peaks
    for path in paths:
        path.unlink()


def last(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-MIB, 2)
        return file.read()
