"""`envelopes/verify.py` against signature wrapping: the signed part stays genuine, what a careless
reader takes is forged. Shapes after Somorovsky et al., "On Breaking SAML" (USENIX Security 2012),
redone on edXML. Every forgery is itself canonical, so that layout alone cannot refuse it.
"""

from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256

import pytest
from lxml import etree

from envelopes import dsig
from envelopes.c14n import canonical, detach
from envelopes.errors import NotTrusted
from envelopes.layout import NS
from envelopes.wording import Indication, Result
from tests.letters import judge, letter, receipt

Tree = etree._Element  # lxml has no public name for it
DIGEST = sha256(letter()).hexdigest()

# field -> genuine envelope, XPath of the text, what the attacker wants to be read
FIELDS: dict[str, tuple[bytes, str, str]] = {
    "From": (letter(), "//e:From/e:OrganId", "H01"),
    "DocumentId": (letter(), "//e:MessageHeader/e:DocumentId", "H05,2026/05/30,99/QĐ-UBND"),
    "attachment": (letter(), "//e:ContentTransferEncoded", "ZXZpbA=="),
    "StatusCode": (receipt("03", DIGEST), "//e:StatusCode", "06"),
}


def header(root: Tree) -> Tree:
    return one(root, "/e:edXML/e:edXMLEnvelope/e:edXMLHeader")


def one(root: Tree, path: str) -> Tree:
    found = root.xpath(path, namespaces={"e": NS, "ds": dsig.DS})
    assert isinstance(found, list)
    return found[0]  # type: ignore[no-any-return, return-value]


def signature(root: Tree) -> Tree:
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
    root.append(unsigned(genuine) if forged is genuine else forged)
    root.append(genuine)
    return root


def two_signatures(genuine: Tree, forged: Tree) -> Tree:
    """9: forged document with the genuine signature, and the genuine one once more."""
    first = deepcopy(signature(genuine))
    for element in first.iter():  # an Id that stands twice would be refused before
        element.attrib.pop("Id", None)
    header(forged).append(first)
    header(forged).append(deepcopy(signature(genuine)))
    return forged


def signature_moved(genuine: Tree, forged: Tree) -> Tree:
    """10: the signature in front of the header, where a search by name still finds it."""
    header(forged).insert(0, deepcopy(signature(genuine)))
    return forged


def attachments_twice(genuine: Tree, forged: Tree) -> Tree:
    """11: a forged list of attachments before the genuine one (an empty one in a status)."""
    listed = forged.find(f"{{{NS}}}AttachmentEncoded")
    genuine.insert(0, etree.Element(f"{{{NS}}}AttachmentEncoded") if listed is None else listed)
    if genuine.find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLBody") is None:
        genuine.append(etree.Element(f"{{{NS}}}AttachmentEncoded"))
    return genuine


def plain(genuine: Tree, forged: Tree) -> Tree:
    """12: no wrapping at all: the signature of one document on another."""
    header(forged).append(deepcopy(signature(genuine)))
    return forged


SHAPES: dict[Callable[[Tree, Tree], Tree], str] = {
    into_object: "ELEMENT_COUNT",
    detached: "ELEMENT_COUNT",
    envelope_before: "ELEMENT_COUNT",
    envelope_around: "ELEMENT_COUNT",
    header_first: "ELEMENT_COUNT",
    message_first: "ELEMENT_COUNT",
    extension: "ELEMENT_COUNT",
    root_around: "ELEMENT_MISPLACED",
    two_signatures: "SEVERAL_SIGNATURES",
    signature_moved: "SIGNATURE_MISPLACED",
    attachments_twice: "ELEMENT_COUNT",
    plain: "HASH_FAILURE",
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_wrapped_signature_never_passes(shape: Callable[[Tree, Tree], Tree], field: str) -> None:
    data, path, wanted = FIELDS[field]
    genuine, forged = etree.fromstring(data), unsigned(etree.fromstring(data))
    one(forged, path).text = wanted
    report = judge(canonical(shape(genuine, forged)))
    assert report.indication is Indication.FAILED
    assert report.reason == SHAPES[shape], report.text("en")
    with pytest.raises(NotTrusted):
        report.require_passed()


@pytest.mark.parametrize("field", FIELDS)
def test_the_genuine_envelope_of_each_forgery_passes(field: str) -> None:
    data, path, wanted = FIELDS[field]
    assert judge(data).indication is Indication.PASSED
    assert one(etree.fromstring(data), path).text != wanted
    assert canonical(etree.fromstring(data)) == data


ID_TWINS = ['Id="SignedProperties"', 'ID="SignedProperties"', 'id="SignedProperties"']
ID_TWINS += ['xml:id="SignedProperties"', 'xmlns:z="urn:z" z:Id="SignedProperties"']


@pytest.mark.parametrize("attribute", ID_TWINS)
def test_an_id_stands_once_whatever_the_attribute_is_called(attribute: str) -> None:
    data = letter().replace(b"<edXML:From>", f"<edXML:From {attribute}>".encode())
    report = judge(data)
    assert (report.reason, report.indication) == ("DUPLICATE_ID", Indication.FAILED)
    other = data.replace(attribute.encode(), attribute.replace("Signed", "Other").encode(), 1)
    assert judge(other).reason == "HASH_FAILURE"


@pytest.mark.parametrize(
    ("genuine", "split", "reason"),
    [
        (b">H05<", b">H0<!---->5<", "COMMENT"),
        (b">H05<", b">H0<?x y?>5<", "PROCESSING_INSTRUCTION"),
        (b">H05<", b">H0<![CDATA[5]]><", "CDATA"),
        (b">H05<", b">H0&#53;<", "CHARACTER_REFERENCE"),
        (b">H05<", b">&h;<", "CHARACTER_REFERENCE"),
    ],
)
def test_a_text_that_two_parsers_read_differently_is_kept_out(
    genuine: bytes, split: bytes, reason: str
) -> None:
    report = judge(letter().replace(genuine, split, 1))
    assert (report.reason, report.indication) == (reason, Indication.FAILED)
    assert report.checks[0].result is Result.FAILED


def test_another_namespace_is_another_signature() -> None:
    for other in (dsig.DS + " ", dsig.DS.upper(), "urn:evil"):
        report = judge(letter().replace(dsig.DS.encode(), other.encode()))
        assert report.indication is Indication.FAILED
        assert report.reason in ("DUMMY_SIGNATURE", "NOT_XML"), report.text("en")
    rebound = letter().replace(b'xmlns:edXML="' + NS.encode(), b'xmlns:edXML="urn:evil')
    assert judge(rebound).reason == "ELEMENT_COUNT"


def test_a_relative_namespace_is_refused_and_never_void() -> None:
    """CVE-2025-66568: a tree that has no canonical form must not digest as nothing."""
    data = letter().replace(b"<edXML:From>", b'<edXML:From xmlns:x="relative/uri" x:a="b">')
    report = judge(data)
    assert report.indication is Indication.FAILED
    assert report.reason == "NOT_CANONICAL", report.text("en")
    assert next(check for check in report.checks if check.step == 4).result is not Result.PASSED
