"""`status set`: say what becomes of a document that we received, as its mailroom."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from . import options, session, show, words
from .words import say

TEXT = say("CHỮ", "TEXT")


def register(app: typer.Typer) -> None:
    """Add the command."""
    from .commands import new_group

    group = new_group(say("Trạng thái xử lý văn bản đến.", "Status of incoming documents."))
    options.add(
        group,
        "set",
        set_status,
        "Báo trạng thái xử lý cho bên gửi: 02 từ chối, 03 tiếp nhận, 04 phân công, 05 đang xử lý, "
        "06 hoàn thành, 15/16 đồng ý/từ chối cập nhật, lấy lại.",
        "Report a status to the sender: 02 rejected, 03 accepted, 04 assigned, 05 in progress, "
        "06 completed, 15/16 update or recall agreed/refused.",
    )
    app.add_typer(group, name="status")


def set_status(
    ref: options.Ref,
    code: Annotated[str, typer.Argument(metavar=say("MÃ", "CODE"), help="02 03 04 05 06 15 16")],
    note: Annotated[
        str,
        typer.Option(
            "--note",
            metavar=TEXT,
            help=say("ghi chú; bắt buộc với 02 và 16", "remark; 02 and 16 need their reason"),
        ),
    ] = "",
    name: Annotated[
        str, typer.Option("--staff", metavar=TEXT, help=say("họ tên văn thư", "clerk"))
    ] = "",
    department: Annotated[
        str, typer.Option("--department", metavar=TEXT, help=say("phòng", "department"))
    ] = "",
    phone: Annotated[
        str, typer.Option("--phone", metavar=TEXT, help=say("điện thoại", "phone"))
    ] = "",
    email: Annotated[str, typer.Option("--email", metavar=TEXT, help="email")] = "",
    as_json: options.Json = False,
) -> None:
    """Sign and queue a status; it leaves after those given before it."""
    from ..flow import receipts

    given = {"name": name, "department": department, "phone": phone, "email": email}
    staff = {key: value for key, value in given.items() if value}
    with session.open_world() as (_, world):
        arrival = world.store.incoming.arrival(ref)
        submitted = asyncio.run(
            receipts.report(
                arrival.tracking_id,
                code,
                world=world,
                now=session.now(),
                note=note,
                staff=staff or None,
            )
        )
    if as_json:
        show.emit(
            "status-set",
            {
                "tracking_id": arrival.tracking_id,
                "code": code,
                "to": arrival.from_organ,
                "status_tracking_id": submitted.tracking_id,
                "duplicate": submitted.duplicate,
            },
        )
        return
    number = "/".join(part for part in (arrival.number, arrival.notation) if part)
    text = say(
        f"đã ký và xếp hàng báo {words.code(code)} tới {arrival.from_organ} về {number}",
        f"{words.code(code)} about {number} is signed and queued for {arrival.from_organ}",
    )
    show.out(f"{show.paint('✔', 'good')} {show.plain(text)}")
