"""edXML to messages, by the table of `layout`: any order, any prefix, the wild data of others.

Bytes are read tolerantly, as a mailroom's file; a tree that came through the gate is read
strictly, as what somebody signed. Each oddity becomes a finding. Where the text of an element is
cut by comments, its parts are joined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import pybase64
from lxml import etree

from . import model
from .errors import Malformed, UnboundPrefix
from .findings import Finding, Findings, inside, local_name
from .gate import BYTES_MAX, open_gate
from .layout import DX, FRAME, NS, STATUS_FRAME, TO_PLACES_MAX, Source
from .model import Attachment, Attribute, Document, Message, Received, Status, Stranger
from .prefixes import KNOWN, declare
from .record_reader import RecordReader
from .rules import places_length, places_too_long, too_long

_Q: Final = f"{{{NS}}}"
_RECEIVED: Final = f"{{{DX}}}Received"
_SPACE = re.compile(r"\s", re.ASCII)
_WITH_ATTRIBUTES = etree.XPath("//*[@*]")
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


class _Reader(RecordReader):
    """Reads the frame of an envelope, and in it the records."""

    def message(self, root: etree._Element) -> Message:
        if root.tag != f"{_Q}edXML":
            raise Malformed(
                f"the root element is {str(root.tag)!r}, expected edXML of {NS}",
                line=root.sourceline or 0,
                element="edXML",
            )
        if self.tolerant:
            self.findings.drop_markup(root)
            self.findings.drop_signatures(root)
        self.attributed = dict.fromkeys(_found(_WITH_ATTRIBUTES, root))
        envelope = self._only(root, "edXMLEnvelope")
        header = self._only(envelope, "edXMLHeader")
        head = self._only(header, "MessageHeader")
        if next(head.iterchildren(f"{_Q}StatusCode"), None) is not None:
            self.findings.note_not_of_status(root)
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
            code, text = too_long(length, TO_PLACES_MAX, Source.LAW, to_send=self.tolerant)
            self.findings.add(code, head, "ToPlaces", text)
        return document

    def note_left_out(self, root: etree._Element) -> None:
        """Name what no record holds."""
        for element in self.attributed:
            if self.findings.full:
                break
            if not inside(element, self.strangers):
                for name in self.unknown_attributes(element):
                    self.findings.add("W-FMT-037", element, local_name(element), name[:80])
        self.findings.note_left_out(root, self.strangers)

    def _of_frame(
        self, values: dict[str, Any], parts: Sequence[etree._Element | None], names: Sequence[str]
    ) -> dict[str, Any]:
        """Add what is unknown in the parts of the frame to the values of a message."""
        found: list[Stranger] = []
        attributes: list[Attribute] = []
        for part, name in zip(parts, names, strict=True):
            if part is None:
                continue
            attributes += self.attributes(part, name)
            known = frozenset(f"{_Q}{one}" for one in FRAME[name])
            for child in part.iterchildren(tag=etree.Element):
                if child.tag not in known:
                    found += [Stranger(name, text) for text in self.stranger(child, "W-FMT-031")]
        if found:
            values["strangers"] = tuple(found)
        if attributes:
            values["attributes"] = frozenset(attributes) | values.get("attributes", frozenset())
        return values

    def _status(self, head: etree._Element) -> dict[str, Any]:
        found = list(head.iterchildren(_RECEIVED))
        received = self._received(found[0]) if len(found) == 1 else None
        skip = (_RECEIVED,) if len(found) == 1 else ()  # two speak of nothing: kept as strangers
        values = self.fields(head, Status, "MessageHeader", skip=skip)
        return values | {"received": received}

    def _received(self, element: etree._Element) -> Received:
        values = {"algorithm": "", "value": "", "checkpoint": ""}
        unknown: list[str] = []
        attributes = self.attributes(element)
        for child in element.iterchildren(tag=etree.Element):
            name = str(child.tag).removeprefix(f"{{{DX}}}")
            if name == "DigestMethod" and not values["algorithm"]:
                values["algorithm"] = child.get("Algorithm", "")
                attributes += self.attributes(child, name)
            elif name == "DigestValue" and not values["value"] and child.find("*") is None:
                values["value"] = self.plain(child)
                attributes += self.attributes(child, name)
            elif name == "Checkpoint" and not values["checkpoint"] and child.find("*") is None:
                values["checkpoint"] = self.plain(child)
                attributes += self.attributes(child, name)
            else:
                unknown.extend(self.stranger(child, "W-FMT-031"))
        return Received(**values, unknown=tuple(unknown), attributes=frozenset(attributes))

    def _document(
        self, root: etree._Element, header: etree._Element, head: etree._Element
    ) -> dict[str, Any]:
        values = self.fields(head, Document, "MessageHeader")
        if "to" not in values:
            self.findings.add("E-FMT-010", head, "To", "")
        for name, attribute, record in (
            ("TraceHeaderList", "trace", model.TraceHeaderList),
            ("ErrorList", "errors", model.ErrorList),
        ):
            element = next(header.iterchildren(f"{_Q}{name}"), None)
            if element is not None:
                values[attribute] = self.record(element, record, name)
        manifest = root.find(f"{_Q}edXMLEnvelope/{_Q}edXMLBody/{_Q}edXMLManifest")
        if manifest is not None:
            values["manifest_version"] = manifest.get("version", "")
            values["manifest"] = tuple(
                self.record(one, model.Reference, "Reference")
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
        values = self.fields(element, Attachment, "Attachment", skip=skip)
        attributes = self.attributes(encoded[0], "ContentTransferEncoded")
        if attributes:
            values["attributes"] = frozenset(attributes) | values.get("attributes", frozenset())
        return Attachment(**values, content=self._content(encoded[0]))

    def _content(self, element: etree._Element) -> bytes:
        if element.find("*") is not None:
            raise Malformed(
                "holds elements, expected base64 alone",
                line=element.sourceline or 0,
                element="ContentTransferEncoded",
            )
        text = self.plain(element)
        try:
            content = pybase64.b64decode(text, validate=True)
        except ValueError:  # most have no spaces: to look for them first took half of all reading
            text, content = self._repaired(element, text)
        if not _is_canonical(text, content):
            if not self.tolerant:
                raise Malformed(
                    "is not canonical base64",
                    line=element.sourceline or 0,
                    element="ContentTransferEncoded",
                )
            self.findings.add("W-FMT-051", element, "ContentTransferEncoded", repr(text[-4:]))
        return content

    def _repaired(self, element: etree._Element, text: str) -> tuple[str, bytes]:
        """Base64 without the spaces in it, of which a finding tells, and its content."""
        packed = _SPACE.sub("", text) if self.tolerant else text
        try:
            content = pybase64.b64decode(packed, validate=True)
        except ValueError as error:
            raise Malformed(
                f"is not base64: {error}",
                line=element.sourceline or 0,
                element="ContentTransferEncoded",
            ) from error
        self.findings.add("W-FMT-050", element, "ContentTransferEncoded", "")
        return packed, content

    def _only(self, parent: etree._Element, name: str) -> etree._Element:
        found = list(parent.iterchildren(f"{_Q}{name}"))
        if len(found) != 1:
            raise Malformed(
                f"{len(found)} {name} elements, expected one",
                line=parent.sourceline or 0,
                element=local_name(parent),
            )
        return found[0]


def _is_canonical(text: str, content: bytes) -> bool:
    """Whether base64 that could be decoded is the one text for the content: length, and the last
    group, whose spare bits may differ."""
    last = content[len(content) // 3 * 3 :] or content[-3:]
    return len(text) == 4 * -(-len(content) // 3) and text.endswith(
        pybase64.b64encode(last).decode()
    )


def _found(path: etree.XPath, element: etree._Element) -> Any:
    return path(element)
