"""Many random days: lost, doubled and reordered messages, lost confirms, crashes at every commit.

Whatever happens, each document ends acknowledged or visibly undeliverable, and stands in each
inbox exactly once if it arrived. A failing seed is in the test's name: `-k "[17]"` plays it again.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.states import State
from tests.fakes import Faults
from tests.theatre import Theatre

SEEDS = 200
DOCUMENTS = 4
POINTS = [
    f"{when}:{operation}"
    for when in ("before", "after")
    for operation in ("submit", "record", "accept", "apply_receipt", "answer_again", "sweep")
]
SERVES = {"H05": "H05", "H01": "H01", "H13": "H13"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_random_day(seed: int, tmp_path: Path, template: Path) -> None:
    rng = random.Random(seed)
    faults = Faults(
        refused=rng.choice([0.0, 0.1, 0.4]),
        confirm_lost=rng.choice([0.0, 0.1, 0.4]),
        doubled=rng.choice([0.0, 0.2, 0.5]),
        reordered=rng.choice([0.0, 0.3]),
    )
    theatre = Theatre(tmp_path, template, SERVES, seed, faults)
    sent: dict[str, tuple[str, ...]] = {}
    for number in range(1, DOCUMENTS + 1):
        for node in theatre.nodes.values():
            node.crash_at = rng.choice([*POINTS, "", ""])
        to = rng.choice([("H01",), ("H13",), ("H01", "H13")])
        sent[await theatre.send(number, to)] = to
        await theatre.run(timedelta(minutes=3))
    theatre.axis.up = rng.random() > 0.3
    await theatre.run(timedelta(minutes=20), timedelta(minutes=2))
    theatre.axis.up = True
    theatre.axis.faults = Faults()
    await theatre.run(timedelta(hours=14), timedelta(minutes=10))
    _check(theatre, sent)
    theatre.close()


def _check(theatre: Theatre, sent: dict[str, tuple[str, ...]]) -> None:
    sender = theatre.nodes["H05"].store
    expected: Counter[tuple[str, str]] = Counter()
    for ref, to in sent.items():
        view = sender.outgoing.document(ref)
        for delivery in view.deliveries:
            assert delivery.state is State.ACKNOWLEDGED, (ref, delivery)
            assert [line.code for line in delivery.history] == ["01"]
        expected.update((organ, view.sha256) for organ in to)
    arrived = Counter(
        (view.organ, view.sha256)
        for node in theatre.nodes.values()
        for view in node.store.incoming.arrivals(limit=1000)
    )
    assert arrived == expected  # nothing lost, doubled or unexpected
    for node in theatre.nodes.values():
        node.store.journal.verify()
        assert node.store.incoming.kept_list() == []


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_at_this_commit_loses_and_doubles_nothing(
    point: str, tmp_path: Path, template: Path
) -> None:
    theatre = Theatre(tmp_path, template, SERVES, faults=Faults(doubled=1.0))
    for node in theatre.nodes.values():
        node.crash_at = point
    sent = {await theatre.send(1, ("H01", "H13")): ("H01", "H13")}
    await theatre.run(timedelta(hours=1), timedelta(minutes=2))
    _check(theatre, sent)
    assert sum(node.crashes for node in theatre.nodes.values()) >= 1
    theatre.close()
