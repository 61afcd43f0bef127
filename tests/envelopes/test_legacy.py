"""`envelopes/legacy.py`: signatures of the template of 2018 are told apart, and never pass."""

import hashlib
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from envelopes import dsig, edxml, gate, legacy
from envelopes.errors import NotTrusted
from envelopes.report import Report
from envelopes.wording import Indication, Result
from tests.letters import document, judge
from tests.pki import P256, PKI
from tests.samples import FOLDER

DS = dsig.DS
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
TRANSFORM = f'<Transform Algorithm="{dsig.ENVELOPED}"/>'
# The signature of the template: {digest}, {value} and {certificate} are holes.
TEMPLATE = (
    f'<Signature xmlns="{DS}"><SignedInfo>'
    f'<CanonicalizationMethod Algorithm="{legacy.C14N}"/>'
    f'<SignatureMethod Algorithm="{DS}rsa-sha1"/>'
    f'<Reference URI=""><Transforms>{TRANSFORM}</Transforms>'
    f'<DigestMethod Algorithm="{DS}sha1"/><DigestValue>{{digest}}</DigestValue></Reference>'
    "</SignedInfo><SignatureValue>{value}</SignatureValue><KeyInfo><!--<KeyValue/>--><X509Data>"
    "<X509SubjectName/><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>"
    "</Signature>"
)
HEADER_END = "</edXML:edXMLHeader>"
Edit = Callable[[str], str]


def same(text: str) -> str:
    return text


def replaced(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


def inclusive(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=False, with_comments=False)


def sign(template: str = TEMPLATE, *, alone: bool = False, hash_name: str = "sha1") -> str:
    """The letter with a signature of the template by H05, RSA-2048.

    `alone` canonicalizes SignedInfo before it has a place in the envelope, as .NET does.
    """
    unsigned = edxml.write(document()).decode()
    digest = hashlib.new(hash_name, inclusive(etree.fromstring(unsigned))).digest()
    certificate = b64encode(PKI.organ("H05").certificate.der).decode()
    filled = template.replace("{digest}", b64encode(digest).decode())
    filled = filled.replace("{certificate}", certificate)
    data = unsigned.replace(HEADER_END, filled + HEADER_END)
    root = etree.fromstring(filled if alone else data)
    info = next(root.iter(f"{{{DS}}}SignedInfo"))
    # lxml canonicalizes a part of a tree inclusively only after it is a document of its own.
    info = etree.fromstring(etree.tostring(info, with_tail=False))
    key = PKI.organ("H05").key
    assert isinstance(key, rsa.RSAPrivateKey)
    algorithm = hashes.SHA1() if hash_name == "sha1" else hashes.SHA256()
    value = key.sign(inclusive(info), padding.PKCS1v15(), algorithm)
    return data.replace("{value}", b64encode(value).decode())


@cache
def signed() -> str:
    return sign()


def laid_out(data: str) -> str:
    """As .NET saves what it has signed: a line for each element that holds elements."""
    root = etree.fromstring(data)
    etree.indent(root, "\t")
    return etree.tostring(root, encoding="unicode")


def of(report: Report, *steps: int) -> list[tuple[Result, str]]:
    found = {check.step: (check.result, check.reason) for check in report.checks}
    return [found[step] for step in steps]


LEGACY = (Result.FAILED, "LEGACY_SIGNATURE")
WEAK = (Result.INDETERMINATE, "WEAK_ALGORITHM")
PASSED = (Result.PASSED, "")
CHANGED = (Result.FAILED, "HASH_FAILURE")
NOT_THEIRS = (Result.FAILED, "SIG_CRYPTO_FAILURE")
NOT_REACHED = (Result.NOT_REACHED, "")


@pytest.mark.parametrize(
    ("data", "digest", "value", "how"),
    [
        (signed(), PASSED, PASSED, ["right as it stands"] * 2),
        (replaced(">H05<", ">H06<")(signed()), CHANGED, PASSED, []),
        (replaced("</edXML:Subject>", " </edXML:Subject>")(signed()), CHANGED, PASSED, []),
        (
            replaced("<SignatureValue>", "<SignatureValue>AA")(signed()),
            PASSED,
            NOT_THEIRS,
            [],
        ),
        (replaced("<SignatureValue>", "<SignatureValue>!")(signed()), PASSED, NOT_THEIRS, []),
        (replaced("<DigestValue>", "<DigestValue>AA")(signed()), CHANGED, NOT_THEIRS, []),
        (
            replaced("<SignatureValue>", "<SignatureValue>\n")(signed()),
            PASSED,
            PASSED,
            ["right as it stands"] * 2,
        ),
        (
            laid_out(sign()),
            PASSED,
            PASSED,
            ["right without the white space between elements"] * 2,
        ),
        (
            sign(alone=True),
            PASSED,
            PASSED,
            ["right as it stands", "right of SignedInfo outside its document"],
        ),
        (
            laid_out(sign(alone=True)),
            PASSED,
            PASSED,
            [
                "right without the white space between elements",
                "right of SignedInfo outside its document, "
                "without the white space between elements",
            ],
        ),
    ],
    ids=[
        *("good", "organ", "one space", "value", "value no base64", "digest", "value in lines"),
        *("laid out", "alone", "alone and laid out"),
    ],
)
def test_digest_and_value_are_shown_beside_the_refusal(
    data: str, digest: tuple[Result, str], value: tuple[Result, str], how: list[str]
) -> None:
    report = judge(data.encode(), trust=PKI.trust)
    assert of(report, 1, 2, 3, 4, 5) == [PASSED, LEGACY, WEAK, digest, value]
    assert of(report, 6, 7, 8, 9, 10) == [NOT_REACHED] * 5
    assert (report.indication, report.reason) == (Indication.FAILED, "LEGACY_SIGNATURE")
    if how:
        assert [check.detail for check in report.checks if check.step in (4, 5)] == how
    assert report.signer is not None
    assert report.signer.organ_id == "H05"
    with pytest.raises(NotTrusted):
        report.require_passed()


def test_the_report_says_so_in_both_languages() -> None:
    report = judge(signed().encode(), trust=PKI.trust)
    assert "Chữ ký kiểu cũ (mẫu 2018)" in report.text("vi")
    assert "A signature of the old template (2018)" in report.text("en")
    assert report.to_json_dict()["checks"][1] == {
        "step": 2,
        "name": "shape",
        "result": "FAILED",
        "reason": "LEGACY_SIGNATURE",
        "detail": "rsa-sha1, sha1, inclusive C14N",
    }


def test_with_sha256_it_is_still_the_old_template() -> None:
    template = TEMPLATE.replace(f"{DS}rsa-sha1", RSA_SHA256).replace(f"{DS}sha1", SHA256)
    report = judge(sign(template, hash_name="sha256").encode(), trust=PKI.trust)
    refused = (Result.FAILED, "CANONICALIZATION")
    assert of(report, 2, 3, 4, 5) == [LEGACY, refused, PASSED, PASSED]


@pytest.mark.parametrize("text", ["REDACTED", "MIIFqTCCBJG", "", "AAAA"])
def test_without_a_readable_certificate_only_the_digest_is_judged(text: str) -> None:
    report = judge(sign(TEMPLATE.replace("{certificate}", text)).encode())
    unreadable = (Result.INDETERMINATE, "CERTIFICATE_UNREADABLE")
    assert of(report, 2, 4, 5, 6) == [LEGACY, PASSED, NOT_REACHED, unreadable]
    assert report.signer is None


def test_a_certificate_with_another_kind_of_key_is_not_tried() -> None:
    other = b64encode(P256.organ("H05").certificate.der).decode()
    report = judge(sign(TEMPLATE.replace("{certificate}", other)).encode())
    assert of(report, 2, 4, 5) == [LEGACY, PASSED, NOT_REACHED]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (replaced(legacy.C14N, dsig.EXC_C14N), "SIGNATURE_MALFORMED"),
        (replaced('URI=""', 'URI="#x"'), "SIGNATURE_MALFORMED"),
        (replaced(' URI=""', ""), "SIGNATURE_MALFORMED"),
        (replaced(TRANSFORM, TRANSFORM * 2), "SIGNATURE_MALFORMED"),
        (replaced(TRANSFORM, ""), "SIGNATURE_MALFORMED"),
        (
            replaced(dsig.ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
            "SIGNATURE_MALFORMED",
        ),
        (replaced("rsa-sha1", "hmac-sha1"), "SIGNATURE_MALFORMED"),
        (replaced("rsa-sha1", "dsa-sha1"), "SIGNATURE_MALFORMED"),
        (
            replaced(f"{DS}sha1", "http://www.w3.org/2001/04/xmldsig-more#md5"),
            "SIGNATURE_MALFORMED",
        ),
        (replaced("</Reference>", "</Reference><Reference/>"), "SIGNATURE_MALFORMED"),
        (replaced("<KeyInfo>", "<KeyInfo/><KeyInfo>"), "LEGACY_SIGNATURE"),
        (replaced("<KeyInfo>", "<!-- --><?p?> <!----><KeyInfo>"), "LEGACY_SIGNATURE"),
        (replaced("<SignedInfo>", "<SignedInfo><?p?><!---->"), "LEGACY_SIGNATURE"),
        (replaced("<edXML:edXMLHeader>", '<edXML:edXMLHeader xmlns:r="../r">'), "LEGACY_SIGNATURE"),
        (replaced("</Signature>", f"{'<Object/>'}</Signature>"), "LEGACY_SIGNATURE"),
        (replaced("<DigestValue>", f"<DigestValue>{'A' * 20_000}"), "SIGNATURE_MALFORMED"),
        (replaced("<SignedInfo>", "<SignedInfo><SignedInfo/>"), "SIGNATURE_MALFORMED"),
        (replaced("</Signature>", f'</Signature><Signature xmlns="{DS}"/>'), "SEVERAL_SIGNATURES"),
        (replaced(HEADER_END, f"<edXML:ErrorList/>{HEADER_END}"), "SIGNATURE_MISPLACED"),
        (
            replaced("<edXML:edXMLHeader>", '<edXML:edXMLHeader xml:lang="vi">'),
            "SIGNATURE_MALFORMED",
        ),
        (replaced("<edXML:edXMLHeader>", "<edXML:edXMLHeader a='1'>"), "LEGACY_SIGNATURE"),
        (replaced("<edXML:edXMLHeader>", '<edXML:edXMLHeader xmlns:r="r">'), "LEGACY_SIGNATURE"),
    ],
)
def test_whatever_else_it_is_it_does_not_pass(edit: Edit, reason: str) -> None:
    report = judge(edit(signed()).encode(), trust=PKI.trust)
    assert (report.indication, report.reason) == (Indication.FAILED, reason), report.text("en")


def test_a_second_envelope_around_it_is_refused_before_it_is_looked_at() -> None:
    """What a wrapping would show: our reader sees one envelope, whatever was signed."""
    inner = signed().removeprefix("<?xml?>")
    outer = edxml.write(document(sender="H06")).decode().replace(HEADER_END, inner + HEADER_END)
    assert judge(outer.encode(), trust=PKI.trust).reason == "ELEMENT_COUNT"


def test_no_damage_makes_it_pass_or_raise() -> None:
    """Seeded: bytes of the signature are changed, left out or doubled, one to three at a time."""
    chance, data = random.Random(2018), signed().encode()
    begin, end = data.index(b"<Signature"), data.index(b"</Signature>") + 12
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(begin, end)
            damaged[at : at + chance.randint(0, 2)] = chance.choices(b'<>/&;"= A1+', k=1)
        assert judge(bytes(damaged), trust=PKI.trust).indication is Indication.FAILED


def stuffed(declarations: int, elements: int, levels: int = 1) -> bytes:
    """A signature of the template over many elements, in the scope of many declarations."""
    spaces = " ".join(f'xmlns:n{i}="urn:n{i}"' for i in range(declarations))
    inner = f"<y {spaces}>" * levels + "<x/>" * elements + "</y>" * levels
    return replaced("</edXML:MessageHeader>", f"{inner}</edXML:MessageHeader>")(signed()).encode()


@pytest.mark.parametrize(
    ("declarations", "elements", "levels", "reason"),
    [
        (0, 19_500, 0, "LEGACY_SIGNATURE"),
        (60, 150, 1, "LEGACY_SIGNATURE"),
        (3, 19_500, 1, "LEGACY_SIGNATURE"),
        (60, 19_500, 1, "SIGNATURE_MALFORMED"),
        (8, 19_500, 50, "SIGNATURE_MALFORMED"),
    ],
)
def test_inclusive_c14n_has_a_bound(
    declarations: int, elements: int, levels: int, reason: str
) -> None:
    """It holds each element against every declaration in scope: what is over the bound is not
    looked at, what is under it costs little beside the gate."""
    data = stuffed(declarations, elements, levels)
    assert judge(data).reason == reason
    gates, reads = [], []
    for _ in range(5):
        begun = time.process_time()
        root = gate.open_gate(data, signed=False)
        passed = time.process_time()
        legacy.read(next(root.iter(f"{{{DS}}}Signature")))
        gates.append(passed - begun)
        reads.append(time.process_time() - passed)
    assert min(reads) < 50 * min(gates)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/samples beside the project")
def test_the_real_template_has_a_genuine_value_over_its_signed_info() -> None:
    """Its key stands in a comment; the file is not well-formed, so it is repaired for this."""
    path = FOLDER / "all4u1089" / "edoc.edxml"
    root = etree.fromstring(path.read_bytes(), etree.XMLParser(recover=True))
    signature = next(root.iter(f"{{{DS}}}Signature"))
    info = etree.fromstring(etree.tostring(signature[0], with_tail=False))
    modulus = etree.fromstring(next(signature.iter(etree.Comment)).text or "").findtext(
        ".//Modulus"
    )
    number = int.from_bytes(b64decode(modulus or ""), "big")
    value = b64decode(signature.findtext(f"{{{DS}}}SignatureValue") or "")
    key = rsa.RSAPublicNumbers(65537, number).public_key()
    how = legacy.value_holds(key, value, info, hashes.SHA1())
    assert how == f"{legacy.ALONE}, {legacy.CLOSED_UP}"
    found = legacy.read(signature)
    assert found is not None
    assert (found.certificate, found.value, found.document) == (None, None, "")
