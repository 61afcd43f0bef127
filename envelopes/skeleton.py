"""A large envelope in little memory: its attachments are cut out while it streams by.

An envelope is large only because of the base64 texts of its attachments. `Cutter` takes the
envelope in chunks, decodes and digests each such text as it passes, and puts a mark of 48
characters of base64 in its place. What remains is the *skeleton*: a small envelope that goes
through the same gate, reader and judge as any other.

Why the skeleton answers for the whole: a text is cut only where an attachment's content stands
(`PATH`), and of it only characters of the base64 alphabet, a multiple of four of them, never its
beginning or end. Canonicalisation and parser leave such characters alone, lines stay lines, and
whether the text is strict base64 shows at what was kept. The mark holds the SHA-256 of the whole
envelope, so nobody can write an envelope that already contains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, Final

import pybase64

from .model import Stored

MARKUP_MAX: Final = 8 * 1024 * 1024  # bytes beside the cut texts: the largest message of the axis
CHUNK: Final = 1024 * 1024  # bytes read at once; more makes nothing faster
CUT_MIN: Final = 1024  # characters; shorter texts stay, and 2,000 of them are 2 MB
KEPT: Final = 64  # characters kept at both ends: findings show at most 40
TAGS_MAX: Final = 40_000  # as many as 20,000 elements have; beyond, nothing is cut any more
TAG_BYTES_MAX: Final = 64 * 1024  # of one tag with its attributes, as the gate has it
PATH: Final = (b"edXML", b"AttachmentEncoded", b"Attachment", b"ContentTransferEncoded")

_PLAIN = re.compile(rb"[A-Za-z0-9+/]*+")
_TAG = re.compile(rb"""<((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_KEPT_BYTES: Final = KEPT // 4 * 3
_MARK: Final = 48  # characters
_MARK_BYTES: Final = _MARK // 4 * 3


@dataclass(slots=True)
class _Cut:
    """One text that was cut: where it stood, and the digest of what was decoded up to its end.

    Args:
        begin: place in the envelope of the first character cut; `KEPT` before it the text begins.
        length: characters cut, a multiple of four.
        at: place of its mark in the skeleton.
        size: bytes decoded of the text up to the end of the cut.
        state: SHA-256 of those bytes, to be continued.
    """

    begin: int
    length: int = 0
    at: int = 0
    size: int = 0
    state: Any = field(default_factory=sha256)

    def take(self, characters: bytes) -> None:
        """Go on by a multiple of four characters of the alphabet."""
        decoded = pybase64.b64decode(characters, validate=True)
        self.size += len(decoded)
        self.state.update(decoded)


class Cutter:
    """Takes an envelope in chunks and keeps its skeleton.

    Args:
        cut_min: texts below this many characters stay.
    """

    def __init__(self, cut_min: int = CUT_MIN) -> None:
        self._cut_min = max(cut_min, 4 * KEPT)
        self._pieces: list[bytes | _Cut] = []
        self._length = 0  # of the pieces, bytes
        self._size = 0  # of the envelope up to the chunk that is taken now, bytes
        self._whole = sha256()
        self._tag = b""  # one that is not complete yet
        self._open: list[bytes] = []  # names of the elements that are open
        self._tags = 0
        self._cutting = True
        self._text: bytearray | None = None  # of an attachment: what is not cut, up to now
        self._cut: _Cut | None = None

    @property
    def full(self) -> bool:
        """Whether there is more beside attachments than an envelope may have."""
        return self._length > MARKUP_MAX

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._whole.update(chunk)
        at = 0
        while at < len(chunk):
            at = (self._markup if self._text is None else self._content)(chunk, at)
        self._size += len(chunk)

    def close(self) -> Skeleton:
        """The skeleton, when there is no more."""
        self._end_text()
        self._keep(self._tag)
        digest = self._whole.digest()
        cuts: list[_Cut] = []
        parts: list[bytes] = []
        length = 0
        for piece in self._pieces:
            if isinstance(piece, _Cut):
                piece.at = length
                parts.append(mark_of(digest, len(cuts)))
                cuts.append(piece)
            else:
                parts.append(piece)
            length += len(parts[-1])
        return Skeleton(b"".join(parts), self._size, digest, tuple(cuts))

    # -- outside the contents of attachments ---------------------------------------------------

    def _markup(self, chunk: bytes, start: int) -> int:
        """Take bytes up to where the content of an attachment begins; returns where that is."""
        if not self._cutting:
            self._keep(chunk[start:])
            return len(chunk)
        before = len(self._tag)  # only where a chunk begins
        data, at = (self._tag + chunk if before else chunk), start
        self._tag = b""
        while (begin := data.find(b"<", at)) >= 0:
            tag = _TAG.match(data, begin)
            if tag is None:
                if self._cutting and self._may_go_on(data, begin):
                    self._keep(data[start:begin])
                    self._tag = data[begin:]
                    return len(chunk)
                self._cutting = False
                break
            at = tag.end()
            if self._opens_content(tag[1]):
                self._keep(data[start:at])
                self._text = bytearray()
                return at - before
        self._keep(data[start:])
        return len(chunk)

    def _may_go_on(self, data: bytes, begin: int) -> bool:
        """Whether the '<' at `begin` may begin a tag whose end is yet to come."""
        return data.find(b"<", begin + 1) < 0 and len(data) - begin <= TAG_BYTES_MAX

    def _opens_content(self, tag: bytes) -> bool:
        """Follow a tag, without its brackets; whether it opens the content of an attachment."""
        self._tags += 1
        if not self._cutting:
            return False
        if tag.startswith(b"/"):
            if self._open:
                self._open.pop()
            return False
        if tag.startswith((b"!", b"?")) or self._tags > TAGS_MAX:
            self._cutting = tag.startswith(b"?xml ") and self._tags == 1
            return False  # behind a comment or CDATA section, what looks like a tag may be none
        if not tag.endswith(b"/"):
            name = tag.split(None, 1)[0] if tag.strip() else b""
            self._open.append(name.rpartition(b":")[2])
        return len(self._open) == len(PATH) and tuple(self._open) == PATH

    def _keep(self, data: bytes) -> None:
        if data:
            self._pieces.append(data)
            self._length += len(data)

    # -- the content of an attachment ----------------------------------------------------------

    def _content(self, chunk: bytes, start: int) -> int:
        """Take the characters of the alphabet that come next; returns where they end."""
        end = chunk.find(b"<", start)
        plain = _plain(chunk[start : end if end >= 0 else len(chunk)])
        at = start + len(plain)
        text = self._text
        assert text is not None  # noqa: S101  # `feed` asks
        text += plain
        if self._cut is None and len(text) >= self._cut_min:
            self._cut = _Cut(self._size + at - len(text) + KEPT)
            self._cut.take(bytes(text[:KEPT]))
            self._keep(bytes(text[:KEPT]))
            del text[:KEPT]
        if self._cut is not None:
            self._cut_off(self._cut, text)
        if at < len(chunk):
            self._end_text()
        return at

    def _cut_off(self, cut: _Cut, text: bytearray) -> None:
        """Cut what may be cut by now; the end stays."""
        taken = (len(text) - KEPT) // 4 * 4
        if taken > 0:
            cut.take(bytes(text[:taken]))
            cut.length += taken
            del text[:taken]

    def _end_text(self) -> None:
        text, cut = self._text, self._cut
        self._text = self._cut = None
        if cut is not None:
            self._pieces.append(cut)
            self._length += _MARK
        self._keep(bytes(text or b""))


def _plain(text: bytes) -> bytes:
    """The characters of the base64 alphabet with which a text begins."""
    padding = text.find(b"=")
    if padding >= 0:
        text = text[:padding]
    try:  # decoding is ten times faster than a search; what can be decoded is of the alphabet
        pybase64.b64decode(memoryview(text)[: len(text) // 4 * 4], validate=True)
        at = len(text) // 4 * 4
    except ValueError:
        at = 0
    found = _PLAIN.match(text, at)
    return text[: found.end()] if found else text[:at]


def mark_of(digest: bytes, number: int) -> bytes:
    """A mark: base64 of a SHA-256 that what is marked cannot contain, and of a number."""
    return pybase64.b64encode(digest + number.to_bytes(_MARK_BYTES - len(digest), "big"))


@dataclass(frozen=True, slots=True)
class Skeleton:
    """An envelope with marks in place of its long texts.

    Args:
        data: the skeleton; of an envelope with too much beside attachments, its beginning.
        size: of the envelope, bytes.
        digest: SHA-256 of the envelope.
        cuts: what was cut, in the order of the envelope.
    """

    data: bytes
    size: int
    digest: bytes
    cuts: tuple[_Cut, ...]

    def place(self, at: int) -> int:
        """Where in the envelope a place of the skeleton is."""
        return at + sum(cut.length - _MARK for cut in self.cuts if cut.at < at)

    def stored(self, content: bytes) -> Stored | None:
        """The facts of the content that reads so in the skeleton, None if it is whole there."""
        mark = content[_KEPT_BYTES : _KEPT_BYTES + _MARK_BYTES]
        number = int.from_bytes(mark[len(self.digest) :], "big")
        if not mark.startswith(self.digest) or number >= len(self.cuts):
            return None
        cut = self.cuts[number]
        end = content[_KEPT_BYTES + _MARK_BYTES :]
        state = cut.state.copy()
        state.update(end)
        return Stored(cut.size + len(end), state.hexdigest(), cut.begin - KEPT)

    def restored(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        """Bytes that contain marks, with what was cut in their places, read again from the file."""
        at = 0
        for number, cut in enumerate(self.cuts):
            found = data.find(mark_of(self.digest, number), at)
            if found >= 0:
                yield data[at:found]
                yield from chunks(file, cut.begin, cut.begin + cut.length)
                at = found + _MARK
        yield data[at:]


def chunks(file: BinaryIO, begin: int, end: int, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a file from `begin` up to `end`, or up to where it ends. Raises OSError."""
    file.seek(begin)
    while begin < end and (chunk := file.read(min(size, end - begin))):
        begin += len(chunk)
        yield chunk


def exceeds_markup(data: bytes) -> bool:
    """Whether an envelope in memory has more beside its attachments than it may have."""
    if len(data) <= MARKUP_MAX:
        return False
    cutter = Cutter()
    for at in range(0, len(data), CHUNK):
        cutter.feed(data[at : at + CHUNK])
        if cutter.full:
            return True
    return len(cutter.close().data) > MARKUP_MAX
