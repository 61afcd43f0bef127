"""Printing: stdout is the result, stderr the rest; columns, times, sizes, colours.

What comes from a file or from another organ is printed only through `plain`, so that nobody's
subject line can move the cursor or forge a line.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TextIO

from .words import say

LOCAL = timezone(timedelta(hours=7), "+07:00")  # Asia/Ho_Chi_Minh, without summer time
LETTER_MAX = 6  # characters of a letter with its marks, at most
SUBJECT_WIDTH = 48  # columns of a subject in a list
_COLOURS: Mapping[str, str] = {
    "good": "\033[32m",
    "bad": "\033[31m",
    "open": "\033[33m",
    "bold": "\033[1m",
    "dim": "\033[2m",
}
_PLAIN = "\033[0m"


def out(text: str = "") -> None:
    """A line of the result."""
    print(text)


def note(text: str) -> None:
    """A line beside the result: progress, warnings."""
    print(text, file=sys.stderr)


def emit(schema: str, document: Mapping[str, Any]) -> None:
    """The result as one JSON document with its `schema`, times RFC 3339 in UTC."""
    emit_whole({"schema": f"docexchange/{schema}/v1", **document})


def emit_whole(document: Mapping[str, Any]) -> None:
    """A document that carries its schema already."""
    out(json.dumps(document, ensure_ascii=False, indent=2, default=_json))


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"no JSON for {type(value)}")


def plain(text: str) -> str:
    """A text from outside, on one line, without anything that a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour, if the stream is a terminal and NO_COLOR is not set."""
    target = stream or sys.stdout
    if not target.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"{_COLOURS[colour]}{text}{_PLAIN}"


def moment(time: datetime | None) -> str:
    """A time as people of Vietnam read it, with its zone; a dash for none."""
    return f"{time.astimezone(LOCAL):%d/%m/%Y %H:%M:%S} +07:00" if time else "–"


def minute(time: datetime | None) -> str:
    """A time in a list: local, to the minute."""
    return f"{time.astimezone(LOCAL):%d/%m/%Y %H:%M}" if time else "–"


def span(time: timedelta) -> str:
    """A length of time in its two largest units."""
    seconds = max(0, round(time.total_seconds()))
    units = (
        (seconds // 86400, say("ngày", "d")),
        (seconds // 3600 % 24, say("giờ", "h")),
        (seconds // 60 % 60, say("phút", "min")),
        (seconds % 60, say("giây", "s")),
    )
    first = next((i for i, (count, _) in enumerate(units) if count), len(units) - 1)
    shown = [unit for unit in units[first : first + 2] if unit[0]] or [units[-1]]
    return " ".join(f"{count} {word}" for count, word in shown)


def size(count: int) -> str:
    """Bytes as people read them: 1,8 MB in Vietnamese, 1.8 MB in English."""
    value, unit = float(count), "B"
    for larger in ("KB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    text = f"{count}" if unit == "B" else f"{value:.1f}"
    return f"{text.replace('.', say(',', '.'))} {unit}"


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    columns = 0
    for letter in text:
        if not unicodedata.combining(letter):
            columns += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
    return columns


def short(text: str, columns: int = SUBJECT_WIDTH) -> str:
    """A text cut to a number of columns, with an ellipsis."""
    beginning = text[: columns * LETTER_MAX]  # whoever wrote it may have written megabytes
    clean = plain(beginning)
    if len(beginning) == len(text) and width(clean) <= columns:
        return clean
    while clean and width(clean) > columns - 1:
        clean = clean[:-1]
    return clean.rstrip() + "…"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in aligned columns under their headers."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in (list(headers), *cells)) for i in range(len(headers))]
    out(paint(_line(headers, widths), "bold"))
    for row in cells:
        out(_line(row, widths))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
    return "  ".join(padded).rstrip()


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Name and value, a line each, values aligned; empty values are left out."""
    shown = [(name, plain(value)) for name, value in pairs if value]
    wide = max((width(name) for name, _ in shown), default=0)
    for name, value in shown:
        out(f"  {name}{' ' * (wide - width(name))}  {value}")


class Waiting:
    """A sign of life on a terminal's stderr while something takes its time."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._terminal:
            sys.stderr.write(f"\r\033[K{plain(text)}")
            sys.stderr.flush()
            self._shown = True

    def done(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._shown = False
