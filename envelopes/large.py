"""Envelopes where they are: in memory, or in a file that is too large for it.

`verify` judges a `Whole` or an `InFile` with the same steps. Of a file it sees the skeleton
(`skeleton`), and asks here for what only the whole can tell: digests, places, attachments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import new as new_hash
from hashlib import sha256
from typing import Any, BinaryIO, Final, TypeVar

import pybase64

from keys.algorithms import DigestAlgorithm

from . import dsig, edxml
from .errors import Malformed, Refused
from .model import Attachment, Document, Message, Stored
from .skeleton import CHUNK, CUT_MIN, MARKUP_MAX, Cutter, chunks

FILES_MAX: Final = 1024 * 1024 * 1024  # bytes of the attachments of one document (design: 1 GiB)
LARGE_MAX: Final = FILES_MAX // 3 * 4 + MARKUP_MAX  # bytes of the envelope that holds them

M = TypeVar("M", bound=Message | None)
Digest = Callable[[DigestAlgorithm], str]  # base64 of the digest of the canonical form


class Whole:
    """An envelope in memory.

    Args:
        data: its exact bytes.
    """

    stored: Final[Stored | None] = None

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.whole = data

    def place(self, at: int) -> int:
        """Where in the envelope a place of `data` is."""
        return at

    def message(self, message: M) -> M:
        """What was read from `data`, with the facts of contents that are not in it."""
        return message

    def around(self, begin: int, end: int) -> Digest:
        """The digest of the envelope without its signature, which stands at data[begin:end]."""
        view = memoryview(self.data)
        return lambda digest: dsig.digest_text(digest, view[:begin], view[end:])

    def other(self, rest: bytes) -> Digest:
        """The digest of a canonical form that is not what was received."""
        return lambda digest: dsig.digest_text(digest, rest)

    def restored(self, data: bytes) -> Iterable[bytes]:
        """Bytes of a tree made of `data`, with what was cut in its place again."""
        return (data,)


class InFile:
    """An envelope in a file, of which only the skeleton is in memory.

    The first pass digests whatever it can: the whole, each attachment and, if the signature
    stands in the first chunk, what the signature covers. So in the usual case one pass is all, and
    the file cannot change between two of them.

    Args:
        file: open for reading, seekable.
        size: bytes of it that count.
        cut_min: characters of the shortest text that is cut.
        chunk: bytes read at once.
    """

    whole: Final = b""

    def __init__(
        self, file: BinaryIO, size: int, *, cut_min: int = CUT_MIN, chunk: int = CHUNK
    ) -> None:
        self._file = file
        self._signed: _Signed | None = None
        cutter = Cutter(cut_min)
        for number, part in enumerate(chunks(file, 0, size, chunk)):
            if number == 0:
                self._signed = _Signed.begun(part)
            cutter.feed(part)
            if self._signed is not None:
                self._signed.take(part)
            if cutter.full:
                break
        self._skeleton = cutter.close()
        self.data = self._skeleton.data
        self.stored = Stored(self._skeleton.size, self._skeleton.digest.hex())

    def place(self, at: int) -> int:
        """Where in the envelope a place of `data` is."""
        return self._skeleton.place(at)

    def message(self, message: M) -> M:
        """What was read from `data`, with the facts of contents that are not in it."""
        if not isinstance(message, Document):
            return message
        return replace(message, attachments=tuple(map(self._attachment, message.attachments)))

    def _attachment(self, attachment: Attachment) -> Attachment:
        stored = self._skeleton.stored(attachment.content)
        return replace(attachment, content=b"", stored=stored) if stored else attachment

    def around(self, begin: int, end: int) -> Digest:
        """The digest of the envelope without its signature, which stands at data[begin:end]."""
        first, last = self.place(begin), self.place(end)
        signed = self._signed
        if signed is not None and (signed.begin, signed.end) == (first, last):
            return signed.text
        return lambda digest: self._again(digest, first, last)

    def _again(self, digest: DigestAlgorithm, begin: int, end: int) -> str:
        """A second pass; "" if the file is no longer the one of the first."""
        whole, state = sha256(), new_hash(digest.hash_name)
        at = 0
        for part in chunks(self._file, 0, self._skeleton.size):
            whole.update(part)
            state.update(part[: max(0, begin - at)])
            state.update(part[max(0, end - at) :])
            at += len(part)
        same = whole.digest() == self._skeleton.digest
        return dsig.base64_text(state.digest()) if same else ""

    def other(self, rest: bytes) -> Digest:
        """The digest of a canonical form that is not what was received."""
        return lambda digest: dsig.digest_of_all(digest, self.restored(rest))

    def restored(self, data: bytes) -> Iterable[bytes]:
        """Bytes of a tree made of `data`, with what was cut in its place again."""
        return self._skeleton.restored(data, self._file)


class _Signed:
    """Digests what a signature covers while it streams by.

    Args:
        begin, end: where the signature stands.
        digest: the algorithm that it names.
    """

    def __init__(self, begin: int, end: int, digest: DigestAlgorithm) -> None:
        self.begin, self.end = begin, end
        self._algorithm = digest
        self._state: Any = new_hash(digest.hash_name)
        self._started = False

    @classmethod
    def begun(cls, first: bytes) -> _Signed | None:
        """For an envelope that begins with these bytes, if its signature is among them."""
        begin = first.find(dsig.START)
        end = first.find(dsig.END, begin) + len(dsig.END)
        signature = dsig.read(first[begin:end]) if 0 <= begin < end else None
        if signature is None or signature.digest is None:
            return None
        return cls(begin, end, signature.digest)

    def take(self, part: bytes) -> None:
        """Go on by the next bytes; the first ones are those of `begun`."""
        if self._started:
            self._state.update(part)
        else:
            self._started = True
            self._state.update(part[: self.begin])
            self._state.update(part[self.end :])

    def text(self, digest: DigestAlgorithm) -> str:
        """The digest, by the algorithm that the signature names."""
        assert digest is self._algorithm  # noqa: S101  # the same signature was read
        return dsig.base64_text(self._state.digest())


def read_file(
    envelope: BinaryIO, *, limit: int = LARGE_MAX
) -> tuple[Message, tuple[edxml.Finding, ...]]:
    """What an envelope in a file says, proven by nothing: `edxml.read` in little memory.

    Raises:
        Malformed: as `edxml.read`.
        OSError: the file cannot be read.
    """
    size = envelope.seek(0, 2)
    if size > limit:
        raise Refused("TOO_LARGE", f"over {limit:,} bytes")
    source = InFile(envelope, size)
    message, findings = edxml.read(source.data, limit=limit)
    return source.message(message), findings


def read_content(envelope: BinaryIO, stored: Stored, most: int) -> bytes:
    """The first bytes of the content of an attachment that was left in its file; all of it is
    checked as `copy_content` checks it.

    Raises:
        Malformed: the file holds something else by now.
        OSError: it cannot be read.
    """
    if most >= stored.size:
        return b"".join(_contents(envelope, stored))
    text = b"".join(chunks(envelope, stored.begin, stored.begin + most // 3 * 4))
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise _changed() from error


def copy_content(envelope: BinaryIO, stored: Stored, out: BinaryIO) -> None:
    """Write the content of an attachment that was left in its file (trích tệp đính kèm).

    Args:
        envelope: the file that `verify_file` judged.
        stored: of an attachment in that report.
        out: gets the decoded bytes.

    Raises:
        Malformed: the file holds something else by now; what was written so far is worth nothing.
        OSError: of either file.
    """
    for part in _contents(envelope, stored):
        out.write(part)


def _contents(envelope: BinaryIO, stored: Stored) -> Iterator[bytes]:
    """A content, decoded, in parts. Raises Malformed at the end when it is not the one stored."""
    characters = -(-stored.size // 3) * 4
    state, size = sha256(), 0
    for text in _groups(chunks(envelope, stored.begin, stored.begin + characters)):
        try:
            content = pybase64.b64decode(text, validate=True)
        except ValueError:
            break
        state.update(content)
        size += len(content)
        yield content
    if (size, state.hexdigest()) != (stored.size, stored.sha256):
        raise _changed()


def _changed() -> Malformed:
    return Malformed("is not what was verified: the file changed", element="Attachment")


def _groups(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in parts of a multiple of four characters, but for the last."""
    rest = b""
    for part in parts:
        text = rest + part if rest else part
        end = len(text) // 4 * 4
        rest = text[end:]
        yield text[:end]
    if rest:
        yield rest
