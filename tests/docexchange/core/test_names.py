"""Names on the axis, both ways."""

from __future__ import annotations

import pytest

from docexchange.core.names import organ_of, queue_name, routing_key
from docexchange.core.schedule import Lane


@pytest.mark.parametrize("organ", ["H05", "H05.12.03", "000.00.00.H41", "Z01ABC", "urgent.H05"])
@pytest.mark.parametrize("lane", Lane)
def test_the_organ_of_a_routing_key(lane: Lane, organ: str) -> None:
    assert organ_of(lane, routing_key(lane, organ)) == organ


@pytest.mark.parametrize("key", ["", "normal", "urgent.H05", "normalH05", "NORMAL.H05"])
def test_a_key_of_no_or_another_lane_names_no_organ(key: str) -> None:
    assert organ_of(Lane.NORMAL, key) == ""
    assert organ_of(Lane.NORMAL, "normal.H05") == "H05"


def test_each_lane_of_a_node_has_its_queue() -> None:
    assert [queue_name("H05", lane) for lane in Lane] == [
        "node.H05.receipts",
        "node.H05.urgent",
        "node.H05.normal",
    ]
