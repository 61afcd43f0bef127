"""Whether two X.509 names are the same name: compared as text, not as bytes.

A CA may write its own name as PrintableString in one certificate and as UTF8String in another, or
with other capitals and blanks; RFC 5280 says that all of these are one name. cryptography compares
the bytes.

Source: RFC 5280, clause 7.1; RFC 4518, clauses 2.3, 2.4 and 2.6.1.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TypeAlias

from cryptography import x509

NormalName: TypeAlias = tuple[frozenset[tuple[str, str | bytes]], ...]


@lru_cache(maxsize=4096)
def normal(name: x509.Name) -> NormalName:
    """A name in the form in which equal names are equal values."""
    return tuple(
        frozenset((one.oid.dotted_string, _prepared(one.value)) for one in rdn) for rdn in name.rdns
    )


def same(one: x509.Name, other: x509.Name) -> bool:
    """Whether two names are the same name; an empty name is nobody's."""
    return bool(one.rdns) and normal(one) == normal(other)


def _prepared(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):  # a BIT STRING: no text
        return value
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
