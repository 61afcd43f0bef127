"""Signatures of the edXML template of 2018: what they would prove, told and never believed.

The template that the national axis handed out signs the whole document with rsa-sha1 and inclusive
C14N, and names its signer by a certificate in KeyInfo. Such an envelope fails in any case: nothing
binds the certificate, and SHA-1 proves nothing against a forger. But whoever holds one from an
archive wants to know whether it still is what was signed, so digest and value are checked here and
shown beside the refusal.

Only that template is looked at: one reference, to the whole document, and two digests. Everything
else is for `shape.explain`. What is found here can only be printed: no step needs it.

Source: the header of the 2018 template; XML Signature 1.1; Canonical XML 1.0 (W3C 2001).
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from keys.algorithms import (
    DIGESTS,
    RSA_BITS_MAX,
    SIGNATURES,
    DigestAlgorithm,
    SignatureAlgorithm,
)
from keys.certificates import Certificate
from keys.errors import CertificateUnusable

from .c14n import detach
from .dsig import DS, ENVELOPED

C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SIGNED_INFO_BYTES_MAX: Final = 16_384  # the template's has 700
# Elements times the square of namespace declarations: inclusive C14N holds each element against the
# declarations in scope, and these against each other. So bounded it costs a few times what the gate
# does. The template has 100 and 4; each attachment brings one declaration, and 40 are let in.
WORK_MAX: Final = 1_000_000

AS_IT_STANDS: Final = "as it stands"
CLOSED_UP: Final = "without the white space between elements"
ALONE: Final = "of SignedInfo outside its document"
"""How a digest or a value is right. Who signs with .NET leaves that white space out, though it is
written to the file, and canonicalizes SignedInfo before it has a place: the namespaces around it
are missing. Seen in the template itself."""

Whole = Callable[[bytes], Iterable[bytes]]
_HASHES: Final = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303  # only printed
_TRANSFORMS: Final = ([ENVELOPED], [ENVELOPED, C14N])
_XML_ATTRIBUTE: Final = "{http://www.w3.org/XML/1998/namespace}"


@dataclass(frozen=True, slots=True)
class Legacy:
    """What is true of a signature of the template.

    Args:
        algorithm, digest: as it names them.
        certificate: the first of KeyInfo, None when it cannot be read.
        document: how the digest of the document is right, "" when it is not.
        value: how the value is right under the key of the certificate, "" when it is not; None
            when that cannot be tried: no readable certificate, or no RSA key of a usual size.
    """

    algorithm: SignatureAlgorithm
    digest: DigestAlgorithm
    certificate: Certificate | None
    document: str
    value: str | None


def read(signature: etree._Element, whole: Whole = lambda data: (data,)) -> Legacy | None:
    """Check a ds:Signature of the template, in place; None when it is another one.

    When this returns, the signature is out of its tree, unless it is None.

    Args:
        signature: the one that `shape.locate` found; its tree came through the gate.
        whole: canonical bytes with what was cut out of the tree in its place again.
    """
    methods = _methods(signature)
    info = _signed_info(signature) if methods else None
    if methods is None or info is None or _work(signature) > WORK_MAX:
        return None
    algorithm, digest = methods
    certificate = _certificate(signature)
    value = _value(certificate, algorithm, _bytes(signature, "SignatureValue"), info)
    expected = _bytes(signature, "SignedInfo", "Reference", "DigestValue")
    root = signature.getroottree()
    detach(signature)
    return Legacy(algorithm, digest, certificate, _document(root, digest, expected, whole), value)


# -- the template -----------------------------------------------------------------------------

_CHILDREN: Final[Mapping[tuple[str, ...], list[str]]] = {
    ("SignedInfo",): ["CanonicalizationMethod", "SignatureMethod", "Reference"],
    ("SignedInfo", "CanonicalizationMethod"): [],
    ("SignedInfo", "SignatureMethod"): [],
    ("SignedInfo", "Reference"): ["Transforms", "DigestMethod", "DigestValue"],
    ("SignedInfo", "Reference", "DigestMethod"): [],
}


def _methods(signature: etree._Element) -> tuple[SignatureAlgorithm, DigestAlgorithm] | None:
    """The algorithms of a signature that is built as the template says."""
    if _names(signature)[:3] != ["SignedInfo", "SignatureValue", "KeyInfo"]:
        return None
    if any(_names(_at(signature, *path)) != names for path, names in _CHILDREN.items()):
        return None
    if _algorithm(_at(signature, "SignedInfo", "CanonicalizationMethod")) != C14N:
        return None
    reference = _at(signature, "SignedInfo", "Reference")
    transforms = _at(reference, "Transforms")
    if reference is None or reference.get("URI") != "" or transforms is None:
        return None
    if [_algorithm(one) for one in _elements(transforms)] not in _TRANSFORMS:
        return None
    algorithm = SIGNATURES.get(_algorithm(_at(signature, "SignedInfo", "SignatureMethod")))
    digest = DIGESTS.get(_algorithm(_at(reference, "DigestMethod")))
    if algorithm is None or digest is None or digest.name not in _HASHES:
        return None
    known = algorithm.padding == "pkcs1v15" and algorithm.digest in _HASHES
    return (algorithm, digest) if known else None


def _elements(element: etree._Element) -> list[etree._Element]:
    """Its children; the template has comments between them, which nothing here reads."""
    return [child for child in element if isinstance(child.tag, str)]


def _names(element: etree._Element | None) -> list[str]:
    """Names of its children; of what is not there, one that nothing has."""
    if element is None:
        return [""]
    prefix = f"{{{DS}}}"
    return [str(child.tag).removeprefix(prefix) for child in _elements(element)]


def _at(element: etree._Element | None, *path: str) -> etree._Element | None:
    for name in path:
        element = None if element is None else element.find(f"{{{DS}}}{name}")
    return element


def _algorithm(element: etree._Element | None) -> str:
    return "" if element is None else element.get("Algorithm") or ""


def _bytes(signature: etree._Element, *path: str) -> bytes:
    """Decoded base64 of an element, white space left out; b"" when it is none."""
    element = _at(signature, *path)
    text = "".join((element.text or "").split()) if element is not None else ""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _certificate(signature: etree._Element) -> Certificate | None:
    try:
        return Certificate.from_der(_bytes(signature, "KeyInfo", "X509Data", "X509Certificate"))
    except CertificateUnusable:
        return None


def _work(signature: etree._Element) -> int:
    root = signature.getroottree().getroot()
    declarations = sum(1 for _ in etree.iterwalk(root, events=("start-ns",)))
    return declarations**2 * int(_COUNT(root))


_COUNT: Final = etree.XPath("count(//*)")


# -- digest and value -------------------------------------------------------------------------


def _signed_info(signature: etree._Element) -> etree._Element | None:
    """SignedInfo as a document of its own, with the namespaces that inclusive C14N takes along;
    lxml canonicalizes a part of a tree inclusively no other way."""
    info = _at(signature, "SignedInfo")
    inherited = (name for above in signature.iterancestors() for name in above.attrib)
    if info is None or any(str(name).startswith(_XML_ATTRIBUTE) for name in inherited):
        return None
    text = etree.tostring(info, with_tail=False)
    return etree.fromstring(text) if len(text) <= SIGNED_INFO_BYTES_MAX else None


def _document(
    tree: etree._ElementTree, digest: DigestAlgorithm, expected: bytes, whole: Whole
) -> str:
    for way in (AS_IT_STANDS, CLOSED_UP):
        if way is CLOSED_UP:
            _close_up(tree.getroot())
        if _digest(digest, whole(_canonical(tree))) == expected:
            return way
    return ""


def _digest(digest: DigestAlgorithm, parts: Iterable[bytes]) -> bytes:
    state = hashlib.new(digest.hash_name, usedforsecurity=False)
    for part in parts:
        state.update(part)
    return state.digest()


def _value(
    certificate: Certificate | None,
    algorithm: SignatureAlgorithm,
    value: bytes,
    info: etree._Element,
) -> str | None:
    key = certificate.public_key if certificate else None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size > RSA_BITS_MAX:
        return None
    try:
        return value_holds(key, value, info, _HASHES[algorithm.digest])
    except UnsupportedAlgorithm:  # a machine whose policy has no SHA-1
        return None


def value_holds(
    key: rsa.RSAPublicKey, value: bytes, info: etree._Element, digest: hashes.HashAlgorithm
) -> str:
    """How a value over a SignedInfo is right, "" when it is not; takes white space out of it.

    Args:
        info: root of a document of its own that declares what is in scope.
    """
    tree = info.getroottree()
    for white_space in ("", CLOSED_UP):
        if white_space:
            _close_up(info)
        for alone in ("", ALONE):
            if _verifies(key, value, _canonical(tree, exclusive=bool(alone)), digest):
                return ", ".join(filter(None, (alone, white_space))) or AS_IT_STANDS
    return ""


def _verifies(
    key: rsa.RSAPublicKey, value: bytes, data: bytes, digest: hashes.HashAlgorithm
) -> bool:
    try:
        key.verify(value, data, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _canonical(tree: etree._ElementTree, *, exclusive: bool = False) -> bytes:
    """C14N 1.0; b"" when there is none (a relative namespace URI, say)."""
    try:
        return etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=False)
    except etree.C14NError:
        return b""


def _close_up(element: etree._Element) -> None:
    """Take out the texts that are white space only."""
    for one in element.iter():
        one.text = one.text if one.text and one.text.strip() else None
        one.tail = one.tail if one.tail and one.tail.strip() else None
