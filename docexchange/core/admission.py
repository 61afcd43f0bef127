"""Whether there is room for something new: disk marks, quotas of a mailroom, rates. Rules only.

    OPEN      everything is taken
    LOW       everything is taken, and a person is told
    CLOSED    no new document is taken; what arrives, receipts and what is in hand go on
    RESERVE   nor does a document of the axis leave its queue; receipts and what is in hand go on

What lies below the last mark is the reserve with which the work in hand is finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum

from .errors import Busy, StoreUnavailable

MIB, GIB = 1024**2, 1024**3
RETRY_DISK_S = 60  # a disk is made room on by a person, or by what leaves within minutes
RETRY_QUOTA_S = 60  # open work shrinks as receipts come in
RETRY_STORE_S = 5  # a lock is held for seconds; a store that refused is asked again after as many
MINUTE_S = 60.0


class Level(IntEnum):
    """How much room there is, from plenty to almost none."""

    OPEN = 0
    LOW = 1
    CLOSED = 2
    RESERVE = 3


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on the file system of the store, bytes: what we may still use, and all of it."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Work:
    """What an organ or a mailroom has under way: deliveries that have not ended, and the bytes of
    their envelopes, counted for each recipient."""

    deliveries: int = 0
    size: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.deliveries + other.deliveries, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Backpressure:
    """Settings.

    Args:
        warn_free, refuse_free, reserve_free: free bytes of the store's file system below which
            the level is LOW, CLOSED, RESERVE. The write-ahead log takes some 32 MiB, and 128 MiB
            finish thousands of receipts.
        share_free: free share (0 to 1) below which it is CLOSED, whatever the bytes; 0 asks none.
        recover: a level ends when this share more than its mark is free, so that it does not
            change at every document.
        open_deliveries: most deliveries under way of one mailroom.
        open_bytes: most bytes of them, each recipient counted.
        per_minute: most submissions a minute of one mailroom; 0 sets no bound.
    """

    warn_free: int = 2 * GIB
    refuse_free: int = 512 * MIB
    reserve_free: int = 128 * MIB
    share_free: float = 0.0
    recover: float = 0.25
    open_deliveries: int = 100_000
    open_bytes: int = 64 * GIB
    per_minute: int = 60_000

    def mark(self, level: Level, total: int) -> int:
        """Free bytes below which a level begins, on a file system of so many bytes."""
        match level:
            case Level.LOW:
                return self.warn_free
            case Level.CLOSED:
                return max(self.refuse_free, int(self.share_free * total))
            case Level.RESERVE:
                return self.reserve_free
            case Level.OPEN:
                return 0


def level_after(before: Level, disk: Disk, settings: Backpressure) -> Level:
    """The level at this much room: reached at its mark, left only above the mark and a margin."""
    for level in (Level.RESERVE, Level.CLOSED, Level.LOW):
        margin = 1 + settings.recover if level <= before else 1
        if disk.free < settings.mark(level, disk.total) * margin:
            return level
    return Level.OPEN


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: a minute's allowance may come at once, then as fast as it fills again.

    Args:
        tokens: submissions that may come now; None before the first.
        at: when that was so.
    """

    tokens: float | None = None
    at: datetime | None = None

    def take(self, per_minute: int, now: datetime) -> tuple[Bucket, float]:
        """Take one: the bucket after it, and how many seconds to wait (0: it was taken). A clock
        set back fills nothing."""
        if per_minute == 0:
            return self, 0.0
        tokens = float(per_minute) if self.tokens is None else self.tokens
        if self.at is not None:
            passed = max(0.0, (now - self.at).total_seconds())
            tokens = min(float(per_minute), tokens + passed * per_minute / MINUTE_S)
        if tokens >= 1:
            return replace(self, tokens=tokens - 1, at=now), 0.0
        return replace(self, tokens=tokens, at=now), (1 - tokens) * MINUTE_S / per_minute


@dataclass(frozen=True, slots=True)
class Seen:
    """What the daemon measured.

    Args:
        disk: room for the store.
        work: by OrganId, what is under way.
    """

    disk: Disk
    work: Mapping[str, Work] = field(default_factory=dict)


def under_way(work: Mapping[str, Work], organs: Iterable[str]) -> Work:
    """What some organs have under way together, out of that of all, by OrganId."""
    return sum((work.get(organ, Work()) for organ in organs), Work())


def check_disk(level: Level, disk: Disk) -> None:
    """Refuse something new while there is no room for it.

    Raises:
        Busy: E-BSY-003.
    """
    if level >= Level.CLOSED:
        raise Busy(
            "E-BSY-003",
            "Đĩa của nút sắp đầy, tạm ngừng nhận văn bản mới",
            "The disk of the node is nearly full",
            detail=f"còn {disk.free // MIB:,} MiB; không mất gì, hãy gửi lại sau",
            detail_en=f"{disk.free // MIB:,} MiB left; nothing is lost, send it again later",
            retry_after=RETRY_DISK_S,
        )


def check_quota(vhost: str, work: Work, size: int, settings: Backpressure) -> None:
    """Refuse a submission of a mailroom that has too much under way; `size` in bytes.

    Raises:
        Busy: E-BSY-001.
    """
    if work.deliveries < settings.open_deliveries and (
        work.size == 0 or work.size + size <= settings.open_bytes
    ):
        return
    raise Busy(
        "E-BSY-001",
        "Văn thư này còn quá nhiều văn bản đang chờ gửi",
        "The mailroom has too much under way",
        detail=f"{vhost}: {work.deliveries:,} lượt gửi, {work.size // MIB:,} MiB; giới hạn "
        f"{settings.open_deliveries:,} lượt, {settings.open_bytes // MIB:,} MiB",
        detail_en=f"{vhost}: {work.deliveries:,} deliveries, {work.size // MIB:,} MiB; limits "
        f"{settings.open_deliveries:,} and {settings.open_bytes // MIB:,} MiB",
        retry_after=RETRY_QUOTA_S,
    )


def too_fast(vhost: str, wait: float, settings: Backpressure) -> Busy:
    """The refusal of a mailroom that submits too fast; `wait` seconds."""
    return Busy(
        "E-BSY-004",
        "Văn thư này gửi quá nhanh",
        "The mailroom submits too fast",
        detail=f"{vhost}: tối đa {settings.per_minute:,} văn bản một phút",
        detail_en=f"{vhost}: at most {settings.per_minute:,} submissions a minute",
        retry_after=max(1, round(wait + 0.5)),
    )


def cannot_store(why: StoreUnavailable) -> Busy:
    """The refusal when the store itself cannot write for now."""
    return Busy(
        "E-BSY-005",
        "Kho dữ liệu tạm thời không ghi được",
        "The store cannot write for now: disk full, or locked by another process",
        detail=f"{why.vi}; chưa lưu gì, hãy gửi lại sau",
        detail_en=f"{why}; nothing was stored, send it again later",
        retry_after=RETRY_STORE_S,
    )
