"""edXML to messages, by the table of `layout`: any order, any prefix, the wild data of others.

Bytes are read tolerantly, as a mailroom's file; a tree that came through the gate is read
strictly, as what somebody signed. Each oddity becomes a finding. Where the text of an element is
cut by comments, its parts are joined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import pybase64
from lxml import etree

from . import model
from .c14n import canonical
from .errors import Malformed
from .findings import Finding, Findings, local_name, what_spoils
from .gate import BYTES_MAX, open_gate
from .layout import DX, NS, Field, Kind, fields_of
from .model import Attachment, Document, Message, Received, Status

_Q: Final = f"{{{NS}}}"
_RECEIVED: Final = f"{{{DX}}}Received"
_SPACE = re.compile(r"\s", re.ASCII)
DATE_FORM: Final = "%Y/%m/%d"
OTHER_DATE_FORMS: Final = (DATE_FORM, "%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y")  # 2026/1/5 and others


def read(
    source: bytes | etree._Element,
    *,
    repair: bool = False,
    limit: int = BYTES_MAX,
) -> tuple[Message, tuple[Finding, ...]]:
    """The message in an envelope, and what was odd about it.

    Args:
        source: the bytes of a mailroom's file, read tolerantly; or the root of a tree that came
            through the gate, whose base64 must be exact.
        repair: True rewrites dates of a wrong form and takes blanks off the ends of texts, each
            with a finding.
        limit: largest size of bytes.

    Raises:
        Malformed: it is no edXML, with line and element; gate.Refused when the gate keeps it out.
    """
    tolerant = isinstance(source, bytes)
    root = open_gate(source, signed=False, limit=limit) if isinstance(source, bytes) else source
    findings = Findings()
    if isinstance(source, bytes) and b"<![CDATA[" in source:
        line = source.count(b"\n", 0, source.index(b"<![CDATA[")) + 1
        findings.add("W-FMT-041", line, "CDATA", "read as the text it stands for")
    reader = _Reader(findings, repair=repair, tolerant=tolerant)
    message = reader.message(root)
    reader.note_left_out(root)
    return message, findings.taken()


class _Reader:
    def __init__(self, findings: Findings, *, repair: bool, tolerant: bool) -> None:
        self._findings = findings
        self._strangers: set[etree._Element] = set()
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
        envelope = self._only(root, "edXMLEnvelope")
        header = self._only(envelope, "edXMLHeader")
        head = self._only(header, "MessageHeader")
        message: Message
        if next(head.iterchildren(f"{_Q}StatusCode"), None) is not None:
            message = self._status(head)
        else:
            message = self._document(root, envelope, header, head)
        return message

    def note_left_out(self, root: etree._Element) -> None:
        """Name what no record holds."""
        if (
            root.find(f"{_Q}edXMLEnvelope/{_Q}edXMLHeader/{_Q}MessageHeader/{_Q}StatusCode")
            is not None
        ):
            self._findings.note_not_of_status(root)
        self._findings.note_left_out(root, self._strangers)

    def _status(self, head: etree._Element) -> Status:
        found = list(head.iterchildren(_RECEIVED))
        received = self._received(found[0]) if len(found) == 1 else None
        skip = (_RECEIVED,) if len(found) == 1 else ()  # two speak of nothing: kept as strangers
        values = self._fields(head, Status, "MessageHeader", skip=skip)
        return Status(**values, received=received)

    def _received(self, element: etree._Element) -> Received:
        values = {"algorithm": "", "value": ""}
        unknown: list[str] = []
        for child in element.iterchildren(tag=etree.Element):
            name = str(child.tag).removeprefix(f"{{{DX}}}")
            if name == "DigestMethod" and not values["algorithm"]:
                values["algorithm"] = child.get("Algorithm", "")
            elif name == "DigestValue" and not values["value"]:
                values["value"] = self._plain(child)
            else:
                unknown.extend(self._stranger(child, None))
        return Received(**values, unknown=tuple(unknown))

    def _document(
        self,
        root: etree._Element,
        envelope: etree._Element,
        header: etree._Element,
        head: etree._Element,
    ) -> Document:
        values = self._fields(head, Document, "MessageHeader")
        if "to" not in values:
            self._findings.add("E-FMT-010", head, "To", "no recipient")
        for name, attribute, record in (
            ("TraceHeaderList", "trace", model.TraceHeaderList),
            ("ErrorList", "errors", model.ErrorList),
        ):
            element = next(header.iterchildren(f"{_Q}{name}"), None)
            if element is not None:
                values[attribute] = self._record(element, record, name)
        manifest = envelope.find(f"{_Q}edXMLBody/{_Q}edXMLManifest")
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
        return Document(**values)

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
        return Attachment(**values, content=self._content(encoded[0]))

    def _content(self, element: etree._Element) -> bytes:
        text = self._plain(element)
        if self._tolerant and _SPACE.search(text):
            text = _SPACE.sub("", text)
            self._findings.add(
                "W-FMT-050", element, "ContentTransferEncoded", "line breaks in base64"
            )
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
            self._findings.add(
                "W-FMT-051", element, "ContentTransferEncoded", "unusual base64 padding"
            )
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
        for child in element.iterchildren(tag=etree.Element):
            tag = str(child.tag)
            field = plan.fields.get(tag)
            if tag in skip:
                continue
            if field is None or (field.attribute in values and not field.repeats):
                unknown.extend(self._stranger(child, field))
            elif field.repeats:
                repeated.setdefault(field.attribute, []).append(self._value(child, field))
            else:
                values[field.attribute] = self._value(child, field)
        for field in plan.required:
            if field.attribute not in values:
                values[field.attribute] = field.record() if field.record else ""
                self._findings.add("E-FMT-011", element, field.element, "is missing; read as empty")
        values.update((attribute, tuple(found)) for attribute, found in repeated.items())
        if unknown:
            values["unknown"] = tuple(unknown)
        return values

    def _value(self, element: etree._Element, field: Field) -> Any:
        if field.record is not None:
            return self._record(element, field.record, field.element)
        text = self._plain(element)
        if self._repair and text != text.strip():
            self._findings.add(
                "W-FMT-030", element, field.element, "blanks around the text; taken off"
            )
            text = text.strip()
        if is_odd(field, text):
            return self._odd(element, field, text)
        return text

    def _odd(self, element: etree._Element, field: Field, text: str) -> str:
        if field.kind is not Kind.DATE:
            self._findings.add(
                "W-FMT-036", element, "OrganId", "the word null instead of a code; kept"
            )
            return text
        for form in OTHER_DATE_FORMS:
            if _is_date(text, form):
                day = datetime.strptime(text, form).date()  # noqa: DTZ007  # a day has no zone
                right = day.isoformat().replace("-", "/")
                did = f"rewritten as {right}" if self._repair else f"means {right}"
                self._findings.add(
                    "W-FMT-014", element, field.element, f"{text!r} is not yyyy/MM/dd; {did}"
                )
                return right if self._repair else text
        self._findings.add(
            "E-FMT-014", element, field.element, f"{text!r} is no date of form yyyy/MM/dd"
        )
        return text

    def _plain(self, element: etree._Element) -> str:
        """All text of an element, also around a comment inside it."""
        if len(element) == 0:
            return element.text or ""
        if element.find("*") is not None:
            self._findings.add(
                "W-FMT-033", element, local_name(element), "elements inside a text; text kept"
            )
        return str(element.xpath("string()"))

    def _stranger(self, element: etree._Element, field: Field | None) -> tuple[str, ...]:
        """Keep an element that has no field, unless it would spoil the envelope that we write."""
        self._strangers.add(element)
        name = local_name(element)
        spoils = what_spoils(element)
        if spoils:
            self._findings.add(
                "W-FMT-035", element, name, f"has {spoils} at a wrong place; left out"
            )
            return ()
        if field is None:
            self._findings.add("W-FMT-031", element, name, "unknown element; kept as it is")
        else:
            self._findings.add("W-FMT-032", element, name, "stands twice; the first counts")
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


def is_odd(field: Field, text: str) -> bool:
    """Whether a text, as it stands, is one that `read` notes as a finding."""
    if field.kind is Kind.DATE:
        return text != "" and not (len(text) == 10 and _is_date(text, DATE_FORM))
    return field.element == "OrganId" and text == "null"


@lru_cache(maxsize=1024)  # most documents of a day bear the same date
def _is_date(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return False
    return text.isascii()  # strptime takes the digits of any script
