"""A certificate authority for demonstrations and tests: root, issuing CA, organ certificates.

Owns what a demo certificate looks like. Its root's name says DEMO, so that nobody takes it for a
real one. Writes no file: it returns bytes by path. Certificates are a function of their arguments
(the serial number too); only keys are random, by OpenSSL.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from keys.certificates import ORGANIZATION_IDENTIFIER, Certificate
from keys.errors import CertificateUnusable
from keys.private import KeyKind, PrivateKey, new_key

DEMO_ROOT = "DEMO docexchange root - not for real documents"
DEMO_ISSUING = "DEMO docexchange issuing - not for real documents"
BACKDATED = timedelta(minutes=10)  # validity begins before `now`, for clocks that run behind
YEAR = timedelta(days=365)
NAME_BYTES_MAX = 64  # RFC 5280, appendix A, ub-common-name; cryptography counts UTF-8 bytes

# An OrganId of QCVN 102 as a folder: letters and digits between single dots, never a path.
_ORGAN_ID = re.compile(r"[A-Z0-9]{1,16}(\.[A-Z0-9]{1,16}){0,7}")
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
AUTHORITY_USAGE = ("key_cert_sign", "crl_sign")
ORGAN_USAGE = ("digital_signature", "content_commitment")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key."""

    certificate: Certificate
    key: PrivateKey

    @property
    def key_pem(self) -> bytes:
        """The key as unencrypted PKCS#8 PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.x509.public_bytes(Encoding.PEM)


def demo_ca(
    organs: Mapping[str, str],
    *,
    now: datetime,
    key: KeyKind = "rsa2048",
    authority_years: int = 10,
    organ_years: int = 3,
) -> Mapping[str, bytes]:
    """Make a whole demo PKI.

    Args:
        organs: OrganId -> name for people.
        now: aware; validity begins shortly before it.
        key: kind of every key.
        authority_years: how long root and issuing CA are valid.
        organ_years: how long an organ's certificate is valid.

    Returns:
        Path -> bytes: root.pem, root.key.pem, issuing.pem, issuing.key.pem, and for each organ
        ORGAN/key.pem and ORGAN/chain.pem (leaf, issuing). Keys are not encrypted: whoever writes
        them down sets their mode.

    Raises:
        CertificateUnusable: an OrganId that is no folder name, or a name that is empty or longer
            than 64 bytes; nothing was made.
    """
    for organ_id, name in organs.items():
        _check_organ(organ_id, name)
    start, end = now - BACKDATED, now + authority_years * YEAR
    root = issue_root(DEMO_ROOT, new_key(key), start, end)
    issuing = issue_authority(DEMO_ISSUING, new_key(key), root, start, end)
    files = {
        "root.pem": root.pem,
        "root.key.pem": root.key_pem,
        "issuing.pem": issuing.pem,
        "issuing.key.pem": issuing.key_pem,
    }
    for organ_id, name in organs.items():
        leaf = issue_organ(organ_id, name, new_key(key), issuing, start, now + organ_years * YEAR)
        files[f"{organ_id}/key.pem"] = leaf.key_pem
        files[f"{organ_id}/chain.pem"] = leaf.pem + issuing.pem
    return files


def _check_organ(organ_id: str, name: str) -> None:
    if not _ORGAN_ID.fullmatch(organ_id):
        raise CertificateUnusable(
            f"{organ_id!r} is no OrganId: capital letters and digits, in parts that single dots "
            "separate, as H05 or 000.00.00.H05"
        )
    length = len(name.encode("utf-8"))
    if not 0 < length <= NAME_BYTES_MAX:
        raise CertificateUnusable(
            f"the name of {organ_id} has {length} bytes in UTF-8: 1 to {NAME_BYTES_MAX} fit; "
            "shorten it"
        )


def issue_root(name: str, key: PrivateKey, start: datetime, end: datetime) -> Issued:
    """Make a self-signed CA certificate."""
    subject = _name(name)
    extensions = authority_extensions(path_length=1)
    return issue(subject, key, None, start, end, extensions)


def issue_authority(
    name: str, key: PrivateKey, issuer: Issued, start: datetime, end: datetime
) -> Issued:
    """Make a CA certificate that issues to organs only."""
    return issue(_name(name), key, issuer, start, end, authority_extensions(path_length=0))


def issue_organ(
    organ_id: str, name: str, key: PrivateKey, issuer: Issued, start: datetime, end: datetime
) -> Issued:
    """Make an organ's signing certificate, which carries its OrganId as organizationIdentifier."""
    subject = organ_name(organ_id, name)
    return issue(subject, key, issuer, start, end, [(key_usage(*ORGAN_USAGE), True)])


def issue(
    subject: x509.Name,
    key: PrivateKey,
    issuer: Issued | None,
    start: datetime,
    end: datetime,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
) -> Issued:
    """Make a certificate with any extensions; tests make the bad ones with it.

    Args:
        subject: its name.
        key: its private key; only the public half goes into the certificate.
        issuer: who signs it, None for self-signed.
        start: first second of validity, aware.
        end: last second of validity, aware.
        extensions: (extension, critical); key identifiers are added here.
    """
    signing_key = key if issuer is None else issuer.key
    issuer_name = subject if issuer is None else issuer.certificate.x509.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(_serial(subject, key, start))
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
    )
    identifiers: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), False),
    ]
    for extension, critical in [*extensions, *identifiers]:
        builder = builder.add_extension(extension, critical)
    signed = builder.sign(signing_key, hashes.SHA256())
    return Issued(Certificate.from_der(signed.public_bytes(Encoding.DER)), key)


def authority_extensions(
    path_length: int | None,
) -> list[tuple[x509.ExtensionType, bool]]:
    """What makes a certificate a CA's; `path_length` CAs may stand below it."""
    return [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (key_usage(*AUTHORITY_USAGE), True),
    ]


def key_usage(*allowed: str) -> x509.KeyUsage:
    """A KeyUsage with exactly these bits, named as cryptography does."""
    return x509.KeyUsage(**{usage: usage in allowed for usage in _KEY_USAGES})


def organ_name(organ_id: str, name: str) -> x509.Name:
    """The subject of an organ's certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(ORGANIZATION_IDENTIFIER, organ_id),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _serial(subject: x509.Name, key: PrivateKey, start: datetime) -> int:
    """A positive number of at most 16 octets that repeats only for the same certificate."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    seed = spki + subject.public_bytes() + start.isoformat().encode("ascii")
    return int.from_bytes(hashlib.sha256(seed).digest()[:16], "big") >> 1 | 1
