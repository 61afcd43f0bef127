"""Read envelopes that our own writer wrote, without a tree.

What `pack` makes has one form, so most of what arrives can be read by cutting it at each '<'. This
reader takes everything on trust and proves it at the end: the message that it made is written
again, and only if that gives exactly the bytes that came is it believed. Then they are the
canonical form (`edxml.write`), hold nothing else, nothing twice and nothing out of place, and the
tolerant reader would have found nothing odd.

Which tags are written, and where, follows from which values there are, never from what they say.
So where the values stand is found once for all envelopes with the same tags (their form), and bytes
with the same tags as some that were written again need not be, as long as no text in them has a
character that the writer would escape or refuse, and every content is the base64 of itself.

Whatever raises a doubt (None) is for the gate and the tolerant reader, who also say what is wrong.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
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

_TEXT: Final = re.compile(">([^<]+)")
_TEXT_MARK: Final = ">."  # in a shape, for the end of a tag and the text after it
# What the writer escapes in a text or refuses.
_ESCAPED: Final = re.compile("[^\t\n\x20-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
        message = _read(_Texts(data, begin, end))
    except (LookupError, TypeError, ValueError, Malformed):
        return None  # what the writer would never have written, as a message without From
    return None if message is None else Exact(message, signature, begin, end)


_Shape = tuple[str, int]  # the tags with a mark for each text; how many are before the signature
_proven: dict[_Shape, _Form] = {}


def _read(texts: _Texts) -> Message | None:
    """The message, if writing it gives the bytes around the signature: shown by writing it, or by
    the shape of them.

    Raises:
        LookupError, TypeError, ValueError, Malformed: the tags make no message.
    """
    shape = texts.shape
    form = _proven.get(shape)
    if form is not None and texts.are_plain() and texts.have_canonical_contents():
        return _message(form, texts)
    message = _message(form := form or _Compiler(shape[0]).form(), texts)
    if message is None or not is_written(message, texts.data, texts.begin, texts.end):
        return None
    if len(shape[0]) <= SHAPE_MAX and texts.are_plain():
        if len(_proven) >= PROVEN_MAX:
            _proven.clear()
        _proven[shape] = form
    return message


# -- bytes -> tags and texts --------------------------------------------------------------------


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


def _plan(record: type[model.Record], element: str, prefix: str = "edXML:") -> _Plan:
    fields = fields_of(record, element)
    return _Plan(record, {prefix + one.element: _step(one, prefix) for one in fields})


def _step(one: Field, prefix: str) -> _Step:
    inner = _plan(one.record, one.element, prefix) if one.record else None
    rule = one.rule
    most = rule.most if rule is not None and rule.most else sys.maxsize
    more = rule is not None and (rule.form is not None or rule.values)
    judged = one if more or one.kind is Kind.DATE else None
    return _Step(one.attribute, one.repeats, inner, most, judged)


_DOCUMENT: Final = _plan(Document, "MessageHeader")
_STATUS: Final = _plan(Status, "MessageHeader")
_STATUS_CODE: Final = "edXML:StatusCode>"
_CONTENT_TAG: Final = CONTENT[1:]
_RECEIVED_TAG: Final = f'dx:Received xmlns:dx="{DX}">'
_CHECKPOINT_TAG: Final = "dx:Checkpoint>"
_DIGEST_VALUE: Final = _Step("value", repeats=False, inner=None, most=sys.maxsize, judged=None)
_CHECKPOINT: Final = replace(_DIGEST_VALUE, attribute="checkpoint")
# The parts of the frame that are records: token -> attribute of the document, plan.
_PARTS: Final[Mapping[str, tuple[str, _Plan]]] = {
    "edXML:TraceHeaderList>": ("trace", _plan(model.TraceHeaderList, "TraceHeaderList")),
    "edXML:ErrorList>": ("errors", _plan(model.ErrorList, "ErrorList")),
    "edXML:Reference>": ("manifest", _plan(model.Reference, "Reference")),
    "Attachment>": ("attachments", _plan(Attachment, "Attachment", "")),
}


class _Texts:
    """An envelope cut into tags and the texts between them; contents of attachments apart.

    Args:
        data: the envelope; `begin` and `end` are where its signature stands.
    """

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self.data, self.begin, self.end = data, begin, end
        self.contents: list[bytes] = []
        self._encoded: list[tuple[int, int]] = []  # where each begins and ends in the bytes
        text = (data[len(_HEAD) : begin] + self._without_contents(data, end)).decode()
        if text.count("<") >= TOKENS_MAX:
            raise ValueError("too many elements")
        pieces = _TEXT.split(text)
        self.shape = (_TEXT_MARK.join(pieces[::2]), data.count(b"<", 0, begin))
        self.texts = pieces[1::2]
        self._joined = " ".join(self.texts)
        if "&" in self._joined:
            self.texts = [_plain(one) for one in self.texts]
        self.texts.append("")  # the last stands for all that have none

    def _without_contents(self, data: bytes, at: int) -> bytes:
        """The bytes from `at` on; contents are decoded where they are, without a copy."""
        view = memoryview(data)
        pieces: list[memoryview] = []
        while (found := data.find(_CONTENT, at)) >= 0:
            start = found + len(_CONTENT)
            pieces.append(view[at:start])
            at = data.index(b"<", start)
            self.contents.append(pybase64.b64decode(view[start:at], validate=True))
            self._encoded.append((start, at))
        return b"".join((*pieces, view[at:]))

    def are_plain(self) -> bool:
        """Whether no text has a character that the writer would escape or refuse."""
        texts = self._joined  # the first takes a third of the time of the second
        if texts.isprintable():
            return "&" not in texts and ">" not in texts
        return _ESCAPED.search(texts) is None

    def have_canonical_contents(self) -> bool:
        """Whether each content is written as the base64 of what it decodes to."""
        for content, (start, end) in zip(self.contents, self._encoded, strict=True):
            encoded = pybase64.b64encode(content)
            if len(encoded) != end - start or not self.data.startswith(encoded, start):
                return False
        return True


# -- shape -> form: where the values stand ------------------------------------------------------


@dataclass(slots=True)
class _Form:
    """Where the values of a record stand in all envelopes of one shape: texts and contents by
    their place, records by the form of theirs; `fixed` stands in a tag."""

    record: type[model.Record]
    texts: list[tuple[_Step, int]] = field(default_factory=list)
    records: list[tuple[str, _Form]] = field(default_factory=list)
    several: dict[str, list[_Form | tuple[_Step, int]]] = field(default_factory=dict)
    content: int | None = None
    fixed: dict[str, str] = field(default_factory=dict)


class _Compiler:
    """Finds the form of a shape. Tags that end an element are skipped unread: writing the message
    puts every one of them where it has to be."""

    def __init__(self, shape: str) -> None:
        self._tags = shape.split("<")
        self._at = 1  # before the first '<' stands nothing
        self._contents = 0
        places = accumulate(tag.endswith(_TEXT_MARK) for tag in self._tags)
        self._places = [place - 1 for place in places]
        self._is_status = f"<{_STATUS_CODE}" in shape

    def form(self) -> _Form:
        """The form of the message, as far as the tags make one.

        Raises:
            LookupError, ValueError: they do not.
        """
        if self._is_status:
            return self._record(_STATUS)
        document = self._record(_DOCUMENT)
        parts: dict[str, list[Any]] = {attribute: [] for attribute, _ in _PARTS.values()}
        while self._at < len(self._tags):
            part = _PARTS.get(self._tags[self._at])
            self._at += 1
            if part is not None:
                attribute, plan = part
                parts[attribute].append(self._record(plan))
        for attribute in ("trace", "errors"):
            document.records += [(attribute, form) for form in parts.pop(attribute)]
        document.several |= parts
        return document

    def _record(self, plan: _Plan) -> _Form:
        """The form of a record, up to the tag that ends it."""
        form = _Form(plan.record)
        while (tag := self._tags[self._at])[0] != "/":
            step = plan.steps.get(tag[: tag.index(">")])
            if step is None:
                self._special(tag, form)
                continue
            found: Any
            if step.inner is None:
                found = (step, self._text())
            else:
                self._at += 1
                found = self._record(step.inner)
            if step.repeats:
                form.several.setdefault(step.attribute, []).append(found)
            elif step.inner is None:
                form.texts.append(found)
            else:
                form.records.append((step.attribute, found))
        self._at += 1
        return form

    def _text(self) -> int:
        """The place of the text of the element that begins here; past its end."""
        at = self._at
        self._at += 2
        return self._places[at] if self._tags[at].endswith(_TEXT_MARK) else -1

    def _special(self, tag: str, form: _Form) -> None:
        """The two elements that are no field of the layout."""
        if tag == _CONTENT_TAG:
            form.content = self._contents
            self._contents += 1
            self._at += 2
        elif tag == _RECEIVED_TAG:
            received = _Form(Received, fixed={"algorithm": self._tags[self._at + 1].split('"')[1]})
            self._at += 3
            received.texts.append((_DIGEST_VALUE, self._text()))
            if self._tags[self._at].startswith(_CHECKPOINT_TAG):
                received.texts.append((_CHECKPOINT, self._text()))
            self._at += 1
            form.records.append(("received", received))
        else:
            raise ValueError(tag)


# -- form -> message ----------------------------------------------------------------------------


def _message(form: _Form, texts: _Texts) -> Message | None:
    """The message of an envelope of this form; None if the tolerant reader would note something.

    Raises:
        LookupError, TypeError, ValueError: as that.
    """
    values = _values(form, texts)
    if form.record is Status:
        return Status(**values) if "sender" in values else None
    if not values.keys() >= {"sender", "to"}:  # an error, for the tolerant reader to note
        return None
    document = Document(**values)
    return None if places_too_long(document) else document


def _values(form: _Form, texts: _Texts) -> dict[str, Any]:
    """Values for the constructor of a record."""
    values: dict[str, Any] = dict(form.fixed)
    for step, place in form.texts:
        values[step.attribute] = _value(step, texts.texts[place])
    for attribute, inner in form.records:
        values[attribute] = inner.record(**_values(inner, texts))
    for attribute, several in form.several.items():
        values[attribute] = tuple(
            one.record(**_values(one, texts))
            if isinstance(one, _Form)
            else _value(one[0], texts.texts[one[1]])
            for one in several
        )
    if form.content is not None:
        values["content"] = texts.contents[form.content]
    return values


def _value(step: _Step, text: str) -> str:
    if len(text) > step.most or (step.judged and is_odd(step.judged, text)):
        raise ValueError(step.attribute)
    return text


def _plain(text: str) -> str:
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#xD;", "\r")
    return text.replace("&amp;", "&")
