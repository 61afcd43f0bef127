"""envelopes.gate: what it costs is in proportion to the size, and what it lets in is what it says.

Costs are compared with each other, never with a clock on the wall: eight times the size may cost
eight times as much and not sixty-four times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from envelopes import gate
from envelopes.gate import Refused, open_gate

SMALL, LARGE = 2_000, 16_000  # bytes, under TAG_BYTES_MAX; 8 times
GROWTH_MAX = 24  # linear is 8, quadratic 64
ROUNDS = 7
CLOCK = 50e-6  # seconds; below that a measurement says nothing


def fill(before: bytes, unit: bytes, after: bytes) -> Callable[[int], bytes]:
    return lambda size: before + unit * (size // len(unit)) + after


SHAPES = {
    "a name without a value": fill(b"<a ", b"b", b" " + b"=" * 70 + b">"),
    "names without values": fill(b"<a ", b"b ", b"=" * 70 + b">"),
    "xmlns in a row": fill(b"<a ", b"xmlns", b" " + b"=" * 70 + b">"),
    "xmlns with spaces": fill(b"<a ", b" xmlns", b" " + b"=" * 70 + b">"),
    "spaces before =": fill(b"<a b", b" ", b"=" * 70 + b">"),
    "quotes in quotes": fill(b'<a b="', b" xmlns='", b'"' + b" c='1'" * 70 + b">"),
    "open quotes": fill(b"<a ", b"b='c\" ", b">"),
    "closing marks of a comment": fill(b"<a><!--", b"- ->", b"--></a>"),
    "comments": fill(b"<a>", b"<!---->", b"</a>"),
    "ends of CDATA": fill(b"<a><![CDATA[", b"]]", b"]]></a>"),
    "instructions": fill(b"<a>", b"<?a?>", b"</a>"),
    "ampersands": fill(b"<a>", b"&amp;", b"</a>"),
    "a declaration without an end": fill(b"<?xml ", b"encoding = ", b""),
    "text": fill(b"<a>", b"QUJD", b"</a>"),
}


def cost(data: bytes, signed: bool) -> float:
    """CPU seconds of the gate."""
    begin = process_time()
    with contextlib.suppress(Refused):
        open_gate(data, signed=signed)
    return process_time() - begin


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_size_costs_about_eight_times(shape: str, signed: bool) -> None:
    """The least of many, both sizes in turn: what else runs here can only add to a cost."""
    small, large = 1.0, 1.0
    for _ in range(ROUNDS):
        small = min(small, cost(SHAPES[shape](SMALL), signed))
        large = min(large, cost(SHAPES[shape](LARGE), signed))
    for _ in range(10 * ROUNDS):  # a busy machine: look longer, still for the least
        if large < GROWTH_MAX * max(small, CLOCK):
            break
        large = min(large, cost(SHAPES[shape](LARGE), signed))
    assert large < GROWTH_MAX * max(small, CLOCK)


# -- what is declared ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ('<?xml version="1.0" encoding="UTF-8"?>', ""),
        ("<?xml version='1.0' encoding = 'utf-8' standalone='yes'?>", ""),
        ('<?xml version="1.0" encoding="UTF-7"?>', "ENCODING"),
        ('<?xml version="1.0" encoding="UTF-16LE"?>', "ENCODING"),
        ('<?xml version="1.0" encoding="UTF:8"?>', "ENCODING"),
        ('<?xml version="1.0"' + " " * 300 + 'encoding="UTF-7"?>', "NOT_XML"),
        (' <?xml version="1.0"?>', "NOT_XML"),
    ],
)
def test_no_declaration_makes_the_parser_read_other_characters(
    declaration: str, reason: str
) -> None:
    data = (declaration + "<a>+ADw-</a>").encode()
    if not reason:
        assert open_gate(data, signed=False).text == "+ADw-"  # in UTF-7 a "<"
        return
    with pytest.raises(Refused) as refused:
        open_gate(data, signed=False)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF file"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        (b"Kinh gui", "begins with b'Kinh gui'"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(data: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        open_gate(data, signed=True)
    assert refused.value.reason == "NOT_XML"


def test_the_number_of_elements_is_exact_however_they_are_written() -> None:
    for element in (b"<a/>", b"<a></a>"):
        assert len(open_gate(b"<r>" + element * (gate.ELEMENTS_MAX - 1) + b"</r>", signed=True))
        with pytest.raises(Refused, match="TOO_MANY_ELEMENTS"):
            open_gate(b"<r>" + element * gate.ELEMENTS_MAX + b"</r>", signed=True)


# -- the scan and the parser agree -------------------------------------------------------------

NOISE = st.sampled_from(
    ["", "x", "<!-- <b> -->", "<!--'-->", "<![CDATA[<c d='>]]>", "<?p <e> ' ?>", "&lt;", ' "> ']
)
ATTRIBUTES = st.sampled_from(
    ["", " x='1'", ' x=">" y="\'/"', " x='a=\"b\"'", " xmlns:p='urn:p'", " xmlns:p='urn:q' p:x=''"]
)


@st.composite
def element(draw: st.DrawFn, depth: int = 0) -> str:
    attributes = draw(ATTRIBUTES)
    if draw(st.booleans()):
        return f"<a{attributes}/>"
    count = draw(st.integers(0, 3 if depth < 4 else 0))
    inner = "".join(draw(element(depth + 1)) + draw(NOISE) for _ in range(count))
    return f"<a{attributes}>{draw(NOISE)}{inner}</a>"


def depth_of(root: etree._Element) -> int:
    return 1 + max((depth_of(child) for child in root), default=0)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(text=element(), signed=st.booleans())
def test_the_scan_sees_what_the_parser_sees(text: str, signed: bool) -> None:
    """With small limits, the reason of the scan is checked against the tree."""
    plain = etree.fromstring(text, etree.XMLParser(remove_comments=True, remove_pis=True))
    has_markup = "<!" in text or "<?" in text
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(gate, "ELEMENTS_MAX", 12)
        limits.setattr(gate, "DEPTH_MAX", 4)
        try:
            open_gate(text.encode(), signed=signed)
            reason = ""
        except Refused as refused:
            reason = refused.reason
    too_many = sum(1 for _ in plain.iter()) > 12
    too_deep = sum(1 for one in plain.iter() if len(one) or one.text is not None) > 0
    too_deep = too_deep and depth_of(plain) > 5  # an empty element at the limit costs nothing
    if reason == "":
        assert not (too_many or too_deep or (signed and has_markup))
    elif reason == "TOO_DEEP":
        assert depth_of(plain) > 4
    elif reason == "TOO_MANY_ELEMENTS":
        assert too_many or text.count("<") > 24
    else:
        assert signed
        assert reason in ("COMMENT", "CDATA", "PROCESSING_INSTRUCTION")
