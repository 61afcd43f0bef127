"""How much is measured: a whole run, and a short one that only shows that it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SHARES: Mapping[str, float] = {"10K": 1.0, "100K": 1.0, "1M": 0.3}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        seconds: about how long a batch of the races is.
        rounds: batches of each contestant.
        messages: of the AMQP floor, in each round.
        rows: of the store's floor, in each round.
        exchange_rounds: batches of each way to exchange, at each size.
        documents: in such a batch.
        in_flight: of them at once.
        singles: documents with one in flight, in each round.
        large: bytes of the attachment of the large envelope.
        parts: bytes of the attachment that travels in parts; 760 MiB make an envelope of 1 GiB.
        files: envelopes in the folder that is verified.
        commands: how often the command verifies it.
        journal: lines that are followed.
        backlog: deliveries that wait in the large store.
        backlog_documents: sent, submitted and accepted in each round over it.
        backlog_rounds: of each store.
    """

    seconds: float = 0.25
    rounds: int = 7
    messages: int = 600
    rows: int = 4000
    exchange_rounds: int = 3
    documents: int = 500
    in_flight: int = 64
    singles: int = 40
    large: int = 1024 * 1024 * 1024
    parts: int = 760 * 1024 * 1024
    files: int = 10_000
    commands: int = 5
    journal: int = 200_000
    backlog: int = 1_000_000
    backlog_documents: int = 250
    backlog_rounds: int = 3

    def share(self, size: str) -> float:
        """What part of the messages, rows and documents is measured at a size: about the same
        time for each."""
        return SHARES[size]

    def documents_of(self, size: str) -> int:
        """Documents of a batch at a size; never less than are in flight."""
        return max(self.in_flight, int(self.documents * self.share(size)))


QUICK = Plan(
    seconds=0.02,
    rounds=3,
    messages=100,
    rows=400,
    exchange_rounds=1,
    documents=100,
    singles=10,
    large=16 * 1024 * 1024,
    parts=24 * 1024 * 1024,
    journal=2000,
    files=300,
    commands=1,
    backlog=20_000,
    backlog_documents=200,
    backlog_rounds=1,
)
