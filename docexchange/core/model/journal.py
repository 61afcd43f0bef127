"""The journal as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of the journal: `line` is canonical JSON, `hash` = SHA-256(previous hash, line)."""

    number: int
    line: str
    hash: str


Snapshot = Mapping[str, Any]
