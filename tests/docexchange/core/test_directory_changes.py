"""What differs between two directories."""

from __future__ import annotations

from dataclasses import replace

from docexchange.core.directory_changes import Change, Kind, changes
from docexchange.core.ports import Organ

H01 = Organ("H01", "An Giang", node="H01", fingerprints={"a" * 64: (None, None)})
H05 = Organ("H05", "Bắc Ninh", node="H05")
H13 = Organ("H13", "Cần Thơ", node="H13")


def test_the_same_entries_in_another_order_are_no_change() -> None:
    assert changes([H01, H05], [H05, replace(H01)]) == ()


def test_who_came_who_went_and_what_changed() -> None:
    moved = replace(H01, node="H99", fingerprints={"b" * 64: (None, None)})
    assert changes([H05, H01], [moved, H13]) == (
        Change("H01", "An Giang", Kind.CHANGED, ("node", "fingerprints")),
        Change("H05", "Bắc Ninh", Kind.REMOVED),
        Change("H13", "Cần Thơ", Kind.ADDED),
    )


def test_a_code_that_was_closed_is_a_change() -> None:
    closed = Organ("H13", "Cần Thơ", closed=True, successor="H01")
    (found,) = changes([H13], [closed])
    assert found.members == ("node", "closed", "successor")
