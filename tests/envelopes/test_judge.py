"""`envelopes/judge.py`: algorithms, keys and values at the edge of what is accepted.

Each envelope is whole and freshly signed by H05 under the trusted root; only the key, the algorithm
or the form of the value is another. Beside each that is refused stands a neighbour that passes.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from envelopes import dsig, edxml
from envelopes.report import Report
from envelopes.verify import verify
from envelopes.wording import Indication, Result
from keys.algorithms import (
    DIGESTS,
    ECDSA_SHA256,
    ECDSA_SHA384,
    RSA_PSS_SHA256,
    RSA_SHA256,
    SIGNATURES,
    SignatureAlgorithm,
    hash_of,
    rsa_padding,
)
from keys.demo_ca import ORGAN_USAGE, Issued, issue, key_usage, organ_name
from keys.signer import PrivateKey
from tests.letters import document, judge
from tests.pki import AT, DAY, END, P256, START, signer_of, with_pss_only

Sign = Callable[[bytes], bytes]
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
ED25519 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"  # RFC 9231, clause 2.3.12
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, SEC 2


def envelope(
    issued: Issued,
    algorithm: SignatureAlgorithm,
    sign: Sign,
    edit: Callable[[bytes], bytes] = lambda data: data,
) -> bytes:
    """The document signed by any key, named as any algorithm, with any value."""
    before, after = edxml.split(document())
    chain = (issued.certificate, P256.issuing.certificate)
    unsigned = dsig.prepare((before, after), chain, algorithm, AT, receipt=False)
    to_sign = edit(unsigned.to_sign)
    value = b64encode(sign(to_sign)).decode()
    fields = {**unsigned.fields, "value": value}
    return before + edit(dsig._fill(dsig._WHOLE, fields)) + after


def rsa_signs(issued: Issued, how: padding.PKCS1v15 | padding.PSS, digest: str = "sha256") -> Sign:
    key = issued.key
    assert isinstance(key, rsa.RSAPrivateKey)
    return lambda data: key.sign(data, how, getattr(hashes, digest.upper())())


def ec_signs(issued: Issued, size: int, digest: hashes.HashAlgorithm) -> Sign:
    """r || s with the smaller s where the order is that of P-256."""
    key = issued.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def found(report: Report) -> tuple[int, str, Indication]:
    deciding = report.deciding
    return (deciding.step if deciding else 0, report.reason, report.indication)


def step(report: Report, number: int) -> tuple[Result, str]:
    return next((one.result, one.reason) for one in report.checks if one.step == number)


PASSES = (0, "", Indication.PASSED)
MISMATCH = (5, "KEY_MISMATCH", Indication.FAILED)
NOT_LISTED = (3, "ALGORITHM_NOT_ALLOWED", Indication.FAILED)
WRONG_VALUE = (5, "SIG_CRYPTO_FAILURE", Indication.FAILED)
WEAK_KEY = (7, "CRYPTO_CONSTRAINTS_FAILURE", Indication.INDETERMINATE)
PKCS1 = padding.PKCS1v15()
RSA = P256.issue_organ("H05", kind="rsa2048")
EC = P256.organ("H05")


# -- the form of an ECDSA value ---------------------------------------------------------------


def low(data: bytes) -> bytes:
    return dsig.normal(ECDSA_SHA256, ec_signs(EC, 32, hashes.SHA256())(data))


def shortened(data: bytes) -> bytes:
    """A value whose r begins with a zero byte, which is left out."""
    value = low(data)
    while value[0]:
        value = low(data)
    return value[1:]


def halves(value: bytes) -> tuple[bytes, bytes]:
    return value[:32], value[32:]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (lambda value: value, PASSES),
        (
            lambda v: v[:32] + (ORDER - int.from_bytes(v[32:], "big")).to_bytes(32, "big"),
            WRONG_VALUE,
        ),
        (lambda v: b"\0" + v[:32] + b"\0" + v[32:], WRONG_VALUE),
        (lambda v: b"\0" * 16 + v[:32] + b"\0" * 16 + v[32:], WRONG_VALUE),
        (lambda v: v + b"\0", WRONG_VALUE),
        (lambda v: v[:-1], WRONG_VALUE),
        (lambda v: v[32:] + v[:32], WRONG_VALUE),
        (lambda v: bytes(32) + v[32:], WRONG_VALUE),
        (lambda v: v[:32] + bytes(32), WRONG_VALUE),
        (lambda v: ORDER.to_bytes(32, "big") + v[32:], WRONG_VALUE),
        (lambda v: v[:32] + ORDER.to_bytes(32, "big"), WRONG_VALUE),
    ],
    ids=[
        *("low s", "high s", "33 bytes each", "as long as P-384's", "a byte more", "a byte less"),
        *("s before r", "r zero", "s zero", "r the order", "s the order"),
    ],
)
def test_an_ecdsa_value_has_one_form(
    form: Callable[[bytes], bytes], expected: tuple[int, str, Indication]
) -> None:
    report = judge(envelope(EC, ECDSA_SHA256, lambda data: form(low(data))))
    assert found(report) == expected, report.text("en")


def test_an_ecdsa_value_in_der_is_refused() -> None:
    key = EC.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    der = envelope(EC, ECDSA_SHA256, lambda data: key.sign(data, ec.ECDSA(hashes.SHA256())))
    assert found(judge(der)) == WRONG_VALUE


def test_an_ecdsa_value_without_its_leading_zero_is_refused() -> None:
    assert found(judge(envelope(EC, ECDSA_SHA256, shortened))) == WRONG_VALUE


# -- RSASSA-PSS: its parameters are those of the identifier -----------------------------------


def pss(salt: int, mgf: hashes.HashAlgorithm | None = None) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(mgf or hashes.SHA256()), salt_length=salt)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (pss(32), PASSES),
        (pss(0), WRONG_VALUE),
        (pss(20), WRONG_VALUE),
        (pss(31), WRONG_VALUE),
        (pss(33), WRONG_VALUE),
        (pss(padding.calculate_max_pss_salt_length(RSA.key, hashes.SHA256())), WRONG_VALUE),  # type: ignore[arg-type]  # an RSA key
        (pss(32, hashes.SHA1()), WRONG_VALUE),
        (pss(32, hashes.SHA512()), WRONG_VALUE),
        (PKCS1, WRONG_VALUE),
    ],
)
def test_pss_has_a_salt_as_long_as_the_digest_and_one_hash(
    how: padding.PKCS1v15 | padding.PSS, expected: tuple[int, str, Indication]
) -> None:
    assert found(judge(envelope(RSA, RSA_PSS_SHA256, rsa_signs(RSA, how)))) == expected


def test_pss_with_parameters_is_not_on_the_list() -> None:
    """RFC 9231, clause 2.3.9: hash, salt and trailer as elements; there is no need of it."""
    named = replace(RSA_PSS_SHA256, uri=_MORE_2007 + "rsa-pss")
    assert found(judge(envelope(RSA, named, rsa_signs(RSA, pss(32))))) == NOT_LISTED

    def with_parameters(data: bytes) -> bytes:
        element = f'<pss:RSAPSSParams xmlns:pss="{_MORE_2007}"></pss:RSAPSSParams>'.encode()
        return data.replace(b'#rsa-pss">', b'#rsa-pss">' + element)

    report = judge(envelope(RSA, named, rsa_signs(RSA, pss(32)), with_parameters))
    assert found(report) == (2, "SIGNATURE_MALFORMED", Indication.FAILED)


# -- algorithms and keys ----------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [one for one in SIGNATURES.values() if one.digest != "sha1"])
@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_an_algorithm_is_for_its_own_kind_of_key(algorithm: SignatureAlgorithm, kind: str) -> None:
    """Whatever the name says, the key signs as it can, with the digest that is named."""
    issued = P256.issue_organ("H05", kind=kind)
    if kind == "rsa2048":
        how = rsa_padding(algorithm) if algorithm.key_type == "rsa" else PKCS1
        sign = rsa_signs(issued, how, algorithm.digest)
    else:
        raw = ec_signs(issued, 32 if kind == "p256" else 48, hash_of(algorithm))
        own = ECDSA_SHA256 if kind == "p256" else ECDSA_SHA384

        def sign(data: bytes) -> bytes:
            return dsig.normal(own, raw(data))

    fits = {"rsa2048": "rsa", "p256": "ecdsa-sha256", "p384": "ecdsa-sha384"}[kind]
    report = judge(envelope(issued, algorithm, sign))
    assert found(report) == (PASSES if algorithm.name.startswith(fits) else MISMATCH)


def test_a_key_for_pss_only_makes_no_other_signature() -> None:
    only = with_pss_only(RSA, P256.issuing)
    assert found(judge(envelope(only, RSA_PSS_SHA256, rsa_signs(only, pss(32))))) == PASSES
    report = judge(envelope(only, RSA_SHA256, rsa_signs(only, PKCS1)))
    assert found(report) == MISMATCH
    assert "RSA 2048 for PSS only" in report.explain("en")


@pytest.mark.parametrize("kind", ["rsa1024", "rsa2048 with e=3"])
def test_a_weak_rsa_key_signs_nothing_that_is_believed(kind: str) -> None:
    issued = P256.issue_organ("H05", kind=kind)
    report = judge(envelope(issued, RSA_SHA256, rsa_signs(issued, PKCS1)))
    assert found(report) == WEAK_KEY
    assert step(report, 5) == (Result.PASSED, "")


def test_p521_is_not_on_the_list() -> None:
    issued = P256.issue_organ("H05", kind="p521")
    sha512 = replace(ECDSA_SHA384, uri=_MORE + "ecdsa-sha512", digest="sha512")
    sign = ec_signs(issued, 66, hashes.SHA512())
    report = judge(envelope(issued, sha512, sign))
    assert found(report) == NOT_LISTED
    assert step(report, 7) == (Result.INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE")
    as_p256 = judge(envelope(issued, ECDSA_SHA256, sign))
    assert found(as_p256) == MISMATCH
    assert "ecdsa-sha256 with a key that is EC secp521r1" in as_p256.explain("en")


def test_ed25519_is_not_on_the_list() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signs = [(key_usage(*ORGAN_USAGE), True)]
    private = cast("PrivateKey", key)  # of a kind that nothing of ours takes
    issued = issue(organ_name("H05", "Bắc Ninh"), private, P256.issuing, START, END, signs)
    named = replace(ECDSA_SHA256, uri=ED25519)
    report = judge(envelope(issued, named, key.sign))
    assert found(report) == NOT_LISTED
    assert found(judge(envelope(issued, ECDSA_SHA256, key.sign))) == MISMATCH


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
def test_references_may_have_another_digest_of_the_list(digest: str) -> None:
    """We write one for both, but each is judged by its own name."""
    mixed = replace(RSA_SHA256, digest=digest)
    report = judge(envelope(RSA, mixed, rsa_signs(RSA, PKCS1)))
    assert found(report) == PASSES, report.text("en")


def test_the_two_references_and_the_certificates_have_one_digest() -> None:
    sha256, sha512 = (uri for uri, one in DIGESTS.items() if one.name in ("sha256", "sha512"))

    def edit(data: bytes) -> bytes:
        return data.replace(sha256.encode(), sha512.encode(), 1)

    report = judge(envelope(RSA, RSA_SHA256, rsa_signs(RSA, PKCS1), edit))
    assert found(report) == (2, "SIGNATURE_MALFORMED", Indication.FAILED)


@pytest.mark.parametrize("name", ["md5", "ripemd160", "sha224", "sha3-256", "sha256#", "SHA256"])
def test_another_digest_is_not_on_the_list(name: str) -> None:
    sha256 = next(uri for uri, one in DIGESTS.items() if one.name == "sha256")

    def edit(data: bytes) -> bytes:
        return data.replace(sha256.encode(), (_MORE + name).encode())

    assert found(judge(envelope(RSA, RSA_SHA256, rsa_signs(RSA, PKCS1), edit))) == NOT_LISTED


# -- the timestamp beside it ------------------------------------------------------------------


def test_garbage_for_a_token_never_proves_and_never_passes_silently() -> None:
    data = envelope(RSA, RSA_SHA256, rsa_signs(RSA, PKCS1))
    for token in (b"", b"0\x03\x02\x01\x00", b"anything"):
        report = verify(data, trust=P256.trust, at=AT, timestamp=token)
        assert found(report) == (9, "TOKEN_MALFORMED", Indication.INDETERMINATE)
        assert report.proven_at is None
    assert step(judge(data), 9) == (Result.NOT_ASKED, "NO_TIMESTAMP")
    late = verify(data, trust=P256.trust, at=END + DAY, timestamp=b"anything")
    assert found(late) == (7, "OUT_OF_BOUNDS_NO_POE", Indication.INDETERMINATE)


def test_the_signer_of_the_tests_makes_the_same_envelope() -> None:
    signer = signer_of(RSA, (P256.issuing.certificate,))
    assert envelope(RSA, RSA_SHA256, signer.sign) == envelope(
        RSA, RSA_SHA256, rsa_signs(RSA, PKCS1)
    )
