"""Documents that wait for a signature made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..states import SigningState
from .mailroom import Origin


@dataclass(frozen=True, slots=True)
class Pending:
    """A document that is to wait for its signature (văn bản chờ ký): all that is needed to ask for
    it, and to queue the document when it comes.

    Args:
        tracking_id: our name of it; the submission's later.
        request_id: name of the signing request (`envelopes.request`).
        data: the canonical envelope without its signature.
        sha256: hex digest of `data`.
        from_organ, document_id, business, number, notation, subject, recipients, priority: as of
            a Submission.
        content_sha256, origin: likewise; while it waits, the same content again is a duplicate.
        algorithm: name in keys.algorithms.
        chain: DER of the certificates that must sign, leaf first.
        signing_time: SigningTime of the signature, whole seconds.
        expires_at: first instant at which a signature comes too late.
        submitted_at: now.
    """

    tracking_id: str
    request_id: str
    data: bytes = field(repr=False)
    sha256: str
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    recipients: tuple[str, ...]
    priority: int
    content_sha256: str
    algorithm: str
    chain: tuple[bytes, ...] = field(repr=False)
    signing_time: datetime
    expires_at: datetime
    submitted_at: datetime
    origin: Origin | None = None


class SigningOutcome(StrEnum):
    """What `sign` found."""

    SIGNED = "signed"  # it waited; now it is queued
    DUPLICATE = "duplicate"  # it was signed before; nothing changed
    EXPIRED = "expired"  # too late; it stands as expired
    CANCELLED = "cancelled"  # it was taken back before; nothing changed


@dataclass(frozen=True, slots=True)
class PendingView:
    """What a person is shown of a document that waits or waited for its signature; with the bytes
    of `sha256` and the chain it is also all of its signing request.

    Args:
        refusals: signatures that were given and refused.
        last_refusal: why the last of them was, in both languages.
        settled_at, reason: when and why it stopped waiting; None, "" while it waits.
    """

    tracking_id: str
    request_id: str
    state: SigningState
    from_organ: str
    document_id: str
    business: int
    number: str
    notation: str
    subject: str
    recipients: tuple[str, ...]
    priority: int
    content_sha256: str
    sha256: str
    size: int
    algorithm: str
    chain: tuple[bytes, ...] = field(repr=False)
    signing_time: datetime
    expires_at: datetime
    submitted_at: datetime
    origin: Origin | None
    refusals: int
    last_refusal: str
    settled_at: datetime | None
    reason: str
