"""What passes between a node and a mailroom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a submission came from: its idempotency key for 30 days.

    Args:
        vhost: the mailroom's vhost.
        message_id: the mailroom's AMQP message_id.
    """

    vhost: str
    message_id: str


@dataclass(frozen=True, slots=True)
class MailroomMessage:
    """One message for a mailroom, a row until the broker has confirmed it.

    Args:
        vhost: the mailroom's vhost.
        routing_key: `document.<organ, dots as dashes>`, `reply.<...>` or `event.<...>` on the
            exchange mr.deliver.
        message_id: stable, the same on every repetition.
        type: AMQP type property, as document.deliver.v1.
        content_type: of the body.
        correlation_id: of a reply, the submission's message_id; else "".
        headers: AMQP headers.
        body: the bytes, or None when they are the stored envelope `blob`.
        blob: hex SHA-256 of a stored envelope, or "".
        large: the envelope is handed over in parts, beside the other messages and not before them.
    """

    vhost: str
    routing_key: str
    message_id: str
    type: str
    content_type: str
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)
    blob: str = ""
    correlation_id: str = ""
    large: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the mailroom outbox that is to be published.

    Args:
        row_id: its number.
        message: its `body` is None when that is stored content.
    """

    row_id: int
    message: MailroomMessage


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that its mailroom cannot get: its content is damaged on disk.

    Args:
        tracking_id: of the arrival; message_id of the message.
        vhost: the mailroom's.
        sha256: of the envelope.
        since: when it was to be handed over first.
    """

    tracking_id: str
    vhost: str
    sha256: str
    since: datetime
