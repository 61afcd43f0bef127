"""envelopes.reader: nothing of a file is left out in silence, and what is kept spoils nothing."""

from __future__ import annotations

import pybase64
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from envelopes import edxml, layout
from envelopes.errors import Malformed
from envelopes.findings import FINDINGS_MAX
from envelopes.gate import open_gate
from envelopes.model import Document, Received, Status
from envelopes.pack import pack
from envelopes.wording import Indication
from tests.letters import document, judge
from tests.pki import AT, P256

NS = layout.NS
DSIG = "http://www.w3.org/2000/09/xmldsig#"


def wild(
    head: str = "", header: str = "", body: str = "", root: str = "", before: str = ""
) -> bytes:
    """A complete small document with something odd at one place."""
    return (
        f'{before}<edXML xmlns="{NS}"><e:edXMLEnvelope xmlns:e="{NS}"><e:edXMLHeader>'
        "<e:MessageHeader><e:From><e:OrganId>H05</e:OrganId></e:From>"
        f"<e:To><e:OrganId>H01</e:OrganId></e:To>{head}</e:MessageHeader>{header}</e:edXMLHeader>"
        f"{body}</e:edXMLEnvelope>{root}</edXML>"
    ).encode()


def codes(findings: tuple[edxml.Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.code, finding.element) for finding in findings]


def test_the_plain_neighbour_has_no_finding() -> None:
    assert edxml.read(wild())[1] == ()


@pytest.mark.parametrize(
    ("data", "code", "element"),
    [
        (wild(header="<e:Extra/>"), "W-FMT-031", "Extra"),
        (wild(root="<Extra/>"), "W-FMT-031", "Extra"),
        (wild(root="<AttachmentEncoded><Extra/></AttachmentEncoded>"), "W-FMT-031", "Extra"),
        (wild(body="<e:edXMLBody><e:Extra/></e:edXMLBody>"), "W-FMT-031", "Extra"),
        (
            wild(body=f"<e:edXMLBody>{'<e:edXMLManifest/>' * 2}</e:edXMLBody>"),
            "W-FMT-032",
            "edXMLManifest",
        ),
        (wild(head='<e:Subject lang="vi">x</e:Subject>'), "W-FMT-042", "Subject"),
        (wild(head="a stray text"), "W-FMT-038", "MessageHeader"),
        (wild(head="<e:ToPlaces>Các bộ</e:ToPlaces>"), "W-FMT-038", "ToPlaces"),
        (wild(head="<e:Subject>a<e:B/></e:Subject>"), "W-FMT-033", "Subject"),
        (wild(before="<!-- x -->"), "W-FMT-040", "comment"),
        (wild(head="<?p x?>"), "W-FMT-040", "processing instruction"),
        (wild(head="<e:Subject><![CDATA[a<b]]></e:Subject>"), "W-FMT-041", "CDATA"),
        (wild(header="<e:TraceHeaderList><e:TraceHeader><e:OrganId>null</e:OrganId>"
              "</e:TraceHeader></e:TraceHeaderList>"), "W-FMT-036", "OrganId"),
    ],
)  # fmt: skip
def test_what_is_odd_or_left_out_is_said(data: bytes, code: str, element: str) -> None:
    _, findings = edxml.read(data)
    assert (code, element) in codes(findings)


def test_a_trace_without_organ_is_read() -> None:
    data = wild(header="<e:TraceHeaderList><e:TraceHeader/></e:TraceHeaderList>")
    message, findings = edxml.read(data)
    assert isinstance(message, Document)
    assert message.trace is not None
    assert message.trace.traces[0].organ_id is None
    assert findings == ()


def test_cdata_is_the_text_that_it_stands_for() -> None:
    message, _ = edxml.read(wild(head="<e:Subject>1 <![CDATA[a<b]]> 2</e:Subject>"))
    assert isinstance(message, Document)
    assert message.subject == "1 a<b 2"


@pytest.mark.parametrize(
    ("written", "repaired", "code"),
    [
        ("2026/1/5", "2026/01/05", "W-FMT-014"),
        ("05/01/0020", "0020/01/05", "W-FMT-014"),
        ("٢٠٢٠/١٠/٣٠", "٢٠٢٠/١٠/٣٠", "E-FMT-014"),
    ],
)
def test_odd_dates_have_one_meaning_or_none(written: str, repaired: str, code: str) -> None:
    message, findings = edxml.read(wild(head=f"<e:DueDate>{written}</e:DueDate>"), repair=True)
    assert isinstance(message, Document)
    assert (message.due_date, codes(findings)) == (repaired, [(code, "DueDate")])


def test_parts_of_a_document_in_a_status_are_said() -> None:
    data = wild(head="<e:StatusCode>03</e:StatusCode>", header="<e:TraceHeaderList/>")
    message, findings = edxml.read(data)
    assert isinstance(message, Status)
    assert ("W-FMT-039", "TraceHeaderList") in codes(findings)


RECEIVED = (
    '<r:Received xmlns:r="urn:docexchange:1"><r:DigestMethod Algorithm="a"/>'
    "<r:DigestValue>q</r:DigestValue></r:Received>"
)


def test_what_a_receipt_says_of_a_journal_is_read_once() -> None:
    said = "<r:Checkpoint>5 a b c</r:Checkpoint>"
    once = RECEIVED.replace("</r:Received>", said + "</r:Received>")
    one, findings = edxml.read(wild(head="<e:StatusCode>01</e:StatusCode>" + once))
    assert isinstance(one, Status)
    assert one.received == Received(algorithm="a", value="q", checkpoint="5 a b c")
    assert ("W-FMT-031", "Checkpoint") not in codes(findings)
    twice = once.replace(said, 2 * said)
    _, findings = edxml.read(wild(head="<e:StatusCode>01</e:StatusCode>" + twice))
    assert ("W-FMT-031", "Checkpoint") in codes(findings)


def test_two_digests_of_what_was_received_prove_nothing() -> None:
    one, _ = edxml.read(wild(head="<e:StatusCode>01</e:StatusCode>" + RECEIVED))
    assert isinstance(one, Status)
    assert one.received == Received(algorithm="a", value="q")
    two, findings = edxml.read(wild(head="<e:StatusCode>01</e:StatusCode>" + 2 * RECEIVED))
    assert isinstance(two, Status)
    assert two.received is None
    assert codes(findings).count(("W-FMT-031", "Received")) == 2


def test_what_is_kept_is_not_said_to_be_left_out() -> None:
    message, findings = edxml.read(wild(head='<z:E xmlns:z="urn:z" a="1">b<z:F c="2"/>d</z:E>'))
    assert message.unknown == ('<z:E xmlns:z="urn:z" a="1">b<z:F c="2"></z:F>d</z:E>',)
    assert codes(findings) == [("W-FMT-031", "E")]


def test_a_hostile_file_does_not_flood_the_findings() -> None:
    _, findings = edxml.read(wild(head="<e:Extra/>" * 5_000))
    assert len(findings) == FINDINGS_MAX + 1
    assert findings[-1].code == "W-FMT-099"


# -- what a mailroom's file holds must not spoil the envelope that we sign ---------------------


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        (f'<Signature xmlns="{DSIG}"/>', "W-SIG-002"),
        (f'<z:E xmlns:z="urn:z"><Signature xmlns="{DSIG}"/></z:E>', "W-SIG-002"),
        ("<e:edXMLHeader/>", "W-FMT-035"),
        ('<z:E xmlns:z="urn:z"><e:TraceHeaderList/></z:E>', "W-FMT-035"),
        ('<z:E xmlns:z="urn:z" Id="SignedProperties"/>', "W-FMT-035"),
        ('<z:E xmlns:z="urn:z" z:id="Envelope"/>', "W-FMT-035"),
        ('<z:E xmlns:z="urn:z"><?p x?>a<!-- b -->c</z:E>', "W-FMT-040"),
        ('<E xmlns="">bare</E>', "W-FMT-031"),
        ('<z:E xmlns:z="urn:z" Id="theirs">kept</z:E>', "W-FMT-031"),
    ],
)
def test_what_is_signed_after_an_odd_file_passes(odd: str, code: str) -> None:
    plain = edxml.write(document())
    message, findings = edxml.read(
        plain.replace(b"</edXML:MessageHeader>", b"%s</edXML:MessageHeader>" % _ours(odd))
    )
    assert code in [finding.code for finding in findings]
    report = judge(pack(message, P256.signer("H05"), signing_time=AT))
    assert report.indication is Indication.PASSED, report.checks


def _ours(odd: str) -> bytes:
    return odd.replace("<e:", "<edXML:").replace("</e:", "</edXML:").encode()


def test_an_element_that_has_no_canonical_form_is_malformed() -> None:
    with pytest.raises(Malformed, match="line 1 E: cannot be kept"):
        edxml.read(wild(head='<z:E xmlns:z="relative"/>'))


# -- base64 of what was signed -----------------------------------------------------------------

ALPHABET = "ABCDwxyz0189+/=-_ \n"


def exact(text: str) -> bytes | None:
    """By the book: decode, write again, compare."""
    try:
        content = pybase64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content if pybase64.b64encode(content).decode() == text else None


@settings(max_examples=600, derandomize=True, deadline=None)
@given(
    st.text(ALPHABET, max_size=12)
    | st.tuples(st.binary(max_size=9), st.text(ALPHABET, max_size=2), st.integers(0, 13)).map(
        lambda parts: _inserted(pybase64.b64encode(parts[0]).decode(), parts[1], parts[2])
    )
)
def test_only_the_one_text_of_some_bytes_is_taken(text: str) -> None:
    data = wild(
        root="<AttachmentEncoded><Attachment><ContentTransferEncoded>"
        f"{text}</ContentTransferEncoded></Attachment></AttachmentEncoded>"
    )
    expected = exact(text)
    try:
        message, _ = edxml.read(open_gate(data, signed=True))
    except Malformed as malformed:
        assert malformed.element == "ContentTransferEncoded"
        assert expected is None
    else:
        assert isinstance(message, Document)
        assert message.attachments[0].content == expected


def _inserted(text: str, more: str, at: int) -> str:
    return text[:at] + more + text[at + len(more) :]


def test_elements_inside_base64_are_refused_and_inside_a_digest_are_no_digest() -> None:
    encoded = "<ContentTransferEncoded>QU<b/>JD</ContentTransferEncoded>"
    data = wild(root=f"<AttachmentEncoded><Attachment>{encoded}</Attachment></AttachmentEncoded>")
    for source in (data, etree.fromstring(data)):
        with pytest.raises(Malformed, match="holds elements, expected base64 alone"):
            edxml.read(source)
    odd = RECEIVED.replace("q</r:DigestValue>", "q<r:x/></r:DigestValue>")
    message, findings = edxml.read(wild(head="<e:StatusCode>01</e:StatusCode>" + odd))
    assert isinstance(message, Status)
    assert message.received is not None
    assert message.received.value == ""
    assert ("W-FMT-031", "DigestValue") in codes(findings)


def test_an_organ_with_elements_inside_is_none() -> None:
    inside = "<e:OrganId>H0<e:x/>5</e:OrganId>"
    message, findings = edxml.read(wild().replace(b"<e:OrganId>H05</e:OrganId>", inside.encode()))
    assert message.sender.organ_id == ""
    assert message.sender.unknown
    assert codes(findings) == [("W-FMT-033", "OrganId"), ("E-FMT-011", "OrganId")]


def test_a_tree_with_comments_can_be_read_too() -> None:
    root = etree.fromstring(wild(head="<e:Subject>a<!-- x -->b</e:Subject>"))
    message, _ = edxml.read(root)
    assert isinstance(message, Document)
    assert message.subject == "ab"
