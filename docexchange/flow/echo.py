"""An echo organ: a partner for integrators that answers every document by itself, by a timer.

    echo     03, 05 and 06, after 2, 5 and 10 s; a request to give the document back is refused (16)
    slow     the same after 2, 5 and 10 min
    reject   02 with a reason, after 2 s
    recall   03 after 2 s; a request to give the document back is agreed to (15)

01 comes from the node, as always. What is said next follows from the document's own history and
the time alone, so an echo organ keeps nothing, and a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from ..core.errors import DocexchangeError, StoreError
from ..core.model import ArrivalView
from ..core.states import StatusCode, may_say
from ..core.world import World
from . import receipts

log = structlog.get_logger()

LOOKED_AT: Final = 50  # newest arrivals; a partner for tests is not sent more at once
_S = timedelta(seconds=1)


class Variant(StrEnum):
    """How an echo organ behaves."""

    ECHO = "echo"
    SLOW = "slow"
    REJECT = "reject"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Echo:
    """An organ of ours that answers by itself."""

    organ: str
    variant: Variant = Variant.ECHO


@dataclass(frozen=True, slots=True)
class Answer:
    """A status that is to be said, so long after the document arrived."""

    after: timedelta
    code: StatusCode
    note: str = ""


_REASON: Final = "Cơ quan thử nghiệm: từ chối mọi văn bản (test organ: refuses every document)"
_WORKING: Final = (
    Answer(2 * _S, StatusCode.ACCEPTED),
    Answer(5 * _S, StatusCode.PROCESSING),
    Answer(10 * _S, StatusCode.COMPLETED),
)
ANSWERS: Final[Mapping[Variant, Sequence[Answer]]] = {
    Variant.ECHO: _WORKING,
    Variant.SLOW: [Answer(one.after * 60, one.code) for one in _WORKING],
    Variant.REJECT: [Answer(2 * _S, StatusCode.REJECTED, _REASON)],
    Variant.RECALL: [Answer(2 * _S, StatusCode.ACCEPTED)],
}
_ASKED_BACK: Final[Mapping[bool, Answer]] = {  # by whether it agrees; counted from the request
    True: Answer(2 * _S, StatusCode.CHANGE_AGREED),
    False: Answer(
        2 * _S, StatusCode.CHANGE_REFUSED, "Văn bản đang được xử lý (already being processed)"
    ),
}
RECALL: Final = 1  # BussinessDocType: the document itself asks for another one back


def due(variant: Variant, arrival: ArrivalView, now: datetime) -> Answer | None:
    """What an echo organ says about a document now, None if nothing (yet)."""
    said = {line.code for line in arrival.history}
    asked_at = _asked_back_at(arrival)
    if asked_at is not None and not said & {StatusCode.CHANGE_AGREED, StatusCode.CHANGE_REFUSED}:
        answer = _ASKED_BACK[variant is Variant.RECALL]
        return answer if now >= asked_at + answer.after else None
    if arrival.business == RECALL:
        return None
    for answer in ANSWERS[variant]:
        if answer.code not in said and now >= arrival.arrived_at + answer.after:
            return answer if may_say(arrival.code, answer.code) else None
    return None


def _asked_back_at(arrival: ArrivalView) -> datetime | None:
    """When the sender asked: by a status 13 about it, or the document itself asks."""
    asked = [line.recorded_at for line in arrival.history if line.code == StatusCode.RECALLING]
    if asked:
        return asked[-1]
    return arrival.arrived_at if arrival.business == RECALL else None


async def turn(echo: Echo, arrivals: Sequence[ArrivalView], *, world: World, now: datetime) -> int:
    """Say what is due about these arrivals of the organ; returns how many statuses were queued.

    Raises:
        StoreError: nothing was said by the one that failed.
    """
    said = 0
    for arrival in arrivals:
        answer = due(echo.variant, arrival, now)
        if answer is None:
            continue
        try:
            await receipts.report(
                arrival.tracking_id, answer.code.value, world=world, now=now, note=answer.note
            )
        except StoreError:
            raise
        except DocexchangeError as error:  # a person or the mailroom was faster
            log.info("echo_not_said", tracking_id=arrival.tracking_id, why=str(error))
        else:
            said += 1
    return said
