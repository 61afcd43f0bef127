"""docexchange.flow.destinations: whose fault a failure is, and what of it is written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from docexchange.core.errors import Deferred
from docexchange.core.model import Due, Pause
from docexchange.core.pacing import Turn
from docexchange.core.schedule import Lane
from docexchange.core.states import Kind
from docexchange.flow.destinations import Change, Destinations, Resumed
from tests.records import MINUTE, NOW

FULL = Deferred("full", destination=True)
HANGS = Deferred("no confirm in time", destination=True, unknown=True)
AWAY = Deferred("no connection")
LOST = Deferred("connection closed", unknown=True)


def due(organ: str = "H13", number: int = 1, copies: int = 0) -> Due:
    return Due(number, "D1", Kind.DOCUMENT, Lane.NORMAL, organ, "ab" * 32, 9, 0, copies)


def made() -> Destinations:
    return Destinations(lambda: 0.0, 64)


def fail(known: Destinations, why: Deferred, times: int = 5, organ: str = "H13") -> list[Change]:
    changes: list[Change] = []
    for _ in range(times):
        known.started(due(organ))
        changes += known.failed(due(organ), why, NOW)
        known.ended(due(organ))
    return changes


@pytest.mark.parametrize("why", [FULL, HANGS])
def test_a_destination_is_paused_alone(why: Deferred) -> None:
    known = made()
    [pause] = fail(known, why)
    assert pause == Pause("normal", "H13", NOW, NOW + MINUTE, 0, str(why))
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW) == 0
    assert known.room(Lane.NORMAL, "H01", Turn.FRESH, NOW) == 2
    assert known.free(Lane.NORMAL, NOW) >= 8


@pytest.mark.parametrize("why", [AWAY, LOST])
def test_what_is_no_destinations_fault_pauses_the_axis(why: Deferred) -> None:
    known = made()
    [pause] = fail(known, why)
    assert (pause.lane, pause.organ) == ("", "")  # type: ignore[union-attr]
    assert [known.free(lane, NOW) for lane in Lane] == [0, 0, 0]
    assert known.free(Lane.URGENT, NOW + MINUTE) == 1  # a probe
    known.started(due())
    assert known.free(Lane.URGENT, NOW + MINUTE) == 0  # one, on all lanes together


def test_a_refusal_proves_that_the_axis_is_up_and_silence_does_not() -> None:
    known = made()
    fail(known, AWAY)
    later = NOW + MINUTE
    [probed] = known.failed(due(), HANGS, later)
    assert isinstance(probed, Pause)
    assert known.failed(due(), FULL, later + MINUTE) == [Resumed("", "")]


def test_a_confirm_ends_both_pauses() -> None:
    known = made()
    fail(known, FULL)
    fail(known, AWAY, organ="H01")
    assert known.confirmed(due(), NOW + MINUTE) == [Resumed("", ""), Resumed("normal", "H13")]


def test_after_an_outage_all_begin_slowly_again() -> None:
    known = made()
    for _ in range(40):
        known.confirmed(due("H01"), NOW)
    assert known.room(Lane.NORMAL, "H01", Turn.FRESH, NOW) == 32
    fail(known, AWAY)
    known.confirmed(due("H01"), NOW + MINUTE)
    assert known.room(Lane.NORMAL, "H01", Turn.FRESH, NOW + MINUTE) <= 3
    assert known.room(Lane.NORMAL, "H20", Turn.FRESH, NOW + MINUTE) == 2  # never heard of before
    known.started(due("H20"))
    known.ended(due("H20"))
    known.started(due("H20"))
    known.ended(due("H20"))
    assert known.room(Lane.NORMAL, "H20", Turn.FRESH, NOW + MINUTE) == 0  # the ramp, not the window


def test_copies_without_an_answer_make_it_silent_until_it_is_heard() -> None:
    known = made()
    for number in range(5):
        known.confirmed(due(number=number, copies=1), NOW)
    assert known.room(Lane.NORMAL, "H13", Turn.AGAIN, NOW) == 0
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW) > 0
    known.heard("H13")
    assert known.room(Lane.NORMAL, "H13", Turn.AGAIN, NOW) > 0


def test_what_was_paused_is_paused_after_a_restart() -> None:
    known = made()
    known.restore([Pause("normal", "H13", NOW - MINUTE, NOW + MINUTE, 3, "full")])
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW) == 0
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW + MINUTE) == 1
    [probed] = known.failed(due(), FULL, NOW + MINUTE)
    assert isinstance(probed, Pause)
    assert (probed.since, probed.probes) == (NOW - MINUTE, 4)
    assert probed.probe_at - NOW == timedelta(minutes=1 + 16)


def test_after_a_restart_the_axis_is_tried_at_once() -> None:
    known = made()
    known.restore([Pause("", "", NOW - MINUTE, NOW + MINUTE, 5, "no connection")])
    assert known.free(Lane.NORMAL, NOW) == 1
    known.confirmed(due(), NOW)
    assert known.free(Lane.NORMAL, NOW) == 8


# -- what a person decides beside us -------------------------------------------------------------


def test_a_held_destination_gets_nothing_until_it_is_released() -> None:
    known = made()
    known.obey({"H13"}, [])
    assert [known.room(lane, "H13", turn, NOW) for lane in Lane for turn in Turn] == [0] * 6
    assert known.room(Lane.NORMAL, "H01", Turn.FRESH, NOW) > 0
    known.obey(set(), [])
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW) > 0


def test_a_held_destination_gets_no_probe_either() -> None:
    known = made()
    fail(known, FULL)
    known.obey({"H13"}, [])
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW + MINUTE) == 0


def test_a_pause_is_probed_when_a_person_wants_it() -> None:
    known = made()
    [pause] = fail(known, FULL)
    assert isinstance(pause, Pause)
    known.obey(set(), [replace(pause, probe_at=NOW)])
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW) == 1
    fail(known, AWAY, organ="H01")
    known.obey(set(), [Pause("", "", NOW, NOW, 0, "away")])
    assert known.free(Lane.URGENT, NOW) == 1


def test_a_row_of_before_our_last_probe_says_nothing() -> None:
    known = made()
    [pause] = fail(known, FULL)
    known.started(due())
    known.failed(due(), FULL, NOW + MINUTE)  # its probe: the row is written a moment later
    known.ended(due())
    assert isinstance(pause, Pause)
    known.obey(set(), [pause, replace(pause, organ="H77")])
    assert known.room(Lane.NORMAL, "H13", Turn.FRESH, NOW + MINUTE) == 0
    assert known.room(Lane.NORMAL, "H77", Turn.FRESH, NOW) > 0
