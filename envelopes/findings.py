"""What was odd in an envelope and was read all the same, so that nothing is left out in silence.

`Findings` collects; it also clears a tree of what is not content (comments, processing
instructions, earlier signatures) and names what no record of `model` can hold.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from .finding_codes import FINDING_CODES, is_error
from .layout import FRAME, FRAME_NAMES, NS, SIGNATURE_IDS, SIGNATURE_NAMES

NAME_MAX: Final = 80  # characters of a name in a finding
TEXT_MAX: Final = 200  # characters of what a finding says
FINDINGS_MAX: Final = 200  # a person reads no more, and a hostile file could make a million

_FRAME: Final = {
    f"{{{NS}}}{name}": frozenset(f"{{{NS}}}{one}" for one in inner) for name, inner in FRAME.items()
}
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_VALUE: Final = "{http://www.w3.org/2000/09/xmldsig#}SignatureValue"
_REPEATED: Final = (f"{{{NS}}}Reference", f"{{{NS}}}Attachment")
_WITH_ELEMENTS = etree.XPath("//*[*]")
_IDS = etree.XPath("descendant-or-self::*/@*[translate(local-name(), 'ID', 'id') = 'id']")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd that was read all the same.

    Args:
        code: one of `finding_codes`; E- is what the exchange refuses to send, W- a warning.
        line: line in the input, 0 if unknown.
        element: name of the element, "" if there is none.
        text: the facts in no language: what was found, and -> what was made of it.
    """

    code: str
    line: int
    element: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the exchange refuses to send what has it."""
        return is_error(self.code)

    def sentence(self, lang: str) -> str:
        """What it means, and the facts; whatever is not English is Vietnamese."""
        words = FINDING_CODES[self.code].get(lang)
        return f"{words}: {self.text}" if self.text else words


class Findings:
    """The findings of one envelope, in the order in which they were met, at most FINDINGS_MAX."""

    def __init__(self) -> None:
        self._list: list[Finding] = []

    def taken(self) -> tuple[Finding, ...]:
        """All so far."""
        return tuple(self._list)

    @property
    def full(self) -> bool:
        """Whether no more are listed."""
        return len(self._list) > FINDINGS_MAX

    def add(self, code: str, element: etree._Element | int, name: str, text: str) -> None:
        """Note one, at the line of an element or at a line."""
        line = element if isinstance(element, int) else element.sourceline or 0
        if len(self._list) < FINDINGS_MAX:
            self._list.append(Finding(code, line, name[:NAME_MAX], text[:TEXT_MAX]))
        elif len(self._list) == FINDINGS_MAX:
            self._list.append(Finding("W-FMT-099", line, "", ""))

    def drop_markup(self, root: etree._Element) -> None:
        """Take comments and processing instructions out; the text around them stays whole."""
        outside = (*root.itersiblings(preceding=True), *root.itersiblings())
        for node in (*root.iter(etree.Comment, etree.ProcessingInstruction), *outside):
            comment = isinstance(node, etree._Comment)
            name = "comment" if comment else "processing instruction"
            self.add("W-FMT-040", node, name, str(node.text or "").strip()[:40])
        etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)

    def drop_signatures(self, root: etree._Element) -> None:
        """Take earlier and dummy signatures out, of any namespace and wherever they stand."""
        for element in root.iter(*SIGNATURE_NAMES):
            genuine = element.tag == _SIGNATURE and element.find(_VALUE) is not None
            self.add("W-SIG-001" if genuine else "W-SIG-002", element, local_name(element), "")
        etree.strip_elements(root, *SIGNATURE_NAMES, with_tail=False)

    def note_left_out(self, root: etree._Element, kept: Set[etree._Element]) -> None:
        """Name what no record holds: texts beside elements, parts of the frame that stand twice.

        Args:
            root: the whole tree.
            kept: unknown elements that a record does hold, with all that is in them.
        """
        for element in _found(_WITH_ELEMENTS, root):
            beside = (element.text, *(child.tail for child in element))
            texts = [text for text in beside if text and not text.isspace()]
            if texts and not inside(element, kept):
                for text in texts:
                    self.note_text(element, text)
        for parent in root.iter(*_FRAME):
            self._note_doubles(parent, _FRAME[str(parent.tag)])

    def note_text(self, element: etree._Element, text: str) -> None:
        """Name a text that stands where only elements can."""
        self.add("W-FMT-038", element, local_name(element), repr(text.strip()[:40]))

    def _note_doubles(self, parent: etree._Element, known: frozenset[str]) -> None:
        seen = set()
        for child in parent.iterchildren(*known):
            if child.tag in seen and child.tag not in _REPEATED:
                self.add("W-FMT-032", child, local_name(child), "")
            seen.add(child.tag)

    def note_not_of_status(self, root: etree._Element) -> None:
        """Name the parts of a document that stand in a status."""
        for name in ("TraceHeaderList", "ErrorList", "edXMLBody", "AttachmentEncoded"):
            for element in root.iter(f"{{{NS}}}{name}"):
                self.add("W-FMT-039", element, name, "")


def what_spoils(element: etree._Element) -> str:
    """A part of the frame, or an id of our signature, inside an unknown element: "" if none.

    An envelope that we sign with it inside would be refused by every strict reader.
    """
    for inner in element.iter(etree.Element):
        name = etree.QName(inner)
        if name.namespace == NS and name.localname in FRAME_NAMES:
            return name.localname
    ids = {str(value) for value in _found(_IDS, element)} & SIGNATURE_IDS
    return f"the id {min(ids)}" if ids else ""


def local_name(element: etree._Element) -> str:
    """The name without its namespace."""
    return etree.QName(element).localname


def inside(element: etree._Element, kept: Set[etree._Element]) -> bool:
    """Whether an element is one of some, or in one of them."""
    return bool(kept) and any(one in kept for one in (element, *element.iterancestors()))


def _found(path: etree.XPath, element: etree._Element) -> Any:
    return path(element)
