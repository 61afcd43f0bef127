"""What a probe of `doctor` is: it looks at the node and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Config
    from ..edges.store import SqlStore


class Verdict(StrEnum):
    """How a probe ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    NOT_HERE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Found:
    """What one probe found.

    Args:
        name: of the probe.
        verdict: of the probe.
        detail: what was seen, in the language spoken.
        remedy: what to do about it, "" when nothing.
    """

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What the probes look at."""

    config: Config
    store: SqlStore
    now: datetime


Probe = Callable[[Patient], Iterator[Found]]
