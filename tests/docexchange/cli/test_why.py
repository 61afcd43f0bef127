"""docexchange/cli/why.py: one sentence for each cause, with what happens next and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from docexchange.cli import words
from docexchange.cli.why import Around, why
from docexchange.core.model import DeliveryView, DestinationHold, Pause, StatusLine
from docexchange.core.recalls import Recall
from docexchange.core.states import State
from tests.office import Office
from tests.records import MINUTE, NOW

END = NOW + timedelta(hours=72)
AROUND = Around(lambda organ: f"{organ} An Giang", NOW)
PAUSED = replace(
    AROUND, pauses={"H01": Pause("normal", "H01", NOW, NOW + MINUTE, 1, "hàng đợi đầy / full")}
)
HELD = replace(AROUND, holds={"H01": DestinationHold("H01", NOW, "an", "bảo trì")})
STOPPED = replace(AROUND, running=False)


def delivery(**changes: Any) -> DeliveryView:
    facts: dict[str, Any] = {
        "delivery_id": 1,
        "tracking_id": "D1",
        "to_organ": "H01",
        "state": State.QUEUED,
        "reason": "",
        "held": "",
        "attempts": 0,
        "copies": 0,
        "next_try": NOW,
        "lifetime_ends": END,
        "last_error": "",
        "code": "",
        "code_conflict": False,
        "history": (),
    }
    return DeliveryView(**(facts | changes))


def said(code: str, note: str = "") -> dict[str, Any]:
    line = StatusLine(code, note, NOW, NOW, "00" * 32)
    return {"state": State.ACKNOWLEDGED, "code": code, "history": (line,)}


CAUSES: dict[str, tuple[DeliveryView, Around, str]] = {
    "queued": (delivery(), AROUND, "đang xếp hàng, đến lượt sẽ gửi ngay"),
    "no daemon": (delivery(), STOPPED, "tiến trình không chạy nên không gì được gửi"),
    "destination held": (
        delivery(),
        HELD,
        "an giữ lại mọi thứ gửi tới nơi này (bảo trì); thả ra: docexchange queue release --to H01",
    ),
    "paused": (
        delivery(attempts=1, last_error="x"),
        PAUSED,
        "tạm ngừng gửi tới H01 An Giang từ 23/11/2026 08:00:00 +07:00 (hàng đợi đầy); thử lại một "
        "văn bản: 23/11/2026 08:01:00 +07:00",
    ),
    "held": (
        delivery(held="chờ lãnh đạo"),
        PAUSED,
        "tạm giữ: chờ lãnh đạo; thả ra: docexchange queue release",
    ),
    "restored": (
        delivery(held="restored"),
        AROUND,
        "giữ lại từ khi khôi phục kho: H01 có thể đã có; docexchange reconcile H01 --release",
    ),
    "not taken": (
        delivery(attempts=3, last_error="từ chối / refused", next_try=NOW + MINUTE),
        AROUND,
        "trục chưa nhận, đã thử 3 lần (từ chối); thử lại lúc 23/11/2026 08:01:00 +07:00",
    ),
    "no receipt": (
        delivery(copies=2),
        AROUND,
        "chưa có biên nhận sau 2 bản gửi; gửi lại ngay",
    ),
    "sent": (
        delivery(state=State.SENT, copies=1, next_try=NOW + 5 * MINUTE),
        STOPPED,
        "trục đã nhận, H01 An Giang chưa gửi biên nhận; gửi lại lúc 23/11/2026 08:05:00",
    ),
    "given up": (
        delivery(state=State.UNDELIVERABLE, reason="expired"),
        AROUND,
        "hết hạn chờ biên nhận; văn bản vẫn có thể đến, biên nhận muộn vẫn được ghi; gửi lại: "
        "docexchange dead replay",
    ),
    "cancelled": (
        delivery(state=State.UNDELIVERABLE, reason="cancelled"),
        AROUND,
        "đã huỷ gửi",
    ),
    "refused by the axis": (
        delivery(state=State.UNDELIVERABLE, reason="over 16 MiB"),
        AROUND,
        "bị từ chối: over 16 MiB",
    ),
    "arrived": (
        delivery(**said("01")),
        AROUND,
        "đã đến H01 An Giang từ 23/11/2026 08:00:00 +07:00, văn thư bên đó chưa tiếp nhận (03); "
        "việc của bên nhận",
    ),
    "at work": (delivery(**said("05")), AROUND, "H01 An Giang đang xử lý (05 Đang xử lý) từ 23/11"),
    "rejected": (delivery(**said("02", "Sai thể thức")), AROUND, "lý do: Sai thể thức"),
    "conflict": (
        delivery(**said("03"), code_conflict=True),
        AROUND,
        "bên nhận báo từ chối (02) sau khi đã tiếp nhận: cần hỏi lại bên nhận",
    ),
    "late": (
        delivery(**said("01"), reason="late"),
        AROUND,
        "đã giao muộn: biên nhận đến sau khi ta đã thôi chờ",
    ),
    "recall": (delivery(recall=Recall.ASKED), AROUND, ""),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_sentence(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_spoken", "vi")
    one, around, sentence = CAUSES[cause]
    told = why(one, around)
    assert told.startswith(sentence), told
    assert told
    monkeypatch.setattr(words, "_spoken", "en")
    english = why(one, around)
    assert english
    assert english != told or cause == "refused by the axis"


def test_what_ended_well_needs_no_sentence() -> None:
    assert why(delivery(**said("06")), AROUND) == ""


def test_track_says_one_thing_about_a_paused_destination(office: Office) -> None:
    """It said that it waits for the daemon, and below it that the destination is paused."""
    office.theatre.axis.full.add("H01")
    for number in range(7):
        office.play(office.theatre.send(number, ("H01",)))
    office.settle()
    out = office.run("H05", "track", "6/QĐ-UBND").out
    reasons = [line for line in out.splitlines() if line.startswith(("→", "‖"))]
    assert len(reasons) == 1
