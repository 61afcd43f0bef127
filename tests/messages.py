"""Hypothesis strategies for messages, by the table that drives reader and writer.

plain()     what any system might write: every text fits its rule, so that nothing is odd
wild()      any text anywhere, unknown elements and attributes at every place that keeps them
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from envelopes import layout, model
from envelopes.layout import DX, FRAME, NS, STATUS_FRAME, Field, Form, Kind
from envelopes.model import Attribute, Received, Stranger

LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
NAMED = ["", "a\tb\nc\rd", "&<>\"'", "Ủy ban", "U\u0309y ban", "Ph\u00f2ng", "😀", " x "]
TEXT = st.text(LETTERS, max_size=12) | st.sampled_from(NAMED)
DATES = st.sampled_from(["2026/06/01", "2024/02/29"])
TIMES = st.sampled_from(["2026/06/01 08:00:00", "2024/02/29 23:59:59"])
STRANGERS = st.sampled_from(
    [
        '<z:E xmlns:z="urn:z" a="1">b<z:F c="2"></z:F>d</z:E>',
        '<Note xmlns="urn:n">Ghi chú</Note>',
        "<bare>U\u0309y ban &amp; 😀</bare>",
        f'<dx:Other xmlns:dx="{DX}"></dx:Other>',
    ]
)
_NAMES = st.sampled_from(
    [
        *("lang", "{http://www.w3.org/1999/xlink}href", "{http://www.w3.org/1999/xlink}role"),
        *("{urn:z}a", "{urn:z}b", "{urn:a,b}c", "{http://www.w3.org/XML/1998/namespace}lang"),
        *(f"{{{NS}}}own", f"{{{DX}}}ours", "mustUnderstand"),
    ]
)


def plain() -> st.SearchStrategy[model.Message]:
    """Documents and statuses without anything odd."""
    return _message(odd=False)


def wild() -> st.SearchStrategy[model.Message]:
    """Documents and statuses with anything that the model can hold."""
    return _message(odd=True)


def documents(*, odd: bool) -> st.SearchStrategy[model.Document]:
    """Documents alone."""
    return records(model.Document, "MessageHeader", odd=odd)


def statuses(*, odd: bool) -> st.SearchStrategy[model.Status]:
    """Statuses alone."""
    return records(model.Status, "MessageHeader", odd=odd)


def _message(*, odd: bool) -> st.SearchStrategy[model.Message]:
    return documents(odd=odd) | statuses(odd=odd)


def records(record: type[model.Record], name: str, *, odd: bool) -> st.SearchStrategy[Any]:
    """Any record of a kind."""
    values: dict[str, st.SearchStrategy[Any]] = {
        field.attribute: _values(field, odd=odd) for field in layout.fields_of(record, name)
    }
    if record is model.Attachment:
        values["content"] = st.binary(max_size=20)
    if record is model.Document:
        values |= {
            "trace": st.none() | records(model.TraceHeaderList, "TraceHeaderList", odd=odd),
            "errors": st.none() | records(model.ErrorList, "ErrorList", odd=odd),
            "manifest": _tuples(records(model.Reference, "Reference", odd=odd)),
            "attachments": _tuples(records(model.Attachment, "Attachment", odd=odd)),
            "to": _tuples(records(model.Organization, "To", odd=odd), 1),
        }
    if record is model.Status:
        values["received"] = st.none() | _received(odd=odd)
    made = st.builds(record, **values)
    return made.flatmap(lambda one: _with_strangers(one, name)) if odd else made


def _received(*, odd: bool) -> st.SearchStrategy[Received]:
    made = st.sampled_from([Received.sha256("ab" * 32, said) for said in ("", "5 a b c")])
    return made.flatmap(lambda one: _with_strangers(one, "Received")) if odd else made


def _values(field: Field, *, odd: bool) -> st.SearchStrategy[Any]:
    if field.record is not None:
        one = records(field.record, field.element, odd=odd)
        if field.repeats:
            return _tuples(one)
        return one if field.required else st.none() | one
    text = TEXT if odd else _fitting(field)
    if field.repeats:
        return _tuples(text)
    return text if field.required else st.none() | text


def _fitting(field: Field) -> st.SearchStrategy[str]:
    rule = field.rule
    if field.kind is Kind.DATE:
        return DATES
    if rule is None:
        return TEXT
    if rule.values:
        return st.sampled_from(rule.values)
    if rule.form is Form.TIME:
        return TIMES
    if rule.form is Form.NUMBER:
        return st.sampled_from(["0", "4"] if rule.most == 1 else ["0", "4", "12", "100"])
    return TEXT.map(lambda text: text[: rule.most] if rule.most else text)


def _tuples(one: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[Any]:
    return st.lists(one, min_size=least, max_size=2).map(tuple)


@st.composite
def _with_strangers(draw: st.DrawFn, record: Any, name: str) -> Any:
    """The record with unknown elements and attributes, most often with none."""
    if draw(st.integers(0, 3)):
        return record
    changes: dict[str, Any] = {
        "unknown": tuple(draw(st.lists(STRANGERS, max_size=2))),
        "attributes": frozenset(
            Attribute(draw(_NAMES), draw(TEXT), *place)
            for place in draw(st.lists(st.sampled_from(_places(record, name)), unique=True))
        ),
    }
    if isinstance(record, model.Document | model.Status):
        frame = FRAME if isinstance(record, model.Document) else STATUS_FRAME
        changes["strangers"] = tuple(
            Stranger(parent, draw(STRANGERS)) for parent in frame if draw(st.booleans())
        )
    return replace(record, **changes)


def _places(record: model.Record, name: str) -> list[tuple[str, int]]:
    """Every element of a record that may have attributes of its own: name and position."""
    if isinstance(record, Received):
        return [("", 0), ("DigestMethod", 0), ("DigestValue", 0)]
    places = [("", 0)]
    for field in layout.fields_of(type(record), name):
        value = getattr(record, field.attribute)
        if field.record is None and value is not None:
            places += [(field.element, at) for at in range(len(value) if field.repeats else 1)]
    if isinstance(record, model.Attachment):
        places.append(("ContentTransferEncoded", 0))
    if isinstance(record, model.Document):
        places += [(part, 0) for part in FRAME]
    if isinstance(record, model.Status):
        places += [(part, 0) for part in STATUS_FRAME]
    return places
