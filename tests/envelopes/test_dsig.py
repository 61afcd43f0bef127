"""`envelopes/dsig.py` and `shape.py`: only our form of signature is read; what differs is named.

Each forbidden signature is a genuine one: edited, then signed again by H05 with its own key, so
that a general engine would call it valid.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from envelopes import dsig, edxml
from envelopes.c14n import canonical
from envelopes.report import Report
from envelopes.wording import Indication, Result
from keys.algorithms import DIGESTS, SIGNATURES
from tests.letters import document, judge, letter, receipt
from tests.pki import AT, P256

BEGIN, END = letter().index(dsig.START), letter().index(dsig.END) + len(dsig.END)
GENUINE = letter()[BEGIN:END].decode()
VALUE = GENUINE[GENUINE.index("<ds:SignatureValue>") + 19 : GENUINE.index("</ds:SignatureValue>")]
DS_NAMESPACE = f' xmlns:ds="{dsig.DS}"'
SECOND_REFERENCE = GENUINE[GENUINE.index("<ds:Reference Type") : GENUINE.index("</ds:SignedInfo>")]
RSA_SHA1 = dsig.DS + "rsa-sha1"
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def resigned(edit: Callable[[str], str]) -> bytes:
    """The letter with an edited signature, signed again over its canonical SignedInfo."""
    edited = edit(GENUINE)
    info = etree.fromstring(edited).find(f"{{{dsig.DS}}}SignedInfo")
    assert info is not None
    signer = P256.signer("H05")
    value = dsig.normal(signer.algorithm, signer.sign(canonical(info)))
    return put(edited.replace(VALUE, b64encode(value).decode()))


def put(signature: str) -> bytes:
    return letter()[:BEGIN] + signature.encode() + letter()[END:]


def found(report: Report) -> tuple[int, str, Indication]:
    assert report.deciding is not None, "it passed"
    return report.deciding.step, report.reason, report.indication


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(signature: str) -> str:
        assert old in signature
        return signature.replace(old, new)

    return edit


def test_signing_again_without_an_edit_passes() -> None:
    assert judge(resigned(lambda signature: signature)).indication is Indication.PASSED


XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
BASE64 = dsig.DS + "base64"
WITH_COMMENTS = dsig.EXC_C14N + "WithComments"
ENVELOPED = f'<ds:Transform Algorithm="{dsig.ENVELOPED}"></ds:Transform>'
EXC = f'<ds:Transform Algorithm="{dsig.EXC_C14N}"></ds:Transform>'


@pytest.mark.parametrize(
    ("edit", "step", "reason"),
    [
        # algorithms
        (replaced(ECDSA, HMAC), 3, "ALGORITHM_NOT_ALLOWED"),
        (replaced(ECDSA, "http://www.w3.org/2000/09/xmldsig#dsa-sha1"), 3, "ALGORITHM_NOT_ALLOWED"),
        (
            replaced(SHA256, "http://www.w3.org/2001/04/xmldsig-more#md5"),
            3,
            "ALGORITHM_NOT_ALLOWED",
        ),
        (replaced(ECDSA, RSA_SHA1), 3, "WEAK_ALGORITHM"),
        # canonicalization and transforms
        (
            replaced(
                f'<ds:CanonicalizationMethod Algorithm="{dsig.EXC_C14N}">',
                f'<ds:CanonicalizationMethod Algorithm="{WITH_COMMENTS}">',
            ),
            3,
            "CANONICALIZATION",
        ),
        (replaced(ENVELOPED + EXC, ENVELOPED), 3, "TRANSFORMS"),
        (replaced(ENVELOPED + EXC, EXC), 3, "TRANSFORMS"),
        (replaced(ENVELOPED + EXC, EXC + ENVELOPED), 3, "TRANSFORMS"),
        (replaced(ENVELOPED + EXC, ENVELOPED + EXC * 2), 3, "TRANSFORMS"),
        (replaced(ENVELOPED + EXC, ENVELOPED + EXC * 1000), 3, "TRANSFORMS"),
        (replaced(dsig.ENVELOPED, XSLT), 3, "TRANSFORMS"),
        (replaced(dsig.ENVELOPED, BASE64), 3, "TRANSFORMS"),
        # references
        (replaced('URI=""', 'URI="file:///etc/passwd"'), 3, "REFERENCES"),
        (replaced('URI=""', 'URI="http://127.0.0.1:9/"'), 3, "REFERENCES"),
        (replaced('URI=""', 'URI="#xpointer(/)"'), 3, "REFERENCES"),
        (replaced(' URI=""', ""), 3, "REFERENCES"),
        (replaced("#SignedProperties", "#Other"), 3, "REFERENCES"),
        (replaced(SECOND_REFERENCE, ""), 3, "REFERENCES"),
        (replaced(SECOND_REFERENCE, SECOND_REFERENCE * 2), 3, "REFERENCES"),
        (replaced(SECOND_REFERENCE, SECOND_REFERENCE * 900), 3, "REFERENCES"),
        (replaced(f' Type="{dsig.PROPERTIES_TYPE}"', ""), 3, "REFERENCES"),
        # structure
        (
            replaced("</ds:X509Data>", "</ds:X509Data><ds:KeyValue></ds:KeyValue>"),
            2,
            "KEY_INFO",
        ),
        (replaced("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>H05</ds:KeyName>"), 2, "KEY_INFO"),
        (
            replaced("<ds:X509Data>", "<ds:X509Data><ds:X509SubjectName>H05</ds:X509SubjectName>"),
            2,
            "KEY_INFO",
        ),
        (replaced("<ds:KeyInfo>", '<ds:KeyInfo Id="K">'), 2, "SIGNATURE_MALFORMED"),
        (
            replaced("</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>"),
            2,
            "SIGNATURE_MALFORMED",
        ),
        (
            replaced(
                "</xades:QualifyingProperties>",
                "<xades:UnsignedProperties></xades:UnsignedProperties>"
                "</xades:QualifyingProperties>",
            ),
            2,
            "SIGNATURE_MALFORMED",
        ),
        (
            replaced(
                f'Algorithm="{ECDSA}">',
                f'Algorithm="{HMAC}"><ds:HMACOutputLength>8</ds:HMACOutputLength>',
            ),
            2,
            "SIGNATURE_MALFORMED",
        ),
        (replaced("text/xml", "text/html"), 2, "SIGNATURE_MALFORMED"),
        (replaced("2026-06-01T00:00:00Z", "2026-06-01T00:00:00+00:00"), 2, "SIGNATURE_MALFORMED"),
        (replaced("<ds:SignedInfo>", "<ds:SignedInfo>\n"), 2, "SIGNATURE_MALFORMED"),
        (replaced("<ds:SignatureValue>", "<ds:SignatureValue >"), 2, "SIGNATURE_MALFORMED"),
    ],
)
def test_a_signature_of_another_form_is_refused(
    edit: Callable[[str], str], step: int, reason: str
) -> None:
    expected = Indication.INDETERMINATE if reason == "WEAK_ALGORITHM" else Indication.FAILED
    report = judge(resigned(edit))
    assert found(report) == (step, reason, expected), report.text("en")
    if step == 3:
        assert next(check for check in report.checks if check.step == 2).result is Result.PASSED


def test_sha1_digests_leave_it_open_though_everything_else_is_right() -> None:
    before, after = edxml.split(document())
    signer = P256.signer("H05")
    with_sha1 = replace(signer.algorithm, digest="sha1")
    unsigned = dsig.prepare((before, after), signer.chain, with_sha1, AT, receipt=False)
    data = before + dsig.complete(unsigned, signer.sign(unsigned.to_sign)) + after
    assert data.count(b"#sha1") == 4
    report = judge(data)
    assert found(report) == (3, "WEAK_ALGORITHM", Indication.INDETERMINATE)
    reached = {check.step: check.result for check in report.checks}
    assert reached[4] is reached[5] is Result.NOT_REACHED


def test_an_impossible_signing_time_is_no_time() -> None:
    def edit(signature: str) -> str:
        return signature.replace("2026-06-01T00:00:00Z", "2026-02-30T00:00:00Z")

    report = judge(resigned(edit))
    reasons = {check.step: check.reason for check in report.checks if check.reason}
    assert reasons[4] == "PROPERTIES_MISMATCH"
    assert reasons[6] == "SIGNING_TIME"
    assert report.signed_at is None


def test_hmac_with_the_public_key_of_the_victim_is_refused() -> None:
    """The confusion of CVE-2025-48994: a public key taken as a shared secret."""
    edited = GENUINE.replace(ECDSA, HMAC)
    info = etree.fromstring(edited).find(f"{{{dsig.DS}}}SignedInfo")
    assert info is not None
    public = P256.signer("H05").chain[0].public_key
    for encoding in (Encoding.PEM, Encoding.DER):
        secret = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        mac = hmac.digest(secret, canonical(info), hashlib.sha256)
        report = judge(put(edited.replace(VALUE, b64encode(mac).decode())))
        assert found(report) == (3, "ALGORITHM_NOT_ALLOWED", Indication.FAILED)


@pytest.mark.parametrize(
    "value",
    ["", "AAAA", VALUE[:-4] + "A===", VALUE + "AAAA", "A" * 88],
    ids=["none", "short", "one byte less", "three bytes more", "no signature"],
)
def test_a_value_of_another_length_is_refused(value: str) -> None:
    report = judge(put(GENUINE.replace(VALUE, value)))
    assert report.indication is Indication.FAILED
    assert report.reason in ("SIG_CRYPTO_FAILURE", "SIGNATURE_MALFORMED")


def test_too_many_certificates_are_not_read() -> None:
    one = "<ds:X509Certificate>AAAA</ds:X509Certificate>"
    many = GENUINE.replace("<ds:X509Data>", "<ds:X509Data>" + one * dsig.CERTIFICATES_MAX)
    assert found(judge(put(many)))[1] == "SIGNATURE_MALFORMED"


# -- reading and writing -----------------------------------------------------------------------


@pytest.mark.parametrize("data", [letter(), receipt()], ids=["document", "receipt"])
def test_what_is_read_is_what_was_written(data: bytes) -> None:
    begin, end = data.index(dsig.START), data.index(dsig.END) + len(dsig.END)
    signature = dsig.read(data[begin:end])
    assert signature is not None
    element = etree.fromstring(data[begin:end])
    info = element.find(f"{{{dsig.DS}}}SignedInfo")
    properties = element.find(f".//{{{dsig.XADES}}}SignedProperties")
    assert info is not None
    assert properties is not None
    assert signature.signed_info() == canonical(info)
    assert signature.signed_properties() == canonical(properties)
    assert signature.algorithm == SIGNATURES[ECDSA]
    assert signature.digest == DIGESTS[SHA256]
    assert signature.signing_time == datetime(2026, 6, 1, tzinfo=UTC)


def test_what_is_not_ascii_is_not_read() -> None:
    assert dsig.read(GENUINE.encode()) is not None
    assert dsig.read(GENUINE.replace("text/xml", "text/xml\u1ebf").encode()) is None


@pytest.mark.parametrize(
    ("text", "decoded"),
    [("QQ==", b"A"), ("QR==", None), ("QQ=", None), ("QQ==\n", None), ("Q Q=", None), ("é", None)],
)
def test_base64_has_one_text_for_each_content(text: str, decoded: bytes | None) -> None:
    assert dsig.strict_base64(text) == decoded


def test_only_ecdsa_values_of_the_right_length_have_another_form() -> None:
    ecdsa, rsa = SIGNATURES[ECDSA], SIGNATURES[ECDSA.replace("ecdsa", "rsa")]
    high = bytes(32) + b"\xf0" + bytes(31)
    assert dsig.normal(ecdsa, high) != high
    assert dsig.normal(rsa, high) == high
    assert dsig.normal(ecdsa, high[:-1]) == high[:-1]
    for s in (b"\x01" * 32, b"\xff" * 32, bytes(32)):  # low, beyond the order, zero
        assert dsig.normal(ecdsa, bytes(32) + s) == bytes(32) + s
