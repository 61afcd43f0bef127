"""The words that people read, in Vietnamese and English, and which of the two is spoken.

One language per process: `main` chooses it before any command is loaded, so that help texts are
in it too. JSON never changes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.recalls import Recall
from ..core.states import SigningState, State, StatusCode

LANGUAGES = ("vi", "en")
DEFAULT = "vi"

_spoken = DEFAULT


def speak(lang: str) -> None:
    """Choose the language of this process."""
    global _spoken  # noqa: PLW0603  # a command has one reader
    _spoken = lang


def spoken() -> str:
    """The language spoken, "vi" or "en"."""
    return _spoken


def say(vi: str, en: str) -> str:
    """The text in the language spoken."""
    return en if _spoken == "en" else vi


def side(text: str) -> str:
    """The half that is spoken of a text kept in both languages (`DocexchangeError.both`)."""
    vi, both, en = text.partition(" / ")
    return say(vi, en) if both else text


def chosen(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language asked for: --lang, else DOCEXCHANGE_LANG, else LC_MESSAGES, else Vietnamese."""
    for position, argument in enumerate(arguments):
        following = arguments[position + 1] if position + 1 < len(arguments) else ""
        wanted = following if argument == "--lang" else argument.removeprefix("--lang=")
        if argument.startswith("--lang") and wanted in LANGUAGES:
            return wanted
    for name in ("DOCEXCHANGE_LANG", "LC_MESSAGES"):
        wanted = environment.get(name, "")[:2].lower()
        if wanted in LANGUAGES:
            return wanted
    return DEFAULT


_STATES: Mapping[State, tuple[str, str]] = {
    State.QUEUED: ("Chờ gửi", "Queued"),
    State.SENT: ("Đã gửi, chờ biên nhận", "Sent, waiting for receipt"),
    State.ACKNOWLEDGED: ("Đã có biên nhận", "Acknowledged"),
    State.UNDELIVERABLE: ("Không gửi được", "Undeliverable"),
}
_SIGNS: Mapping[State, str] = {
    State.QUEUED: "○",
    State.SENT: "◐",
    State.ACKNOWLEDGED: "●",
    State.UNDELIVERABLE: "✖",
}
_SIGNINGS: Mapping[SigningState, tuple[str, str, str]] = {
    SigningState.WAITING: ("◌", "Chờ ký", "Waiting for signature"),
    SigningState.SIGNED: ("○", "Đã ký", "Signed"),
    SigningState.EXPIRED: ("✖", "Hết hạn ký", "Not signed in time"),
    SigningState.CANCELLED: ("✖", "Thôi ký", "Taken back unsigned"),
}
_CODES: Mapping[str, tuple[str, str]] = {
    StatusCode.ARRIVED: ("Đã đến", "Arrived"),
    StatusCode.REJECTED: ("Từ chối tiếp nhận", "Rejected"),
    StatusCode.ACCEPTED: ("Đã tiếp nhận", "Accepted"),
    StatusCode.ASSIGNED: ("Phân công", "Assigned"),
    StatusCode.PROCESSING: ("Đang xử lý", "In progress"),
    StatusCode.COMPLETED: ("Hoàn thành", "Completed"),
    StatusCode.RECALLING: ("Yêu cầu lấy lại", "Recall requested"),
    StatusCode.CHANGE_AGREED: ("Đồng ý cập nhật, lấy lại", "Update or recall agreed"),
    StatusCode.CHANGE_REFUSED: ("Từ chối cập nhật, lấy lại", "Update or recall refused"),
}
_KEPT: Mapping[str, tuple[str, str]] = {
    "NOT_FOR_US": ("không gửi cho cơ quan của nút này", "not for an organ of this node"),
    "CONFLICT": (
        "trùng định danh với văn bản đã nhận, nội dung khác",
        "same identity as an accepted document, other content",
    ),
    "PDF_SIGNATURES": (
        "thiếu chữ ký đúng của cá nhân và cơ quan trong tệp PDF",
        "no right signatures of a person and of the organ inside a PDF",
    ),
    "POISON": (
        "làm dừng tiến trình nhiều lần, không đọc nữa",
        "ended the process several times, not read any more",
    ),
    "DAMAGED": (
        "nội dung bị hỏng trên đĩa, chờ nơi gửi gửi lại",
        "its content is damaged on disk; a new copy will be judged",
    ),
}
_RECALLS: Mapping[str, tuple[str, str]] = {
    Recall.WAITING: ("yêu cầu thu hồi đến trước văn bản", "the recall came before its document"),
    Recall.ASKED: ("đã yêu cầu thu hồi (13), chờ trả lời", "recall asked (13), no answer yet"),
    Recall.CANCELLED: ("chưa gửi lần nào: đã huỷ, không gửi", "never published: cancelled here"),
    Recall.AGREED: ("đã thu hồi (15)", "recalled (15)"),
    Recall.REFUSED: ("bên nhận từ chối thu hồi (16)", "the recipient refused the recall (16)"),
    Recall.EXPIRED: ("văn bản không đến nơi, thu hồi hết hạn", "its document never came there"),
    Recall.TOO_LATE: ("thu hồi quá muộn: đã xử lý xong", "recalled too late: it was completed"),
}
_BUSINESS = (
    ("văn bản mới", "new document"),
    ("thu hồi", "recall"),
    ("cập nhật", "update"),
    ("thay thế", "replacement"),
)
_PRIORITIES = (
    ("thường", "normal"),
    ("khẩn", "urgent"),
    ("thượng khẩn", "very urgent"),
    ("hỏa tốc", "express"),
    ("hỏa tốc hẹn giờ", "express by the hour"),
)


def state(value: State) -> str:
    """Transport state with its sign."""
    return f"{_SIGNS[value]} {say(*_STATES[value])}"


def signing(value: SigningState) -> str:
    """State of a document before its deliveries, with its sign."""
    sign, vi, en = _SIGNINGS[value]
    return f"{sign} {say(vi, en)}"


def code(value: str) -> str:
    """Processing status: number and words; a dash when nothing was said yet."""
    if not value:
        return "–"
    return f"{value} {say(*_CODES[value])}" if value in _CODES else value


def reason(value: str) -> str:
    """Why an envelope is kept, in words."""
    from envelopes.wording import REASONS, SUB_INDICATIONS

    if value in _KEPT:
        return say(*_KEPT[value])
    known = REASONS[value].words if value in REASONS else None
    for sub, words in SUB_INDICATIONS.items():
        known = known or (words if sub.value == value else None)
    return known.get(_spoken) if known else value


def recall(value: str) -> str:
    """Where a recall stands."""
    return say(*_RECALLS[value]) if value in _RECALLS else value


def business(value: int) -> str:
    """What a document does: new, recall, update, replacement."""
    return say(*_BUSINESS[value]) if 0 <= value < len(_BUSINESS) else str(value)


def priority(value: int) -> str:
    """Độ khẩn."""
    return say(*_PRIORITIES[value]) if 0 <= value < len(_PRIORITIES) else str(value)
