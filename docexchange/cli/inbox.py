"""`inbox list|show|save`: the documents that we received and believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import Conflict
from . import extract, files, options, session, show, words
from .track import names_of, number_of
from .words import say

if TYPE_CHECKING:
    from ..core.model import ArrivalView, ChangeLine

Organ = Annotated[
    str,
    typer.Option(
        "--organ",
        metavar=say("CƠ_QUAN", "ORGAN"),
        help=say("chỉ của cơ quan này của ta", "only for this organ of ours"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Văn bản đến.", "Incoming documents."))
    options.add(
        group, "list", list_arrivals, "Văn bản đến, mới nhất trước.", "Incoming, newest first."
    )
    options.add(
        group,
        "show",
        show_arrival,
        "Một văn bản đến: từ đâu, chữ ký, đã báo gì cho bên gửi.",
        "One incoming document: from whom, its signature, what was reported.",
    )
    options.add(
        group,
        "save",
        save,
        "Ghi gói tin (đúng từng byte) và tệp đính kèm ra thư mục.",
        "Write the envelope, byte for byte, and its attachments to a folder.",
    )
    app.add_typer(group, name="inbox")


def list_arrivals(
    organ: Organ = "", limit: options.Limit = 50, as_json: options.Json = False
) -> None:
    """List arrivals."""
    with session.open_store() as (config, store):
        views = store.incoming.arrivals(limit, organ)
    if as_json:
        show.emit("inbox-list", {"documents": [_json(view) for view in views]})
        return
    if not views:
        show.note(say("chưa có văn bản đến nào", "nothing has arrived yet"))
        return
    names = names_of(config)
    show.table(
        [
            say("ĐẾN LÚC", "ARRIVED"),
            say("TỪ", "FROM"),
            say("SỐ, KÝ HIỆU", "NUMBER"),
            say("TRÍCH YẾU", "SUBJECT"),
            say("CHO", "FOR"),
            say("XỬ LÝ", "PROCESSING"),
            say("MÃ THEO DÕI", "TRACKING ID"),
        ],
        [
            [
                show.minute(view.arrived_at),
                names(view.from_organ),
                number_of(view.number, view.notation),
                show.short(view.subject, 40),
                view.organ,
                words.code(view.code),
                view.tracking_id,
            ]
            for view in views
        ],
    )


def show_arrival(ref: options.Ref, organ: Organ = "", as_json: options.Json = False) -> None:
    """Show one arrival."""
    with session.open_store() as (config, store):
        view = store.incoming.arrival(ref, organ)
    report = json.loads(view.report) if view.report else {}
    if as_json:
        show.emit("inbox-show", {**_json(view), "report": report})
        return
    names = names_of(config)
    number = number_of(view.number, view.notation)
    show.out(show.paint(show.plain(f"{number} · {view.subject}"), "bold"))
    handed = show.moment(view.handed_over_at)
    mailroom = config.mailroom_of(view.organ) is not None
    not_yet = (
        say("chưa", "not yet") if mailroom else say("không có phần mềm văn thư", "no mailroom")
    )
    show.facts(
        [
            (say("Mã theo dõi", "Tracking id"), view.tracking_id),
            (say("Định danh", "DocumentId"), view.document_id),
            (say("Từ", "From"), names(view.from_organ)),
            (say("Cho", "For"), names(view.organ)),
            (say("Đến lúc", "Arrived"), show.moment(view.arrived_at)),
            (say("Ký lúc (tự khai)", "Signed (claimed)"), show.moment(view.signed_at)),
            (say("Kết luận", "Verdict"), _verdict(report)),
            (say("Loại", "Kind"), f"{words.business(view.business)} · {show.size(view.size)}"),
            (say("Giao văn thư", "Handed over"), handed if view.handed_over_at else not_yet),
            (say("Trạng thái", "Processing"), words.code(view.code)),
            (say("Độ khẩn", "Urgency"), words.priority(view.priority) if view.priority else ""),
            *(
                (say("Tệp đính kèm", "Attachment"), f"{one['name']} · {show.size(one['size'])}")
                for one in report.get("attachments", ())
            ),
        ]
    )
    if view.sealed_at is not None:
        text = say("Đã thu hồi, nội dung không còn đọc được", "Recalled, its content is gone")
        show.out(f"{text}: {show.moment(view.sealed_at)}")
    if view.purged_at is not None:
        text = say("Hết hạn lưu, nội dung đã huỷ", "Its content was purged by age")
        show.out(f"{text}: {show.moment(view.purged_at)}")
    for change in view.changes:
        show.out(show.plain(_change(change)))
    if view.history:
        show.out()
        show.out(show.paint(say("Đã trao đổi với bên gửi", "Said to and by the sender"), "bold"))
        for said in view.history:
            remark = f" · {said.note}" if said.note else ""
            show.out(
                show.plain(f"  {show.moment(said.recorded_at)}  {words.code(said.code)}{remark}")
            )


def _change(change: ChangeLine) -> str:
    what = words.business(change.business)
    other = change.tracking_id or say("văn bản chưa đến", "not here yet")
    stands = f" · {words.recall(change.state)}" if change.state else ""
    if change.by_this:
        return f"{what}: {change.document_id} ({other}){stands}"
    return say(f"có văn bản {what}: {other}{stands}", f"{what} of it: {other}{stands}")


def _verdict(report: Mapping[str, Any]) -> str:
    signer = (report.get("signer") or {}).get("subject", "")
    return (
        f"{report.get('indication', '–')} · {signer}" if signer else report.get("indication", "–")
    )


def save(
    ref: options.Ref, output: options.Folder, organ: Organ = "", force: options.Force = False
) -> None:
    """Write an arrival's envelope and attachments, unwrapped where the sender wrapped them."""
    from envelopes.attachments import open_all, safe_names
    from envelopes.attachments.names import safe_name, shortened
    from envelopes.large import LARGE_MAX, copy_content, read_content, read_file
    from envelopes.model import Document

    with session.open_store() as (_, store):
        view = store.incoming.arrival(ref, organ)
        if view.sealed_at is not None:
            raise Conflict(
                f"{view.tracking_id} was recalled: its content is gone",
                f"{view.tracking_id} đã bị thu hồi: nội dung không còn",
            )
        name = safe_name(number_of(view.number, view.notation), view.tracking_id)
        with store.contents.open(view.sha256) as envelope, files.Folder(output) as folder:
            message, _ = read_file(envelope, limit=LARGE_MAX)
            attachments = message.attachments if isinstance(message, Document) else ()
            inner = safe_names(one.name or "" for one in attachments)
            names = [shortened(f"{name}-{place}-{one}") for place, one in enumerate(inner, start=1)]
            if not force:
                folder.require_free((f"{name}.edxml", *names))
            envelope.seek(0)
            with folder.writing(f"{name}.edxml", force=force) as file:
                shutil.copyfileobj(envelope, file)
            show.out(str(output / f"{name}.edxml"))
            every = open_all(attachments, read=partial(read_content, envelope))
            for own, opened in zip(names, every, strict=True):
                with folder.writing(own, force=force) as file:
                    if opened.stored is not None:
                        copy_content(envelope, opened.stored, file)
                    else:
                        file.write(opened.content)
                show.out(show.plain(str(output / own)))
                remarks = extract.remarks(opened)
                if remarks:
                    show.note(f"  {show.plain(remarks)}")


def _json(view: ArrivalView) -> dict[str, Any]:
    return {
        "tracking_id": view.tracking_id,
        "organ": view.organ,
        "from": view.from_organ,
        "document_id": view.document_id,
        "business": view.business,
        "number": view.number,
        "notation": view.notation,
        "subject": view.subject,
        "priority": view.priority,
        "sha256": view.sha256,
        "size": view.size,
        "arrived_at": view.arrived_at,
        "signed_at": view.signed_at,
        "handed_over_at": view.handed_over_at,
        "code": view.code or None,
        "sealed_at": view.sealed_at,
        "purged_at": view.purged_at,
        "changes": [
            {
                "business": one.business,
                "tracking_id": one.tracking_id or None,
                "document_id": one.document_id,
                "state": one.state or None,
                "by_this": one.by_this,
            }
            for one in view.changes
        ],
        "history": [
            {
                "code": said.code,
                "note": said.note,
                "signed_at": said.signed_at,
                "recorded_at": said.recorded_at,
                "sha256": said.sha256,
            }
            for said in view.history
        ],
    }
