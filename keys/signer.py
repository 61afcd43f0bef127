"""Who signs: the `Signer` protocol, and a signer whose key is in memory.

Owns the match of a key with its certificate chain. Bytes of files and passphrases are given to it;
file modes, tokens and the question whose signer it is are for the keyring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from keys.algorithms import (
    SignatureAlgorithm,
    choice,
    coordinate_size,
    hash_of,
    key_problem,
    rsa_padding,
)
from keys.certificates import Certificate, PublicKey, load_pem
from keys.errors import KeyUnusable

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Signer(Protocol):
    """Something that signs for an organ: a key in memory, a token, a remote service."""

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """Its certificate and those above it, leaf first, without the root."""
        ...

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """The one algorithm it signs with."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign data; returns the bytes of an xmldsig SignatureValue."""
        ...


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A signer whose key is in memory; made by `load_signer`, which has checked that they fit."""

    chain: tuple[Certificate, ...]
    algorithm: SignatureAlgorithm
    key: PrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Sign data; an ECDSA value is r || s, each as long as the curve's order.

        Source: XML Signature 1.1, clause 6.4.3.
        """
        digest = hash_of(self.algorithm)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, rsa_padding(self.algorithm), digest)
        size = coordinate_size(self.algorithm)
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def load_signer(
    key_pem: bytes, chain_pem: bytes, *, passphrase: bytes | None = None, algorithm: str = ""
) -> SoftwareSigner:
    """Make a signer of a private key and its certificate chain.

    When this returns, the key belongs to the first certificate, which may sign, and each
    certificate was issued by the next. Validity is not judged: there is no clock here.

    Args:
        key_pem: PKCS#8, PKCS#1 or SEC 1 key, PEM.
        chain_pem: certificates, PEM, leaf first; a self-signed root at the end is left out.
        passphrase: opens the key; None when it is not encrypted.
        algorithm: name of one in `keys.algorithms`, as "rsa-pss-sha256"; "" for the default of
            the key: rsa-sha256, or the one of its curve.

    Raises:
        KeyUnusable: the key cannot be opened, is too weak, of another type, or does not belong
            to the chain; the chain is out of order; or the algorithm is not for the key.
        CertificateUnusable: the chain cannot be read.
    """
    key = _open(key_pem, passphrase)
    problem = key_problem(key.public_key())
    if problem:
        raise KeyUnusable(f"the key may not sign: {problem}")
    chain = _without_root(load_pem(chain_pem))
    _check_leaf(key, chain[0])
    _check_order(chain)
    return SoftwareSigner(chain, choice(chain[0], algorithm), key)


def _open(key_pem: bytes, passphrase: bytes | None) -> PrivateKey:
    try:
        key = load_pem_private_key(key_pem, passphrase)
    except TypeError as error:
        if passphrase is None:
            raise KeyUnusable("the key is encrypted: give its passphrase") from error
        raise KeyUnusable("a passphrase is given, but the key is not encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        reason = "wrong passphrase, or not a PEM private key" if passphrase else "not a PEM key"
        raise KeyUnusable(f"the key cannot be opened ({reason}): {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnusable(f"the key may not sign: {key_problem(key.public_key())}")
    return key


def _without_root(chain: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    if len(chain) > 1 and chain[-1].is_self_signed:
        return chain[:-1]
    return chain


def _check_leaf(key: PrivateKey, leaf: Certificate) -> None:
    if _spki(key.public_key()) != _spki(leaf.public_key):
        raise KeyUnusable(
            f"the key does not belong to the first certificate of the chain ({leaf.subject}): "
            "put the organ's own certificate first, or give the key that belongs to it"
        )
    if not leaf.may_sign:
        raise KeyUnusable(
            f"the certificate {leaf.subject} may not sign: its KeyUsage has neither "
            "digitalSignature nor nonRepudiation"
        )


def _check_order(chain: Sequence[Certificate]) -> None:
    for certificate, issuer in pairwise(chain):
        if not certificate.issued_by(issuer):
            raise KeyUnusable(
                f"the chain is out of order: {certificate.subject} was not issued by the next "
                f"certificate, {issuer.subject}, but by {certificate.issuer}"
            )


def _spki(public_key: PublicKey) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
