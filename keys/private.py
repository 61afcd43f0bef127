"""Private keys as files hold them: PEM (PKCS#8, PKCS#1, SEC 1; plain or encrypted) and PKCS#12.

Bytes and a passphrase in, a key out. Neither ever stands in an error: OpenSSL's own texts are left
out where they could not help anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from asn1crypto import cms, pkcs12
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from keys.algorithms import key_problem
from keys.certificates import Certificate, spki
from keys.errors import KeyLocked, KeyUnusable

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

KeyKind: TypeAlias = Literal["rsa2048", "rsa3072", "rsa4096", "p256", "p384"]
_RSA_EXPONENT = 65_537  # FIPS 186-5, A.1.1


@dataclass(frozen=True, slots=True)
class Pkcs12:
    """What a PKCS#12 file holds.

    Args:
        key: its one private key.
        certificates: all of them, the key's own first if it is there.
    """

    key: PrivateKey = field(repr=False)
    certificates: tuple[Certificate, ...]


def new_key(kind: KeyKind) -> PrivateKey:
    """Make a private key; an RSA key takes a noticeable part of a second, a large one seconds."""
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(_RSA_EXPONENT, int(kind.removeprefix("rsa")))


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """A key as PKCS#8 PEM, encrypted (PBES2, AES-256-CBC) when a passphrase is given."""
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def open_pem(data: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """Open a PEM private key.

    Args:
        data: PKCS#8, PKCS#1 or SEC 1 key.
        passphrase: opens it; None when it is not encrypted.

    Raises:
        KeyUnusable: it cannot be opened, is too weak, or neither RSA nor EC.
    """
    try:
        key = load_pem_private_key(data, passphrase)
    except TypeError as error:
        if passphrase is None:
            raise KeyLocked(
                "the key is encrypted: give its passphrase (passphrase_file, --passphrase-file)",
                "khoá có mật khẩu: chỉ ra mật khẩu (passphrase_file, --passphrase-file)",
            ) from error
        raise KeyUnusable(
            "a passphrase is given, but the key is not encrypted: take the passphrase out",
            "có đưa mật khẩu nhưng khoá không mã hoá: bỏ mật khẩu đi",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _cannot_open(passphrase, "a PEM private key", "khoá riêng dạng PEM") from error
    return _usable(key)


def open_pkcs12(data: bytes, passphrase: bytes | None = None) -> Pkcs12:
    """Open a PKCS#12 file (.p12, .pfx).

    Raises:
        KeyUnusable: it is not PKCS#12, the passphrase is wrong or missing, it holds no key or
            several, or its key is too weak or of another type.
        CertificateUnusable: a certificate in it cannot be read.

    Source: RFC 7292.
    """
    keys = _count_keys(data)
    try:
        opened = load_pkcs12(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase is None:
            raise KeyLocked(
                "the PKCS#12 file is locked: give its passphrase (passphrase_file, "
                "--passphrase-file)",
                "tệp PKCS#12 có mật khẩu: chỉ ra mật khẩu (passphrase_file, --passphrase-file)",
            ) from error
        raise _cannot_open(passphrase, "a whole PKCS#12 file", "tệp PKCS#12 nguyên vẹn") from error
    if keys > 1:
        raise KeyUnusable(
            f"the PKCS#12 file holds {keys} private keys; export the one that signs into a file "
            "of its own",
            f"tệp PKCS#12 có {keys} khoá riêng; hãy xuất riêng khoá dùng để ký",
        )
    if opened.key is None:
        raise KeyUnusable(
            "the PKCS#12 file holds no private key, only certificates: export it together with "
            "its key",
            "tệp PKCS#12 không có khoá riêng, chỉ có chứng thư: hãy xuất lại kèm khoá",
        )
    key = _usable(opened.key)
    found = [opened.cert, *opened.additional_certs]
    certificates = [
        Certificate.from_der(one.certificate.public_bytes(Encoding.DER)) for one in found if one
    ]
    own = spki(key.public_key())
    certificates.sort(key=lambda certificate: spki(certificate.public_key) != own)
    return Pkcs12(key, tuple(dict.fromkeys(certificates)))


def is_pkcs12(data: bytes) -> bool:
    """Whether bytes look like a PKCS#12 file: a DER sequence that begins with version 3."""
    try:
        return bool(pkcs12.Pfx.load(data)["version"].native == "v3")
    except (ValueError, TypeError):
        return False


def _usable(key: object) -> PrivateKey:
    public_key = getattr(key, "public_key", lambda: key)()
    problem = key_problem(public_key)
    if problem or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnusable(f"the key may not sign: {problem}", f"khoá không được ký: {problem}")
    return key


def _cannot_open(passphrase: bytes | None, what: str, vi: str) -> KeyUnusable:
    if passphrase is None:
        return KeyUnusable(
            f"the key cannot be opened: it is not {what}",
            f"không mở được khoá: đây không phải {vi}",
        )
    return KeyUnusable(
        f"the key cannot be opened: wrong passphrase, or it is not {what}",
        f"không mở được khoá: sai mật khẩu, hoặc không phải {vi}",
    )


def _count_keys(data: bytes) -> int:
    """Keys in those parts of a PKCS#12 file that are not encrypted as a whole.

    All usual software encrypts each key for itself and leaves the part that holds it open. The
    library hands out one key and does not say that there are more.
    """
    try:
        return sum(
            bag["bag_id"].native in ("key_bag", "pkcs8_shrouded_key_bag") for bag in _bags(data)
        )
    except (ValueError, TypeError, KeyError) as error:
        raise KeyUnusable(
            "not a PKCS#12 file (.p12, .pfx)", "không phải tệp PKCS#12 (.p12, .pfx)"
        ) from error


def _bags(data: bytes) -> Iterator[pkcs12.SafeBag]:
    parts: cms.ContentInfo
    for parts in pkcs12.Pfx.load(data, strict=True).authenticated_safe:
        if parts["content_type"].native == "data":
            yield from pkcs12.SafeContents.load(parts["content"].native)
