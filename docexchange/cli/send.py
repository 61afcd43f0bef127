"""`send`: queue a document and perhaps wait for its recipients; `pack`: sign it to a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..core.states import State, StatusCode
from . import exits, fields, files, options, session, show, waiting, words
from .words import say

if TYPE_CHECKING:
    from envelopes.model import Document

    from ..core.model import DeliveryView, Submitted
    from ..core.recalls import Change
    from ..core.world import World
    from ..edges.directory import TomlDirectory

POLL = 0.2  # s between two looks at the store
IDLE = timedelta(seconds=3)  # a daemon looks every second; after this nobody seems to serve
MARKUP_SPACE = 64 * 1024  # bytes that an envelope takes beside its attachments, and more
PACK_LIMIT = 8 * 1024 * 1024  # bytes of an edXML that is read whole; what the exchange carries
# How far along its way a recipient is by its code; others say that it will not get there.
_RANK = {
    StatusCode.ARRIVED: 1,
    StatusCode.ACCEPTED: 2,
    StatusCode.ASSIGNED: 3,
    StatusCode.PROCESSING: 4,
    StatusCode.COMPLETED: 5,
}


class Until(StrEnum):
    """What --wait waits for."""

    RECEIPT = "01"
    COMPLETED = "06"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        app,
        "send",
        fields.with_fields(send),
        "Gửi văn bản. Kiểm tra, ký số, xếp hàng; tiến trình `docexchange run` gửi đi.",
        "Send a document. It is checked, signed and queued; the running daemon sends it.",
    )
    options.add(
        app,
        "pack",
        fields.with_fields(pack),
        "Đóng gói và ký văn bản ra tệp. Không cần broker hay kho dữ liệu.",
        "Pack and sign a document into a file. No broker, no store.",
    )


def send(
    given: fields.Fields,
    wait: Annotated[
        Until | None,
        typer.Option(
            "--wait",
            metavar="01|06",
            help=say(
                "chờ tới khi mọi nơi nhận báo 01 (đã đến) hoặc 06 (hoàn thành)",
                "wait until every recipient reports 01 (arrived) or 06 (completed)",
            ),
        ),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="5m", help=say("chờ lâu nhất", "longest wait"))
    ] = "5m",
    updates: Annotated[
        str,
        typer.Option(
            "--updates",
            metavar=say("VĂN_BẢN", "REF"),
            help=say(
                "cập nhật văn bản đã gửi này (mã theo dõi, số ký hiệu hoặc định danh)",
                "it updates this sent document (tracking id, number or DocumentId)",
            ),
        ),
    ] = "",
    replaces: Annotated[
        list[str] | None,
        typer.Option(
            "--replaces",
            metavar=say("VĂN_BẢN", "REF"),
            help=say("thay thế văn bản đã gửi này; lặp lại được", "it replaces this; repeatable"),
        ),
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar=say("LÝ_DO", "TEXT"),
            help=say("lý do cập nhật, thay thế", "why it updates or replaces"),
        ),
    ] = "",
    sign_later: Annotated[
        bool,
        typer.Option(
            "--sign-later",
            help=say(
                "khoá ở nơi khác: lưu và chờ chữ ký (xem `docexchange sign`)",
                "the key is elsewhere: keep it until its signature comes (see `docexchange sign`)",
            ),
        ),
    ] = False,
    cert: Annotated[
        Path | None,
        typer.Option(
            "--cert",
            metavar="CHAIN.pem",
            help=say(
                "chứng thư của người sẽ ký, với --sign-later",
                "certificates of who is to sign, with --sign-later",
            ),
        ),
    ] = None,
    expires: Annotated[
        str,
        typer.Option(
            "--expires",
            metavar="48h",
            help=say(
                "hạn ký, với --sign-later (limits.signing_wait)",
                "how long signing may take, with --sign-later (limits.signing_wait)",
            ),
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Queue a document; it is signed and on disk when its tracking id is printed."""
    from .. import compose
    from ..flow import outbox

    longest = options.span(timeout)
    change = _change(updates, replaces or [], reason)
    sign_within = options.span(expires) if expires else None
    with session.open_world() as (config, world):
        compose.check_room(config)
        now = session.now()
        limits = world.limits
        large = not sign_later and _is_large(given, limits.envelope_bytes)
        limit = limits.large_bytes if large else limits.envelope_bytes
        made = fields.document(given, names=_names_of(world), limit=limit, now=now, in_files=large)
        if change is not None:
            made = _changed(made, change, world)
        key = waiting.key_for(sign_later, cert, made.sender.organ_id, world, now)
        submitted = asyncio.run(
            outbox.submit(
                made,
                world=world,
                now=now,
                sign_with=key,
                sign_within=sign_within,
                contents=_contents(given, made),
            )
        )
        if submitted.sign_by is not None:
            waiting.tell(submitted, world, as_json=as_json)
            raise typer.Exit(exits.Exit.DONE if wait is None else exits.Exit.LATER)
        if not as_json:
            _print(submitted, world)
        code = exits.Exit.DONE
        if wait is not None:
            code = _wait(world, submitted.tracking_id, wait, longest)
        if as_json:
            show.emit("send", _json(submitted, world))
    raise typer.Exit(code)


def _change(updates: str, replaces: list[str], reason: str) -> Change | None:
    """What the options say that the document updates or replaces. Raises typer.BadParameter."""
    from ..core.recalls import REPLACE, UPDATE, Change

    if updates and replaces:
        raise typer.BadParameter(
            say("chọn một: --updates hoặc --replaces", "either --updates or --replaces")
        )
    if updates:
        return Change(UPDATE, (updates,), reason)
    if replaces:
        return Change(REPLACE, tuple(dict.fromkeys(replaces)), reason)
    if reason:
        raise typer.BadParameter(
            say("chỉ dùng với --updates hoặc --replaces", "only with --updates or --replaces"),
            param_hint="--reason",
        )
    return None


def _changed(made: Document, change: Change, world: World) -> Document:
    from ..flow import changes

    if made.business:
        raise typer.BadParameter(
            say(
                "edXML đã có nghiệp vụ (BussinessDocType); không dùng --updates, --replaces",
                "the edXML says what it changes; --updates and --replaces do not go with it",
            )
        )
    return changes.apply(made, change, world=world)


def _names_of(world: World) -> Callable[[str], str]:
    def name(organ_id: str) -> str:
        organ = world.directory.find(organ_id)
        return organ.name if organ and not organ.closed else ""

    return name


def _print(submitted: Submitted, world: World) -> None:
    view = world.store.outgoing.document(submitted.tracking_id)
    number = f"{view.number}/{view.notation}"
    count = len(view.deliveries)
    if submitted.duplicate:
        text = say(
            f"{number} đã được nộp trước đây với cùng nội dung; không gửi thêm",
            f"{number} was submitted before with the same content; nothing more is sent",
        )
    else:
        text = say(
            f"{number} đã ký và xếp hàng gửi tới {count} nơi nhận ({show.size(view.size)})",
            f"{number} is signed and queued for {count} recipient(s) ({show.size(view.size)})",
        )
    show.note(f"{show.paint('✔', 'good')} {show.plain(text)}")
    show.out(submitted.tracking_id)


def _wait(world: World, ref: str, until: Until, longest: timedelta) -> exits.Exit:
    """Look until every recipient got there or will not; a sign of life on a terminal."""
    waiting = show.Waiting()
    begun, told = time.monotonic(), False
    try:
        while True:
            deliveries = world.store.outgoing.document(ref).deliveries
            reached = sum(_reached(one, until) for one in deliveries)
            never = sum(_never(one) for one in deliveries)
            passed = timedelta(seconds=time.monotonic() - begun)
            if reached + never == len(deliveries):
                break
            if passed > longest:
                waiting.done()
                show.note(
                    say(
                        f"hết {show.span(longest)}: {reached}/{len(deliveries)} nơi đã báo {until}",
                        f"{show.span(longest)} are over: {reached}/{len(deliveries)} said {until}",
                    )
                )
                return exits.Exit.LATER
            if not told and passed > IDLE and any(map(_untouched, deliveries)):
                told = True
                waiting.done()
                show.note(
                    say(
                        "Văn bản nằm chờ: `docexchange run` có đang chạy không?",
                        "The document waits: is `docexchange run` running?",
                    )
                )
            waiting.show(
                say(
                    f"chờ {until}: {reached}/{len(deliveries)} nơi nhận, {show.span(passed)} ",
                    f"waiting for {until}: {reached}/{len(deliveries)}, {show.span(passed)} ",
                )
            )
            time.sleep(POLL)
    finally:
        waiting.done()
    for one in deliveries:
        show.note(f"  {one.to_organ}  {words.state(one.state)}  {words.code(one.code)}")
    if never:
        return exits.Exit.PARTLY if reached else exits.Exit.NEGATIVE
    return exits.Exit.DONE


def _untouched(delivery: DeliveryView) -> bool:
    return delivery.state is State.QUEUED and not delivery.attempts and not delivery.copies


def _reached(delivery: DeliveryView, until: Until) -> bool:
    if delivery.state is not State.ACKNOWLEDGED or delivery.code not in _RANK:
        return False
    return _RANK[StatusCode(delivery.code)] >= _RANK[StatusCode(until)]


def _never(delivery: DeliveryView) -> bool:
    refused = delivery.code != "" and delivery.code not in _RANK
    return delivery.state is State.UNDELIVERABLE or refused


def _json(submitted: Submitted, world: World) -> dict[str, object]:
    from .track import delivery_json

    view = world.store.outgoing.document(submitted.tracking_id)
    return {
        "tracking_id": submitted.tracking_id,
        "document_id": submitted.document_id,
        "duplicate": submitted.duplicate,
        "waiting_for_signature": False,
        "sha256": view.sha256,
        "size": view.size,
        "deliveries": [delivery_json(one) for one in view.deliveries],
    }


def pack(
    given: fields.Fields,
    key: Annotated[
        Path,
        typer.Option(
            "--key", metavar="PEM", help=say("khoá riêng (quyền 0600)", "private key (mode 0600)")
        ),
    ],
    cert: Annotated[
        Path,
        typer.Option(
            "--cert",
            metavar="PEM",
            help=say("chứng thư, của cơ quan trước", "certificates, the organ's own first"),
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT.edxml", help=say("tệp ghi ra", "file to write")
        ),
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar=say("TỆP", "FILE"),
            help=say("tệp (0600) có mật khẩu của khoá", "file (0600) with the key's passphrase"),
        ),
    ] = None,
    directory: options.Names = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a signed envelope to a file."""
    from envelopes.large import FILES_MAX
    from envelopes.pack import with_trace
    from envelopes.pack_file import pack_to

    from ..edges.directory import TomlDirectory
    from ..edges.keyring import open_signer
    from ..edges.keysource import PemKey, Secret

    now = session.now()
    organs = TomlDirectory.load(directory) if directory else None
    limit = FILES_MAX if given.from_xml is None else PACK_LIMIT
    made = fields.document(given, names=_names_in(organs), limit=limit, now=now, in_files=True)
    signer = open_signer(PemKey(key, cert, Secret(passphrase_file)), now)
    contents = _contents(given, made)
    traced = with_trace(made, made.sender.organ_id, now)
    with files.replacing(output, force=force) as out:
        packed = pack_to(out, traced, contents, signer, signing_time=now)
    named = signer.chain[0].organ_id
    if named and named != made.sender.organ_id:
        show.note(
            say(
                f"cảnh báo: chứng thư của {named}, văn bản ghi là của {made.sender.organ_id}",
                f"warning: the certificate is {named}'s, the document {made.sender.organ_id}'s",
            )
        )
    if as_json:
        facts = {"file": str(output), "sha256": packed.sha256, "size": packed.size}
        show.emit("pack", facts)
    else:
        show.out(f"{output} · {show.size(packed.size)} · sha256 {packed.sha256}")


def _is_large(given: fields.Fields, limit: int) -> bool:
    """Whether the files alone make an envelope too large for one message: they stay on the disk
    and it travels in parts."""
    sizes = [path.stat().st_size for path in given.paths or () if path.is_file()]
    return sum(sizes) * 4 // 3 > limit - MARKUP_SPACE


def _contents(given: fields.Fields, made: Document) -> list[Callable[[], BinaryIO]]:
    """Opens the files of those attachments that stayed in them."""
    return [
        partial(_open, path)
        for path, one in zip(given.paths or (), made.attachments, strict=False)
        if one.stored is not None
    ]


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _names_in(directory: TomlDirectory | None) -> Callable[[str], str]:
    def name(organ_id: str) -> str:
        organ = directory.find(organ_id) if directory else None
        return organ.name if organ else ""

    return name
