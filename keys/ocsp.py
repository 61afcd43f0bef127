"""An answer of an OCSP responder (giao thức trạng thái chứng thư), read and held against its rules.

Owns what one answer says and whether its responder may say it: the issuer itself, or a certificate
that the issuer gave for this purpose. Nothing is fetched here; `request` only makes the bytes to
send. The nonce is compared when the answer comes (`nonce_problem`); an answer that is kept has only
its times to show how fresh it is.

Source: RFC 6960, clauses 3.2, 4.2.1 and 4.2.2.2; RFC 9654 for the nonce.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.algorithms import key_problem
from keys.certificates import Certificate, PublicKey
from keys.errors import CertificateUnusable, EvidenceUnusable
from keys.handmade import DIGESTS

OCSP_BYTES_MAX: Final = 256 * 1024  # bytes; with its responder's certificate 2 to 5 KB
NONCE_BYTES: Final = 32  # RFC 9654, clause 2.1


@dataclass(frozen=True, slots=True)
class Single:
    """What an answer says of one certificate.

    Args:
        status: good, revoked or unknown.
        this_update, next_update: aware; `next_update` None when newer is always available.
        revoked_at: aware, None unless revoked.
        reason: as `keyCompromise`, "" when none is named.
    """

    status: str
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None
    reason: str
    parsed: ocsp.OCSPSingleResponse = field(repr=False, compare=False)


@dataclass(frozen=True)
class OcspAnswer:
    """An answer, made by `OcspAnswer.from_der`.

    Args:
        sha256: hex digest of its exact bytes.
        produced_at: when the responder signed it, aware.
        singles: what it says, one per certificate.
        certificates: what came with it; none of them is trusted.
    """

    sha256: str
    produced_at: datetime
    singles: tuple[Single, ...]
    certificates: tuple[Certificate, ...] = field(repr=False)
    parsed: ocsp.OCSPResponse = field(repr=False, compare=False)

    @staticmethod
    def from_der(der: bytes) -> OcspAnswer:
        """Read an answer.

        Raises:
            EvidenceUnusable: too large, not an OCSP answer, or one that says nothing
                (unauthorized, try later, malformed request).
        """
        if len(der) > OCSP_BYTES_MAX:
            raise EvidenceUnusable(f"an OCSP answer of {len(der)} bytes; at most {OCSP_BYTES_MAX}")
        try:
            parsed = ocsp.load_der_ocsp_response(der)
            if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                name = parsed.response_status.name.lower()
                raise EvidenceUnusable(
                    f"the OCSP responder answered {name}", f"máy chủ OCSP trả lời {name}"
                )
            _read_whole(parsed)
            return OcspAnswer(
                sha256=hashlib.sha256(der).hexdigest(),
                produced_at=parsed.produced_at_utc,
                singles=tuple(_single(one) for one in parsed.responses),
                certificates=tuple(
                    Certificate.from_der(one.public_bytes(Encoding.DER))
                    for one in parsed.certificates
                ),
                parsed=parsed,
            )
        except (
            UserWarning,
            ValueError,
            TypeError,
            KeyError,
            OverflowError,
            UnsupportedAlgorithm,
            CertificateUnusable,
            x509.DuplicateExtension,
        ) as error:
            raise EvidenceUnusable(
                f"not a readable OCSP answer: {error}", f"không đọc được trả lời OCSP: {error}"
            ) from error

    def about(self, certificate: Certificate, issuer: Certificate) -> Single | None:
        """What it says of a certificate of this issuer: name, key and serial number must agree."""
        return next((one for one in self.singles if _names(one.parsed, certificate, issuer)), None)

    def responder(self, issuer: Certificate) -> Certificate | None:
        """Who signed it, if that is the issuer or a responder that the issuer appointed.

        A delegate's certificate must come with the answer, be issued by the issuer's own key and
        carry id-kp-OCSPSigning. Its validity and revocation are judged by the caller.
        """
        for candidate in (issuer, *self.certificates):
            appointed = candidate == issuer or _appointed(candidate, issuer)
            if appointed and self._names(candidate) and self._signed_by(candidate.public_key):
                return candidate
        return None

    def nonce_problem(self, sent: bytes, *, required: bool) -> str:
        """What is wrong with the nonce of an answer that has just come, "" when nothing.

        Responders that answer from a store leave it out (RFC 9654, clause 2.1); such an answer
        counts unless `required`, by its times alone. Another nonce is always another's answer.
        """
        try:
            nonce = self.parsed.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        except x509.ExtensionNotFound:
            return "the answer has no nonce" if required else ""
        return "" if nonce == sent else "the answer has another nonce: it answers another request"

    def _names(self, signer: Certificate) -> bool:
        name, digest = self.parsed.responder_name, self.parsed.responder_key_hash
        if name is not None:
            return name == signer.x509.subject
        return digest == hashlib.sha1(_key_bits(signer.public_key)).digest()  # noqa: S324  # a name

    def _signed_by(self, key: PublicKey) -> bool:
        value, data = self.parsed.signature, self.parsed.tbs_response_bytes
        try:
            digest = self.parsed.signature_hash_algorithm
            if digest is None or digest.name not in DIGESTS or key_problem(key):
                return False
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(value, data, padding.PKCS1v15(), digest)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(value, data, ec.ECDSA(digest))
            else:
                return False
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False
        return True


def request(certificate: Certificate, issuer: Certificate, nonce: bytes) -> bytes:
    """The DER of a question about one certificate. The CertID is SHA-1, as RFC 5019, clause 2.1.1
    asks of every client: it names, it proves nothing."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate.x509,
        issuer.x509,
        hashes.SHA1(),  # noqa: S303  # a name, see above
    )
    made = builder.add_extension(x509.OCSPNonce(nonce), critical=False).build()
    return made.public_bytes(Encoding.DER)


def _read_whole(parsed: ocsp.OCSPResponse) -> None:
    """Have the parts read that cryptography would only read when they are used: what cannot be read
    is refused when the answer comes, never in the middle of a judgement.

    Source: RFC 5280, clause 4.2, by RFC 6960, clause 4.4, for critical extensions.
    """
    _ = parsed.responder_name, parsed.responder_key_hash
    singles = list(parsed.responses)
    for one in singles:
        _ = one.hash_algorithm
    extensions = [*parsed.extensions]
    if len(singles) == 1:  # of several, cryptography reads none
        extensions += parsed.single_extensions
    for extension in extensions:
        if extension.critical and not isinstance(extension.value, x509.OCSPNonce):
            oid = extension.oid.dotted_string
            raise EvidenceUnusable(
                f"the OCSP answer has the critical extension {oid}",
                f"trả lời OCSP có phần mở rộng bắt buộc {oid}",
            )


def _single(one: ocsp.OCSPSingleResponse) -> Single:
    reason = one.revocation_reason
    return Single(
        status=one.certificate_status.name.lower(),
        this_update=one.this_update_utc,
        next_update=one.next_update_utc,
        revoked_at=one.revocation_time_utc,
        reason=reason.value if reason else "",
        parsed=one,
    )


def _names(one: ocsp.OCSPSingleResponse, certificate: Certificate, issuer: Certificate) -> bool:
    if one.serial_number != certificate.x509.serial_number:
        return False
    name, key = hashes.Hash(one.hash_algorithm), hashes.Hash(one.hash_algorithm)
    name.update(certificate.x509.issuer.public_bytes())
    key.update(_key_bits(issuer.public_key))
    return one.issuer_name_hash == name.finalize() and one.issuer_key_hash == key.finalize()


def _key_bits(key: PublicKey) -> bytes:
    """The subjectPublicKey BIT STRING, without tag, length and count of unused bits."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return b""


def _appointed(candidate: Certificate, issuer: Certificate) -> bool:
    purposes = candidate.purposes or frozenset()
    return (
        ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string in purposes
        and candidate.may_sign
        and candidate.issued_by(issuer)
    )


def needs_no_check(responder: Certificate) -> bool:
    """Whether its issuer says that the responder's own status need not be asked."""
    return any(isinstance(one.value, x509.OCSPNoCheck) for one in responder.x509.extensions)
