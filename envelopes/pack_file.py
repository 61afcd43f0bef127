"""Messages to signed envelopes whose attachments stay in their files, in a few megabytes of memory.

The envelope is written with a mark in place of each content, cut at the marks, and streamed twice:
once to be digested, once to be written, each content read and encoded as its turn comes. The
bytes are those that `pack` would give.

    document = new_document(..., files=[("quy-che.pdf", describe(file))])
    pack_to(out, document, [partial(open, path, "rb")], signer, signing_time=now)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from itertools import chain, cycle
from typing import TYPE_CHECKING, BinaryIO, Final

import pybase64

from . import dsig, edxml
from .errors import Malformed
from .large import FILES_MAX
from .model import Document, Stored
from .pack import refuse_problem, signature_element
from .skeleton import CUT_MIN, MARKUP_MAX, chunks, mark_of

if TYPE_CHECKING:
    from keys.signer import Signer

PART: Final = 3 * 256 * 1024  # bytes encoded at once; a multiple of three needs no padding

Opener = Callable[[], BinaryIO]


def describe(file: BinaryIO, limit: int = FILES_MAX) -> Stored:
    """Size and digest of a file, read to its end.

    Raises:
        Malformed: it has more than `limit` bytes; no more of it was read.
        OSError: it cannot be read.
    """
    state, size = sha256(), 0
    while part := file.read(PART):
        state.update(part)
        size += len(part)
        if size > limit:
            raise Malformed(f"over {limit:,} bytes of attachments", element="Attachment")
    return Stored(size, state.hexdigest())


def pack_to(
    out: BinaryIO,
    document: Document,
    contents: Sequence[Opener],
    signer: Signer,
    *,
    signing_time: datetime,
) -> Stored:
    """Write and sign an envelope into a file (đóng gói và ký).

    Args:
        out: gets the envelope; worth nothing unless this returns.
        document: what it says; attachments that are `stored` are read from `contents`.
        contents: opens the files of those attachments, in their order; each is read twice.
        signer: signs between the two.
        signing_time: aware; whole seconds count.

    Returns:
        Size and digest of the envelope.

    Raises:
        Malformed: as `pack.prepare`; too large; or a file changed meanwhile.
        OSError: a file cannot be read or written.
        And whatever the signer raises.
    """
    refuse_problem(document)
    before, texts = _around_contents(document)
    stored = [one.stored for one in document.attachments if one.stored is not None]
    files = list(zip(stored, contents, strict=True))
    unsigned = dsig.prepare(
        chain([before], _interleaved(texts, files)),
        signer.chain,
        signer.algorithm,
        signing_time,
        receipt=False,
    )
    element = signature_element(unsigned, signer.chain[0], signer.sign(unsigned.to_sign))
    state, size = sha256(), 0
    for part in chain([before, element], _interleaved(texts, files)):
        out.write(part)
        state.update(part)
        size += len(part)
    return Stored(size, state.hexdigest())


def _around_contents(document: Document) -> tuple[bytes, list[bytes]]:
    """The canonical bytes before the signature, and those after it, cut where contents stand."""
    digest = sha256(edxml.write(_with(document, b""))).digest()  # nothing that it names holds it
    count = sum(one.stored is not None for one in document.attachments)
    marks = [mark_of(digest, number) for number in range(count)]
    before, rest = edxml.split(_with(document, *(pybase64.b64decode(mark) for mark in marks)))
    _check_sizes(document, len(before) + len(rest))
    texts = []
    for mark in marks:
        text, _, rest = rest.partition(mark)
        texts.append(text)
    return before, [*texts, rest]


def _with(document: Document, *contents: bytes) -> Document:
    """The document with other contents in place of those that are in files."""
    waiting = cycle(contents)
    attachments = tuple(
        replace(one, content=next(waiting), stored=None) if one.stored else one
        for one in document.attachments
    )
    return replace(document, attachments=attachments)


def _check_sizes(document: Document, markup: int) -> None:
    sizes = [one.stored.size for one in document.attachments if one.stored is not None]
    if sum(sizes) > FILES_MAX:
        raise Malformed(f"over {FILES_MAX:,} bytes of attachments", element="AttachmentEncoded")
    if markup + sum(size * 4 // 3 for size in sizes if size * 4 < CUT_MIN * 3) > MARKUP_MAX:
        raise Malformed(f"over {MARKUP_MAX:,} bytes beside the attachments", element="edXML")


def _interleaved(texts: Sequence[bytes], files: Sequence[tuple[Stored, Opener]]) -> Iterator[bytes]:
    for text, (stored, opener) in zip(texts, files, strict=False):
        yield text
        yield from _encoded(stored, opener)
    yield texts[-1]


def _encoded(stored: Stored, opener: Opener) -> Iterator[bytes]:
    """The content of a file as base64.

    Raises:
        Malformed: it is not the file that was described.
    """
    state, size, rest = sha256(), 0, b""
    with opener() as file:
        for part in chunks(file, 0, stored.size + 1, PART):
            state.update(part)
            size += len(part)
            rest += part
            whole = len(rest) // 3 * 3
            yield pybase64.b64encode(memoryview(rest)[:whole])
            rest = rest[whole:]
    if (size, state.hexdigest()) != (stored.size, stored.sha256):
        raise Malformed("the file of an attachment changed while it was packed: pack it again")
    yield pybase64.b64encode(rest)
