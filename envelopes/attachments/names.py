"""Names of files from texts that somebody else wrote.

A name that comes out is one component of a path on any system: never empty, hidden, reserved or an
option to a command; without separators, controls, bidi or invisible characters; short enough in
bytes; and two of one folder differ in more than case or composition. Letters stay letters:
98/QĐ-UBND.pdf becomes 98_QĐ-UBND.pdf.

Source: naming of files on Windows (reserved names and characters); POSIX file names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from ..folding import composed

BYTES_MAX: Final = 200  # bytes of UTF-8; file systems take 255, and a number is put behind it
_READ_MAX: Final = 1_000  # characters, half from each end; NFC of a run of marks costs its square
ENDING_MAX: Final = 16  # bytes of an ending that is kept when a name is cut
MARKS_MAX: Final = 4  # combining marks in a row; Vietnamese has two on a letter
NAMELESS: Final = "attachment"

# / and \, and what looks like them
_SEPARATORS: Final = re.compile("[/\\\\\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c]")
# Not allowed on Windows (a colon also names a drive or a stream), or special to a shell.
_FORBIDDEN: Final = re.compile(r"""[<>:"|?*;&$`'!#~^{}]""")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs"})  # controls, bidi and zero width, lone surrogates
_REPLACED: Final = frozenset({"Co", "Cn"})  # private or unassigned: nobody knows how they look
_BLANK: Final = frozenset({"Zs", "Zl", "Zp"})
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$| )", re.IGNORECASE
)
_DRIVE: Final = re.compile(r"\s*[A-Za-z]:")


def safe_name(text: str, otherwise: str = NAMELESS) -> str:
    """A name for a file of this text; `otherwise` when nothing of it is left."""
    if len(text) > _READ_MAX:
        text = text[: _READ_MAX // 2] + text[-_READ_MAX // 2 :]
    drive = _DRIVE.match(text)
    parts = _SEPARATORS.split(text[drive.end() :] if drive else text)
    name = _written("_".join(part for part in parts if part.strip(". ")))
    name = _FORBIDDEN.sub("_", name).strip(". ")
    if not name.strip("_"):
        return otherwise
    if name.startswith("-") or _RESERVED.match(name):
        name = f"_{name}"
    return shortened(name)


def safe_names(texts: Iterable[str]) -> tuple[str, ...]:
    """A name for each text, in order; those that a folder would take for one get a number."""
    taken: set[str] = set()
    asked: dict[str, int] = {}  # how often a name was wanted: the next number to try
    found: list[str] = []
    for text in texts:
        name = safe_name(text)
        number = asked.get(composed(name), 0)
        unique = name
        while composed(unique) in taken:
            number += 1
            unique = _numbered(name, number + 1)
        asked[composed(name)] = number
        taken.add(composed(unique))
        found.append(unique)
    return tuple(found)


def shortened(name: str, most: int = BYTES_MAX) -> str:
    """The name cut to a number of bytes; its ending stays, no letter loses its marks."""
    if len(name.encode()) <= most:
        return name
    stem, ending = _split(name)
    return _cut(stem, most - len(ending.encode())).rstrip(". ") + ending


def ending_of(name: str) -> str:
    """The ending of a name in lower case without its dot, as pdf; "" if it has none."""
    return name.rpartition(".")[2].casefold() if "." in name.lstrip(".") else ""


def _written(text: str) -> str:
    """The letters of a text that can be seen, in NFC, blanks as spaces."""
    out: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        category = unicodedata.category(letter)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if letter in "\t\n\r" or category in _BLANK:
            out.append(" ")
        elif category in _REPLACED:
            out.append("_")
        elif category not in _DROPPED and marks <= MARKS_MAX:
            out.append(letter)
    return " ".join("".join(out).split(" "))


def _numbered(name: str, number: int) -> str:
    stem, ending = _split(name)
    mark = f" ({number})"
    return _cut(stem, BYTES_MAX - len((mark + ending).encode())).rstrip(". ") + mark + ending


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > ENDING_MAX:
        return name, ""
    return stem, dot + ending


def _cut(text: str, most: int) -> str:
    data = text.encode()
    if len(data) <= most:
        return text
    cut = data[:most].decode(errors="ignore")
    following = text[len(cut)]
    while cut and unicodedata.combining(following):  # the letter would lose a mark: it goes too
        following, cut = cut[-1], cut[:-1]
    return cut
