"""Timestamps of what is in the store: who is asked, how much at once, and when somebody is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from envelopes.evidence.stamp import Stamp


class Authority(Protocol):
    """A timestamping authority (TSA), as far as it can be reached."""

    @property
    def name(self) -> str:
        """Its address, for a person."""
        ...

    async def ask(self, request: bytes) -> bytes:
        """Its answer to a TimeStampReq, whatever that is.

        Raises:
            Deferred: there is none; the text says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stamping:
    """How it is asked.

    Args:
        policy: OID to ask for, "" for the authority's own choice.
        policies: OIDs that are accepted, () for any.
        every: wait between two rounds; whatever came meanwhile shares them.
        batch: most envelopes of one round.
        tree_from: so many or more share one token by a hash tree; fewer get one each.
        retry: wait after a round in which no authority gave a good token.
        warn: ages of the oldest that waits at which the operator is told, shortest first.
        clock_skew: how far an authority's clock may differ from ours.
    """

    policy: str = ""
    policies: tuple[str, ...] = ()
    every: timedelta = timedelta(seconds=10)
    batch: int = 256
    tree_from: int = 4
    retry: timedelta = timedelta(seconds=30)
    warn: tuple[timedelta, ...] = (timedelta(minutes=15), timedelta(hours=4))
    clock_skew: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Unstamped:
    """An envelope of the store that no token proves yet.

    Args:
        source: where it is linked: submissions, arrivals or receipts.
        row: its number there; the cursor of the source moves to it.
        blob_id, sha256, size: of its content.
        at: when it was committed.
        head: first bytes of the content, b"" if it was destroyed.
    """

    source: str
    row: int
    blob_id: int
    sha256: str
    size: int
    at: datetime
    head: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a round came to, to be written in one transaction.

    Args:
        cursors: source -> number of the last row that is done.
        stamps: blob_id and stamp of each envelope; all hold the same token, () without one.
        authority: who gave it.
        gen_time: its time.
    """

    cursors: dict[str, int]
    stamps: tuple[tuple[int, Stamp], ...] = ()
    authority: str = ""
    gen_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a token.

    Args:
        waiting: how many envelopes.
        oldest: when the oldest of them was committed, None if none waits.
        stamped: how many have a stamp.
        last: time of the last token, None if there is none.
    """

    waiting: int
    oldest: datetime | None
    stamped: int
    last: datetime | None
