"""The level 1 codes (mã cấp 1): who has each, whether it is active, who took over.

`level_one.csv` holds them, a line each, with its source. What a decree says is told apart from what
is only believed: the decree of 2025 gives the rule by which provinces that merge keep one code and
close the others, but which provinces merged stands in a resolution that was not at hand, and so do
the successors of the closed ministries. Codes of the Party (A01 to A99) and of the National
Assembly (C01 to C99) are blocks that the decree does not enumerate: absent here, not unknown.

A node's own directory overrides this list; it knows what was decided since.

Source: QĐ 20/2020/QĐ-TTg Appendix I; QĐ 09/2025/QĐ-TTg Art 1 and 2.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from . import organ

FILE: Final = "level_one.csv"


class Standing(StrEnum):
    """Whether a code may be used."""

    ACTIVE = "active"
    CLOSED = "closed"
    MERGED = "merged"  # closed, its province is part of another


class Evidence(StrEnum):
    """How well something is known."""

    DECREE = "decree"  # a decree that was read says so
    BELIEVED = "believed"  # general knowledge; no text was at hand


@dataclass(frozen=True, slots=True)
class LevelOne:
    """A level 1 code.

    Args:
        code: as H05.
        name: of the organ; "" where no source names it.
        standing: active, closed or merged.
        since: the day from which `standing` holds.
        standing_by: how well that is known.
        successor: the code that took over, "" if none is known.
        successor_by: how well the successor is known, None without one.
        source: decrees and articles.
    """

    code: str
    name: str
    standing: Standing
    since: date
    standing_by: Evidence
    successor: str
    successor_by: Evidence | None
    source: str

    @property
    def active(self) -> bool:
        """Whether the code may be used."""
        return self.standing is Standing.ACTIVE


def read(lines: Iterable[str]) -> Mapping[str, LevelOne]:
    """The codes of a CSV file with a header line.

    Raises:
        ValueError: a line is not of this form, or a code stands twice.
    """
    found: dict[str, LevelOne] = {}
    for row in csv.DictReader(lines):
        one = _row(row)
        if one.code in found:
            raise ValueError(f"{one.code} stands twice")
        found[one.code] = one
    return found


@cache
def level_one_codes() -> Mapping[str, LevelOne]:
    """The list that comes with this library, by code, in its order. Read once."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return read(text.splitlines())


def find(text: str) -> LevelOne | None:
    """The level 1 code that an organ's code lies under: of H02, H02.12 and 000.00.12.H02 it is
    H02. None when the list has none, or the text is no code."""
    return level_one_codes().get(organ.level_one(text))


def find_closed(text: str) -> LevelOne | None:
    """As `find`, but only a code that is closed."""
    found = find(text)
    return found if found is not None and not found.active else None


def _row(row: Mapping[str, str]) -> LevelOne:
    code = row["code"]
    parsed = organ.parse(code)
    if parsed is None or parsed.level_one != code:
        raise ValueError(f"{code!r} is no level 1 code")
    if not row["source"]:
        raise ValueError(f"{code} has no source")
    return LevelOne(
        code=code,
        name=row["name"],
        standing=Standing(row["status"]),
        since=date.fromisoformat(row["since"]),
        standing_by=Evidence(row["status_by"]),
        successor=row["successor"],
        successor_by=Evidence(row["successor_by"]) if row["successor"] else None,
        source=row["source"],
    )
