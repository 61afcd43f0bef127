"""A signer whose key is on a token or HSM and never leaves it.

The digest is made here and the token does the operation of the key alone (CKM_RSA_PKCS,
CKM_RSA_PKCS_PSS, CKM_ECDSA), which every PKCS#11 module has and which sends it some 60 bytes.
Who talks to the module implements `TokenKey`: docexchange/edges/token.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate

# DER of DigestInfo before the digest. Source: RFC 8017, clause 9.2, note 1.
_DIGEST_INFO: Mapping[str, bytes] = MappingProxyType(
    {
        "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
        "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
        "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
    }
)


class TokenKey(Protocol):
    """A private key on a token; may be used by several threads at once."""

    def sign(self, algorithm: SignatureAlgorithm, prepared: bytes) -> bytes:
        """Do the operation of the key.

        Args:
            algorithm: says which operation, and of PSS the digest, MGF and salt.
            prepared: DigestInfo for PKCS#1 v1.5, else the digest.

        Returns:
            The value of RSA, or r || s of ECDSA, each as long as the curve's order.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A signer over a key on a token; raises what its `TokenKey` raises."""

    chain: tuple[Certificate, ...]
    algorithm: SignatureAlgorithm
    key: TokenKey = field(repr=False)

    @property
    def waits(self) -> bool:
        """True: the token answers when it can."""
        return True

    def sign(self, data: bytes) -> bytes:
        """Sign data; the value is as xmldsig has it.

        Source: PKCS #11 v3.0, clauses 2.1.7, 2.1.10 and 2.3.1 (r || s, as XML Signature 1.1).
        """
        return self.key.sign(self.algorithm, prepared(self.algorithm, data))


def prepared(algorithm: SignatureAlgorithm, data: bytes) -> bytes:
    """What the operation of the key is given for data: DigestInfo for PKCS#1 v1.5, else digest."""
    digest = hashlib.new(algorithm.digest, data).digest()
    if algorithm.padding == "pkcs1v15":
        return _DIGEST_INFO[algorithm.digest] + digest
    return digest
