"""Revocation evidence that a node keeps (dữ liệu thu hồi): CRLs, OCSP answers, their signers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """One CRL, OCSP answer, or certificate of who signs such.

    Args:
        kind: crl, ocsp or certificate.
        sha256: hex digest of its DER bytes.
        data: as it came.
        issuer: who signed it; "" when an answer names its responder by key.
        this_update, next_update: aware; None when it has none.
        entries: of a CRL the certificates it lists, of an answer those it is about.
        source: address it was fetched from, or "import" for a file that a person gave.
        kept_at: when, aware.
        number: of its row, 0 before it is kept.
    """

    kind: str
    sha256: str
    data: bytes = field(repr=False)
    issuer: str
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    source: str
    kept_at: datetime
    number: int = 0
