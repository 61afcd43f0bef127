"""envelopes.schema: everything that passes our door validates, and what does not is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from envelopes import edxml, layout, model, schema
from envelopes.layout import Field, Kind
from envelopes.model import Document, Message
from envelopes.profile import profile_problem
from tests.letters import document, letter, receipt, status
from tests.messages import documents, plain, wild
from tests.samples import WELL_FORMED

XS = "{http://www.w3.org/2001/XMLSchema}"


def valid(message: Message) -> bool:
    return not list(schema.violations(etree.fromstring(edxml.write(message))))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(plain())
def test_what_fits_its_rules_passes_door_and_schema(message: Message) -> None:
    assert profile_problem(message) is None
    assert list(schema.violations(etree.fromstring(edxml.write(message)))) == []


@settings(max_examples=150, derandomize=True, deadline=None)
@given(wild())
def test_whatever_passes_the_door_validates(message: Message) -> None:
    if profile_problem(message) is None and _coded(message):
        assert list(schema.violations(etree.fromstring(edxml.write(message)))) == []


def _coded(message: Message) -> bool:
    """The one thing that the door leaves to `content`: a status without its code."""
    return isinstance(message, Document) or bool(message.status_code)


def test_signed_envelopes_validate() -> None:
    for data in (letter(), receipt()):
        assert list(schema.violations(etree.fromstring(data))) == []


def fields() -> Iterator[tuple[str, Field]]:
    """Every field that the door judges, with the path of its record from a Document."""
    for record, row in layout.LAYOUT.items():
        for field in row:
            if field.rule and field.rule.binding and field.rule.most:
                yield record.__name__, field


@pytest.mark.parametrize(
    ("record", "field"), list(fields()), ids=lambda one: getattr(one, "element", one)
)
@settings(max_examples=1, derandomize=True, deadline=None)
@given(data=st.data())
def test_door_and_schema_draw_one_line(record: str, field: Field, data: st.DataObject) -> None:
    """At its length both take it; with one character more both refuse it."""
    assert field.rule is not None
    most = field.rule.most
    assert valid(_with(record, field, "9" * most))
    assert profile_problem(_with(record, field, "9" * most)) is None
    assert not valid(_with(record, field, "9" * (most + 1)))
    problem = profile_problem(_with(record, field, "9" * (most + 1)))
    assert problem is not None
    assert problem.reason == "FIELD_TOO_LONG"
    assert problem.element.endswith(field.element)
    assert f"{most:,}" in problem.detail


def _with(record: str, field: Field, text: str) -> Document:
    """A document that has the text there and nothing else odd."""
    whole = replace(document(), signatory=model.Signatory())
    change = {field.attribute: text}
    if record == "Document":
        return replace(whole, **change)
    if record == "Organization":
        return replace(whole, to=(replace(whole.to[0], **change),))
    for part in layout.LAYOUT[Document]:
        held = getattr(whole, part.attribute)
        if part.record is not None and part.record.__name__ == record and not part.repeats:
            return replace(whole, **{part.attribute: replace(held, **change)})
    raise AssertionError(record)


@pytest.mark.parametrize(
    "message",
    [
        replace(document(), due_date="30/10/2020"),
        replace(document(), promulgation=model.PromulgationInfo(date="hôm qua")),
        replace(document(), trace=model.TraceHeaderList(business=model.Business(type="4"))),
        replace(status(), status_code="99"),
    ],
    ids=["date", "no date", "operation", "code"],
)
def test_what_nobody_could_process_is_refused_by_both(message: Message) -> None:
    assert profile_problem(message) is not None
    assert not valid(message)


def test_what_is_echoed_of_another_organ_is_not_refused() -> None:
    answer = replace(status(), response_for=model.ResponseFor(promulgation_date="30/10/2020"))
    assert profile_problem(answer) is None
    assert valid(answer)


def test_places_are_bounded_together() -> None:
    places = model.Texts(items=("x" * 500, "y" * 501))
    problem = profile_problem(replace(document(), to_places=places))
    assert problem is not None
    assert problem.element == "MessageHeader/ToPlaces"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</edXML:Subject>", b"</edXML:Subject><edXML:Subject></edXML:Subject>"),
        (b"<edXML:OrganId>H05</edXML:OrganId>", b""),
        (b"</edXML:MessageHeader>", b"<edXML:New></edXML:New></edXML:MessageHeader>"),
        (b'version="1.0"', b""),
        (b"</edXML:edXMLBody>", b"</edXML:edXMLBody><edXML:edXMLHeader/>"),
        (b"</ContentId>", b"</ContentId><Odd/>"),
    ],
)
def test_what_is_not_of_the_profile_is_named(old: bytes, new: bytes) -> None:
    data = edxml.write(document())
    changed = data.replace(old, new, 1)
    assert changed != data
    assert list(schema.violations(etree.fromstring(changed)))


def test_the_schema_has_the_elements_of_the_layout_in_its_order() -> None:
    """Names and order of every record, both ways; the two were written apart."""
    root = etree.fromstring(schema.text())
    declared = {kind.get("name"): kind for kind in root.iter(f"{XS}complexType")}
    for record, row in layout.LAYOUT.items():
        for name in _elements_of(record):
            kind = declared["MessageHeader" if record in (Document, model.Status) else name]
            found = [one.get("name") for one in kind.iter(f"{XS}element")]
            written = [field.element for field in row]
            if record is model.Attachment:
                written.append("ContentTransferEncoded")
            if record is Document:
                found = found[: len(written)]
            elif record is model.Status:
                found = [found[0], *found[-len(written) + 1 :]]
            assert found == written, name


def _elements_of(record: type[model.Record]) -> list[str]:
    frame = {
        model.TraceHeaderList: "TraceHeaderList",
        model.ErrorList: "ErrorList",
        model.Reference: "Reference",
        model.Attachment: "Attachment",
        Document: "MessageHeader",
        model.Status: "MessageHeader",
        model.Organization: "Organization",  # From and To
    }
    if record in frame:
        return [frame[record]]
    rows = (field for row in layout.LAYOUT.values() for field in row)
    return [field.element for field in rows if field.record is record]


def test_dates_are_judged_alike() -> None:
    for field in layout.LAYOUT[Document]:
        if field.kind is Kind.DATE:
            for text in ("2026/06/01", ""):
                assert valid(replace(document(), **{field.attribute: text}))


@settings(max_examples=20, derandomize=True, deadline=None)
@given(documents(odd=False))
def test_a_stranger_of_our_own_namespace_is_not_of_the_profile(message: Document) -> None:
    stranger = f'<e:Neu xmlns:e="{layout.NS}"></e:Neu>'
    assert not valid(replace(message, unknown=(stranger,)))


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: path.stem)
def test_a_real_file_that_the_door_takes_validates_when_we_write_it(path) -> None:
    message, _ = edxml.read(path.read_bytes(), repair=True)
    assert profile_problem(message) is None
    assert valid(message)
