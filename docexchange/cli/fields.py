"""The fields of a document as `send` and `pack` share them: options in, a Document out."""

from __future__ import annotations

import functools
import inspect
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from ..core.errors import SubmissionRefused
from . import files, options, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.model import Attachment, Document, Stored

# First bytes -> ContentType, for files whose name has no known ending.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/doc"),
)
_MAGIC_BYTES = max(len(magic) for magic, _ in _MAGIC)


@dataclass(frozen=True)
class Fields:
    """What a person says about a document on the command line."""

    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar=say("TỆP", "FILE"), help=say("tệp đính kèm", "attachments")),
    ] = None
    from_xml: Annotated[
        Path | None,
        typer.Option(
            "--from-xml",
            metavar=say("TỆP", "FILE"),
            help=say(
                "lấy toàn bộ văn bản từ một edXML có sẵn; chỉ --to thay được nơi nhận",
                "take the whole document from an edXML; only --to replaces its recipients",
            ),
        ),
    ] = None
    sender: Annotated[
        str,
        typer.Option(
            "--from", metavar=say("CƠ_QUAN", "ORGAN"), help=say("cơ quan gửi", "sending organ")
        ),
    ] = ""
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar=say("CƠ_QUAN,...", "ORGAN,..."),
            help=say("nơi nhận, cách nhau dấu phẩy", "recipients"),
        ),
    ] = None
    number: Annotated[
        str,
        typer.Option(
            "--number", metavar=say("SỐ", "NUMBER"), help=say("số văn bản, như 98", "number, as 98")
        ),
    ] = ""
    notation: Annotated[
        str,
        typer.Option(
            "--notation",
            metavar=say("KÝ_HIỆU", "NOTATION"),
            help=say("ký hiệu, như QĐ-UBND", "notation, as QĐ-UBND"),
        ),
    ] = ""
    subject: Annotated[
        str,
        typer.Option(
            "--subject", metavar=say("TRÍCH_YẾU", "SUBJECT"), help=say("trích yếu", "subject")
        ),
    ] = ""
    type_name: Annotated[
        str,
        typer.Option(
            "--type",
            metavar=say("TÊN_LOẠI", "TYPE"),
            help=say(
                "tên loại hoặc chữ viết tắt, có dấu hay không (docexchange codes types)",
                "type or its abbreviation, with or without marks (docexchange codes types)",
            ),
        ),
    ] = ""
    secrecy: Annotated[
        str,
        typer.Option(
            "--secrecy",
            metavar=say("ĐỘ_MẬT", "LEVEL"),
            help=say(
                "luôn bị từ chối: văn bản mật không được gửi qua hệ thống này",
                "always refused: a secret document must not go through this system",
            ),
        ),
    ] = ""
    date: Annotated[
        str,
        typer.Option(
            "--date",
            metavar=say("NGÀY", "DATE"),
            help=say("ngày ban hành (mặc định: hôm nay)", "date of promulgation (today)"),
        ),
    ] = ""
    place: Annotated[
        str,
        typer.Option(
            "--place",
            metavar=say("NƠI", "PLACE"),
            help=say("nơi ban hành", "place of promulgation"),
        ),
    ] = ""
    priority: Annotated[
        int,
        typer.Option(
            "--priority",
            metavar="0-4",
            min=0,
            max=4,
            help=say(
                "độ khẩn: 0 thường, 1 khẩn, 2 thượng khẩn, 3 hỏa tốc, 4 hỏa tốc hẹn giờ",
                "0 normal, 1 urgent, 2 very urgent, 3 express, 4 express by the hour",
            ),
        ),
    ] = 0
    due: Annotated[
        str,
        typer.Option(
            "--due",
            metavar=say("NGÀY", "DATE"),
            help=say("hạn xử lý, yyyy/MM/dd", "due date, yyyy/MM/dd"),
        ),
    ] = ""
    signer_name: Annotated[
        str,
        typer.Option(
            "--signer-name",
            metavar=say("HỌ_TÊN", "NAME"),
            help=say("người ký ban hành", "signatory"),
        ),
    ] = ""
    signer_position: Annotated[
        str,
        typer.Option(
            "--signer-position", metavar=say("CHỨC_VỤ", "POSITION"), help=say("chức vụ", "position")
        ),
    ] = ""
    signer_competence: Annotated[
        str,
        typer.Option(
            "--signer-competence",
            metavar=say("QUYỀN_HẠN", "TEXT"),
            help=say("quyền hạn, như TM.", "competence, as TM."),
        ),
    ] = ""


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `given: Fields` the options of Fields beside its own."""
    own = [
        parameter.replace(annotation=hint)
        for (name, parameter), hint in zip(
            inspect.signature(command).parameters.items(),
            get_type_hints(command, include_extras=True).values(),
            strict=False,
        )
        if name != "given"
    ]
    names = [field.name for field in fields(Fields)]
    hints = get_type_hints(Fields, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(Fields)
    ]

    @functools.wraps(command)
    def run(**values: object) -> None:
        given = Fields(**{name: values.pop(name) for name in names})  # type: ignore[arg-type]  # typer gave them by these hints
        command(given, **values)

    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]  # what typer reads
    del run.__wrapped__
    run.__annotations__ = {one.name: one.annotation for one in (*shared, *own)}
    return run


def document(
    given: Fields,
    *,
    names: Callable[[str], str],
    limit: int,
    now: datetime,
    in_files: bool = False,
) -> Document:
    """The document that the options and files describe.

    Args:
        given: the options.
        names: name of an organ by its code, "" when unknown.
        limit: largest file, bytes.
        now: for the date of promulgation.
        in_files: True leaves contents in their files (`Attachment.stored`), as far as they can be
            read twice.

    Raises:
        typer.BadParameter: an option is missing or does not fit the others.
        SubmissionRefused: E-SIZ-001, a file is over the limit; E-SEC-001, a state secret (with
            --secrecy before any file was opened).
        envelopes.Malformed: --from-xml is no edXML.
        OSError: a file cannot be read.
    """
    from envelopes.secrecy import hints

    from ..core.policy import check_secrecy, secret

    if given.secrecy:
        raise secret(f"--secrecy {given.secrecy}", "--secrecy")
    if given.from_xml is not None:
        made = _from_xml(given, names, limit)
    else:
        made = _new(given, names, limit, now, in_files)
    check_secrecy(made)
    for hint in hints(made):
        where = f"{hint.element.rpartition('/')[2]}: {show.plain(hint.value)}"
        show.note(
            say(
                f"cảnh báo: {where}: nếu là văn bản mật thì không được gửi ở đây [W-SEC-001]",
                f"warning: {where}: if it is a secret, it must not be sent here [W-SEC-001]",
            )
        )
    return made


def recipients(texts: Sequence[str] | None) -> list[str]:
    """The codes of --to, given once with commas or several times."""
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


def _from_xml(given: Fields, names: Callable[[str], str], limit: int) -> Document:
    from envelopes import edxml
    from envelopes.model import Document, Organization

    source = given.from_xml
    if source is None or given.paths or given.number or given.subject:
        raise typer.BadParameter(
            say(
                "--from-xml đã có đủ nội dung; chỉ dùng thêm --to",
                "--from-xml holds the whole document; only --to goes with it",
            )
        )
    message, findings = edxml.read(_read(source, limit), repair=True, limit=limit)
    for one in findings:
        line = say(f"dòng {one.line}", f"line {one.line}")
        show.note(
            f"{show.plain(source.name)}, {line}: {show.plain(one.sentence(spoken()))} [{one.code}]"
        )
    if not isinstance(message, Document):
        raise typer.BadParameter(
            say(
                f"{source} là thông báo trạng thái, không phải văn bản",
                f"{source} is a status message, not a document",
            )
        )
    wanted = recipients(given.to)
    if not wanted:
        return message
    to = tuple(Organization(organ_id=organ, name=names(organ) or None) for organ in wanted)
    return replace(message, to=to)


def _new(
    given: Fields, names: Callable[[str], str], limit: int, now: datetime, in_files: bool
) -> Document:
    from envelopes.model import Signatory
    from envelopes.pack import new_document

    to = recipients(given.to)
    _check(given, to)
    read = _describe if in_files else _read
    made = new_document(
        sender=given.sender,
        sender_name=names(given.sender),
        to={organ: names(organ) for organ in to},
        number=unicodedata.normalize("NFC", given.number),  # they name the document: typed
        notation=unicodedata.normalize("NFC", given.notation),  # in any way, it is the same one
        subject=given.subject,
        type_name=_type_name(given.type_name),
        date=options.day(given.date) if given.date else options.today(now),
        place=given.place,
        priority=given.priority,
        files=[(path.name, read(path, limit)) for path in given.paths or ()],
    )
    made = _typed(made, given.paths or ())
    if given.due:
        made = replace(made, due_date=options.day(given.due).strftime("%Y/%m/%d"))
    if not (given.signer_name or given.signer_position or given.signer_competence):
        return made
    signatory = Signatory(
        competence=given.signer_competence or None,
        position=given.signer_position or None,
        full_name=given.signer_name or None,
    )
    return replace(made, signatory=signatory)


def _type_name(text: str) -> str:
    """The official name of a type that a person gave in any way; a text of no type as it is."""
    from envelopes.codes import document_types
    from envelopes.secrecy import is_classification

    found = document_types.find(text) if text else None
    if found is not None:
        return found.name
    if text and not is_classification(text):  # that one is refused at the door
        near = ", ".join(
            f"{one.name} ({one.abbreviation})" if one.abbreviation else one.name
            for one in document_types.suggest(text)
        )
        asked = say(f"; ý bạn là {near}?", f"; did you mean {near}?") if near else ""
        unknown = say(
            f"cảnh báo: --type {text} không có trong danh sách (docexchange codes types)",
            f"warning: --type {text} is not of the list (docexchange codes types)",
        )
        show.note(show.plain(unknown + asked))
    return text


def _check(given: Fields, to: Sequence[str]) -> None:
    needed: Mapping[str, object] = {
        say("TỆP", "FILE"): given.paths,
        "--from": given.sender,
        "--to": to,
        "--number": given.number,
        "--notation": given.notation,
        "--subject": given.subject,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise typer.BadParameter(
            say(
                f"thiếu {', '.join(missing)} (hoặc dùng --from-xml)",
                f"missing {', '.join(missing)} (or use --from-xml)",
            )
        )
    twice = {organ for organ in to if list(to).count(organ) > 1}
    if twice:
        organs = ", ".join(sorted(twice))
        raise typer.BadParameter(
            say(f"--to ghi hai lần: {organs}", f"--to names twice: {organs}"), param_hint="--to"
        )


def _read(path: Path, limit: int) -> bytes:
    data = files.read_bounded(path, limit)
    if len(data) > limit:
        raise _too_large(path, limit, " (limits.envelope_bytes)")
    return data


def _describe(path: Path, limit: int) -> bytes | Stored:
    """Size and digest of a file; of a pipe, which can be read only once, what is in it."""
    from envelopes.pack_file import describe
    from envelopes.skeleton import MARKUP_MAX

    if not path.is_file():
        return _read(path, MARKUP_MAX)
    if path.stat().st_size > limit:
        raise _too_large(path, limit)
    with path.open("rb") as file:
        return describe(file, limit)


def _too_large(path: Path, limit: int, which: str = "") -> SubmissionRefused:
    return SubmissionRefused(
        "E-SIZ-001",
        "Văn bản vượt quá dung lượng cho phép",
        "The document is over the size limit",
        detail=f"{path}: {path.stat().st_size:,} byte; {limit:,} byte{which}",
        pointer="AttachmentEncoded",
    )


def _typed(made: Document, paths: Sequence[Path]) -> Document:
    """The document with a content type, by their first bytes, for files without a known ending."""
    from envelopes.pack import OTHER_CONTENT

    def typed(one: Attachment, path: Path) -> Attachment:
        first = one.content[:_MAGIC_BYTES]
        if one.stored is not None:
            first = files.read_bounded(path, _MAGIC_BYTES)
        found = next((kind for magic, kind in _MAGIC if first.startswith(magic)), None)
        known = found is None or one.content_type != OTHER_CONTENT
        return one if known else replace(one, content_type=found)

    attachments = tuple(map(typed, made.attachments, paths))
    manifest = tuple(
        replace(reference, content_type=one.content_type)
        for reference, one in zip(made.manifest, attachments, strict=True)
    )
    return replace(made, attachments=attachments, manifest=manifest)
