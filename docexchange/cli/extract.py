"""`extract`: the attachments of an edXML file into a folder, under safe names.

Without --trust nothing is proven and the command says so: a clerk may look into any file. With
--trust the envelope is verified first and nothing is written unless it is TOTAL-PASSED; whoever
wants the files of one that failed has to say so, and the exit code stays that of the verdict.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from envelopes.large import LARGE_MAX

from . import exits, files, options, session, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.attachments import Opened
    from envelopes.model import Attachment, Message
    from envelopes.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "extract",
        extract,
        "Ghi tệp đính kèm của một edXML ra thư mục, tên an toàn. Không có --trust thì KHÔNG "
        "kiểm tra chữ ký.",
        "Write the attachments of an edXML to a folder, under safe names. Without --trust the "
        "signature is NOT checked.",
    )


def extract(
    path: Annotated[Path, typer.Argument(metavar=say("TỆP", "FILE"))],
    output: options.Folder,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            metavar="PEM|DIR",
            help=say(
                "kiểm tra trước bằng các CA gốc này; không TOTAL-PASSED thì không ghi gì",
                "verify first with these trust anchors; unless TOTAL-PASSED nothing is written",
            ),
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar=say("TỆP", "FILE"),
            help=say("danh mục cơ quan (với --trust)", "directory of organs (with --trust)"),
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="RFC3339",
            help=say(
                "xét tại thời điểm này (với --trust; mặc định: bây giờ)",
                "judge for this time (with --trust; default: now)",
            ),
        ),
    ] = "",
    even_unverified: Annotated[
        bool,
        typer.Option(
            "--even-unverified",
            help=say(
                "vẫn ghi khi kết luận không phải TOTAL-PASSED; mã thoát vẫn theo kết luận",
                "write although the verdict is not TOTAL-PASSED; the exit code stays the verdict's",
            ),
        ),
    ] = False,
    force: options.Force = False,
    limit: options.LimitBytes = LARGE_MAX,
    as_json: options.Json = False,
) -> None:
    """Write attachments; say of each what it is and what to beware of."""
    if trust is None and (directory or at or even_unverified):
        raise typer.BadParameter(
            say(
                "--directory, --at và --even-unverified chỉ dùng cùng --trust",
                "--directory, --at and --even-unverified go with --trust",
            )
        )
    with files.seekable(path, limit) as envelope:
        report = _judge(envelope, trust, directory, at, limit, path) if trust else None
        verdict = _verdict(report)
        if report is not None and verdict is not exits.Exit.DONE and not even_unverified:
            _tell(report)
            refused = say("không ghi tệp nào", "no file was written")
            show.note(f"{refused} (--even-unverified)")
            if as_json:
                show.emit("extract", _json(path, report, []))
            raise typer.Exit(verdict)
        rows = _write(_message(envelope, report, limit), envelope, output, force=force)
    if as_json:
        show.emit("extract", _json(path, report, rows))
    else:
        _print(rows)
    _tell(report)
    partly = any(_should_have_been_unwrapped(row["opened"]) for row in rows)
    raise typer.Exit(exits.Exit.PARTLY if partly and verdict is exits.Exit.DONE else verdict)


def _judge(
    envelope: BinaryIO, trust: Path, directory: Path | None, at: str, limit: int, path: Path
) -> Report:
    from envelopes.verify import verify_file

    from ..edges.anchors import load_trust
    from ..edges.directory import TomlDirectory

    return verify_file(
        envelope,
        trust=load_trust(trust)[0],
        at=options.moment(at) if at else session.now(),
        directory=TomlDirectory.load(directory) if directory else None,
        limit=limit,
        file=str(path),
    )


def _verdict(report: Report | None) -> exits.Exit:
    from envelopes.report import Indication

    if report is None or report.indication is Indication.PASSED:
        return exits.Exit.DONE
    failed = report.indication is Indication.FAILED
    return exits.Exit.NEGATIVE if failed else exits.Exit.PARTLY


def _tell(report: Report | None) -> None:
    """Say plainly whether what was written is proven."""
    if report is None:
        text = say(
            "CHƯA kiểm tra chữ ký: không có gì được chứng minh. Kiểm tra luôn: thêm --trust",
            "The signature was NOT checked: nothing is proven. To check it: add --trust",
        )
        show.note(show.paint(text, "open"))
        return
    colours = {exits.Exit.DONE: "good", exits.Exit.NEGATIVE: "bad"}
    text = show.plain(f"{report.indication.value} · {report.explain(spoken())}")
    show.note(show.paint(text, colours.get(_verdict(report), "open")))


def _message(envelope: BinaryIO, report: Report | None, limit: int) -> Message:
    from envelopes.large import read_file

    if report is not None and report.message is not None:
        return report.message
    return read_file(envelope, limit=limit)[0]


def _write(
    message: Message, envelope: BinaryIO, output: Path, *, force: bool
) -> list[dict[str, Any]]:
    """Write what is in memory, and copy what is too large for it; a row for each file."""
    from envelopes.attachments import open_all, safe_names
    from envelopes.large import copy_content, read_content
    from envelopes.model import Document

    attachments = message.attachments if isinstance(message, Document) else ()
    rows: list[dict[str, Any]] = []
    if not attachments:
        return rows
    with files.Folder(output) as folder:
        if not force:
            folder.require_free(safe_names(one.name or "" for one in attachments))
        every = open_all(attachments, read=partial(read_content, envelope))
        for attachment, opened in zip(attachments, every, strict=True):
            with folder.writing(opened.name, force=force) as file:
                if opened.stored is not None:
                    copy_content(envelope, opened.stored, file)
                else:
                    file.write(opened.content)
            rows.append(_row(attachment, opened, output / opened.name))
    return rows


def _row(attachment: Attachment, opened: Opened, place: Path) -> dict[str, Any]:
    """What is told of a file; its content is not kept in hand."""
    from dataclasses import replace

    inside = attachment.stored
    digest = inside.sha256 if inside else hashlib.sha256(attachment.content).hexdigest()
    return {
        "path": str(place),
        "size": opened.stored.size if opened.stored else len(opened.content),
        "sha256": digest if opened.stored else hashlib.sha256(opened.content).hexdigest(),
        "sha256_in_envelope": digest,
        "opened": replace(opened, content=b""),
    }


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        show.note(say("không có tệp đính kèm", "there are no attachments"))
        return
    show.table(
        [
            say("TỆP", "FILE"),
            say("DUNG LƯỢNG", "SIZE"),
            say("LOẠI", "TYPE"),
            "SHA-256",
            say("LƯU Ý", "REMARKS"),
        ],
        [
            [
                row["opened"].name,
                show.size(row["size"]),
                row["opened"].kind.name,
                row["sha256"],
                remarks(row["opened"]),
            ]
            for row in rows
        ],
    )


def remarks(opened: Opened) -> str:
    """What a person should know before opening a file, in words; "" if nothing."""
    said = []
    for remark in opened.remarks:
        text = say(*_REMARKS[remark])
        if remark == "LEFT_WRAPPED" and opened.reason is not None:
            text = f"{text}: {say(*_REASONS[opened.reason])}"
        elif remark == "RENAMED":
            text = f"{text}: {show.short(show.plain(opened.original) or '–', 40)}"
        elif remark == "NAME_MISMATCH":
            text = f"{text} ({opened.kind.name})"
        elif remark == "TYPE_MISMATCH":
            text = f"{text} ({show.short(opened.content_type, 40)})"
        said.append(text)
    return "; ".join(said)


_REMARKS = {
    "RENAMED": ("đã đổi tên, tên gốc", "renamed, was"),
    "UNWRAPPED": ("đã lấy ra khỏi zip bọc ngoài", "taken out of its zip"),
    "LEFT_WRAPPED": ("để nguyên zip", "left in its zip"),
    "RUNS": ("NGUY HIỂM: mở ra có thể chạy mã", "DANGER: opening it may run code"),
    "NAME_MISMATCH": ("đuôi tên không khớp nội dung", "its ending does not fit the content"),
    "TYPE_MISMATCH": ("ContentType không khớp nội dung", "its ContentType does not fit"),
    "EMPTY": ("tệp rỗng", "empty"),
}
_REASONS = {
    "SEVERAL": ("có nhiều tệp", "it holds several files"),
    "EMPTY": ("không có tệp nào", "it holds no file"),
    "ENCRYPTED": ("có mật khẩu", "it is encrypted"),
    "NESTED": ("zip lồng trong zip", "a zip inside the zip"),
    "TOO_LARGE": ("quá lớn khi giải nén", "too large when inflated"),
    "RATIO": ("tỷ lệ nén bất thường (bom zip)", "inflates beyond measure (a zip bomb)"),
    "TOO_MANY": ("quá nhiều mục", "too many entries"),
    "DAMAGED": ("zip hỏng hoặc không nhất quán", "damaged, or not what its directory says"),
    "UNSUPPORTED": ("kiểu zip không hỗ trợ", "a form of zip that is not supported"),
}


def _should_have_been_unwrapped(opened: Opened) -> bool:
    """Whether a wrapping was left; an archive that somebody meant to send is none."""
    return opened.reason is not None and opened.reason != "SEVERAL"


def _json(path: Path, report: Report | None, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "file": str(path),
        "verified": report is not None,
        "indication": report.indication.value if report else None,
        "reason": report.reason or None if report else None,
        "attachments": [
            {
                "path": row["path"],
                "name": row["opened"].name,
                "original_name": row["opened"].original,
                "size": row["size"],
                "type": row["opened"].kind.name,
                "content_type": row["opened"].content_type or None,
                "sha256": row["sha256"],
                "sha256_in_envelope": row["sha256_in_envelope"],
                "remarks": [remark.value for remark in row["opened"].remarks],
                "left_wrapped": row["opened"].reason.value if row["opened"].reason else None,
            }
            for row in rows
        ],
    }
