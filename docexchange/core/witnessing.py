"""Witnesses (bên làm chứng): what organs say in their receipts of how their journals stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from envelopes.evidence.checkpoint import Checkpoint
from envelopes.evidence.witness import Contradiction

CLAIM_EVERY = timedelta(minutes=1)  # how old what our receipts say of our journal becomes
KEPT_EVERY = timedelta(hours=1)  # between two statements of an organ whose rows stay; the receipts
# themselves have all of them


class KeptFor(StrEnum):
    """Why a statement of an organ has a row."""

    NEWEST = "NEWEST"  # until a newer one comes: the end of a journal is what is cut off first
    HOURLY = "HOURLY"
    CONTRADICTION = "CONTRADICTION"  # evidence, on either side


@dataclass(frozen=True, slots=True)
class Witness:
    """That somebody has a statement of an organ about its journal, under its signature.

    Args:
        checkpoint: of whose journal, and what was said.
        holder: OrganId of who has the receipt.
        sha256: of that receipt.
        seen_at: when it was recorded, or sent.
    """

    checkpoint: Checkpoint
    holder: str
    sha256: str
    seen_at: datetime


class Witnesses(Protocol):
    """The part of the store that knows what was said of journals."""

    @property
    def claim(self) -> str:
        """What our receipts say of our journal (`Checkpoint.claim`), "" before the first."""
        ...

    def look(self, now: datetime) -> bool:
        """Read what the journal got since the last time; `claim` says so from now on. Blocks for a
        second at most: False when there is more to read, and `claim` is what it was."""
        ...

    async def keep_tree(self, now: datetime) -> bool:
        """Note now and then how far the journal was read, so that a start need not read it all.
        False when nothing was due."""
        ...

    def take_alarms(self) -> Sequence[Contradiction]:
        """Contradictions that were found and journalled since this was asked."""
        ...
