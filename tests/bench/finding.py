"""Searching: what a person waits for among a million documents, beside a thousand.

The rows are written by SQL, since only their words, organs and times matter here; the index is
filled as a node fills it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from docexchange.core.searching import Search
from docexchange.edges.store import SqlStore
from tests.records import NOW, document, open_store

SMALL = 1000  # documents that the large store is compared with
GOAL_S = 1.0  # longest of the questions
ORGANS = 60
SUBJECT = (
    "chuyển đổi số báo cáo kế hoạch đề án triển khai phòng chống thiên "
    "tai quy chế ban hành kinh phí dự án đầu tư công tác cán "
    "bộ giáo dục y tế nông nghiệp môi trường đất đai xây dựng"
)
QUESTIONS: Mapping[str, Search] = {
    "number": Search("1234/QĐ-UBND"),
    "words": Search("chuyen doi so"),
    "phrase": Search('"de an" trien khai'),
    "a common word": Search("tai"),
    "words, organ": Search("bao cao", organ="H07"),
    "organ, a day": Search(organ="H07", begin=NOW, end=NOW + timedelta(days=1)),
    "nothing": Search("zzz"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each question by store size, and microseconds of the index for a document."""

    documents: int
    index_us: float
    took: Mapping[str, tuple[float, float]]

    def ratios(self) -> dict[str, float]:
        """Of each question, the large store's time to the small one's."""
        return {f"find, {name}": large / small for name, (small, large) in self.took.items()}

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        longest = max(large for _, large in self.took.values())
        return {f"find: every question < {GOAL_S:.0f} s": longest < GOAL_S}

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        took = {
            name: {"small_s": one, "large_s": other} for name, (one, other) in self.took.items()
        }
        return {"documents": self.documents, "index_us": self.index_us, "took": took}

    def table(self) -> Iterator[str]:
        """A block for a person."""
        yield ""
        yield f"{'find, ms':<26}{f'{SMALL:,}':>10}{f'{self.documents:,}':>12}"
        for name, (small, large) in self.took.items():
            yield f"{name:<26}{small * 1e3:>10.2f}{large * 1e3:>12.2f}"
        yield f"  {self.index_us:.0f} us a document to index"


def measure(folder: Path, documents: int) -> Measured:
    """Fill two stores in a folder, index them, ask each question."""
    index: dict[int, float] = {}
    took: dict[int, dict[str, float]] = {}
    for count in (SMALL, documents):
        home = folder / f"find-{count}"
        home.mkdir()
        with open_store(home) as store:
            asyncio.run(store.outgoing.submit(document("P0")))
            _fill(store, count)
            begun = time.perf_counter()
            indexed = asyncio.run(_index(store))
            index[count] = (time.perf_counter() - begun) / indexed * 1e6
            took[count] = {name: _least(store, one) for name, one in QUESTIONS.items()}
    pairs = {name: (took[SMALL][name], took[documents][name]) for name in QUESTIONS}
    return Measured(documents, index[documents], pairs)


async def _index(store: SqlStore) -> int:
    total = 0
    while some := await store.archive.index():
        total += some
    return total


def _least(store: SqlStore, asked: Search) -> float:
    def once() -> float:
        begun = time.perf_counter()
        store.archive.find(asked)
        return time.perf_counter() - begun

    return min(once() for _ in range(5))


def _fill(store: SqlStore, count: int) -> None:
    """Copy the one document that is there, with other words, organs and times."""
    raw = store._access.writer._connection._raw
    rng = random.Random(1)
    rows = {
        table: dict(raw.execute(f"SELECT * FROM {table}").fetchone())  # ours
        for table in ("submissions", "deliveries")
    }

    def copies(table: str) -> Iterator[tuple[object, ...]]:
        for number in range(2, count + 1):
            row = rows[table] | {"id": number}
            if table == "submissions":
                row |= {
                    "tracking_id": f"P{number}",
                    "number": str(number % 2000),
                    "subject": " ".join(rng.sample(SUBJECT.split(), 8)),
                    "reference": f"{number}/x",
                    "document_id": f"H05,{number}",
                    "submitted_at": rows[table]["submitted_at"] + number * 60_000_000,
                }
            else:
                organ = f"H{number % ORGANS:02d}"
                row |= {"submission_id": number, "to_organ": organ, "state": "acknowledged"}
            yield tuple(row.values())

    with raw:
        for table, row in rows.items():
            marks = ", ".join("?" * len(row))
            raw.executemany(f"INSERT INTO {table} VALUES ({marks})", copies(table))
