"""Signed envelopes, changed with knowledge of their structure.

A mutant is made from one or two originals by one to four changes of the tree, of the text or of
the signature. Most are written as canonical XML again, and many get a signature that is consistent
in itself (digests recomputed, signed anew by a key whose word does not count), so that they reach
the last steps of `verify` and are not all refused at the first.

    mutant(7, 123)          mutant number 123 of seed 7: bytes, and the names of what was done
"""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree

from envelopes import dsig
from envelopes.c14n import canonical
from envelopes.layout import DX, LAYOUT, NS
from keys.algorithms import DIGESTS
from tests.fuzz.corpus import attackers, originals
from tests.pki import AT

Tree = etree._Element  # lxml has no public name for it
Random = random.Random

FRAME_NAMES = (
    *("edXML", "edXMLEnvelope", "edXMLHeader", "MessageHeader", "edXMLBody", "edXMLManifest"),
    *("AttachmentEncoded", "Attachment", "ContentTransferEncoded", "Reference", "Signature"),
)
NAMES = (*sorted({field.element for row in LAYOUT.values() for field in row}), *FRAME_NAMES)
SPACES = (NS, dsig.DS, dsig.XADES, DX, "urn:evil", NS + "/", NS.upper())
IDS = ("Envelope", "SignedProperties", "Signature", "a", "envelope", "Envelope ", "&#69;nvelope")
ID_NAMES = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id", "{urn:z}Id", "iD")
WORDS = ("", " ", "H05", "H01", "H06", "01", "06", "2026/05/30", "30/5/2026", "null", "Mật", "\n")
WORDS += ("x" * 70_000, "<&>", "\r", "ế", "\u202e", "QUJD", "QUJ=", "1.0", "0", "3")
BYTES_MAX = 300_000  # a mutant that grew beyond it is cut: the campaign is about meaning, not size


@dataclass(frozen=True, slots=True)
class Mutant:
    """Changed bytes, and what was done to them."""

    data: bytes
    done: tuple[str, ...]


def mutant(seed: int, number: int) -> Mutant:
    """The mutant of this number; the same choices for the same seed."""
    rng = random.Random(f"{seed}:{number}")
    data = rng.choice(originals())
    done: list[str] = []
    if rng.random() < 0.75:
        root = _tree(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            change = rng.choice(TREE_CHANGES)
            with suppress(ValueError, etree.LxmlError):  # what no tree can hold is not done
                change(root, rng)
                done.append(change.__name__)
        data = rng.choice(WRITINGS)(root)
    if not done or rng.random() < 0.4:
        change_text = rng.choice(TEXT_CHANGES)
        data = change_text(data, rng)
        done.append(change_text.__name__)
    if rng.random() < 0.35:
        finish = rng.choice(SIGNATURE_CHANGES)
        data = finish(data, rng)
        done.append(finish.__name__)
    return Mutant(data[:BYTES_MAX], tuple(done))


def _tree(data: bytes) -> Tree:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False))


def _all(root: Tree) -> list[Tree]:
    return list(root.iter(etree.Element))


def _pick(root: Tree, rng: Random) -> Tree:
    """Any element below the root; the root itself when it is alone."""
    chosen = _choice(_all(root)[1:], rng)
    return root if chosen is None else chosen


def _leaf(root: Tree, rng: Random) -> Tree:
    chosen = _choice([element for element in _all(root) if len(element) == 0], rng)
    return root if chosen is None else chosen


def _choice(elements: list[Tree], rng: Random) -> Tree | None:
    """Half of the elements are those of the signature: seven of ten changes are for the others."""
    if rng.random() < 0.7:
        content = [one for one in elements if etree.QName(one).namespace in (NS, DX)]
        elements = content or elements
    return rng.choice(elements) if elements else None


def _copy(element: Tree) -> Tree:
    copied = _tree(etree.tostring(element, with_tail=False))
    copied.tail = element.tail
    return copied


def _remove(element: Tree) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _insert(parent: Tree, element: Tree, rng: Random) -> None:
    parent.insert(rng.randint(0, len(parent)), element)


# -- changes of the tree -----------------------------------------------------------------------


def duplicate(root: Tree, rng: Random) -> None:
    element = _pick(root, rng)
    parent = element.getparent()
    if parent is not None:
        parent.insert(parent.index(element) + rng.randint(0, 1), _copy(element))


def delete(root: Tree, rng: Random) -> None:
    _remove(_pick(root, rng))


def move(root: Tree, rng: Random) -> None:
    element, target = _pick(root, rng), rng.choice(_all(root))
    if element not in (target, *target.iterancestors()):
        _insert(target, element, rng)


def swap(root: Tree, rng: Random) -> None:
    one, other = _pick(root, rng), _pick(root, rng)
    first, second = _copy(one), _copy(other)
    for element, instead in ((one, second), (other, first)):
        parent = element.getparent()
        if parent is not None:
            parent.replace(element, instead)


def swap_neighbours(root: Tree, rng: Random) -> None:
    element = _pick(root, rng)
    following = element.getnext()
    if following is not None:
        element.addprevious(following)


def wrap(root: Tree, rng: Random) -> None:
    element = _pick(root, rng)
    parent = element.getparent()
    if parent is not None:
        shell = etree.Element(f"{{{rng.choice(SPACES)}}}{rng.choice(NAMES)}")
        parent.replace(element, shell)
        shell.append(element)


def unwrap(root: Tree, rng: Random) -> None:
    element = _pick(root, rng)
    parent = element.getparent()
    if parent is not None and len(element):
        at = parent.index(element)
        for child in reversed(list(element)):
            parent.insert(at, child)
        _remove(element)


def rename(root: Tree, rng: Random) -> None:
    element = rng.choice(_all(root))
    space = rng.choice(SPACES) if rng.random() < 0.3 else etree.QName(element).namespace
    name = rng.choice(NAMES) if rng.random() < 0.7 else etree.QName(element).localname
    element.tag = f"{{{space}}}{name}" if space else name


def rebind_prefix(root: Tree, rng: Random) -> None:
    """The element under another prefix, or its prefix under another name space."""
    element = _pick(root, rng)
    parent = element.getparent()
    if parent is None:
        return
    space = etree.QName(element).namespace or ""
    prefix = rng.choice((None, "edXML", "ds", "e"))
    shell = etree.Element(element.tag, nsmap={prefix: rng.choice((space or "urn:z", "urn:evil"))})
    shell.text, shell.tail = element.text, element.tail
    for child in list(element):
        shell.append(child)
    parent.replace(element, shell)


def edit_text(root: Tree, rng: Random) -> None:
    element = _leaf(root, rng)
    text = element.text or ""
    at = rng.randint(0, len(text))
    piece = rng.choice((*WORDS, rng.choice("abcAB019+/= ")))
    element.text = rng.choice((text[:at] + piece + text[at:], piece, text[:at], text[at:]))


def edit_letter(root: Tree, rng: Random) -> None:
    """One letter of one text, so that form and layout stay as they are."""
    element = _leaf(root, rng)
    text = element.text or "x"
    at = rng.randrange(len(text)) if text else 0
    element.text = text[:at] + rng.choice("ABCDabcd0123") + text[at + 1 :]


def take_text(root: Tree, rng: Random) -> None:
    """The text of another element, of this envelope or of another one."""
    other = root if rng.random() < 0.5 else _tree(rng.choice(originals()))
    _leaf(root, rng).text = _leaf(other, rng).text


def take_same_text(root: Tree, rng: Random) -> None:
    """The text that the same element has in another envelope."""
    element = _leaf(root, rng)
    same = [one for one in _tree(rng.choice(originals())).iter(element.tag) if len(one) == 0]
    if same:
        element.text = rng.choice(same).text


def text_beside(root: Tree, rng: Random) -> None:
    element = _pick(root, rng)
    if rng.random() < 0.5:
        element.tail = rng.choice(WORDS).replace("\x00", "")
    else:
        element.text = rng.choice(WORDS)


def edit_attribute(root: Tree, rng: Random) -> None:
    having = [element for element in _all(root) if element.attrib]
    element = rng.choice(having or [root])
    for name in list(element.attrib)[:1]:
        value = str(element.get(name))
        element.set(name, rng.choice((value + " ", value.lower(), "", value[:-1], value + "#x")))
        if rng.random() < 0.3:
            del element.attrib[name]


def add_attribute(root: Tree, rng: Random) -> None:
    _pick(root, rng).set(rng.choice(("version", "Algorithm", "URI", "Target", "{urn:z}a")), "1")


def add_id(root: Tree, rng: Random) -> None:
    _pick(root, rng).set(rng.choice(ID_NAMES), rng.choice(IDS))


def splice(root: Tree, rng: Random) -> None:
    """An element of another envelope, beside or instead of one here."""
    element, other = _pick(root, rng), _pick(_tree(rng.choice(originals())), rng)
    parent = element.getparent()
    if parent is None:
        return
    if rng.random() < 0.5:
        parent.replace(element, other)
    else:
        _insert(parent, other, rng)


def splice_same(root: Tree, rng: Random) -> None:
    """The same element of another envelope instead of the one here."""
    element = _pick(root, rng)
    same = list(_tree(rng.choice(originals())).iter(element.tag))
    parent = element.getparent()
    if same and parent is not None:
        parent.replace(element, rng.choice(same))


def other_signature(root: Tree, rng: Random) -> None:
    """The whole signature of another envelope, or one part of it."""
    name = rng.choice(("Signature", "SignedInfo", "SignatureValue", "KeyInfo", "Object"))
    tag = f"{{{dsig.DS}}}{name}"
    here, there = root.find(f".//{tag}"), _tree(rng.choice(originals())).find(f".//{tag}")
    parent = here.getparent() if here is not None else None
    if parent is not None and here is not None and there is not None:
        parent.replace(here, there)


def envelope_inside(root: Tree, rng: Random) -> None:
    """A whole envelope somewhere inside another one."""
    _insert(rng.choice(_all(root)), _tree(rng.choice(originals())), rng)


def header_of_other(root: Tree, rng: Random) -> None:
    """A second frame element in front of or behind the first."""
    name = rng.choice(("edXMLEnvelope", "edXMLHeader", "MessageHeader", "AttachmentEncoded"))
    other = _tree(rng.choice(originals())).find(f".//{{{NS}}}{name}")
    here = root.find(f".//{{{NS}}}{name}")
    if other is not None and here is not None:
        if rng.random() < 0.5:
            here.addprevious(other)
        else:
            here.addnext(other)


def markup(root: Tree, rng: Random) -> None:
    """A comment or an instruction that cuts a text."""
    element = _leaf(root, rng)
    text = element.text or ""
    at = rng.randint(0, len(text))
    node = rng.choice((etree.Comment("c"), etree.ProcessingInstruction("p", "q")))
    element.text, node.tail = text[:at], text[at:]
    element.append(node)


def foreign(root: Tree, rng: Random) -> None:
    space, name = rng.choice(SPACES), rng.choice((*NAMES, "Object", "More"))
    element = etree.Element(f"{{{space}}}{name}")
    element.text = rng.choice(WORDS)
    _insert(rng.choice(_all(root)), element, rng)


TREE_CHANGES: Sequence[Callable[[Tree, Random], None]] = (
    *(duplicate, delete, move, swap, swap_neighbours, wrap, unwrap, rename, rebind_prefix),
    *(edit_text, edit_letter, edit_letter, edit_letter, take_text, take_same_text),
    *(take_same_text, text_beside, edit_attribute, add_attribute, add_id, splice, splice_same),
    *(splice_same, other_signature, other_signature, envelope_inside, header_of_other, markup),
    foreign,
)


# -- how a changed tree is written -------------------------------------------------------------


def as_canonical(root: Tree) -> bytes:
    try:
        return canonical(root)
    except etree.C14NError:
        return as_libxml2_writes(root)


def as_libxml2_writes(root: Tree) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def with_declaration(root: Tree) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def indented(root: Tree) -> bytes:
    return etree.tostring(root, encoding="UTF-8", pretty_print=True)


WRITINGS: Sequence[Callable[[Tree], bytes]] = (
    *(as_canonical,) * 12,
    as_libxml2_writes,
    with_declaration,
    indented,
)


# -- changes of the text -----------------------------------------------------------------------


def flip(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def cut(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 8, 100)) :]


def truncate(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data))]


def repeat(data: bytes, rng: Random) -> bytes:
    begin, to = rng.randrange(len(data)), rng.randrange(len(data))
    return data[:to] + data[begin : begin + rng.choice((1, 4, 40, 400))] + data[to:]


MEANINGFUL = (
    *(b"<", b">", b"&", b'"', b"'", b"/", b"=", b"\x00", b"\xff", b"\r\n", b" ", b"]]>", b"\t"),
    *(b"&#x41;", b"&#xD;", b"<!---->", b"<?x?>", b"<![CDATA[x]]>", b"<!DOCTYPE a>", b"<a/>"),
    *(b"xmlns=''", b' Id="Envelope"', b"</ds:Signature>", dsig.START, b"</edXML:edXMLHeader>"),
    *(b"<edXML:StatusCode>01</edXML:StatusCode>", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80"),
    *(b"<edXML:OrganId>H05</edXML:OrganId>", b"</edXML:MessageHeader>", b"\xcc\x81", b"&lt;"),
    *(b"<edXML:From></edXML:From>", b"<edXML:To><edXML:OrganId>H9</edXML:OrganId></edXML:To>"),
    b'<edXML:ContentTransferEncoded xmlns:edXML="%s">QQ==</edXML:ContentTransferEncoded>'
    % NS.encode(),
    b'<dx:Received xmlns:dx="%s"></dx:Received>' % DX.encode(),
)


def insert(data: bytes, rng: Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(MEANINGFUL) + data[at:]


def insert_between(data: bytes, rng: Random) -> bytes:
    """Where one tag ends and the next begins: nothing is broken by it."""
    places = _places(data, b"><")
    at = rng.choice(places) + 1 if places else 0
    return data[:at] + rng.choice(MEANINGFUL) + data[at:]


def replace_element(data: bytes, rng: Random) -> bytes:
    """From one tag to another, by something that means something."""
    places = _places(data, b"<") or [0]
    begin, end = rng.choice(places), rng.choice(places)
    return data[:begin] + rng.choice((b"", *MEANINGFUL)) + data[max(begin, end) :]


def _places(data: bytes, what: bytes) -> list[int]:
    places, at = [], data.find(what)
    while at >= 0:
        places.append(at)
        at = data.find(what, at + 1)
    return places


def around(data: bytes, rng: Random) -> bytes:
    before = rng.choice((b"", b"\n", b"\xef\xbb\xbf", b"<?xml version='1.0'?>", b"<!-- x -->"))
    after = rng.choice((b"", b"\n", b" ", b"<!-- x -->", b"<a/>", b"\x00"))
    return before + data + after


def reencode_base64(data: bytes, rng: Random) -> bytes:
    """Another text for the same bytes: line breaks, padding, spare bits, the other alphabet."""
    places = [
        at
        for mark in (b"X509Certificate>", b"DigestValue>", b"SignatureValue>", b"Encoded xmlns")
        for at in _places(data, b"<ds:" + mark) + _places(data, b"<edXML:ContentTransfer" + mark)
    ]
    if not places:
        return data
    begin = data.index(b">", rng.choice(places)) + 1
    end = data.find(b"<", begin)
    text = data[begin:end]
    other = rng.choice(
        (
            text[:4] + b"\n" + text[4:],
            text.rstrip(b"="),
            text + b"=",
            text + b"====",
            text.replace(b"+", b"-").replace(b"/", b"_"),
            _spare_bits(text),
            b" " + text,
            text + b"AA==",
        )
    )
    return data[:begin] + other + data[end:]


def _spare_bits(text: bytes) -> bytes:
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = text.rstrip(b"=")
    if not bare or bare == text or bare[-1:] not in letters:
        return text
    last = letters[letters.index(bare[-1]) ^ 1]
    return bare[:-1] + bytes([last]) + text[len(bare) :]


def other_quotes(data: bytes, rng: Random) -> bytes:
    at = rng.choice(_places(data, b'="') or [0])
    end = data.find(b'"', at + 2)
    return data[: at + 1] + b"'" + data[at + 2 : end] + b"'" + data[end + 1 :]


def empty_tag(data: bytes, rng: Random) -> bytes:
    places = _places(data, b"></")
    if not places:
        return data
    at = rng.choice(places)
    return data[:at] + b"/>" + data[data.find(b">", at + 3) + 1 :]


def escape_letter(data: bytes, rng: Random) -> bytes:
    """A letter as a character reference: the same text for a parser, other bytes."""
    places = _places(data, b">H")
    at = rng.choice(places) + 1 if places else rng.randrange(len(data))
    return data[:at] + b"&#%d;" % data[at] + data[at + 1 :]


def swap_bytes(data: bytes, rng: Random) -> bytes:
    other = rng.choice(originals())
    at, to = rng.randrange(len(data)), rng.randrange(len(other))
    return data[:at] + other[to:]


TEXT_CHANGES: Sequence[Callable[[bytes, Random], bytes]] = (
    *(flip, flip, flip, cut, truncate, repeat, insert, insert, insert_between, insert_between),
    *(replace_element, around, reencode_base64, reencode_base64, other_quotes, empty_tag),
    *(escape_letter, swap_bytes),
)


# -- a signature that fits, made by one who may not --------------------------------------------


def _apart(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    begin = data.find(dsig.START)
    end = data.find(dsig.END, begin) + len(dsig.END)
    if begin < 0 or end < begin + len(dsig.START):
        return None
    return data[:begin], data[begin:end], data[end:]


def digest_again(data: bytes, rng: Random) -> bytes:
    """The digest of what now stands there, under the old signature value."""
    parts = _apart(data)
    signature = dsig.read(parts[1]) if parts else None
    digest = signature.digest if signature else None
    if parts is None or signature is None or digest is None:
        return data
    before, text, after = parts
    fresh = dsig.digest_text(digest, before, after).encode()
    text = text.replace(signature.fields["envelope_digest"].encode(), fresh, 1)
    if rng.random() < 0.5:
        fresh = dsig.digest_text(digest, signature.signed_properties()).encode()
        text = text.replace(signature.fields["properties_digest"].encode(), fresh, 1)
    return before + text + after


def sign_again(data: bytes, rng: Random) -> bytes:
    """A signature that fits in all, by a key whose word does not count."""
    parts = _apart(data)
    if parts is None:
        return data
    before, _, after = parts
    return before + _signed(before, after, rng) + after


def _signed(before: bytes, after: bytes, rng: Random) -> bytes:
    signer = rng.choice(attackers())
    unsigned = dsig.prepare(
        (before, after), signer.chain, signer.algorithm, AT, receipt=rng.random() < 0.5
    )
    return dsig.complete(unsigned, signer.sign(unsigned.to_sign))


def sign_and_keep_certificates(data: bytes, rng: Random) -> bytes:
    """A strange key signs, the certificates of the genuine signer stand in the signature."""
    parts = _apart(data)
    genuine = dsig.read(parts[1]) if parts else None
    if parts is None or genuine is None:
        return data
    before, _, after = parts
    forged = _signed(before, after, rng)
    values = dsig.read(forged)
    if values is None:
        return data
    for field in ("certificates", "certificate_digests")[: rng.randint(1, 2)]:
        forged = forged.replace(values.fields[field].encode(), genuine.fields[field].encode(), 1)
    return before + forged + after


def second_signature(data: bytes, rng: Random) -> bytes:
    parts = _apart(data)
    if parts is None:
        return data
    before, genuine, after = parts
    forged = _signed(before, after, rng)
    return before + rng.choice((forged + genuine, genuine + forged, genuine * 2)) + after


def other_algorithm(data: bytes, rng: Random) -> bytes:
    """Another name of an algorithm, from the table, deprecated, or of no signature at all."""
    names = [*DIGESTS, "http://www.w3.org/2000/09/xmldsig#hmac-sha1", dsig.DS + "rsa-sha1", "none"]
    at = rng.choice(_places(data, b'Algorithm="') or [0]) + 11
    return data[:at] + rng.choice(names).encode() + data[data.find(b'"', at) :]


SIGNATURE_CHANGES: Sequence[Callable[[bytes, Random], bytes]] = (
    *(digest_again, sign_again, sign_again, sign_and_keep_certificates, second_signature),
    other_algorithm,
)


def change_names() -> tuple[str, ...]:
    """Every change, so that a test can see that each was used."""
    changes = (*TREE_CHANGES, *TEXT_CHANGES, *SIGNATURE_CHANGES)
    return tuple(sorted({change.__name__ for change in changes}))
