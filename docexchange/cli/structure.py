"""A message as a tree of names and texts, by the table of `envelopes.layout`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envelopes.model import Document, Record, Status

Tree = dict[str, object]


def document(message: Document) -> Tree:
    """All that a document holds but the bytes of its attachments."""
    return {
        "header": _fields(message, "MessageHeader"),
        "trace": _fields(message.trace, "TraceHeaderList") if message.trace else None,
        "errors": _fields(message.errors, "ErrorList") if message.errors else None,
        "manifest": {
            "version": message.manifest_version,
            "Reference": [_fields(one, "Reference") for one in message.manifest],
        },
        "unknown": _unknown(message),
    }


def status(message: Status) -> Tree:
    """All that a status holds."""
    header = _fields(message, "MessageHeader")
    if message.received is not None:
        header["Received"] = {
            "DigestMethod": message.received.algorithm,
            "DigestValue": message.received.value,
        }
    return {"header": header, "unknown": _unknown(message)}


def lines(part: object, depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """Depth, element and text of everything in a part of a tree, in order."""
    for name, value in part.items() if isinstance(part, dict) else ():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield depth, name, ""
                yield from lines(one, depth + 1)
            elif one is not None:
                yield depth, name, str(one)


def _fields(record: Record, element: str) -> Tree:
    from envelopes.layout import fields_of

    tree: Tree = {}
    for field in fields_of(type(record), element):
        value = getattr(record, field.attribute)
        if value is None or value == ():
            continue
        inner = [
            _fields(one, field.element) if field.record else one
            for one in (value if field.repeats else (value,))
        ]
        tree[field.element] = inner if field.repeats else inner[0]
    return tree


def _unknown(message: Document | Status) -> Tree:
    """What the standard does not know, by the element in which it stands."""
    from envelopes.layout import records

    elements: list[Tree] = [{"in": one.parent, "element": one.text} for one in message.strangers]
    attributes: list[Tree] = []
    for record, name in records(message):
        elements += [{"in": name, "element": text} for text in record.unknown]
        attributes += [
            {"in": one.element or name, "name": one.name, "value": one.value}
            for one in sorted(record.attributes, key=lambda one: (one.element, one.name))
        ]
    found: Tree = {"element": elements, "attribute": attributes}
    return {kind: value for kind, value in found.items() if value}
