"""A file of revocation evidence: a CRL, an OCSP answer, or the certificate of who signs such.

Told by trying to read it, never by its name: a page of HTML is none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from cryptography import x509

from keys.certificates import Certificate, pem_blocks
from keys.crl import Crl
from keys.errors import CertificateUnusable, EvidenceUnusable
from keys.ocsp import OcspAnswer

Kind = Literal["crl", "ocsp", "certificate"]

# How long an OCSP answer without nextUpdate counts; ours: it says that newer is always there.
NO_NEXT_UPDATE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Item:
    """What one file of evidence is."""

    kind: Kind
    sha256: str
    issuer: str
    this_update: datetime | None
    next_update: datetime | None
    entries: int


def _decode(data: bytes) -> tuple[bytes, Kind]:
    """DER and what it is. A CRL and an OCSP answer are told apart by trying."""
    if data.lstrip()[:11] == b"-----BEGIN ":
        return _of_pem(data)
    try:
        x509.load_der_x509_crl(data)
    except (ValueError, TypeError, x509.InvalidVersion):
        pass
    else:
        return data, "crl"
    try:
        Certificate.from_der(data)
    except CertificateUnusable:
        return data, "ocsp"
    return data, "certificate"


def _of_pem(data: bytes) -> tuple[bytes, Kind]:
    try:
        blocks = list(pem_blocks(data))
    except CertificateUnusable as error:
        raise EvidenceUnusable(str(error), error.vi) from error
    label, der = blocks[0]
    kinds: dict[str, Kind] = {"X509 CRL": "crl", "CERTIFICATE": "certificate"}
    if len(blocks) > 1 or label not in kinds:
        raise EvidenceUnusable(
            f"one CRL or certificate in PEM is read; here are {len(blocks)} blocks, the first a "
            f"{label}",
            f"chỉ đọc một CRL hoặc một chứng thư PEM; ở đây có {len(blocks)} khối, khối đầu là "
            f"{label}",
        )
    return der, kinds[label]


def der_of(data: bytes) -> bytes:
    """The DER of a file of evidence. Raises EvidenceUnusable."""
    return _decode(data)[0]


def read_item(data: bytes) -> tuple[Item, Crl | OcspAnswer | Certificate]:
    """Read a CRL (DER or PEM), an OCSP answer (DER), or a certificate of who signs such.

    Raises:
        EvidenceUnusable: it is none of these.
    """
    der, kind = _decode(data)
    if kind == "crl":
        crl = Crl.from_der(der)
        issuer = crl.issuer.rfc4514_string()
        times = (crl.this_update, crl.next_update)
        return Item("crl", crl.sha256, issuer, *times, len(crl)), crl
    if kind == "ocsp":
        answer = OcspAnswer.from_der(der)
        name = answer.parsed.responder_name
        issuer = name.rfc4514_string() if name else ""
        first = answer.singles[0] if answer.singles else None
        if first is None:
            raise EvidenceUnusable("the OCSP answer is about no certificate")
        until = first.next_update or first.this_update + NO_NEXT_UPDATE
        count = len(answer.singles)
        return Item("ocsp", answer.sha256, issuer, first.this_update, until, count), answer
    certificate = Certificate.from_der(der)
    until = certificate.not_after
    item = Item("certificate", certificate.fingerprint, certificate.subject, None, until, 1)
    return item, certificate
