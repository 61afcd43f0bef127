"""CMS SignedData with one signer, read strictly: what a timestamp token is wrapped in.

Structures are read by asn1crypto, the value is checked by cryptography. The signer's certificate
is the one whose digest was signed (ESSCertIDv2), never one that merely has the right name; all
other certificates in the message are candidates for the path, trusted for nothing.

Source: RFC 5652, clauses 5 and 11; RFC 5035, clause 3; RFC 5816.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from asn1crypto import cms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from keys.algorithms import key_problem
from keys.certificates import Certificate
from keys.errors import CertificateUnusable
from keys.trust import OTHERS_MAX

HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)
# What asn1crypto raises for bytes that are not what they should be.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError)


class Refusal(Exception):
    """Why a message is refused: a reason code and the facts."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SignedContent:
    """Content that the key of `signer` signed.

    Args:
        content: the exact bytes.
        signer: the certificate that the signature names by its digest.
        others: the certificates beside it, at most `keys.trust.OTHERS_MAX`.
    """

    content: bytes
    signer: Certificate
    others: tuple[Certificate, ...]


def read(data: bytes, content_type: str) -> SignedContent:
    """Read and check a ContentInfo of SignedData with one signer.

    Whoever signed is not trusted for that: `signer` has no path yet.

    Args:
        data: DER, nothing behind it.
        content_type: asn1crypto's name of what has to be inside.

    Raises:
        Refusal: TOKEN_MALFORMED, TOKEN_ALGORITHM (SHA-1 and what is not listed), TOKEN_SIGNER
            (no such certificate, or another one than was signed), TOKEN_SIGNATURE.
    """
    try:
        return _read(data, content_type)
    except RecursionError as error:
        raise Refusal("TOKEN_MALFORMED", "nested too deeply") from error
    except MALFORMED as error:
        raise Refusal("TOKEN_MALFORMED", f"{error}"[:200]) from error


def _read(data: bytes, content_type: str) -> SignedContent:
    message = cms.ContentInfo.load(data, strict=True)
    if message["content_type"].native != "signed_data":
        raise Refusal("TOKEN_MALFORMED", "not CMS SignedData")
    signed = message["content"]
    inner = signed["encap_content_info"]
    if inner["content_type"].native != content_type:
        raise Refusal("TOKEN_MALFORMED", f"what is signed is no {content_type}")
    infos = signed["signer_infos"]
    if len(infos) != 1:
        raise Refusal("TOKEN_SIGNER", f"{len(infos)} signers; one is wanted")
    info = infos[0]
    content = bytes(inner["content"])
    name = str(info["digest_algorithm"]["algorithm"].native)
    if name not in HASHES:
        raise Refusal("TOKEN_ALGORITHM", f"digest {name}")
    attributes = _attributes(info)
    if attributes["content_type"].native != content_type:
        raise Refusal("TOKEN_MALFORMED", "the signed content type is another")
    if attributes["message_digest"].native != hashlib.new(name, content).digest():
        raise Refusal("TOKEN_SIGNATURE", "the signed digest is not that of the content")
    found = _certificates(signed)
    signer = _signer(info, attributes, found)
    _check_value(info, name, signer)
    return SignedContent(content, signer, tuple(one for one in found if one != signer))


def _attributes(info: Any) -> Mapping[str, Any]:
    """The signed attributes, each there once with one value."""
    found: dict[str, Any] = {}
    for attribute in info["signed_attrs"]:
        name, values = attribute["type"].native, attribute["values"]
        if name in found or len(values) != 1:
            raise Refusal("TOKEN_MALFORMED", f"signed attribute {name} more than once")
        found[name] = values[0]
    for name in ("content_type", "message_digest"):
        if name not in found:
            raise Refusal("TOKEN_MALFORMED", f"signed attribute {name} is missing")
    return found


def _certificates(signed: Any) -> tuple[Certificate, ...]:
    given = signed["certificates"]
    if given.native is None:
        return ()
    if len(given) > OTHERS_MAX + 1:
        raise Refusal("TOKEN_SIGNER", f"{len(given)} certificates; at most {OTHERS_MAX + 1}")
    found = []
    for choice in given:
        if choice.name != "certificate":
            continue  # an attribute certificate speaks for nobody here
        try:
            found.append(Certificate.from_der(choice.chosen.dump()))
        except CertificateUnusable:
            continue  # injected: it can be no part of a path
    return tuple(dict.fromkeys(found))


def _signer(
    info: Any, attributes: Mapping[str, Any], found: tuple[Certificate, ...]
) -> Certificate:
    """The certificate whose digest was signed; it must also be the one that SignerInfo names."""
    if "signing_certificate_v2" not in attributes:
        weak = "only by SHA-1" if "signing_certificate" in attributes else "not at all"
        reason = "TOKEN_ALGORITHM" if "signing_certificate" in attributes else "TOKEN_SIGNER"
        raise Refusal(reason, f"the signer's certificate is bound {weak}")
    bound = attributes["signing_certificate_v2"]["certs"][0]
    name = str(bound["hash_algorithm"]["algorithm"].native)
    if name not in HASHES:
        raise Refusal("TOKEN_ALGORITHM", f"the signer's certificate is bound by {name}")
    digest = bound["cert_hash"].native
    fitting = [one for one in found if hashlib.new(name, one.der).digest() == digest]
    if not fitting:
        raise Refusal("TOKEN_SIGNER", "the certificate that was signed is not in the token")
    signer = fitting[0]
    if not _names(info["sid"], signer):
        raise Refusal("TOKEN_SIGNER", f"SignerInfo names another than {signer.subject}")
    issued = bound["issuer_serial"]
    if issued.native is not None and issued["serial_number"].native != signer.x509.serial_number:
        raise Refusal("TOKEN_SIGNER", f"another serial number than that of {signer.subject}")
    return signer


def _names(sid: Any, certificate: Certificate) -> bool:
    if sid.name == "issuer_and_serial_number":
        issuer, serial = sid.chosen["issuer"], sid.chosen["serial_number"].native
        same = issuer.dump() == certificate.x509.issuer.public_bytes()
        return bool(same and serial == certificate.x509.serial_number)
    parsed = cms.Certificate.load(certificate.der)
    return bool(sid.chosen.native == parsed.key_identifier)


def _check_value(info: Any, digest: str, signer: Certificate) -> None:
    """Source: RFC 5652, clause 5.4: what is signed is the SET OF the attributes."""
    weakness = key_problem(signer.public_key)
    if weakness:
        raise Refusal("TOKEN_ALGORITHM", f"{signer.subject}: {weakness}")
    data = b"\x31" + info["signed_attrs"].dump()[1:]  # its tag there is [0]
    value, method = info["signature"].native, info["signature_algorithm"]
    kind, own = method.signature_algo, _digest_named(method)
    if own not in ("", digest):
        raise Refusal("TOKEN_ALGORITHM", f"signed with {own}, digested with {digest}")
    key, chosen = signer.public_key, HASHES[digest]
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pkcs1v15":
            key.verify(value, data, padding.PKCS1v15(), chosen)
        elif isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pss":
            key.verify(value, data, _pss(method, digest), chosen)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(value, data, ec.ECDSA(chosen))
        else:
            raise Refusal("TOKEN_ALGORITHM", f"{kind} with the key of {signer.subject}")
    except InvalidSignature as error:
        raise Refusal("TOKEN_SIGNATURE", f"not made by the key of {signer.subject}") from error


def _digest_named(method: Any) -> str:
    """The digest that an algorithm's name holds, as sha256WithRSAEncryption; "" if none."""
    bare = method["algorithm"].native in ("rsassa_pkcs1v15", "ecdsa")
    return "" if bare else str(method.hash_algo)


def _pss(method: Any, digest: str) -> padding.PSS:
    given = method["parameters"]
    mask = given["mask_gen_algorithm"]
    names = {given["hash_algorithm"]["algorithm"].native, mask["parameters"]["algorithm"].native}
    if names != {digest} or mask["algorithm"].native != "mgf1":
        raise Refusal("TOKEN_ALGORITHM", f"PSS with {', '.join(sorted(map(str, names)))}")
    salt = given["salt_length"].native
    return padding.PSS(padding.MGF1(HASHES[digest]), salt)
