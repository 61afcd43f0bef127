"""A key that is elsewhere: its certificates, and the forms in which its signature values come.

A phone, a token or a signing service is given bytes and returns a value; only this file knows in
how many forms the same value comes. Which of them it is, is decided by the certificate's key, so
nothing is guessed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import new as new_hash

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keys import algorithms
from keys.algorithms import SignatureAlgorithm, coordinate_size, hash_of, key_problem
from keys.certificates import Certificate, PublicKey, load_pem
from keys.chain import require_fit, without_root
from keys.errors import KeyUnusable

VALUE_BYTES_MAX = 8192  # of a value as it is given; RSA 8192 in base64 has 1,368


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """A key that somebody else holds.

    Args:
        chain: its certificate and those above it, leaf first, without the root.
        algorithm: the one algorithm it signs with.
    """

    chain: tuple[Certificate, ...]
    algorithm: SignatureAlgorithm


@dataclass(frozen=True, slots=True)
class Value:
    """A signature value in the form of xmldsig.

    Args:
        value: RSA: as long as the modulus; ECDSA: r || s.
        was: the forms it came in, of "base64" and "der"; empty if it came as it has to be.
    """

    value: bytes
    was: tuple[str, ...] = ()


def load_remote_key(chain_pem: bytes, algorithm: str = "") -> RemoteKey:
    """Make a remote key of the PEM of its certificates alone; a self-signed root at their end is
    left out. Otherwise as `remote_key`.

    Raises:
        KeyUnusable: as `remote_key`.
        CertificateUnusable: the chain cannot be read.
    """
    return remote_key(without_root(load_pem(chain_pem)), algorithm)


def remote_key(chain: tuple[Certificate, ...], algorithm: str = "") -> RemoteKey:
    """Make a remote key of its certificates, leaf first.

    When this returns, the first certificate may sign and each was issued by the next. Validity is
    not judged: there is no clock here.

    Args:
        chain: at least one certificate.
        algorithm: its name in `keys.algorithms`, "" for the usual one of the key.

    Raises:
        KeyUnusable: the key is too weak, of another type, may not sign or cannot do the
            algorithm; or the chain is out of order.
    """
    leaf = chain[0]
    problem = key_problem(leaf.public_key)
    if problem:
        raise KeyUnusable(f"the key may not sign: {problem}", f"khoá không được ký: {problem}")
    require_fit(leaf.public_key, chain)
    return RemoteKey(chain, algorithms.choice(leaf, algorithm))


def value_size(key: RemoteKey) -> int:
    """Bytes of its signature values."""
    public_key = key.chain[0].public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        return (public_key.key_size + 7) // 8
    return 2 * coordinate_size(key.algorithm)


def read_value(key: RemoteKey, given: bytes, data: bytes) -> Value | None:
    """Find the signature value over data in what a signer returned.

    Args:
        key: whose value it has to be.
        given: raw value, ECDSA in DER or r || s, or one of these as base64 text.
        data: what was to be signed.

    Returns:
        The value, which verifies; None if nothing in it does: `why_not` says why.
    """
    for one in _forms(key, given):
        if algorithms.verify(key.algorithm, key.chain[0].public_key, one.value, data):
            return one
    return None


def why_not(key: RemoteKey, given: bytes, data: bytes) -> str:
    """Why `read_value` found nothing.

    Returns:
        "damaged": no form of a value of this key (cut off, another kind or size of key);
        "hashed_twice": of this key, over the digest as if that were the data;
        "other_data": of this key, over something else (only RSA PKCS#1 v1.5 can tell);
        "other_key": a well-formed value of another key, or over something else.
    """
    forms = [one.value for one in _forms(key, given)]
    if not forms:
        return "damaged"
    digest = new_hash(key.algorithm.digest, data).digest()
    public_key = key.chain[0].public_key
    for value in forms:
        for text in (digest, digest.hex().encode(), base64.b64encode(digest)):
            if algorithms.verify(key.algorithm, public_key, value, text):
                return "hashed_twice"
        if key.algorithm.padding == "pkcs1v15" and _opens(public_key, key.algorithm, value):
            return "other_data"
    return "other_key"


def _opens(public_key: PublicKey, algorithm: SignatureAlgorithm, value: bytes) -> bool:
    """Whether a PKCS#1 v1.5 value was made by this key over anything."""
    if not isinstance(public_key, rsa.RSAPublicKey):
        return False
    for digest in (hash_of(algorithm), None):  # None: without DigestInfo, a frequent mistake
        try:
            public_key.recover_data_from_signature(value, padding.PKCS1v15(), digest)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def _forms(key: RemoteKey, given: bytes) -> Iterator[Value]:
    """Every reading of what was given that has the form of a value of this key."""
    if len(given) > VALUE_BYTES_MAX:
        return
    yield from _plain(key, given, ())
    try:
        decoded = base64.b64decode(b"".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        return
    if decoded:
        yield from _plain(key, decoded, ("base64",))


def _plain(key: RemoteKey, value: bytes, was: tuple[str, ...]) -> Iterator[Value]:
    if len(value) == value_size(key):
        yield Value(value, was)
    if key.algorithm.key_type != "ec":
        return
    size = coordinate_size(key.algorithm)
    try:
        r, s = decode_dss_signature(value)
        joined = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError):
        return
    yield Value(joined, (*was, "der"))
