"""Attack catalogue, section C: parser and size. Each test is named after its row; the valid
neighbour passes, the attack is refused, and for the right reason."""

import gzip
import io
import tracemalloc
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from envelopes import edxml, gate
from envelopes.attachments.names import safe_name
from envelopes.folding import unmarked
from envelopes.pack import pack
from envelopes.report import Report
from envelopes.wording import Indication
from tests.fuzz.targets import NAMES, fuzz_names
from tests.letters import document, judge, letter, sign_raw
from tests.pki import AT, P256

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>'


def refused(data: bytes, *reasons: str) -> Report:
    report = judge(data)
    assert report.indication is Indication.FAILED
    assert report.reason in reasons, report.text("en")
    return report


def passes(data: bytes) -> None:
    assert judge(data).indication is Indication.PASSED, judge(data).text("en")


def with_dtd(dtd: str) -> bytes:
    return dtd.encode() + letter()


@pytest.mark.parametrize(
    "dtd",
    [
        "<!DOCTYPE edXML>",
        '<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE edXML SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE edXML PUBLIC "p" "http://127.0.0.1/x">',
        '<!DOCTYPE edXML [<!ENTITY % p SYSTEM "file:///x"> %p;]>',
        '<!DOCTYPE edXML [<!ENTITY a "&b;"><!ENTITY b "&a;">]>',
        '<!ENTITY x "y">',
        "<!ELEMENT a ANY>",
    ],
)
def test_c1_declarations_of_a_document_type(dtd: str) -> None:
    refused(with_dtd(dtd), "DTD")
    refused(BOMB.encode(), "DTD")
    passes(letter())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"])
def test_c1_in_another_encoding(encoding: str) -> None:
    refused(BOMB.encode(encoding), "ENCODING", "NOT_XML")
    declared = f'<?xml version="1.0" encoding="{encoding}"?>' + BOMB
    refused(declared.encode(), "ENCODING")
    utf7 = b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>'
    refused(utf7, "ENCODING")


@pytest.mark.parametrize("times", [1, 10])
def test_c2_quadratic_blow_up(times: int) -> None:
    """Refused before anything is expanded: the memory taken is that of the bytes."""
    data = (
        f'<!DOCTYPE a [<!ENTITY x "{"x" * 50_000}">]><a>' + "&x;" * 10_000 * times + "</a>"
    ).encode()
    tracemalloc.start()
    refused(data, "DTD")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(data)


@pytest.mark.parametrize("depth", [65, 257, 2_049, 10_000])
def test_c3_depth(depth: int) -> None:
    nest = b"<a>" * depth + b"</a>" * depth
    refused(nest, "TOO_DEEP")
    refused(
        letter().replace(b"</edXML:MessageHeader>", nest + b"</edXML:MessageHeader>"), "TOO_DEEP"
    )
    refused(b"<a>" * depth, "TOO_DEEP", "NOT_XML")


def test_c3_beyond_the_number_of_elements() -> None:
    refused(b"<a>" * 100_000 + b"</a>" * 100_000, "TOO_MANY_ELEMENTS")


def test_c4_attributes_and_namespaces() -> None:
    many = b" ".join(b'a%d=""' % n for n in range(100_000))
    refused(b"<a " + many + b"/>", "TOO_MANY_ATTRIBUTES")
    spaces = b" ".join(b'xmlns:a%d="urn:%d"' % (n, n) for n in range(100_000))
    refused(b"<a " + spaces + b"/>", "TOO_MANY_ATTRIBUTES")
    few = b" ".join(b'xmlns:a%d="urn:%d"' % (n, n) for n in range(gate.NAMESPACES_MAX - 8))
    allowed = letter().replace(b"<edXML:From>", b"<edXML:From " + few + b">")
    refused(allowed, "NOT_CANONICAL")  # through the gate, and refused for what it is


def test_c5_the_bomb_of_inclusive_c14n() -> None:
    spaces = b" ".join(b'xmlns:a%d="urn:%d"' % (n, n) for n in range(8_000))
    refused(b"<a " + spaces + b">" + b"<b/>" * 200 + b"</a>", "TOO_MANY_ATTRIBUTES")
    spread = b"".join(b'<b xmlns:a%d="urn:%d">' % (n, n) for n in range(60))
    spread += b"".join(b'<c xmlns:c%d="urn:%d"/>' % (n, n) for n in range(200)) + b"</b>" * 60
    refused(spread, "TOO_MANY_NAMESPACES")


def test_c6_huge_text() -> None:
    """At the limit of a message it passes; above, it is refused unparsed."""
    room = (gate.BYTES_MAX - 10_000) * 3 // 4
    largest = pack(document(files=[("a.bin", bytes(room))]), P256.signer("H05"), signing_time=AT)
    assert gate.BYTES_MAX - 10_000 < len(largest) <= gate.BYTES_MAX
    passes(largest)
    refused(largest + b" " * 10_000, "TOO_LARGE")
    refused(b"\x00" * (gate.BYTES_MAX + 1), "TOO_LARGE")


@pytest.mark.parametrize(
    ("made", "reasons"),
    [
        (lambda data: data.decode().encode("utf-16"), ("ENCODING",)),
        (lambda data: data.decode().encode("utf-16-le"), ("ENCODING",)),
        (lambda data: data.decode().encode("utf-16-be"), ("ENCODING",)),
        (lambda data: b'<?xml version="1.0" encoding="utf-16"?>' + data, ("ENCODING",)),
        (lambda data: b'<?xml version="1.0" encoding="cp1258"?>' + data, ("ENCODING",)),
        (lambda data: data.replace(b"H05", b"H\x0005", 1), ("NOT_XML",)),
        (lambda data: data.replace(b"H05", b"H\xed\xa0\x8005", 1), ("ENCODING",)),
        (lambda data: data.replace(b"H05", b"H\xc0\xaf05", 1), ("ENCODING",)),
        (lambda data: data.replace(b"H05", b"H\xef\xbf\xbe05", 1), ("NOT_XML",)),
        (lambda data: data.replace(b"H05", b"H\x0105", 1), ("NOT_XML",)),
        (lambda data: data.replace(b"H05", b"H]]>05", 1), ("NOT_XML",)),
        (lambda data: data.replace(b"H05", b"&#x0;H05", 1), ("CHARACTER_REFERENCE",)),
        (lambda data: data.replace(b"H05", b"&#xD800;H05", 1), ("CHARACTER_REFERENCE",)),
        (lambda data: b"\xef\xbb\xbf" + data, ("NOT_CANONICAL",)),
    ],
)
def test_c7_encodings(made, reasons: tuple[str, ...]) -> None:
    refused(made(letter()), *reasons)
    passes(letter())


BASE64 = {
    "spare bits": ("QQ==", "QR=="),
    "a space inside": ("QQ==", "Q Q=="),
    "a line break": ("QQ==", "QQ==\n"),
    "no padding": ("QQ==", "QQ"),
    "more behind the padding": ("QQ==", "QQ==XX"),
    "too much padding": ("QQ==", "QQ===="),
    "the other alphabet": ("+/+/", "-_-_"),
    "nothing but padding": ("QQ==", "===="),
    "a letter that is none": ("QQ==", "QQ=\u003d\u200b"),
}


@pytest.mark.parametrize("name", BASE64)
def test_c8_base64(name: str) -> None:
    """In an attachment that was signed as it stands; and in every value of the signature."""
    good, bad = BASE64[name]
    content = b"\xfb\xff\xbf" if "+" in good else b"A"
    before, after = edxml.split(document(files=[("a", content)]))
    assert good.encode() in after
    passes(sign_raw(document(files=[("a", content)])))
    forged = after.replace(f">{good}<".encode(), f">{bad}<".encode())
    refused(sign_raw(document(), parts=(before, forged)), "CONTENT_UNREADABLE")


@pytest.mark.parametrize("element", ["DigestValue", "SignatureValue", "X509Certificate"])
def test_c8_base64_in_the_signature(element: str) -> None:
    data = letter()
    begin = data.index(f"<ds:{element}>".encode()) + len(element) + 5
    text = data[begin : data.index(b"<", begin)]
    for other in (text[:4] + b"\n" + text[4:], text + b"=", text + b"AAAA", b" " + text):
        changed = data[:begin] + other + data[begin + len(text) :]
        assert judge(changed).indication is not Indication.PASSED


def test_c9_composed_and_decomposed_names_are_two() -> None:
    name = "Ủy ban nhân dân tỉnh Nghệ An"
    both = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    signed = [pack(document(subject=text), P256.signer("H05"), signing_time=AT) for text in both]
    assert both[0] != both[1]
    for data, text in zip(signed, both, strict=True):
        message = judge(data).require_passed().message
        assert message.subject == text  # type: ignore[union-attr]
    refused(signed[0].replace(both[0].encode(), both[1].encode()), "HASH_FAILURE")


def test_c9_what_is_displayed_steers_nothing() -> None:
    hostile = "H05\u202e\u200b\x7f\u2066cod.exe"
    report = judge(letter().replace(b"H05,2026", f"{hostile},2026".encode()))
    assert hostile in report.document_id
    assert not set("\u202e\u200b\x7f\u2066") & set(report.text("vi"))


def test_c9_a_flood_of_combining_marks() -> None:
    """Folding is letter by letter: to order a run of marks costs the square of its length."""
    assert unmarked("Tuyệt  mật") == unmarked("TUYE\u0302\u0323T MA\u0323\u0302T") == "tuyet mat"
    flood = "Mật" + "\u0301\u0323" * 200_000
    assert unmarked(flood) == "mat"
    document_with_flood = document(priority=0)
    other = document_with_flood.other_info
    assert other is not None
    hidden = replace(document_with_flood, other_info=replace(other, priority_text=flood))
    assert judge(sign_raw(hidden)).reason == "SECRET"


def test_c10_nothing_is_unpacked() -> None:
    """A bomb is an attachment like any other; a packed envelope is no envelope."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(20_000_000))
        archive.writestr("../../slip", b"x")
    packed = target.getvalue()
    assert len(packed) < 100_000
    data = pack(document(files=[("a.zip", packed)]), P256.signer("H05"), signing_time=AT)
    tracemalloc.start()
    message = judge(data).require_passed().message
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message.attachments[0].content == packed  # type: ignore[union-attr]
    assert peak < 20 * len(data)
    refused(gzip.compress(letter()), "NOT_XML")


def test_c11_names_of_attachments() -> None:
    """Signed as they are; what is written to a disk is one harmless component of a path."""
    for name in NAMES:
        fuzz_names(name.encode())
        if name.isprintable():
            data = pack(document(files=[(name, b"x")]), P256.signer("H05"), signing_time=AT)
            message = judge(data).require_passed().message
            assert message.attachments[0].name == name  # type: ignore[union-attr]
    assert safe_name("98/QĐ-UBND.pdf", "x") == "98_QĐ-UBND.pdf"
    assert PurePosixPath(safe_name("../../etc/passwd", "x")).name == safe_name(
        "../../etc/passwd", "x"
    )
