"""`quarantine list|show`: the envelopes that were not believed, kept for a person.

What they say of themselves (sender, DocumentId) is proven by nothing, and is shown as such. What a
person decides about them is in `quarantine_orders`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from . import options, quarantine_orders, session, show, words
from .words import say, spoken

if TYPE_CHECKING:
    from ..core.model import KeptView

_STATES = {
    "held": ("TẠM GIỮ", "HELD"),
    "quarantined": ("CÁCH LY", "QUARANTINED"),
    "settled": ("ĐÃ GIẢI QUYẾT", "SETTLED"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(say("Gói tin bị cách ly hoặc tạm giữ.", "Quarantined and held envelopes."))
    options.add(
        group,
        "list",
        list_kept,
        "Gói tin bị cách ly và tạm giữ, mới nhất trước, với lý do.",
        "Quarantined and held envelopes, newest first, with their reason.",
    )
    options.add(
        group,
        "show",
        show_kept,
        "Một gói tin bị cách ly: vì sao, hỏng ở bước nào.",
        "One quarantined envelope: why, and the step that failed.",
    )
    options.add(
        group,
        "export",
        quarantine_orders.export,
        "Ghi gói tin bị cách ly ra tệp, đúng từng byte. Chưa được kiểm chứng: đừng mở để dùng.",
        "Write a quarantined envelope to a file, byte for byte. Nothing in it is proven.",
    )
    options.add(
        group,
        "recheck",
        quarantine_orders.recheck,
        "Kiểm tra lại ngay, khi đã sửa danh mục, thêm chứng thư gốc hoặc CRL. Đạt thì vào hộp đến.",
        "Judge it again now, when the directory, the anchors or the evidence were put right. What "
        "passes goes to the inbox.",
    )
    options.add(
        group,
        "discard",
        quarantine_orders.discard,
        "Bỏ hẳn: xoá nội dung, giữ mã băm và báo cáo.",
        "Drop it for good: its content goes, its digest and report stay.",
    )
    app.add_typer(group, name="quarantine")


def list_kept(limit: options.Limit = 50, as_json: options.Json = False) -> None:
    """List what is kept."""
    with session.open_store() as (_, store):
        views = store.incoming.kept_list(None, limit)
    if as_json:
        show.emit("quarantine-list", {"envelopes": [_json(view) for view in views]})
        return
    if not views:
        show.note(say("không có gói tin nào bị cách ly", "nothing is quarantined"))
        return
    show.table(
        [
            say("SỐ", "NO."),
            say("GIỮ LÚC", "KEPT"),
            say("CHO", "FOR"),
            say("TỰ NHẬN LÀ TỪ", "CLAIMS FROM"),
            say("LÝ DO", "REASON"),
            say("BẢN", "COPIES"),
        ],
        [
            [
                str(view.kept_id),
                show.minute(view.kept_at),
                view.organ or "–",
                show.short(view.from_organ or "–", 20),
                _state(view) + f"{words.reason(view.reason)} [{view.reason}]",
                str(view.copies),
            ]
            for view in views
        ],
    )


def _state(view: KeptView) -> str:
    return say("tạm giữ: ", "held: ") if view.held else ""


def show_kept(
    ref: quarantine_orders.KeptRef,
    as_json: options.Json = False,
) -> None:
    """Show one kept envelope."""
    with session.open_store() as (_, store):
        view = store.incoming.kept(ref)
    report = json.loads(view.report) if view.report else {}
    if as_json:
        show.emit("quarantine-show", {**_json(view), "report": report})
        return
    state = _STATES[quarantine_orders.state_of(view)]
    show.out(show.paint(f"{view.kept_id} · {say(*state)} · {words.reason(view.reason)}", "bold"))
    unproven = say(" (tự khai, chưa chứng minh)", " (claimed, proven by nothing)")
    show.facts(
        [
            (say("Lý do", "Reason"), view.reason),
            (say("Chi tiết", "Detail"), _detail(view, report)),
            (say("Cho", "For"), view.organ),
            (say("Từ", "From"), f"{view.from_organ}{unproven}" if view.from_organ else ""),
            (
                say("Định danh", "DocumentId"),
                f"{view.document_id}{unproven}" if view.document_id else "",
            ),
            (say("Kết nối của", "Connection of"), view.connection),
            (say("Giữ lúc", "Kept"), show.moment(view.kept_at)),
            (say("Số bản", "Copies"), str(view.copies)),
            (say("Dung lượng", "Size"), show.size(view.size)),
            ("SHA-256", view.sha256),
            (say("Nội dung", "Content"), _not_kept(report)),
        ]
    )
    _print_checks(report)


def _not_kept(report: dict[str, Any]) -> str:
    if not any(check["reason"] == "SECRET" for check in report.get("checks", ())):
        return ""
    return say(
        "không lưu: văn bản tự ghi là mật (QĐ 28/2018/QĐ-TTg)",
        "not kept: it says that it is a state secret (QĐ 28/2018/QĐ-TTg)",
    )


def _detail(view: KeptView, report: dict[str, Any]) -> str:
    """The facts of the deciding check; without a report, what was written down."""
    for check in report.get("checks", ()):
        if check["reason"] == view.reason and check["detail"]:
            return str(check["detail"])
    return view.detail


def _print_checks(report: dict[str, Any]) -> None:
    from envelopes.wording import RESULTS, STEPS, Result

    signs = {"PASSED": "✔", "FAILED": "✖", "INDETERMINATE": "?"}
    if report.get("checks"):
        show.out()
    for check in report.get("checks", ()):
        if check["result"] == Result.NOT_REACHED:
            continue
        name = STEPS[check["step"]].words.get(spoken())
        outcome = RESULTS[Result(check["result"])].get(spoken())
        if check["reason"]:
            outcome = f"{words.reason(check['reason'])} [{check['reason']}]"
        sign = signs.get(check["result"], "–")
        show.out(show.plain(f"  {sign} {check['step']:>2} {name}: {outcome}"))


def _json(view: KeptView) -> dict[str, Any]:
    return {
        "number": view.kept_id,
        "state": quarantine_orders.state_of(view),
        "outcome": view.outcome or None,
        "organ": view.organ or None,
        "reason": view.reason,
        "detail": view.detail,
        "claimed_from": view.from_organ or None,
        "claimed_document_id": view.document_id or None,
        "connection": view.connection or None,
        "kept_at": view.kept_at,
        "copies": view.copies,
        "size": view.size,
        "sha256": view.sha256,
    }
