"""Envelopes that cost the most for their size: each fills `size` bytes, up to the gate's limits,
with one construct that some step could treat worse than in proportion.
"""

from collections.abc import Callable
from functools import partial

from envelopes import dsig
from envelopes.gate import ELEMENTS_MAX
from envelopes.layout import NS
from tests.letters import letter

Shape = Callable[[int], bytes]
MOST = ELEMENTS_MAX - 200  # elements: those of the letter are there too
_END = b"</edXML:MessageHeader>"


def _times(piece: bytes, size: int) -> bytes:
    tags = piece.count(b"<")
    return piece * max(1, min(size // len(piece), 2 * MOST // tags if tags else size))


def _before(mark: bytes, piece: bytes, size: int) -> bytes:
    """A piece again and again, in front of a mark of the letter."""
    return letter().replace(mark, _times(piece, size) + mark, 1)


def _after(mark: bytes, piece: bytes, size: int) -> bytes:
    return letter().replace(mark, mark + _times(piece, size), 1)


def _unsigned(piece: bytes, size: int) -> bytes:
    """Without a signature the tolerant reader is asked, which lets more through."""
    return _before(_END, piece, size).replace(dsig.DS.encode(), b"urn:x")


def _numbered(size: int) -> bytes:
    count = min(size // 24, MOST)
    ids = b"".join(b'<a id="i %d"></a>' % number for number in range(count))
    return letter().replace(_END, ids + _END, 1)


def _names(size: int) -> bytes:
    names = [b"n" * 400 + b"%d" % number for number in range(min(size // 820, MOST))]
    return letter().replace(_END, b"".join(b"<%s></%s>" % (n, n) for n in names) + _END, 1)


def _attributes(size: int) -> bytes:
    one = b"<a " + b" ".join(b'x%d=""' % number for number in range(62)) + b"></a>"
    return _before(_END, one, size)


def _prefixes(size: int) -> bytes:
    """28 prefixes bound anew in each of 50 levels, and then many elements below them."""
    levels = b"".join(
        b"<r"
        + b"".join(b' xmlns:p%d="urn:%d" p%d:a%d=""' % (n, level % 2, n, n) for n in range(28))
        + b">"
        for level in range(50)
    )
    inside = b"<q:a></q:a>" * max(1, min((size - len(levels)) // 11, MOST))
    nest = b'<q:a xmlns:q="urn:q">' + levels + inside + b"</r>" * 50 + b"</q:a>"
    return letter().replace(_END, nest + _END, 1)


def _deep(size: int) -> bytes:
    return _before(_END, b"<a>" * 55 + b"</a>" * 55, size)


def _marks(size: int) -> bytes:
    marks = "\u0301\u0323".encode()
    return letter().replace(b"<edXML:Priority>0", b"<edXML:Priority>0" + _times(marks, size))


def _attachments(size: int) -> bytes:
    one = (
        f'<Attachment><edXML:ContentTransferEncoded xmlns:edXML="{NS}">QQ=='
        "</edXML:ContentTransferEncoded></Attachment>"
    ).encode()
    return _before(b"</AttachmentEncoded>", one, size)


_SUBJECT = b"<edXML:Subject>"
_BASE64 = b"</edXML:ContentTransferEncoded>"
_DS = f'xmlns:ds="{dsig.DS}"'.encode()

# Text without elements: grows to any size.
TEXTS: dict[str, Shape] = {
    "text": partial(_after, _SUBJECT, b"QUJD"),
    "'>'": partial(_after, _SUBJECT, b">"),
    "'&'": partial(_after, _SUBJECT, b"&amp;"),
    "quotes": partial(_after, _SUBJECT, b"\"'"),
    "'='": partial(_after, _SUBJECT, b"xmlns= "),
    "line ends": partial(_after, _SUBJECT, b"\n"),
    "blanks": partial(_after, _SUBJECT, b" "),
    "blanks between elements": partial(_before, _END, b" "),
    "a long date": partial(_before, b"</edXML:PromulgationDate>", b"2"),
    "a long code": partial(_before, b"</edXML:OrganId>", b"H"),
    "combining marks": _marks,
    "base64": partial(_before, _BASE64, b"QUJD"),
    "base64 in lines": partial(_before, _BASE64, b"QUJD\n"),
    "a long certificate": partial(_before, b"</ds:X509Certificate>", b"QUJD"),
    "a long value": partial(_before, b"</ds:SignatureValue>", b"QUJD"),
}
# Elements: grow to the limit of their number, and cost more for each byte.
ELEMENTS: dict[str, Shape] = {
    "unknown elements": partial(_before, _END, b"<a></a>"),
    "unknown elements with text": partial(_before, _END, b"<a>" + b"y" * 380 + b"</a>z"),
    "recipients": partial(_before, _END, b"<edXML:To><edXML:OrganId>H</edXML:OrganId></edXML:To>"),
    "texts beside elements": partial(_before, _END, b"<edXML:To></edXML:To>y"),
    "attributes nobody knows": partial(_before, _END, b'<edXML:To b=""></edXML:To>'),
    "62 attributes": _attributes,
    "ids": _numbered,
    "long names": _names,
    "depth at the limit": _deep,
    "a field again and again": partial(_before, _END, b"<edXML:Subject></edXML:Subject>"),
    "the frame again and again": partial(_before, _END, b"<edXML:edXMLBody></edXML:edXMLBody>"),
    "attachments": _attachments,
    "manifest": partial(_before, b"</edXML:edXMLManifest>", b"<edXML:Reference></edXML:Reference>"),
    "signatures": partial(_before, _END, b"<ds:Signature %s></ds:Signature>" % _DS),
    "signatures of the wild": partial(_unsigned, b"<Signature></Signature>t"),
    "comments": partial(_unsigned, b"<!---->t"),
    "instructions": partial(_unsigned, b"<?p?>t"),
    "CDATA": partial(_unsigned, b"<![CDATA[x]]>t"),
    "references": partial(_before, b"<ds:Reference ", b"<ds:Reference></ds:Reference>"),
    "certificates": partial(
        _before, b"<ds:X509Certificate>", b"<ds:X509Certificate></ds:X509Certificate>"
    ),
}
# A product that only the limits bound: 50 levels, 28 prefixes.
BOUNDED: dict[str, Shape] = {"namespaces in scope x depth": _prefixes}
SHAPES = TEXTS | ELEMENTS | BOUNDED
