"""docexchange.core.pacing: slow start, breaker, ramp and silence as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from docexchange.core import pacing
from docexchange.core.pacing import AXIS, DESTINATION, Pace, Pacing

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
S, M = timedelta(seconds=1), timedelta(minutes=1)


def fail(pace: Pace, times: int, at: datetime = NOW) -> Pace:
    for _ in range(times):
        pace = pacing.failed(pace, DESTINATION, at, 0.0, "full")
    return pace


def confirm(pace: Pace, times: int, at: datetime = NOW) -> Pace:
    for _ in range(times):
        pace = pacing.confirmed(pace, DESTINATION, at)
    return pace


def test_it_begins_with_two_and_doubles_with_each_round() -> None:
    pace, rounds = pacing.begin(DESTINATION), []
    for _ in range(7):
        rounds.append(pacing.room(pace, DESTINATION, 0, NOW))
        pace = confirm(pace, rounds[-1])
    assert rounds == [2, 4, 8, 16, 32, 64, 64]


def test_what_is_in_hand_takes_room() -> None:
    pace = pacing.begin(DESTINATION)
    assert [pacing.room(pace, DESTINATION, busy, NOW) for busy in (0, 1, 2, 9)] == [2, 1, 0, 0]


def test_failures_halve_the_window_and_a_confirm_forgets_them() -> None:
    pace = fail(confirm(pacing.begin(DESTINATION), 62), 4)
    assert (pace.window, pace.failures, pace.paused) == (4, 4, False)
    pace = confirm(pace, 1)
    assert (pace.window, pace.failures) == (5, 0)
    assert not fail(pace, 4).paused


def test_the_fifth_failure_in_a_row_pauses_it_until_a_probe() -> None:
    pace = fail(pacing.begin(DESTINATION), 5)
    assert (pace.paused, pace.paused_at, pace.probe_at, pace.why) == (True, NOW, NOW + M, "full")
    assert pacing.room(pace, DESTINATION, 0, NOW + M - S) == 0
    assert pacing.room(pace, DESTINATION, 0, NOW + M) == 1
    assert pacing.room(pace, DESTINATION, 1, NOW + M) == 0


def test_failures_of_what_was_on_its_way_do_not_prolong_a_pause() -> None:
    pace = fail(pacing.begin(DESTINATION), 5)
    assert fail(pace, 60, NOW + S) == pace


def test_probes_come_more_and_more_rarely() -> None:
    pace, at, waits = fail(pacing.begin(DESTINATION), 5), NOW, []
    for _ in range(8):
        assert pace.probe_at is not None
        waits.append((pace.probe_at - at) // M)
        at = pace.probe_at
        pace = fail(pace, 1, at)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (pace.paused_at, pace.probes) == (NOW, 8)


@pytest.mark.parametrize("spread", [-1.0, 0.5, 1.0])
def test_probes_have_jitter(spread: float) -> None:
    assert DESTINATION.probe_in(1, spread) == M * (1 + 0.2 * spread)


def test_after_a_pause_a_ramp_not_a_burst() -> None:
    """What left in all, tried at each quarter second with an open window: twice as much each
    second."""
    wide = Pacing(start=2, most=10**6)
    pace = pacing.confirmed(fail(pacing.begin(wide), 5), wide, NOW)
    assert not pace.paused
    left = []
    for quarter in range(20):
        for _ in range(pacing.room(confirm_wide(pace), wide, 0, NOW + quarter * S / 4)):
            pace = pacing.started(pace)
        left.append(pace.ramped)
    assert left[::4] == [2, 4, 8, 16, 32]
    assert pacing.room(confirm_wide(pace), wide, 0, NOW + 60 * S) == 10**6


def confirm_wide(pace: Pace) -> Pace:
    return Pace(10**6, resumed_at=pace.resumed_at, ramped=pace.ramped)


def test_a_clock_that_goes_back_in_a_ramp_stops_nothing_for_ever() -> None:
    pace = pacing.begin(DESTINATION, NOW + 60 * M)
    assert pacing.room(pace, DESTINATION, 0, NOW) == 2


def test_a_destination_that_never_answers_gets_one_copy_at_a_time() -> None:
    pace = confirm(pacing.begin(DESTINATION), 10)
    for _ in range(5):
        assert pacing.room_again(pace, DESTINATION, 0, NOW) == 12
        pace = pacing.sent_again(pace, DESTINATION, NOW, 0.0)
    assert pacing.room_again(pace, DESTINATION, 0, NOW + M - S) == 0
    assert pacing.room_again(pace, DESTINATION, 0, NOW + M) == 1
    assert pacing.room_again(pace, DESTINATION, 1, NOW + M) == 0
    assert pacing.room(pace, DESTINATION, 0, NOW) == 12  # what is new goes on
    later = pacing.sent_again(pace, DESTINATION, NOW + M, 0.0)
    assert later.again_at == NOW + 3 * M
    assert pacing.room_again(pacing.heard(later), DESTINATION, 0, NOW + M) == 12


@pytest.mark.parametrize("hanging", [1, 2, 3, 4, 5])
def test_those_that_suddenly_hang_leave_places_for_others(hanging: int) -> None:
    free, held = 64, [0] * hanging
    for _ in range(100):
        for one in range(hanging):
            more = pacing.share(free, held[one])
            held[one] += more
            free -= more
    assert free == 64 >> hanging
    assert 1 <= pacing.share(free, 0) <= free
    assert pacing.share(0, 0) == 0


def test_one_that_is_alone_gets_half() -> None:
    assert pacing.share(128, 0) == 64
    assert pacing.share(64, 64) == 0


def test_the_axis_is_probed_within_half_a_minute() -> None:
    pace = pacing.begin(AXIS)
    for _ in range(5):
        pace = pacing.failed(pace, AXIS, NOW, 0.0, "no connection")
    assert pace.probe_at == NOW + S
    assert max(AXIS.probes) == 30 * S
