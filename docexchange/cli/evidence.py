"""`evidence import|list|show`: CRLs and OCSP answers that the node judges by (dữ liệu thu hồi)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, options, orders, session, show
from .words import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..core.model import KeptEvidence, Order
    from ..edges.evidence_files import EvidenceFile
    from ..edges.store import SqlStore

_KINDS = {
    "crl": ("danh sách thu hồi (CRL)", "revocation list (CRL)"),
    "ocsp": ("trả lời OCSP", "OCSP answer"),
    "certificate": ("chứng thư của bên ký", "certificate of a signer"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Dữ liệu thu hồi chứng thư (CRL, OCSP): nhập, xem.",
            "Revocation evidence (CRLs, OCSP answers): import, look.",
        )
    )
    options.add(
        group,
        "import",
        import_files,
        "Nhập tệp CRL, OCSP khi nút không tự tải được. Gói tin tạm giữ được kiểm tra lại ngay.",
        "Import CRL and OCSP files where the node cannot fetch them. Held envelopes are judged "
        "again at once.",
    )
    options.add(
        group,
        "list",
        list_evidence,
        "Dữ liệu thu hồi đang có, mới nhất trước.",
        "What is there, newest first.",
    )
    options.add(
        group,
        "show",
        show_evidence,
        "Một dữ liệu thu hồi: của ai, tới bao giờ; --output ghi ra tệp.",
        "One of them: whose, until when; --output writes it to a file.",
    )
    app.add_typer(group, name="evidence")


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar=say("TỆP|THƯ_MỤC...", "FILE|DIR..."),
            help=say("CRL (DER, PEM) hoặc trả lời OCSP (DER)", "CRL (DER, PEM) or OCSP (DER)"),
        ),
    ],
    reason: orders.Reason = "",
    dry_run: orders.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Keep files as evidence. None is believed for being imported: each is judged when it is
    used."""
    from ..edges.evidence_files import find_evidence

    order = orders.order(reason)
    found, left_out = find_evidence(paths)
    for one in left_out:
        show.note(say(f"bỏ qua: {one}", f"left out: {one}"))
    with session.open_store() as (_, store):
        new = _new(store, found) if dry_run else asyncio.run(_keep(store, found, order))
    lines = [
        f"{one.path}: {say(*_KINDS[one.item.kind])} · {show.short(one.item.issuer, 60)} · "
        + (say("mới", "new") if one.item.sha256 in new else say("đã có", "known"))
        for one in found
    ]
    facts = {
        "dry_run": dry_run,
        "evidence": [
            {
                "file": str(one.path),
                "kind": one.item.kind,
                "sha256": one.item.sha256,
                "issuer": one.item.issuer or None,
                "next_update": one.item.next_update,
                "new": one.item.sha256 in new,
            }
            for one in found
        ],
        "left_out": list(left_out),
    }
    orders.tell("evidence-import", facts, lines, dry_run, as_json=as_json)
    if left_out:
        raise typer.Exit(exits.Exit.PARTLY)


def _new(store: SqlStore, found: Sequence[EvidenceFile]) -> set[str]:
    return {one.item.sha256 for one in found if not store.evidence.has(one.item.sha256)}


async def _keep(store: SqlStore, found: Sequence[EvidenceFile], order: Order) -> set[str]:
    """Keep what is not there; digests of what is new. What waits for it is judged again."""
    from ..edges.evidence import kept_of

    now = session.now()
    new = set()
    for one in found:
        kept = kept_of(one.path.name, one.item, one.data, now)
        if await store.evidence.keep(kept, order):
            new.add(one.item.sha256)
    if new:
        await store.evidence.wake_held(now)
    return new


def list_evidence(limit: options.Limit = 50, as_json: options.Json = False) -> None:
    """List what is kept."""
    with session.open_store() as (_, store):
        found = store.evidence.newest(limit)
    if as_json:
        show.emit("evidence-list", {"evidence": [to_json(one) for one in found]})
        return
    if not found:
        show.note(say("chưa có dữ liệu thu hồi", "there is none"))
        return
    now = session.now()
    show.table(
        [
            say("SỐ", "NO."),
            say("LOẠI", "KIND"),
            say("CỦA", "ISSUER"),
            say("TỪ", "FROM"),
            say("ĐẾN", "UNTIL"),
            say("MỤC", "ENTRIES"),
            say("NGUỒN", "SOURCE"),
        ],
        [
            [
                str(one.number),
                one.kind,
                show.short(one.issuer or "–", 40),
                show.minute(one.this_update),
                _until(one, now),
                f"{one.entries:,}",
                show.short(one.source, 50),
            ]
            for one in found
        ],
    )


def _until(one: KeptEvidence, now: datetime) -> str:
    if one.next_update is None:
        return "–"
    over = say(" (hết hạn)", " (over)") if one.next_update < now else ""
    return show.minute(one.next_update) + over


def show_evidence(
    ref: Annotated[
        str,
        typer.Argument(
            metavar=say("SỐ", "NO."),
            help=say("số, hoặc phần đầu SHA-256", "number, or start of the SHA-256"),
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar=say("TỆP", "FILE"), help=say("ghi ra tệp", "write it there")
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Show one, or write it to a file as it came."""
    from . import files

    with session.open_store() as (_, store):
        one = store.evidence.find(ref)
    if output is not None:
        files.write_all({output: one.data}, force=force)
    if as_json:
        show.emit("evidence-show", {**to_json(one), "file": str(output) if output else None})
        return
    show.out(show.paint(f"{one.number} · {say(*_KINDS[one.kind])}", "bold"))
    show.facts(
        [
            (say("Của", "Issuer"), one.issuer),
            (say("Từ", "From"), show.moment(one.this_update) if one.this_update else ""),
            (say("Đến", "Until"), show.moment(one.next_update) if one.next_update else ""),
            (say("Số mục", "Entries"), f"{one.entries:,}"),
            (say("Nguồn", "Source"), one.source),
            (say("Lưu lúc", "Kept"), show.moment(one.kept_at)),
            (say("Dung lượng", "Size"), show.size(len(one.data))),
            ("SHA-256", one.sha256),
            (say("Tệp", "File"), str(output) if output else ""),
        ]
    )


def to_json(one: KeptEvidence) -> dict[str, Any]:
    """One item for machines, without its bytes."""
    return {
        "number": one.number,
        "kind": one.kind,
        "sha256": one.sha256,
        "issuer": one.issuer or None,
        "this_update": one.this_update,
        "next_update": one.next_update,
        "entries": one.entries,
        "source": one.source,
        "kept_at": one.kept_at,
    }
