"""envelopes.writer: the exact bytes, and unknown elements that come out as they went in."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from envelopes import edxml, layout
from envelopes.c14n import canonical
from envelopes.errors import Malformed
from envelopes.gate import open_gate
from envelopes.model import (
    Attachment,
    Code,
    Document,
    Message,
    Organization,
    OtherInfo,
    Received,
    Reference,
    ResponseFor,
    StaffInfo,
    Status,
    Texts,
    Trace,
    TraceHeaderList,
)
from tests.letters import letter

NS = layout.NS


def test_the_bytes_of_a_small_document() -> None:
    """Written out by hand, so that the table is not its own witness."""
    document = Document(
        sender=Organization(organ_id="H05", name="A & B"),
        to=(Organization(organ_id="H01"),),
        code=Code(number="98", notation=""),
        subject="<x>\r\n",
        other_info=OtherInfo(priority_text="0", appendixes=Texts(items=("p",))),
        to_places=Texts(items=("VT",)),
        trace=TraceHeaderList(traces=(Trace(timestamp="t"),), paper="0"),
        manifest_version='1"0',
        manifest=(Reference(content_id="cid:1"),),
        attachments=(Attachment(content_id="cid:1", name="a", content=b"ABCD"),),
    )
    expected = (
        f'<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>'
        "<edXML:MessageHeader>"
        "<edXML:From><edXML:OrganId>H05</edXML:OrganId>"
        "<edXML:OrganName>A &amp; B</edXML:OrganName></edXML:From>"
        "<edXML:To><edXML:OrganId>H01</edXML:OrganId></edXML:To>"
        "<edXML:Code><edXML:CodeNumber>98</edXML:CodeNumber>"
        "<edXML:CodeNotation></edXML:CodeNotation></edXML:Code>"
        "<edXML:Subject>&lt;x&gt;&#xD;\n</edXML:Subject>"
        "<edXML:OtherInfo><edXML:Priority>0</edXML:Priority>"
        "<edXML:Appendixes><edXML:Appendix>p</edXML:Appendix></edXML:Appendixes></edXML:OtherInfo>"
        "<edXML:ToPlaces><edXML:Place>VT</edXML:Place></edXML:ToPlaces></edXML:MessageHeader>"
        "<edXML:TraceHeaderList><edXML:TraceHeader><edXML:Timestamp>t</edXML:Timestamp>"
        "</edXML:TraceHeader><edXML:Paper>0</edXML:Paper></edXML:TraceHeaderList>"
        "</edXML:edXMLHeader><edXML:edXMLBody>"
        '<edXML:edXMLManifest version="1&quot;0"><edXML:Reference>'
        "<edXML:ContentId>cid:1</edXML:ContentId></edXML:Reference></edXML:edXMLManifest>"
        "</edXML:edXMLBody></edXML:edXMLEnvelope><AttachmentEncoded><Attachment>"
        "<ContentId>cid:1</ContentId><AttachmentName>a</AttachmentName>"
        f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">QUJDRA==</edXML:ContentTransferEncoded>'
        "</Attachment></AttachmentEncoded></edXML>"
    )
    assert edxml.write(document).decode() == expected


def test_the_bytes_of_a_small_status() -> None:
    """Received is the last child of MessageHeader, whatever unknown elements there are."""
    status = Status(
        sender=Organization(organ_id="H01"),
        response_for=ResponseFor(organ_id="H05"),
        staff=StaffInfo(staff="B"),
        status_code="01",
        received=Received(algorithm="a&b", value="q"),
        unknown=('<z:E xmlns:z="urn:z"></z:E>',),
    )
    expected = (
        f'<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>'
        "<edXML:MessageHeader><edXML:From><edXML:OrganId>H01</edXML:OrganId></edXML:From>"
        "<edXML:ResponseFor><edXML:OrganId>H05</edXML:OrganId></edXML:ResponseFor>"
        "<edXML:StaffInfo><edXML:Staff>B</edXML:Staff></edXML:StaffInfo>"
        '<edXML:StatusCode>01</edXML:StatusCode><z:E xmlns:z="urn:z"></z:E>'
        '<dx:Received xmlns:dx="urn:docexchange:1"><dx:DigestMethod Algorithm="a&amp;b">'
        "</dx:DigestMethod><dx:DigestValue>q</dx:DigestValue></dx:Received>"
        "</edXML:MessageHeader></edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"
    )
    assert edxml.write(status).decode() == expected


# Each is exclusive C14N text of an element, in namespaces that clash with ours.
STRANGERS = (
    "<Bare>x</Bare>",
    '<Bare a="1"><Inner></Inner></Bare>',
    '<z:E xmlns:z="urn:z"><Bare>&amp;&lt;&gt;&#xD;</Bare></z:E>',
    '<E xmlns="urn:d"><z:F xmlns:z="urn:z"><G></G></z:F></E>',
    '<E xmlns="urn:d"><Bare xmlns=""></Bare></E>',
    '<edXML:E xmlns:edXML="urn:clash"><E></E></edXML:E>',
    f'<edXML:New xmlns:edXML="{NS}">x</edXML:New>',
    f'<New xmlns="{NS}"><Bare xmlns=""></Bare></New>',
    '<E xmlns="urn:d" xmlns:z="urn:z" b="&lt;" z:a="&#x9;&quot;">\U0001f600</E>',
)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_an_unknown_element_is_the_same_element_afterwards(stranger: str) -> None:
    """Same names in the same namespaces: compared as a parser of nobody's sees them."""
    document = Document(sender=Organization(organ_id="H05", unknown=(stranger,)))
    data = edxml.write(document)
    root = etree.fromstring(data)
    sender = root.find(f".//{{{NS}}}From")
    assert sender is not None
    went_in = [(one.tag, dict(one.attrib), one.text) for one in etree.fromstring(stranger).iter()]
    came_out = [(one.tag, dict(one.attrib), one.text) for one in sender[-1].iter()]
    assert came_out == went_in
    assert canonical(root) == data
    assert edxml.read(root)[0] == document


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(st.sampled_from(STRANGERS), max_size=3).map(tuple),
    st.lists(st.sampled_from(STRANGERS), max_size=2).map(tuple),
)
def test_any_unknown_elements_in_any_record_read_back(
    first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    messages: tuple[Message, ...] = (
        Document(
            sender=Organization(organ_id="H05", unknown=first),
            to_places=Texts(items=("x",), unknown=second),
            trace=TraceHeaderList(traces=(Trace(unknown=first),), unknown=second),
            manifest=(Reference(unknown=first),),
            attachments=(Attachment(content=b"x", unknown=second),),
            unknown=second,
        ),
        Status(
            sender=Organization(organ_id="H01"),
            status_code="01",
            received=Received(algorithm="a", value="q", unknown=second),
            unknown=first,
        ),
    )
    for message in messages:
        data = edxml.write(message)
        root = open_gate(data, signed=True)
        assert canonical(root) == data
        before, after = edxml.split(message)
        assert before + after == data
        assert b"".join(edxml.pieces(message)) == data
        assert after.startswith(b"</edXML:edXMLHeader>")
        assert edxml.read(root)[0] == message


@pytest.mark.parametrize(
    "text",
    [
        "no element",
        "<open>",
        "</edXML:From><edXML:From>",
        "<a></a><b></b>",
        "<unbound:a></unbound:a>",
        "<a>\ud800</a>",
        '<a xmlns="relative"></a>',
        '<mark xmlns="urn:docexchange:mark"></mark>',
    ],
)
def test_what_is_not_one_element_is_not_written(text: str) -> None:
    document = Document(sender=Organization(organ_id="H05", unknown=(text,)))
    with pytest.raises(Malformed):
        edxml.write(document)
    assert edxml.write(replace(document, sender=Organization(organ_id="H05")))


def test_the_ids_of_our_signature_are_those_that_strangers_may_not_bear() -> None:
    ids = re.findall(rb' Id="([^"]+)"', letter())
    assert {one.decode() for one in ids} == layout.SIGNATURE_IDS
