"""Canonical bytes of a tree: exclusive XML canonicalization 1.0, without comments.

Source: W3C xml-exc-c14n 1.0; done by libxml2.
"""

from __future__ import annotations

from lxml import etree


def canonical(element: etree._Element, without: etree._Element | None = None) -> bytes:
    """Exclusive C14N of an element and all below it.

    Args:
        element: where to begin.
        without: an element below it that is detached first, as the enveloped-signature transform
            says; the text after it stays. It stays detached.

    Raises:
        lxml.etree.C14NError: the tree has no canonical form (a relative namespace URI, say).
    """
    if without is not None:
        detach(without)
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def detach(element: etree._Element) -> None:
    """Take an element out of its tree and leave the text after it where it stood."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
