"""The signature of a bundle: ASiC-E with one XAdES B-B signature over every file.

    mimetype                    application/vnd.etsi.asic-e+zip
    META-INF/manifest.xml       names and media types, as OpenDocument has them
    META-INF/signatures.xml     the signature: a reference with SHA-256 for each other file

Both files under META-INF are templates with holes; read, the values are taken out of the holes and
the file is written again, and only the same bytes are believed. So each of their bytes is signed,
compared or follows from what is.

Source: ETSI EN 319 162-1 V1.1.1, clause 4.4 and annex A; EN 319 132-1; OpenDocument 1.2, part 3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from keys.algorithms import DIGESTS, SIGNATURES, SignatureAlgorithm
from keys.certificates import Certificate
from keys.errors import CertificateUnusable
from keys.signer import Signer

from .. import dsig

MIMETYPE: Final = b"application/vnd.etsi.asic-e+zip"
MIMETYPE_FILE: Final = "mimetype"
MANIFEST_FILE: Final = "META-INF/manifest.xml"
SIGNATURES_FILE: Final = "META-INF/signatures.xml"
UNSIGNED: Final = (MIMETYPE_FILE, MANIFEST_FILE, SIGNATURES_FILE)  # each byte follows from the rest
SIZE_MAX: Final = 48 * 1024 * 1024  # bytes of the signature: 65,000 files of 600 bytes

_ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
_ODF: Final = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_SHA256: Final = next(one for one in DIGESTS.values() if one.name == "sha256")

_METHOD: Final = f'<ds:DigestMethod Algorithm="{_SHA256.uri}"></ds:DigestMethod>'
_FILE: Final = (
    '<ds:Reference Id="F{number}" URI="{name}">'
    + _METHOD
    + "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
)
_FORMAT: Final = (
    '<xades:DataObjectFormat ObjectReference="#F{number}">'
    "<xades:MimeType>{media}</xades:MimeType></xades:DataObjectFormat>"
)
_CERT: Final = (
    "<xades:Cert><xades:CertDigest>"
    f'<ds:DigestMethod{{ds}} Algorithm="{_SHA256.uri}"></ds:DigestMethod>'
    "<ds:DigestValue{ds}>{digest}</ds:DigestValue></xades:CertDigest></xades:Cert>"
)
_CERTIFICATE: Final = "<ds:X509Certificate>{certificate}</ds:X509Certificate>"
_DS: Final = f' xmlns:ds="{dsig.DS}"'
_XADES: Final = f' xmlns:xades="{dsig.XADES}"'

_MEDIA: Final = {
    "edxml": "application/xml",
    "json": "application/json",
    "txt": "text/plain",
    "pem": "application/x-pem-file",
    "crl": "application/pkix-crl",
    "ocsp": "application/ocsp-response",
    "tst": "application/vnd.etsi.timestamp-token",
}
_OTHER_MEDIA: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class File:
    """A file that is signed: its name in the archive and the hex SHA-256 of its content."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What META-INF/signatures.xml says; nothing is proven yet.

    Args:
        files: those it is about, in their order.
        algorithm: of the value.
        signing_time: whole seconds, UTC. The signer's word.
        chain: leaf first.
        value: xmldsig SignatureValue.
    """

    files: tuple[File, ...]
    algorithm: SignatureAlgorithm
    signing_time: datetime
    chain: tuple[Certificate, ...]
    value: bytes

    def to_sign(self) -> bytes:
        """Canonical SignedInfo."""
        return _signed_info(self, _DS).encode()


def sign(files: Sequence[File], signer: Signer, at: datetime) -> bytes:
    """META-INF/signatures.xml over some files. Raises what the signer raises.

    Args:
        files: in the order of the archive.
        signer: of the organ that makes the bundle.
        at: aware; written in whole seconds.
    """
    at = at.astimezone(UTC).replace(microsecond=0)
    unsigned = Signature(tuple(files), signer.algorithm, at, signer.chain, b"")
    value = dsig.normal(signer.algorithm, signer.sign(unsigned.to_sign()))
    return write(Signature(unsigned.files, signer.algorithm, at, signer.chain, value))


def manifest(files: Sequence[File]) -> bytes:
    """META-INF/manifest.xml of some files."""
    listed = [("/", MIMETYPE.decode()), *((one.name, media(one.name)) for one in files)]
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="{kind}"/>\n'
        for name, kind in listed
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest:manifest xmlns:manifest="{_ODF}" manifest:version="1.2">\n'
        f"{entries}</manifest:manifest>\n"
    ).encode()


def media(name: str) -> str:
    """Media type of a file, by its ending."""
    return _MEDIA.get(name.rpartition(".")[2], _OTHER_MEDIA)


def write(signature: Signature) -> bytes:
    """The bytes of META-INF/signatures.xml."""
    certificates = "".join(
        _CERTIFICATE.format(certificate=dsig.base64_text(one.der)) for one in signature.chain
    )
    return (
        f'<asic:XAdESSignatures xmlns:asic="{_ASIC}"><ds:Signature{_DS} Id="Signature">'
        f"{_signed_info(signature, '')}"
        f"<ds:SignatureValue>{dsig.base64_text(signature.value)}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo><ds:Object>"
        f'<xades:QualifyingProperties{_XADES} Target="#Signature">'
        f"{_properties(signature, '', '')}"
        "</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>"
    ).encode()


def _signed_info(signature: Signature, declared: str) -> str:
    references = "".join(
        _FILE.format(number=number, name=one.name, digest=_base64(one.sha256))
        for number, one in enumerate(signature.files, start=1)
    )
    properties = dsig.digest_text(_SHA256, _properties(signature, _DS, _XADES).encode())
    return (
        f"<ds:SignedInfo{declared}>"
        f'<ds:CanonicalizationMethod Algorithm="{dsig.EXC_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{signature.algorithm.uri}"></ds:SignatureMethod>'
        f'{references}<ds:Reference Type="{dsig.PROPERTIES_TYPE}" URI="#SignedProperties">'
        f'<ds:Transforms><ds:Transform Algorithm="{dsig.EXC_C14N}"></ds:Transform></ds:Transforms>'
        f"{_METHOD}<ds:DigestValue>{properties}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )


def _properties(signature: Signature, ds: str, xades: str) -> str:
    """SignedProperties; standing alone it declares its prefixes, each ds: element its own."""
    digests = "".join(
        _CERT.format(ds=ds, digest=_base64(one.fingerprint)) for one in signature.chain
    )
    formats = "".join(
        _FORMAT.format(number=number, media=media(one.name))
        for number, one in enumerate(signature.files, start=1)
    )
    return (
        f'<xades:SignedProperties{xades} Id="SignedProperties"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{_time(signature.signing_time)}</xades:SigningTime>"
        f"<xades:SigningCertificateV2>{digests}</xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
        f"{formats}</xades:SignedDataObjectProperties></xades:SignedProperties>"
    )


def _time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat() + "Z"


def _base64(digest: str) -> str:
    return dsig.base64_text(bytes.fromhex(digest))


# -- read -------------------------------------------------------------------------------------

_BASE64: Final = "([A-Za-z0-9+/]+={0,2})"
_FILE_FORM: Final = re.compile(
    re.escape(_FILE)
    .replace(r"\{number\}", "[1-9][0-9]{0,4}")
    .replace(r"\{name\}", "([A-Za-z0-9/._-]+)")
    .replace(r"\{digest\}", _BASE64)
)
_CERTIFICATE_FORM: Final = re.compile(_CERTIFICATE.format(certificate=_BASE64))
_ALGORITHM_FORM: Final = re.compile('<ds:SignatureMethod Algorithm="([^"<>&]+)">')
_VALUE_FORM: Final = re.compile(f"<ds:SignatureValue>{_BASE64}</ds:SignatureValue>")
_TIME_FORM: Final = re.compile(
    r"<xades:SigningTime>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)</xades:SigningTime>"
)


def read(data: bytes) -> Signature | None:
    """Read META-INF/signatures.xml; None unless it is byte for byte what `write` writes."""
    try:
        text = data.decode("ascii")
        algorithm = SIGNATURES[_one(_ALGORITHM_FORM, text)]
        time = datetime.fromisoformat(_one(_TIME_FORM, text))
        certificates = _CERTIFICATE_FORM.findall(text)
        if not 0 < len(certificates) <= dsig.CERTIFICATES_MAX:
            return None
        chain = tuple(
            Certificate.from_der(base64.b64decode(one, validate=True)) for one in certificates
        )
        value = base64.b64decode(_one(_VALUE_FORM, text), validate=True)
        files = tuple(
            File(name, base64.b64decode(digest, validate=True).hex())
            for name, digest in _FILE_FORM.findall(text)
        )
    except (ValueError, KeyError, CertificateUnusable):
        return None
    found = Signature(files, algorithm, time, chain, value)
    return found if write(found) == data else None


def _one(form: re.Pattern[str], text: str) -> str:
    found = form.search(text)
    if found is None:
        raise ValueError(form.pattern)
    return found[1]
