"""docexchange.core.admission: marks with a margin, quotas, rates, and the words of a refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from docexchange.core.admission import (
    GIB,
    MIB,
    Backpressure,
    Bucket,
    Disk,
    Level,
    Work,
    cannot_store,
    check_disk,
    check_quota,
    level_after,
    too_fast,
)
from docexchange.core.errors import Busy, StoreUnavailable

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MARKS = Backpressure(warn_free=1000, refuse_free=500, reserve_free=100, recover=0.2)


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (1000, Level.OPEN),
        (999, Level.LOW),
        (500, Level.LOW),
        (499, Level.CLOSED),
        (100, Level.CLOSED),
        (99, Level.RESERVE),
        (0, Level.RESERVE),
    ],
)
def test_a_level_begins_below_its_mark(free: int, level: Level) -> None:
    assert level_after(Level.OPEN, Disk(free, 10_000), MARKS) is level


@pytest.mark.parametrize(
    ("before", "free", "level"),
    [
        (Level.LOW, 1199, Level.LOW),
        (Level.LOW, 1200, Level.OPEN),
        (Level.CLOSED, 599, Level.CLOSED),
        (Level.CLOSED, 600, Level.LOW),
        (Level.RESERVE, 119, Level.RESERVE),
        (Level.RESERVE, 120, Level.CLOSED),
        (Level.RESERVE, 5000, Level.OPEN),
    ],
)
def test_a_level_ends_only_above_its_margin(before: Level, free: int, level: Level) -> None:
    assert level_after(before, Disk(free, 10_000), MARKS) is level


def test_a_share_of_a_large_disk_closes_before_the_bytes_do() -> None:
    settings = Backpressure(
        warn_free=1000, refuse_free=500, reserve_free=100, share_free=0.08, recover=0.2
    )
    assert level_after(Level.OPEN, Disk(799, 10_000), settings) is Level.CLOSED
    assert level_after(Level.OPEN, Disk(800, 10_000), settings) is Level.LOW


def test_the_default_marks_leave_a_reserve() -> None:
    usual = Backpressure()
    assert usual.warn_free > usual.refuse_free > usual.reserve_free > 0


def test_a_closed_disk_refuses_and_says_when_to_come_again() -> None:
    check_disk(Level.LOW, Disk(10 * MIB, GIB))
    with pytest.raises(Busy, match=r"E-BSY-003.*10 MiB") as refused:
        check_disk(Level.CLOSED, Disk(10 * MIB, GIB))
    assert refused.value.retryable
    assert refused.value.retry_after == 60


def test_a_quota_of_deliveries_and_of_bytes() -> None:
    settings = Backpressure(open_deliveries=3, open_bytes=10 * MIB)
    check_quota("mr", Work(2, 8 * MIB), 2 * MIB, settings)
    with pytest.raises(Busy, match=r"E-BSY-001.*3 lượt gửi"):
        check_quota("mr", Work(3, 0), 1, settings)
    with pytest.raises(Busy, match=r"E-BSY-001.*8 MiB"):
        check_quota("mr", Work(2, 8 * MIB), 2 * MIB + 1, settings)


def test_a_document_larger_than_the_quota_passes_alone() -> None:
    """Else it could never be sent, however long its mailroom waits."""
    check_quota("mr", Work(), 100, Backpressure(open_bytes=10))


def test_a_bucket_gives_a_minutes_worth_at_once_and_then_fills_again() -> None:
    bucket = Bucket()
    for _ in range(60):
        bucket, wait = bucket.take(60, NOW)
        assert wait == 0
    bucket, wait = bucket.take(60, NOW)
    assert wait == pytest.approx(1.0)
    bucket, wait = bucket.take(60, NOW + timedelta(seconds=0.5))
    assert wait == pytest.approx(0.5)
    bucket, wait = bucket.take(60, NOW + timedelta(seconds=1))
    assert wait == 0


def test_a_bucket_never_holds_more_than_a_minute_nor_fills_by_a_clock_set_back() -> None:
    bucket, _ = Bucket().take(2, NOW)
    bucket, _ = bucket.take(2, NOW + timedelta(days=1))
    bucket, wait = bucket.take(2, NOW)
    assert wait == 0
    _, wait = bucket.take(2, NOW - timedelta(hours=1))
    assert wait == pytest.approx(30)


def test_no_rate_sets_no_bound() -> None:
    assert Bucket().take(0, NOW) == (Bucket(), 0.0)


def test_other_refusals_say_their_reason() -> None:
    fast = too_fast("mr", 0.2, Backpressure(per_minute=60))
    assert (fast.code, fast.retry_after) == ("E-BSY-004", 1)
    stuck = cannot_store(StoreUnavailable("database: full", "đĩa đầy", cause="full"))
    assert (stuck.code, stuck.retry_after) == ("E-BSY-005", 5)
    assert "đĩa đầy" in stuck.detail
    assert "database: full" in stuck.detail_en
