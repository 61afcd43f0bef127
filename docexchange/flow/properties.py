"""The outside of a mailroom's message: its properties, its size, its packing.

What the contract says of them is checked before anything in the body is looked at.
"""

from __future__ import annotations

import zlib

from ..core.errors import SubmissionRefused
from ..core.ports import MailroomIncoming

EDXML = "application/xml"
JSON_DOCUMENT = "application/vnd.docexchange.submission+json"
JSON = "application/json"
BYTES = "application/octet-stream"
MESSAGE_ID_MAX = 200  # characters; a UUID has 36, a ULID 26
NO_TEXT = "\ufffd"  # stands where bytes were no UTF-8: the answer could not name the message


def check_message_id(incoming: MailroomIncoming) -> None:
    """Raises SubmissionRefused E-FMT-002: there is none, it is too long, or no UTF-8."""
    name = incoming.message_id
    if not name or len(name) > MESSAGE_ID_MAX or NO_TEXT in name:
        raise SubmissionRefused(
            "E-FMT-002",
            "Thiếu message_id, message_id không phải UTF-8 hoặc quá dài",
            "message_id missing, no UTF-8 or over 200 characters",
            detail=f"1 đến {MESSAGE_ID_MAX} ký tự UTF-8, "
            "một giá trị riêng cho mỗi văn bản (UUID, ULID)",
            pointer="properties/message_id",
        )


def check_size(size: int, limit: int) -> None:
    """Raises SubmissionRefused E-SIZ-001: more bytes than the limit."""
    if size > limit:
        raise SubmissionRefused(
            "E-SIZ-001",
            "Văn bản vượt quá dung lượng cho phép",
            "The document is over the size limit",
            detail=f"{size:,} byte; giới hạn {limit:,} byte",
        )


def unpacked(body: bytes, limit: int) -> bytes:
    """What a gzip body holds; never more than `limit` bytes are unpacked.

    Raises:
        SubmissionRefused: E-FMT-007 no whole gzip stream, E-SIZ-001 more than `limit`.
    """
    stream = zlib.decompressobj(wbits=31)  # 31: gzip, with its header and checksum
    try:
        data = stream.decompress(body, limit + 1)
    except zlib.error as bad:
        raise _bad_gzip(str(bad)) from bad
    check_size(len(data), limit)
    if not stream.eof or stream.unused_data:
        raise _bad_gzip("bị cắt, hoặc còn thừa dữ liệu / cut, or more data after its end")
    return data


def _bad_gzip(detail: str) -> SubmissionRefused:
    return SubmissionRefused(
        "E-FMT-007", "Dữ liệu nén gzip bị hỏng", "Damaged gzip content", detail=detail
    )


def check_encoding(incoming: MailroomIncoming, *, packed: bool) -> None:
    """Raises SubmissionRefused E-FMT-005: not plain, nor gzip where that is allowed."""
    known = ("", "identity", "utf-8", "gzip") if packed else ("", "identity")
    if incoming.content_encoding not in known:
        raise SubmissionRefused(
            "E-FMT-005",
            "content_encoding không được hỗ trợ",
            "Content encoding not supported",
            detail=incoming.content_encoding,
            pointer="properties/content_encoding",
        )


def content_type(incoming: MailroomIncoming) -> str:
    """Its content type in lower case without parameters, "" when it has none."""
    return incoming.content_type.partition(";")[0].strip().lower()


def check_form(given: str, *known: str) -> None:
    """Raises SubmissionRefused E-FMT-006: a content type that is not taken here."""
    if given not in ("", *known):
        raise SubmissionRefused(
            "E-FMT-006",
            "content_type không đúng",
            "Content type not supported here",
            detail=f"{given}; cần {', '.join(known)}",
            pointer="properties/content_type",
        )
