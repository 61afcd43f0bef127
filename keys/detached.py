"""Detached signatures over files, in the form that `openssl dgst -verify` reads: the value alone,
RSA with PKCS#1 v1.5, ECDSA as DER, with the digest that is usual for the key.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from . import algorithms
from .certificates import Certificate
from .errors import KeyUnusable
from .signer import Signer

DETACHED_MAX: Final = 1024  # bytes; RSA-4096 has 512


def sign_detached(signer: Signer, data: bytes) -> bytes:
    """Sign the bytes of a file.

    Args:
        signer: of the algorithm that is the default for its key.

    Raises:
        KeyUnusable: it signs with another.
        what the signer raises.
    """
    usual = algorithms.choice(signer.chain[0])
    if signer.algorithm != usual:
        raise KeyUnusable(
            f"{signer.algorithm.name}: detached signatures are made with {usual.name}",
            f"{signer.algorithm.name}: chữ ký rời dùng {usual.name}",
        )
    value = signer.sign(data)
    if not usual.curve:
        return value
    half = len(value) // 2
    return encode_dss_signature(
        int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
    )


def verify_detached(certificate: Certificate, signature: bytes, data: bytes) -> bool:
    """Whether the key of a certificate made a signature over the bytes of a file; never raises."""
    try:
        usual = algorithms.choice(certificate)
        if usual.curve:
            size = algorithms.coordinate_size(usual)
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (KeyUnusable, ValueError, OverflowError):
        return False
    return algorithms.verify(usual, certificate.public_key, signature, data)
