"""Read envelopes that our own writer wrote, without a tree.

What `pack` makes has one form, so most of what arrives can be read by cutting it at each '<'. This
reader takes everything on trust and proves it at the end: the message that it made is written
again, and only if that gives exactly the bytes that came is it believed. Then they are the
canonical form (`edxml.write`), hold nothing else, nothing twice and nothing out of place, and the
tolerant reader would have found nothing odd.

Which tags are written, and where, follows from which values there are, never from what they say:
bytes with the same tags as some that were written again need not be, as long as no text in them has
a character that the writer would escape or refuse, and every content is the base64 of itself.

Whatever raises a doubt (None) is for the gate and the tolerant reader, who also say what is wrong.
"""

from __future__ import annotations

import re
import sys
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

PROVEN_MAX: Final = 512  # shapes that are remembered; the documents of a day have a few dozen
SHAPE_MAX: Final = 16_384  # characters of one that is: 8 MiB of memory at most

_TEXT: Final = re.compile(">[^<]+")
# What the writer escapes in a text or refuses, '>' apart.
_ESCAPED: Final = re.compile("[^\t\n\x20-%'-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
        reader = _Reader(data, begin, end)
        message = reader.message()
        if message is None or not _is_proven(reader, message, data, begin, end):
            return None
    except (LookupError, TypeError, ValueError, Malformed):
        return None  # what the writer would never have written, as a message without From
    return Exact(message, signature, begin, end)


_Shape = tuple[
    str, int
]  # the tags with a mark for each text, and how many stand before the signature
_proven: set[_Shape] = set()


def _is_proven(reader: _Reader, message: Message, data: bytes, begin: int, end: int) -> bool:
    """Whether writing the message gives the bytes around the signature, shown by writing it or by
    the shape of them."""
    shape = reader.shape()
    if shape in _proven and reader.has_canonical_contents():
        return True
    if not is_written(message, data, begin, end):
        return False
    if shape is not None and len(shape[0]) <= SHAPE_MAX:
        if len(_proven) >= PROVEN_MAX:
            _proven.clear()
        _proven.add(shape)
    return True


# -- bytes -> tokens -> records ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """How to read one child element: into which attribute, whether as one of several, and as what
    record; None for text, which is odd when longer than `most` or, if judged, for other reasons."""

    attribute: str
    repeats: bool
    inner: _Plan | None
    most: int
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
    rule = field.rule
    most = rule.most if rule is not None and rule.most else sys.maxsize
    more = rule is not None and (rule.form is not None or rule.values)
    judged = field if more or field.kind is Kind.DATE else None
    return _Step(field.attribute, field.repeats, inner, most, judged)


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
        self._data = data
        head = data[len(_HEAD) : begin].decode()
        self._is_status = _STATUS_CODE in head
        self._before = head.count("<")
        self._contents: list[bytes] = []
        self._taken = 0
        self._encoded: list[tuple[int, int]] = []  # where each begins and ends in the bytes
        self._text = head + self._without_contents(data, end).decode()
        self._tokens = self._text.split("<", TOKENS_MAX)
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
            self._encoded.append((start, at))
        return b"".join((*pieces, view[at:]))

    def shape(self) -> _Shape | None:
        """The tags, and between which of them text stands; None if what the text is matters too."""
        text = self._text
        if text.count("<") != text.count(">") or "&" in text:
            return None
        if not text.isprintable() and _ESCAPED.search(text):  # the first takes a third of the time
            return None
        return _TEXT.sub(">.", text), self._before

    def has_canonical_contents(self) -> bool:
        """Whether each content is written as the base64 of what it decodes to."""
        for content, (start, end) in zip(self._contents, self._encoded, strict=True):
            encoded = pybase64.b64encode(content)
            if len(encoded) != end - start or not self._data.startswith(encoded, start):
                return False
        return True

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
        tokens, steps, at = self._tokens, plan.steps, self._at
        while (token := tokens[at])[0] != "/":
            tag, _, text = token.partition(">")
            step = steps.get(tag)
            value: Any
            if step is None:
                self._at = at + 1
                self._special(tag, values)
                at = self._at
                continue
            if step.inner is None:
                at += 2  # its end, too
                value = _plain(text) if "&" in text else text
                if len(value) > step.most or (step.judged and is_odd(step.judged, value)):
                    raise ValueError(tag)
            else:
                self._at = at + 1
                value = step.inner.record(**self._values(step.inner))
                at = self._at
            if step.repeats:
                values.setdefault(step.attribute, []).append(value)
            else:
                values[step.attribute] = value
        self._at = at + 1
        for attribute in plan.repeated:
            if attribute in values:
                values[attribute] = tuple(values[attribute])
        return values

    def _special(self, tag: str, values: dict[str, Any]) -> None:
        """The two elements that are no field of the layout."""
        if tag == _CONTENT_TAG:
            self._at += 1
            values["content"] = self._contents[self._taken]
            self._taken += 1
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
