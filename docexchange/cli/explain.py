"""In words: who moves next, whether it has ended, what happened. Why it is late: `why`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.recalls import Recall
from ..core.standing import NO_RECEIPT, NOT_TAKEN
from ..core.states import State, StatusCode
from . import show, words
from .words import say

if TYPE_CHECKING:
    from ..core.model import DeliveryView

_FINAL = frozenset({StatusCode.COMPLETED, StatusCode.CHANGE_AGREED})
OURS = frozenset({StatusCode.REJECTED, StatusCode.CHANGE_REFUSED})
_PUBLISHES = frozenset({"publish_confirmed", "publish_deferred", "publish_refused"})


def publishes(delivery: DeliveryView, lines: Sequence[Mapping[str, Any]]) -> int:
    """How often it was given to the axis, confirmed or not."""
    return sum(
        line["event"] in _PUBLISHES and line.get("delivery") == delivery.delivery_id
        for line in lines
    )


def next_mover(delivery: DeliveryView) -> str:
    """Whose turn it is."""
    if delivery.recall:
        return delivery.to_organ if delivery.recall == Recall.ASKED else "–"
    if delivery.state is State.QUEUED:
        return say("nút này", "this node")
    if delivery.state is State.SENT:
        return delivery.to_organ
    if delivery.state is State.UNDELIVERABLE or delivery.code in OURS:
        return say("văn thư bên ta", "our clerk")
    return "–" if delivery.code in _FINAL else delivery.to_organ


def ended(delivery: DeliveryView) -> bool:
    """Whether nobody has anything left to do about it: what comes now would be late or a change
    of mind."""
    if delivery.recall:
        return delivery.recall != Recall.ASKED
    if delivery.state is State.ACKNOWLEDGED:
        return delivery.code in _FINAL | OURS
    return delivery.state is State.UNDELIVERABLE


_REASONS: Mapping[str, tuple[str, str]] = {
    "expired": (
        "hết hạn chờ biên nhận; văn bản vẫn có thể đến, biên nhận muộn vẫn được ghi",
        "no receipt within the lifetime; it may still arrive, and a late receipt still counts",
    ),
    "cancelled": ("đã huỷ gửi", "cancelled"),
}


def given_up(reason: str) -> str:
    """Why a delivery is undeliverable."""
    if reason in _REASONS:
        return say(*_REASONS[reason])
    return say(f"bị từ chối: {reason}", f"refused: {reason}")


# -- what happened -----------------------------------------------------------------------------

_HAPPENED: Mapping[str, tuple[str, str, str]] = {
    "signature_awaited": ("◌", "lưu, chờ ký", "stored, waits for its signature"),
    "signature_refused": ("✖", "chữ ký bị từ chối", "a signature was refused"),
    "signed": ("●", "chữ ký đến, đúng", "the signature came, it is right"),
    "signature_expired": ("✖", "hết hạn ký", "not signed in time"),
    "signing_cancelled": ("✖", "thôi ký", "taken back unsigned"),
    "queued": ("●", "ký, lưu và xếp hàng gửi", "signed, stored and queued"),
    "publish_confirmed": ("●", "trục đã nhận", "the axis took it"),
    "publish_deferred": (
        "▲",
        "trục chưa nhận, sẽ thử lại",
        "the axis did not take it, again later",
    ),
    "publish_refused": ("✖", "trục từ chối", "the axis refused it"),
    "receipt_overdue": ("▲", "quá hạn biên nhận, gửi lại", "receipt overdue, sent again"),
    "deadline_warned": (
        "▲",
        "quá hạn cảnh báo, báo văn thư và người quản trị",
        "warning deadline passed; mailroom and operator told",
    ),
    "lifetime_ended": ("✖", "hết hạn chờ", "lifetime ended"),
    "conflict_reported": (
        "✖",
        "bên nhận báo có văn bản khác nội dung dưới định danh này",
        "the recipient reports other content under this identity",
    ),
    "cancelled": ("✖", "huỷ gửi", "cancelled"),
    "recall": ("▲", "thu hồi", "recall"),
    "sealed": ("✖", "nội dung đã huỷ vì thu hồi", "content destroyed, it was recalled"),
    "erased": ("✖", "không còn trong tệp nào của kho", "in no file of the store any more"),
    "legal_held": ("■", "giữ lại, không được huỷ nội dung", "legal hold: not to be purged"),
    "legal_released": ("●", "thôi giữ, được huỷ khi đến hạn", "legal hold ended"),
    "purged": ("✖", "nội dung đã huỷ vì hết hạn lưu", "content purged by age"),
    "released": ("●", "cho gửi lại", "released"),
    "held_back": ("■", "giữ lại", "held back"),
    "let_go": ("●", "thả ra", "let go"),
    "restored": ("■", "kho được khôi phục từ bản sao lưu", "the store was restored from a backup"),
    "retried": ("●", "cho gửi ngay", "made due now"),
    "replayed": ("●", "cho gửi lại sau khi hết hạn", "sent anew after it was given up"),
    "statuses_asked": ("●", "hỏi lại các trạng thái", "asked for its statuses again"),
    "resent": (
        "●",
        "bên nhận bị mất, gửi lại cho bên nhận",
        "sent again to the recipient, who had lost it",
    ),
    "cancel_asked": ("■", "đề nghị huỷ gửi", "asked to be cancelled"),
}

_UNKNOWN = (
    "không rõ kết quả: trục có thể đã nhận; gửi lại đúng gói tin này, bên nhận chỉ nhận một lần",
    "outcome unknown: the axis may have it; the same bytes again, the recipient takes them once",
)
_MISSING: Mapping[str, tuple[str, str]] = {
    NO_RECEIPT: ("trục đã nhận, chưa có biên nhận", "the axis took it, there is no receipt"),
    NOT_TAKEN: ("trục chưa nhận", "the axis has not taken it"),
}


class Timeline:
    """The journal of a document as a timeline, a day named once; may be printed as it grows."""

    def __init__(self) -> None:
        self._day = ""
        self._number = 0

    def print(self, deliveries: Sequence[DeliveryView], lines: Sequence[Mapping[str, Any]]) -> None:
        """Print what was not printed before: the lines about these deliveries."""
        wide = max((len(one.to_organ) for one in deliveries), default=0)
        shown = {None, *(one.delivery_id for one in deliveries)}
        many = len({line["delivery"] for line in lines if "delivery" in line}) > 1
        for line in lines[self._number :]:
            if line.get("delivery", None) in shown:
                about = f"{line['organ']:<{wide}}  " if many and "delivery" in line else ""
                self._print(line, about, deliveries)
        self._number = len(lines)

    def _print(
        self, line: Mapping[str, Any], about: str, deliveries: Sequence[DeliveryView]
    ) -> None:
        date, clock = show.moment(datetime.fromisoformat(line["at"])).split(" ")[:2]
        sign, text = _happened(line, deliveries)
        named = date if date != self._day else " " * len(date)
        show.out(f"  {named} {clock}  {sign} {about}{text}")
        self._day = date


def print_timeline(deliveries: Sequence[DeliveryView], lines: Sequence[Mapping[str, Any]]) -> None:
    """The whole of it, under its headline."""
    show.out()
    show.out(show.paint(say("Diễn biến", "What happened"), "bold"))
    Timeline().print(deliveries, lines)


def _happened(line: Mapping[str, Any], deliveries: Sequence[DeliveryView]) -> tuple[str, str]:
    if line["event"] == "recall":
        return "▲", words.recall(line["recall"])
    if line["event"] == "receipt_verified":
        status = _status_of(line, deliveries)
        text = say("biên nhận có chữ ký hợp lệ", "receipt, its signature is valid")
        late = say(" (đến muộn)", " (late)") if line.get("late") else ""
        return "●", show.plain(f"{words.code(str(line.get('code', '')))} · {text}{late}{status}")
    sign, vi, en = _HAPPENED.get(line["event"], ("●", line["event"], line["event"]))
    detail = f": {words.side(line['detail'])}" if line.get("detail") else ""
    if line["event"] == "signature_refused":
        detail = f" [{line['reason']}]"
    if line.get("outcome") == "unknown":
        vi, en = _UNKNOWN
    if line["event"] in ("deadline_warned", "lifetime_ended") and line.get("reason") in _MISSING:
        detail = f": {say(*_MISSING[line['reason']])}"
    return sign, show.plain(say(vi, en) + detail)


def _status_of(line: Mapping[str, Any], deliveries: Sequence[DeliveryView]) -> str:
    """The remark of a receipt, if it says more than its code."""
    from ..flow.receipts import DESCRIPTIONS

    for one in deliveries:
        for said in one.history:
            if said.sha256 == line.get("sha256") and said.note not in ("", *DESCRIPTIONS.values()):
                return f" · {said.note}"
    return ""
