"""The statistics of QĐ 28/2018, Article 11, as CSV, JSON and a page to read and print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from markupsafe import Markup

from envelopes.codes.document_types import document_types
from envelopes.codes.level_one import level_one_codes

from ..core.model import RECEIVED_COUNTS, SENT_COUNTS, By, Line
from . import charts
from .concerns import Concerns
from .page import style, template

SCHEMA = "docexchange/statistics/v1"
CODES = ("01", "03", "06")
COUNTS = tuple(dict.fromkeys((*SENT_COUNTS, *RECEIVED_COUNTS)))
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would reckon what begins so
DAYS_DRAWN = 92  # bars of one chart; a longer time is drawn by month

Words = tuple[str, str]  # Vietnamese, English

TITLES: Mapping[By, Words] = {
    By.ALL: ("Tất cả", "All"),
    By.PROVINCE: ("Theo tỉnh, bộ (mã cấp 1)", "By province and ministry (level 1 code)"),
    By.ORGAN: ("Theo cơ quan", "By organ"),
    By.TYPE: ("Theo loại văn bản (suy từ ký hiệu)", "By type (as its notation begins)"),
    By.URGENCY: ("Theo độ khẩn", "By urgency"),
    By.MONTH: ("Theo tháng", "By month"),
    By.DAY: ("Theo ngày", "By day"),
}
HEADERS: Mapping[str, Words] = {
    "documents": ("Văn bản", "Documents"),
    "deliveries": ("Lượt gửi", "Deliveries"),
    "bytes": ("Dung lượng", "Size"),
    "acknowledged": ("Có biên nhận", "Acknowledged"),
    "on_time": ("Đúng hạn", "On time"),
    "late": ("Muộn", "Late"),
    "undeliverable": ("Không đến", "Undeliverable"),
    "under_way": ("Đang gửi", "Under way"),
    "rejected": ("Từ chối", "Refused"),
    "completed": ("Hoàn thành", "Completed"),
    "untouched": ("Chưa xử lý", "Untouched"),
}


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was counted.

    Args:
        node: whose store it was.
        begin, end: the time, aware; the end is not in it.
        lines: as the store gives them.
        name: of an organ's code, "" if unknown.
        urgency: words for 0..4.
        lang: "vi" or "en".
        organ: the other side that it is about, "" for all.
    """

    node: str
    begin: datetime
    end: datetime
    lines: Sequence[Line]
    name: Callable[[str], str]
    urgency: Callable[[int], str]
    lang: str
    organ: str = ""

    @property
    def title(self) -> str:
        """What it is."""
        if self.organ:
            name = f"{self.organ} {self.name(self.organ)}".strip()
            return self.say(f"Trao đổi văn bản với {name}", f"Documents exchanged with {name}")
        return self.say("Gửi, nhận văn bản điện tử", "Official documents sent and received")

    @property
    def first(self) -> str:
        """The first day."""
        return f"{self.begin:%d/%m/%Y}"

    @property
    def last(self) -> str:
        """The last day, all of it."""
        return f"{self.end - timedelta(microseconds=1):%d/%m/%Y}"

    def say(self, vi: str, en: str) -> str:
        """One of two texts."""
        return en if self.lang == "en" else vi

    def named(self, line: Line) -> str:
        """The key of a line in words, "" if there are none."""
        if line.by is By.ALL:
            return self.say(*TITLES[By.ALL])
        if line.by is By.ORGAN:
            return self.name(line.key)
        if line.by is By.PROVINCE:
            found = level_one_codes().get(line.key)
            return found.name if found else ""
        if line.by is By.TYPE:
            return _types().get(line.key, "") or self.say(
                "Công văn, loại khác", "Official letter, other"
            )
        if line.by is By.URGENCY:
            return self.urgency(int(line.key)) if line.key else self.say("không ghi", "not kept")
        return ""

    def of(self, direction: str, by: By) -> list[Line]:
        """The lines of one kind."""
        return [line for line in self.lines if (line.direction, line.by) == (direction, by)]


def _types() -> Mapping[str, str]:
    return {one.abbreviation: one.name for one in document_types() if one.abbreviation}


def to_csv(one: Statistics) -> str:
    """A table with a line for each line (RFC 4180); a byte order mark shows spreadsheets that it
    is UTF-8. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["direction", "by", "key", "name", *COUNTS, *(f"median_{c}_s" for c in CODES)])
    for line in one.lines:
        writer.writerow(
            [
                *(line.direction, line.by.value, _inert(line.key), _inert(one.named(line))),
                *(line.counts.get(name, "") for name in COUNTS),
                *(_seconds(line, code, "") for code in CODES),
            ]
        )
    return "\ufeff" + out.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _seconds(line: Line, code: str, none: Any) -> Any:
    found = line.medians.get(code)
    return none if found is None else found.total_seconds()


def to_json(one: Statistics) -> str:
    """The same as one JSON document; shares are of deliveries, medians in seconds."""
    whole = {"schema": SCHEMA, **facts(one), "lines": json_lines(one)}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def facts(one: Statistics) -> dict[str, str]:
    """What the statistics are about."""
    span = {"from": one.begin.isoformat(), "to": one.end.isoformat()}
    return {"node": one.node, **span, "organ": one.organ}


def json_lines(one: Statistics) -> list[dict[str, Any]]:
    """The lines, for JSON."""
    return [
        {
            "direction": line.direction,
            "by": line.by.value,
            "key": line.key,
            "name": one.named(line),
            **line.counts,
            **_shares(line),
            "median_s": {code: _seconds(line, code, None) for code in CODES},
        }
        for line in one.lines
    ]


def _shares(line: Line) -> dict[str, float]:
    total = line.counts.get("deliveries", line.counts["documents"])
    names = ("acknowledged", "on_time", "rejected", "completed")
    return {
        f"{name}_share": round(line.counts[name] / total, 4)
        for name in names
        if total and name in line.counts
    }


def to_html(one: Statistics, version: str, concerns: Concerns | None = None) -> str:
    """A self-contained page: what did not go as it should, charts as SVG, every line in a table."""
    return template("statistics.html.j2").render(
        one=one,
        say=one.say,
        style=Markup(style()),  # noqa: S704  # ours
        concerns=concerns,
        charts=list(_charts(one)),
        tables=list(_tables(one)),
        version=version,
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page: its title, headers, and a row of texts for each line."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


def _tables(one: Statistics) -> Iterator[Table]:
    for direction, words in (("sent", ("Gửi", "Sent")), ("received", ("Nhận", "Received"))):
        for by, title in TITLES.items():
            if lines := one.of(direction, by):
                names = SENT_COUNTS if direction == "sent" else RECEIVED_COUNTS
                headers = [
                    one.say("Mục", "Which"),
                    *(one.say(*HEADERS[name]) for name in names),
                    *(f"{one.say('Trung vị đến', 'Median to')} {code}" for code in CODES),
                ]
                whole = f"{one.say(*words)} · {one.say(*title)}"
                yield Table(whole, headers, [_row(one, line, names) for line in lines])


def _row(one: Statistics, line: Line, names: Sequence[str]) -> list[str]:
    key = line.key if line.by is not By.URGENCY else ""
    total = line.counts.get("deliveries", line.counts["documents"])
    cell = partial(_cell, total=total)
    return [
        f"{key} {one.named(line)}".strip() or "–",
        *(cell(name, line.counts[name]) for name in names),
        *(_time(line, code) for code in CODES),
    ]


def _cell(name: str, count: int, *, total: int) -> str:
    if name == "bytes":
        return f"{count / 1024**2:,.1f} MiB"
    if name in ("documents", "deliveries") or not total:
        return f"{count:,}"
    return f"{count:,} ({100 * count / total:.1f}\u00a0%)"


def _time(line: Line, code: str) -> str:
    found = line.medians.get(code)
    if found is None:
        return "–"
    seconds = found.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and what it shows; texts in the picture are escaped where it is drawn."""

    title: str
    picture: Markup


def _charts(one: Statistics) -> Iterator[Chart]:
    days = {line.key for d in ("sent", "received") for line in one.of(d, By.DAY)}
    by = By.DAY if len(days) <= DAYS_DRAWN else By.MONTH
    sent = {line.key: line.counts["documents"] for line in one.of("sent", by)}
    received = {line.key: line.counts["documents"] for line in one.of("received", by)}
    if sent or received:
        title = one.say("Văn bản gửi và nhận", "Documents sent and received")
        series = {one.say("gửi", "sent"): sent, one.say("nhận", "received"): received}
        yield Chart(title, Markup(charts.columns("in-time", title, series)))  # noqa: S704
    organs = one.of("sent", By.ORGAN)[: charts.ROWS_MAX]
    if organs:
        parts = ("on_time", "late", "under_way", "undeliverable")
        rows = [(line.key, [line.counts[name] for name in parts]) for line in organs]
        title = one.say("Lượt gửi theo nơi nhận", "Deliveries by recipient")
        legend = [one.say(*HEADERS[name]) for name in parts]
        yield Chart(title, Markup(charts.bars("by-organ", title, legend, rows)))  # noqa: S704
