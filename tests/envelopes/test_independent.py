"""Our envelopes under verifiers that others wrote: the xmlsec1 command, Apache Santuario, signxml.

Each accepts what `pack` made and refuses it with one change in content or signed properties.
Where a tool is missing the tests skip and say so; with DOCEXCHANGE_TEST_INDEPENDENT=1 they fail.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from lxml import etree
from signxml import InvalidDigest, InvalidSignature
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from envelopes import dsig
from envelopes.pack import pack
from tests.letters import document, judge, status
from tests.pki import AT, P256, PKI, Pki

pytestmark = pytest.mark.independent

JARS = [
    Path("/usr/share/java") / f"{name}.jar"
    for name in ("xmlsec", "commons-codec", "slf4j-api", "slf4j-nop", "woodstox-core", "stax2-api")
]
CASES: dict[str, tuple[Pki, Callable[[], bytes]]] = {
    "document, RSA-2048": (
        PKI,
        lambda: pack(document(), PKI.signer("H05"), signing_time=AT),
    ),
    "document, RSASSA-PSS": (
        PKI,
        lambda: pack(document(), PKI.signer("H05", algorithm="rsa-pss-sha256"), signing_time=AT),
    ),
    "document, P-256": (P256, lambda: pack(document(), P256.signer("H05"), signing_time=AT)),
    "receipt, RSA-2048": (
        PKI,
        lambda: pack(status("01", "ab" * 32), PKI.signer("H01"), signing_time=AT),
    ),
    "odd characters": (
        PKI,
        lambda: pack(
            document(subject="a & b < c > d \"e\" 'f' \t\n\r ế", files=[("ế&<.pdf", b"\0")]),
            PKI.signer("H05"),
            signing_time=AT,
        ),
    ),
}
# Debian 12's xmlsec1 has no RSASSA-PSS, and Santuario finds none among the JDK's own providers.
WITHOUT_PSS = [case for case in CASES if "PSS" not in case]


@cache
def packed(case: str) -> bytes:
    return CASES[case][1]()


def tampered(data: bytes) -> dict[str, bytes]:
    """One change each: content, signed properties, value."""
    begin = data.index(b"<ds:SignatureValue>") + 19
    other = b"B" if data[begin : begin + 1] == b"A" else b"A"
    return {
        "content": data.replace(b"<edXML:OrganId>H05<", b"<edXML:OrganId>H06<", 1),
        "signed properties": data.replace(b"2026-06-01T00:00:00Z", b"2026-06-01T00:00:01Z"),
        "value": data[:begin] + other + data[begin + 1 :],
    }


def missing(what: str) -> None:
    reason = f"{what} is not installed"
    if os.environ.get("DOCEXCHANGE_TEST_INDEPENDENT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510  # the exit code is what is asked
        [str(part) for part in command], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("case", CASES)
def test_ours_accepts_them_and_refuses_the_tampered(case: str) -> None:
    trust = CASES[case][0].trust
    assert judge(packed(case), trust=trust).reason == ""
    reasons = {
        what: judge(data, trust=trust).reason for what, data in tampered(packed(case)).items()
    }
    assert reasons == {
        "content": "HASH_FAILURE",
        "signed properties": "PROPERTIES_MISMATCH",
        "value": "SIG_CRYPTO_FAILURE",
    }


@pytest.mark.parametrize("case", WITHOUT_PSS)
def test_xmlsec1(case: str, tmp_path: Path) -> None:
    """With the path to the root: leaf and issuing CA come from the envelope."""
    tool = shutil.which("xmlsec1")
    if tool is None:
        missing("xmlsec1 (Debian package xmlsec1)")
    pki = CASES[case][0]
    (tmp_path / "root.pem").write_bytes(pki.root.pem)

    def verdict(data: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "file.xml").write_bytes(data)
        return run(
            *(str(tool), "--verify", "--trusted-pem", tmp_path / "root.pem"),
            *("--verification-gmt-time", "2026-06-01 00:00:00"),
            *("--id-attr:Id", f"{dsig.XADES}:SignedProperties", tmp_path / "file.xml"),
        )

    good = verdict(packed(case))
    assert good.returncode == 0, good.stderr
    assert "SignedInfo References (ok/all): 2/2" in good.stderr
    for what, data in tampered(packed(case)).items():
        bad = verdict(data)
        assert bad.returncode == 1, what
        assert "FAIL" in bad.stderr, what


@pytest.fixture(scope="module")
def santuario(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Compiles Verify.java and returns what runs it over files."""
    for tool in ("javac", "java"):
        if shutil.which(tool) is None:
            missing(f"{tool} (Debian package default-jdk-headless)")
    for jar in JARS:
        if not jar.is_file():
            missing(f"{jar} (Debian package libxml-security-java)")
    folder = tmp_path_factory.mktemp("santuario")
    classes = ":".join(str(jar) for jar in JARS)
    source = Path(__file__).with_name("Verify.java")
    compiled = run("javac", "-cp", classes, "-d", folder, source)
    assert compiled.returncode == 0, compiled.stderr

    def judge_files(files: list[Path]) -> list[str]:
        answer = run("java", "-cp", f"{classes}:{folder}", "Verify", *files)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()

    return judge_files


def test_santuario(santuario: Callable[..., list[str]], tmp_path: Path) -> None:
    good, bad = [], []
    for number, case in enumerate(WITHOUT_PSS):
        good.append(tmp_path / f"{number}.xml")
        good[-1].write_bytes(packed(case))
        for what, data in tampered(packed(case)).items():
            bad.append(tmp_path / f"{number} {what}.xml")
            bad[-1].write_bytes(data)
    verdicts = santuario([*good, *bad])
    assert verdicts == ["VALID"] * len(good) + ["INVALID"] * len(bad)


@pytest.mark.parametrize("case", CASES)
def test_signxml(case: str) -> None:
    """As XAdES, with the signing certificate pinned: it cannot judge a path at a past time."""
    pem = CASES[case][0].organ("H01" if case.startswith("receipt") else "H05").pem.decode()
    form = XAdESSignatureConfiguration(expect_references=2)
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True)

    def verify(data: bytes) -> object:
        verifier = XAdESVerifier()
        return verifier.verify(data, x509_cert=pem, expect_config=form, parser=parser)

    assert verify(packed(case))
    for data in tampered(packed(case)).values():
        with pytest.raises((InvalidSignature, InvalidDigest)):
            verify(data)
