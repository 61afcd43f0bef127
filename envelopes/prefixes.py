"""The one repair of what is not namespace-well-formed: two prefixes that real files use without
declaring them.

Source: the template that the official kit was shipped with (`xlink:href=""`, unbound).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from .layout import NS

KNOWN: Final[Mapping[str, str]] = {"edXML": NS, "xlink": "http://www.w3.org/1999/xlink"}

# What may stand before the root element: BOM, declaration, comments, processing instructions.
_ROOT = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s++|<\?.*?\?>|<!--.*?-->)*+<[^\s/>!?]++", re.DOTALL)


def declare(data: bytes, prefixes: Sequence[str]) -> bytes | None:
    """Declare prefixes on the root element; every line keeps its number.

    Args:
        data: what the gate let pass but for these prefixes.
        prefixes: those that the parser found unbound.

    Returns:
        The bytes with the declarations; None if one of the prefixes is not known, or there is no
        root element: then nothing is to be repaired.
    """
    root = _ROOT.match(data)
    if root is None or not KNOWN.keys() >= set(prefixes):
        return None
    declared = "".join(f' xmlns:{prefix}="{KNOWN[prefix]}"' for prefix in prefixes)
    return data[: root.end()] + declared.encode() + data[root.end() :]
