"""Our envelopes under tools that others wrote, and theirs under us: the xmlsec1 command, Apache
Santuario, signxml.

Every algorithm of the table, with every size of key, as a document and as a receipt: each tool
accepts what `pack` made and refuses it with one change in content, signed properties or value.
Then each signs our unsigned envelope. Santuario, from scratch, writes our profile byte for byte;
the values that xmlsec1 fills into our template are right; signxml's form is another, and the
reason of its refusal is the right one.

Where a tool is missing the tests skip and say so; with DOCEXCHANGE_TEST_INDEPENDENT=1 they fail.
"""

import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml import InvalidDigest, InvalidSignature
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from signxml.xades import XAdESSignatureConfiguration, XAdESSigner, XAdESVerifier

from envelopes import dsig, edxml
from envelopes.c14n import canonical
from envelopes.pack import pack
from envelopes.wording import Indication, Result
from keys.demo_ca import Issued
from keys.signer import SoftwareSigner
from tests.letters import document, judge, status
from tests.pki import AT, P256, PKI, signer_of

pytestmark = pytest.mark.independent

JARS = [
    Path("/usr/share/java") / f"{name}.jar"
    for name in (
        *("xmlsec", "bcprov", "commons-codec", "slf4j-api", "slf4j-nop"),
        *("woodstox-core", "stax2-api"),
    )
]
RSA = [f"rsa-{pss}sha{bits}" for pss in ("", "pss-") for bits in (256, 384, 512)]
KEYS = {  # kind of key -> algorithms
    **dict.fromkeys(("rsa2048", "rsa3072", "rsa4096"), RSA),
    "p256": ["ecdsa-sha256"],
    "p384": ["ecdsa-sha384"],
}


@cache  # an ECDSA value is another at each call, and so is the certificate
def issued(organ_id: str, kind: str) -> Issued:
    return P256.issue_organ(organ_id, kind=kind)


class Case(NamedTuple):
    """One envelope: what it is, and how it is signed."""

    what: str
    algorithm: str
    kind: str

    @property
    def issued(self) -> Issued:
        return issued("H01" if self.what == "receipt" else "H05", self.kind)

    @property
    def signer(self) -> SoftwareSigner:
        above = (P256.issuing.certificate,)
        return signer_of(self.issued, above, algorithm=self.algorithm)


CASES = [
    Case(what, algorithm, kind)
    for kind, algorithms in KEYS.items()
    for algorithm in algorithms
    for what in ("document", "receipt")
] + [Case("odd characters", "rsa-sha256", "rsa2048")]
DOCUMENTS = [case for case in CASES if case.what == "document"]
NAME = "-".join


def without_pss(cases: list[Case]) -> list[Case]:
    """Debian 12's xmlsec1 has no RSASSA-PSS."""
    return [case for case in cases if "pss" not in case.algorithm]


@cache
def packed(case: Case) -> bytes:
    if case.what == "receipt":
        return pack(status("01", "ab" * 32), case.signer, signing_time=AT)
    odd = {
        "subject": "a & b < c > d \"e\" 'f' \t\n\r ế",
        "files": [("ế&<.pdf", b"\0")],
    }
    changes = odd if case.what == "odd characters" else {}
    return pack(document(**changes), case.signer, signing_time=AT)


@cache
def tampered(case: Case) -> Mapping[str, bytes]:
    """One change each: content, signed properties, value."""
    data = packed(case)
    begin = data.index(b"<ds:SignatureValue>") + 19
    other = b"B" if data[begin : begin + 1] == b"A" else b"A"
    return {
        "content": data.replace(b"<edXML:OrganId>H05<", b"<edXML:OrganId>H06<", 1),
        "signed properties": data.replace(b"2026-06-01T00:00:00Z", b"2026-06-01T00:00:01Z"),
        "value": data[:begin] + other + data[begin + 1 :],
    }


@cache
def template(case: Case) -> bytes:
    """The envelope with empty DigestValues and SignatureValue: what a signer fills in."""
    before, info, after = re.split(rb"(<ds:SignedInfo>.*</ds:SignedInfo>)", packed(case))
    info = re.sub(rb"(<ds:DigestValue>)[^<]*", rb"\1", info)
    return before + info + re.sub(rb"(<ds:SignatureValue>)[^<]*", rb"\1", after)


def values(data: bytes) -> list[bytes]:
    """Both DigestValues and the SignatureValue, white space left out."""
    root = etree.fromstring(data)
    info = next(root.iter(f"{{{dsig.DS}}}SignedInfo"))
    value = next(root.iter(f"{{{dsig.DS}}}SignatureValue"))
    digests = info.findall(f".//{{{dsig.DS}}}DigestValue")
    return ["".join((one.text or "").split()).encode() for one in (*digests, value)]


def filled(case: Case, found: list[bytes]) -> bytes:
    """Our template with somebody's values in it."""
    texts = iter(found)
    hole = rb"(<ds:(?:DigestValue|SignatureValue)>)(?=<)"
    return re.sub(hole, lambda match: match[1] + next(texts), template(case))


def missing(what: str) -> None:
    reason = f"{what} is not installed"
    if os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510  # the exit code is what is asked
        [str(part) for part in command], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("case", CASES, ids=NAME)
def test_ours_accepts_them_and_refuses_the_tampered(case: Case) -> None:
    assert judge(packed(case)).reason == ""
    assert {what: judge(data).reason for what, data in tampered(case).items()} == {
        "content": "HASH_FAILURE",
        "signed properties": "PROPERTIES_MISMATCH",
        "value": "SIG_CRYPTO_FAILURE",
    }


# -- xmlsec1 ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def xmlsec1() -> str:
    tool = shutil.which("xmlsec1")
    if tool is None:
        missing("xmlsec1 (Debian package xmlsec1)")
    return str(tool)


PROPERTIES_ID = ("--id-attr:Id", f"{dsig.XADES}:SignedProperties")


@pytest.mark.parametrize("case", without_pss(CASES), ids=NAME)
def test_xmlsec1_verifies(case: Case, xmlsec1: str, tmp_path: Path) -> None:
    """With the path to the root: leaf and issuing CA come from the envelope."""
    (tmp_path / "root.pem").write_bytes(P256.root.pem)

    def verdict(data: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "file.xml").write_bytes(data)
        return run(
            *(xmlsec1, "--verify", "--trusted-pem", tmp_path / "root.pem"),
            *("--verification-gmt-time", "2026-06-01 00:00:00"),
            *(*PROPERTIES_ID, tmp_path / "file.xml"),
        )

    good = verdict(packed(case))
    assert good.returncode == 0, good.stderr
    assert "SignedInfo References (ok/all): 2/2" in good.stderr
    for what, data in tampered(case).items():
        bad = verdict(data)
        assert bad.returncode == 1, what
        assert "FAIL" in bad.stderr, what


def xmlsec1_signs(xmlsec1: str, data: bytes, key: bytes, folder: Path) -> bytes:
    (folder / "key.pem").write_bytes(key)
    (folder / "template.xml").write_bytes(data)
    ran = run(
        *(xmlsec1, "--sign", "--privkey-pem", folder / "key.pem", *PROPERTIES_ID),
        *("--output", folder / "signed.xml", folder / "template.xml"),
    )
    assert ran.returncode == 0, ran.stderr
    return (folder / "signed.xml").read_bytes()


@pytest.mark.parametrize("case", without_pss(DOCUMENTS), ids=NAME)
def test_values_that_xmlsec1_fills_into_our_template(
    case: Case, xmlsec1: str, tmp_path: Path
) -> None:
    signed = xmlsec1_signs(xmlsec1, template(case), case.issued.key_pem, tmp_path)
    if case.algorithm.endswith("sha512"):
        # It breaks a DigestValue of 88 characters into two lines, and signs it like that.
        assert judge(canonical(etree.fromstring(signed))).reason == "SIGNATURE_MALFORMED"
        assert judge(filled(case, values(signed))).reason == "SIG_CRYPTO_FAILURE"
        return
    assert_right(case, values(signed))


def assert_right(case: Case, found: list[bytes]) -> None:
    """An ECDSA value passes in the lower of its two forms only, whichever the tool happened on."""
    assert found[:2] == values(packed(case))[:2]
    value = dsig.strict_base64(found[2].decode()) or b""
    low = dsig.normal(case.signer.algorithm, value)
    passed = judge(filled(case, [*found[:2], b64encode(low)]))
    assert passed.indication is Indication.PASSED, passed.text("en")
    verdict = judge(filled(case, found))
    expected = "" if low == value else "SIG_CRYPTO_FAILURE"
    assert verdict.reason == expected, verdict.text("en")


def test_how_xmlsec1_writes_is_not_our_profile(xmlsec1: str, tmp_path: Path) -> None:
    """The values are right, but the bytes are not those that were digested."""
    case = Case("document", "rsa-sha256", "rsa2048")
    declared = b'<?xml version="1.0" encoding="UTF-8"?>\n' + template(case)
    key = case.issued.key_pem
    in_ascii = xmlsec1_signs(xmlsec1, template(case), key, tmp_path)
    in_utf8 = xmlsec1_signs(xmlsec1, declared, key, tmp_path)
    with_lines = canonical(etree.fromstring(in_utf8))
    reasons = [judge(data).reason for data in (in_ascii, in_utf8, with_lines)]
    assert reasons == ["CHARACTER_REFERENCE", "SIGNATURE_MALFORMED", "SIGNATURE_MALFORMED"]
    assert judge(filled(case, values(in_utf8))).indication is Indication.PASSED


def test_xmlsec1_and_we_agree_on_the_template_of_2018(xmlsec1: str, tmp_path: Path) -> None:
    """It signs with rsa-sha1 and inclusive C14N; we refuse that, and say that it is right."""
    certificate = PKI.organ("H05").pem.decode().replace("\n", "").split("-----")[2]
    legacy = (
        f'<Signature xmlns="{dsig.DS}"><SignedInfo><CanonicalizationMethod '
        'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
        f'<SignatureMethod Algorithm="{dsig.DS}rsa-sha1"/><Reference URI=""><Transforms>'
        f'<Transform Algorithm="{dsig.ENVELOPED}"/></Transforms>'
        f'<DigestMethod Algorithm="{dsig.DS}sha1"/><DigestValue/></Reference></SignedInfo>'
        f"<SignatureValue/><KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate>"
        "</X509Data></KeyInfo></Signature></edXML:edXMLHeader>"
    ).encode()
    data = edxml.write(document()).replace(b"</edXML:edXMLHeader>", legacy)
    signed = xmlsec1_signs(xmlsec1, data, PKI.organ("H05").key_pem, tmp_path)
    report = judge(signed)
    assert report.reason == "LEGACY_SIGNATURE"
    details = {check.step: check.detail for check in report.checks}
    assert details[4] == details[5] == "right as it stands"


# -- Apache Santuario -------------------------------------------------------------------------


class Santuario(NamedTuple):
    """What it said of each file, and what it signed."""

    good: Mapping[Case, str]
    bad: Mapping[tuple[Case, str], str]
    signed: Mapping[Case, bytes]


@pytest.fixture(scope="module")
def santuario(tmp_path_factory: pytest.TempPathFactory) -> Santuario:
    """One start of the JVM for everything."""
    for tool in ("javac", "java"):
        if shutil.which(tool) is None:
            missing(f"{tool} (Debian package default-jdk-headless)")
    for jar in JARS:
        if not jar.is_file():
            missing(f"{jar} (Debian packages libxml-security-java, libbcprov-java)")
    folder = tmp_path_factory.mktemp("santuario")
    classes = ":".join(str(jar) for jar in JARS)
    source = Path(__file__).with_name("Santuario.java")
    compiled = run("javac", "-cp", classes, "-d", folder, source)
    assert compiled.returncode == 0, compiled.stderr
    bad = [(case, what) for case in CASES for what in tampered(case)]
    tasks = [
        *(put(folder, f"good {i}", packed(case)) for i, case in enumerate(CASES)),
        *(put(folder, f"bad {i}", tampered(case)[what]) for i, (case, what) in enumerate(bad)),
        *(signing(folder, case) for case in DOCUMENTS),
    ]
    answer = run(
        # Else it breaks base64 into lines, and writes one between elements.
        *("java", "-Dorg.apache.xml.security.ignoreLineBreaks=true"),
        *("-cp", f"{classes}:{folder}", "Santuario", *tasks),
    )
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[len(CASES) + len(bad) :] == ["SIGNED"] * len(DOCUMENTS)
    return Santuario(
        dict(zip(CASES, lines, strict=False)),
        dict(zip(bad, lines[len(CASES) :], strict=False)),
        {case: (folder / NAME(("signed", *case))).read_bytes() for case in DOCUMENTS},
    )


def put(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def signing(folder: Path, case: Case) -> str:
    """The task of signing a template."""
    der = case.issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key, form = put(folder, NAME(("key", *case)), der), put(folder, NAME(case), template(case))
    family = "RSA" if case.kind.startswith("rsa") else "EC"
    return f"{family},{key},{form},{folder / NAME(('signed', *case))}"


@pytest.mark.slow
def test_santuario_verifies(santuario: Santuario) -> None:
    assert santuario.good == dict.fromkeys(CASES, "VALID")
    assert set(santuario.bad.values()) == {"INVALID"}


@pytest.mark.slow
@pytest.mark.parametrize("case", DOCUMENTS, ids=NAME)
def test_santuario_writes_our_profile_byte_for_byte(case: Case, santuario: Santuario) -> None:
    signed = santuario.signed[case]
    assert signed == filled(case, values(signed))
    assert_right(case, values(signed))


# -- signxml ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=NAME)
def test_signxml_verifies(case: Case) -> None:
    """As XAdES, with the signing certificate pinned: it cannot judge a path at a past time."""
    pem = case.issued.pem.decode()
    form = XAdESSignatureConfiguration(expect_references=2)
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True)

    def verify(data: bytes) -> object:
        verifier = XAdESVerifier()
        return verifier.verify(data, x509_cert=pem, expect_config=form, parser=parser)

    assert verify(packed(case))
    for data in tampered(case).values():
        with pytest.raises((InvalidSignature, InvalidDigest)):
            verify(data)


EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
INCLUSIVE = CanonicalizationMethod.CANONICAL_XML_1_0


@pytest.mark.parametrize(
    ("kind", "c14n", "in_header", "options", "expected"),
    [
        (XMLSigner, EXCLUSIVE, False, {}, (2, "SIGNATURE_MISPLACED")),  # last in the root
        (XMLSigner, EXCLUSIVE, True, {}, (2, "SIGNATURE_MALFORMED")),  # no signed properties
        (XMLSigner, INCLUSIVE, True, {}, (2, "LEGACY_SIGNATURE")),
        (XAdESSigner, EXCLUSIVE, True, {}, (2, "KEY_INFO")),  # KeyValue beside X509Data
        # a third reference, to KeyInfo, and names of its own
        (XAdESSigner, EXCLUSIVE, True, {"always_add_key_value": False}, (3, "REFERENCES")),
        (XAdESSigner, INCLUSIVE, True, {"always_add_key_value": False}, (3, "CANONICALIZATION")),
    ],
)
def test_what_signxml_signs_is_refused_for_the_right_reason(
    kind: type[XMLSigner],
    c14n: CanonicalizationMethod,
    in_header: bool,
    options: Mapping[str, bool],
    expected: tuple[int, str],
) -> None:
    signer, root = PKI.signer("H05"), etree.fromstring(edxml.write(document()))
    if in_header:
        tag, prefixes = f"{{{dsig.DS}}}Signature", {"ds": dsig.DS}
        etree.SubElement(root[0][0], tag, {"Id": "placeholder"}, nsmap=prefixes)
    certificates = [one.x509 for one in signer.chain]
    signed = kind(c14n_algorithm=c14n).sign(root, key=signer.key, cert=certificates, **options)
    report = judge(canonical(signed), trust=PKI.trust)
    assert report.indication is Indication.FAILED
    assert report.deciding is not None
    assert (report.deciding.step, report.reason) == expected, report.text("en")
    if report.reason == "LEGACY_SIGNATURE":  # and it is told that it is right all the same
        found = {check.step: check.result for check in report.checks}
        assert found[4] is found[5] is Result.PASSED
