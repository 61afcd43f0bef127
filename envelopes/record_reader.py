"""One record of edXML: the fields of an element, and everything else that stands in it.

`reader` knows the frame; here a record is read by its row of the `layout`, whatever the order of
its elements, and what no field takes is kept or named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from . import model
from .attributes import cannot_be_kept
from .c14n import canonical
from .errors import Malformed
from .findings import Findings, local_name, what_spoils
from .layout import ATTRIBUTES, NS, Field, Kind, fields_of
from .model import Attribute
from .rules import is_odd, meant_date, oddities

ATTRIBUTES_KEPT_MAX: Final = 2_000  # real files have three on each Reference

_KEPT: Final = "W-FMT-042"


class RecordReader:
    """Reads the records of one tree; what is odd goes to its findings.

    Args:
        findings: of this tree.
        repair: True rewrites dates of a wrong form and takes blanks off the ends of texts.
        tolerant: True for what somebody wants us to send; False for what somebody signed.
    """

    def __init__(self, findings: Findings, *, repair: bool, tolerant: bool) -> None:
        self.findings = findings
        self.strangers: set[etree._Element] = set()
        self._kept = 0  # attributes
        self.attributed: dict[etree._Element, None] = {}  # not yet read, in order of the file
        self.repair = repair
        self.tolerant = tolerant

    def record(self, element: etree._Element, record: type[model.Record], name: str) -> Any:
        """The record that stands as an element."""
        return record(**self.fields(element, record, name))

    def fields(
        self,
        element: etree._Element,
        record: type[model.Record],
        name: str,
        skip: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Values for the record's constructor; repeated single elements and strangers are kept."""
        if len(element) == 0 and element.text and element.text.strip():
            self.findings.note_text(element, element.text)
        plan = _plan(record, name)
        values: dict[str, Any] = {}
        repeated: dict[str, list[Any]] = {}
        unknown: list[str] = []
        attributes = self.attributes(element)
        for child in element.iterchildren(tag=etree.Element):
            tag = str(child.tag)
            field = plan.fields.get(tag)
            if tag in skip:
                continue
            oddity = _oddity(child, field, values)
            if field is None or oddity:
                unknown.extend(self.stranger(child, oddity))
                continue
            before = repeated.setdefault(field.attribute, []) if field.repeats else []
            if field.record is None:
                attributes += self.attributes(child, field.element, len(before))
            before.append(self._value(child, field))
            if not field.repeats:
                values[field.attribute] = before[0]
        for field in plan.required:
            if field.attribute not in values:
                values[field.attribute] = field.record() if field.record else ""
                self.findings.add("E-FMT-011", element, field.element, "")
        values.update((attribute, tuple(found)) for attribute, found in repeated.items())
        if unknown:
            values["unknown"] = tuple(unknown)
        if attributes:
            values["attributes"] = frozenset(attributes)
        return values

    def attributes(
        self, element: etree._Element, name: str = "", position: int = 0
    ) -> list[Attribute]:
        """The attributes of an element that a record keeps; each is a finding."""
        if element not in self.attributed or self._kept > ATTRIBUTES_KEPT_MAX:
            return []
        del self.attributed[element]
        kept = []
        for attribute in self.unknown_attributes(element):
            value = str(element.get(attribute))
            why = cannot_be_kept(attribute, value)
            code, text = ("W-FMT-037", f"{attribute[:80]}: {why}") if why else (_KEPT, attribute)
            self.findings.add(code, element, local_name(element), text[:160])
            self._kept += 1
            if not why:
                kept.append(Attribute(attribute, value, name, position))
        return kept

    def unknown_attributes(self, element: etree._Element) -> Iterator[str]:
        """The names of its attributes that the standard does not know."""
        name = local_name(element)
        return (str(one) for one in element.attrib if (name, one) not in ATTRIBUTES)

    def _value(self, element: etree._Element, field: Field) -> Any:
        if field.record is not None:
            return self.record(element, field.record, field.element)
        text = self.plain(element)
        if self.repair and text != text.strip():
            self.findings.add("W-FMT-030", element, field.element, "")
            text = text.strip()
        if not is_odd(field, text):
            return text
        if field.kind is Kind.DATE:
            return self._date(element, field, text)
        for code, facts in oddities(field, text, to_send=self.tolerant):
            self.findings.add(code, element, field.element, facts)
        return text

    def _date(self, element: etree._Element, field: Field, text: str) -> str:
        right = meant_date(text)
        if right is None:
            self.findings.add("E-FMT-014", element, field.element, repr(text[:40]))
            return text
        self.findings.add("W-FMT-014", element, field.element, f"{text!r} -> {right}")
        return right if self.repair else text

    def plain(self, element: etree._Element) -> str:
        """All text of an element, also around a comment inside it."""
        if len(element) == 0:
            return element.text or ""
        return str(element.xpath("string()"))

    def stranger(self, element: etree._Element, code: str) -> tuple[str, ...]:
        """Keep an element that has no field, unless it would spoil the envelope that we write."""
        self.strangers.add(element)
        name = local_name(element)
        spoils = what_spoils(element)
        if spoils:
            self.findings.add("W-FMT-035", element, name, spoils)
            return ()
        self.findings.add(code, element, name, "")
        try:
            return (canonical(element).decode(),)
        except etree.C14NError as error:
            raise Malformed(
                f"cannot be kept: {error}", line=element.sourceline or 0, element=name
            ) from error


def _oddity(child: etree._Element, field: Field | None, values: dict[str, Any]) -> str:
    """The finding of an element that no field can take: "" if its field takes it."""
    if field is None:
        return "W-FMT-031"
    if field.attribute in values and not field.repeats:
        return "W-FMT-032"
    if field.record is None and len(child) and child.find("*") is not None:
        return "W-FMT-033"
    return ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read one record: its fields by tag, and those that must be there."""

    fields: dict[str, Field]
    required: tuple[Field, ...]


_PLANS: dict[tuple[type[model.Record], str], _Plan] = {}  # as many as the layout has rows


def _plan(record: type[model.Record], name: str) -> _Plan:
    plan = _PLANS.get((record, name))
    if plan is None:
        fields = fields_of(record, name)
        by_tag = {f"{{{NS}}}{field.element}": field for field in fields}
        plan = _Plan(by_tag, tuple(field for field in fields if field.required))
        _PLANS[record, name] = plan
    return plan
