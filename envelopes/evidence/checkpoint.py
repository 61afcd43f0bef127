"""Checkpoints (mốc nhật ký): an organ signs how long its journal is and what stands in it.

Whoever keeps a checkpoint can show later that a line was removed, changed or put in: the journal
then has another root at that length. What is signed is a short text:

    docexchange journal checkpoint v1
    organ H05
    lines 1204331
    root 5f0c...            (hash tree over the lines, `merkle`)
    head 0f3c...            (hash chain over the lines)
    at 2026-11-23T08:00:00Z

Source: the text of C2SP tlog-checkpoint, with names before the values and an X.509 signature.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from keys import algorithms
from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate
from keys.errors import KeysError
from keys.signer import Signer
from keys.trust import Trust

from .. import dsig
from ..errors import Malformed
from ..judge import passed, problem
from ..report import Check
from ..verify import SIGNING_SKEW, Binding, SubjectBinding
from . import stamp

SCHEMA: Final = "docexchange/checkpoint/v1"
TITLE: Final = "docexchange journal checkpoint v1"  # begins nothing else that a key of ours signs
SIZE_MAX: Final = 128 * 1024  # bytes of a checkpoint file: eight certificates are 20 KB, a token 87
CHAIN_MAX: Final = 8  # certificates, as in an envelope

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_CLAIM: Final = ("lines", "root", "head", "at")
_TEXT = re.compile(
    re.escape(TITLE) + r"\norgan (?P<organ>[^\s]{1,64})\nlines (?P<lines>0|[1-9][0-9]{0,17})"
    r"\nroot (?P<root>[0-9a-f]{64})\nhead (?P<head>[0-9a-f]{64})"
    # Years that any clock zone can show and any tolerance can be added to.
    r"\nat (?P<at>2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a journal stood.

    Args:
        organ: whose node keeps it, OrganId; its key signs.
        lines: how many lines it had.
        root: of the hash tree over them, hex.
        head: hash of the last of them, hex.
        at: aware; whole seconds count. The signer's word.
    """

    organ: str
    lines: int
    root: str
    head: str
    at: datetime

    def text(self) -> str:
        """What is signed."""
        return (
            f"{TITLE}\norgan {self.organ}\nlines {self.lines}\nroot {self.root}\n"
            f"head {self.head}\nat {self.at.astimezone(UTC):{_TIME}}\n"
        )

    def claim(self) -> str:
        """As it stands in a receipt of the organ, whose signature covers it."""
        at = f"{self.at.astimezone(UTC):{_TIME}}"
        return f"{self.lines} {self.root} {self.head} {at}"


def claimed(organ: str, text: str) -> Checkpoint | None:
    """What an organ says of its journal in a receipt; None when it says nothing that can be read.
    Who says it is proven by the signature of the receipt."""
    words = text.split(" ")
    if len(words) != len(_CLAIM):
        return None
    names = "".join(f"{name} {word}\n" for name, word in zip(_CLAIM, words, strict=True))
    try:
        return _parse(f"{TITLE}\norgan {organ}\n{names}")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its signature; nothing of it is proven until `judge` was asked.

    Args:
        checkpoint: what is signed.
        algorithm, value, chain: the signature; leaf first.
        token: RFC 3161, DER, over the value; None if there is none.
    """

    checkpoint: Checkpoint
    algorithm: SignatureAlgorithm
    value: bytes = field(repr=False)
    chain: tuple[Certificate, ...] = field(repr=False)
    token: bytes | None = field(default=None, repr=False)


def sign(checkpoint: Checkpoint, signer: Signer) -> Signed:
    """Sign it. Raises what the signer raises."""
    value = dsig.normal(signer.algorithm, signer.sign(checkpoint.text().encode()))
    return Signed(checkpoint, signer.algorithm, value, signer.chain)


def judge(
    signed: Signed, *, trust: Trust, at: datetime, directory: Binding | None = None
) -> tuple[Check, ...]:
    """Steps 3, 5, 7 and 10 of `verify`, for a checkpoint, and 9 of one with a token: it counts when
    all of them passed. What the token proves is the time that the certificate is judged for.

    Args:
        signed: what came.
        trust: anchors, and those for timestamps.
        at: the time for which to judge, aware.
        directory: who may sign for whom; without it what the certificate says of itself.
    """
    algorithm, leaf = signed.algorithm, signed.chain[0]
    organ = signed.checkpoint.organ
    proof = _proof(signed, trust, at)
    at = proof.proven_at or at
    weak = not algorithms.accepted(algorithm, at)
    path = trust.path(leaf, signed.chain[1:], at)
    speaks, why = (directory or SubjectBinding()).speaks_for(organ, path.chain or signed.chain, at)
    bound = "" if speaks else "NO_BINDING" if speaks is None else "SIGNER_NOT_SENDER"
    stamped = problem(9, proof.reason, proof.detail) if proof.reason else passed(9, proof.detail)
    return (
        problem(3, "WEAK_ALGORITHM", algorithm.name) if weak else passed(3, algorithm.name),
        passed(5) if _is_signed(signed) else problem(5, "SIG_CRYPTO_FAILURE", leaf.subject),
        problem(7, path.problem, path.detail) if path.problem else passed(7, leaf.subject),
        *(() if signed.token is None else (stamped,)),
        problem(10, bound, why) if bound else passed(10, why),
    )


def proven_at(signed: Signed, trust: Trust, at: datetime) -> datetime | None:
    """When the checkpoint is proven to have existed; None if no token proves it."""
    return _proof(signed, trust, at).proven_at


def _proof(signed: Signed, trust: Trust, at: datetime) -> stamp.Proof:
    claimed_at = signed.checkpoint.at
    return stamp.judge(signed.token, signed.value, claimed_at, trust.authorities, at, SIGNING_SKEW)


def _is_signed(signed: Signed) -> bool:
    data = signed.checkpoint.text().encode()
    leaf = signed.chain[0]
    return algorithms.verify(signed.algorithm, leaf.public_key, signed.value, data)


def to_json_dict(signed: Signed) -> dict[str, Any]:
    """The checkpoint as it is written to a file."""
    return {
        "schema": SCHEMA,
        "text": signed.checkpoint.text(),
        "algorithm": signed.algorithm.name,
        "signature": base64.b64encode(signed.value).decode(),
        "chain": [base64.b64encode(one.der).decode() for one in signed.chain],
        **({"token": base64.b64encode(signed.token).decode()} if signed.token else {}),
    }


def read(data: bytes) -> Signed:
    """Read a checkpoint file; nothing of it is proven.

    Raises:
        Malformed: it is none.
    """
    if len(data) > SIZE_MAX:
        raise Malformed(f"a checkpoint has at most {SIZE_MAX:,} bytes")
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from error
    return from_json_dict(given)


def from_json_dict(given: object) -> Signed:
    """The same of what was read from JSON. Raises Malformed."""
    if not isinstance(given, Mapping) or given.get("schema") != SCHEMA:
        raise Malformed(f"no checkpoint: schema is not {SCHEMA}")
    try:
        chain = tuple(Certificate.from_der(_bytes(one)) for one in given["chain"])
        if not 0 < len(chain) <= CHAIN_MAX:
            raise ValueError(f"{len(chain)} certificates")  # noqa: TRY301  # told as the others
        algorithm = algorithms.choice(chain[0], given["algorithm"])
        token = _bytes(given["token"]) if "token" in given else None
        return Signed(_parse(given["text"]), algorithm, _bytes(given["signature"]), chain, token)
    except KeyError as missing:
        raise Malformed(f"no checkpoint: {missing} is missing") from missing
    except (TypeError, ValueError, KeysError) as error:
        raise Malformed(f"no checkpoint: {error}") from error


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text), validate=True)


def _parse(text: object) -> Checkpoint:
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("the text is not of the form of a checkpoint")
    at = datetime.strptime(found["at"], _TIME).replace(tzinfo=UTC)
    lines = int(found["lines"])
    return Checkpoint(found["organ"], lines, found["root"], found["head"], at)
