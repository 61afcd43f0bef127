"""envelopes.edxml: reading what the wild writes, writing what everybody reads."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import fields, replace

import pytest
from lxml import etree

from envelopes import edxml, layout, model
from envelopes.c14n import canonical
from envelopes.errors import Malformed
from envelopes.model import (
    Attachment,
    Business,
    Code,
    Document,
    Organization,
    PromulgationInfo,
    Received,
    Reference,
    ResponseFor,
    StaffInfo,
    Status,
    Texts,
    Trace,
    TraceHeaderList,
)

SMALL = Document(
    sender=Organization(organ_id="H05", name="UBND tỉnh Bắc Ninh"),
    to=(Organization(organ_id="H01"), Organization(organ_id="000.00.00.H13")),
    document_id="H05,2026/06/01,98/QĐ-UBND",
    code=Code(number="98", notation="QĐ-UBND"),
    promulgation=PromulgationInfo(place="Bắc Ninh", date="2026/06/01"),
    subject='Quy chế <mới> & "cũ"',
    to_places=Texts(items=("Như trên", "Lưu: VT")),
    trace=TraceHeaderList(traces=(Trace(organ_id="H05"), Trace()), business=Business(type="0")),
    manifest=(Reference(content_id="cid:1", name="a.pdf"),),
    attachments=(Attachment(content_id="cid:1", name="a.pdf", content=b"%PDF \x00\xff"),),
)
RECEIPT = Status(
    sender=Organization(organ_id="H01"),
    response_for=ResponseFor(organ_id="H05", code="98/QĐ-UBND", document_id="x"),
    staff=StaffInfo(staff="Trần Thị B"),
    status_code="01",
    timestamp="2026/06/01 08:00:00",
    received=Received.sha256("ab" * 32),
)


def again(message: model.Message) -> model.Message:
    """Write, parse and read again, strictly; nothing may be odd."""
    written, findings = edxml.read(etree.fromstring(edxml.write(message)))
    assert findings == ()
    return written


@pytest.mark.parametrize("message", [SMALL, RECEIPT], ids=["document", "status"])
def test_reading_what_was_written_gives_the_same(message: model.Message) -> None:
    assert again(message) == message


@pytest.mark.parametrize("message", [SMALL, RECEIPT], ids=["document", "status"])
def test_what_is_written_is_its_own_canonical_form(message: model.Message) -> None:
    data = edxml.write(message)
    assert canonical(etree.fromstring(data)) == data


def test_the_two_parts_meet_where_the_signature_stands() -> None:
    before, after = edxml.split(SMALL)
    assert before + after == edxml.write(SMALL)
    assert before.endswith(b"</edXML:TraceHeaderList>")
    assert after.startswith(b"</edXML:edXMLHeader>")


def test_of_the_pieces_only_contents_begin_with_no_tag() -> None:
    pieces = edxml.pieces(SMALL)
    assert b"".join(pieces) == edxml.write(SMALL)
    contents = [b64encode(one.content) for one in SMALL.attachments]
    assert [piece for piece in pieces if not piece.startswith(b"<")] == contents
    assert len(contents) > 0


def test_the_prefixes_are_those_of_the_official_kit() -> None:
    text = edxml.write(SMALL).decode()
    assert text.startswith(f'<edXML xmlns="{layout.NS}"><edXML:edXMLEnvelope xmlns:edXML=')
    assert "<AttachmentEncoded><Attachment><ContentId>cid:1</ContentId>" in text
    assert f'<edXML:ContentTransferEncoded xmlns:edXML="{layout.NS}">' in text


def test_business_and_priority_are_numbers_or_nought() -> None:
    assert (SMALL.business, SMALL.priority) == (0, 0)
    recall = replace(SMALL, trace=TraceHeaderList(business=Business(type="1")))
    assert recall.business == 1
    odd = replace(SMALL, trace=TraceHeaderList(business=Business(type="seven")))
    assert odd.business == 0


@pytest.mark.parametrize("text", ["a\x00b", "a\x0bb", "\ufffe", "\ud800"])
def test_what_xml_cannot_carry_is_not_written(text: str) -> None:
    with pytest.raises(Malformed, match="cannot stand in XML"):
        edxml.write(replace(SMALL, subject=text))


# -- the wild --------------------------------------------------------------------------------


def wild(header: str = "", head: str = "", attachment: str = "QUJD") -> bytes:
    """A small envelope as another system might write it."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<e:edXML xmlns:e="{layout.NS}">
  <e:AttachmentEncoded><e:Attachment>
    <e:ContentTransferEncoded>{attachment}</e:ContentTransferEncoded>
    <e:ContentId>1</e:ContentId>
  </e:Attachment></e:AttachmentEncoded>
  <e:edXMLEnvelope><e:edXMLHeader>{header}<e:MessageHeader>
    <e:Subject>Trích yếu</e:Subject>
    <e:To><e:OrganId>H01</e:OrganId></e:To>
    <e:From><e:OrganName>Bắc Ninh</e:OrganName><e:OrganId>H05</e:OrganId></e:From>
    {head}
  </e:MessageHeader></e:edXMLHeader></e:edXMLEnvelope>
</e:edXML>""".encode()


def codes(findings: tuple[edxml.Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.code, finding.element) for finding in findings]


def read(data: bytes, *, repair: bool = False) -> tuple[Document, tuple[edxml.Finding, ...]]:
    message, findings = edxml.read(data, repair=repair)
    assert isinstance(message, Document)
    return message, findings


def test_any_order_and_any_prefix() -> None:
    message, findings = read(wild())
    assert message.sender == Organization(organ_id="H05", name="Bắc Ninh")
    assert message.attachments[0].content == b"ABC"
    assert findings == ()


@pytest.mark.parametrize(
    ("written", "repaired", "code"),
    [
        ("30/10/2020", "2020/10/30", "W-FMT-014"),
        ("2020-10-30", "2020/10/30", "W-FMT-014"),
        ("2020/13/01", "2020/13/01", "E-FMT-014"),
        ("2014/02/30", "2014/02/30", "E-FMT-014"),
        ("hôm qua", "hôm qua", "E-FMT-014"),
    ],
)
def test_dates_are_put_right_and_it_is_said(written: str, repaired: str, code: str) -> None:
    data = wild(head=f"<e:DueDate>{written}</e:DueDate>")
    message, findings = read(data, repair=True)
    assert message.due_date == repaired
    assert codes(findings) == [(code, "DueDate")]
    untouched, findings = read(data)
    assert untouched.due_date == written
    assert codes(findings) == [(code, "DueDate")]


def test_a_right_date_is_no_finding() -> None:
    assert read(wild(head="<e:DueDate>2020/10/30</e:DueDate>"), repair=True)[1] == ()
    assert read(wild(head="<e:DueDate></e:DueDate>"), repair=True)[0].due_date == ""


def test_an_unknown_element_is_kept_and_written_again() -> None:
    stranger = '<z:Extra xmlns:z="urn:z" a="1"><z:B>x</z:B></z:Extra>'
    message, findings = read(wild(head=stranger))
    assert codes(findings) == [("W-FMT-031", "Extra")]
    assert message.unknown == (stranger,)
    data = edxml.write(message)
    assert canonical(etree.fromstring(data)) == data
    rewritten, _ = edxml.read(etree.fromstring(data))
    assert rewritten == message


def test_an_unknown_element_of_their_own_namespace_is_kept() -> None:
    message, findings = read(wild(head="<e:Neu>x</e:Neu>"))
    assert codes(findings) == [("W-FMT-031", "Neu")]
    assert edxml.read(etree.fromstring(edxml.write(message)))[0] == message


def test_a_field_that_stands_twice_loses_nothing() -> None:
    message, findings = read(wild(head="<e:Subject>Khác</e:Subject>"))
    assert message.subject == "Trích yếu"
    assert codes(findings) == [("W-FMT-032", "Subject")]
    assert "Khác" in message.unknown[0]


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("<e:DigitalSignature/>", "W-SIG-002"),
        ("<Signature><SignedInfo/></Signature>", "W-SIG-002"),
        ('<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>', "W-SIG-002"),
        (
            '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignatureValue/></Signature>',
            "W-SIG-001",
        ),
    ],
)
def test_an_earlier_signature_is_left_out_and_it_is_said(signature: str, code: str) -> None:
    _, findings = read(wild(header=signature))
    assert [one for one, _ in codes(findings)] == [code]


def test_a_comment_inside_a_text_does_not_cut_it() -> None:
    message, findings = read(wild(head="<e:DocumentId>a<!-- x -->b</e:DocumentId>"))
    assert message.document_id == "ab"
    assert codes(findings) == [("W-FMT-040", "comment")]


def test_blanks_are_taken_off_and_it_is_said() -> None:
    data = wild(head="<e:DocumentId>\n  a b\n</e:DocumentId>")
    message, findings = read(data, repair=True)
    assert message.document_id == "a b"
    assert codes(findings) == [("W-FMT-030", "DocumentId")]


def test_base64_with_line_breaks_is_read_with_a_finding() -> None:
    message, findings = read(wild(attachment="QU\nJD\n"))
    assert message.attachments[0].content == b"ABC"
    assert codes(findings) == [("W-FMT-050", "ContentTransferEncoded")]


@pytest.mark.parametrize("text", ["${__StringFromFile(test.txt,,,)}", "QUJ", "Q===", "QU-_"])
def test_what_is_not_base64_is_malformed_with_its_line(text: str) -> None:
    with pytest.raises(Malformed, match=r"line 4 ContentTransferEncoded: is not base64"):
        read(wild(attachment=text))


def test_base64_of_a_signed_envelope_must_be_exact() -> None:
    assert read(wild(attachment="QR=="))[1][0].code == "W-FMT-051"
    with pytest.raises(Malformed, match="not canonical base64"):
        edxml.read(etree.fromstring(wild(attachment="QR==")))
    with pytest.raises(Malformed, match="not base64"):
        edxml.read(etree.fromstring(wild(attachment="QU JD")))


def test_missing_sender_and_recipients_are_errors_that_are_said() -> None:
    data = wild().replace(b"e:From", b"e:Gone").replace(b"e:To>", b"e:Tu>")
    message, findings = read(data)
    assert message.recipients == ()
    assert ("E-FMT-010", "To") in codes(findings)
    assert ("E-FMT-011", "From") in codes(findings)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<a/>", "expected edXML"),
        (f'<edXML xmlns="{layout.NS}"/>'.encode(), "0 edXMLEnvelope"),
        (
            wild().replace(b"<e:edXMLHeader>", b"<e:edXMLHeader/><e:edXMLHeader>"),
            "2 edXMLHeader",
        ),
        (b"", "EMPTY"),
    ],
)
def test_what_is_no_envelope_is_malformed(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        edxml.read(data)


def test_the_table_covers_every_field_of_every_record() -> None:
    elsewhere = {
        model.Document: {
            *("trace", "errors", "manifest_version", "manifest", "attachments", "strangers"),
        },
        model.Status: {"received", "strangers"},
        model.Attachment: {"content", "stored"},
    }
    for record, row in layout.LAYOUT.items():
        named = {field.attribute for field in row} | elsewhere.get(record, set())
        named |= {"unknown", "attributes"}
        assert named == {field.name for field in fields(record)}, record
