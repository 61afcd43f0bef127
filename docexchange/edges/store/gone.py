"""Contents that went by age (`purging`): when, and what to tell whoever wants one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from ...core.errors import Conflict, NotFound
from . import tables
from .database import Connection, Query, moment

_b, _p, _s = tables.blobs, tables.purged, tables.submissions
_PURGED = Query(
    select(_p.c.at)
    .join_from(_p, _b, _b.c.id == _p.c.blob_id)
    .where(
        _b.c.sha256 == bindparam("sha256"),
        _b.c.complete == tables.number(tables.DESTROYED),
    )
)
_SENT = Query(
    select(_s.c.sha256).where(
        _s.c.kind == tables.word("document"), _s.c.tracking_id == bindparam("tracking_id")
    )
)


def purged_at(connection: Connection, sha256: str) -> datetime | None:
    """When a content was purged; None if it is here, or went for another reason."""
    row = connection.one(_PURGED, sha256=sha256)
    return moment(row["at"]) if row else None


def missing(connection: Connection, sha256: str) -> NotFound:
    """The error of a content that is not here, with the reason if age was it."""
    at = purged_at(connection, sha256)
    if at is None:
        return NotFound(f"no content {sha256}")
    return NotFound(
        f"content {sha256} was purged on {at:%Y-%m-%d}; its digest, receipts and journal are kept",
        f"nội dung {sha256} đã huỷ ngày {at:%d/%m/%Y} vì hết hạn lưu; còn giá trị băm, biên nhận "
        "và nhật ký",
    )


def refuse(connection: Connection, tracking_id: str) -> None:
    """Raises Conflict when the content of a document of ours was purged: it cannot be sent."""
    row = connection.one(_SENT, tracking_id=tracking_id)
    at = purged_at(connection, row["sha256"]) if row else None
    if at is not None:
        raise Conflict(
            f"its content was purged on {at:%Y-%m-%d}: it cannot be sent again",
            f"nội dung đã huỷ ngày {at:%d/%m/%Y}: không gửi lại được",
        )
