"""What did not go as it should, for the page and the JSON of a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.model import Concern
from .judged import LOCAL

SHOWN_MAX = 2000  # rows on a page; more of them nobody reads, and a browser takes seconds

Words = tuple[str, str]  # Vietnamese, English

# The worst first.
KINDS: dict[str, Words] = {
    "quarantined": ("✖ không tin, đã cách ly", "✖ not believed, quarantined"),
    "undeliverable": ("✖ không gửi được", "✖ undeliverable"),
    "rejected": ("✖ nơi nhận từ chối", "✖ refused by the recipient"),
    "refused": ("✖ ta từ chối", "✖ refused by us"),
    "late": ("! biên nhận muộn", "! acknowledged late"),
    "under_way": ("… chưa có biên nhận", "… not acknowledged yet"),
}


@dataclass(frozen=True, slots=True)
class Concerns:
    """What a page says of them.

    Args:
        rows: what, when, organ, document, subject, detail of each, the worst first; at most
            SHOWN_MAX.
        counts: of each kind that there is, in words, and how many.
    """

    rows: Sequence[Sequence[str]]
    counts: Sequence[tuple[str, int]]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.counts)


def collect(found: Iterable[Concern], lang: str) -> Concerns:
    """Take what a page shows from a stream of any length, in memory for SHOWN_MAX of each kind."""
    counts: Counter[str] = Counter()
    first: dict[str, list[Concern]] = {kind: [] for kind in KINDS}
    for one in found:
        counts[one.kind] += 1
        if len(first[one.kind]) < SHOWN_MAX:
            first[one.kind].append(one)
    shown = [one for kind in KINDS for one in first[kind]][:SHOWN_MAX]
    words = {kind: text[lang == "en"] for kind, text in KINDS.items()}
    return Concerns(
        [_row(one, words) for one in shown],
        [(words[kind], counts[kind]) for kind in KINDS if counts[kind]],
    )


def _row(one: Concern, words: dict[str, str]) -> tuple[str, ...]:
    time = one.at.astimezone(LOCAL)
    return (
        *(words[one.kind], f"{time:%d/%m/%Y %H:%M}", one.organ),
        *(one.reference or "–", one.subject, one.detail),
    )


def to_json(one: Concern) -> dict[str, Any]:
    """One of them, for JSON."""
    return {
        "kind": one.kind,
        "at": one.at.isoformat(),
        "organ": one.organ,
        "tracking_id": one.tracking_id or None,
        "reference": one.reference,
        "subject": one.subject,
        "detail": one.detail,
    }
