"""Where the signature of an envelope has to stand, and what is wrong with one that is not ours.

`locate` finds the one ds:Signature at its one place. `explain` is asked only about a signature
that `dsig.read` has already refused: it says why, so that a person can act, and it decides
nothing. Neither looks at digests, keys or time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from .dsig import DS, ENVELOPED, EXC_C14N, PROPERTIES_TYPE, XADES
from .layout import NS

STRUCTURE_STEP: Final = 2
ALGORITHMS_STEP: Final = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a tree is not an envelope with one signature of ours: the step it fails, a reason code
    of `wording.REASONS`, and the facts."""

    step: int
    reason: str
    detail: str


_PLACES: Final = {  # element -> its parent
    "edXMLEnvelope": "edXML",
    "edXMLHeader": "edXMLEnvelope",
    "MessageHeader": "edXMLHeader",
    "TraceHeaderList": "edXMLHeader",
    "edXMLBody": "edXMLEnvelope",
    "edXMLManifest": "edXMLBody",
    "AttachmentEncoded": "edXML",
}
_REQUIRED: Final = ("edXMLEnvelope", "edXMLHeader", "MessageHeader")
_INNER: Final = frozenset(name for name, parent in _PLACES.items() if parent in _PLACES)


_SIGNATURE: Final = f"{{{DS}}}Signature"
_TAGS: Final = {f"{{{NS}}}{name}": name for name in _PLACES}


def locate(root: etree._Element) -> etree._Element | Fault:
    """The one signature of the envelope, last child of its header, or what is wrong.

    One edXML, one envelope, one header, one message: more would let readers disagree.
    """
    if root.tag != f"{{{NS}}}edXML":
        return Fault(STRUCTURE_STEP, "NOT_AN_ENVELOPE", f"the root element is {_name(root)}")
    found: dict[str, etree._Element] = {}
    signatures = []
    for element in root.iter(_SIGNATURE, *_TAGS):
        if element.tag == _SIGNATURE:
            signatures.append(element)
            continue
        name = _TAGS[str(element.tag)]
        if name in found:
            return _fault("ELEMENT_COUNT", element, f"a second {name}")
        if element.getparent() is not (found.get(_PLACES[name]) if name in _INNER else root):
            return _fault("ELEMENT_MISPLACED", element, f"{name} outside {_PLACES[name]}")
        found[name] = element
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        return Fault(STRUCTURE_STEP, "ELEMENT_COUNT", f"no {missing[0]}")
    return _only_signature(root, found["edXMLHeader"], signatures)


def _only_signature(
    root: etree._Element, header: etree._Element, signatures: Sequence[etree._Element]
) -> etree._Element | Fault:
    if not signatures:
        return _no_signature(root)
    if len(signatures) > 1:
        detail = f"{len(signatures)} ds:Signature elements, expected one"
        return _fault("SEVERAL_SIGNATURES", signatures[1], detail)
    signature = signatures[0]
    if signature.getparent() is not header or signature.getnext() is not None:
        return _fault("SIGNATURE_MISPLACED", signature, "not the last child of edXMLHeader")
    return signature


def _fault(reason: str, element: etree._Element, detail: str) -> Fault:
    return Fault(STRUCTURE_STEP, reason, f"line {element.sourceline}: {detail}")


def _no_signature(root: etree._Element) -> Fault:
    for element in root.iter("{*}Signature", "{*}DigitalSignature"):
        detail = f"line {element.sourceline}: {_name(element)} is not a signature anybody can check"
        return Fault(STRUCTURE_STEP, "DUMMY_SIGNATURE", detail)
    return Fault(STRUCTURE_STEP, "UNSIGNED", "no ds:Signature in edXMLHeader")


def explain(signature: etree._Element) -> Fault:
    """Say why a ds:Signature is not in the form of our profile."""
    return next(_faults(signature))


def _faults(signature: etree._Element) -> Iterator[Fault]:
    yield from _structure_faults(signature)
    yield from _reference_faults(signature)
    yield Fault(
        STRUCTURE_STEP,
        "SIGNATURE_MALFORMED",
        f"line {signature.sourceline}: not written byte for byte as the profile says "
        "(white space, attributes, prefixes, base64, length, elements of the signed properties)",
    )


_CHILDREN: Final = (
    (".", ("SignedInfo", "SignatureValue", "KeyInfo", "Object")),
    ("ds:SignedInfo/ds:SignatureMethod", ()),
    ("ds:SignatureValue", ()),
    ("ds:KeyInfo", ("X509Data",)),
    ("ds:Object", ("QualifyingProperties",)),
    ("ds:Object/xades:QualifyingProperties", ("SignedProperties",)),
)


def _structure_faults(signature: etree._Element) -> Iterator[Fault]:
    for path, expected in _CHILDREN:
        element = _one(signature, path)
        if element is None or _child_names(element) != expected:
            reason = "KEY_INFO" if path == "ds:KeyInfo" else "SIGNATURE_MALFORMED"
            has = "is missing" if element is None else f"has {_listed(_child_names(element))}"
            detail = f"{path.replace('.', 'ds:Signature')} {has}, expected {_listed(expected)}"
            yield Fault(STRUCTURE_STEP, reason, detail)
            return
    held = _child_names(signature.find(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data"))
    if set(held) != {"X509Certificate"}:
        detail = f"X509Data has {_listed(held)}, expected certificates and nothing else"
        yield Fault(STRUCTURE_STEP, "KEY_INFO", detail)


def _reference_faults(signature: etree._Element) -> Iterator[Fault]:
    canonicalization = _one(signature, "ds:SignedInfo/ds:CanonicalizationMethod")
    if canonicalization is None or canonicalization.get("Algorithm") != EXC_C14N:
        yield Fault(ALGORITHMS_STEP, "CANONICALIZATION", f"SignedInfo needs {EXC_C14N}")
    references = signature.findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
    got = [(reference.get("URI"), reference.get("Type")) for reference in references]
    if got != [("", None), ("#SignedProperties", PROPERTIES_TYPE)]:
        uris = _listed([str(uri) for uri, _ in got])
        detail = f"references to {uris}; expected the whole document and #SignedProperties"
        yield Fault(ALGORITHMS_STEP, "REFERENCES", detail)
        return
    for reference, expected in zip(references, ([ENVELOPED, EXC_C14N], [EXC_C14N]), strict=True):
        path = f"{{{DS}}}Transforms/{{{DS}}}Transform"
        transforms = [str(transform.get("Algorithm")) for transform in reference.findall(path)]
        if transforms != expected:
            where = reference.get("URI") or "the document"
            detail = f"transforms of {where}: {_listed(transforms)}; expected {_listed(expected)}"
            yield Fault(ALGORITHMS_STEP, "TRANSFORMS", detail)


def _one(element: etree._Element, path: str) -> etree._Element | None:
    found = element.findall(path, {"ds": DS, "xades": XADES})
    return found[0] if len(found) == 1 else None


def _child_names(element: etree._Element | None) -> tuple[str, ...]:
    """Comments are passed over: the gate lets them in where nothing of ours is signed."""
    children = () if element is None else element.iterchildren("{*}*")
    return tuple(_name(child) for child in children)


def _name(element: etree._Element) -> str:
    """Local name where the namespace is the expected one, else {namespace}name, cut to 80."""
    name = etree.QName(element)
    known = name.namespace in (DS, XADES, NS)
    return (name.localname if known else name.text)[:80]


def _listed(names: Sequence[str]) -> str:
    """Names for a person: at most six, each cut, so that a hostile file cannot flood a report."""
    shown = ", ".join(name[:80] for name in names[:6]) or "nothing"
    return f"{shown}, ... ({len(names)})" if len(names) > 6 else shown
