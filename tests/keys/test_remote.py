"""keys/remote.py: certificates of a key that is elsewhere, and every form of its values."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keys import algorithms
from keys.errors import CertificateUnusable, KeyUnusable
from keys.remote import (
    VALUE_BYTES_MAX,
    load_remote_key,
    read_value,
    remote_key,
    value_size,
    why_not,
)
from tests.pki import OTHER, P256, PKI

DATA = b"<ds:SignedInfo>"
RSA = load_remote_key(PKI.chain_pem("H05"))
EC = load_remote_key(P256.chain_pem("H05"))
RSA_VALUE = PKI.signer("H05").sign(DATA)
EC_VALUE = P256.signer("H05").sign(DATA)
DER = P256.organ("H05").key.sign(DATA, ec.ECDSA(hashes.SHA256()))


def test_a_root_at_the_end_is_left_out_and_the_usual_algorithm_chosen() -> None:
    key = load_remote_key(PKI.chain_pem("H05") + PKI.root.pem)
    assert key.chain == PKI.chain("H05")
    assert (key.algorithm.name, EC.algorithm.name) == ("rsa-sha256", "ecdsa-sha256")
    assert (value_size(RSA), value_size(EC)) == (256, 64)


def test_an_algorithm_by_name() -> None:
    assert load_remote_key(PKI.chain_pem("H05"), "rsa-pss-sha384").algorithm.padding == "pss"


@pytest.mark.parametrize(
    ("pem", "algorithm", "why"),
    [
        (
            PKI.chain_pem("H05"),
            "ecdsa-sha256",
            "ecdsa-sha256 is not for the key .* one of rsa-sha256",
        ),
        (PKI.chain_pem("H05"), "rsa-sha1", "rsa-sha1 is not for"),
        (P256.chain_pem("H05"), "ecdsa-sha384", "ecdsa-sha384 is not for"),
        (PKI.chain_pem("H05", "no key usage"), "", "may not sign"),
        (PKI.chain_pem("H05", "rsa1024"), "", "RSA 1024 < 2048"),
        (PKI.organ("H05").pem + OTHER.issuing.pem, "", "out of order"),
    ],
    ids=["EC on RSA", "SHA-1", "another curve", "no key usage", "weak", "order"],
)
def test_what_cannot_sign_is_refused(pem: bytes, algorithm: str, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why):
        load_remote_key(pem, algorithm)


def test_no_certificates_at_all() -> None:
    with pytest.raises(CertificateUnusable, match="not PEM"):
        load_remote_key(b"")


@pytest.mark.parametrize(
    ("key", "given", "value", "was"),
    [
        (RSA, RSA_VALUE, RSA_VALUE, ()),
        (RSA, base64.encodebytes(RSA_VALUE), RSA_VALUE, ("base64",)),
        (EC, EC_VALUE, EC_VALUE, ()),
        (EC, DER, None, ("der",)),
        (EC, base64.b64encode(DER), None, ("base64", "der")),
        (EC, b" " + base64.b64encode(EC_VALUE) + b"\r\n", EC_VALUE, ("base64",)),
    ],
    ids=["RSA", "RSA base64", "r s", "DER", "DER base64", "r s base64"],
)
def test_every_form_of_a_value_is_read(
    key: object, given: bytes, value: bytes | None, was: tuple[str, ...]
) -> None:
    found = read_value(key, given, DATA)  # type: ignore[arg-type]
    assert found is not None
    assert found.was == was
    if value is None:
        r, s = decode_dss_signature(DER)
        value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert found.value == value


PSS = load_remote_key(PKI.chain_pem("H05"), "rsa-pss-sha256")


def test_pss() -> None:
    value = PKI.signer("H05", algorithm="rsa-pss-sha256").sign(DATA)
    assert read_value(PSS, value, DATA) is not None
    assert read_value(RSA, value, DATA) is None
    assert why_not(RSA, value, DATA) == "other_key"


def _raw_pkcs1() -> bytes:
    """A value over the digest without DigestInfo: what a careless token makes."""
    key = PKI.organ("H05").key
    numbers = key.private_numbers()  # type: ignore[union-attr]
    digest = sha256(DATA).digest()
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    n, d = numbers.public_numbers.n, numbers.d
    return pow(int.from_bytes(padded, "big"), d, n).to_bytes(256, "big")


@pytest.mark.parametrize(
    ("key", "given", "why"),
    [
        (RSA, RSA_VALUE[:-1], "damaged"),
        (RSA, b"", "damaged"),
        (RSA, b"\x00" * (VALUE_BYTES_MAX + 1), "damaged"),
        (RSA, EC_VALUE, "damaged"),
        (EC, RSA_VALUE, "damaged"),
        (EC, DER[:-1], "damaged"),
        (RSA, bytes([RSA_VALUE[0] ^ 1]) + RSA_VALUE[1:], "other_key"),
        (RSA, PKI.signer("H01").sign(DATA), "other_key"),
        (EC, P256.signer("H01").sign(DATA), "other_key"),
        (RSA, PKI.signer("H05").sign(b"something else"), "other_data"),
        (RSA, _raw_pkcs1(), "other_data"),
        (EC, P256.signer("H05").sign(b"something else"), "other_key"),
        (RSA, PKI.signer("H05").sign(sha256(DATA).digest()), "hashed_twice"),
        (EC, P256.signer("H05").sign(sha256(DATA).digest()), "hashed_twice"),
        (RSA, PKI.signer("H05").sign(sha256(DATA).hexdigest().encode()), "hashed_twice"),
    ],
    ids=[
        *("RSA cut", "empty", "huge", "EC for RSA", "RSA for EC", "DER cut"),
        *("RSA bit", "RSA other key", "EC other key", "RSA other data", "no DigestInfo"),
        *("EC other data", "RSA twice", "EC twice", "hex twice"),
    ],
)
def test_why_a_value_is_none(key: object, given: bytes, why: str) -> None:
    assert read_value(key, given, DATA) is None  # type: ignore[arg-type]
    assert why_not(key, given, DATA) == why  # type: ignore[arg-type]


def test_a_der_value_with_numbers_too_large_is_damaged() -> None:
    huge = b"\x30\x45" + b"\x02\x22\x01" + b"\x00" * 33 + b"\x02\x1f" + b"\x01" * 31
    assert why_not(EC, huge, DATA) == "damaged"


def test_a_raw_value_that_looks_like_base64_is_still_tried_raw() -> None:
    """64 letters have the size of r || s and are base64 of 48 bytes: both readings are looked at,
    and the key decides."""
    assert why_not(EC, b"A" * 64, DATA) == "other_key"


def test_the_value_is_what_xmldsig_verifies() -> None:
    found = read_value(EC, DER, DATA)
    assert found is not None
    assert algorithms.verify(EC.algorithm, EC.chain[0].public_key, found.value, DATA)
    assert remote_key(EC.chain) == EC
