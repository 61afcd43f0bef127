"""What `doctor` asks the brokers: does all stand, does somebody take what waits there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..core.names import (
    AXIS_DEAD,
    EVENTS,
    INBOX,
    MAILROOM_DEAD_QUEUE,
    REPLIES,
    SUBMIT_QUEUE,
    queue_name,
)
from ..core.schedule import Lane
from .probe import Found, Patient, Verdict
from .words import say

if TYPE_CHECKING:
    from ..edges.topology import Depth


def broker(patient: Patient) -> Iterator[Found]:
    """Whether the brokers answer, and every exchange and queue stands."""
    from ..edges import topology
    from .topology import places

    for place, (name, address, wanted) in enumerate(places(patient.config, "", "")):
        ours = wanted if place else wanted.of_node(patient.config.node)  # the axis comes first
        missing = asyncio.run(topology.check(address, ours))
        if missing:
            detail = say(f"{name}: thiếu {', '.join(missing)}", f"{name}: {', '.join(missing)}")
            yield Found("broker", Verdict.BAD, detail, "docexchange topology apply")
        else:
            count = len(ours.queues)
            told = say(f"{name}: nối được, đủ {count} hàng đợi", f"{name}: {count} queues stand")
            yield Found("broker", Verdict.GOOD, told)


def queues(patient: Patient) -> Iterator[Found]:
    """Whether what waits in the queues is taken, by this node and by its mailrooms."""
    from ..edges import topology
    from ..edges.store import StoreLock
    from .topology import places

    runs = StoreLock.serves(patient.config.store)
    lanes = [queue_name(patient.config.node, lane) for lane in Lane]
    for place, (name, address, _) in enumerate(places(patient.config, "", "")):
        axis = place == 0
        own = lanes if axis else [SUBMIT_QUEUE]
        theirs = [] if axis else [INBOX, REPLIES]
        shown = [] if axis else [EVENTS]  # a mailroom need not read them
        dead = AXIS_DEAD if axis else MAILROOM_DEAD_QUEUE
        depths = asyncio.run(topology.depths(address, [*own, *theirs, *shown, dead]))
        troubles = [
            *_left_by_us(own if runs else [], depths),
            *_left_by_mailroom(theirs, depths),
            *_nobody_took(dead, depths),
        ]
        for verdict, detail, remedy in troubles:
            yield Found("queues", verdict, f"{name}: {detail}", remedy)
        if not troubles:
            waiting = ", ".join(f"{one} {depth.messages:,}" for one, depth in depths.items())
            yield Found("queues", Verdict.GOOD, f"{name}: {waiting}")


Trouble = tuple[Verdict, str, str]  # with what was seen, and what to do


def _left_by_us(own: Sequence[str], depths: Mapping[str, Depth]) -> Iterator[Trouble]:
    """Queues that the running daemon must take from, and does not."""
    left = [f"{one} ({depths[one].messages:,})" for one in own if _idle(depths.get(one))]
    if left:
        told = say(
            f"nút đang chạy nhưng không lấy từ {', '.join(left)}",
            f"the node runs and takes nothing from {', '.join(left)}",
        )
        remedy = say(
            "xem log của nút; nếu còn vậy sau 1 phút: systemctl restart docexchange",
            "see the node's log; if it stays so for a minute: systemctl restart docexchange",
        )
        yield Verdict.BAD, told, remedy


def _left_by_mailroom(theirs: Sequence[str], depths: Mapping[str, Depth]) -> Iterator[Trouble]:
    """Queues with messages that no program of the mailroom takes."""
    for one in theirs:
        depth = depths.get(one)
        if depth is not None and depth.messages and _idle(depth):
            told = say(
                f"{depth.messages:,} thông điệp chờ trong {one}, không có chương trình nào lấy",
                f"{depth.messages:,} message(s) wait in {one}, no program takes them",
            )
            remedy = say(
                "khởi động chương trình của văn thư, xem thông tin đăng nhập của nó",
                "start the mailroom's program, look at its login",
            )
            yield Verdict.WARNING, told, remedy


def _nobody_took(dead: str, depths: Mapping[str, Depth]) -> Iterator[Trouble]:
    """Messages that were refused, or given back too often."""
    depth = depths.get(dead)
    if depth is not None and depth.messages:
        told = say(
            f"{depth.messages:,} thông điệp bị từ chối nằm trong {dead}",
            f"{depth.messages:,} refused message(s) lie in {dead}",
        )
        remedy = say(
            "deploy/README.md, mục «Hàng đợi của thông điệp bị từ chối»",
            'deploy/README.md, "Queues of refused messages"',
        )
        yield Verdict.WARNING, told, remedy


def _idle(depth: Depth | None) -> bool:
    """It stands, and nobody takes from it."""
    return depth is not None and not depth.consumers
