"""XAdES-T copies: an envelope with its timestamp token inside the signature, unsigned.

What was committed never changes; a copy is made when somebody exports it, and `split` gives back
envelope and token, byte for byte. The copy differs by one element only, which the signature does
not cover, so any XMLDSig verifier finds the signature as good as before.

Source: ETSI EN 319 132-1 V1.2.1, clause 5.3 (SignatureTimeStamp).
"""

from __future__ import annotations

import base64
import re
from typing import Final

from keys.timestamp_refused import TOKEN_MAX

from . import dsig
from .errors import Malformed

_OPEN: Final = (
    "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>"
    '<xades:SignatureTimeStamp Id="SignatureTimeStamp">'
    f'<ds:CanonicalizationMethod Algorithm="{dsig.EXC_C14N}"></ds:CanonicalizationMethod>'
    "<xades:EncapsulatedTimeStamp>"
).encode()
_CLOSE: Final = (
    b"</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
    b"</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
)
_PLACE: Final = b"</xades:QualifyingProperties>"
_ADDED: Final = re.compile(
    re.escape(_OPEN) + rb"([A-Za-z0-9+/]{4,%d}={0,2})" % (2 * TOKEN_MAX) + re.escape(_CLOSE)
)
ADDED_MAX: Final = len(_OPEN) + 2 * TOKEN_MAX + len(_CLOSE)  # bytes more than the envelope has


def with_token(signature: bytes, token: bytes) -> bytes:
    """A ds:Signature of ours with a token over its value.

    Args:
        signature: the element, or the beginning of an envelope that holds all of it.
        token: DER; over the canonical SignatureValue itself, not over a tree.

    Raises:
        Malformed: there is no signature in our form, or it has a token already.
    """
    begin = signature.find(dsig.START)
    end = signature.find(dsig.END, begin) + len(dsig.END)
    if begin < 0 or dsig.read(signature[begin:end]) is None:
        raise Malformed("there is no signature in our form", element="Signature")
    at = signature.index(_PLACE, begin, end)
    return b"".join((signature[:at], _OPEN, base64.b64encode(token), _CLOSE, signature[at:]))


def find(head: bytes) -> tuple[int, int, bytes] | None:
    """Where in the beginning of an envelope a token was put in, and the token; None if none was.

    Args:
        head: bytes that hold the whole signature.
    """
    begin = head.find(_OPEN)  # a fifth of the time that the expression needs to find it
    found = _ADDED.match(head, begin) if begin >= 0 else None
    if found is None or not head.startswith(_PLACE, found.end()):
        return None
    token = dsig.strict_base64(found[1].decode("ascii"))
    return None if token is None else (found.start(), found.end(), token)


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """The envelope as it was committed, and the token; None when `data` is no such copy."""
    found = find(data)
    if found is None:
        return None
    begin, end, token = found
    return data[:begin] + data[end:], token
