"""`report period`, `report agency`: what happened in a time, what did not go well first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from . import files, options, show
from .stats_export import counted, span
from .words import say, spoken

if TYPE_CHECKING:
    from ..core.model import Concern
    from ..reporting.statistics import Statistics

SCHEMA = "docexchange/period/v1"
FORMS = (".html", ".htm", ".pdf", ".json")

Begin = Annotated[
    str, typer.Option("--from", metavar="2026-01-01", help=say("từ ngày", "first day"))
]
End = Annotated[
    str, typer.Option("--to", metavar="2026-12-31", help=say("đến hết ngày", "last day"))
]
Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="X.html|X.pdf|X.json",
        help=say("tệp ghi ra; đuôi tệp chọn dạng", "file to write; its ending chooses the form"),
    ),
]


def register(group: typer.Typer) -> None:
    """Add the commands to `report`."""
    options.add(
        group,
        "period",
        period,
        "Báo cáo một khoảng thời gian: việc cần xem xét trước, rồi số liệu.",
        "Report on a time: what has to be looked at first, then the figures.",
    )
    options.add(
        group,
        "agency",
        agency,
        "Báo cáo trao đổi với một cơ quan trong một khoảng thời gian.",
        "Report on what was exchanged with one organ in a time.",
    )


def period(begin: Begin, end: End, output: Output, force: options.Force = False) -> None:
    """Write the report on all organs."""
    _report("", begin, end, output, force=force)


def agency(
    organ: Annotated[str, typer.Argument(metavar="ORGAN", help=say("mã cơ quan", "organ's code"))],
    begin: Begin,
    end: End,
    output: Output,
    force: options.Force = False,
) -> None:
    """Write the report on one organ."""
    _report(organ, begin, end, output, force=force)


def _report(organ: str, begin: str, end: str, output: Path, *, force: bool) -> None:
    form = output.suffix.lower()
    if form not in FORMS:
        raise typer.BadParameter("X.html | X.pdf | X.json", param_hint="--output")
    files.refuse_existing([output], force=force)
    first, last = span(begin, end)
    with (
        counted(first, last, organ) as (made, store),
        files.replacing(output, force=force) as file,
    ):
        found = store.archive.concerns(first.astimezone(UTC), last.astimezone(UTC), organ)
        for piece in _json(made, found) if form == ".json" else _page(made, found, form):
            file.write(piece)
    show.out(str(output))


def _json(made: Statistics, found: Iterable[Concern]) -> Iterator[bytes]:
    """One document, a line for each concern; memory does not grow with them."""
    from ..reporting import concerns, statistics

    head = json.dumps({"schema": SCHEMA, **statistics.facts(made)}, ensure_ascii=False)
    yield f'{head[:-1]}, "concerns": ['.encode()
    between = "\n"
    for one in found:
        yield f"{between}{json.dumps(concerns.to_json(one), ensure_ascii=False)}".encode()
        between = ",\n"
    lines = json.dumps(statistics.json_lines(made), ensure_ascii=False, indent=1)
    yield f'\n], "lines": {lines}}}\n'.encode()


def _page(made: Statistics, found: Iterable[Concern], form: str) -> Iterator[bytes]:
    from ..reporting import concerns, statistics

    text = statistics.to_html(made, __version__, concerns.collect(found, spoken()))
    if form == ".pdf":
        from ..reporting.pdf import pdf

        yield pdf(text)
        return
    yield text.encode()
