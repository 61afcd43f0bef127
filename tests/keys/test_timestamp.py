"""Tokens of a real authority pass; each kind of wrong one is refused with its own reason.

The catalogue's row F3 (digest, nonce, policy, signer, injected certificates, weak hash) is here.
"""

from __future__ import annotations

import random
from datetime import timedelta
from functools import cache
from hashlib import sha1, sha256, sha384
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from keys.demo_ca import YEAR, authority_extensions, key_usage
from keys.timestamp import Request, Token, token_of, verify
from keys.timestamp_refused import REASONS, TOKEN_MAX, TimestampRefused
from tests.pki import AT, OTHER, P256, START
from tests.tsa import (
    AUTHORITY,
    OTHER_POLICY,
    POLICY,
    STRANGER,
    TIMESTAMPS,
    TSA_TRUST,
    USUAL,
    Authority,
    OpensslTsa,
    refusal,
)

DATA = b"<ds:SignatureValue>...</ds:SignatureValue>"
IMPRINT = sha256(DATA).digest()
NONCE = 0x1234567890ABCDEF


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return OpensslTsa(tmp_path_factory.mktemp("tsa"))


def judged(token: bytes, **changes: Any) -> Token:
    facts: dict[str, Any] = {"trust": TSA_TRUST, "imprint": IMPRINT, "nonce": NONCE}
    return verify(token, **(facts | changes))


def reason(token: bytes, **changes: Any) -> str:
    with pytest.raises(TimestampRefused) as caught:
        judged(token, **changes)
    assert caught.value.reason in REASONS
    assert caught.value.vi != str(caught.value)
    return caught.value.reason


# -- good ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [False, True])
def test_a_token_of_openssl_passes(tmp_path: Path, chain: bool) -> None:
    authority = OpensslTsa(tmp_path, chain=chain)
    token = token_of(authority.answer(Request(IMPRINT, NONCE).to_der()))
    found = judged(token, trust=authority.trust, policies=[POLICY])
    assert (found.imprint, found.nonce, found.policy) == (IMPRINT, NONCE, POLICY)
    assert found.accuracy == timedelta(seconds=1)
    assert found.path.chain[-1] == authority.root
    assert authority.accepts(token, IMPRINT, (tmp_path / "root.pem").read_bytes())


def test_openssl_takes_the_tokens_of_these_tests(openssl: OpensslTsa) -> None:
    token = AUTHORITY.token(IMPRINT, AT)
    assert openssl.accepts(token, IMPRINT, P256.root.pem)
    assert not openssl.accepts(AUTHORITY.token(IMPRINT, AT, changed=True), IMPRINT, P256.root.pem)


@pytest.mark.parametrize(
    ("kind", "digest", "method"),
    [
        ("p256", "sha256", ""),
        ("p384", "sha384", ""),
        ("p384", "sha512", ""),
        ("rsa2048", "sha256", ""),
        ("rsa2048", "sha512", "sha512_rsa"),
        ("rsa2048", "sha256", "rsassa_pss"),
    ],
)
def test_every_listed_algorithm_passes(kind: str, digest: str, method: str) -> None:
    token = Authority(kind=kind).token(IMPRINT, AT, nonce=NONCE, digest=digest, method=method)
    assert judged(token).gen_time == AT


def test_what_is_stamped_may_be_given_itself_and_digested_otherwise() -> None:
    token = AUTHORITY.token(sha384(DATA).digest(), AT, imprint_digest="sha384")
    assert verify(token, trust=TSA_TRUST, stamped=DATA).digest == "sha384"
    assert reason(token, nonce=None) == "TOKEN_IMPRINT"


def test_the_path_is_judged_at_the_time_of_the_token() -> None:
    late = AT + timedelta(days=360)
    assert judged(AUTHORITY.token(IMPRINT, late, nonce=NONCE)).path.covers(late)
    assert reason(AUTHORITY.token(IMPRINT, AT + 2 * YEAR, nonce=NONCE)) == "TOKEN_UNTRUSTED"
    assert reason(AUTHORITY.token(IMPRINT, START - YEAR, nonce=NONCE)) == "TOKEN_UNTRUSTED"


def test_fractions_of_a_second_and_no_accuracy_are_fine() -> None:
    at = AT + timedelta(milliseconds=250)
    found = judged(AUTHORITY.token(IMPRINT, at, nonce=NONCE, accuracy={"millis": 500}))
    assert (found.gen_time, found.accuracy) == (at, timedelta(milliseconds=500))


# -- wrong ones --------------------------------------------------------------------------------

CA = Authority(name="CA", extensions=(*authority_extensions(None), (TIMESTAMPS, True)))
USAGE = (key_usage("digital_signature"), True)
TWO = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING])
CERTIFICATES = (AUTHORITY.issued.certificate, P256.issuing.certificate)
TWIN = Authority(name="TSA", kind="p384").issued.certificate  # the same name, another key

WRONG: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "wrong digest": ("TOKEN_IMPRINT", {}, {"imprint": sha256(b"other").digest()}),
    "wrong nonce": ("TOKEN_NONCE", {"nonce": NONCE + 1}, {}),
    "no nonce": ("TOKEN_NONCE", {"nonce": None}, {}),
    "wrong policy": ("TOKEN_POLICY", {"policy": OTHER_POLICY}, {"policies": [POLICY]}),
    "imprint by SHA-1": ("TOKEN_ALGORITHM", {"imprint_digest": "sha1"}, {}),
    "digested by SHA-1": ("TOKEN_ALGORITHM", {"digest": "sha1"}, {}),
    "digested by MD5": ("TOKEN_ALGORITHM", {"digest": "md5", "method": "ecdsa"}, {}),
    "certificate bound by SHA-1": ("TOKEN_ALGORITHM", {"ess": "signing_certificate"}, {}),
    "bound by SHA-1 in v2": ("TOKEN_ALGORITHM", {"ess_digest": "sha1"}, {}),
    "certificate not bound": ("TOKEN_SIGNER", {"ess": ""}, {}),
    "another is bound": ("TOKEN_SIGNER", {"bound": P256.organ("H05").certificate}, {}),
    "another is named": ("TOKEN_SIGNER", {"named": P256.organ("H05").certificate}, {}),
    "another authority's name": ("TOKEN_SIGNER", {"tsa": P256.organ("H05").certificate}, {}),
    "certificate missing": ("TOKEN_SIGNER", {"certificates": [P256.issuing.certificate]}, {}),
    "no certificate": ("TOKEN_SIGNER", {"certificates": []}, {}),
    "other key": ("TOKEN_SIGNATURE", {"signed_by": P256.organ("H05")}, {}),
    "value changed": ("TOKEN_SIGNATURE", {"changed": True}, {}),
    "digest of another method": ("TOKEN_ALGORITHM", {"method": "sha512_ecdsa"}, {}),
    "inaccurate": ("TOKEN_ACCURACY", {"accuracy": {"seconds": 61}}, {}),
    "version 2": ("TOKEN_MALFORMED", {"info": {"version": 2}}, {}),
    "critical extension": (
        "TOKEN_MALFORMED",
        {"info": {"extensions": [{"extn_id": "1.2.3", "critical": True, "extn_value": b"\x05\0"}]}},
        {},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token_is_refused(name: str) -> None:
    """F3: the digest, nonce, policy, signer or hash is another than it should be."""
    expected, faults, asked = WRONG[name]
    token = AUTHORITY.token(IMPRINT, AT, **({"nonce": NONCE} | faults))
    assert reason(token, **asked) == expected


@pytest.mark.parametrize(
    ("authority", "why"),
    [
        (STRANGER, "NO_CERTIFICATE_CHAIN_FOUND"),
        (Authority(name="no purpose", extensions=(USAGE,)), "none"),
        (Authority(name="two", extensions=(USAGE, (TWO, True))), "alone"),
        (Authority(name="soft", extensions=(USAGE, (TIMESTAMPS, False))), "not critical"),
        (CA, "CA certificate"),
        (
            Authority(
                name="crypt", extensions=((key_usage("key_encipherment"), True), (TIMESTAMPS, True))
            ),
            "KeyUsage",
        ),
    ],
)
def test_an_authority_that_may_not_is_refused(authority: Authority, why: str) -> None:
    with pytest.raises(TimestampRefused, match=why) as caught:
        judged(authority.token(IMPRINT, AT, nonce=NONCE))
    assert caught.value.reason == "TOKEN_UNTRUSTED"


def test_an_authority_without_key_usage_may() -> None:
    plain = Authority(name="plain", extensions=((TIMESTAMPS, True),))
    assert judged(plain.token(IMPRINT, AT, nonce=NONCE)).gen_time == AT


def test_a_document_signer_stamps_nothing_and_an_authority_signs_no_document() -> None:
    assert "timeStamping" in TSA_TRUST.path(*_organ(), AT).detail
    found = P256.trust.path(AUTHORITY.issued.certificate, (P256.issuing.certificate,), AT)
    assert found.problem == "CHAIN_CONSTRAINTS_FAILURE"


def _organ() -> tuple[Any, Any]:
    return P256.organ("H05").certificate, (P256.issuing.certificate,)


@pytest.mark.parametrize(
    "injected",
    [
        (TWIN, *CERTIFICATES),  # the same name in front of the one that signed
        (STRANGER.issued.certificate, OTHER.issuing.certificate, *CERTIFICATES),
        (*CERTIFICATES, OTHER.root.certificate, P256.organ("H05").certificate),
    ],
    ids=["twin", "strangers", "root"],
)
def test_injected_certificates_change_nothing(injected: tuple[Any, ...]) -> None:
    """F3: the signer is the one whose digest was signed; a root in the token is no anchor."""
    found = judged(AUTHORITY.token(IMPRINT, AT, nonce=NONCE, certificates=injected))
    assert found.signer == AUTHORITY.issued.certificate
    assert found.path.chain[-1] == P256.root.certificate


def test_a_root_that_a_stranger_brings_along_is_no_anchor() -> None:
    own = (STRANGER.issued.certificate, OTHER.issuing.certificate, OTHER.root.certificate)
    token = STRANGER.token(IMPRINT, AT, nonce=NONCE, certificates=own)
    assert reason(token) == "TOKEN_UNTRUSTED"


def test_a_heap_of_certificates_is_refused() -> None:
    heap = [Authority(name=f"x{n}").issued.certificate for n in range(17)]
    token = AUTHORITY.token(IMPRINT, AT, nonce=NONCE, certificates=[*CERTIFICATES, *heap])
    assert reason(token) == "TOKEN_SIGNER"


@cache
def good() -> bytes:
    return AUTHORITY.token(IMPRINT, AT, nonce=NONCE)


def test_a_token_cut_off_anywhere_or_with_something_behind_it_is_refused() -> None:
    for end in range(0, len(good()), 17):
        assert reason(good()[:end]) == "TOKEN_MALFORMED"
    assert reason(good() + b"\0") == "TOKEN_MALFORMED"
    assert reason(b"\0" * (TOKEN_MAX + 1)) == "TOKEN_MALFORMED"
    assert reason(b"<html>Bad gateway</html>") == "TOKEN_MALFORMED"


def test_two_signers_are_refused() -> None:
    token = cms.ContentInfo.load(good())
    signers = token["content"]["signer_infos"]
    token["content"]["signer_infos"] = [*signers, signers[0]]
    assert reason(token.dump(force=True)) == "TOKEN_SIGNER"


def test_other_cms_content_is_refused() -> None:
    data = cms.ContentInfo({"content_type": "data", "content": b"x"}).dump()
    assert reason(data) == "TOKEN_MALFORMED"
    token = cms.ContentInfo.load(good())
    token["content"]["encap_content_info"]["content_type"] = "data"
    assert reason(token.dump(force=True)) == "TOKEN_MALFORMED"


def test_no_changed_byte_of_what_is_signed_passes() -> None:
    """300 random changes: refused with a reason, or outside of what the authority signed."""
    rng = random.Random(7)
    facts = judged(good())
    for _ in range(300):
        changed = bytearray(good())
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        try:
            found = judged(bytes(changed))
        except TimestampRefused:
            continue
        assert (found.gen_time, found.imprint, found.signer) == (AT, IMPRINT, facts.signer)


# -- answers -----------------------------------------------------------------------------------


def test_the_answer_of_an_authority_is_taken_apart() -> None:
    asked = Request(IMPRINT, NONCE, POLICY).to_der()
    assert judged(token_of(AUTHORITY.answer(asked, AT))).nonce == NONCE


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal("try another day"), "TSA_REFUSED"),
        (b"", "TOKEN_MALFORMED"),
        (b"<html>", "TOKEN_MALFORMED"),
        (b"\x30\x80" * 5000, "TOKEN_MALFORMED"),
        (b"\x30\x05\x30\x03\x02\x01\x00", "TOKEN_MALFORMED"),  # granted, and nothing in it
        (b"\0" * 100_000, "TOKEN_MALFORMED"),
    ],
)
def test_an_answer_without_a_token_is_refused(answer: bytes, expected: str) -> None:
    with pytest.raises(TimestampRefused) as caught:
        token_of(answer)
    assert caught.value.reason == expected


def test_a_refusal_repeats_what_the_authority_says(openssl: OpensslTsa) -> None:
    with pytest.raises(TimestampRefused, match="try another day") as caught:
        token_of(refusal("try another day"))
    assert "bad_alg" in caught.value.detail
    with pytest.raises(TimestampRefused, match="policy") as caught:
        token_of(openssl.answer(Request(IMPRINT, NONCE, OTHER_POLICY).to_der()))
    assert caught.value.reason == "TSA_REFUSED"


def test_against_nothing_nothing_is_checked() -> None:
    with pytest.raises(ValueError, match="against something"):
        verify(good(), trust=TSA_TRUST)


def test_sha1_in_the_tests_is_what_it_says() -> None:
    token = AUTHORITY.token(sha1(DATA).digest(), AT, imprint_digest="sha1")
    assert reason(token, imprint=None, stamped=DATA, nonce=None) == "TOKEN_ALGORITHM"


def test_usual_extensions_are_those_of_the_standard() -> None:
    assert USUAL == (USAGE, (TIMESTAMPS, True))
