"""`inspect`: what a file says of itself, proven by nothing, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import files, options, show, words
from .words import say

if TYPE_CHECKING:
    from envelopes.model import Document, Status

DROPPED_SIGNATURE = "W-SIG-001"  # a finding for who sends it on; here it is told apart


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "inspect",
        inspect,
        "Xem cấu trúc của một tệp edXML; KHÔNG kiểm tra chữ ký.",
        "Show the structure of an edXML file; the signature is NOT checked.",
    )


def inspect(
    path: Annotated[Path, typer.Argument(metavar=say("TỆP", "FILE"))],
    limit: options.LimitBytes = options.READ_LIMIT,
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
