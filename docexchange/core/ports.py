"""The narrow seams: what the paths ask of the world. Edges implement them, fakes stand in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from keys.certificates import Certificate
from keys.signer import Signer

from .model import MailroomMessage
from .schedule import Lane


class Incoming(Protocol):
    """A message of the axis in hand: nobody else gets it until it is acked or we are gone."""

    organ: str  # of the routing key
    lane: Lane
    body: bytes
    redelivered: bool
    connection: str  # broker-checked user_id of the publisher, "" when absent
    headers: Mapping[str, object]  # hints of whoever sent it, never facts

    def ack(self) -> None:
        """Tell the broker to forget it; only after the commit. A lost ack means a redelivery."""
        ...


class Broker(Protocol):
    """The axis (trục): never trusted for identity or integrity."""

    async def publish(
        self, lane: Lane, organ: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Publish persistently; returns when the broker has confirmed that it holds it.

        Raises:
            Deferred: not confirmed (no connection, nack, no route, time ran out); it may
                nevertheless have arrived.
            DeliveryRefused: the broker will never take it (too large).
        """
        ...

    async def receive(self) -> Incoming:
        """Wait for the next message of any of our lanes."""
        ...


class MailroomBroker(Protocol):
    """The mailrooms' side."""

    async def publish(self, message: MailroomMessage) -> None:
        """Publish one message; returns at the confirm. Raises Deferred as `Broker.publish`."""
        ...

    async def receive(self) -> MailroomIncoming:
        """Wait for the next submission or status report of any mailroom."""
        ...


class MailroomIncoming(Protocol):
    """A submission or status report of a mailroom, in hand."""

    vhost: str
    routing_key: str  # submit.document, submit.status or submit.part
    message_id: str
    type: str
    content_type: str
    content_encoding: str
    headers: Mapping[str, object]
    body: bytes

    def ack(self) -> None:
        """Tell the broker to forget it; only after the commit of the reply."""
        ...


@dataclass(frozen=True, slots=True)
class Organ:
    """An entry of the directory.

    Args:
        organ_id: exact OrganId.
        name: for people.
        node: node that serves it, "" when it is closed.
        closed: True when the code is closed.
        successor: OrganId that took over, "" if none.
        fingerprints: hex SHA-256 of certificates that may speak for it -> (from, until), each
            None when open.
        subject_rule: True if a certificate whose organizationIdentifier equals the OrganId may
            speak for it, when issued under one of `issuers`.
        issuers: hex SHA-256 of CA certificates under which the subject rule holds.
    """

    organ_id: str
    name: str
    node: str = ""
    closed: bool = False
    successor: str = ""
    fingerprints: Mapping[str, tuple[datetime | None, datetime | None]] = field(
        default_factory=dict
    )
    subject_rule: bool = False
    issuers: frozenset[str] = frozenset()


class Directory(Protocol):
    """Who is who; also the `envelopes.verify.Binding` of the node."""

    sha256: str

    def find(self, organ_id: str) -> Organ | None:
        """The entry of this exact code; a closed code also matches below level 1 and in its old
        form (000.00.00.H02); None when unknown."""
        ...

    def speaks_for(
        self, organ_id: str, chain: Sequence[Certificate], at: datetime
    ) -> tuple[bool | None, str]:
        """Whether the leaf may sign for the organ: (True | False | None if no binding is known,
        reason). False when the certificate is known for another organ."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A signed directory that was served: its number, hex digest, and since when."""

    number: int
    sha256: str
    taken_at: datetime


class Keyring(Protocol):
    """The signers of our own organs."""

    def signer(self, organ_id: str) -> Signer:
        """The signer that the daemon may use alone. Raises NotFound when we do not serve it,
        Deferred when the signer is down."""
        ...


class Clock(Protocol):
    """The wall clock, read once at the top of a flow function."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...
