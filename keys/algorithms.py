"""Which digest, signature and key is accepted, and from when to when: a table.

Owns the algorithm identifiers of XML signatures and the one call that checks a signature value.
What is not in the table is not accepted; what is in it and was never accepted (SHA-1) stands there
only so that a report can name it. An end date given here closes an algorithm for later times
while archived envelopes keep their verdict.

    rsa-sha256, -384, -512        RSASSA-PKCS1-v1_5          RSA 2048 to 8192 bits
    rsa-pss-sha256, -384, -512    RSASSA-PSS, MGF1 and salt  RSA 2048 to 8192 bits
                                  of the same digest
    ecdsa-sha256                                             P-256
    ecdsa-sha384                                             P-384

Dates. None of these has an end yet. TT 15/2025/TT-BKHCN (in force since 15/08/2025, for public
signatures) asks for RSA >= 2048 or ECDSA >= 256 with SHA-256 or more, without an end; NIST
SP 800-131A Rev. 2 (2019) allows all of them; the draft NIST IR 8547 (2024) would deprecate RSA-2048
after 2030 and disallow RSA and ECDSA after 2035. SHA-1 was never accepted here: SP 800-131A has
disallowed it for new signatures since the end of 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from keys.certificates import Certificate, PublicKey
from keys.errors import KeyUnusable

RSA_BITS_MIN = 2048  # bits; FIPS 186-5, clause 5.1
RSA_BITS_MAX = 8192  # bits; ours: the cost of one check stays under a millisecond
RSA_EXPONENT_MIN = 65_537  # FIPS 186-5, A.1.1: larger than 2**16

_NEVER = datetime(1, 1, 1, tzinfo=UTC)  # an end before every beginning
_XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_XMLENC = "http://www.w3.org/2001/04/xmlenc#"

_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)
_COORDINATE = MappingProxyType({"secp256r1": 32, "secp384r1": 48})  # bytes of r, and of s


@dataclass(frozen=True, slots=True)
class DigestAlgorithm:
    """A digest of XML signatures.

    Args:
        name: as reports print it, "sha256".
        uri: identifier on the wire.
        hash_name: for `hashlib.new`.
        accepted_from: first instant at which it is accepted, None for always.
        accepted_until: first instant at which it no longer is, None for no end yet.
    """

    name: str
    uri: str
    hash_name: str
    accepted_from: datetime | None = None
    accepted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signature algorithm of XML signatures; `digest` is a `DigestAlgorithm.name`."""

    name: str
    uri: str
    key_type: Literal["rsa", "ec"]
    digest: str
    padding: Literal["pkcs1v15", "pss", ""] = ""
    curve: Literal["", "secp256r1", "secp384r1"] = ""
    accepted_from: datetime | None = None
    accepted_until: datetime | None = None


# Source: XML Signature 1.1, clause 6.2; RFC 9231, clause 2.1.
DIGESTS: Mapping[str, DigestAlgorithm] = MappingProxyType(
    {
        digest.uri: digest
        for digest in (
            DigestAlgorithm("sha256", _XMLENC + "sha256", "sha256"),
            DigestAlgorithm("sha384", _MORE + "sha384", "sha384"),
            DigestAlgorithm("sha512", _XMLENC + "sha512", "sha512"),
            DigestAlgorithm("sha1", _XMLDSIG + "sha1", "sha1", accepted_until=_NEVER),
        )
    }
)

RSA_SHA256 = SignatureAlgorithm("rsa-sha256", _MORE + "rsa-sha256", "rsa", "sha256", "pkcs1v15")
RSA_PSS_SHA256 = SignatureAlgorithm(
    "rsa-pss-sha256", _MORE_2007 + "sha256-rsa-MGF1", "rsa", "sha256", "pss"
)
ECDSA_SHA256 = SignatureAlgorithm(
    "ecdsa-sha256", _MORE + "ecdsa-sha256", "ec", "sha256", curve="secp256r1"
)
ECDSA_SHA384 = SignatureAlgorithm(
    "ecdsa-sha384", _MORE + "ecdsa-sha384", "ec", "sha384", curve="secp384r1"
)

# Source: XML Signature 1.1, clause 6.4; RFC 9231, clauses 2.3.2 to 2.3.10.
SIGNATURES: Mapping[str, SignatureAlgorithm] = MappingProxyType(
    {
        signature.uri: signature
        for signature in (
            RSA_SHA256,
            SignatureAlgorithm("rsa-sha384", _MORE + "rsa-sha384", "rsa", "sha384", "pkcs1v15"),
            SignatureAlgorithm("rsa-sha512", _MORE + "rsa-sha512", "rsa", "sha512", "pkcs1v15"),
            RSA_PSS_SHA256,
            SignatureAlgorithm(
                "rsa-pss-sha384", _MORE_2007 + "sha384-rsa-MGF1", "rsa", "sha384", "pss"
            ),
            SignatureAlgorithm(
                "rsa-pss-sha512", _MORE_2007 + "sha512-rsa-MGF1", "rsa", "sha512", "pss"
            ),
            ECDSA_SHA256,
            ECDSA_SHA384,
            SignatureAlgorithm(
                "rsa-sha1", _XMLDSIG + "rsa-sha1", "rsa", "sha1", "pkcs1v15", accepted_until=_NEVER
            ),
        )
    }
)


def accepted(algorithm: DigestAlgorithm | SignatureAlgorithm, at: datetime) -> bool:
    """Whether an algorithm of the table is accepted at a time (aware)."""
    begun = algorithm.accepted_from is None or algorithm.accepted_from <= at
    return begun and (algorithm.accepted_until is None or at < algorithm.accepted_until)


def names() -> tuple[str, ...]:
    """The names of the algorithms that some key may sign with, as a setting gives them."""
    return tuple(one.name for one in SIGNATURES.values() if one.digest in _HASHES)


def choices(certificate: Certificate) -> tuple[SignatureAlgorithm, ...]:
    """What the key of a certificate may sign with, the default first; () when it may not at all."""
    return tuple(
        one for one in SIGNATURES.values() if _fits(one, certificate) and one.digest in _HASHES
    )


def choice(certificate: Certificate, name: str = "") -> SignatureAlgorithm:
    """The algorithm of that name for the key of a certificate; without a name its default.

    Raises:
        KeyUnusable: the key may not sign with it; what it may use is named.
    """
    fitting = {one.name: one for one in choices(certificate)}
    if not fitting:
        problem = key_problem(certificate.public_key)
        raise KeyUnusable(f"the key may not sign: {problem}", f"khoá không được ký: {problem}")
    if name and name not in fitting:
        raise KeyUnusable(
            f"{name} is not for the key of {certificate.subject} ({key_name(certificate)}): "
            f"choose one of {', '.join(fitting)}",
            f"khoá của {certificate.subject} ({key_name(certificate)}) không ký bằng {name} được: "
            f"chọn một trong: {', '.join(fitting)}",
        )
    return fitting[name or next(iter(fitting))]


def misfit(algorithm: SignatureAlgorithm, certificate: Certificate) -> str:
    """Why an algorithm is not one for the key of a certificate, "" when it is."""
    if _fits(algorithm, certificate):
        return ""
    return f"{algorithm.name} with a key that is {key_name(certificate)}"


def key_name(certificate: Certificate) -> str:
    """The kind of key for a person, as "RSA 2048", "RSA 2048 for PSS only" or "EC secp256r1"."""
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}{' for PSS only' if certificate.pss_only else ''}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def _fits(algorithm: SignatureAlgorithm, certificate: Certificate) -> bool:
    """By type, curve, and what the key may be used for. Source: RFC 4055, clause 1.2."""
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        pss = algorithm.padding == "pss"
        return algorithm.key_type == "rsa" and (pss or not certificate.pss_only)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return algorithm.curve == key.curve.name
    return False


def key_problem(public_key: object) -> str:
    """Say what is wrong with a public key: "" if nothing, else as "RSA 1024 < 2048"."""
    if isinstance(public_key, rsa.RSAPublicKey):
        exponent = public_key.public_numbers().e
        if public_key.key_size < RSA_BITS_MIN:
            return f"RSA {public_key.key_size} < {RSA_BITS_MIN}"
        if public_key.key_size > RSA_BITS_MAX:
            return f"RSA {public_key.key_size} > {RSA_BITS_MAX}"
        return f"RSA exponent {exponent} < 65537" if exponent < RSA_EXPONENT_MIN else ""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        curve = public_key.curve.name
        return "" if curve in _COORDINATE else f"curve {curve} is not P-256 or P-384"
    kind = type(public_key).__name__.removesuffix("PublicKey")
    return f"key type {kind} is not RSA or EC"


def verify(
    algorithm: SignatureAlgorithm, public_key: PublicKey, signature: bytes, data: bytes
) -> bool:
    """Check a SignatureValue over data.

    Never raises for any signature or key: a key of another type or curve, a value of another
    length and an algorithm that was never accepted are all False. Whether the algorithm is
    accepted at a time is for `accepted`.

    Args:
        algorithm: one of `SIGNATURES`.
        public_key: the signer's.
        signature: decoded SignatureValue; ECDSA is r || s, each as long as the curve's order.
        data: canonical SignedInfo.

    Source: XML Signature 1.1, clauses 6.4.2 and 6.4.3; RFC 9231, clause 2.3.10.
    """
    digest = _HASHES.get(algorithm.digest)
    if digest is None:
        return False
    try:
        if isinstance(public_key, rsa.RSAPublicKey) and algorithm.key_type == "rsa":
            public_key.verify(signature, data, rsa_padding(algorithm), digest)
            return True
        if isinstance(public_key, ec.EllipticCurvePublicKey) and algorithm.key_type == "ec":
            return _verify_ecdsa(algorithm, public_key, signature, data)
    except (InvalidSignature, ValueError):
        return False
    return False


def _verify_ecdsa(
    algorithm: SignatureAlgorithm,
    public_key: ec.EllipticCurvePublicKey,
    signature: bytes,
    data: bytes,
) -> bool:
    size = _COORDINATE[algorithm.curve]
    if public_key.curve.name != algorithm.curve or len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    public_key.verify(encode_dss_signature(r, s), data, ec.ECDSA(_HASHES[algorithm.digest]))
    return True


def hash_of(algorithm: SignatureAlgorithm) -> hashes.HashAlgorithm:
    """The digest of a signature algorithm, for a signer. KeyError for one never accepted."""
    return _HASHES[algorithm.digest]


def rsa_padding(algorithm: SignatureAlgorithm) -> padding.PKCS1v15 | padding.PSS:
    """The padding of an RSA algorithm; PSS has a salt as long as its digest.

    Source: RFC 9231, clause 2.3.10 (the defaults of the URIs without parameters).
    """
    if algorithm.padding == "pkcs1v15":
        return padding.PKCS1v15()
    digest = hash_of(algorithm)
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


def coordinate_size(algorithm: SignatureAlgorithm) -> int:
    """Bytes of r, and of s, in a value of an ECDSA algorithm."""
    return _COORDINATE[algorithm.curve]
