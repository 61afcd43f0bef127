"""Who signs: the `Signer` protocol, and signers whose key is in memory.

Bytes of files and passphrases are given to it; file modes, tokens and the question whose signer it
is are for the keyring. A key on a token: `keys.token`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keys import algorithms
from keys.algorithms import SignatureAlgorithm, choice, coordinate_size, hash_of, rsa_padding
from keys.certificates import Certificate, load_pem
from keys.chain import order, require_fit, without_root
from keys.errors import KeyUnusable
from keys.private import PrivateKey, open_pem, open_pkcs12

TRIAL = b"docexchange: a trial signature, no document"  # can be taken for no SignedInfo


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

    @property
    def waits(self) -> bool:
        """Whether signing waits for something outside this process: not for an event loop."""
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

    @property
    def waits(self) -> bool:
        """False: it computes."""
        return False

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
        algorithm: its name in `keys.algorithms`, "" for the usual one of the key.

    Raises:
        KeyUnusable: the key cannot be opened, is too weak, of another type, does not belong
            to the chain or cannot do the algorithm; or the chain is out of order.
        CertificateUnusable: the chain cannot be read.
    """
    key = open_pem(key_pem, passphrase)
    chain = without_root(load_pem(chain_pem))
    require_fit(key.public_key(), chain)
    return SoftwareSigner(chain, choice(chain[0], algorithm), key)


def load_pkcs12_signer(
    data: bytes,
    *,
    passphrase: bytes | None = None,
    chain_pem: bytes | None = None,
    algorithm: str = "",
) -> SoftwareSigner:
    """Make a signer of a PKCS#12 file, whose certificates may stand in any order.

    Args:
        data: the file.
        passphrase: opens it; None when it has none.
        chain_pem: certificates to take instead of the file's, None to take the file's.
        algorithm: as for `load_signer`.

    Raises:
        KeyUnusable, CertificateUnusable: as `load_signer`, and as `keys.private.open_pkcs12`.
    """
    opened = open_pkcs12(data, passphrase)
    public_key = opened.key.public_key()
    chain = order(public_key, load_pem(chain_pem) if chain_pem else opened.certificates)
    require_fit(public_key, chain)
    return SoftwareSigner(chain, choice(chain[0], algorithm), opened.key)


def require_signs(signer: Signer) -> None:
    """Let a signer sign something worthless and verify it with its own certificate.

    Raises:
        KeyUnusable: the value is not of the certificate's key.
        Whatever the signer raises.
    """
    leaf = signer.chain[0]
    value = signer.sign(TRIAL)
    if not algorithms.verify(signer.algorithm, leaf.public_key, value, TRIAL):
        raise KeyUnusable(
            f"a trial signature does not verify with the certificate {leaf.subject}: the key is "
            "another one; check which key the signer uses",
            f"chữ ký thử không khớp chứng thư {leaf.subject}: khoá là của chứng thư khác; "
            "kiểm tra lại khoá được dùng",
        )
