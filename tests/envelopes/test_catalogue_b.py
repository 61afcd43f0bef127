"""Attack catalogue, section B: keys and algorithms. Each test is named after its row; the valid
neighbour passes, the attack is refused, and for the right reason."""

import hmac
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from envelopes import dsig
from envelopes.pack import pack
from envelopes.wording import Indication
from keys.algorithms import DIGESTS, key_problem
from keys.demo_ca import YEAR
from keys.signer import SoftwareSigner
from keys.trust import Trust, TrustAnchor
from tests.forgery import sign_edited
from tests.letters import document, judge, letter, sign_raw
from tests.pki import AT, OTHER, P256, PKI, signer_of

DS = dsig.DS
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
METHOD = re.compile(r'<ds:SignatureMethod Algorithm="[^"]*"></ds:SignatureMethod>')


def refused(data: bytes, *reasons: str, trust: Trust | None = None) -> None:
    report = judge(data, trust=trust)
    assert report.indication is Indication.FAILED, report.text("en")
    assert report.reason in reasons, report.text("en")


def undecided(data: bytes, reason: str) -> None:
    report = judge(data)
    assert (report.indication, report.reason) == (Indication.INDETERMINATE, reason)


def passes(data: bytes, trust: Trust | None = None) -> None:
    assert judge(data, trust=trust).indication is Indication.PASSED, judge(data).text("en")


def method(name: str, inner: str = "") -> str:
    return f'<ds:SignatureMethod Algorithm="{name}">{inner}</ds:SignatureMethod>'


@pytest.mark.parametrize("bits", [0, 1, 8, 40, 256])
def test_b1_hmac_truncation(bits: int) -> None:
    length = f"<ds:HMACOutputLength>{bits}</ds:HMACOutputLength>"
    for name in (HMAC, DS + "hmac-sha1"):
        with_length = method(name, length)
        refused(
            sign_edited(signed_info=lambda text, new=with_length: METHOD.sub(new, text)),
            "SIGNATURE_MALFORMED",
        )


@pytest.mark.parametrize("form", ["PEM", "DER", "certificate"])
def test_b2_hmac_keyed_with_what_everybody_knows(form: str) -> None:
    """CVE-2025-48994: the victim's public key as an HMAC key."""
    leaf = P256.organ("H05").certificate
    public = leaf.x509.public_key()
    key = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "certificate": leaf.der,
    }[form]
    forged = sign_edited(
        signed_info=lambda text: METHOD.sub(method(HMAC), text),
        value=lambda data: hmac.digest(key, data, "sha256"),
    )
    refused(forged, "ALGORITHM_NOT_ALLOWED")


def test_b3_whose_key_it_is() -> None:
    """The signer is the certificate whose key made the value, on a path to an anchor."""
    passes(letter())
    impostor = OTHER.signer("H05")
    assert impostor.chain[0].subject == P256.organ("H05").certificate.subject
    undecided(sign_raw(document(), impostor), "NO_CERTIFICATE_CHAIN_FOUND")
    victim = SoftwareSigner(P256.chain("H05"), impostor.algorithm, OTHER.organ("H05").key)
    refused(sign_raw(document(), victim), "SIG_CRYPTO_FAILURE")
    genuine = P256.signer("H05")
    shuffled = SoftwareSigner(genuine.chain[::-1], genuine.algorithm, P256.organ("H05").key)
    refused(sign_raw(document(), shuffled), "SIG_CRYPTO_FAILURE")
    mixed = (OTHER.organ("H05").certificate, *genuine.chain)
    first_strange = SoftwareSigner(mixed, genuine.algorithm, P256.organ("H05").key)
    refused(sign_raw(document(), first_strange), "SIG_CRYPTO_FAILURE")


@pytest.mark.parametrize(
    "inner",
    [
        "<ds:KeyName>H05</ds:KeyName>",
        "<ds:KeyValue><ds:ECKeyValue></ds:ECKeyValue></ds:KeyValue>",
        "<ds:X509Data><ds:X509SubjectName>CN=H05</ds:X509SubjectName></ds:X509Data>",
    ],
)
def test_b3_key_info_holds_certificates_only(inner: str) -> None:
    for put in (
        lambda text: text.replace("</ds:KeyInfo>", inner + "</ds:KeyInfo>"),
        lambda text: text.replace("<ds:KeyInfo>", "<ds:KeyInfo>" + inner),
        lambda text: re.sub(r"<ds:X509Data>.*</ds:X509Data>", inner, text),
    ):
        refused(sign_edited(signature=put), "KEY_INFO")


def test_b4_other_certificates_were_signed() -> None:
    """SigningCertificateV2 names other certificates than KeyInfo holds, or leaves one out."""
    genuine, other = P256.signer("H05"), OTHER.signer("H05")
    digest = dsig.digest_of(genuine.algorithm)
    ours, theirs = dsig.named(genuine.chain, digest), dsig.named(other.chain, digest)
    refused(
        sign_edited(signature=lambda text: text.replace(ours[0], theirs[0])), "SIG_CRYPTO_FAILURE"
    )
    added = dsig.named(other.chain[:1], digest)[0]
    more = sign_edited(signature=lambda text: text.replace(ours[0], ours[0] + added))
    refused(more, "CERTIFICATE_NOT_BOUND")
    first = dsig.named(genuine.chain[:1], digest)[0]
    refused(
        sign_edited(signature=lambda text: text.replace(ours[0], first)), "CERTIFICATE_NOT_BOUND"
    )
    swapped = sign_edited(signature=lambda text: text.replace(ours[1], theirs[1]))
    refused(swapped, "PROPERTIES_MISMATCH")


@pytest.mark.parametrize(
    "name",
    [
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
        "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        DS + "dsa-sha1",
        "http://www.w3.org/2009/xmldsig11#dsa-sha256",
        "none",
    ],
)
def test_b5_weak_algorithms_are_not_in_the_table(name: str) -> None:
    forged = sign_edited(signed_info=lambda text: METHOD.sub(method(name), text))
    refused(forged, "ALGORITHM_NOT_ALLOWED")


def test_b5_sha1_never_passes() -> None:
    """A sound rsa-sha1 signature is named as weak; so is a sha1 digest under a strong value."""
    key = PKI.organ("H05").key
    assert isinstance(key, rsa.RSAPrivateKey)
    old = sign_edited(
        signer=PKI.signer("H05"),
        signed_info=lambda text: METHOD.sub(method(DS + "rsa-sha1"), text),
        value=lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA1()),
    )
    report = judge(old, trust=PKI.trust)
    assert (report.indication, report.reason) == (Indication.INDETERMINATE, "WEAK_ALGORITHM")
    sha1 = next(digest for digest in DIGESTS.values() if digest.name == "sha1")
    sha256_uri = dsig.digest_of(P256.signer("H05").algorithm).uri
    weak = sign_edited(
        signed_info=lambda text: text.replace(sha256_uri, sha1.uri),
        signature=lambda text: text.replace(sha256_uri, sha1.uri),
    )
    assert judge(weak).indication is not Indication.PASSED
    assert any(check.reason == "WEAK_ALGORITHM" for check in judge(weak).checks)


def test_b5_weak_keys() -> None:
    passes(sign_raw(document(), PKI.signer("H05")), PKI.trust)
    report = judge(sign_raw(document(), P256.signer("H05", "rsa1024")))
    assert report.indication is not Indication.PASSED
    assert report.reason == "CRYPTO_CONSTRAINTS_FAILURE"
    small = rsa.generate_private_key(public_exponent=3, key_size=2048).public_key()
    assert "exponent 3" in key_problem(small)
    for curve in (ec.SECP256K1(), ec.SECP521R1()):
        assert "is not P-256" in key_problem(ec.generate_private_key(curve).public_key())


ORDER = dsig._ORDERS["secp256r1"]  # of the group: what the attack needs


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00" * 64,
        b"\x01",
        (0).to_bytes(32, "big") + (1).to_bytes(32, "big"),
        (1).to_bytes(32, "big") + (0).to_bytes(32, "big"),
        ORDER.to_bytes(32, "big") + (1).to_bytes(32, "big"),
        (1).to_bytes(32, "big") + ORDER.to_bytes(32, "big"),
        (ORDER + 1).to_bytes(32, "big") * 2,
        b"\xff" * 64,
        b"\x01" * 63,
        b"\x01" * 65,
        b"\x00" + b"\x01" * 64,
        encode_dss_signature(1, 1),
    ],
)
def test_b6_values_of_no_signature(value: bytes) -> None:
    refused(sign_edited(value=lambda data: value), "SIG_CRYPTO_FAILURE", "SIGNATURE_MALFORMED")


def test_b6_other_values_of_the_same_signature() -> None:
    """(r, n - s), DER, and leading zeros verify in many libraries; here one value has one text."""
    signer = P256.signer("H05")

    def r_and_s(data: bytes) -> tuple[int, int]:
        value = dsig.normal(signer.algorithm, signer.sign(data))
        return int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")

    def high(data: bytes) -> bytes:
        r, s = r_and_s(data)
        return r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big")

    def padded(data: bytes) -> bytes:
        r, s = r_and_s(data)
        return r.to_bytes(33, "big") + s.to_bytes(33, "big")

    for form in (high, padded, lambda data: encode_dss_signature(*r_and_s(data))):
        refused(sign_edited(value=form), "SIG_CRYPTO_FAILURE")
    passes(sign_edited())


@pytest.mark.parametrize(
    "variant", ["for servers", "encipherment only", "no key usage", "unknown critical"]
)
def test_b7_a_certificate_for_something_else(variant: str) -> None:
    report = judge(sign_raw(document(), P256.signer("H05", variant)))
    assert report.indication is not Indication.PASSED
    assert report.reason in ("CHAIN_CONSTRAINTS_FAILURE", "NO_CERTIFICATE_CHAIN_FOUND")
    for good in ("good", "nonRepudiation only", "for e-mail"):
        passes(sign_raw(document(), P256.signer("H05", good)))


def test_b7_a_ca_signs_no_documents() -> None:
    for issued in (P256.issuing, P256.root):
        report = judge(sign_raw(document(), signer_of(issued)))
        assert report.indication is not Indication.PASSED
        assert report.reason in ("CHAIN_CONSTRAINTS_FAILURE", "NO_CERTIFICATE_CHAIN_FOUND")


def test_b8_an_organ_signs_for_another() -> None:
    refused(sign_raw(document(), P256.signer("H13")), "SIGNER_NOT_SENDER")
    passes(sign_raw(document(), P256.signer("H05")))


@pytest.mark.parametrize(
    "organ_id",
    [
        *("28.H05", "H05.28", "H0", "H055", "H05.", ".H05", " H05", "H05 ", "h05", "H05\n"),
        *("\uff28\uff10\uff15", "\u041d05", "H\u0660\u0665", "H05\u200b", "000.00.00.H05", ""),
    ],
)
def test_b9_organ_ids_are_compared_exactly(organ_id: str) -> None:
    """Parents, children, prefixes, blanks, other digits, letters that look alike."""
    whole = document()
    message = replace(whole, sender=replace(whole.sender, organ_id=organ_id))
    refused(sign_raw(message, P256.signer("H05")), "SIGNER_NOT_SENDER")


def test_b11_revocation_that_is_required_and_missing() -> None:
    """No evidence can be given yet: then the answer is neither yes nor no."""
    required = Trust([TrustAnchor(P256.root.certificate, "required")])
    report = judge(letter(), trust=required)
    assert (report.indication, report.reason) == (Indication.INDETERMINATE, "REVOCATION_MISSING")
    passes(letter())


def test_b12_years_later() -> None:
    """A plain signature proves no time: after its certificate ended it is open, never valid."""
    later = judge(letter(), at=AT + 5 * YEAR)
    assert (later.indication, later.sub_indication) == (
        Indication.INDETERMINATE,
        "OUT_OF_BOUNDS_NO_POE",
    )
    early = judge(letter(), at=AT - timedelta(days=2))
    assert early.indication is not Indication.PASSED


def test_b13_both_certificates_of_a_rollover() -> None:
    at = AT + timedelta(days=250)  # the second is valid since day 200
    for variant in ("good", "second"):
        data = pack(document(), P256.signer("H05", variant), signing_time=at)
        report = judge(data, at=at)
        assert report.indication is Indication.PASSED
        assert report.signer is not None
        assert report.signer.serial == P256.organ("H05", variant).certificate.serial
