"""Two charts as SVG: columns along time, bars by name.

No chart says anything that a table beside it does not; patterns of grey and a number at each bar
tell series apart without colours. Titles are read aloud.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH = 760  # units; the page scales it
HEIGHT = 180  # of the columns
ROWS_MAX = 20  # bars of one chart
ROW = 24
NAME = 110  # room for a name left of its bar
NUMBER = 90  # and for its number on the right
FONT = "Noto Sans, DejaVu Sans, Arial, sans-serif"
# Ground and line of each series: one of them has 3:1 to white or more (WCAG 2.2, 1.4.11).
COLOURS = (
    ("#0b5394", "#0b5394"),
    ("#8db6dc", "#0b5394"),
    ("#ffffff", "#57606a"),
    ("#a40e26", "#a40e26"),
)


def columns(name: str, title: str, series: Mapping[str, Mapping[str, int]]) -> str:
    """Columns side by side for each key, the keys in their order.

    Args:
        name: id of the picture, unique on its page.
        title: what it shows.
        series: name -> key -> count.
    """
    keys = sorted({key for counts in series.values() for key in counts})
    most = max((count for counts in series.values() for count in counts.values()), default=0) or 1
    top, bottom = 34, 24
    step = (WIDTH - 60) / len(keys)
    width = min(24.0, step * 0.8 / len(series))
    parts = [_legend(list(series), 16)]
    for share in (1.0, 0.5):
        y = top + HEIGHT * (1 - share)
        parts.append(f'<path d="M50 {y:.1f} H{WIDTH - 5}" stroke="#c9d1d9"/>')
        parts.append(_text(46, y + 4, f"{round(most * share):,}", "end"))
    for place, key in enumerate(keys):
        x = 54 + place * step
        for number, counts in enumerate(series.values()):
            height = HEIGHT * counts.get(key, 0) / most
            left = x + number * width
            parts.append(_rect(left, top + HEIGHT - height, width * 0.92, height, number))
        if place % max(1, len(keys) // 8) == 0:
            parts.append(_text(x, top + HEIGHT + 16, key, "start"))
    parts.append(f'<path d="M50 {top + HEIGHT} H{WIDTH - 5}" stroke="#57606a"/>')
    return _picture(name, title, top + HEIGHT + bottom, parts)


def bars(
    name: str, title: str, series: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]
) -> str:
    """One bar for each row, made of its parts one after the other, with their sum at its end."""
    most = max((sum(counts) for _, counts in rows), default=0) or 1
    room = WIDTH - NAME - NUMBER
    parts = [_legend(series, 16)]
    for place, (label, counts) in enumerate(rows):
        y = 30 + place * ROW
        parts.append(_text(NAME - 8, y + 15, label, "end"))
        x = float(NAME)
        for number, count in enumerate(counts):
            width = room * count / most
            if count:
                parts.append(_rect(x, y + 2, width, ROW - 6, number))
            x += width
        parts.append(_text(x + 6, y + 15, f"{sum(counts):,}", "start"))
    return _picture(name, title, 36 + len(rows) * ROW, parts)


def _legend(series: Sequence[str], y: int) -> str:
    parts, x = [], float(NAME)
    for number, label in enumerate(series):
        parts.append(_rect(x, y - 10, 12, 12, number) + _text(x + 18, y, label, "start"))
        x += 40 + 8 * len(label)
    return "".join(parts)


def _rect(x: float, y: float, width: float, height: float, number: int) -> str:
    ground, line = COLOURS[number % len(COLOURS)]
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill="{ground}" stroke="{line}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="#1b1f24" font-family="{FONT}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )


def _picture(name: str, title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{name}" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{name}">{escape(title)}</title>'
        f"{''.join(parts)}</svg>"
    )
