"""Attack catalogue, section A: the structure of a signature. Each test is named after its row: the
valid neighbour passes, the attack is refused, and for the right reason.

Where it can be, the forged part is signed by the genuine key (`forgery`), so that digests and value
fit and only the rule of the row stands between it and TOTAL-PASSED.
"""

import contextlib
import re
import socket
from collections import Counter
from dataclasses import replace
from time import process_time

import pytest
from lxml import etree

from envelopes import dsig
from envelopes.c14n import canonical
from envelopes.errors import NotTrusted
from envelopes.layout import NS
from envelopes.wording import Indication, Result
from tests.forgery import sign_edited
from tests.fuzz.wrapping import FIELDS, SHAPES, TRICKS, one, signature, unsigned, variants
from tests.letters import document, judge, letter, receipt, sign_raw
from tests.pki import OTHER

DS = dsig.DS
VOID_DIGEST = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # SHA-256 of nothing


def refused(data: bytes, *reasons: str) -> None:
    """Failed for one of these reasons, and the content is not given out."""
    report = judge(data)
    assert report.indication is Indication.FAILED
    assert report.reason in reasons, report.text("en")
    with pytest.raises(NotTrusted):
        report.require_passed()


def passes(data: bytes) -> None:
    assert judge(data).indication is Indication.PASSED, judge(data).text("en")


# -- A1 to A8 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 9))
def test_a1_to_a8_wrapping(number: int) -> None:
    """Shape `number` with every field and every trick: refused for what it is."""
    judged = [
        (variant.name, variant.reason, judge(variant.data))
        for variant in variants()
        if variant.shape == number
    ]
    assert len(judged) == len(FIELDS) * len(TRICKS)
    wrong = [name for name, reason, report in judged if report.reason != reason]
    assert not wrong
    for _, _, report in judged:
        assert report.indication is Indication.FAILED
        with pytest.raises(NotTrusted):
            report.require_passed()


def test_a1_to_a8_neighbours_and_number() -> None:
    made = list(variants())
    assert len(made) >= 200
    assert len({variant.data for variant in made}) == len(made)
    assert Counter(variant.shape for variant in made) == dict.fromkeys(range(1, 9), 45)
    assert len(SHAPES) == 8
    for data, path, wanted in FIELDS.values():
        passes(data)
        tree = etree.fromstring(data)
        assert one(tree, path).text != wanted
        assert canonical(tree) == data


@pytest.mark.parametrize("field", FIELDS)
def test_a1_to_a8_without_wrapping_the_digest_refuses(field: str) -> None:
    """The genuine signature under a forged document."""
    data, path, wanted = FIELDS[field]
    genuine = etree.fromstring(data)
    forged = unsigned(genuine)
    one(forged, path).text = wanted
    one(forged, "/e:edXML/e:edXMLEnvelope/e:edXMLHeader").append(signature(genuine))
    refused(canonical(forged), "HASH_FAILURE")


# -- A9 to A16 ---------------------------------------------------------------------------------

ID_TWINS = ['Id="SignedProperties"', 'ID="SignedProperties"', 'id="SignedProperties"']
ID_TWINS += ['xml:id="SignedProperties"', 'xmlns:z="urn:z" z:Id="SignedProperties"']


@pytest.mark.parametrize("attribute", ID_TWINS)
def test_a9_duplicate_id(attribute: str) -> None:
    data = letter().replace(b"<edXML:From>", f"<edXML:From {attribute}>".encode())
    refused(data, "DUPLICATE_ID")
    other = data.replace(attribute.encode(), attribute.replace("Signed", "Other").encode(), 1)
    refused(other, "HASH_FAILURE")


def test_a10_two_parts_of_a_signature() -> None:
    data = letter()
    info = re.search(rb"<ds:SignedInfo>.*</ds:SignedInfo>", data)
    value = re.search(rb"<ds:SignatureValue>.*</ds:SignatureValue>", data)
    assert info
    assert value
    copy = info[0].replace(b' Id="Envelope"', b"")
    forms = {
        "two SignedInfo": data.replace(info[0], info[0] + copy),
        "two SignedInfo, forged first": data.replace(info[0], copy + info[0]),
        "two SignatureValue": data.replace(value[0], value[0] * 2),
        "wrapped SignedInfo": data.replace(info[0], b"<ds:x>" + info[0] + b"</ds:x>"),
        "SignedInfo in Object": data.replace(info[0], b"").replace(
            b"<ds:Object>", b"<ds:Object>" + info[0]
        ),
        "another Object": data.replace(b"</ds:Signature>", b"<ds:Object/></ds:Signature>"),
    }
    for form in forms.values():
        refused(form, "SIGNATURE_MALFORMED")
    passes(data)


def test_a11_two_signatures() -> None:
    data = letter()
    other = sign_raw(document(), OTHER.signer("H05"))
    begin, end = other.index(dsig.START), other.index(dsig.END) + len(dsig.END)
    second = other[begin:end]
    without_ids = re.sub(rb' Id="[^"]*"', b"", second)
    for mark in (dsig.START, b"</edXML:edXMLHeader>"):  # before and behind the genuine one
        refused(data.replace(mark, second + mark, 1), "DUPLICATE_ID")
        refused(data.replace(mark, without_ids + mark, 1), "SEVERAL_SIGNATURES")
    moved = data.replace(data[data.index(dsig.START) : data.index(dsig.END) + len(dsig.END)], b"")
    head = b"<edXML:edXMLHeader>"
    refused(moved.replace(head, head + second), "SIGNATURE_MISPLACED")
    passes(data)


def test_a12_nothing_or_something_else_is_referenced() -> None:
    """Signed by the genuine key: only the rules on references refuse them."""
    passes(sign_edited())
    whole = re.compile(r'<ds:Reference Id="Envelope".*?</ds:Reference>')
    void = re.compile(r"(<ds:DigestValue>)[^<]*")
    edits = {
        "no reference": (lambda text: re.sub(r"<ds:Reference.*</ds:Reference>", "", text)),
        "only the properties": (lambda text: whole.sub("", text)),
        "no URI": (lambda text: text.replace(' URI=""', "", 1)),
        "xpointer": (lambda text: text.replace('URI=""', 'URI="#xpointer(/)"', 1)),
        "xpointer of an id": (
            lambda text: text.replace('URI=""', "URI=\"#xpointer(id('SignedProperties'))\"", 1)
        ),
        "the properties twice": (lambda text: text.replace('URI=""', 'URI="#SignedProperties"', 1)),
        "in another order": (
            lambda text: text.replace(whole.search(text)[0], "").replace(
                "</ds:SignedInfo>", whole.search(text)[0] + "</ds:SignedInfo>"
            )
        ),
    }
    for edit in edits.values():
        refused(sign_edited(signed_info=edit), "REFERENCES", "SIGNATURE_MALFORMED")
    nothing = sign_edited(signed_info=lambda text: void.sub(rf"\g<1>{VOID_DIGEST}", text, count=1))
    refused(nothing, "HASH_FAILURE")


def test_a13_what_no_signature_covers() -> None:
    """The attachments stand outside edXMLEnvelope; the reference is to the whole document."""
    data = letter()
    for old, new in (
        (b"UERG", b"UERH"),
        (b"</AttachmentEncoded>", b"<Attachment></Attachment></AttachmentEncoded>"),
        (b"</AttachmentEncoded>", b"</AttachmentEncoded><Extra></Extra>"),
        (b'version="1.0"', b'version="1.1"'),
        (b"<AttachmentName>", b"<AttachmentName>x"),
    ):
        changed = data.replace(old, new, 1)
        if changed == data:
            begin = data.index(b"ContentTransferEncoded xmlns")
            at = data.index(b">", begin) + 1
            changed = data[:at] + b"Q" + data[at + 1 :]
        refused(changed, "HASH_FAILURE", "CONTENT_UNREADABLE")
    refused(data.replace(b"</edXML>", b"<AttachmentEncoded/></edXML>"), "ELEMENT_COUNT")


def test_a14_a_manifest_proves_nothing() -> None:
    """ds:Manifest, which core validation does not check, has no place; that of edXML must agree
    with the attachments, even when all is signed."""
    manifest = "<ds:Manifest></ds:Manifest>"
    put = sign_edited(signature=lambda text: text.replace("<ds:Object>", f"<ds:Object>{manifest}"))
    refused(put, "SIGNATURE_MALFORMED")
    whole = document()
    twice = replace(whole, attachments=whole.attachments * 2)
    for wrong in (
        replace(whole, manifest=()),
        replace(whole, attachments=()),
        replace(whole, manifest=(replace(whole.manifest[0], content_id="cid:other"),)),
        replace(whole, manifest=whole.manifest * 2),
        twice,
    ):
        refused(sign_raw(wrong), "ATTACHMENTS_DISAGREE")
    passes(sign_raw(whole))


def test_a15_a_comment_that_cuts_a_text() -> None:
    for genuine, cut in ((b">H05<", b">H0<!---->5<"), (b">H05<", b"><!--x-->H05<")):
        refused(letter().replace(genuine, cut, 1), "COMMENT")
    signed = sign_raw(document(), parts=_cut(b">H05<", b">H0<!---->5<"))
    refused(signed, "COMMENT")
    passes(letter())


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (b">H0<?x y?>5<", "PROCESSING_INSTRUCTION"),
        (b">H0<![CDATA[5]]><", "CDATA"),
        (b">H0&#53;<", "CHARACTER_REFERENCE"),
        (b">H0&#x35;<", "CHARACTER_REFERENCE"),
        (b">&h;<", "CHARACTER_REFERENCE"),
    ],
)
def test_a16_a_text_that_two_parsers_read_differently(cut: bytes, reason: str) -> None:
    refused(letter().replace(b">H05<", cut, 1), reason)
    refused(sign_raw(document(), parts=_cut(b">H05<", cut)), reason)
    passes(letter())


def _cut(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    from envelopes import edxml

    before, after = edxml.split(document())
    return before.replace(old, new, 1), after


# -- A17 to A21 --------------------------------------------------------------------------------

XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"
STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:include href="file:///etc/passwd"></xsl:include></xsl:stylesheet>'
)


@pytest.mark.parametrize(
    ("transform", "reasons"),
    [
        (f'<ds:Transform Algorithm="{XSLT}">{STYLESHEET}</ds:Transform>', ("TRANSFORMS",)),
        (
            f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>false()</ds:XPath></ds:Transform>',
            ("TRANSFORMS",),
        ),
        (f'<ds:Transform Algorithm="{FILTER2}"></ds:Transform>', ("TRANSFORMS",)),
        (f'<ds:Transform Algorithm="{DS}base64"></ds:Transform>', ("TRANSFORMS",)),
        (f'<ds:Transform Algorithm="{dsig.EXC_C14N}"></ds:Transform>' * 1000, ("TRANSFORMS",)),
        (f'<ds:Transform Algorithm="{dsig.EXC_C14N}WithComments"></ds:Transform>', ("TRANSFORMS",)),
        ('<ds:Transform Algorithm="urn:unknown"></ds:Transform>', ("TRANSFORMS",)),
        ("", ("TRANSFORMS",)),
    ],
)
def test_a17_transforms(transform: str, reasons: tuple[str, ...]) -> None:
    """Beside and instead of the two that are allowed, signed by the genuine key."""
    usual = f'<ds:Transform Algorithm="{dsig.EXC_C14N}"></ds:Transform></ds:Transforms>'
    end = "</ds:Transforms>"
    edits = (
        lambda text: text.replace(usual, f"{transform}</ds:Transforms>", 1),
        lambda text: text.replace(end, f"{transform}{end}", 1),
    )
    for edit in edits if transform else edits[:1]:
        refused(sign_edited(signed_info=edit), *reasons)


@pytest.mark.parametrize(
    "name",
    [
        dsig.EXC_C14N + "WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "urn:unknown",
        "",
    ],
)
def test_a17_canonicalization(name: str) -> None:
    old = f'<ds:CanonicalizationMethod Algorithm="{dsig.EXC_C14N}">'
    new = f'<ds:CanonicalizationMethod Algorithm="{name}">'
    refused(sign_edited(signed_info=lambda text: text.replace(old, new)), "CANONICALIZATION")


def test_a18_a_tree_without_a_canonical_form() -> None:
    """CVE-2025-66568: it must not digest as nothing."""
    data = letter().replace(b"<edXML:From>", b'<edXML:From xmlns:x="relative/uri" x:a="b">')
    refused(data, "NOT_CANONICAL")
    assert next(c for c in judge(data).checks if c.step == 4).result is not Result.PASSED
    void = re.sub(rb"(<ds:DigestValue>)[^<]*", rb"\g<1>" + VOID_DIGEST.encode(), data, count=1)
    refused(void, "NOT_CANONICAL")


def test_a19_another_namespace_is_another_signature() -> None:
    for other in (DS + " ", DS.upper(), "urn:evil", NS):
        data = letter().replace(DS.encode(), other.encode())
        refused(data, "DUMMY_SIGNATURE", "NOT_XML")
    rebound = letter().replace(b'xmlns:edXML="' + NS.encode(), b'xmlns:edXML="urn:evil')
    refused(rebound, "ELEMENT_COUNT")
    passes(letter())


def test_a20_nothing_outside_is_fetched() -> None:
    """A listener on this machine sees no connection, whatever signature and document name."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        uris = (url, "file:///etc/passwd", "ftp://127.0.0.1/x", r"\\host\share", "cid:1", "x.xml")
        for uri in uris:
            edited = sign_edited(
                signed_info=lambda text, uri=uri: text.replace('""', f'"{uri}"', 1)
            )
            refused(edited, "REFERENCES", "SIGNATURE_MALFORMED")
        retrieval = f'<ds:RetrievalMethod URI="{url}"></ds:RetrievalMethod>'
        end = "</ds:KeyInfo>"
        keys = sign_edited(signature=lambda text: text.replace(end, retrieval + end))
        refused(keys, "KEY_INFO")
        location = (
            f'<edXML xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{NS} {url}" '
        ).encode()
        refused(letter().replace(b"<edXML ", location, 1), "NOT_CANONICAL", "HASH_FAILURE")
        style = f'<?xml-stylesheet href="{url}"?>'.encode()
        refused(style + letter(), "PROCESSING_INSTRUCTION")
        include = f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{url}"></i:include>'
        end_of_head = b"</edXML:MessageHeader>"
        included = letter().replace(end_of_head, include.encode() + end_of_head)
        refused(included, "HASH_FAILURE")
        dtd = f'<!DOCTYPE edXML SYSTEM "{url}">'.encode()
        refused(dtd + letter(), "DTD")
        with contextlib.suppress(BlockingIOError):
            pytest.fail(f"a connection came: {listener.accept()}")


@pytest.mark.parametrize("count", [3, 900, 5_000])
def test_a21_too_many_references(count: int) -> None:
    extra = '<ds:Reference URI=""></ds:Reference>' * (count - 2)
    end = "</ds:SignedInfo>"
    data = sign_edited(signed_info=lambda text: text.replace(end, extra + end))
    begin = process_time()
    refused(data, "REFERENCES")
    assert process_time() - begin < 1.0  # the row's own limit; it takes some milliseconds


def test_a_receipt_is_no_exception() -> None:
    """The rules hold for what proves receipt as for what it proves."""
    passes(receipt())
    refused(receipt().replace(b">01<", b">06<"), "HASH_FAILURE")
    refused(receipt().replace(b"dx:Received", b"dx:Deceived"), "HASH_FAILURE")
