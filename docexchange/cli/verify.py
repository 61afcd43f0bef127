"""`verify`: the verdict on envelopes and receipts, offline.

An auditor's command: it needs files and trust anchors, no config, no store, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, files, options, session, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.report import Report

LAST_STEP = 11  # of one file by itself; 12 holds a receipt against its envelope

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar=say("TỆP", "FILE"),
        help=say("gói tin và biên nhận (.edxml)", "envelopes and receipts (.edxml)"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "verify",
        verify,
        "Kiểm tra gói tin và biên nhận: chữ ký, người ký, nội dung. Ngoại tuyến.",
        "Check envelopes and receipts: signature, signer, content. Offline.",
    )


def verify(
    paths: Files,
    trust: Annotated[
        Path,
        typer.Option(
            "--trust",
            metavar="PEM|DIR",
            help=say(
                "chứng thư gốc tin cậy: tệp PEM hoặc thư mục; chỉ nhận CA tự ký",
                "trust anchors: a PEM file or a folder; only self-signed CAs count",
            ),
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar=say("TỆP", "FILE"),
            help=say(
                "danh mục cơ quan (TOML): chứng thư nào ký cho cơ quan nào",
                "directory of organs (TOML): which certificate speaks for whom",
            ),
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="RFC3339",
            help=say(
                "xét tại thời điểm này, như 2026-11-22T08:00:00+07:00 (mặc định: bây giờ)",
                "judge for this time, as 2026-11-22T08:00:00+07:00 (default: now)",
            ),
        ),
    ] = "",
    limit: options.LimitBytes = options.READ_LIMIT,
    as_json: options.Json = False,
) -> None:
    """Judge files, each by itself and then receipts against envelopes; print the verdict."""
    from envelopes.report import to_json_document
    from envelopes.verify import cross_check
    from envelopes.verify import verify as judge

    from ..edges.directory import TomlDirectory
    from ..edges.keyring import load_trust

    time = options.moment(at) if at else session.now()
    anchors, ignored = load_trust(trust)
    if session.current.verbose:
        for one in ignored:
            show.note(say(f"--trust bỏ qua: {one}", f"--trust ignores: {one}"))
    binding = TomlDirectory.load(directory) if directory else None
    reports, unread = [], []
    for path in paths:
        try:
            data = files.read_bounded(path, limit)
        except OSError as error:
            unread.append(error)
            show.note(f"{say('lỗi:', 'error:')} {exits.sentence(error)}")
            continue
        reports.append(
            judge(data, trust=anchors, at=time, directory=binding, limit=limit, file=str(path))
        )
    checked = cross_check(reports)
    if as_json:
        show.emit_whole(to_json_document(checked))
    else:
        _print(checked, trust)
    raise typer.Exit(_exit(checked, unread))


def _exit(reports: Sequence[Report], unread: Sequence[OSError]) -> exits.Exit:
    """The worst counts: failed, a file that could not be read, indeterminate, passed."""
    from envelopes.report import Indication, overall

    verdict = overall(reports)
    if verdict is Indication.FAILED:
        return exits.Exit.NEGATIVE
    if unread:
        return exits.code_of(unread[0])
    return exits.Exit.PARTLY if verdict is Indication.INDETERMINATE else exits.Exit.DONE


def _print(reports: Sequence[Report], trust: Path) -> None:
    from envelopes.report import overall

    for report in reports:
        _print_report(report, alone=len(reports) == 1)
    if not reports:
        return
    anchors = say(f"gốc tin cậy: {trust}", f"trust: {trust}")
    time = show.moment(reports[0].at)
    when = say(f"xét tại {time}", f"judged for {time}")
    show.out(
        show.paint(f"{overall(reports).value} · {len(reports)} {say('tệp', 'file(s)')}", "bold")
    )
    show.out(f"{when} · {anchors} · {say('ngoại tuyến', 'offline')}")


def _print_report(report: Report, *, alone: bool) -> None:
    """The verdict, the steps that matter and who signed; -v shows every step."""
    from envelopes.report import Indication, Result

    verdict, *lines = report.text(spoken()).rstrip("\n").split("\n")
    show.out(show.paint(verdict, _COLOURS[report.indication.value]))
    passed = report.indication is Indication.PASSED
    for check, line in zip(report.checks, lines, strict=False):
        short = not alone and passed and check.step <= LAST_STEP
        if session.current.verbose or not (short or check.result is Result.NOT_REACHED):
            show.out(line)
    for line in lines[len(report.checks) :]:
        show.out(line)
    _print_facts(report)
    show.out()


_COLOURS = {"TOTAL-PASSED": "good", "TOTAL-FAILED": "bad", "INDETERMINATE": "open"}


def _print_facts(report: Report) -> None:
    signer = report.signer
    show.facts(
        [
            (say("Người ký", "Signer"), signer.subject if signer else ""),
            (
                say("Thời điểm ký (tự khai)", "Signed at (claimed)"),
                show.moment(report.signed_at) if report.signed_at else "",
            ),
            *(
                (
                    say("Tệp đính kèm", "Attachment"),
                    f"{one.name} · {show.size(one.size)} · sha256 {one.sha256}",
                )
                for one in report.attachments
            ),
        ]
    )
