"""The messages that a mailroom (văn thư) gets: replies, inbox messages, events. Facts in, rows out.

    accepted_reply, problem_reply            reply.*       answer to a submission or status report
    inbox_message                            document.*    the envelope itself, byte for byte
    transport_event, status_event,           event.*       CloudEvents 1.0, structured JSON
    recall_event, signature_event, health_event

An event carries the whole snapshot of the recipient that changed, counts of the document's other
recipients per state, and a sequence number per document: a gap shows, and the next event heals it.

Source: contract mailroom/1 (docexchange/README.md); CloudEvents 1.0; RFC 9457 (problem+json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from .errors import SubmissionRefused
from .health import Health
from .model import MailroomMessage, Receipt, Submitted
from .problems import PROBLEMS
from .states import SigningState

CONTRACT = "mailroom/1"
TRANSPORT_EVENT = "vn.docexchange.document.transport.v1"
STATUS_EVENT = "vn.docexchange.document.status.v1"
RECALL_EVENT = "vn.docexchange.document.recall.v1"
SIGNATURE_EVENT = "vn.docexchange.document.signature.v1"
HEALTH_EVENT = "vn.docexchange.gateway.health.v1"
CHANGES = {1: "recalls", 2: "updates", 3: "replaces"}
HEADER_MAX = 1000  # characters of a header value: all headers share one AMQP frame of 128 KiB
RETRY_AFTER_S = 30  # seconds a mailroom is asked to wait before it repeats a refused submission


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that an event is about.

    Args:
        tracking_id: our name of it.
        organ: our organ whose mailroom is told.
        document_id, number, notation: its names.
        sequence: number of this event of this document, from 1.
    """

    tracking_id: str
    organ: str
    document_id: str
    number: str
    notation: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A deadline that has passed; see `model.Deadline`."""

    final: bool
    reason: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Its fields by name."""
        return {
            "kind": "final" if self.final else "warning",
            "reason": self.reason,
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Recipient:
    """Everything we know of one recipient at the time of the event; times aware UTC."""

    organ: str
    transport: str
    reason: str
    held: str
    attempts: int
    copies: int
    next_try: datetime | None
    lifetime_ends: datetime | None
    last_error: str
    code: str
    code_conflict: bool

    def as_json(self) -> dict[str, Any]:
        """Its fields by name; written out, because `asdict` copies deeply and took half of an
        event's time."""
        return {
            "organ": self.organ,
            "transport": self.transport,
            "reason": self.reason,
            "held": self.held,
            "attempts": self.attempts,
            "copies": self.copies,
            "next_try": self.next_try,
            "lifetime_ends": self.lifetime_ends,
            "last_error": self.last_error,
            "code": self.code,
            "code_conflict": self.code_conflict,
        }


def accepted_reply(
    submission_id: str, submitted: Submitted, vhost: str, received_at: datetime
) -> MailroomMessage:
    """Tell a mailroom that its submission is taken: queued, or waiting for its signature; or that
    it was taken before (`duplicate`)."""
    outcome = "duplicate" if submitted.duplicate else "accepted"
    body = {
        "submission_id": submission_id,
        "tracking_id": submitted.tracking_id,
        "document_id": submitted.document_id,
        "status": "accepted",
        "duplicate": submitted.duplicate,
        "received_at": rfc3339(received_at),
        "waiting_for_signature": submitted.sign_by is not None,
        "sign_by": rfc3339(submitted.sign_by) if submitted.sign_by else None,
    }
    return MailroomMessage(
        vhost=vhost,
        routing_key="reply.accepted",
        message_id=f"{submitted.tracking_id}-{outcome}",
        type="document.accepted.v1",
        content_type="application/json",
        headers={"x-contract": CONTRACT},
        body=_json(body),
        correlation_id=submission_id,
    )


def problem_reply(
    submission_id: str,
    refused: SubmissionRefused,
    vhost: str,
    received_sha256: str,
    received_size: int,
    message_id: str,
) -> MailroomMessage:
    """Tell a mailroom why its submission was refused, and what we received (size in bytes).

    The title is that of the code, always the same; what the refusal says beyond it is detail.
    """
    known = PROBLEMS.get(refused.code)
    title = known.vi if known else refused.title
    title_en = known.en if known else refused.title_en
    body: dict[str, Any] = {
        "type": f"urn:docexchange:problem:{refused.code}",
        "title": title,
        "title_en": title_en,
        "detail": _joined(refused.title if refused.title != title else "", refused.detail),
        "detail_en": _joined(
            refused.title_en if refused.title_en != title_en else "", refused.detail_en
        ),
        "code": refused.code,
        "retryable": refused.retryable,
        "retry_after_s": (refused.retry_after or RETRY_AFTER_S) if refused.retryable else None,
        "errors": [{"pointer": pointer, "detail": what} for pointer, what in _places(refused)],
        "received": {"sha256": received_sha256, "size": received_size},
    }
    return MailroomMessage(
        vhost=vhost,
        routing_key="reply.problem",
        message_id=message_id,
        type="problem.v1",
        content_type="application/problem+json",
        headers={"x-contract": CONTRACT},
        body=_json(body),
        correlation_id=submission_id,
    )


def _places(refused: SubmissionRefused) -> Sequence[tuple[str, str]]:
    if refused.errors or not refused.pointer:
        return refused.errors
    return ((refused.pointer, refused.detail or refused.title),)


def _joined(first: str, second: str) -> str:
    return ": ".join(part for part in (first, second) if part)


def inbox_message(
    *,
    vhost: str,
    organ: str,
    tracking_id: str,
    sha256: str,
    from_organ: str,
    number: str,
    notation: str,
    verdict: str,
    sub_indication: str,
    signer: str,
    large: bool = False,
    business: int = 0,
    changes: tuple[str, ...] = (),
) -> MailroomMessage:
    """Hand an accepted envelope to a mailroom; its body is the stored envelope `sha256`, or, of a
    large one, the list of its parts, which go before it."""
    headers = {
        "x-contract": CONTRACT,
        "x-verdict": verdict,
        "x-sub-indication": sub_indication,
        "x-signer": signer,
        "x-organ-from": from_organ,
        "x-document-number": "/".join(part for part in (number, notation) if part),
        "x-sha256": sha256,
        "x-tracking-id": tracking_id,
    }
    if changes:  # DocumentIds of the same sender
        headers[f"x-{CHANGES[business]}"] = " ".join(changes)
    return MailroomMessage(
        vhost=vhost,
        routing_key=f"document.{organ_token(organ)}",
        message_id=tracking_id,
        type="document.deliver.v1",
        content_type="application/xml",
        headers={name: header_value(value) for name, value in headers.items()},
        body=None,
        blob=sha256,
        large=large,
    )


def part_message(
    whole: MailroomMessage, index: int, count: int, data: bytes, sha256: str
) -> MailroomMessage:
    """One part of a large inbox message; it comes before the message that lists it.

    Args:
        whole: that message, as its row stands.
        index: its place, from 0.
        count: of all parts.
        data: its bytes; `sha256` is their hex digest.
    """
    headers = {
        "x-contract": CONTRACT,
        "x-group": whole.message_id,
        "x-part": str(index),
        "x-parts": str(count),
        "x-sha256": sha256,
    }
    return replace(
        whole,
        message_id=f"{whole.message_id}-part-{index}",
        type="document.part.v1",
        content_type="application/octet-stream",
        headers=headers,
        body=data,
    )


def listing_message(whole: MailroomMessage, digests: Sequence[tuple[str, int]]) -> MailroomMessage:
    """The inbox message of a large envelope: whoever has the listed parts, (digest, bytes) each,
    has the envelope."""
    body = {
        "tracking_id": whole.message_id,
        "sha256": whole.blob,
        "size": sum(size for _, size in digests),
        "parts": [
            {"part": index, "sha256": sha256, "size": size}
            for index, (sha256, size) in enumerate(digests)
        ],
    }
    return replace(whole, content_type="application/vnd.docexchange.parts+json", body=_json(body))


def transport_event(
    subject: Subject,
    recipient: Recipient,
    previous: str,
    counts: Mapping[str, int],
    *,
    vhost: str,
    source: str,
    at: datetime,
    passed: Passed | None = None,
) -> MailroomMessage:
    """Tell the sender's mailroom that the transport of one recipient changed, or that a deadline
    passed: at a warning the transport is what it was before.

    Args:
        subject: the document.
        recipient: the recipient after the change.
        previous: its transport state before.
        counts: recipients of the document per transport state, after the change.
        vhost: the mailroom's vhost.
        source: CloudEvents source, as /node/H05.
        at: time of the change, aware UTC.
        passed: the deadline, if there is one.
    """
    data = _outgoing(subject, recipient, previous, counts)
    if passed is not None:
        data["deadline"] = passed.as_json()
    return _event(TRANSPORT_EVENT, subject, data, vhost=vhost, source=source, at=at)


def status_event(
    subject: Subject,
    recipient: Recipient,
    previous: str,
    counts: Mapping[str, int],
    receipt: Receipt,
    *,
    vhost: str,
    source: str,
    at: datetime,
) -> MailroomMessage:
    """Tell the sender's mailroom that a recipient reported a processing code.

    `previous` is the recipient's present code before this report; a report that came late may
    leave it unchanged, so the report itself stands in `reported`.
    """
    data = _outgoing(subject, recipient, previous, counts) | {"reported": _reported(receipt)}
    return _event(STATUS_EVENT, subject, data, vhost=vhost, source=source, at=at)


def recall_event(
    subject: Subject,
    recall_id: str,
    organ: str,
    reason: str,
    state: str,
    *,
    vhost: str,
    source: str,
    at: datetime,
) -> MailroomMessage:
    """Tell the receiving mailroom that a document is recalled, and where that stands.

    Args:
        subject: the document, or the recall itself while its document is not here.
        recall_id: tracking id of the recall.
        organ: its sender.
        reason: why, in the sender's words.
        state: as in `core.recalls.Recall`; "asked" waits for the mailroom's 15 or 16.
        vhost, source, at: as of the other events.
    """
    recall = {"tracking_id": recall_id, "organ": organ, "reason": reason, "state": state}
    data = _names(subject, "incoming") | {"recall": recall}
    return _event(RECALL_EVENT, subject, data, vhost=vhost, source=source, at=at)


def signature_event(
    subject: Subject,
    state: SigningState,
    reason: str,
    *,
    vhost: str,
    source: str,
    at: datetime,
) -> MailroomMessage:
    """Tell the sender's mailroom that a document stopped waiting for its signature: it is signed
    and queued, or will never be sent under this tracking id (expired, cancelled)."""
    data = _names(subject, "outgoing") | {
        "previous": SigningState.WAITING.value,
        "signature": state.value,
        "reason": reason,
    }
    return _event(SIGNATURE_EVENT, subject, data, vhost=vhost, source=source, at=at)


def health_event(
    health: Health, sequence: int, *, vhost: str, source: str, at: datetime
) -> MailroomMessage:
    """Tell a mailroom how the node is; `sequence` counts what this node told of it."""
    node = source.rpartition("/")[2]
    data = {
        "node": node,
        "sequence": sequence,
        "good": health.good,
        "room": health.room.name.lower(),
        "free_bytes": health.free_bytes,
        "axis": "up" if health.axis else "down",
        "why": health.why,
    }
    names = (f"{node}-health-{sequence}", node, "gateway")
    return _cloud_event(HEALTH_EVENT, names, data, vhost=vhost, source=source, at=at)


def organ_token(organ: str) -> str:
    """OrganId as one word of a topic routing key: dots, which part words there, become dashes."""
    return organ.replace(".", "-")


def header_value(text: str) -> str:
    """Text that is safe as an AMQP header: valid UTF-8, no control character, bounded."""
    readable = "".join(char if char.isprintable() else " " for char in text[:HEADER_MAX])
    return readable.encode("utf-8", "replace").decode()


def rfc3339(at: datetime) -> str:
    """A time as it stands in JSON: 2026-11-22T08:00:00.000000Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _outgoing(
    subject: Subject, recipient: Recipient, previous: str, counts: Mapping[str, int]
) -> dict[str, Any]:
    return _names(subject, "outgoing") | {
        "previous": previous,
        "recipients": [recipient.as_json()],
        "counts": dict(counts),
    }


def _names(subject: Subject, direction: str) -> dict[str, Any]:
    return {
        "direction": direction,
        "tracking_id": subject.tracking_id,
        "document_id": subject.document_id,
        "number": subject.number,
        "notation": subject.notation,
        "sequence": subject.sequence,
    }


def _reported(receipt: Receipt) -> dict[str, Any]:
    return {
        "organ": receipt.from_organ,
        "code": receipt.code,
        "note": receipt.note,
        "signed_at": receipt.signed_at,
        "sha256": receipt.sha256,
        "staff": dict(receipt.staff),
    }


def _event(
    kind: str, subject: Subject, data: Mapping[str, Any], *, vhost: str, source: str, at: datetime
) -> MailroomMessage:
    event_id = f"{subject.tracking_id}-{subject.sequence}"
    names = (event_id, subject.tracking_id, organ_token(subject.organ))
    return _cloud_event(kind, names, data, vhost=vhost, source=source, at=at)


def _cloud_event(
    kind: str,
    names: tuple[str, str, str],
    data: Mapping[str, Any],
    *,
    vhost: str,
    source: str,
    at: datetime,
) -> MailroomMessage:
    """An event; its names: id, subject, and the word of its routing key."""
    event_id, subject, word = names
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return MailroomMessage(
        vhost=vhost,
        routing_key=f"event.{word}",
        message_id=event_id,
        type=kind,
        content_type="application/cloudevents+json",
        headers={"x-contract": CONTRACT},
        body=_json(body),
    )


def _json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return text.encode("utf-8", "replace")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"not a JSON value: {value!r}")
