"""Messages to canonical bytes, by the table of `layout`.

What is written equals the exclusive C14N 1.0 of itself, without XML declaration or indentation, so
that packing needs no tree. Only what has unknown elements or attributes goes through libxml2,
which places their namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import pybase64
from lxml import etree

from . import attributes, model
from .c14n import canonical
from .errors import Malformed
from .layout import DX, NS, Field, Kind, fields_of
from .model import Attachment, Document, Message, Received, Status

_MARK: Final = b'<mark xmlns="urn:docexchange:mark"></mark>'
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\r]")
_ATTRIBUTE_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
_NAME = re.compile(r"<[^\s/>]++")
HEAD: Final = (
    f'<edXML xmlns="{NS}"><edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>'
    "<edXML:MessageHeader>"
)
CONTENT: Final = f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">'


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
    return _normalised(message, before, after) if writer.strangers else (before, after)


def pieces(message: Message) -> list[bytes]:
    """`write`, not put together: the content of each attachment is a piece of its own, and only
    what holds elements begins with '<'. Raises Malformed as `write`."""
    writer = _Writer()
    writer.header(message)
    writer.rest(message)
    return [write(message)] if writer.strangers else writer.pieces()


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


@dataclass(frozen=True, slots=True)
class _Step:
    """One field of a record, ready to be written: its tags, and how to write what stands in it."""

    begin: str
    end: str
    repeats: bool
    inner: _Plan | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to write a record: its values in the order of the layout, and a step for each."""

    values: Callable[[model.Record], Sequence[Any]]
    steps: tuple[_Step, ...]


_PLANS: dict[tuple[type[model.Record], str, str], _Plan] = {}  # as many as the layout has rows


def _plan(record: type[model.Record], element: str, prefix: str) -> _Plan:
    plan = _PLANS.get((record, element, prefix))
    if plan is None:
        fields = fields_of(record, element)
        values = attrgetter(*(field.attribute for field in fields), "unknown")  # never just one
        plan = _Plan(values, tuple(_step(field, prefix) for field in fields))
        _PLANS[record, element, prefix] = plan
    return plan


def _step(field: Field, prefix: str) -> _Step:
    inner = _plan(field.record, field.element, prefix) if field.record else None
    name = prefix + field.element
    return _Step(f"<{name}>", f"</{name}>", field.repeats, inner)


def _part(record: type[model.Record], element: str) -> tuple[_Step, _Plan]:
    """A record of the frame, whose place no other record names."""
    field = Field("", element, Kind.RECORD, record)
    return _step(field, "edXML:"), _plan(record, element, "edXML:")


_TRACE = _part(model.TraceHeaderList, "TraceHeaderList")
_ERRORS = _part(model.ErrorList, "ErrorList")
_REFERENCE = _part(model.Reference, "Reference")
_ATTACHMENT = _plan(model.Attachment, "Attachment", "")


class _Writer:
    """Collects text and bytes; `strangers` tells that something unknown was among them."""

    def __init__(self) -> None:
        self.strangers = False
        self._texts: list[str] = []
        self._done: list[bytes] = []

    def taken(self) -> bytes:
        """What was written since the last call."""
        return b"".join(self.pieces())

    def pieces(self) -> list[bytes]:
        """What was written since the last call, in pieces."""
        self._flush()
        done, self._done = self._done, []
        return done

    def header(self, message: Message) -> None:
        put = self._texts.append
        put(HEAD)
        self._fields(message, _plan(type(message), "MessageHeader", "edXML:"))
        self._unknown(message)
        if isinstance(message, Status) and message.received is not None:
            self._received(message.received)
        put("</edXML:MessageHeader>")
        if isinstance(message, Document):
            if message.trace is not None:
                self._record(message.trace, *_TRACE)
            if message.errors is not None:
                self._record(message.errors, *_ERRORS)
        self._in_frame(message, "edXMLHeader")

    def rest(self, message: Message) -> None:
        put = self._texts.append
        put("</edXML:edXMLHeader>")
        if isinstance(message, Document):
            self._manifest(message)
        self._in_frame(message, "edXMLEnvelope")
        put("</edXML:edXMLEnvelope>")
        if isinstance(message, Document) and (message.attachments or self._in_attached(message)):
            put("<AttachmentEncoded>")
            for attachment in message.attachments:
                self._attachment(attachment)
            self._in_frame(message, "AttachmentEncoded")
            put("</AttachmentEncoded>")
        self._in_frame(message, "edXML")
        put("</edXML>")

    def _in_frame(self, message: Message, parent: str) -> None:
        """The unknown elements in a part of the frame, after what is known there."""
        if message.strangers:
            self.strangers = True
            self._texts += [
                _stranger(one.text) for one in message.strangers if one.parent == parent
            ]

    def _in_attached(self, document: Document) -> bool:
        """Whether AttachmentEncoded is needed for unknown things alone."""
        return any(one.parent == "AttachmentEncoded" for one in document.strangers) or any(
            one.element == "AttachmentEncoded" for one in document.attributes
        )

    def _manifest(self, document: Document) -> None:
        version = document.manifest_version.translate(_ATTRIBUTE_ESCAPES)
        self._texts.append(f'<edXML:edXMLBody><edXML:edXMLManifest version="{version}">')
        for reference in document.manifest:
            self._record(reference, *_REFERENCE)
        self._in_frame(document, "edXMLManifest")
        self._texts.append("</edXML:edXMLManifest>")
        self._in_frame(document, "edXMLBody")
        self._texts.append("</edXML:edXMLBody>")

    def _attachment(self, attachment: Attachment) -> None:
        """The large text never becomes a str: base64 goes from bytes to bytes."""
        if attachment.stored is not None:
            raise Malformed("its content is in a file (`large.pack_to`)", element="Attachment")
        self._texts.append("<Attachment>")
        self._fields(attachment, _ATTACHMENT)
        self._texts.append(CONTENT)
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
        )
        if received.checkpoint:
            checkpoint = _escaped(received.checkpoint)
            self._texts.append(f"<dx:Checkpoint>{checkpoint}</dx:Checkpoint>")
        self._unknown(received)
        self._texts.append("</dx:Received>")

    def _record(self, record: model.Record, step: _Step, plan: _Plan) -> None:
        self._texts.append(step.begin)
        self._fields(record, plan)
        self._unknown(record)
        self._texts.append(step.end)

    def _fields(self, record: model.Record, plan: _Plan) -> None:
        put = self._texts.append
        for step, value in zip(plan.steps, plan.values(record), strict=False):
            if value is None:
                continue
            inner = step.inner
            for one in value if step.repeats else (value,):
                if inner is None:
                    put(f"{step.begin}{_escaped(one)}{step.end}")
                else:
                    self._record(one, step, inner)

    def _unknown(self, record: model.Record) -> None:
        if record.unknown or record.attributes:
            self.strangers = True
            self._texts.extend(_stranger(text) for text in record.unknown)

    def _flush(self) -> None:
        text = "".join(self._texts)
        self._texts.clear()
        illegal = _ILLEGAL.search(text)
        if illegal is not None:
            around = text[max(0, illegal.start() - 20) : illegal.start()]
            raise Malformed(f"U+{ord(illegal[0]):04X} after {around!r} cannot stand in XML")
        self._done.append(text.encode())


def _escaped(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#xD;")


def _stranger(text: str) -> str:
    """One unknown element, as it was where it stood: what has no namespace gets none from us."""
    try:
        text = canonical(etree.fromstring(text.encode(), _parser())).decode()
    except (etree.XMLSyntaxError, etree.C14NError, ValueError) as error:
        raise Malformed(f"{text[:60]!r} cannot be written as an element: {error}") from error
    name = _NAME.match(text)
    if name is None or text.startswith(' xmlns="', name.end()):
        return text
    return f'{name[0]} xmlns=""{text[name.end() :]}'


def _parser() -> etree.XMLParser[etree._Element]:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def _normalised(message: Message, before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Put the unknown attributes in and let libxml2 place the namespaces of all that is unknown;
    the mark shows where to cut."""
    head, root_tag, rest = before.partition(b">")
    named = attributes.declarations(message).encode()
    try:
        root = etree.fromstring(head + named + root_tag + rest + _MARK + after, _parser())
        attributes.place(message, root)
        whole = canonical(root)
    except (etree.XMLSyntaxError, etree.C14NError) as error:
        raise Malformed(f"what is unknown cannot be written again: {error}") from error
    before, mark, after = whole.partition(_MARK)
    if not mark or _MARK in after:
        raise Malformed("an unknown element holds our own mark", element="mark")
    return before, after
