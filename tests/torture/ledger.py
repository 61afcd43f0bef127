"""The ledger: what was handed in, what came out, and whether both agree.

Every figure counts distinct ids; an entry is one document for one recipient. The words are those
of the RabbitMQ team's own loss test: lost, duplicated, unexpected, recovered. What a mailroom
sees again under the same `message_id` is a redelivery, which the contract allows, and counts apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Entry = tuple[str, str]  # (document, recipient)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an inbox table, or of a sender's deliveries: digest of the bytes, state if any."""

    entry: Entry
    sha256: str
    state: str = ""


@dataclass
class Ledger:
    """Filled while it happens by the mailrooms, and at the end from the stores."""

    attempted: dict[str, frozenset[str]] = field(default_factory=dict)  # document -> recipients
    accepted: set[str] = field(default_factory=set)
    inbox: defaultdict[Entry, set[str]] = field(default_factory=lambda: defaultdict(set))
    redeliveries: int = 0
    table: list[Row] = field(default_factory=list)  # of the receivers' stores
    sent: list[Row] = field(default_factory=list)  # of the senders' stores
    faults: list[str] = field(default_factory=list)  # of the journals, sentences

    def attempt(self, document: str, recipients: Iterable[str]) -> None:
        """A mailroom begins to hand this in."""
        self.attempted[document] = frozenset(recipients)

    def accept(self, document: str) -> None:
        """A node answered that it has it."""
        self.accepted.add(document)

    def deliver(self, document: str, recipient: str, message_id: str) -> None:
        """A mailroom took a message from its inbox queue."""
        known = self.inbox[document, recipient]
        self.redeliveries += message_id in known
        known.add(message_id)

    def unsettled(self) -> set[Entry]:
        """What was accepted and has reached no inbox queue yet."""
        return {
            (document, recipient)
            for document in self.accepted
            for recipient in self.attempted.get(document, ())
            if (document, recipient) not in self.inbox
        }

    def close(self) -> Account:
        """Draw the line."""
        expected = {
            (document, recipient)
            for document in self.accepted
            for recipient in self.attempted.get(document, ())
        }
        possible = {(one, to) for one, recipients in self.attempted.items() for to in recipients}
        rows = Counter(row.entry for row in self.table)
        digests = {row.entry: row.sha256 for row in self.sent}
        states = {row.entry: row.state for row in self.sent}
        delivered = set(self.inbox)
        undeliverable = {entry for entry, state in states.items() if state == "undeliverable"}
        acknowledged = {entry for entry, state in states.items() if state == "acknowledged"}
        arrived = set(rows)
        lost = (
            ((expected | acknowledged) - arrived - undeliverable)
            | (arrived - delivered)  # in the table and never handed to the mailroom
            | (expected - set(states))  # accepted, and its sender knows nothing of it
        )
        duplicated = {entry for entry, count in rows.items() if count > 1} | {
            entry for entry, ids in self.inbox.items() if len(ids) > 1
        }
        wrong = {row.entry for row in self.table if row.sha256 != digests.get(row.entry)}
        unexpected = ((arrived | delivered) - possible) | wrong | (delivered - arrived)
        return Account(
            attempted=len(possible),
            accepted=len(expected),
            inbox=len(arrived),
            acknowledged=len(acknowledged),
            undeliverable=len(undeliverable),
            pending=frozenset(set(states) - acknowledged - undeliverable),
            recovered=len(arrived & possible - expected),
            redeliveries=self.redeliveries,
            lost=frozenset(lost),
            duplicated=frozenset(duplicated),
            unexpected=frozenset(unexpected),
            faults=tuple(self.faults),
        )


@dataclass(frozen=True, slots=True)
class Account:
    """The closed ledger.

    Args:
        attempted, accepted, inbox, acknowledged, undeliverable: entries that got so far.
        pending: known to their sender, and neither acknowledged nor given up.
        recovered: handed in without ever an answer, and there all the same.
        redeliveries: messages of inbox queues that came again with the same message_id.
        lost, duplicated, unexpected: what must not be.
        faults: where a journal does not hold.
    """

    attempted: int
    accepted: int
    inbox: int
    acknowledged: int
    undeliverable: int
    pending: frozenset[Entry]
    recovered: int
    redeliveries: int
    lost: frozenset[Entry]
    duplicated: frozenset[Entry]
    unexpected: frozenset[Entry]
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, doubled, unexpected or left over, and something happened."""
        bad = (self.lost, self.duplicated, self.unexpected, self.pending, self.faults)
        return self.accepted > 0 and not any(bad)

    def lines(self) -> list[str]:
        """The account for a person."""
        figures: Mapping[str, int] = {
            "attempted": self.attempted,
            "accepted": self.accepted,
            "in inbox": self.inbox,
            "acknowledged": self.acknowledged,
            "visibly undeliverable": self.undeliverable,
            "still pending": len(self.pending),
            "recovered (no answer, yet there)": self.recovered,
            "redelivered by queues (same id)": self.redeliveries,
            "LOST": len(self.lost),
            "DUPLICATED": len(self.duplicated),
            "UNEXPECTED": len(self.unexpected),
        }
        lines = [f"  {name:34} {value:>9,}" for name, value in figures.items()]
        named = {"lost": self.lost, "duplicated": self.duplicated, "unexpected": self.unexpected}
        for name, entries in {**named, "pending": self.pending}.items():
            lines += [f"  {name}: {document} -> {to}" for document, to in sorted(entries)[:10]]
        return [*lines, *(f"  journal: {fault}" for fault in self.faults)]
