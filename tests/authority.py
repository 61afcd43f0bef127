"""A CA of the tests that tells what it revoked: CRLs and OCSP answers, good and each kind of bad.

crl(P256.issuing, {LEAF: AT - DAY})                    a list of one entry, good for a week
answer(LEAF, P256.issuing, revoked_at=AT - DAY)        an answer of the CA itself
answer(LEAF, P256.issuing, by=responder(...))          of a responder that it appointed
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.certificates import Certificate
from keys.demo_ca import Issued, key_usage
from tests.pki import AT, DAY, P256, Extension, Pki

WEEK = timedelta(days=7)
RESPONDER: tuple[Extension, ...] = (
    (key_usage("digital_signature"), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
    (x509.OCSPNoCheck(), False),
)


def crl(
    issuer: Issued,
    revoked: Mapping[Certificate | int, datetime] | None = None,
    *,
    this_update: datetime = AT - DAY,
    next_update: datetime | None = AT + WEEK,
    reason: x509.ReasonFlags | None = None,
    extensions: Iterable[Extension] = (),
    of_entries: Iterable[Extension] = (),
    signed_by: Issued | None = None,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """A list in DER; `signed_by` another key under the issuer's name."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.x509.subject)
        .last_update(this_update)
        .next_update(next_update or this_update + WEEK)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for what, at in (revoked or {}).items():
        serial = what.x509.serial_number if isinstance(what, Certificate) else what
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        for extension, critical in of_entries:
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign((signed_by or issuer).key, digest or hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def answer(
    certificate: Certificate,
    issuer: Issued,
    *,
    by: Issued | None = None,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    revoked_at: datetime | None = None,
    reason: x509.ReasonFlags | None = None,
    this_update: datetime = AT - DAY,
    next_update: datetime | None = AT + DAY,
    nonce: bytes = b"",
    with_certificate: bool = True,
) -> bytes:
    """An OCSP answer in DER; `by` signs it, the issuer itself if None."""
    responder = by or issuer
    if revoked_at is not None:
        status = ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=certificate.x509,
        issuer=issuer.certificate.x509,
        algorithm=hashes.SHA1(),  # a name; RFC 5019
        cert_status=status,
        this_update=this_update,
        next_update=next_update,
        revocation_time=revoked_at,
        revocation_reason=reason,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, responder.certificate.x509)
    if by is not None and with_certificate:
        builder = builder.certificates([by.certificate.x509])
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(
    pki: Pki = P256, *, extensions: Iterable[Extension] = RESPONDER, issuer: Issued | None = None
) -> Issued:
    """An OCSP responder that the issuing CA appointed."""
    return pki.issue_organ("OCSP", extensions=extensions, issuer=issuer)


def point(
    *names: str,
    users_only: bool = False,
    authorities_only: bool = False,
    indirect: bool = False,
    reasons: frozenset[x509.ReasonFlags] | None = None,
) -> Extension:
    """An IssuingDistributionPoint, critical."""
    return (
        x509.IssuingDistributionPoint(
            full_name=[x509.UniformResourceIdentifier(name) for name in names] or None,
            relative_name=None,
            only_contains_user_certs=users_only,
            only_contains_ca_certs=authorities_only,
            only_some_reasons=reasons,
            indirect_crl=indirect,
            only_contains_attribute_certs=False,
        ),
        True,
    )


def points(*names: str) -> Extension:
    """The CRLDistributionPoints of a certificate."""
    return (
        x509.CRLDistributionPoints(
            [
                x509.DistributionPoint([x509.UniformResourceIdentifier(name)], None, None, None)
                for name in names
            ]
        ),
        False,
    )


def ocsp_at(url: str) -> Extension:
    """The AuthorityInfoAccess of a certificate whose responder answers there."""
    access = x509.AccessDescription(
        x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
    )
    return x509.AuthorityInformationAccess([access]), False
