"""`inspect`: what a file says of itself, all of it, proven by nothing, and says so."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import files, options, pdfs, session, show, structure, words
from .lint import finding_json
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.attachments.pdf import PdfReport
    from envelopes.model import Document, Message, Status

SIGNED = "W-SIG-001"  # findings for who sends it on; here it is told apart
DUMMY = "W-SIG-002"


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

    data = files.read_bounded(path, limit)
    message, found = edxml.read(data, limit=limit)
    codes = {one.code for one in found}
    signature = "present" if SIGNED in codes else "dummy" if DUMMY in codes else "none"
    findings = [one for one in found if one.code not in (SIGNED, DUMMY)]
    inside = _inside(message)
    if as_json:
        said = {
            "verified": False,
            "file": str(path),
            "size": len(data),
            "sha256": sha256(data).hexdigest(),
            "signature": signature,
            "signature_present": signature == "present",
        }
        odd = [finding_json(one) for one in findings]
        whole = pdfs.with_signatures({**said, **_json(message)}, inside)
        show.emit("inspect", {**whole, "findings": odd})
        return
    show.note(
        say(
            "(chỉ xem cấu trúc, KHÔNG kiểm tra chữ ký: dùng `docexchange verify`)",
            "(structure only, the signature is NOT checked: use `docexchange verify`)",
        )
    )
    words_of = {
        "present": say("có chữ ký, chưa kiểm tra", "a signature is present, not checked"),
        "dummy": say("chữ ký chỉ là khung mẫu", "the signature is a dummy"),
        "none": say("không có chữ ký", "not signed"),
    }
    show.out(f"{show.plain(path.name)} · {show.size(len(data))} · {words_of[signature]}")
    _print(message)
    pdfs.print_reports(inside, trusted=False)
    for one in findings:
        where = say(f"dòng {one.line}", f"line {one.line}")
        named = f"{one.element}: " if one.element else ""
        show.out(f"  {one.code}  {where}  {show.plain(named + one.sentence(spoken()))}")


def _inside(message: Message) -> tuple[PdfReport, ...]:
    """What its PDFs hold, held against no anchor: nothing of it is proven."""
    from envelopes.model import Document
    from keys.trust import Trust

    from ..edges.pdfs import PdfJudge, judge_all

    if not isinstance(message, Document):
        return ()
    return tuple(judge_all(message, PdfJudge(Trust(()), session.now())))


def _json(message: Message) -> dict[str, object]:
    from envelopes.model import Document

    if isinstance(message, Document):
        return {**_document_json(message), **structure.document(message)}
    return {**_status_json(message), **structure.status(message)}


def _print(message: Message) -> None:
    from envelopes.model import Document

    if not isinstance(message, Document):
        show.facts(_status_facts(message))
        _sections(structure.status(message), ("header", "unknown"))
        return
    show.facts(_document_facts(message))
    parts = ("header", "trace", "errors", "manifest", "unknown")
    _sections(structure.document(message), parts)
    if message.attachments:
        show.out(show.paint("\nAttachmentEncoded", "bold"))
    for position, one in enumerate(message.attachments, start=1):
        facts = [show.size(len(one.content)), one.content_type or "", one.content_id or ""]
        facts.append(f"sha256 {sha256(one.content).hexdigest()}")
        shown = " · ".join(fact for fact in facts if fact)
        show.out(show.plain(f"  {position}  {one.name or '-'} · {shown}"))


def _sections(parts: dict[str, object], names: tuple[str, ...]) -> None:
    """Each part under its own title, an element a line, deeper ones further in."""
    unknown = say("Phần tử, thuộc tính lạ", "Unknown elements, attributes")
    for name in names:
        lines = list(structure.lines(parts.get(name)))
        if lines:
            show.out(show.paint(f"\n{_TITLES.get(name) or unknown}", "bold"))
        for depth, element, text in lines:
            value = f"  {show.short(text, TEXT_WIDTH)}" if text else ""
            show.out(f"  {'  ' * depth}{show.plain(element)}{value}".rstrip())


TEXT_WIDTH = 100  # columns of a text in the structure; --json has all of it
_TITLES = {
    "header": "MessageHeader",
    "trace": "TraceHeaderList",
    "errors": "ErrorList",
    "manifest": "edXMLManifest",
}


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
            {
                "name": one.name,
                "size": len(one.content),
                "sha256": sha256(one.content).hexdigest(),
                "content_id": one.content_id,
                "content_type": one.content_type,
                "description": one.description,
            }
            for one in document.attachments
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
