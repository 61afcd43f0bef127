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
from collections.abc import Mapping, Sequence
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
TIME_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"

START: Final = f'<ds:Signature xmlns:ds="{DS}" Id="Signature">'.encode()
END: Final = b"</ds:Signature>"

# {ds} and {xades} are the declarations of an element that stands alone, else nothing.
_ALONE: Final = {"ds": f' xmlns:ds="{DS}"', "xades": f' xmlns:xades="{XADES}"'}
_INSIDE: Final = {"ds": "", "xades": ""}

_DIGEST = (
    '<ds:DigestMethod{ds} Algorithm="{digest_method}"></ds:DigestMethod>'
    "<ds:DigestValue{ds}>{%s}</ds:DigestValue>"
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
    + _DIGEST.replace("{ds}", "") % "properties_digest"
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
_CERTIFICATE = "<ds:X509Certificate>{certificate}</ds:X509Certificate>"
_SIGNATURE = (
    START.decode()
    + _SIGNED_INFO
    + "<ds:SignatureValue>{value}</ds:SignatureValue>"
    + "<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo><ds:Object>"
    + f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#Signature">'
    + _SIGNED_PROPERTIES
    + "</xades:QualifyingProperties></ds:Object></ds:Signature>"
)


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
    parts: Sequence[bytes],
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
    certificates, inside, alone = _named(tuple(chain), digest)
    fields = {
        "signature_method": algorithm.uri,
        "digest_method": digest.uri,
        "envelope_digest": digest_text(digest, *parts),
        "signing_time": signing_time.astimezone(UTC).strftime(TIME_FORM),
        "certificates": certificates,
        "certificate_digests": inside,
        "commitment": _COMMITMENT if receipt else "",
    }
    properties = _fill(_SIGNED_PROPERTIES, _ALONE, fields | {"certificate_digests": alone})
    fields["properties_digest"] = digest_text(digest, properties)
    return Unsigned(_fill(_SIGNED_INFO, _ALONE, fields), algorithm, fields)


def complete(unsigned: Unsigned, value: bytes) -> bytes:
    """The ds:Signature element with its value (xmldsig SignatureValue bytes)."""
    fields = {**unsigned.fields, "value": _text(normal(unsigned.algorithm, value))}
    return _fill(_SIGNATURE, _INSIDE, fields)


def _fill(template: str, declarations: Mapping[str, str], fields: Mapping[str, str]) -> bytes:
    return template.format(**declarations, **fields).encode("ascii")


@lru_cache(maxsize=256)
def _named(chain: tuple[Certificate, ...], digest: DigestAlgorithm) -> tuple[str, str, str]:
    """X509Certificate elements; their digests as they stand inside the signature, and alone."""
    certificates = "".join(_CERTIFICATE.format(certificate=_text(c.der)) for c in chain)
    digests = [digest_text(digest, certificate.der) for certificate in chain]
    inside, alone = (_digest_elements(digests, digest.uri, form) for form in (_INSIDE, _ALONE))
    return certificates, inside, alone


def _digest_elements(digests: Sequence[str], uri: str, declarations: Mapping[str, str]) -> str:
    return "".join(
        _CERTIFICATE_DIGEST.format(digest=digest, digest_method=uri, ds=declarations["ds"])
        for digest in digests
    )


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
                _CERTIFICATE_DIGEST.format(
                    ds="", digest_method="(?P=digest_method)", digest=_BASE64
                )
            ),
            "commitment": f"(?:{re.escape(_COMMITMENT)})?",
        },
    ).encode("ascii")
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
    def certificates(self) -> list[str]:
        """Base64 of each X509Certificate, leaf first."""
        return re.findall(f">({_BASE64})<", self.fields["certificates"])

    @property
    def certificate_digests(self) -> list[str]:
        """Base64 of each digest in SigningCertificateV2."""
        return re.findall(f">({_BASE64})<", self.fields["certificate_digests"])

    @property
    def signing_time(self) -> datetime | None:
        """SigningTime, claimed, aware UTC; None when no calendar has it."""
        try:
            return datetime.strptime(self.fields["signing_time"], TIME_FORM).replace(tzinfo=UTC)
        except ValueError:
            return None

    def signed_info(self) -> bytes:
        """Canonical SignedInfo: what the value signs."""
        return _fill(_SIGNED_INFO, _ALONE, self.fields)

    def signed_properties(self) -> bytes:
        """Canonical SignedProperties: what the second reference digests."""
        alone = _digest_elements(self.certificate_digests, self.fields["digest_method"], _ALONE)
        return _fill(_SIGNED_PROPERTIES, _ALONE, {**self.fields, "certificate_digests": alone})


def read(element: bytes) -> Signature | None:
    """Read the bytes of a ds:Signature; None unless they are exactly of our form."""
    match = _FORM.fullmatch(element)
    if match is None:
        return None
    return Signature({name: value.decode("ascii") for name, value in match.groupdict().items()})


# -- values -----------------------------------------------------------------------------------


def digest_text(digest: DigestAlgorithm, *parts: bytes) -> str:
    """Base64 of the digest of the parts, one after the other."""
    state = new_hash(digest.hash_name)
    for part in parts:
        state.update(part)
    return _text(state.digest())


def strict_base64(text: str) -> bytes | None:
    """Decode base64; None unless it is the one text that encodes these bytes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if _text(decoded) == text else None


def _text(data: bytes) -> str:
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
    of the two. Other algorithms, and values of a wrong length, are returned unchanged.
    Ours: no byte of an envelope may change unnoticed.
    """
    order = _ORDERS.get(algorithm.curve)
    if order is None:
        return value
    width = (order.bit_length() + 7) // 8
    s = int.from_bytes(value[width:], "big")
    if len(value) != 2 * width or s <= order // 2:
        return value
    return value[:width] + (order - s).to_bytes(width, "big")
