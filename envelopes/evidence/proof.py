"""Proofs (chứng minh): some lines of a journal, each with its path to the root of a checkpoint.

Whoever holds a proof needs neither the journal nor its node to see that these lines stood in it
when the checkpoint was signed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import Malformed
from . import checkpoint
from .checkpoint import Signed
from .merkle import Tree, leaf_hash, root_by_path

SCHEMA: Final = "docexchange/journal-proof/v1"
SIZE_MAX: Final = 64 * 1024 * 1024  # bytes of a proof file: 50,000 lines of the usual length


@dataclass(frozen=True, slots=True)
class Line:
    """A line and what has to be hashed with it to come to the root.

    Args:
        number: from 1.
        text: the line, exactly.
        path: from below.
    """

    number: int
    text: str
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Lines and the checkpoint that they lead to; nothing is proven until `missing` was asked and
    the checkpoint was judged."""

    signed: Signed
    lines: tuple[Line, ...]


def make(signed: Signed, tree: Tree, lines: Sequence[tuple[int, str]]) -> Proof:
    """Prove some lines, (number from 1, text), of the journal that the tree is of."""
    proven = tuple(Line(number, text, tree.path(number - 1)) for number, text in lines)
    return Proof(signed, proven)


def unproven(proof: Proof) -> tuple[int, ...]:
    """Numbers of the lines whose path does not lead to the root of the checkpoint."""
    seen = proof.signed.checkpoint
    root = bytes.fromhex(seen.root)
    return tuple(
        line.number
        for line in proof.lines
        if not _says(line)
        or root_by_path(leaf_hash(line.text.encode()), line.number - 1, seen.lines, line.path)
        != root
    )


def _says(line: Line) -> bool:
    """Whether the text bears the number under which it was proven."""
    try:
        said = json.loads(line.text)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("number") == line.number


def to_json_dict(proof: Proof) -> dict[str, Any]:
    """The proof as it is written to a file."""
    return {
        "schema": SCHEMA,
        "checkpoint": checkpoint.to_json_dict(proof.signed),
        "lines": [
            {
                "number": line.number,
                "line": line.text,
                "path": [base64.b64encode(one).decode() for one in line.path],
            }
            for line in proof.lines
        ],
    }


def from_json_dict(given: object) -> Proof:
    """The proof of what was read from JSON. Raises Malformed."""
    if not isinstance(given, Mapping) or given.get("schema") != SCHEMA:
        raise Malformed(f"no proof: schema is not {SCHEMA}")
    signed = checkpoint.from_json_dict(given.get("checkpoint"))
    try:
        return Proof(signed, tuple(_line(one) for one in given["lines"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"no proof: {type(error).__name__}: {error}") from error


def _line(given: Mapping[str, Any]) -> Line:
    number, text = given["number"], given["line"]
    if type(number) is not int or not isinstance(text, str):
        raise TypeError("number and line")
    path = tuple(base64.b64decode(str(one), validate=True) for one in given["path"])
    return Line(number, text, path)
