"""XMLDSig core and XAdES B-B properties: build and read the one form of ds:Signature that we use.

The form is a template with a few holes. Written, the holes are filled; read, the same template
becomes one regular expression, so what we accept is byte for byte what we could have written:
no whitespace, comment, attribute, transform or element that is not in the template. The template
is already exclusive C14N; what is digested or signed on its own differs from it only by the
namespace declarations which that element then has to carry itself.

This file refuses to know what is inside the envelope, whom to trust, and what time it is.

Source: XMLDSig core (W3C 2013), Exclusive C14N 1.0, ETSI EN 319 132-1 V1.2.1 (level B-B).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import new as new_hash
from typing import Final

from keys.algorithms import DIGESTS, SIGNATURES, DigestAlgorithm, SignatureAlgorithm
from keys.certificates import Certificate

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"
PROOF_OF_RECEIPT: Final = "http://uri.etsi.org/01903/v1.2.2#ProofOfReceipt"

CERTIFICATES_MAX: Final = (
    8  # in X509Data; a chain here is 2 or 3 long, the rest is room for cross CAs
)
SIGNATURE_BYTES_MAX: Final = 64 * 1024  # eight certificates of 5 KB; what it says is kept in caches
CACHED_BYTES_MAX: Final = 16 * 1024  # a chain has 3 to 10 KB; what a stranger fills is not kept

START: Final = f'<ds:Signature xmlns:ds="{DS}" Id="Signature">'.encode()
END: Final = b"</ds:Signature>"

# {ds} and {xades} are the declarations of an element that stands alone, else nothing.
_ALONE: Final = {"{ds}": f' xmlns:ds="{DS}"', "{xades}": f' xmlns:xades="{XADES}"'}
_INSIDE: Final = {"{ds}": "", "{xades}": ""}

_DIGEST = (
    '<ds:DigestMethod Algorithm="{digest_method}"></ds:DigestMethod>'
    "<ds:DigestValue>{%s}</ds:DigestValue>"
)
_SIGNED_INFO = (
    "<ds:SignedInfo{ds}>"
    f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="{signature_method}"></ds:SignatureMethod>'
    '<ds:Reference Id="Envelope" URI=""><ds:Transforms>'
    f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>'
    f'<ds:Transform Algorithm="{EXC_C14N}"></ds:Transform></ds:Transforms>'
    + _DIGEST.replace("{ds}", "")
    % "envelope_digest"
    + f'</ds:Reference><ds:Reference Type="{PROPERTIES_TYPE}" URI="#SignedProperties">'
    f'<ds:Transforms><ds:Transform Algorithm="{EXC_C14N}"></ds:Transform></ds:Transforms>'
    + _DIGEST % "properties_digest"
    + "</ds:Reference></ds:SignedInfo>"
)
_SIGNED_PROPERTIES = (
    '<xades:SignedProperties{xades} Id="SignedProperties"><xades:SignedSignatureProperties>'
    "<xades:SigningTime>{signing_time}</xades:SigningTime>"
    "<xades:SigningCertificateV2>{certificate_digests}</xades:SigningCertificateV2>"
    "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
    '<xades:DataObjectFormat ObjectReference="#Envelope">'
    "<xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat>{commitment}"
    "</xades:SignedDataObjectProperties></xades:SignedProperties>"
)
_CERTIFICATE_DIGEST = (
    f"<xades:Cert><xades:CertDigest>{_DIGEST % 'digest'}</xades:CertDigest></xades:Cert>"
)
_COMMITMENT = (
    "<xades:CommitmentTypeIndication><xades:CommitmentTypeId>"
    f"<xades:Identifier>{PROOF_OF_RECEIPT}</xades:Identifier></xades:CommitmentTypeId>"
    "<xades:AllSignedDataObjects></xades:AllSignedDataObjects></xades:CommitmentTypeIndication>"
)
_SIGNATURE_VALUE = "<ds:SignatureValue{ds}>{value}</ds:SignatureValue>"
_CERTIFICATE = "<ds:X509Certificate>{certificate}</ds:X509Certificate>"
_SIGNATURE = (
    START.decode()
    + _SIGNED_INFO
    + _SIGNATURE_VALUE
    + "<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo><ds:Object>"
    + f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#Signature">'
    + _SIGNED_PROPERTIES
    + "</xades:QualifyingProperties></ds:Object></ds:Signature>"
)


def _declared(template: str, declarations: Mapping[str, str]) -> str:
    for hole, declaration in declarations.items():
        template = template.replace(hole, declaration)
    return template


_WHOLE: Final = _declared(_SIGNATURE, _INSIDE)
_INFO_ALONE: Final = _declared(_SIGNED_INFO, _ALONE)
_VALUE_ALONE: Final = _declared(_SIGNATURE_VALUE, _ALONE)
_PROPERTIES_ALONE: Final = _declared(_SIGNED_PROPERTIES, _ALONE)


# -- build ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A signature that lacks only its value.

    Args:
        to_sign: canonical SignedInfo: what the key signs.
        algorithm: how.
        fields: the filled holes of the template.
    """

    to_sign: bytes
    algorithm: SignatureAlgorithm
    fields: Mapping[str, str]


def digest_of(algorithm: SignatureAlgorithm) -> DigestAlgorithm:
    """The digest that goes with a signature algorithm; the references use the same."""
    return next(digest for digest in DIGESTS.values() if digest.name == algorithm.digest)


def prepare(
    parts: Iterable[bytes],
    chain: Sequence[Certificate],
    algorithm: SignatureAlgorithm,
    signing_time: datetime,
    *,
    receipt: bool,
) -> Unsigned:
    """Digest an envelope and lay out its signature up to the value.

    Args:
        parts: the canonical envelope without the signature, in pieces.
        chain: leaf first, no root; every certificate is named in the signed properties.
        algorithm: of the key.
        signing_time: aware; written in UTC to the second.
        receipt: True says ProofOfReceipt, as status 01 does.
    """
    digest = digest_of(algorithm)
    certificates, digests = named(tuple(chain), digest)
    fields = {
        "signature_method": algorithm.uri,
        "digest_method": digest.uri,
        "envelope_digest": digest_of_all(digest, parts),
        "signing_time": _time_text(signing_time),
        "certificates": certificates,
        "certificate_digests": digests,
        "commitment": _COMMITMENT if receipt else "",
    }
    fields["properties_digest"] = digest_text(digest, _properties(fields))
    return Unsigned(_fill(_INFO_ALONE, fields), algorithm, fields)


def complete(unsigned: Unsigned, value: bytes) -> bytes:
    """The ds:Signature element with its value (xmldsig SignatureValue bytes)."""
    fields = {**unsigned.fields, "value": base64_text(normal(unsigned.algorithm, value))}
    return _fill(_WHOLE, fields)


def named(chain: tuple[Certificate, ...], digest: DigestAlgorithm) -> tuple[str, str]:
    """A chain as it stands in KeyInfo, and its digests as they stand in SigningCertificateV2."""
    short = sum(len(one.der) for one in chain) <= CACHED_BYTES_MAX
    return (_named if short else _named.__wrapped__)(chain, digest)


@lru_cache(maxsize=1024)
def _named(chain: tuple[Certificate, ...], digest: DigestAlgorithm) -> tuple[str, str]:
    certificates = (_CERTIFICATE.format(certificate=base64_text(one.der)) for one in chain)
    digests = (
        _CERTIFICATE_DIGEST.format(digest_method=digest.uri, digest=digest_text(digest, one.der))
        for one in chain
    )
    return "".join(certificates), "".join(digests)


def _properties(fields: Mapping[str, str]) -> bytes:
    """Canonical SignedProperties: alone, each ds: element in it declares its prefix."""
    digests = _alone(fields["certificate_digests"])
    return _fill(_PROPERTIES_ALONE, {**fields, "certificate_digests": digests})


@lru_cache(maxsize=1024)
def _alone(digests: str) -> str:
    for element in ("<ds:DigestMethod", "<ds:DigestValue"):
        digests = digests.replace(element, element + _ALONE["{ds}"])
    return digests


def _fill(template: str, fields: Mapping[str, str]) -> bytes:
    return template.format_map(fields).encode("ascii")


def _time_text(time: datetime) -> str:
    return time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


# -- read -------------------------------------------------------------------------------------

_BASE64 = "[A-Za-z0-9+/]+={0,2}"
_URI = "[!#-%'-;=?-~]+"  # visible ASCII that C14N writes as it is
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def _pattern(template: str, holes: Mapping[str, str]) -> str:
    """The template as a regular expression; a hole that comes twice must hold the same twice."""
    seen: set[str] = set()

    def hole(match: re.Match[str]) -> str:
        name = match[1]
        if name in ("ds", "xades"):
            return ""
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{holes[name]})"

    return re.sub(r"\{(\w+)\}", hole, re.sub(r"[.+?*()^$\[\]|]", r"\\\g<0>", template))


_ONE_CERTIFICATE = re.compile(_CERTIFICATE.format(certificate=f"({_BASE64})"))


def _several(pattern: str) -> str:
    return f"(?:{pattern}){{1,{CERTIFICATES_MAX}}}"


_FORM = re.compile(
    _pattern(
        _SIGNATURE,
        {
            "signature_method": _URI,
            "digest_method": _URI,
            "envelope_digest": _BASE64,
            "properties_digest": _BASE64,
            "value": _BASE64,
            "certificates": _several(_CERTIFICATE.format(certificate=_BASE64)),
            "signing_time": _TIME,
            "certificate_digests": _several(
                _CERTIFICATE_DIGEST.format(digest_method="(?P=digest_method)", digest=_BASE64)
            ),
            "commitment": f"(?:{re.escape(_COMMITMENT)})?",
        },
    )
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a ds:Signature in our form says; texts as they stand in it, nothing checked yet."""

    fields: Mapping[str, str]

    @property
    def algorithm(self) -> SignatureAlgorithm | None:
        """The signature algorithm, None when its name is not in the table."""
        return SIGNATURES.get(self.fields["signature_method"])

    @property
    def digest(self) -> DigestAlgorithm | None:
        """The digest algorithm of references and certificates, None when not in the table."""
        return DIGESTS.get(self.fields["digest_method"])

    @property
    def signing_time(self) -> datetime | None:
        """SigningTime, claimed, aware UTC; None when no calendar has it."""
        try:
            return datetime.fromisoformat(self.fields["signing_time"])
        except ValueError:
            return None

    def signed_info(self) -> bytes:
        """Canonical SignedInfo: what the value signs."""
        return _fill(_INFO_ALONE, self.fields)

    def signature_value(self) -> bytes:
        """Canonical SignatureValue: what a timestamp token is over (XAdES, clause 5.3)."""
        return _fill(_VALUE_ALONE, self.fields)

    def signed_properties(self) -> bytes:
        """Canonical SignedProperties: what the second reference digests."""
        return _properties(self.fields)


def read(element: bytes) -> Signature | None:
    """Read the bytes of a ds:Signature; None unless they are exactly of our form."""
    if len(element) > SIGNATURE_BYTES_MAX:
        return None
    try:
        match = _FORM.fullmatch(element.decode("ascii"))
    except UnicodeDecodeError:
        return None
    return Signature(match.groupdict()) if match else None


def certificates(elements: str) -> list[bytes]:
    """DER of each certificate in the text of an X509Data. Whether the base64 is the one text for
    these bytes is not asked here: compare with `named`.

    Raises:
        ValueError: one is not base64.
    """
    return [base64.b64decode(text, validate=True) for text in _ONE_CERTIFICATE.findall(elements)]


# -- values -----------------------------------------------------------------------------------


def digest_text(digest: DigestAlgorithm, *parts: bytes | memoryview) -> str:
    """Base64 of the digest of the parts, one after the other."""
    return digest_of_all(digest, parts)


def digest_of_all(digest: DigestAlgorithm, parts: Iterable[bytes | memoryview]) -> str:
    """The same of parts that come one by one."""
    state = new_hash(digest.hash_name)
    for part in parts:
        state.update(part)
    return base64_text(state.digest())


def strict_base64(text: str) -> bytes | None:
    """Decode base64; None unless it is the one text that encodes these bytes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if base64_text(decoded) == text else None


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# Order of the group of each curve that the table of algorithms knows (SEC 2, 2.4.2 and 2.5.1).
_ORDERS: Final = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    ),
}


def normal(algorithm: SignatureAlgorithm, value: bytes) -> bytes:
    """The value in its one accepted form.

    Anybody can turn an ECDSA value (r, s) into (r, n - s), which verifies as well: other bytes,
    another SHA-256, and receipts that speak of an envelope nobody sent. So s must be the smaller
    of the two. Other algorithms, and values that cannot be right, are returned unchanged.
    Ours: no byte of an envelope may change unnoticed.
    """
    order = _ORDERS.get(algorithm.curve)
    if order is None:
        return value
    width = (order.bit_length() + 7) // 8
    s = int.from_bytes(value[width:], "big")
    if len(value) != 2 * width or not order // 2 < s < order:
        return value
    return value[:width] + (order - s).to_bytes(width, "big")
