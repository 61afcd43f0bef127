"""Stamps (dấu thời gian của chữ ký): what proves when the signature of an envelope existed.

A stamp is kept beside the envelope, whose bytes never change. It is either

    a token alone         RFC 3161, DER, over the canonical ds:SignatureValue element, as XAdES has
                          it in SignatureTimeStamp
    a token and a path    JSON docexchange/stamp/v1: the token is over the root of a hash tree
                          (`merkle`) of which the same element is a leaf; many envelopes share it

Source: ETSI EN 319 132-1 V1.2.1, clause 5.3; ETSI EN 319 102-1, clause 5.5.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from keys.timestamp_refused import TOKEN_MAX, TimestampRefused
from keys.trust import Trust

from .. import dsig
from ..errors import Malformed
from .merkle import HASH_BYTES, Tree, leaf_hash, root_by_path

if TYPE_CHECKING:
    from keys.timestamp import Token

SCHEMA: Final = "docexchange/stamp/v1"
STAMP_MAX: Final = 2 * TOKEN_MAX  # bytes; base64 of a token, and a path of 60 hashes
ENDINGS: Final = (".tst", ".tst.json")
LEAVES_MAX: Final = 2**40  # of a tree; a path has then 40 hashes
HEAD_MAX: Final = 16 * 1024 * 1024  # bytes up to the end of a signature; 5,000 recipients have 2
_DER: Final = b"\x30"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token, and where in its tree the envelope stands.

    Args:
        token: DER; nothing of it is proven.
        index: of the leaf, from 0.
        leaves: of the tree; 0 when the token is over the signature itself.
        path: from below, 32 bytes each.
    """

    token: bytes = field(repr=False)
    index: int = 0
    leaves: int = 0
    path: tuple[bytes, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether the token is over the signature itself, as XAdES-T asks for."""
        return not self.leaves

    def to_bytes(self) -> bytes:
        """As it is kept in a file: DER, or JSON with its path."""
        if self.alone:
            return self.token
        whole = {
            "schema": SCHEMA,
            "token": _text(self.token),
            "index": self.index,
            "leaves": self.leaves,
            "path": [_text(one) for one in self.path],
        }
        return (json.dumps(whole, indent=1) + "\n").encode()

    @property
    def ending(self) -> str:
        """The ending of a file that holds it."""
        return ENDINGS[0] if self.alone else ENDINGS[1]


def read(data: bytes) -> Stamp:
    """A stamp out of its file; nothing of it is proven. Raises Malformed."""
    if len(data) > STAMP_MAX:
        raise Malformed(f"a stamp has at most {STAMP_MAX:,} bytes")
    if data.startswith(_DER):
        return Stamp(data)
    try:
        given = json.loads(data)
        if not isinstance(given, dict) or given.get("schema") != SCHEMA:
            raise Malformed(f"no stamp: schema is not {SCHEMA}")
        return _from_json(given)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Malformed(f"no stamp: {type(error).__name__}: {error}") from error


def _from_json(given: dict[str, Any]) -> Stamp:
    index, leaves = given["index"], given["leaves"]
    path = tuple(base64.b64decode(str(one), validate=True) for one in given["path"])
    if type(index) is not int or type(leaves) is not int:
        raise TypeError("index and leaves are numbers")
    if not 0 <= index < leaves <= LEAVES_MAX or any(len(one) != HASH_BYTES for one in path):
        raise ValueError("no place in a tree")
    return Stamp(base64.b64decode(str(given["token"]), validate=True), index, leaves, path)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


# -- what is stamped ---------------------------------------------------------------------------


def stamped_of(envelope: BinaryIO) -> bytes | None:
    """What a stamp of an envelope is over; None when it has no signature in our form.

    Args:
        envelope: open for reading; only its beginning is read, up to the end of the signature.
    """
    head = b""
    while chunk := envelope.read(dsig.SIGNATURE_BYTES_MAX):
        head += chunk
        begin = head.find(dsig.START)
        end = head.find(dsig.END, begin)
        if 0 <= begin < end:
            signature = dsig.read(head[begin : end + len(dsig.END)])
            return signature.signature_value() if signature else None
        if len(head) > HEAD_MAX:
            return None
    return None


def imprint_of(stamped: Sequence[bytes]) -> bytes:
    """What an authority is asked to stamp for some envelopes: of one its own digest, of several the
    root of their tree."""
    if len(stamped) == 1:
        return sha256(stamped[0]).digest()
    return Tree(b"".join(map(leaf_hash, stamped))).root()


def stamps(token: bytes, stamped: Sequence[bytes]) -> list[Stamp]:
    """The stamp of each of these envelopes under one token over `imprint_of` them."""
    if len(stamped) == 1:
        return [Stamp(token)]
    tree = Tree(b"".join(map(leaf_hash, stamped)))
    return [Stamp(token, at, tree.size, tree.path(at)) for at in range(tree.size)]


# -- what it proves ----------------------------------------------------------------------------


def verify(stamp: Stamp, stamped: bytes, trust: Trust) -> Token:
    """Check a stamp; when this returns, the signature existed at the token's `gen_time`.

    Args:
        stamp: what came.
        stamped: of the envelope (`stamped_of`).
        trust: anchors for timestamps.

    Raises:
        TimestampRefused: with its reason.
    """
    from keys import timestamp  # loads ASN.1, which most envelopes never need

    if stamp.alone:
        return timestamp.verify(stamp.token, trust=trust, stamped=stamped)
    root = root_by_path(leaf_hash(stamped), stamp.index, stamp.leaves, stamp.path)
    if root is None:
        raise TimestampRefused("TOKEN_IMPRINT", "the path does not fit its place in the tree")
    return timestamp.verify(stamp.token, trust=trust, imprint=root)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a stamp comes to for one signature.

    Args:
        proven_at: when the signature existed, None when that is not proven.
        reason: key of `wording.REASONS`, "" when it is.
        detail: the facts.
    """

    proven_at: datetime | None
    reason: str = ""
    detail: str = ""


def judge(
    given: bytes | None,
    stamped: bytes,
    signed_at: datetime | None,
    trust: Trust,
    at: datetime,
    skew: timedelta,
) -> Proof:
    """Step 9 of `verify`; never raises for what a stamp holds.

    Args:
        given: a stamp as `Stamp.to_bytes` wrote it, None if there is none.
        stamped: of the envelope.
        signed_at: SigningTime, the signer's word.
        trust: anchors for timestamps.
        at: the time judged for, aware: what was stamped later proves nothing about it.
        skew: how far two clocks may differ.
    """
    if given is None:
        return Proof(None, "NO_TIMESTAMP")
    try:
        token = verify(read(given), stamped, trust)
    except TimestampRefused as refused:
        return Proof(None, refused.reason, refused.detail)
    except Malformed as malformed:
        return Proof(None, "TOKEN_MALFORMED", str(malformed))
    told = f"{token.gen_time:%Y-%m-%dT%H:%M:%SZ} by {token.signer.subject}"
    if token.gen_time > at + skew:
        return Proof(None, "TIMESTAMP_LATER", told)
    if signed_at is not None and signed_at > token.gen_time + skew:
        return Proof(None, "TOKEN_ORDER", f"{told}, signed {signed_at:%Y-%m-%dT%H:%M:%SZ}")
    return Proof(token.gen_time, "", told)
