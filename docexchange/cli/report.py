"""`report document|page`: what a verification found as a page that prints, or a PDF."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..core.errors import ConfigError
from . import files, options, session, show
from .words import say, spoken

JSON_MAX = 256 * 1024 * 1024  # bytes of a report that is read; 1,000 receipts make some 5 MB


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from . import report_period
    from .commands import new_group

    group = new_group(say("Báo cáo để đọc và in.", "Reports to read and print."))
    options.add(
        group,
        "document",
        document,
        "Báo cáo về một văn bản: lập hồ sơ bằng chứng, kiểm tra, viết ra HTML, PDF hoặc JSON.",
        "Report on one document: makes its evidence bundle, verifies it, writes HTML, PDF or JSON.",
    )
    options.add(
        group,
        "page",
        page,
        "Trang HTML hoặc PDF từ kết quả của `verify --json`.",
        "An HTML page or PDF of what `verify --json` printed.",
    )
    report_period.register(group)
    app.add_typer(group, name="report")


Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="X.html|X.pdf|X.json",
        help=say("tệp ghi ra; đuôi tệp chọn dạng", "file to write; its ending chooses the form"),
    ),
]


def document(
    ref: options.Ref,
    output: Output,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            metavar="PEM|DIR",
            help=say("chứng thư gốc tin cậy (mặc định: của nút)", "anchors (default: the node's)"),
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Make a bundle aside, judge it, write the report."""
    from .. import compose
    from ..edges.anchors import load_trust
    from . import bundle, bundles, pdfs

    _check_form(output)
    files.refuse_existing([output], force=force)
    now = session.now()
    with tempfile.TemporaryDirectory(prefix="docexchange-") as folder:
        made = Path(folder) / "bundle.zip"
        with session.open_store() as (config, store):
            bundle.write(store, config, ref, made, now, force=False)
        anchors = load_trust(trust)[0] if trust else compose.node_trust(config)
        directory = session.load_directory(config)
        named = trust or config.trust
        asked = bundles.Asked(anchors, now, now, directory, named, pdfs.PdfPolicy.FINDINGS)
        found = bundles.to_json(made, asked)
    found = {**found, "file": ref}
    write(found, output, force=force)
    _tell(output, found, as_json=as_json)


def page(
    source: Annotated[
        Path, typer.Argument(metavar="X.json", help=say("kết quả JSON", "what was printed"))
    ],
    output: Output,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write the page of a result that was kept."""
    _check_form(output)
    found = read(source)
    write(found, output, force=force)
    _tell(output, found, as_json=as_json)


def _tell(output: Path, found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.emit("report", {"file": str(output), "indication": found["indication"]})
        return
    show.out(str(output))
    show.note(str(found["indication"]))


def read(path: Path) -> Mapping[str, Any]:
    """What `verify --json` printed. Raises ConfigError, naming the file."""
    from ..edges.files import read_bounded

    try:
        found = json.loads(read_bounded(path, JSON_MAX))
    except ValueError as error:
        raise ConfigError(
            f"{path}: no JSON: {error}", f"{path}: không phải JSON: {error}"
        ) from error
    known = ("docexchange/bundle/v1", "docexchange/verify/v1")
    if not isinstance(found, dict) or found.get("schema") not in known:
        raise ConfigError(
            f"{path}: not what `verify --json` prints (schema {' or '.join(known)})",
            f"{path}: không phải kết quả của `verify --json` (schema {', '.join(known)})",
        )
    return found


def write(found: Mapping[str, Any], output: Path, *, force: bool) -> None:
    """Write a result as page, PDF or JSON, by the ending of the file. Raises ConfigError."""
    _check_form(output)
    files.refuse_existing([output], force=force)
    with files.replacing(output, force=force) as file:
        file.write(_rendered(found, output.suffix.lower()))


def _rendered(found: Mapping[str, Any], form: str) -> bytes:
    if form == ".json":
        return (json.dumps(found, ensure_ascii=False, indent=1, default=str) + "\n").encode()
    from ..reporting.judged import of_json
    from ..reporting.page import html

    text = html(of_json(found, spoken()), __version__)
    if form == ".pdf":
        from ..reporting.pdf import pdf

        return pdf(text)
    return text.encode()


def _check_form(output: Path) -> None:
    if output.suffix.lower() not in (".html", ".htm", ".pdf", ".json"):
        raise typer.BadParameter("X.html | X.pdf | X.json", param_hint="--output")
