"""envelopes.gate: what is kept out, and why; a valid neighbour stands beside each."""

from __future__ import annotations

import io
import zipfile

import pytest

from envelopes import gate
from envelopes.gate import Refused, open_gate


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def attributes(count: int) -> bytes:
    return b"<a " + b" ".join(b'x%d="1"' % i for i in range(count)) + b"/>"


def namespaces(count: int) -> bytes:
    return b"<a>" + b"".join(b'<b xmlns:p%d="urn:%d"/>' % (i, i) for i in range(count)) + b"</a>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EMPTY"),
        (b" \n ", "EMPTY"),
        (zipped(), "NOT_XML"),
        (b"%PDF-1.7", "NOT_XML"),
        (b"\x00" * 1000, "NOT_XML"),
        (b"<a>\x00</a>", "NOT_XML"),
        (b"<a>", "NOT_XML"),
        (b"<a></b>", "NOT_XML"),
        (b"<a/><a/>", "NOT_XML"),
        (b"<a b='<'/>", "NOT_XML"),
        (b"<a", "NOT_XML"),
        ("<a>ừ</a>".encode("utf-16"), "ENCODING"),
        (b"<a>\xff</a>", "ENCODING"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "ENCODING"),
        (b"<!DOCTYPE a><a/>", "DTD"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DTD"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "DTD"),
        (nested(gate.DEPTH_MAX + 1), "TOO_DEEP"),
        (nested(5000), "TOO_DEEP"),
        (b"<r>" + b"<a/>" * (2 * gate.ELEMENTS_MAX) + b"</r>", "TOO_MANY_ELEMENTS"),
        (attributes(gate.ATTRIBUTES_MAX + 1), "TOO_MANY_ATTRIBUTES"),
        (b'<a b="' + b"c" * gate.TAG_BYTES_MAX + b'"/>', "TOO_MANY_ATTRIBUTES"),
        (namespaces(gate.NAMESPACES_MAX + 1), "TOO_MANY_NAMESPACES"),
        (b'<a Id="1"><b Id="1"/></a>', "DUPLICATE_ID"),
        (b'<a Id="1"><b ID="1"/></a>', "DUPLICATE_ID"),
        (b'<a Id="i1"><b xml:id="i1"/></a>', "DUPLICATE_ID"),
        (b'<a id="1" xmlns:z="urn:z"><b z:Id="1"/></a>', "DUPLICATE_ID"),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_kept_out(data: bytes, reason: str, signed: bool) -> None:
    with pytest.raises(Refused) as refused:
        open_gate(data, signed=signed)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b"\xef\xbb\xbf<a/>",
        b'<?xml version="1.0" encoding="utf-8"?>\n<a/>',
        nested(gate.DEPTH_MAX),
        attributes(gate.ATTRIBUTES_MAX),
        namespaces(gate.NAMESPACES_MAX),
        b"<r>" + b"<a></a>" * 19_000 + b"</r>",
        b'<a b="&gt; > &amp;">\r\n&lt;&#xD;</a>',
        b'<a Id="1"><b Id="2"/><c ref="1"/></a>',
        "<a>Ủy ban nhân dân 😀</a>".encode(),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_let_in(data: bytes, signed: bool) -> None:
    assert open_gate(data, signed=signed).tag in ("a", "r")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<a><!-- x --></a>", "COMMENT"),
        (b"<!-- x --><a/>", "COMMENT"),
        (b"<a><?p x?></a>", "PROCESSING_INSTRUCTION"),
        (b"<a><![CDATA[x]]></a>", "CDATA"),
        (b"<a>&#65;</a>", "CHARACTER_REFERENCE"),
        (b"<a>&#x41;</a>", "CHARACTER_REFERENCE"),
        (b"<a>&apos;</a>", "CHARACTER_REFERENCE"),
    ],
)
def test_what_only_a_signed_envelope_may_not_hold(data: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        open_gate(data, signed=True)
    assert refused.value.reason == reason
    assert open_gate(data, signed=False).tag == "a"


@pytest.mark.parametrize("data", [b"<a>&#0;</a>", b"<a>&unknown;</a>", b"<!-- no end <a/>"])
def test_what_no_parser_takes(data: bytes) -> None:
    with pytest.raises(Refused, match="NOT_XML"):
        open_gate(data, signed=False)


def test_markup_inside_a_comment_is_no_markup() -> None:
    assert open_gate(b"<a><!-- <?x <![CDATA[ <b> --><c/></a>", signed=False).tag == "a"


def test_the_limit_is_exact() -> None:
    data = b"<a>" + b"x" * 93 + b"</a>"
    assert open_gate(data, signed=True, limit=100).tag == "a"
    with pytest.raises(Refused, match="TOO_LARGE"):
        open_gate(data + b" ", signed=True, limit=100)


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(Refused, match="line 3"):
        open_gate(b"<a>\n<b/>\n<!-- x --></a>", signed=True)


def test_nothing_is_fetched(tmp_path: object) -> None:
    root = open_gate(
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude">'
        b'<xi:include href="file:///etc/passwd" parse="text"/></a>',
        signed=False,
    )
    assert "root:" not in "".join(str(text) for text in root.itertext())


def test_a_text_of_ten_million_characters_is_let_in() -> None:
    begins = b"<edXML><AttachmentEncoded><Attachment><ContentTransferEncoded>"
    ends = b"</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>"
    data = begins + b"QUJD" * 2_600_000 + ends
    assert open_gate(data, signed=True, limit=len(data)).tag == "edXML"


def test_as_much_beside_attachments_is_refused() -> None:
    data = b"<a>" + b"QUJD" * 2_600_000 + b"</a>"
    with pytest.raises(Refused, match=r"TOO_LARGE.*beside the attachments"):
        open_gate(data, signed=True, limit=len(data))
