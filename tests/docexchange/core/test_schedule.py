"""docexchange.core.schedule: waits from counts alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from docexchange.core.schedule import Lane, Schedule, lane_of

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [(0, 15 * S), (1, 15 * S), (2, 45 * S), (3, 2 * M), (6, H), (7, 90 * M), (500, 90 * M)],
)
def test_unconfirmed_comes_again_soon_then_slowly(attempts: int, wait: timedelta) -> None:
    assert Schedule().retry_in(attempts, 0.0) == wait


@pytest.mark.parametrize(
    ("copies", "wait"), [(1, 5 * M), (2, 30 * M), (3, 2 * H), (4, 6 * H), (5, 12 * H), (9, 12 * H)]
)
def test_unanswered_comes_again_slowly(copies: int, wait: timedelta) -> None:
    assert Schedule().receipt_in(copies, 0.0) == wait


def test_the_first_copy_and_nine_more_in_a_lifetime() -> None:
    schedule, waited, copies = Schedule(), timedelta(0), 1
    while (waited := waited + schedule.receipt_in(copies, 0.0)) < schedule.lifetime:
        copies += 1
    assert copies == 10


@pytest.mark.parametrize("spread", [-1.0, -0.3, 0.0, 0.7, 1.0])
def test_jitter_stays_within_its_share(spread: float) -> None:
    wait = Schedule().retry_in(1, spread)
    assert 15 * S * 0.8 <= wait <= 15 * S * 1.2
    assert wait <= Schedule().longest


def test_longest_is_the_longest() -> None:
    assert Schedule().longest == 12 * H * 1.2


@pytest.mark.parametrize(("priority", "lifetime"), [(0, 72), (1, 72), (2, 72), (3, 24), (4, 24)])
def test_lifetimes(priority: int, lifetime: int) -> None:
    assert Schedule().lifetime_of(priority) == lifetime * H


@pytest.mark.parametrize(
    ("priority", "lane"),
    [(0, Lane.NORMAL), (1, Lane.URGENT), (4, Lane.URGENT), (5, Lane.NORMAL), (-1, Lane.NORMAL)],
)
def test_lanes(priority: int, lane: Lane) -> None:
    assert lane_of(priority) is lane
