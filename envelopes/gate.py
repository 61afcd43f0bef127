"""Hostile bytes in, inert tree out.

A scan of the bytes with named limits stands before libxml2, so that nothing deep, wide, entity-
laden or huge ever reaches it; the scan reads each byte a fixed number of times. What the limits
let through is parsed without DTD, entities or network, and ids are compared over all id-like
attributes. The gate knows no element of edXML.

A signed envelope is held to more: whatever its mailroom's parser may read otherwise than we do
(comments, processing instructions, CDATA, character references that canonical XML does not
write) is refused.

Source: attack catalogue A9, A15, A16, C1-C7.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from lxml import etree

from .errors import Refused, UnboundPrefix
from .skeleton import MARKUP_MAX, exceeds_markup

__all__ = ["Refused", "open_gate"]

BYTES_MAX: Final = 8 * 1024 * 1024  # what the axis carries without parts; bounds a text, an id too
ELEMENTS_MAX: Final = 20_000  # 1,000 recipients with 10 elements each, and as many again
DEPTH_MAX: Final = 64  # the deepest legal path is 9; libxml2 itself stops at 256
ATTRIBUTES_MAX: Final = 64  # per element; the widest legal one has 4
NAMESPACES_MAX: Final = 64  # different declarations; canonical XML sorts those in scope
DECODED_BYTES: Final = 64 * 1024  # one piece of the check for UTF-8
TAG_BYTES_MAX: Final = 64 * 1024  # one tag with its attributes
DECLARATION_BYTES_MAX: Final = 200  # <?xml version="1.0" encoding="UTF-8" standalone="yes"?> has 56

_EQUALS: Final = ord("=")
_TAG = re.compile(rb"""(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>""")
_STEPS: Final = bytes(0xFF if byte == ord("/") else 1 for byte in range(256))  # signed: -1, 1
# Each begins where nothing else can, so that no byte is tried twice: a tag has balanced quotes,
# one pair for each attribute, and a space before each name.
_ATTRIBUTE = re.compile(rb""""[^"]*+"|'[^']*+'""")
_NAMESPACE = re.compile(rb"""(?<=\s)xmlns[^\s"'=]*+\s*+=\s*+(?:"[^"]*+"|'[^']*+')""")
_DECLARATION = re.compile(rb"""<\?xml\s[^<>]*?\?>""")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_C14N_REFERENCES = (b"&amp;", b"&lt;", b"&gt;", b"&quot;", b"&#xD;", b"&#xA;", b"&#x9;")
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_FILES: Final = {
    b"PK\x03\x04": "a ZIP archive: take the envelope out of it first",
    b"%PDF": "a PDF file: a document is sent inside an envelope",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"\xd0\xcf\x11\xe0": "an old Office file: a document is sent inside an envelope",
}
_ID = re.compile(rb"""[\s:][iI][dD]\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_PLAIN = re.compile(rb"[A-Za-z0-9_.-]+")
_NO_NAMESPACE: Final = etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE
_UNBOUND = re.compile(r"Namespace prefix (\S+) ")
_COLUMN = re.compile(r", column \d+$")  # another one in the skeleton of a large envelope
_IDS = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']")


def open_gate(data: bytes, *, signed: bool, limit: int = BYTES_MAX) -> etree._Element:
    """Let bytes in as a tree, or refuse them with a reason.

    Args:
        data: the bytes as they came; of something that may be larger, limit + 1 bytes are enough.
        signed: True holds them to what a signed envelope may contain.
        limit: largest size, bytes.

    Returns:
        The root element.

    Raises:
        Refused: reason EMPTY, TOO_LARGE, NOT_XML, ENCODING, DTD, COMMENT, CDATA,
            PROCESSING_INSTRUCTION, CHARACTER_REFERENCE, TOO_DEEP, TOO_MANY_ELEMENTS,
            TOO_MANY_ATTRIBUTES, TOO_MANY_NAMESPACES, UNBOUND_PREFIX or DUPLICATE_ID.
    """
    if len(data) > limit:
        raise Refused("TOO_LARGE", f"over {limit:,} bytes")
    _check_kind(data)
    if exceeds_markup(data):
        raise Refused("TOO_LARGE", f"over {MARKUP_MAX:,} bytes beside the attachments")
    if not data.strip():
        raise Refused("EMPTY", "there is nothing in it")
    body = _text(data)
    with_attributes = _check_markup(body, signed)
    if signed:
        _check_references(body)
    root = _parse(data)
    if not _ids_plainly_differ(with_attributes):
        _check_ids(root)
    return root


def _check_kind(data: bytes) -> None:
    """Name what is known not to be XML by its first bytes."""
    for magic, what in _OTHER_FILES.items():
        if data.startswith(magic):
            raise Refused("NOT_XML", what)
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"\x00<", b"<\x00")):
        raise Refused("ENCODING", "UTF-16 or UTF-32; only UTF-8 is allowed")


def _text(data: bytes) -> bytes:
    """The bytes without BOM and XML declaration, checked to be UTF-8."""
    if b"\x00" in data:
        raise Refused("NOT_XML", "contains a NUL byte", line=_line(data, data.index(b"\x00")))
    _check_utf8(data)
    body = data.removeprefix(_BOM)
    if body.startswith(b"<?xml") and body[5:6].isspace():
        return body[_declaration_end(body) :]
    start = body.lstrip()
    if not start.startswith(b"<"):
        raise Refused("NOT_XML", f"begins with {start[:8]!r}, not with an XML element")
    return body


def _declaration_end(body: bytes) -> int:
    """Where the XML declaration ends; one that names another encoding is refused."""
    declaration = _DECLARATION.match(body, 0, DECLARATION_BYTES_MAX)
    if declaration is None:
        raise Refused("NOT_XML", f"an XML declaration over {DECLARATION_BYTES_MAX} bytes", line=1)
    if b"encoding" in declaration[0]:
        encoding = _ENCODING.search(declaration[0])
        name = encoding[1].decode() if encoding else "what nobody can read"
        if name.lower() not in ("utf-8", "utf8"):
            raise Refused("ENCODING", f"declares {name}; only UTF-8 is allowed", line=1)
    return declaration.end()


def _check_utf8(data: bytes) -> None:
    """Decode in pieces that stay in the cache: a whole copy would cost as much as the parse."""
    view = memoryview(data)
    at = 0
    try:
        while at < len(data):
            last = at + DECODED_BYTES >= len(data)
            at += codecs.utf_8_decode(view[at : at + DECODED_BYTES], "strict", last)[1]
    except UnicodeDecodeError as error:
        at += error.start
        around = data[max(0, at - 12) : at + 4]
        raise Refused("ENCODING", f"{around!r} is not UTF-8", line=_line(data, at)) from None


def _check_markup(body: bytes, signed: bool) -> list[bytes]:
    """Judge tags by number, depth and attributes, and everything else that begins with '<'.

    Returns the tags that have attributes.
    """
    tags, firsts = _tags(body)
    if b"!" in firsts or b"?" in firsts:
        tags, firsts = _tags(b"".join(_pieces(body, signed)))
    if len(firsts) - firsts.count(b"/") > ELEMENTS_MAX:
        raise Refused("TOO_MANY_ELEMENTS", f"over {ELEMENTS_MAX:,} elements")
    if 2 * firsts.count(b"/") != len(firsts):  # some tags end themselves: <a/>
        firsts = bytes(tag[0] for tag in tags if not _whole(tag).endswith(b"/>"))
    if max(accumulate(array("b", firsts.translate(_STEPS))), default=0) > DEPTH_MAX:
        raise Refused("TOO_DEEP", f"over {DEPTH_MAX} levels")
    with_attributes = [_whole(tag) for tag in tags if _EQUALS in tag]
    _check_attributes(with_attributes)
    return with_attributes


def _tags(body: bytes) -> tuple[list[bytes], bytes]:
    """What follows each '<' up to the next one, and the first byte of each.

    No '<' can stand in a text or an attribute, so each begins a tag once markup is left out.
    """
    tags = body.split(b"<", 2 * ELEMENTS_MAX + 1)[1:]
    if len(tags) > 2 * ELEMENTS_MAX:
        raise Refused("TOO_MANY_ELEMENTS", f"over {ELEMENTS_MAX:,} elements")
    try:
        return tags, bytes([tag[0] for tag in tags])
    except IndexError:
        raise Refused("NOT_XML", "'<' with nothing after it") from None


def _whole(tag: bytes) -> bytes:
    """A tag up to its '>', which is not one inside an attribute."""
    found = _TAG.match(tag)
    if found is None:
        raise Refused("NOT_XML", "a tag does not end, or an attribute holds '<'")
    return found[0]


def _pieces(body: bytes, signed: bool) -> Iterator[bytes]:
    """The bytes without comments, processing instructions and CDATA sections."""
    begin = 0
    for found in re.finditer(rb"<[!?]", body):
        at = found.start()
        if at < begin:
            continue  # inside what was skipped
        yield body[begin:at]
        reason, end = _markup_at(body, at)
        if signed:
            raise Refused(reason, "not allowed in a signed envelope", line=_line(body, at))
        stop = body.find(end, at)
        if stop < 0:
            raise Refused("NOT_XML", f"{reason.lower()} without an end", line=_line(body, at))
        begin = stop + len(end)
    yield body[begin:]


def _markup_at(body: bytes, at: int) -> tuple[str, bytes]:
    if body.startswith(b"<!--", at):
        return "COMMENT", b"-->"
    if body.startswith(b"<![CDATA[", at):
        return "CDATA", b"]]>"
    if body.startswith(b"<?", at):
        return "PROCESSING_INSTRUCTION", b"?>"
    raise Refused("DTD", "a DOCTYPE or other declaration", line=_line(body, at))


def _check_attributes(tags: list[bytes]) -> None:
    """Judge the tags that have attributes; few in all are few in each."""
    if sum(map(len, tags)) <= TAG_BYTES_MAX and b"".join(tags).count(b"=") <= ATTRIBUTES_MAX:
        return
    namespaces: set[bytes] = set()
    for tag in tags:
        if len(tag) > TAG_BYTES_MAX:
            raise Refused("TOO_MANY_ATTRIBUTES", f"a tag of {len(tag):,} bytes")
        if tag.count(b"=") > ATTRIBUTES_MAX and len(_ATTRIBUTE.findall(tag)) > ATTRIBUTES_MAX:
            raise Refused("TOO_MANY_ATTRIBUTES", f"over {ATTRIBUTES_MAX} in one element")
        namespaces.update(_NAMESPACE.findall(tag))
        if len(namespaces) > NAMESPACES_MAX:
            raise Refused("TOO_MANY_NAMESPACES", f"over {NAMESPACES_MAX} declarations")


def _check_references(body: bytes) -> None:
    if b"&" not in body:  # nearly always; a count of every byte would cost as much as the parse
        return
    if body.count(b"&") != sum(body.count(reference) for reference in _C14N_REFERENCES):
        raise Refused("CHARACTER_REFERENCE", "one that canonical XML does not write")


def _parse(data: bytes) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever is declared: the scan and the parse read the same characters
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,  # an attachment of 7.5 MB is a longer text than libxml2 takes otherwise
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _refusal(error, parser) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("DTD", "a document type declaration")
    return root


def _refusal(error: etree.XMLSyntaxError, parser: etree.XMLParser[etree._Element]) -> Refused:
    """Why the parser refused; prefixes that nobody declared are told apart from other faults."""
    faults = list(parser.error_log)  # that of the error is the log of the whole process
    unbound = [_UNBOUND.match(fault.message) for fault in faults if fault.type == _NO_NAMESPACE]
    prefixes = tuple(dict.fromkeys(found[1] for found in unbound if found))
    if prefixes and len(unbound) == len(faults):
        return UnboundPrefix(prefixes, line=faults[0].line)
    what = _COLUMN.sub("", error.msg or "not well-formed")
    return Refused("NOT_XML", what, line=error.lineno or 0)


def _ids_plainly_differ(tags: list[bytes]) -> bool:
    """Whether the values of all id-like attributes are plain words and differ: nearly always, and
    then the tree need not be searched. Every id-like attribute follows a blank or a prefix."""
    ids = [one or other for tag in tags for one, other in _ID.findall(tag)]
    return len(set(ids)) == len(ids) and all(map(_PLAIN.fullmatch, ids))


def _check_ids(root: etree._Element) -> None:
    ids = [str(value) for value in _IDS(root)]
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise Refused("DUPLICATE_ID", f"{twice[:100]!r} stands twice")


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1
