"""What is being signed, in words that a person can check before they sign: Vietnamese, English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

from .model import Document, Organization

# label: Vietnamese, English
_BUSINESS: Final = (
    ("Văn bản mới", "New document"),
    ("Thu hồi văn bản", "Recall of a document"),
    ("Cập nhật văn bản", "Update of a document"),
    ("Thay thế văn bản", "Replacement of a document"),
)
_LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "business": ("Nghiệp vụ", "Business"),
    "from": ("Cơ quan ban hành", "Issuing organ"),
    "to": ("Nơi nhận", "Recipient"),
    "type": ("Loại văn bản", "Type"),
    "number": ("Số, ký hiệu", "Number"),
    "date": ("Ngày ban hành", "Date"),
    "subject": ("Trích yếu", "Subject"),
    "document_id": ("Mã định danh", "DocumentId"),
    "attachment": ("Tệp đính kèm", "Attachment"),
    "none": ("Tệp đính kèm: không có", "Attachment: none"),
}


def in_words(document: Document, language: str) -> list[str]:
    """The document, a line for each fact, as "Trích yếu: ...".

    Names and subjects come from whoever wrote the document: what a terminal would obey, and marks
    that turn the direction of writing, are shown as spaces.
    """
    side = 0 if language == "vi" else 1
    lines = [f"{_LABELS[name][side]}: {_plain(value)}" for name, value in _facts(document, side)]
    return lines if document.attachments else [*lines, _LABELS["none"][side]]


def _facts(document: Document, side: int) -> Iterator[tuple[str, str]]:
    code, kind, promulgation = document.code, document.document_type, document.promulgation
    number = "/".join(part for part in (code.number, code.notation) if part) if code else ""
    yield "business", _BUSINESS[document.business][side]
    yield "from", _organ(document.sender)
    for one in document.to:
        yield "to", _organ(one)
    if kind and kind.type_name:
        yield "type", kind.type_name
    yield "number", number
    if promulgation and promulgation.date:
        yield "date", promulgation.date
    yield "subject", document.subject or ""
    yield "document_id", document.document_id or ""
    for attachment in document.attachments:
        digest = sha256(attachment.content).hexdigest()
        size = f"{len(attachment.content):,} byte"
        yield "attachment", f"{attachment.name or '-'} · {size} · SHA-256 {digest}"


def _organ(organ: Organization) -> str:
    return f"{organ.organ_id} {organ.name}" if organ.name else organ.organ_id


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
