"""edXML to messages, by the table of `layout`: any order, any prefix, the wild data of others.

Bytes are read tolerantly, as a mailroom's file; a tree that came through the gate is read
strictly, as what somebody signed. Each oddity becomes a finding. Where the text of an element is
cut by comments, its parts are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pybase64
from lxml import etree

from . import model
from .attributes import cannot_be_kept
from .c14n import canonical
from .errors import Malformed, UnboundPrefix
from .findings import Finding, Findings, inside, local_name, what_spoils
from .gate import BYTES_MAX, open_gate
from .layout import (
    ATTRIBUTES,
    DX,
    FRAME,
    NS,
    STATUS_FRAME,
    TO_PLACES_MAX,
    Field,
    Kind,
    Source,
    fields_of,
)
from .model import Attachment, Attribute, Document, Message, Received, Status, Stranger
from .prefixes import KNOWN, declare
from .rules import is_odd, meant_date, oddities, places_length, places_too_long, too_long

_Q: Final = f"{{{NS}}}"
_RECEIVED: Final = f"{{{DX}}}Received"
_SPACE = re.compile(r"\s", re.ASCII)
_WITH_ATTRIBUTES = etree.XPath("//*[@*]")
ATTRIBUTES_KEPT_MAX: Final = 2_000  # real files have three on each Reference
_REPAIR_BYTES: Final = 200  # what the declarations of all known prefixes add


def read(
    source: bytes | etree._Element,
    *,
    repair: bool = False,
    limit: int = BYTES_MAX,
) -> tuple[Message, tuple[Finding, ...]]:
    """The message in an envelope, and what was odd about it.

    Args:
        source: the bytes of a mailroom's file, read tolerantly: what is too long by law is then
            an error, and a known prefix that is not declared is repaired; or the root of a tree
            that came through the gate, whose base64 must be exact.
        repair: True rewrites dates of a wrong form and takes blanks off the ends of texts, each
            with a finding.
        limit: largest size of bytes.

    Raises:
        Malformed: it is no edXML, with line and element; gate.Refused when the gate keeps it out.
    """
    findings = Findings()
    tolerant = isinstance(source, bytes)
    root = _opened(source, limit, findings) if isinstance(source, bytes) else source
    reader = _Reader(findings, repair=repair, tolerant=tolerant)
    message = reader.message(root)
    reader.note_left_out(root)
    return message, findings.taken()


def _opened(data: bytes, limit: int, findings: Findings) -> etree._Element:
    """The tree of a mailroom's file: parsed as it is, else with the prefixes it forgot."""
    try:
        root = open_gate(data, signed=False, limit=limit)
    except UnboundPrefix as unbound:
        repaired = declare(data, unbound.prefixes)
        if repaired is None:
            raise
        root = open_gate(repaired, signed=False, limit=limit + _REPAIR_BYTES)
        for prefix in unbound.prefixes:
            findings.add("W-FMT-043", unbound.line, prefix, KNOWN[prefix])
    if b"<![CDATA[" in data:
        line = data.count(b"\n", 0, data.index(b"<![CDATA[")) + 1
        findings.add("W-FMT-041", line, "CDATA", "")
    return root


class _Reader:
    def __init__(self, findings: Findings, *, repair: bool, tolerant: bool) -> None:
        self._findings = findings
        self._strangers: set[etree._Element] = set()
        self._kept = 0  # attributes
        self._attributed: dict[etree._Element, None] = {}  # not yet read, in order of the file
        self._repair = repair
        self._tolerant = tolerant

    def message(self, root: etree._Element) -> Message:
        if root.tag != f"{_Q}edXML":
            raise Malformed(
                f"the root element is {str(root.tag)!r}, expected edXML of {NS}",
                line=root.sourceline or 0,
                element="edXML",
            )
        if self._tolerant:
            self._findings.drop_markup(root)
            self._findings.drop_signatures(root)
        self._attributed = dict.fromkeys(_found(_WITH_ATTRIBUTES, root))
        envelope = self._only(root, "edXMLEnvelope")
        header = self._only(envelope, "edXMLHeader")
        head = self._only(header, "MessageHeader")
        if next(head.iterchildren(f"{_Q}StatusCode"), None) is not None:
            self._findings.note_not_of_status(root)
            values, frame = self._status(head), (root, envelope, header)
            return Status(**self._of_frame(values, frame, STATUS_FRAME))
        values = self._document(root, header, head)
        body = envelope.find(f"{_Q}edXMLBody")
        manifest = envelope.find(f"{_Q}edXMLBody/{_Q}edXMLManifest")
        attached = root.find(f"{_Q}AttachmentEncoded")
        parts = (root, envelope, header, body, manifest, attached)
        document = Document(**self._of_frame(values, parts, tuple(FRAME)))
        if places_too_long(document):
            length = places_length(document)
            code, text = too_long(length, TO_PLACES_MAX, Source.LAW, to_send=self._tolerant)
            self._findings.add(code, head, "ToPlaces", text)
        return document

    def note_left_out(self, root: etree._Element) -> None:
        """Name what no record holds."""
        for element in self._attributed:
            if self._findings.full:
                break
            if not inside(element, self._strangers):
                for name in self._unknown_attributes(element):
                    self._findings.add("W-FMT-037", element, local_name(element), name[:80])
        self._findings.note_left_out(root, self._strangers)

    def _of_frame(
        self, values: dict[str, Any], parts: Sequence[etree._Element | None], names: Sequence[str]
    ) -> dict[str, Any]:
        """Add what is unknown in the parts of the frame to the values of a message."""
        found: list[Stranger] = []
        attributes: list[Attribute] = []
        for part, name in zip(parts, names, strict=True):
            if part is None:
                continue
            attributes += self._attributes(part, name)
            known = frozenset(f"{_Q}{one}" for one in FRAME[name])
            for child in part.iterchildren(tag=etree.Element):
                if child.tag not in known:
                    found += [Stranger(name, text) for text in self._stranger(child, "W-FMT-031")]
        if found:
            values["strangers"] = tuple(found)
        if attributes:
            values["attributes"] = frozenset(attributes) | values.get("attributes", frozenset())
        return values

    def _status(self, head: etree._Element) -> dict[str, Any]:
        found = list(head.iterchildren(_RECEIVED))
        received = self._received(found[0]) if len(found) == 1 else None
        skip = (_RECEIVED,) if len(found) == 1 else ()  # two speak of nothing: kept as strangers
        values = self._fields(head, Status, "MessageHeader", skip=skip)
        return values | {"received": received}

    def _received(self, element: etree._Element) -> Received:
        values = {"algorithm": "", "value": ""}
        unknown: list[str] = []
        attributes = self._attributes(element)
        for child in element.iterchildren(tag=etree.Element):
            name = str(child.tag).removeprefix(f"{{{DX}}}")
            if name == "DigestMethod" and not values["algorithm"]:
                values["algorithm"] = child.get("Algorithm", "")
                attributes += self._attributes(child, name)
            elif name == "DigestValue" and not values["value"]:
                values["value"] = self._plain(child)
                attributes += self._attributes(child, name)
            else:
                unknown.extend(self._stranger(child, "W-FMT-031"))
        return Received(**values, unknown=tuple(unknown), attributes=frozenset(attributes))

    def _document(
        self, root: etree._Element, header: etree._Element, head: etree._Element
    ) -> dict[str, Any]:
        values = self._fields(head, Document, "MessageHeader")
        if "to" not in values:
            self._findings.add("E-FMT-010", head, "To", "")
        for name, attribute, record in (
            ("TraceHeaderList", "trace", model.TraceHeaderList),
            ("ErrorList", "errors", model.ErrorList),
        ):
            element = next(header.iterchildren(f"{_Q}{name}"), None)
            if element is not None:
                values[attribute] = self._record(element, record, name)
        manifest = root.find(f"{_Q}edXMLEnvelope/{_Q}edXMLBody/{_Q}edXMLManifest")
        if manifest is not None:
            values["manifest_version"] = manifest.get("version", "")
            values["manifest"] = tuple(
                self._record(one, model.Reference, "Reference")
                for one in manifest.iterfind(f"{_Q}Reference")
            )
        values["attachments"] = tuple(
            self._attachment(one)
            for encoded in root.iterchildren(f"{_Q}AttachmentEncoded")
            for one in encoded.iterchildren(f"{_Q}Attachment")
        )
        return values

    def _attachment(self, element: etree._Element) -> Attachment:
        encoded = list(element.iterchildren(f"{_Q}ContentTransferEncoded"))
        if len(encoded) != 1:
            raise Malformed(
                f"{len(encoded)} ContentTransferEncoded, expected one",
                line=element.sourceline or 0,
                element="Attachment",
            )
        skip = (f"{_Q}ContentTransferEncoded",)
        values = self._fields(element, Attachment, "Attachment", skip=skip)
        attributes = self._attributes(encoded[0], "ContentTransferEncoded")
        if attributes:
            values["attributes"] = frozenset(attributes) | values.get("attributes", frozenset())
        return Attachment(**values, content=self._content(encoded[0]))

    def _content(self, element: etree._Element) -> bytes:
        text = self._plain(element)
        if self._tolerant and _SPACE.search(text):
            text = _SPACE.sub("", text)
            self._findings.add("W-FMT-050", element, "ContentTransferEncoded", "")
        try:
            content = pybase64.b64decode(text, validate=True)
        except ValueError as error:
            raise Malformed(
                f"is not base64: {error}",
                line=element.sourceline or 0,
                element="ContentTransferEncoded",
            ) from error
        if not _is_canonical(text, content):
            if not self._tolerant:
                raise Malformed(
                    "is not canonical base64",
                    line=element.sourceline or 0,
                    element="ContentTransferEncoded",
                )
            self._findings.add("W-FMT-051", element, "ContentTransferEncoded", repr(text[-4:]))
        return content

    def _record(self, element: etree._Element, record: type[model.Record], name: str) -> Any:
        return record(**self._fields(element, record, name))

    def _fields(
        self,
        element: etree._Element,
        record: type[model.Record],
        name: str,
        skip: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Values for the record's constructor; repeated single elements and strangers are kept."""
        if len(element) == 0 and element.text and element.text.strip():
            self._findings.note_text(element, element.text)
        plan = _plan(record, name)
        values: dict[str, Any] = {}
        repeated: dict[str, list[Any]] = {}
        unknown: list[str] = []
        attributes = self._attributes(element)
        for child in element.iterchildren(tag=etree.Element):
            tag = str(child.tag)
            field = plan.fields.get(tag)
            if tag in skip:
                continue
            oddity = _oddity(child, field, values)
            if field is None or oddity:
                unknown.extend(self._stranger(child, oddity))
                continue
            before = repeated.setdefault(field.attribute, []) if field.repeats else []
            if field.record is None:
                attributes += self._attributes(child, field.element, len(before))
            before.append(self._value(child, field))
            if not field.repeats:
                values[field.attribute] = before[0]
        for field in plan.required:
            if field.attribute not in values:
                values[field.attribute] = field.record() if field.record else ""
                self._findings.add("E-FMT-011", element, field.element, "")
        values.update((attribute, tuple(found)) for attribute, found in repeated.items())
        if unknown:
            values["unknown"] = tuple(unknown)
        if attributes:
            values["attributes"] = frozenset(attributes)
        return values

    def _attributes(
        self, element: etree._Element, name: str = "", position: int = 0
    ) -> list[Attribute]:
        """The attributes of an element that a record keeps; each is a finding."""
        if element not in self._attributed or self._kept > ATTRIBUTES_KEPT_MAX:
            return []
        del self._attributed[element]
        kept = []
        for attribute in self._unknown_attributes(element):
            value = str(element.get(attribute))
            why = cannot_be_kept(attribute, value)
            code, text = ("W-FMT-037", f"{attribute[:80]}: {why}") if why else (_KEPT, attribute)
            self._findings.add(code, element, local_name(element), text[:160])
            self._kept += 1
            if not why:
                kept.append(Attribute(attribute, value, name, position))
        return kept

    def _unknown_attributes(self, element: etree._Element) -> Iterator[str]:
        name = local_name(element)
        return (str(one) for one in element.attrib if (name, one) not in ATTRIBUTES)

    def _value(self, element: etree._Element, field: Field) -> Any:
        if field.record is not None:
            return self._record(element, field.record, field.element)
        text = self._plain(element)
        if self._repair and text != text.strip():
            self._findings.add("W-FMT-030", element, field.element, "")
            text = text.strip()
        if not is_odd(field, text):
            return text
        if field.kind is Kind.DATE:
            return self._date(element, field, text)
        for code, facts in oddities(field, text, to_send=self._tolerant):
            self._findings.add(code, element, field.element, facts)
        return text

    def _date(self, element: etree._Element, field: Field, text: str) -> str:
        right = meant_date(text)
        if right is None:
            self._findings.add("E-FMT-014", element, field.element, repr(text[:40]))
            return text
        self._findings.add("W-FMT-014", element, field.element, f"{text!r} -> {right}")
        return right if self._repair else text

    def _plain(self, element: etree._Element) -> str:
        """All text of an element, also around a comment inside it."""
        if len(element) == 0:
            return element.text or ""
        return str(element.xpath("string()"))

    def _stranger(self, element: etree._Element, code: str) -> tuple[str, ...]:
        """Keep an element that has no field, unless it would spoil the envelope that we write."""
        self._strangers.add(element)
        name = local_name(element)
        spoils = what_spoils(element)
        if spoils:
            self._findings.add("W-FMT-035", element, name, spoils)
            return ()
        self._findings.add(code, element, name, "")
        try:
            return (canonical(element).decode(),)
        except etree.C14NError as error:
            raise Malformed(
                f"cannot be kept: {error}", line=element.sourceline or 0, element=name
            ) from error

    def _only(self, parent: etree._Element, name: str) -> etree._Element:
        found = list(parent.iterchildren(f"{_Q}{name}"))
        if len(found) != 1:
            raise Malformed(
                f"{len(found)} {name} elements, expected one",
                line=parent.sourceline or 0,
                element=local_name(parent),
            )
        return found[0]


_KEPT: Final = "W-FMT-042"


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
        by_tag = {f"{_Q}{field.element}": field for field in fields}
        plan = _Plan(by_tag, tuple(field for field in fields if field.required))
        _PLANS[record, name] = plan
    return plan


def _is_canonical(text: str, content: bytes) -> bool:
    """Whether base64 that could be decoded is the one text for the content: length, and the last
    group, whose spare bits may differ."""
    last = content[len(content) // 3 * 3 :] or content[-3:]
    return len(text) == 4 * -(-len(content) // 3) and text.endswith(
        pybase64.b64encode(last).decode()
    )


def _found(path: etree.XPath, element: etree._Element) -> Any:
    return path(element)
