"""Finding a document by words: without diacritics, in any case, by their beginnings.

A search text is words that must all be there; the last one may be a beginning; what stands in
double quotes must stand together. The syntax of the index underneath is never reachable from it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

TEXT_MAX = 500  # characters of a field that are searched; NĐ 30 asks for short subjects
_WORDS = re.compile(r"[^\W_]+")
_D = str.maketrans({"đ": "d", "Đ": "d"})  # a letter of its own: no decomposition takes its bar away


@dataclass(frozen=True, slots=True)
class Search:
    """What to find; "" and None ask for nothing.

    Args:
        text: words of number, notation or subject.
        organ: OrganId of the other side; those below it count, too.
        begin, end: submitted or arrived in [begin, end), aware.
        sent, received: which direction.
        limit: most hits.
    """

    text: str = ""
    organ: str = ""
    begin: datetime | None = None
    end: datetime | None = None
    sent: bool = True
    received: bool = True
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    Args:
        sent: True: sent by us; False: received.
        tracking_id, number, notation, subject: of the document.
        organs: recipients of what we sent, at most three; the sender of what came.
        more: recipients beyond those.
        at: submitted, or arrived.
    """

    sent: bool
    tracking_id: str
    number: str
    notation: str
    subject: str
    organs: tuple[str, ...]
    more: int
    at: datetime


def words(text: str) -> list[str]:
    """The words of a text as they are compared: "Chuyển đổi số" -> chuyen, doi, so."""
    decomposed = unicodedata.normalize("NFD", text[:TEXT_MAX].translate(_D).casefold())
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    return _WORDS.findall(bare)


def expression(search: Search) -> str:
    """The question in the language of SQLite's FTS5, "" when neither text nor organ is asked."""
    parts = []
    for place, part in enumerate(search.text.split('"')):
        found = words(part)
        if place % 2:
            parts += [_phrase(found)] if found else []
            continue
        parts += [_phrase([one]) for one in found]
    if parts and not search.text.rstrip().endswith('"'):
        parts[-1] += " *"
    asked = [f"{{number subject}} : {one}" for one in parts]
    if search.organ and (codes := words(search.organ)):
        asked.append(f"{{organs}} : {_phrase(codes)}")
    return " AND ".join(asked)


def _phrase(found: list[str]) -> str:
    return '"' + " ".join(found) + '"'
