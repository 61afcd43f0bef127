"""edXML: messages to bytes and back, by the table of `layout`.

`write` gives canonical bytes: equal to the exclusive C14N 1.0 of themselves, without XML
declaration or indentation, so that packing needs no tree. `read` takes any order, any prefix and
the wild data of other systems; each oddity becomes a Finding, never silence.
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
from .gate import BYTES_MAX, open_gate
from .layout import DX, NS, Field, Kind, fields_of
from .model import Attachment, Document, Message, Received, Status

_Q: Final = f"{{{NS}}}"
_RECEIVED: Final = f"{{{DX}}}Received"
_MARK: Final = b'<mark xmlns="urn:docexchange:mark"></mark>'
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\r]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
_SPACE = re.compile(r"\s", re.ASCII)
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
    writer = _Writer()
    writer.header(message)
    before = writer.taken()
    writer.rest(message)
    after = writer.taken()
    return _normalised(before + _MARK + after) if writer.strangers else (before, after)


def is_written(message: Message, data: bytes, begin: int, end: int) -> bool:
    """Whether `split` would give exactly data[:begin] and data[end:]; large parts are compared
    where they are, without a copy.

    Raises:
        Malformed: as `write`.
    """
    writer = _Writer()
    writer.header(message)
    before = writer.taken()
    writer.rest(message)
    if writer.strangers:
        return split(message) == (data[:begin], data[end:])
    if len(before) != begin or not data.startswith(before):
        return False
    for piece in writer.pieces():
        if not data.startswith(piece, end):
            return False
        end += len(piece)
    return end == len(data)


class _Writer:
    """Collects text and bytes; `strangers` tells that an unknown element was among them."""

    def __init__(self) -> None:
        self.strangers = False
        self._texts: list[str] = []
        self._done: list[bytes] = []

    def pieces(self) -> list[bytes]:
        """What was written since the last call, in pieces."""
        self._flush()
        done, self._done = self._done, []
        return done

    def taken(self) -> bytes:
        """What was written since the last call."""
        return b"".join(self.pieces())

    def header(self, message: Message) -> None:
        put = self._texts.append
        put(f'<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>')
        put("<edXML:MessageHeader>")
        self._fields(message, "MessageHeader", "edXML:")
        if isinstance(message, Status) and message.received is not None:
            self._received(message.received)
        self._unknown(message)
        put("</edXML:MessageHeader>")
        if isinstance(message, Document):
            if message.trace is not None:
                self._record(message.trace, "TraceHeaderList", "edXML:")
            if message.errors is not None:
                self._record(message.errors, "ErrorList", "edXML:")

    def rest(self, message: Message) -> None:
        put = self._texts.append
        put("</edXML:edXMLHeader>")
        if isinstance(message, Document):
            self._manifest(message)
        put("</edXML:edXMLEnvelope>")
        if isinstance(message, Document) and message.attachments:
            put("<AttachmentEncoded>")
            for attachment in message.attachments:
                self._attachment(attachment)
            put("</AttachmentEncoded>")
        put("</edXML>")

    def _manifest(self, document: Document) -> None:
        version = document.manifest_version.translate(_ATTRIBUTE_ESCAPES)
        self._texts.append(f'<edXML:edXMLBody><edXML:edXMLManifest version="{version}">')
        for reference in document.manifest:
            self._record(reference, "Reference", "edXML:")
        self._texts.append("</edXML:edXMLManifest></edXML:edXMLBody>")

    def _attachment(self, attachment: Attachment) -> None:
        """The large text never becomes a str: base64 goes from bytes to bytes."""
        self._texts.append("<Attachment>")
        self._fields(attachment, "Attachment", "")
        self._texts.append(f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">')
        self._flush()
        self._done.append(pybase64.b64encode(attachment.content))
        self._texts.append("</edXML:ContentTransferEncoded>")
        self._unknown(attachment)
        self._texts.append("</Attachment>")

    def _received(self, received: Received) -> None:
        algorithm = received.algorithm.translate(_ATTRIBUTE_ESCAPES)
        self._texts.append(
            f'<dx:Received xmlns:dx="{DX}"><dx:DigestMethod Algorithm="{algorithm}">'
            f"</dx:DigestMethod><dx:DigestValue>{_escaped(received.value)}</dx:DigestValue>"
            "</dx:Received>"
        )

    def _record(self, record: model.Record, element: str, prefix: str) -> None:
        self._texts.append(f"<{prefix}{element}>")
        self._fields(record, element, prefix)
        self._unknown(record)
        self._texts.append(f"</{prefix}{element}>")

    def _fields(self, record: model.Record, element: str, prefix: str) -> None:
        for field in fields_of(type(record), element):
            value = getattr(record, field.attribute)
            if value is None:
                continue
            for one in value if field.repeats else (value,):
                if field.record is not None:
                    self._record(one, field.element, prefix)
                else:
                    name = prefix + field.element
                    self._texts.append(f"<{name}>{_escaped(one)}</{name}>")

    def _unknown(self, record: model.Record) -> None:
        if record.unknown:
            self.strangers = True
            self._texts.extend(record.unknown)

    def _flush(self) -> None:
        text = "".join(self._texts)
        self._texts.clear()
        illegal = _ILLEGAL.search(text)
        if illegal is not None:
            around = text[max(0, illegal.start() - 20) : illegal.start()]
            raise Malformed(f"U+{ord(illegal[0]):04X} after {around!r} cannot stand in XML")
        self._done.append(text.encode())


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


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
        if next(head.iterchildren(f"{_Q}StatusCode"), None) is not None:
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
        if "to" not in values:
            self._find("E-FMT-010", head, "To", "no recipient")
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
            self._find("W-FMT-050", element, "ContentTransferEncoded", "line breaks in base64")
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
                unknown.append(self._stranger(child, field))
            elif field.repeats:
                repeated.setdefault(field.attribute, []).append(self._value(child, field))
            else:
                values[field.attribute] = self._value(child, field)
        for field in plan.required:
            if field.attribute not in values:
                values[field.attribute] = field.record() if field.record else ""
                self._find("E-FMT-011", element, field.element, "is missing; read as empty")
        values.update((attribute, tuple(found)) for attribute, found in repeated.items())
        if unknown:
            values["unknown"] = tuple(unknown)
        return values

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
        found = list(parent.iterchildren(f"{_Q}{name}"))
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


@lru_cache(maxsize=1024)  # most documents of a day bear the same date
def _is_date(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return False
    return True


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
