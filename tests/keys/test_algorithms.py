"""`keys/algorithms.py`: the table, the judgement of keys, the forms of a signature value."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.algorithms import (
    DIGESTS,
    ECDSA_SHA256,
    ECDSA_SHA384,
    RSA_PSS_SHA256,
    RSA_SHA256,
    SIGNATURES,
    DigestAlgorithm,
    SignatureAlgorithm,
    accepted,
    choice,
    choices,
    key_name,
    key_problem,
    misfit,
    verify,
)
from keys.demo_ca import Issued
from keys.errors import KeyUnusable
from tests.pki import AT, P256, PKI, key, signer_of, with_pss_only

DATA = b"<ds:SignedInfo/>"
# FIPS 186-5 / SEC 2: order of P-256.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def rsa_public(kind: str = "rsa2048") -> rsa.RSAPublicKey:
    public = key("algorithms", kind).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return public


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_sha2_is_accepted(name: str) -> None:
    (digest,) = [digest for digest in DIGESTS.values() if digest.name == name]
    assert accepted(digest, AT)
    assert digest.hash_name == name


@pytest.mark.parametrize("at", [datetime(2005, 1, 1, tzinfo=UTC), AT])
def test_sha1_has_a_name_and_was_never_accepted(at: datetime) -> None:
    assert not accepted(DIGESTS["http://www.w3.org/2000/09/xmldsig#sha1"], at)
    assert not accepted(SIGNATURES["http://www.w3.org/2000/09/xmldsig#rsa-sha1"], at)


def test_what_is_not_in_the_table() -> None:
    assert not [uri for uri in (*DIGESTS, *SIGNATURES) if "hmac" in uri or "md5" in uri]
    assert not [uri for uri in (*DIGESTS, *SIGNATURES) if "dsa-sha1" in uri or "ripemd" in uri]
    assert {s.name for s in SIGNATURES.values() if accepted(s, AT)} == {
        *("rsa-sha256", "rsa-sha384", "rsa-sha512"),
        *("rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512"),
        *("ecdsa-sha256", "ecdsa-sha384"),
    }


def test_every_accepted_signature_has_an_accepted_digest() -> None:
    digests = {digest.name for digest in DIGESTS.values() if accepted(digest, AT)}
    assert {s.digest for s in SIGNATURES.values() if accepted(s, AT)} <= digests


def test_dates_of_an_algorithm() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    algorithm = DigestAlgorithm("d", "urn:d", "sha256", start, end)
    assert [accepted(algorithm, at) for at in (start.replace(year=2025), start, AT, end)] == [
        *(False, True, True),
        False,
    ]


@pytest.mark.parametrize(
    ("public_key", "problem"),
    [
        (rsa_public(), ""),
        (rsa_public("rsa1024"), "RSA 1024 < 2048"),
        (ec.generate_private_key(ec.SECP256R1()).public_key(), ""),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), ""),
        (
            ec.generate_private_key(ec.SECP256K1()).public_key(),
            "curve secp256k1 is not P-256 or P-384",
        ),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "key type Ed25519 is not RSA or EC"),
    ],
)
def test_key_problem(public_key: object, problem: str) -> None:
    assert key_problem(public_key) == problem


@pytest.mark.parametrize(
    ("issued", "name", "names"),
    [
        (
            PKI.organ("H05"),
            "RSA 2048",
            (
                *("rsa-sha256", "rsa-sha384", "rsa-sha512"),
                *("rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512"),
            ),
        ),
        (
            with_pss_only(P256.issue_organ("H05", kind="rsa2048"), P256.issuing),
            "RSA 2048 for PSS only",
            ("rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512"),
        ),
        (P256.organ("H05"), "EC secp256r1", ("ecdsa-sha256",)),
        (P256.issue_organ("H05", kind="p384"), "EC secp384r1", ("ecdsa-sha384",)),
        (P256.issue_organ("H05", kind="p521"), "EC secp521r1", ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_key_may_sign_with(issued: Issued, name: str, names: tuple[str, ...]) -> None:
    certificate = issued.certificate
    assert key_name(certificate) == name
    assert tuple(one.name for one in choices(certificate)) == names
    for algorithm in SIGNATURES.values():
        fits = not misfit(algorithm, certificate)
        assert fits == (
            algorithm.name in names or (name == "RSA 2048" and "sha1" in algorithm.name)
        )
    if names:
        assert choice(certificate).name == names[0]
    else:
        with pytest.raises(KeyUnusable, match="curve secp521r1 is not P-256 or P-384"):
            choice(certificate)


def test_a_key_for_pss_only_signs_nothing_else() -> None:
    certificate = with_pss_only(P256.issue_organ("H05", kind="rsa2048"), P256.issuing).certificate
    assert misfit(RSA_SHA256, certificate) == "rsa-sha256 with a key that is RSA 2048 for PSS only"
    assert P256.trust.path(certificate, [P256.issuing.certificate], AT).problem == ""


def test_small_exponent_and_huge_modulus() -> None:
    modulus = rsa_public().public_numbers().n
    assert key_problem(rsa.RSAPublicNumbers(3, modulus).public_key()) == "RSA exponent 3 < 65537"
    huge = rsa.RSAPublicNumbers(65537, (1 << 16383) + 1).public_key()
    assert key_problem(huge) == "RSA 16384 > 8192"


@pytest.mark.parametrize("algorithm", [RSA_SHA256, RSA_PSS_SHA256])
def test_rsa_value(algorithm: SignatureAlgorithm) -> None:
    signer = PKI.signer("H05", algorithm=algorithm.name)
    public_key, value = signer.chain[0].public_key, signer.sign(DATA)
    assert verify(algorithm, public_key, value, DATA)
    assert not verify(algorithm, public_key, value, DATA + b" ")
    assert not verify(algorithm, public_key, value[:-1] + bytes([value[-1] ^ 1]), DATA)
    assert not verify(algorithm, public_key, b"\0" + value, DATA)
    assert not verify(algorithm, public_key, b"", DATA)


def test_paddings_are_not_interchangeable() -> None:
    public_key = PKI.signer("H05").chain[0].public_key
    assert not verify(RSA_PSS_SHA256, public_key, PKI.signer("H05").sign(DATA), DATA)
    assert not verify(
        RSA_SHA256, public_key, PKI.signer("H05", algorithm="rsa-pss-sha256").sign(DATA), DATA
    )


def test_pss_salt_is_as_long_as_the_digest() -> None:
    private = key("algorithms", "rsa2048")
    assert isinstance(private, rsa.RSAPrivateKey)

    def value(salt: int) -> bytes:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
        return private.sign(DATA, pss, hashes.SHA256())

    assert verify(RSA_PSS_SHA256, rsa_public(), value(32), DATA)
    assert not verify(RSA_PSS_SHA256, rsa_public(), value(20), DATA)


def test_sha1_is_never_verified() -> None:
    private = key("algorithms", "rsa2048")
    assert isinstance(private, rsa.RSAPrivateKey)
    value = private.sign(DATA, padding.PKCS1v15(), hashes.SHA1())
    rsa_sha1 = SIGNATURES["http://www.w3.org/2000/09/xmldsig#rsa-sha1"]
    assert not verify(rsa_sha1, rsa_public(), value, DATA)


def test_ecdsa_forms() -> None:
    signer = P256.signer("H05")
    public_key, value = signer.chain[0].public_key, signer.sign(DATA)
    r, s = value[:32], value[32:]
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    assert verify(ECDSA_SHA256, public_key, value, DATA)
    for bad in (
        *(der, b"", r, value + b"\0", b"\0" + value, b"\0" + r + b"\0" + s),
        *(zero + s, r + zero, zero + zero, order + s, r + order, b"\xff" * 64),
    ):
        assert not verify(ECDSA_SHA256, public_key, bad, DATA)


def test_a_key_of_another_type_or_curve_is_false() -> None:
    ec_signer, rsa_signer = P256.signer("H05"), PKI.signer("H05")
    ec_value, rsa_value = ec_signer.sign(DATA), rsa_signer.sign(DATA)
    assert not verify(RSA_SHA256, ec_signer.chain[0].public_key, rsa_value, DATA)
    assert not verify(ECDSA_SHA256, rsa_signer.chain[0].public_key, ec_value, DATA)
    assert not verify(ECDSA_SHA384, ec_signer.chain[0].public_key, ec_value, DATA)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=st.binary(max_size=600))
def test_no_value_raises(value: bytes) -> None:
    for public_key in (rsa_public(), P256.signer("H05").chain[0].public_key):
        for algorithm in SIGNATURES.values():
            assert not verify(algorithm, public_key, value, DATA)


def test_a_weak_key_is_judged_by_key_problem_not_by_verify() -> None:
    signer = signer_of(PKI.organ("H05", "rsa1024"))
    public_key = signer.chain[0].public_key
    assert verify(RSA_SHA256, public_key, signer.sign(DATA), DATA)
    assert key_problem(public_key) == "RSA 1024 < 2048"
