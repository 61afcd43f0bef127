"""envelopes.edxml: what holds for any message, however odd."""

from __future__ import annotations

import re
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from envelopes import edxml, layout, model
from envelopes.c14n import canonical
from tests.messages import plain, wild


@settings(max_examples=150, derandomize=True, deadline=None)
@given(wild())
def test_any_message_reads_back_equal_and_is_canonical(message: model.Message) -> None:
    data = edxml.write(message)
    tree = etree.fromstring(data)
    assert canonical(tree) == data
    assert edxml.read(tree)[0] == message
    assert edxml.read(data)[0] == message


@settings(max_examples=60, derandomize=True, deadline=None)
@given(plain())
def test_what_fits_its_rules_has_no_finding(message: model.Message) -> None:
    assert edxml.read(etree.fromstring(edxml.write(message))) == (message, ())


@settings(max_examples=60, derandomize=True, deadline=None)
@given(wild(), st.randoms(use_true_random=False))
def test_the_order_of_elements_means_nothing(message: model.Message, rng: Random) -> None:
    """Elements of one name keep their order, since a list is one."""
    shuffled = _shuffled(etree.fromstring(edxml.write(message)), rng)
    assert edxml.read(etree.fromstring(shuffled))[0] == message


@settings(max_examples=60, derandomize=True, deadline=None)
@given(wild(), st.sampled_from(["e", "edXML", "ns0", "q1"]))
def test_prefixes_mean_nothing(message: model.Message, prefix: str) -> None:
    data = edxml.write(message)
    for old in ("edXML", "xlink", "a0", "a1"):
        data = data.replace(f"xmlns:{old}=".encode(), f"xmlns:{prefix}_{old}=".encode())
        data = re.sub(f"(</?| ){old}:".encode(), f"\\g<1>{prefix}_{old}:".encode(), data)
    assert edxml.read(etree.fromstring(data))[0] == message


_KNOWN = {
    *layout.FRAME,
    *("MessageHeader", "TraceHeaderList", "ErrorList", "Reference", "Attachment"),
    *(field.element for fields in layout.LAYOUT.values() for field in fields if field.record),
}


def _shuffled(element: etree._Element, rng: Random) -> str:
    """The element as text, with another order of the children of known elements."""
    name = etree.QName(element)
    if name.namespace != layout.NS or name.localname not in _KNOWN or len(element) == 0:
        return canonical(element).decode()
    queues: dict[str, list[str]] = {}
    kinds = [_kind(child) for child in element]
    for child, kind in zip(element, kinds, strict=True):
        queues.setdefault(kind, []).append(_shuffled(child, rng))
    rng.shuffle(kinds)
    shell = etree.Element(element.tag, dict(element.attrib), nsmap={"e": layout.NS})
    begin, _, end = canonical(shell).decode().rpartition("</")
    return f"{begin}{''.join(queues[kind].pop(0) for kind in kinds)}</{end}"


def _kind(child: etree._Element) -> str:
    tag = str(child.tag)
    return tag if tag.startswith(f"{{{layout.NS}}}") else "stranger"
