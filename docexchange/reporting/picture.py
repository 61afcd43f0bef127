"""The chain of custody as SVG: who signed it, what each recipient confirmed.

Boxes and arrows are markup; colours are those of the page, with a sign beside each, so that
nothing depends on seeing colours. Titles are read aloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from .judged import Hop, Judged

WIDTH = 760  # units; the page scales it
ROW, STATUS, BOX = 34, 22, 190  # heights of a recipient and of a status, width of the sender's box
NAMED, NAME_MAX = 280, 34  # width of a recipient's box, and the characters that fit into it
SHOWN = 12  # recipients in the picture; the table has all
FONT = "Noto Sans, DejaVu Sans, Arial, sans-serif"
# Those of page.css, written out: WeasyPrint gives a picture no style of its page.
_INK = {"good": "#116329", "bad": "#a40e26", "open": "#7a4100"}
_GROUND = {"good": "#e6f4ea", "bad": "#fde8ea", "open": "#fff3e0"}
_SIGNS = {"TOTAL-PASSED": "✔", "TOTAL-FAILED": "✖", "INDETERMINATE": "?"}


@dataclass
class _Drawing:
    parts: list[str]
    y: int = 0

    def text(self, x: int, y: int, text: str, kind: str = "") -> None:
        """A line of text."""
        shown = escape(text)
        size, weight = (12, "normal") if kind.startswith("small") else (13, "600")
        ink = _INK.get(kind.rpartition(" ")[2], "#1b1f24")
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{ink}"'
            f' font-family="{FONT}">{shown}</text>'
        )

    def box(self, x: int, y: int, height: int, kind: str, width: int = BOX) -> None:
        """A box."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4"'
            f' fill="{_GROUND[kind]}" stroke="{_INK[kind]}"/>'
        )

    def arrow(self, x: int, y: int, to_x: int, to_y: int) -> None:
        """An arrow from left to right."""
        middle = (x + to_x) // 2
        self.parts.append(
            f'<path d="M{x} {y} H{middle} V{to_y} H{to_x - 6}" fill="none" stroke="#57606a"/>'
            f'<path d="M{to_x} {to_y} l-7 -4 v8 z" fill="#57606a"/>'
        )


def custody(judged: Judged) -> str:
    """Draw it; "" when there is no recipient."""
    if not judged.hops:
        return ""
    shown = judged.hops[:SHOWN]
    drawing = _Drawing([])
    y = 10
    places = []
    for hop in shown:
        places.append(y)
        _recipient(drawing, judged, hop, y)
        y += ROW + STATUS * len(hop.statuses) + 14
    if len(judged.hops) > SHOWN:
        rest = len(judged.hops) - SHOWN
        drawing.text(WIDTH - 420, y + 14, judged.say(f"và {rest} nơi nữa", f"and {rest} more"))
        y += 24
    _sender(drawing, judged)
    y = max(y, ROW + STATUS + 20)
    for place in places:
        drawing.arrow(BOX + 10, 10 + ROW // 2, WIDTH - 420, place + ROW // 2)
    title = judged.say("Đường đi của văn bản và các xác nhận", "The way of the document")
    body = "".join(drawing.parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {y}" role="img" aria-labelledby="custody" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="custody">{escape(title)}</title>'
        f"{body}</svg>"
    )


def _sender(drawing: _Drawing, judged: Judged) -> None:
    organ, signed_at = judged.sender
    first = judged.signatures[0] if judged.signatures else None
    kind = _kind(first.verdict.indication) if first else "open"
    sign = _SIGNS.get(first.verdict.indication, "?") if first else "?"
    drawing.box(10, 10, ROW + STATUS, kind)
    drawing.text(20, 32, f"{sign} {organ}", "name")
    drawing.text(20, 53, signed_at, "small")


def _recipient(drawing: _Drawing, judged: Judged, hop: Hop, y: int) -> None:
    x = WIDTH - 420
    drawing.box(x, y, ROW, "good" if hop.confirmed else "open", NAMED)
    sign = "✔" if hop.confirmed else "–"
    name = f"{hop.organ} {hop.name}".strip()
    if len(name) > NAME_MAX:
        name = f"{name[: NAME_MAX - 1]}…"
    drawing.text(x + 10, y + 22, f"{sign} {name}", "name")
    if not hop.statuses:
        text = judged.say("chưa có xác nhận", "nothing confirmed")
        drawing.text(x + NAMED + 12, y + 22, text, "small")
    for place, (code, words, at, indication) in enumerate(hop.statuses):
        line = f"{_SIGNS.get(indication, '?')} {code} {words} · {at}"
        drawing.text(x + 10, y + ROW + 16 + place * STATUS, line, f"small {_kind(indication)}")


def _kind(indication: str) -> str:
    return {"TOTAL-PASSED": "good", "TOTAL-FAILED": "bad"}.get(indication, "open")
