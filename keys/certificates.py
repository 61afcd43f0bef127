"""An X.509 certificate as this field reads it: organ, purpose, validity, key.

Owns the reading of DER and PEM. Everything is read when the certificate is made, so that a
malformed extension is refused here and no later look at a `Certificate` can fail. Whether a
certificate is trusted is for `keys.trust`.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, PublicKeyAlgorithmOID

from keys.errors import CertificateUnusable

PublicKey: TypeAlias = CertificatePublicKeyTypes

ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")  # ITU-T X.520
CERTIFICATE_BYTES_MAX = 65_536  # bytes; organ certificates have 1 to 3 KB
_CACHED_BYTES_MAX = 8_192  # a certificate that a stranger made large is not kept
_CACHE = 1024  # certificates; an exchange of 1,000 organs repeats about as many chains

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Certificate:
    """A certificate (chứng thư chữ ký số), made by `Certificate.from_der`.

    Two are equal when their bytes are.

    Args:
        der: the exact bytes.
        x509: the same, parsed by cryptography.
        subject: RFC 4514 text.
        issuer: RFC 4514 text.
        serial: lower-case hex.
        organ_id: the one organizationIdentifier of the subject, "" if there is none or several.
        fingerprint: hex SHA-256 of the DER.
        not_before: first second of validity, aware UTC.
        not_after: last second of validity, aware UTC.
        public_key: of any type; `keys.algorithms.key_problem` judges it.
        pss_only: an RSA key that is named id-RSASSA-PSS: it makes PSS signatures only (RFC 4055,
            clause 1.2). Parameters that it may carry are not read: the digest is the caller's.
        may_sign: KeyUsage is there and has digitalSignature or nonRepudiation.
        is_ca: BasicConstraints is there and says CA.
        purposes: dotted OIDs of ExtendedKeyUsage, None when there is no such extension.
        revocation_sources: it names a CRL or an OCSP responder.
    """

    der: bytes
    x509: x509.Certificate = field(compare=False, repr=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    serial: str = field(compare=False)
    organ_id: str = field(compare=False)
    fingerprint: str = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    public_key: PublicKey = field(compare=False, repr=False)
    pss_only: bool = field(compare=False)
    may_sign: bool = field(compare=False)
    is_ca: bool = field(compare=False)
    purposes: frozenset[str] | None = field(compare=False)
    revocation_sources: bool = field(compare=False)

    @staticmethod
    def from_der(der: bytes) -> Certificate:
        """Read a certificate; the same bytes again cost a dictionary look-up.

        Raises:
            CertificateUnusable: too long, not DER, bytes after the end, or a part that cannot
                be read (extension, name, key).
        """
        if len(der) > CERTIFICATE_BYTES_MAX:
            raise CertificateUnusable(
                f"a certificate of {len(der)} bytes; at most {CERTIFICATE_BYTES_MAX} are read"
            )
        return (_read if len(der) <= _CACHED_BYTES_MAX else _read.__wrapped__)(der)

    @cached_property
    def is_self_signed(self) -> bool:
        """Whether its own key made its signature, and issuer and subject are the same."""
        return self.issued_by(self)

    def issued_by(self, issuer: Certificate) -> bool:
        """Whether `issuer` has the right name and its key made this certificate's signature.

        Says nothing of validity or purpose.
        """
        try:
            self.x509.verify_directly_issued_by(issuer.x509)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False
        return True


@lru_cache(maxsize=_CACHE)
def _read(der: bytes) -> Certificate:
    try:
        parsed = x509.load_der_x509_certificate(der)
        if parsed.serial_number <= 0:
            raise ValueError("its serial number is not positive")  # noqa: TRY301  # one refusal
        return _certificate(der, parsed)
    except (
        UserWarning,  # of cryptography, about an odd name or number; only when warnings are errors
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise CertificateUnusable(f"not a readable X.509 certificate: {error}") from error


def _certificate(der: bytes, parsed: x509.Certificate) -> Certificate:
    usage = _extension(parsed, x509.KeyUsage)
    constraints = _extension(parsed, x509.BasicConstraints)
    purposes = _extension(parsed, x509.ExtendedKeyUsage)
    organs = parsed.subject.get_attributes_for_oid(ORGANIZATION_IDENTIFIER)
    return Certificate(
        der=der,
        x509=parsed,
        subject=parsed.subject.rfc4514_string(),
        issuer=parsed.issuer.rfc4514_string(),
        serial=f"{parsed.serial_number:x}",
        organ_id=str(organs[0].value) if len(organs) == 1 else "",
        fingerprint=hashlib.sha256(der).hexdigest(),
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        public_key=parsed.public_key(),
        pss_only=parsed.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS,
        may_sign=usage is not None and (usage.digital_signature or usage.content_commitment),
        is_ca=constraints is not None and constraints.ca,
        purposes=None if purposes is None else frozenset(p.dotted_string for p in purposes),
        revocation_sources=_names_revocation(parsed),
    )


def _extension(parsed: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _names_revocation(parsed: x509.Certificate) -> bool:
    if _extension(parsed, x509.CRLDistributionPoints) is not None:
        return True
    access = _extension(parsed, x509.AuthorityInformationAccess) or ()
    return any(entry.access_method == AuthorityInformationAccessOID.OCSP for entry in access)


def spki(public_key: PublicKey) -> bytes:
    """A public key as DER SubjectPublicKeyInfo: equal bytes, equal key."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_pem(data: bytes) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, in its order.

    Text before a block is allowed, as OpenSSL writes it; text after the last block is not.

    Raises:
        CertificateUnusable: no certificate, something that is not a certificate, a block that is
            cut off, text after the last block, or a certificate that cannot be read.

    Source: RFC 7468, clauses 2 and 5.
    """
    found: list[Certificate] = []
    for label, der in pem_blocks(data):
        if label != "CERTIFICATE":
            raise CertificateUnusable(
                f"a {label} stands among the certificates: give the file that holds "
                "certificates only"
            )
        found.append(Certificate.from_der(der))
    return tuple(found)


def pem_blocks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield label and decoded bytes of each block of a PEM file.

    Raises:
        CertificateUnusable: there is no block, or one is cut off, or not base64, or text follows
            the last one.
    """
    end = 0
    for block in _PEM_BLOCK.finditer(data):
        _refuse_cut_off(data[end : block.start()])
        end = block.end()
        yield block[1].decode("ascii"), _base64(block[2], block[1].decode("ascii"))
    _refuse_cut_off(data[end:])
    if end == 0:
        hint = "; convert it: openssl x509 -inform DER" if data[:1] == b"\x30" else ""
        raise CertificateUnusable(f"not PEM: there is no -----BEGIN ...-----{hint}")
    if data[end:].strip():
        raise CertificateUnusable("text follows the last PEM block: take it out")


def _refuse_cut_off(between: bytes) -> None:
    if b"-----BEGIN" in between or b"-----END" in between:
        raise CertificateUnusable("a PEM block is cut off: BEGIN and END do not pair")


def _base64(body: bytes, label: str) -> bytes:
    if label.endswith("PRIVATE KEY"):
        return b""  # an old key block has headers that are not base64, and nobody needs its bytes
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error as error:
        raise CertificateUnusable(f"the {label} block is not base64: {error}") from error
