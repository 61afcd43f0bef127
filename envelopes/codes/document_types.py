"""Tên loại văn bản: the 29 types of administrative documents with their abbreviations, and the
types of legal documents that also travel.

A person may write name or abbreviation, with or without marks and capitals: "Quyết định",
"quyet dinh" and "QĐ" are one type. Where two types are alike without marks (HD hướng dẫn, HĐ hợp
đồng; DA dự án, ĐA đề án), it counts only as it stands in the list. The field of edXML stays a free
text: what is not of the list is odd, not wrong.

Source: NĐ 30/2020/NĐ-CP Art 7 and Appendix III; names of legal documents: amendment 1:2022 of QCVN
102:2016/BTTTT, table A.
"""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from ..folding import composed, unmarked

FILE: Final = "document_types.csv"
_SUGGESTED: Final = 3  # types named at most when a text is none
_ALIKE: Final = 0.7  # share of letters in common from which a name is worth naming


class Group(StrEnum):
    """Which list a type is of."""

    ADMINISTRATIVE = "administrative"  # văn bản hành chính, NĐ 30/2020 Art 7
    NORMATIVE = "normative"  # văn bản quy phạm pháp luật


@dataclass(frozen=True, slots=True)
class DocumentTypeName:
    """A type of document.

    Args:
        name: as it is written in DocumentType/TypeName.
        abbreviation: as in a document's notation (QĐ of QĐ-UBND), "" if it has none.
        group: the list it is of.
        archive_code: its code in archives (TT 05/2025/TT-BNV), "" if none.
        source: decree and article.
    """

    name: str
    abbreviation: str
    group: Group
    archive_code: str
    source: str


def read(lines: Iterable[str]) -> Sequence[DocumentTypeName]:
    """The types of a CSV file with a header line. Raises ValueError for a line of another form."""
    return tuple(
        DocumentTypeName(
            name=row["name"],
            abbreviation=row["abbreviation"],
            group=Group(row["group"]),
            archive_code=row["archive_code"],
            source=row["source"],
        )
        for row in csv.DictReader(lines)
    )


@cache
def document_types() -> Sequence[DocumentTypeName]:
    """The list that comes with this library, in the order of the decree. Read once."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return read(text.splitlines())


def find(text: str) -> DocumentTypeName | None:
    """The one type that a person means by a name or an abbreviation; None if none, or several."""
    named = _spaced(text).removesuffix("(cá biệt)").rstrip()  # as the decree marks some of them
    marked = composed(named) != unmarked(named)
    for fold in (_spaced, composed, unmarked) if marked else (_spaced, unmarked):
        found = _matching(fold(named), fold)
        if found:
            return found[0] if len(found) == 1 else None
    return None


def suggest(text: str) -> Sequence[DocumentTypeName]:
    """The types that a text which is none may mean, the likeliest first, at most three."""
    alike = _matching(unmarked(text), unmarked)
    if alike:
        return alike[:_SUGGESTED]
    by_name = {unmarked(one.name): one for one in document_types()}
    near = difflib.get_close_matches(unmarked(text), by_name, _SUGGESTED, _ALIKE)
    return tuple(by_name[name] for name in near)


def _matching(key: str, fold: Callable[[str], str]) -> Sequence[DocumentTypeName]:
    return tuple(
        one for one in document_types() if key and key in (fold(one.name), fold(one.abbreviation))
    )


def _spaced(text: str) -> str:
    """As it is written: in NFC, without surplus spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())
