"""envelopes.prefixes: two known prefixes may be forgotten, aloud; nothing else is repaired."""

from __future__ import annotations

import pytest

from envelopes import edxml
from envelopes.errors import Malformed, UnboundPrefix
from envelopes.gate import open_gate
from envelopes.layout import NS
from envelopes.model import Attribute, Document
from envelopes.prefixes import declare
from tests.envelopes.test_reader import codes, wild
from tests.letters import judge, letter

XLINK = "{http://www.w3.org/1999/xlink}href"
FORGOT = wild(head='\n<e:Subject\n xlink:href="">a</e:Subject>\n<e:DueDate>30/10/2020</e:DueDate>')


def test_it_is_read_and_said_and_lines_stay_right() -> None:
    message, findings = edxml.read(FORGOT)
    assert message.attributes == {Attribute(XLINK, "", "Subject")}
    assert [(one.code, one.line) for one in findings] == [
        ("W-FMT-043", 3), ("W-FMT-042", 3), ("W-FMT-014", 4),
    ]  # fmt: skip


def test_the_prefix_of_the_envelope_may_be_forgotten_too() -> None:
    bare = wild().replace(f' xmlns:e="{NS}"'.encode(), b"").replace(b"e:", b"edXML:")
    message, findings = edxml.read(b"<?xml version='1.0'?>\n<!-- < -->\n" + bare)
    assert isinstance(message, Document)
    assert message.recipients == ("H01",)
    assert codes(findings) == [("W-FMT-043", "edXML"), ("W-FMT-040", "comment")]


@pytest.mark.parametrize(
    "data",
    [
        wild(head="<q:Subject/>"),
        wild(head='<e:Subject q:a="" xlink:href=""/>'),
        wild(head='<e:Subject xlink:href=""></e:DueDate>'),
    ],
    ids=["unknown prefix", "one known, one not", "and not well-formed"],
)
def test_nothing_else_is_repaired(data: bytes) -> None:
    with pytest.raises(Malformed):
        edxml.read(data)


def test_the_gate_never_repairs_so_verify_does_not() -> None:
    with pytest.raises(UnboundPrefix, match=r"line 3.*the prefix xlink is not declared"):
        open_gate(FORGOT, signed=False)
    assert judge(FORGOT).reason == "UNBOUND_PREFIX"
    signed = letter().replace(b"<edXML:Subject>", b'<edXML:Subject xlink:href="">')
    assert judge(signed).reason == "UNBOUND_PREFIX"


def test_the_repair_does_not_depend_on_errors_before() -> None:
    """The error log of the parser is asked, not that of the process."""
    with pytest.raises(Malformed):
        edxml.read(b"<a><b></a>")
    assert codes(edxml.read(FORGOT)[1])[0] == ("W-FMT-043", "xlink")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<a/>", b'<a xmlns:xlink="http://www.w3.org/1999/xlink"/>'),
        (b"\xef\xbb\xbf <?p <x>?><!-- <y> --><a b=''/>",
         b"\xef\xbb\xbf <?p <x>?><!-- <y> --><a"
         b" xmlns:xlink=\"http://www.w3.org/1999/xlink\" b=''/>"),
        (b"text", None),
        (b"<!-- <a> ", None),
    ],
)  # fmt: skip
def test_the_root_is_found(data: bytes, expected: bytes | None) -> None:
    assert declare(data, ("xlink",)) == expected
