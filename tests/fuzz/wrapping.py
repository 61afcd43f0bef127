"""Signature wrapping on edXML: the signed part stays genuine, what a careless reader takes is
forged. Eight shapes, after Somorovsky et al., "On Breaking SAML" (USENIX Security 2012), by five
fields, by nine tricks with ids and prefixes. Each variant is itself canonical XML (but for the one
trick that cannot be), so that its layout alone is no reason to refuse it.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256

from lxml import etree

from envelopes import dsig
from envelopes.c14n import canonical, detach
from envelopes.layout import NS
from tests.letters import letter, receipt

Tree = etree._Element  # lxml has no public name for it
Shape = Callable[[Tree, Tree], Tree]

_DIGEST = sha256(letter()).hexdigest()

# field -> genuine envelope, XPath of the text, what the attacker wants to be read
FIELDS: dict[str, tuple[bytes, str, str]] = {
    "From": (letter(), "//e:From/e:OrganId", "H01"),
    "To": (letter(), "//e:To[1]/e:OrganId", "H99"),
    "DocumentId": (letter(), "//e:MessageHeader/e:DocumentId", "H05,2026/05/30,99/QĐ-UBND"),
    "attachment": (letter(), "//e:ContentTransferEncoded", "ZXZpbA=="),
    "StatusCode": (receipt("03", _DIGEST), "//e:StatusCode", "06"),
}


def header(root: Tree) -> Tree:
    """edXMLHeader of an envelope."""
    return one(root, "/e:edXML/e:edXMLEnvelope/e:edXMLHeader")


def one(root: Tree, path: str) -> Tree:
    """The first element at a path."""
    found = root.xpath(path, namespaces={"e": NS, "ds": dsig.DS})
    assert isinstance(found, list)
    return found[0]  # type: ignore[no-any-return, return-value]


def signature(root: Tree) -> Tree:
    """The first ds:Signature."""
    return one(root, "//ds:Signature")


def unsigned(root: Tree) -> Tree:
    """A copy without the signature."""
    copy = deepcopy(root)
    detach(signature(copy))
    return copy


def into_object(genuine: Tree, forged: Tree) -> Tree:
    """1: forged root; its signature carries the genuine document in a ds:Object."""
    carrier = deepcopy(signature(genuine))
    etree.SubElement(carrier, f"{{{dsig.DS}}}Object").append(unsigned(genuine))
    header(forged).append(carrier)
    return forged


def detached(genuine: Tree, forged: Tree) -> Tree:
    """2: forged root; signature in its place, the genuine document beside it in the header."""
    header(forged).append(unsigned(genuine))
    header(forged).append(deepcopy(signature(genuine)))
    return forged


def envelope_before(genuine: Tree, forged: Tree) -> Tree:
    """3: a forged envelope stands before the genuine one."""
    genuine.insert(0, forged[0])
    return genuine


def envelope_around(genuine: Tree, forged: Tree) -> Tree:
    """4: a forged envelope holds the genuine one."""
    inner = genuine[0]
    forged[0].append(inner)
    return forged


def header_first(genuine: Tree, forged: Tree) -> Tree:
    """5: a second, forged header before the genuine one."""
    genuine[0].insert(0, header(forged))
    return genuine


def message_first(genuine: Tree, forged: Tree) -> Tree:
    """6: a second, forged MessageHeader before the genuine one."""
    header(genuine).insert(0, header(forged)[0])
    return genuine


def extension(genuine: Tree, forged: Tree) -> Tree:
    """7: the whole genuine document, with its signature, in an extension of the forged one."""
    etree.SubElement(forged, "{urn:evil}Extensions").append(genuine)
    return forged


def root_around(genuine: Tree, forged: Tree) -> Tree:
    """8: another root around both, the forged document first."""
    root = etree.Element(f"{{{NS}}}edXML")
    root.append(forged)
    root.append(genuine)
    return root


# What a document that stands twice inside another is refused for; the eighth nests the frame.
SHAPES: dict[Shape, str] = {
    into_object: "ELEMENT_COUNT",
    detached: "ELEMENT_COUNT",
    envelope_before: "ELEMENT_COUNT",
    envelope_around: "ELEMENT_COUNT",
    header_first: "ELEMENT_COUNT",
    message_first: "ELEMENT_COUNT",
    extension: "ELEMENT_COUNT",
    root_around: "ELEMENT_MISPLACED",
}

_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


def _identify(name: str, value: str) -> Callable[[Tree], None]:
    def trick(forged: Tree) -> None:
        one(forged, "//e:MessageHeader").set(name, value)

    return trick


def _no_id(forged: Tree) -> None:
    """The forged part has no id at all."""


def _default_prefix(forged: Tree) -> None:
    """A name by the default declaration, which a search for `edXML:` misses: see `_written`."""
    one(forged, "//e:MessageHeader").set("p", "1")


# name of a trick -> what it does to the forged part, and the reason if not that of the shape
TRICKS: dict[str, tuple[Callable[[Tree], None], str]] = {
    "no id": (_no_id, ""),
    "same Id": (_identify("Id", "SignedProperties"), "DUPLICATE_ID"),
    "ID": (_identify("ID", "SignedProperties"), "DUPLICATE_ID"),
    "id": (_identify("id", "Envelope"), "DUPLICATE_ID"),
    "xml:id": (_identify(_XML_ID, "SignedProperties"), "DUPLICATE_ID"),
    "z:Id": (_identify("{urn:z}Id", "Signature"), "DUPLICATE_ID"),
    "id that looks like a reference": (_identify("Id", "&#69;nvelope"), ""),
    "id written as a reference": (_identify("Id", "@nvelope"), "CHARACTER_REFERENCE"),
    "default prefix": (_default_prefix, ""),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A wrapped envelope, and why it has to be refused."""

    shape: int
    name: str
    data: bytes
    reason: str


def variants() -> Iterator[Variant]:
    """Every shape, field and trick: 360."""
    for number, (shape, shape_reason) in enumerate(SHAPES.items(), start=1):
        for field, (data, path, wanted) in FIELDS.items():
            for trick, (change, reason) in TRICKS.items():
                genuine, forged = etree.fromstring(data), unsigned(etree.fromstring(data))
                one(forged, path).text = wanted
                change(forged)
                wrapped = _written(shape(genuine, forged))
                name = f"{shape.__name__}, {field}, {trick}"
                yield Variant(number, name, wrapped, reason or shape_reason)


def _written(root: Tree) -> bytes:
    """Canonical, with the two tricks that a tree cannot hold."""
    data = canonical(root).replace(b"@nvelope", b"&#69;nvelope")
    marked = rb'<edXML:MessageHeader p="1">(.*?)</edXML:MessageHeader>'
    return re.sub(marked, rb"<MessageHeader>\1</MessageHeader>", data, count=1, flags=re.DOTALL)
