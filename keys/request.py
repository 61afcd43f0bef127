"""Certificate requests (CSR, PKCS#10): what an organ asks its CA to certify.

The subject carries the OrganId as organizationIdentifier (OID 2.5.4.97), by which the directory's
subject_rule binds certificate and organ; the requested KeyUsage is that of signing documents.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from keys.certificates import ORGANIZATION_IDENTIFIER, PublicKey
from keys.demo_ca import NAME_BYTES_MAX, ORGAN_USAGE, key_usage
from keys.errors import CertificateUnusable
from keys.private import PrivateKey


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks; Vietnamese names as they are written, in NFC.

    Args:
        organ_id: OrganId.
        name: of the organ: organizationName, and commonName if that is empty.
        common_name: "" for the name.
        unit: organizationalUnitName, or "".
        locality, province, email: or "".
    """

    organ_id: str
    name: str
    common_name: str = ""
    unit: str = ""
    locality: str = ""
    province: str = ""
    email: str = ""

    def x509_name(self) -> x509.Name:
        """The distinguished name, from country to common name.

        Raises:
            CertificateUnusable: a part is empty or too long; the text names it.
        """
        parts: list[tuple[str, ObjectIdentifier, str]] = [
            ("C", NameOID.COUNTRY_NAME, "VN"),
            ("ST", NameOID.STATE_OR_PROVINCE_NAME, self.province),
            ("L", NameOID.LOCALITY_NAME, self.locality),
            ("O", NameOID.ORGANIZATION_NAME, self.name),
            ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME, self.unit),
            ("organizationIdentifier", ORGANIZATION_IDENTIFIER, self.organ_id),
            ("CN", NameOID.COMMON_NAME, self.common_name or self.name),
            ("emailAddress", NameOID.EMAIL_ADDRESS, self.email),
        ]
        needed = ("O", "organizationIdentifier", "CN")
        return x509.Name([_attribute(*part) for part in parts if part[2] or part[0] in needed])


@dataclass(frozen=True, slots=True)
class Request:
    """A certificate request that was read.

    Args:
        subject: RFC 4514 text.
        organ_id: the one organizationIdentifier, "" if there is none or several.
        public_key: that is to be certified.
        own_signature: whether the key itself signed the request.
    """

    subject: str
    organ_id: str
    public_key: PublicKey
    own_signature: bool


def make_request(key: PrivateKey, subject: Subject) -> bytes:
    """Make a request, PEM, signed by the key itself.

    Raises:
        CertificateUnusable: a part of the subject does not fit.
    """
    name = subject.x509_name()
    p384 = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(*ORGAN_USAGE), critical=True)
        .sign(key, hashes.SHA384() if p384 else hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM)


def read_request(der: bytes) -> Request:
    """Read a request, DER. Raises CertificateUnusable when it is none."""
    try:
        parsed = x509.load_der_x509_csr(der)
        organs = parsed.subject.get_attributes_for_oid(ORGANIZATION_IDENTIFIER)
        return Request(
            parsed.subject.rfc4514_string(),
            str(organs[0].value) if len(organs) == 1 else "",
            parsed.public_key(),
            _signed_itself(parsed),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable(
            f"not a readable certificate request: {error}",
            f"không đọc được yêu cầu cấp chứng thư: {error}",
        ) from error


def _signed_itself(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (InvalidSignature, ValueError):
        return False


def _attribute(name: str, oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    text = unicodedata.normalize("NFC", value)
    length = len(text.encode())
    if not 0 < length <= NAME_BYTES_MAX:
        raise CertificateUnusable(
            f"{name} has {length} bytes in UTF-8: 1 to {NAME_BYTES_MAX} fit; shorten it: {text}",
            f"{name} dài {length} byte (UTF-8): chỉ được 1 đến {NAME_BYTES_MAX}; hãy viết gọn: "
            f"{text}",
        )
    try:
        return x509.NameAttribute(oid, text)
    except ValueError as error:
        raise CertificateUnusable(f"{name}: {error}", f"{name}: {error}") from error
