"""Read envelopes that our own writer wrote, without a tree.

What `pack` makes has one form, so most of what arrives can be read by cutting it at each '<'. This
reader takes everything on trust and proves it at the end: the message that it made is written
again, and only if that gives exactly the bytes that came is it believed. Then they are the
canonical form (`edxml.write`), hold nothing else, nothing twice and nothing out of place, and the
tolerant reader would have found nothing odd.

Whatever raises a doubt (None) is for the gate and the tolerant reader, who also say what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pybase64

from . import dsig, model
from .errors import Malformed
from .gate import BYTES_MAX, ELEMENTS_MAX
from .layout import DX, Field, Kind, fields_of
from .model import Attachment, Document, Message, Received, Status
from .rules import is_odd, places_too_long
from .writer import CONTENT, HEAD, is_written

SIGNATURE_ELEMENTS: Final = 100  # more than our form has, with eight certificates
TOKENS_MAX: Final = 2 * (ELEMENTS_MAX - SIGNATURE_ELEMENTS)  # an element begins and ends

_HEAD: Final = HEAD.encode()
_CONTENT: Final = CONTENT.encode()


@dataclass(frozen=True, slots=True)
class Exact:
    """An envelope that our writer wrote, signed in our form by anybody.

    Args:
        message: what it says; all of it.
        signature: its values; nothing of it is checked.
        begin, end: where the signature stands in the bytes.
    """

    message: Message
    signature: dsig.Signature
    begin: int
    end: int


def read_exact(data: bytes, limit: int = BYTES_MAX) -> Exact | None:
    """The message whose writing gives exactly these bytes around a signature of our form.

    Args:
        data: the bytes as they came.
        limit: largest size, bytes.

    Returns:
        None when in doubt: not ours, odd, beyond a limit of the gate, or not even XML.
    """
    if len(data) > limit or not data.startswith(_HEAD):
        return None
    begin = data.find(dsig.START)
    end = data.find(dsig.END, begin) + len(dsig.END)
    if not 0 < begin < end <= begin + dsig.SIGNATURE_BYTES_MAX:
        return None
    signature = dsig.read(data[begin:end])
    if signature is None:
        return None
    try:
        message = _Reader(data, begin, end).message()
        if message is None or not is_written(message, data, begin, end):
            return None
    except (LookupError, TypeError, ValueError, Malformed):
        return None  # what the writer would never have written, as a message without From
    return Exact(message, signature, begin, end)


# -- bytes -> tokens -> records ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """How to read one child element: into which attribute, whether as one of several, and as what
    record; None for text, which is looked at if it can be odd."""

    attribute: str
    repeats: bool
    inner: _Plan | None
    judged: Field | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read a record: its child elements by the tag that begins them."""

    record: type[model.Record]
    steps: Mapping[str, _Step]
    repeated: tuple[str, ...]


def _plan(record: type[model.Record], element: str, prefix: str = "edXML:") -> _Plan:
    fields = fields_of(record, element)
    return _Plan(
        record,
        {prefix + field.element: _step(field, prefix) for field in fields},
        tuple(field.attribute for field in fields if field.repeats),
    )


def _step(field: Field, prefix: str) -> _Step:
    inner = _plan(field.record, field.element, prefix) if field.record else None
    judged = field if field.rule is not None or field.kind is Kind.DATE else None
    return _Step(field.attribute, field.repeats, inner, judged)


_DOCUMENT: Final = _plan(Document, "MessageHeader")
_STATUS: Final = _plan(Status, "MessageHeader")
_STATUS_CODE: Final = "<edXML:StatusCode>"
_CONTENT_TAG: Final = CONTENT[1:-1]
_RECEIVED_TAG: Final = f'dx:Received xmlns:dx="{DX}"'
# The parts of the frame that are records: token -> attribute of the document, plan.
_PARTS: Final[Mapping[str, tuple[str, _Plan]]] = {
    "edXML:TraceHeaderList>": ("trace", _plan(model.TraceHeaderList, "TraceHeaderList")),
    "edXML:ErrorList>": ("errors", _plan(model.ErrorList, "ErrorList")),
    "edXML:Reference>": ("manifest", _plan(model.Reference, "Reference")),
    "Attachment>": ("attachments", _plan(Attachment, "Attachment", "")),
}


class _Reader:
    """Reads the tokens of an envelope, each what stands between a '<' and the next one, without
    the contents of attachments. Tags that end an element are skipped unread: rewriting the message
    puts every one of them where it has to be."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        head = data[len(_HEAD) : begin].decode()
        self._is_status = _STATUS_CODE in head
        self._contents: list[bytes] = []
        text = head + self._without_contents(data, end).decode()
        self._tokens = text.split("<", TOKENS_MAX)
        self._at = 1  # before the first '<' stands nothing

    def _without_contents(self, data: bytes, at: int) -> bytes:
        """The bytes from `at` on; contents are decoded where they are, without a copy."""
        view = memoryview(data)
        pieces: list[memoryview] = []
        while (found := data.find(_CONTENT, at)) >= 0:
            start = found + len(_CONTENT)
            pieces.append(view[at:start])
            at = data.index(b"<", start)
            self._contents.append(pybase64.b64decode(view[start:at], validate=True))
        return b"".join((*pieces, view[at:]))

    def message(self) -> Message | None:
        """The message, as far as the tokens make one.

        Raises:
            LookupError, ValueError: they do not.
        """
        if len(self._tokens) > TOKENS_MAX:
            return None
        if self._is_status:
            values = self._values(_STATUS)
            return Status(**values) if "sender" in values else None
        values = self._values(_DOCUMENT)
        parts: dict[str, list[Any]] = {attribute: [] for attribute, _ in _PARTS.values()}
        while self._at < len(self._tokens):
            part = _PARTS.get(self._tokens[self._at])
            self._at += 1
            if part is not None:
                attribute, plan = part
                parts[attribute].append(plan.record(**self._values(plan)))
        if not values.keys() >= {"sender", "to"}:  # an error, for the tolerant reader to note
            return None
        document = Document(
            **values,
            trace=_first(parts["trace"]),
            errors=_first(parts["errors"]),
            manifest=tuple(parts["manifest"]),
            attachments=tuple(parts["attachments"]),
        )
        return None if places_too_long(document) else document

    def _values(self, plan: _Plan) -> dict[str, Any]:
        """Values for the constructor of a record, up to the tag that ends it."""
        values: dict[str, Any] = {}
        while True:
            token = self._tokens[self._at]
            self._at += 1
            if token[0] == "/":
                break
            tag, _, text = token.partition(">")
            step = plan.steps.get(tag)
            value: Any
            if step is None:
                self._special(tag, values)
                continue
            if step.inner is None:
                self._at += 1
                value = _plain(text) if "&" in text else text
                if step.judged is not None and is_odd(step.judged, value):
                    raise ValueError(tag)
            else:
                value = step.inner.record(**self._values(step.inner))
            if step.repeats:
                values.setdefault(step.attribute, []).append(value)
            else:
                values[step.attribute] = value
        for attribute in plan.repeated:
            if attribute in values:
                values[attribute] = tuple(values[attribute])
        return values

    def _special(self, tag: str, values: dict[str, Any]) -> None:
        """The two elements that are no field of the layout."""
        if tag == _CONTENT_TAG:
            self._at += 1
            values["content"] = self._contents.pop(0)
        elif tag == _RECEIVED_TAG:
            method, digest = self._tokens[self._at], self._tokens[self._at + 2]
            self._at += 5
            values["received"] = Received(
                algorithm=method.split('"')[1], value=digest.partition(">")[2]
            )
        else:
            raise ValueError(tag)


def _first(found: list[Any]) -> Any:
    return found[0] if found else None


def _plain(text: str) -> str:
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#xD;", "\r")
    return text.replace("&amp;", "&")
