"""edXML: messages to bytes and back, by the table of `layout`.

`write` gives canonical bytes: equal to the exclusive C14N 1.0 of themselves, without XML
declaration or indentation, so that packing needs no tree. `read` takes any order, any prefix and
the wild data of other systems; each oddity becomes a Finding, never silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pybase64
from lxml import etree

from . import model
from .c14n import canonical
from .errors import Malformed
from .gate import BYTES_MAX, open_gate
from .layout import DX, NS, Field, Kind, fields_of
from .model import Attachment, Document, Message, Received, Status

_Q: Final = f"{{{NS}}}"
_RECEIVED: Final = f"{{{DX}}}Received"
_HEADER_END: Final = b"</edXML:edXMLHeader>"
_MARK: Final = b'<mark xmlns="urn:docexchange:mark"></mark>'
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\r]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
_SPACE = re.compile(rb"\s")
DATE_FORM: Final = "%Y/%m/%d"
OTHER_DATE_FORMS: Final = ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y")  # seen in the wild


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd that was read all the same.

    Args:
        code: stable code; E- is an error that the exchange will refuse, W- a warning.
        line: line in the input, 0 if unknown.
        element: name of the element.
        text: what was found and what was assumed.
    """

    code: str
    line: int
    element: str
    text: str


# -- writing ---------------------------------------------------------------------------------


def write(message: Message) -> bytes:
    """The unsigned envelope of a message, in canonical form.

    Raises:
        Malformed: a text holds a character that XML cannot carry.
    """
    before, after = split(message)
    return before + after


def split(message: Message) -> tuple[bytes, bytes]:
    """`write` in two parts, cut where the signature stands: after the last child of edXMLHeader."""
    parts: list[str] = []
    parts.append(f'<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>')
    parts.append("<edXML:MessageHeader>")
    _write_fields(parts, message, "MessageHeader", "edXML:")
    if isinstance(message, Status) and message.received is not None:
        _write_received(parts, message.received)
    parts.append("</edXML:MessageHeader>")
    if isinstance(message, Document):
        _write_optional(parts, message.trace, "TraceHeaderList")
        _write_optional(parts, message.errors, "ErrorList")
    before = "".join(parts)
    after = b"".join(_after_signature(message))
    if _holds_unknown(message):
        return _normalised(_encode(before) + _MARK + after)
    return _encode(before), after


def _after_signature(message: Message) -> Iterator[bytes]:
    yield _HEADER_END
    if isinstance(message, Document):
        yield _encode(_manifest(message))
    yield b"</edXML:edXMLEnvelope>"
    if isinstance(message, Document) and message.attachments:
        yield b"<AttachmentEncoded>"
        for attachment in message.attachments:
            yield from _attachment(attachment)
        yield b"</AttachmentEncoded>"
    yield b"</edXML>"


def _manifest(document: Document) -> str:
    version = document.manifest_version.translate(_ATTRIBUTE_ESCAPES)
    parts = [f'<edXML:edXMLBody><edXML:edXMLManifest version="{version}">']
    for reference in document.manifest:
        _write_record(parts, reference, "Reference", "edXML:")
    parts.append("</edXML:edXMLManifest></edXML:edXMLBody>")
    return "".join(parts)


def _attachment(attachment: Attachment) -> Iterator[bytes]:
    """The large text never becomes a str: base64 goes from bytes to bytes."""
    parts = ["<Attachment>"]
    _write_fields(parts, attachment, "Attachment", "", with_unknown=False)
    yield _encode("".join(parts))
    yield f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">'.encode()
    yield pybase64.b64encode(attachment.content)
    yield b"</edXML:ContentTransferEncoded>"
    yield _encode("".join(attachment.unknown))
    yield b"</Attachment>"


def _write_optional(parts: list[str], record: model.Record | None, element: str) -> None:
    if record is not None:
        _write_record(parts, record, element, "edXML:")


def _write_record(parts: list[str], record: model.Record, element: str, prefix: str) -> None:
    parts.append(f"<{prefix}{element}>")
    _write_fields(parts, record, element, prefix)
    parts.append(f"</{prefix}{element}>")


def _write_fields(
    parts: list[str], record: model.Record, element: str, prefix: str, *, with_unknown: bool = True
) -> None:
    for field in fields_of(type(record), element):
        value = getattr(record, field.attribute)
        if value is None:
            continue
        if field.record is None:
            for text in value if field.kind is Kind.TEXTS else (value,):
                parts.append(f"<{prefix}{field.element}>{_escaped(text)}</{prefix}{field.element}>")
        else:
            for one in value if field.kind is Kind.RECORDS else (value,):
                _write_record(parts, one, field.element, prefix)
    if with_unknown:
        parts.extend(record.unknown)


def _write_received(parts: list[str], received: Received) -> None:
    algorithm = received.algorithm.translate(_ATTRIBUTE_ESCAPES)
    parts.append(
        f'<dx:Received xmlns:dx="{DX}"><dx:DigestMethod Algorithm="{algorithm}"></dx:DigestMethod>'
        f"<dx:DigestValue>{_escaped(received.value)}</dx:DigestValue></dx:Received>"
    )


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


def _encode(text: str) -> bytes:
    illegal = _ILLEGAL.search(text)
    if illegal is not None:
        around = text[max(0, illegal.start() - 20) : illegal.start()]
        raise Malformed(f"U+{ord(illegal[0]):04X} after {around!r} cannot stand in XML")
    return text.encode()


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_holds_unknown(one) for one in value)
    if not isinstance(value, model.Record):
        return False
    names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return bool(value.unknown) or any(_holds_unknown(getattr(value, name)) for name in names)


def _normalised(data: bytes) -> tuple[bytes, bytes]:
    """Let libxml2 place the namespaces of unknown elements; the mark shows where to cut."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        whole = canonical(etree.fromstring(data, parser))
    except (etree.XMLSyntaxError, etree.C14NError) as error:
        raise Malformed(f"an unknown element cannot be written again: {error}") from error
    before, mark, after = whole.partition(_MARK)
    if not mark or _MARK in after:
        raise Malformed("an unknown element holds our own mark", element="mark")
    return before, after


# -- reading ---------------------------------------------------------------------------------


def read(
    source: bytes | etree._Element, *, repair: bool = False, limit: int = BYTES_MAX
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
    reader = _Reader(repair=repair, tolerant=tolerant)
    return reader.message(root), tuple(reader.findings)


class _Reader:
    def __init__(self, *, repair: bool, tolerant: bool) -> None:
        self.findings: list[Finding] = []
        self._repair = repair
        self._tolerant = tolerant

    def message(self, root: etree._Element) -> Message:
        if root.tag != f"{_Q}edXML":
            raise Malformed(
                f"the root element is {str(root.tag)!r}, expected edXML of {NS}",
                line=root.sourceline or 0,
                element="edXML",
            )
        envelope = self._only(root, "edXMLEnvelope")
        header = self._only(envelope, "edXMLHeader")
        head = self._only(header, "MessageHeader")
        self._note_markup(root)
        self._drop_signatures(header)
        if head.find(f"{_Q}StatusCode") is not None:
            return self._status(head)
        return self._document(root, envelope, header, head)

    def _status(self, head: etree._Element) -> Status:
        found = head.find(_RECEIVED)
        received = None
        if found is not None:
            method = found.find(f"{{{DX}}}DigestMethod")
            value = found.findtext(f"{{{DX}}}DigestValue")
            algorithm = method.get("Algorithm", "") if method is not None else ""
            received = Received(algorithm=algorithm, value=value or "")
        values = self._fields(head, Status, "MessageHeader", skip=(_RECEIVED,))
        return Status(**values, received=received)

    def _document(
        self,
        root: etree._Element,
        envelope: etree._Element,
        header: etree._Element,
        head: etree._Element,
    ) -> Document:
        values = self._fields(head, Document, "MessageHeader")
        if not values["to"]:
            self._find("E-FMT-010", head, "To", "no recipient")
        for name, attribute, record in (
            ("TraceHeaderList", "trace", model.TraceHeaderList),
            ("ErrorList", "errors", model.ErrorList),
        ):
            element = header.find(f"{_Q}{name}")
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
            self._attachment(one) for one in root.iterfind(f"{_Q}AttachmentEncoded/{_Q}Attachment")
        )
        return Document(**values)

    def _attachment(self, element: etree._Element) -> Attachment:
        encoded = element.findall(f"{_Q}ContentTransferEncoded")
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
        text = self._plain(element).encode()
        if self._tolerant and _SPACE.search(text):
            text = _SPACE.sub(b"", text)
            self._find("W-FMT-050", element, "ContentTransferEncoded", "line breaks in base64")
        try:
            content = pybase64.b64decode(text, validate=True)
        except ValueError as error:
            raise Malformed(
                f"is not base64: {error}",
                line=element.sourceline or 0,
                element="ContentTransferEncoded",
            ) from error
        if pybase64.b64encode(content) != text:
            if not self._tolerant:
                raise Malformed(
                    "is not canonical base64",
                    line=element.sourceline or 0,
                    element="ContentTransferEncoded",
                )
            self._find("W-FMT-051", element, "ContentTransferEncoded", "unusual base64 padding")
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
        by_element = {f"{_Q}{field.element}": field for field in fields_of(record, name)}
        values: dict[str, Any] = {
            field.attribute: () for field in by_element.values() if _repeats(field)
        }
        unknown: list[str] = []
        for child in element.iterchildren(tag=etree.Element):
            field = by_element.get(str(child.tag))
            if child.tag in skip:
                continue
            if field is None or (field.attribute in values and not _repeats(field)):
                unknown.append(self._stranger(child, field))
            elif _repeats(field):
                values[field.attribute] += (self._value(child, field),)
            else:
                values[field.attribute] = self._value(child, field)
        for field in by_element.values():
            self._require(element, field, values)
        values["unknown"] = tuple(unknown)
        return values

    def _require(self, element: etree._Element, field: Field, values: dict[str, Any]) -> None:
        if field.attribute in values:
            return
        if field.kind is Kind.REQUIRED:
            values[field.attribute] = ""
            self._find("E-FMT-011", element, field.element, "is missing; read as empty")
        elif field.kind is Kind.REQUIRED_RECORD and field.record is not None:
            values[field.attribute] = field.record()
            self._find("E-FMT-011", element, field.element, "is missing; read as empty")

    def _value(self, element: etree._Element, field: Field) -> Any:
        if field.record is not None:
            return self._record(element, field.record, field.element)
        text = self._plain(element)
        if self._repair and text != text.strip():
            self._find("W-FMT-030", element, field.element, "blanks around the text; taken off")
            text = text.strip()
        if field.kind is Kind.DATE and text:
            return self._date(element, field, text)
        return text

    def _date(self, element: etree._Element, field: Field, text: str) -> str:
        if _is_date(text, DATE_FORM) and len(text) == 10:
            return text
        for form in OTHER_DATE_FORMS:
            if _is_date(text, form):
                right = datetime.strptime(text, form).strftime(DATE_FORM)  # noqa: DTZ007  # a day
                did = f"rewritten as {right}" if self._repair else f"means {right}"
                self._find(
                    "W-FMT-014", element, field.element, f"{text!r} is not yyyy/MM/dd; {did}"
                )
                return right if self._repair else text
        self._find("E-FMT-014", element, field.element, f"{text!r} is no date of form yyyy/MM/dd")
        return text

    def _plain(self, element: etree._Element) -> str:
        """All text of an element, also around a comment inside it."""
        if len(element) == 0:
            return element.text or ""
        if element.find("*") is not None:
            self._find("W-FMT-033", element, _local(element), "elements inside a text; text kept")
        return str(element.xpath("string()"))

    def _stranger(self, element: etree._Element, field: Field | None) -> str:
        name = _local(element)
        if field is None:
            self._find("W-FMT-031", element, name, "unknown element; kept as it is")
        else:
            self._find("W-FMT-032", element, name, "stands twice; the first counts")
        try:
            tail, element.tail = element.tail, None
            text = canonical(element).decode()
            element.tail = tail
        except etree.C14NError as error:
            raise Malformed(
                f"cannot be kept: {error}", line=element.sourceline or 0, element=name
            ) from error
        return text

    def _only(self, parent: etree._Element, name: str) -> etree._Element:
        found = parent.findall(f"{_Q}{name}")
        if len(found) != 1:
            raise Malformed(
                f"{len(found)} {name} elements, expected one",
                line=parent.sourceline or 0,
                element=_local(parent),
            )
        return found[0]

    def _note_markup(self, root: etree._Element) -> None:
        if not self._tolerant:
            return
        for node in root.iter(etree.Comment):
            self._find("W-FMT-040", node, "comment", "not content; left out")
        for node in root.iter(etree.PI):
            self._find("W-FMT-040", node, "processing instruction", "not content; left out")

    def _drop_signatures(self, header: etree._Element) -> None:
        for element in header.iterchildren("{*}Signature", "{*}DigitalSignature"):
            text = "an earlier signature; left out, it does not cover what will be sent"
            self._find("W-SIG-001", element, _local(element), text)

    def _find(self, code: str, element: etree._Element, name: str, text: str) -> None:
        self.findings.append(Finding(code, element.sourceline or 0, name, text))


def _repeats(field: Field) -> bool:
    return field.kind in (Kind.TEXTS, Kind.RECORDS)


def _is_date(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return False
    return True


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
