"""Attributes that the standard does not know: written into an envelope, and kept from spoiling it.

Nearly no envelope has one, so the writer knows nothing of them: it writes the message without,
and `place` puts them into the tree of what it wrote. Canonical XML then orders them and places
their namespaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from lxml import etree

from . import model
from .c14n import canonical
from .errors import Malformed
from .layout import DX, FRAME, NS, PREFIXES, SIGNATURE_IDS, fields_of, records
from .model import Attribute, Document, Message, Record, Status

_IDS: Final = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']")


def cannot_be_kept(name: str, value: str) -> str:
    """Why an attribute that was read must not be written again: "" if it can be."""
    if value in SIGNATURE_IDS and name.rpartition("}")[2].lower() == "id":
        return f"the id {value} is that of our signature"
    namespace = name[1:].partition("}")[0] if name.startswith("{") else ""
    if namespace and namespace not in PREFIXES and not _is_written(namespace):
        return f"no namespace: {namespace[:60]}"
    return ""


@lru_cache(maxsize=64)  # the gate lets no more of them pass in one file
def _is_written(namespace: str) -> bool:
    """Whether libxml2 can write a namespace: not a relative one, nor one with & in it."""
    try:
        etree.fromstring(canonical(etree.Element("a", {f"{{{namespace}}}a": ""})))
    except (etree.C14NError, etree.XMLSyntaxError):
        return False
    return True


def declarations(message: Message) -> str:
    """The namespaces that the attributes of a message need, for the first tag: ` xmlns:xlink=...`.

    Canonical XML moves each to the elements that use it.
    """
    attributes = (one for record, _ in records(message) for one in record.attributes)
    names = {one.name[1:].partition("}")[0] for one in attributes if one.name.startswith("{")}
    further = sorted(uri for uri in names if uri and uri not in PREFIXES)
    prefixes = {uri: prefix for uri, prefix in PREFIXES.items() if uri in names and prefix != "xml"}
    prefixes |= {uri: f"a{position}" for position, uri in enumerate(further)}
    return "".join(f' xmlns:{prefix}="{_escaped(uri)}"' for uri, prefix in prefixes.items())


def place(message: Message, root: etree._Element) -> None:
    """Put the attributes of a message into the tree of what the writer wrote for it.

    Raises:
        Malformed: an attribute names no element that was written, stands twice, has an impossible
            name, or is an id that our signature or another element has.
    """
    for record, element, name in _placed(message, root):
        if record.attributes:
            _set_all(record, element, name)
    ids = [str(value) for value in _found(_IDS, root)]
    taken = {*SIGNATURE_IDS} & {*ids}
    if taken:
        raise Malformed(f"the id {min(taken)} is that of our signature", element="@id")
    if len(set(ids)) != len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise Malformed(f"the id {twice[:60]!r} stands twice", element="@id")


def _set_all(record: Record, element: etree._Element, name: str) -> None:
    for one in sorted(record.attributes, key=lambda one: (one.element, one.position, one.name)):
        target = _target(record, element, one)
        if target is None:
            where = f"{one.element}[{one.position}]" if one.element else name
            raise Malformed(f"the attribute {one.name} has no element {where}", element=name)
        if one.name in target.attrib:
            raise Malformed(f"the attribute {one.name} stands twice", element=name)
        try:
            target.set(one.name, one.value)
        except ValueError as error:
            raise Malformed(
                f"{one.name[:60]!r} cannot be an attribute: {error}", element=name
            ) from error


def _target(record: Record, element: etree._Element, attribute: Attribute) -> etree._Element | None:
    """The element of an attribute: that of the record, a text in it, a part of the frame."""
    if not attribute.element:
        return element
    if attribute.element in FRAME and isinstance(record, Document | Status):
        return next(element.getroottree().getroot().iter(f"{{{NS}}}{attribute.element}"), None)
    namespace = DX if isinstance(record, model.Received) else NS
    found = element.findall(f"{{{namespace}}}{attribute.element}")
    return found[attribute.position] if 0 <= attribute.position < len(found) else None


def _placed(message: Message, root: etree._Element) -> Iterator[tuple[Record, etree._Element, str]]:
    """Every record of a message with the element that was written for it, and its name."""
    header = root[0][0]
    yield from _inside(message, header[0], "MessageHeader")
    if isinstance(message, Status):
        if message.received is not None:
            yield message.received, header[0][-1], "Received"
        return
    for part, name in ((message.trace, "TraceHeaderList"), (message.errors, "ErrorList")):
        if part is not None:
            yield from _inside(part, _first(header, name), name)
    references = root[0].iterfind(f"{{{NS}}}edXMLBody/{{{NS}}}edXMLManifest/{{{NS}}}Reference")
    attached = root.iterfind(f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment")
    for held, elements, name in (
        (message.manifest, references, "Reference"),
        (message.attachments, attached, "Attachment"),
    ):
        for record, element in zip(held, elements, strict=False):
            yield from _inside(record, element, name)


def _inside(
    record: Record, element: etree._Element, name: str
) -> Iterator[tuple[Record, etree._Element, str]]:
    """A record and those in it: fields are written in the order of the layout, before strangers."""
    yield record, element, name
    children = iter(element)
    for field in fields_of(type(record), name):
        value = getattr(record, field.attribute)
        for one in value if field.repeats else () if value is None else (value,):
            child = next(children)
            if field.record is not None:
                yield from _inside(one, child, field.element)


def _first(parent: etree._Element, name: str) -> etree._Element:
    return next(parent.iterchildren(f"{{{NS}}}{name}"))


def _escaped(uri: str) -> str:
    return uri.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _found(path: etree.XPath, element: etree._Element) -> Any:
    return path(element)
