"""The strict XML Schema of what we send: for tests, `lint --strict` and integrators.

Reading and verifying never ask it: they are more tolerant in order and lengths, and far stricter
in everything that a signature depends on.

    errors = violations(etree.fromstring(data))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final

from lxml import etree

from ..layout import NS

FILE: Final = "edxml.xsd"
VIOLATIONS_MAX: Final = 200  # a person reads no more
TEXT_MAX: Final = 300  # characters of one; libxml2 repeats a whole value in it
_ELEMENT = re.compile(r"Element '([^']{1,80})'")


def text() -> bytes:
    """The schema as it lies in the package."""
    from importlib import resources

    return resources.files(__package__).joinpath(FILE).read_bytes()


@cache
def compiled() -> etree.XMLSchema:
    """The schema, compiled once per process."""
    return etree.XMLSchema(etree.fromstring(text()))


def violations(root: etree._Element) -> Iterator[tuple[int, str, str]]:
    """Line, element and sentence of everything in a tree that the schema does not allow."""
    schema = compiled()
    if schema.validate(root):
        return
    for entry in islice(schema.error_log, VIOLATIONS_MAX):
        text = entry.message.replace(f"{{{NS}}}", "")
        named = _ELEMENT.match(text)
        yield entry.line, named[1] if named else "", text[:TEXT_MAX]
