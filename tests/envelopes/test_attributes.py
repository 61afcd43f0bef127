"""Unknown attributes and strangers: kept wherever they stand, and unable to spoil what we sign."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from envelopes import edxml
from envelopes.c14n import canonical
from envelopes.errors import Malformed
from envelopes.layout import NS
from envelopes.model import Attribute, Document, Message, Reference, Status, Stranger
from envelopes.pack import pack
from envelopes.record_reader import ATTRIBUTES_KEPT_MAX
from envelopes.wording import Indication
from tests.envelopes.test_reader import codes, wild
from tests.letters import document, judge, status
from tests.pki import AT, P256

XLINK = "http://www.w3.org/1999/xlink"
SOAP = 'mustUnderstand="1" actor="http://schemas.xmlsoap.org/soap/actor/next" id="t1"'


def test_those_of_the_other_kits_are_kept_where_they_stood() -> None:
    data = wild(
        header=f"<e:TraceHeaderList {SOAP}/>",
        body='<e:edXMLBody><e:edXMLManifest version="1.0">'
        f'<e:Reference xmlns:q="{XLINK}" q:href="cid:1" q:type="simple"/>'
        "</e:edXMLManifest></e:edXMLBody>",
        head='<e:ToPlaces><e:Place/><e:Place xml:lang="vi"/></e:ToPlaces>',
    )
    message, findings = edxml.read(data)
    assert isinstance(message, Document)
    assert message.trace is not None
    assert {one.name for one in message.trace.attributes} == {"mustUnderstand", "actor", "id"}
    assert message.manifest[0].attributes == {
        Attribute(f"{{{XLINK}}}href", "cid:1"),
        Attribute(f"{{{XLINK}}}type", "simple"),
    }
    assert message.to_places is not None
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    assert message.to_places.attributes == {Attribute(lang, "vi", "Place", 1)}
    assert {code for code, _ in codes(findings)} == {"W-FMT-042"}
    assert len(findings) == 6
    written = edxml.write(message)
    assert f'<edXML:Reference xmlns:xlink="{XLINK}" xlink:href="cid:1"'.encode() in written
    assert edxml.read(written)[0] == message


def test_the_bytes_are_canonical_and_the_order_is_that_of_canonical_xml() -> None:
    reference = Reference(
        content_id="cid:1",
        attributes=frozenset(
            {Attribute("b", "2"), Attribute("a", '<"&\t\n\r>'), Attribute("{urn:z}a", "3")}
        ),
    )
    data = edxml.write(replace(document(), manifest=(reference,)))
    assert canonical(etree.fromstring(data)) == data
    expected = (
        '<edXML:Reference xmlns:a0="urn:z" a="&lt;&quot;&amp;&#x9;&#xA;&#xD;>" b="2" a0:a="3">'
    )
    assert expected.encode() in data


@pytest.mark.parametrize("message", [document(), status()], ids=["document", "status"])
def test_a_signed_envelope_with_strangers_passes(message: Message) -> None:
    odd = replace(
        message,
        attributes=frozenset({Attribute("lang", "vi"), Attribute("{urn:z}a", "b", "edXML")}),
        strangers=(Stranger("edXML", "<Note>x</Note>"), Stranger("edXMLHeader", "<Hub>y</Hub>")),
    )
    organ = "H05" if isinstance(message, Document) else "H01"
    report = judge(pack(odd, P256.signer(organ), signing_time=AT))
    assert report.indication is Indication.PASSED, report.checks
    assert report.require_passed().message == odd
    assert {one.code for one in report.findings} == {"W-FMT-031", "W-FMT-042"}


@pytest.mark.parametrize(
    ("attribute", "element"),
    [
        ('Id="SignedProperties"', "Subject"),
        ('id="Envelope"', "Subject"),
        ('xml:id="Signature"', "Subject"),
        ('xmlns:z="urn:z" z:ID="Signature"', "Subject"),
        ('xmlns:z="relative" z:a="1"', "Subject"),
        ('xmlns:z="urn:a&amp;b" z:a="1"', "Subject"),
    ],
)
def test_what_could_not_be_written_again_is_left_out(attribute: str, element: str) -> None:
    message, findings = edxml.read(wild(head=f"<e:{element} {attribute}>x</e:{element}>"))
    assert codes(findings) == [("W-FMT-037", element)]
    assert message.attributes == frozenset()


def test_an_attribute_inside_a_stranger_is_part_of_it() -> None:
    _, findings = edxml.read(wild(header='<z:E xmlns:z="urn:z" a="1"><z:F b="2"/></z:E>'))
    assert codes(findings) == [("W-FMT-031", "E")]


def test_an_attribute_of_what_is_left_out_is_said_to_be() -> None:
    head, trace = "<e:StatusCode>03</e:StatusCode>", '<e:TraceHeaderList a="1"/>'
    _, findings = edxml.read(wild(head=head, header=trace))
    assert ("W-FMT-039", "TraceHeaderList") in codes(findings)
    assert ("W-FMT-037", "TraceHeaderList") in codes(findings)


def test_more_than_any_real_file_has_are_left_out() -> None:
    many = "".join(f' a{i}=""' for i in range(50))
    message, findings = edxml.read(wild(head=f"<e:ResponseFor{many}/>" * 100))
    assert isinstance(message, Document)
    kept = sum(len(one.attributes) for one in message.responses_to)
    assert ATTRIBUTES_KEPT_MAX <= kept < ATTRIBUTES_KEPT_MAX + 100
    assert findings[-1].code == "W-FMT-099"


def test_a_part_of_the_frame_as_a_stranger_is_left_out() -> None:
    inner = f'<e:edXMLBody xmlns:e="{NS}"/>'
    _, findings = edxml.read(wild(root=f'<z:E xmlns:z="urn:z">{inner}</z:E>'))
    assert codes(findings) == [("W-FMT-035", "E")]


@pytest.mark.parametrize(
    "attributes",
    [
        {Attribute("Id", "Envelope")},
        {Attribute("Id", "same"), Attribute("ID", "same", "Subject")},
        {Attribute("a", "1", "DueDate")},
        {Attribute("a", "1", "Subject", 1)},
        {Attribute("version", "2", "edXMLManifest")},
        {Attribute("a", "1"), Attribute("a", "2")},
        {Attribute("no name", "1")},
        {Attribute("a", "\x00")},
        {Attribute("{relative}a", "1")},
    ],
    ids=["our id", "two ids", "absent", "position", "known", "twice", "name", "NUL", "namespace"],
)
def test_no_model_makes_us_write_what_a_strict_reader_refuses(attributes: set[Attribute]) -> None:
    with pytest.raises(Malformed):
        edxml.write(replace(document(), attributes=frozenset(attributes)))


def test_strangers_may_be_all_that_is_attached() -> None:
    note = Stranger("AttachmentEncoded", "<Note></Note>")
    bare = replace(document(files=[]), strangers=(note,))
    assert edxml.read(edxml.write(bare))[0] == bare


def test_a_status_has_no_body_for_an_attribute() -> None:
    odd: Status = replace(status(), attributes=frozenset({Attribute("a", "1", "edXMLBody")}))
    with pytest.raises(Malformed, match="no element edXMLBody"):
        edxml.write(odd)
