"""The mailroom's side: submissions and status reports in, replies, inbox and events out.

    take        one message of a mailroom -> outbox.submit or receipts.report; the reply is queued
                in the same transaction, then the message is acked
    hand_over   rows of the mailroom outbox, in order, marked at the confirm: at least once

The contract (names, keys, properties, problem codes): docexchange/README.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from envelopes import edxml
from envelopes.errors import Malformed
from envelopes.model import Document
from envelopes.secrecy import hints

from ..core.errors import (
    Ambiguous,
    Conflict,
    Deferred,
    DocexchangeError,
    NotFound,
    StoreError,
    SubmissionRefused,
)
from ..core.events import accepted_reply, problem_reply
from ..core.model import MailroomMessage, Origin, Submitted
from ..core.policy import check_secrecy, check_sender
from ..core.ports import Clock, MailroomBroker, MailroomIncoming
from ..core.world import World
from . import outbox, recall, receipts
from .offload import aside, is_heavy

log = structlog.get_logger()

SUBMIT_DOCUMENT = "submit.document"
SUBMIT_STATUS = "submit.status"
SUBMIT_RECALL = "submit.recall"
MESSAGE_ID_MAX = 200  # characters; a UUID has 36, a ULID 26
HAND_OVER_ROWS = 32  # messages in hand per mailroom: at 8 MiB each 256 MiB at the very most


@dataclass(frozen=True, slots=True)
class Counter:
    """A mailroom's place at our desk: its vhost and the organs it may speak for."""

    vhost: str
    organs: frozenset[str]


async def take(
    incoming: MailroomIncoming, counter: Counter, *, world: World, now: datetime
) -> None:
    """Take one message of a mailroom; it is acked when its reply is on disk.

    A mailroom's mistake is answered with a problem and never raises.

    Raises:
        StoreError: nothing was stored and nothing acked.
    """
    reply = _replier(incoming, counter, now)
    try:
        origin = Origin(counter.vhost, _message_id(incoming))
        if incoming.routing_key == SUBMIT_STATUS:
            await _take_status(incoming, counter, origin, reply, world, now)
        elif incoming.routing_key == SUBMIT_RECALL:
            _check_form(incoming, "application/json")
            asked = recall.wish(incoming.body)
            await recall.ask(
                **asked, organs=counter.organs, origin=origin, reply=reply, world=world, now=now
            )
        else:
            await _take_document(incoming, counter, origin, reply, world, now)
    except StoreError:
        raise
    except DocexchangeError as error:
        refused = as_refusal(error)
        log.warning("submission_refused", vhost=counter.vhost, code=refused.code, why=str(refused))
        digest = hashlib.sha256(incoming.body).hexdigest()
        size = len(incoming.body)
        message = problem_reply(
            incoming.message_id or "", refused, counter.vhost, digest, size, world.new_id()
        )
        await world.store.reply(message, now)
    incoming.ack()


def as_refusal(error: DocexchangeError) -> SubmissionRefused:
    """Put an error of the paths into the words of a problem reply."""
    match error:
        case SubmissionRefused():
            return error
        case Ambiguous():
            return SubmissionRefused(
                "E-REF-002", "Tham chiếu không rõ ràng", "Ambiguous reference", detail=str(error)
            )
        case NotFound():
            return SubmissionRefused(
                "E-REF-001", "Không tìm thấy văn bản", "No such document", detail=str(error)
            )
        case Conflict():
            return SubmissionRefused(
                "E-DUP-002",
                "Trùng định danh nhưng khác nội dung",
                "Same identity with other content",
                detail=str(error),
            )
        case Deferred():
            return SubmissionRefused(
                "E-BSY-002",
                "Tạm thời chưa nhận được",
                "Cannot take it now",
                detail=str(error),
                retryable=True,
            )
        case _:
            return SubmissionRefused(
                "E-INT-500", "Lỗi của hệ thống", "Our error", detail=str(error), retryable=True
            )


def _replier(
    incoming: MailroomIncoming, counter: Counter, now: datetime
) -> Callable[[Submitted], MailroomMessage]:
    def reply(submitted: Submitted) -> MailroomMessage:
        return accepted_reply(incoming.message_id, submitted, counter.vhost, now)

    return reply


def _message_id(incoming: MailroomIncoming) -> str:
    message_id = incoming.message_id
    if not message_id or len(message_id) > MESSAGE_ID_MAX:
        raise SubmissionRefused(
            "E-FMT-002",
            "Thiếu message_id, hoặc message_id quá dài",
            "message_id is missing or too long",
            detail=f"1 đến {MESSAGE_ID_MAX} ký tự, một giá trị riêng cho mỗi văn bản (UUID, ULID)",
            pointer="properties/message_id",
        )
    return message_id


async def _take_document(
    incoming: MailroomIncoming,
    counter: Counter,
    origin: Origin,
    reply: Callable[[Submitted], MailroomMessage],
    world: World,
    now: datetime,
) -> None:
    _check_form(incoming, "application/xml")
    heavy = is_heavy(incoming.body)
    document = await aside(heavy, read_submission, incoming.body, world.limits.envelope_bytes)
    check_secrecy(document)
    check_sender(document.sender.organ_id)
    if document.sender.organ_id not in counter.organs:
        raise SubmissionRefused(
            "E-AUT-001",
            "Văn thư này không gửi thay cho cơ quan đó",
            "This mailroom may not send for that organ",
            detail=f"{document.sender.organ_id}; được phép: {', '.join(sorted(counter.organs))}",
            pointer="MessageHeader/From/OrganId",
        )
    await outbox.submit(document, world=world, now=now, origin=origin, reply=reply)


def read_submission(body: bytes, limit: int) -> Document:
    """Read a finished edXML of a mailroom, tolerant as the wild needs, its dates put right.

    Raises:
        SubmissionRefused: E-FMT-001 not XML or not edXML, E-FMT-003 a status instead of a
            document, E-SIZ-001 over the limit (bytes).
    """
    if len(body) > limit:
        raise SubmissionRefused(
            "E-SIZ-001",
            "Văn bản vượt quá dung lượng cho phép",
            "The document is over the size limit",
            detail=f"{len(body):,} byte; giới hạn {limit:,} byte",
        )
    try:
        message, findings = edxml.read(body, repair=True)
    except Malformed as malformed:
        raise SubmissionRefused(
            "E-FMT-001",
            "Không phải edXML đúng quy cách",
            "Not well-formed edXML",
            detail=str(malformed),
            pointer=malformed.element,
        ) from malformed
    if not isinstance(message, Document):
        raise SubmissionRefused(
            "E-FMT-003",
            "Đây là thông báo trạng thái, không phải văn bản; gửi qua submit.status",
            "This is a status, not a document; send it through submit.status",
            pointer="MessageHeader/StatusCode",
        )
    for finding in findings:
        log.info("finding", code=finding.code, line=finding.line, element=finding.element)
    for hint in hints(message):
        log.warning("may_be_secret", code="W-SEC-001", element=hint.element)
    return message


async def _take_status(
    incoming: MailroomIncoming,
    counter: Counter,
    origin: Origin,
    reply: Callable[[Submitted], MailroomMessage],
    world: World,
    now: datetime,
) -> None:
    _check_form(incoming, "application/json")
    asked = _status_report(incoming.body)
    await receipts.report(
        asked["tracking_id"],
        asked["code"],
        note=asked.get("note", ""),
        staff=asked.get("staff"),
        organs=counter.organs,
        origin=origin,
        reply=reply,
        world=world,
        now=now,
    )


def _status_report(body: bytes) -> Mapping[str, Any]:
    """Parse a status.report.v1: {tracking_id, code, note?, staff?: {name, department, ...}}."""
    try:
        asked = json.loads(body)
    except ValueError as bad:
        raise _bad_report("", f"không phải JSON: {bad}") from bad
    if not isinstance(asked, dict):
        raise _bad_report("", "phải là một đối tượng JSON")
    for key in ("tracking_id", "code"):
        if not isinstance(asked.get(key), str) or not asked[key]:
            raise _bad_report(key, "phải là một chuỗi khác rỗng")
    if not isinstance(asked.get("note", ""), str):
        raise _bad_report("note", "phải là một chuỗi")
    staff = asked.get("staff", {})
    if not isinstance(staff, dict) or not all(isinstance(value, str) for value in staff.values()):
        raise _bad_report("staff", "phải là đối tượng gồm name, department, phone, email")
    return asked


def _bad_report(pointer: str, detail: str) -> SubmissionRefused:
    return SubmissionRefused(
        "E-FMT-004",
        "Báo cáo trạng thái sai dạng",
        "Malformed status report",
        detail=detail,
        pointer=pointer,
    )


def _check_form(incoming: MailroomIncoming, content_type: str) -> None:
    if incoming.content_encoding not in ("", "identity", "utf-8"):
        raise SubmissionRefused(
            "E-FMT-005",
            "content_encoding không được hỗ trợ",
            "content_encoding is not supported",
            detail=incoming.content_encoding,
            pointer="properties/content_encoding",
        )
    given = incoming.content_type.partition(";")[0].strip().lower()
    if given not in ("", content_type):
        raise SubmissionRefused(
            "E-FMT-006",
            "content_type không đúng",
            "Unexpected content_type",
            detail=f"{given}; cần {content_type}",
            pointer="properties/content_type",
        )


async def hand_over(
    vhost: str, broker: MailroomBroker, *, world: World, clock: Clock
) -> tuple[int, str]:
    """Publish the next messages for a mailroom, in order.

    Those before the first that is not confirmed are marked; the others come again, so a mailroom
    may see a message twice under the same message_id, and never loses one.

    Returns:
        (how many were confirmed, why the first of the rest was not, "" if all were).
    """
    rows = world.store.mailroom_due(vhost, 0, HAND_OVER_ROWS)
    results = await asyncio.gather(
        *(broker.publish(row.message) for row in rows), return_exceptions=True
    )
    confirmed: list[int] = []
    why = ""
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, Deferred):
            why = str(result)
            break
        if isinstance(result, BaseException):
            raise result
        confirmed.append(row.row_id)
    if confirmed:
        await world.store.mailroom_sent(confirmed, clock.now())
    return len(confirmed), why
