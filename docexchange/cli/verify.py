"""`verify`: the verdict on envelopes and receipts, offline; `inspect`: what a file says, unproven.

An auditor's commands: they need files and trust anchors, no config, no store, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, files, options, session, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.model import Document, Status
    from envelopes.report import Report

LAST_STEP = 11  # of one file by itself; 12 holds a receipt against its envelope
DROPPED_SIGNATURE = "W-SIG-001"  # a finding for who sends it on; here it is told apart
DEFAULT_LIMIT = 64 * 1024 * 1024  # bytes read of a file; the exchange itself carries 8 MiB today

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar=say("TỆP", "FILE"),
        help=say("gói tin và biên nhận (.edxml)", "envelopes and receipts (.edxml)"),
    ),
]
LimitBytes = Annotated[
    int,
    typer.Option(
        "--limit",
        min=1,
        metavar="BYTE",
        help=say("không đọc quá số byte này của một tệp", "read no more bytes of a file than this"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        app,
        "verify",
        verify,
        "Kiểm tra gói tin và biên nhận: chữ ký, người ký, nội dung. Ngoại tuyến.",
        "Check envelopes and receipts: signature, signer, content. Offline.",
    )
    options.add(
        app,
        "inspect",
        inspect,
        "Xem cấu trúc của một tệp edXML; KHÔNG kiểm tra chữ ký.",
        "Show the structure of an edXML file; the signature is NOT checked.",
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
    limit: LimitBytes = DEFAULT_LIMIT,
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


def inspect(
    path: Annotated[Path, typer.Argument(metavar=say("TỆP", "FILE"))],
    limit: LimitBytes = DEFAULT_LIMIT,
    as_json: options.Json = False,
) -> None:
    """Print what a file says of itself."""
    from envelopes import edxml
    from envelopes.model import Document

    data = files.read_bounded(path, limit)
    message, found = edxml.read(data, limit=limit)
    findings = [one for one in found if one.code != DROPPED_SIGNATURE]
    signed = b"SignatureValue>" in data
    warning = say(
        "(chỉ xem cấu trúc, KHÔNG kiểm tra chữ ký: dùng `docexchange verify`)",
        "(structure only, the signature is NOT checked: use `docexchange verify`)",
    )
    if as_json:
        odd = [
            {"code": one.code, "line": one.line, "element": one.element, "text": one.text}
            for one in findings
        ]
        said = {"verified": False, "file": str(path), "signature_present": signed}
        content = (
            _document_json(message) if isinstance(message, Document) else _status_json(message)
        )
        show.emit("inspect", {**said, **content, "findings": odd})
        return
    show.note(warning)
    present = say("có chữ ký, chưa kiểm tra", "a signature is present, not checked")
    absent = say("không có chữ ký", "not signed")
    show.out(f"{show.plain(path.name)} · {show.size(len(data))} · {present if signed else absent}")
    show.facts(
        _document_facts(message) if isinstance(message, Document) else _status_facts(message)
    )
    for one in findings:
        where = say(f"dòng {one.line}", f"line {one.line}")
        show.out(f"  {one.code}  {where}  {show.plain(f'{one.element}: {one.text}')}")


def _document_facts(document: Document) -> list[tuple[str, str]]:
    from . import words

    signatory, promulgation = document.signatory, document.promulgation
    return [
        (say("Loại gói tin", "Kind"), words.business(document.business)),
        (say("Từ", "From"), _organ(document.sender.organ_id, document.sender.name)),
        *((say("Đến", "To"), _organ(one.organ_id, one.name)) for one in document.to),
        (say("Số, ký hiệu", "Number"), _number(document)),
        (say("Ngày ban hành", "Date"), (promulgation.date or "") if promulgation else ""),
        (say("Trích yếu", "Subject"), document.subject or ""),
        (say("Độ khẩn", "Priority"), words.priority(document.priority)),
        (say("Người ký ban hành", "Signatory"), (signatory.full_name or "") if signatory else ""),
        (say("Định danh", "DocumentId"), document.document_id or ""),
        *(
            (
                say("Tệp đính kèm", "Attachment"),
                f"{one.name or '-'} · {show.size(len(one.content))}",
            )
            for one in document.attachments
        ),
    ]


def _status_facts(status: Status) -> list[tuple[str, str]]:
    from . import words

    about = status.response_for
    return [
        (say("Loại gói tin", "Kind"), say("thông báo trạng thái", "status")),
        (say("Trạng thái", "Status"), words.code(status.status_code)),
        (say("Từ", "From"), _organ(status.sender.organ_id, status.sender.name)),
        (say("Trả lời", "Answers"), f"{about.organ_id or ''} {about.code or ''}".strip()),
        (say("Định danh", "DocumentId"), about.document_id or ""),
        (say("Lúc", "At"), status.timestamp or ""),
        (say("Ghi chú", "Note"), status.description or ""),
    ]


def _document_json(document: Document) -> dict[str, object]:
    return {
        "kind": "document",
        "business": document.business,
        "document_id": document.document_id,
        "from": document.sender.organ_id,
        "to": list(document.recipients),
        "number": document.code.number if document.code else None,
        "notation": document.code.notation if document.code else None,
        "date": document.promulgation.date if document.promulgation else None,
        "subject": document.subject,
        "priority": document.priority,
        "attachments": [
            {"name": one.name, "size": len(one.content)} for one in document.attachments
        ],
    }


def _status_json(status: Status) -> dict[str, object]:
    return {
        "kind": "status",
        "status_code": status.status_code,
        "from": status.sender.organ_id,
        "to": [status.response_for.organ_id] if status.response_for.organ_id else [],
        "document_id": status.response_for.document_id,
        "note": status.description,
    }


def _organ(organ_id: str, name: str | None) -> str:
    return f"{organ_id} {name}" if name else organ_id


def _number(document: Document) -> str:
    code = document.code
    return "/".join(part for part in (code.number, code.notation) if part) if code else ""
