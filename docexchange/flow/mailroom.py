"""What mailrooms send: submissions, status reports, recalls and parts.

    take    one message of a mailroom -> outbox.submit, receipts.report or uploads.take_part; the
            reply is queued in the same transaction, then the message is acked

What goes to them is for `handover`.
The contract (names, keys, properties, problem codes): contract/asyncapi.yaml, and README.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from envelopes import edxml
from envelopes.errors import Malformed
from envelopes.model import Document
from envelopes.pack_file import Opener
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
from ..core.ports import MailroomIncoming
from ..core.world import World
from . import changes, outbox, recall, receipts, submission, uploads
from .forms import Form, NotJson
from .offload import aside, is_heavy
from .properties import (
    BYTES,
    EDXML,
    JSON,
    JSON_DOCUMENT,
    check_encoding,
    check_form,
    check_message_id,
    check_size,
    content_type,
    unpacked,
)

log = structlog.get_logger()

SUBMIT_DOCUMENT = "submit.document"
SUBMIT_STATUS = "submit.status"
SUBMIT_RECALL = "submit.recall"
SUBMIT_PART = "submit.part"
STAFF = ("name", "department", "phone", "email")
JSON_ASIDE = 64 * 1024  # bytes; to read and decode more takes longer than the loop may wait


@dataclass(frozen=True, slots=True)
class Counter:
    """A mailroom's place at our desk: its vhost, the organs it may speak for, and the parts of
    attachments that it brought and that are being stored."""

    vhost: str
    organs: frozenset[str]
    parts: uploads.InHand = field(default_factory=uploads.InHand, compare=False)


@dataclass(frozen=True, slots=True)
class Errand:
    """One message of a mailroom, being taken.

    Args:
        incoming: the message.
        body: its body, unpacked if it came as gzip.
        form: its content type, lower case, without parameters; "" when it has none.
        counter: whose it is.
        world, now: surroundings and time.
    """

    incoming: MailroomIncoming
    body: bytes = field(repr=False)
    form: str
    counter: Counter
    world: World
    now: datetime

    @property
    def origin(self) -> Origin:
        """The mailroom's key of this message."""
        return Origin(self.counter.vhost, self.incoming.message_id)

    def reply(self, submitted: Submitted) -> MailroomMessage:
        """The answer when it is taken."""
        return accepted_reply(self.incoming.message_id, submitted, self.counter.vhost, self.now)


async def take(
    incoming: MailroomIncoming, counter: Counter, *, world: World, now: datetime
) -> None:
    """Take one message of a mailroom; it is acked when its reply is on disk.

    A part of an attachment that is kept has no reply. A mailroom's mistake is answered with a
    problem and never raises.

    Raises:
        StoreError: nothing was stored and nothing acked.
    """
    try:
        await _take(incoming, counter, world, now)
    except StoreError:
        raise
    except (DocexchangeError, Malformed) as error:
        refused = as_refusal(error)
        log.warning("submission_refused", vhost=counter.vhost, code=refused.code, why=str(refused))
        digest = hashlib.sha256(incoming.body).hexdigest()
        size = len(incoming.body)
        message = problem_reply(
            incoming.message_id or "", refused, counter.vhost, digest, size, world.new_id()
        )
        await world.store.mailrooms.reply(message, now)
    incoming.ack()


async def _take(incoming: MailroomIncoming, counter: Counter, world: World, now: datetime) -> None:
    check_message_id(incoming)
    if incoming.routing_key == SUBMIT_PART:
        with counter.parts.one():
            check_form(content_type(incoming), BYTES)
            check_encoding(incoming, packed=False)
            await uploads.take_part(incoming, counter.vhost, world=world, now=now)
        return
    taker = _TAKERS.get(incoming.routing_key)
    if taker is None:
        raise SubmissionRefused(
            "E-FMT-012",
            "Routing key không được hỗ trợ",
            "No such routing key",
            detail=f"{incoming.routing_key}; {', '.join(sorted({*_TAKERS, SUBMIT_PART}))}",
            pointer="properties/routing_key",
        )
    check_encoding(incoming, packed=True)
    body = incoming.body
    if incoming.content_encoding == "gzip":
        body = await asyncio.to_thread(unpacked, body, world.limits.envelope_bytes)
    await taker(Errand(incoming, body, content_type(incoming), counter, world, now))


def as_refusal(error: DocexchangeError | Malformed) -> SubmissionRefused:
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
        case Malformed():
            return SubmissionRefused(
                "E-FMT-001",
                "Không phải edXML đúng quy cách",
                "Not well-formed edXML",
                detail=str(error),
                pointer=error.element,
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


async def _take_document(errand: Errand) -> None:
    if errand.form == JSON_DOCUMENT:
        await _take_json(errand)
        return
    check_form(errand.form, EDXML, JSON_DOCUMENT)
    limit = errand.world.limits.envelope_bytes
    document = await aside(is_heavy(errand.body), read_submission, errand.body, limit)
    check_secrecy(document)
    check_sender(document.sender.organ_id)
    _check_organ(document.sender.organ_id, errand.counter, "MessageHeader/From/OrganId")
    await outbox.submit(
        document,
        world=errand.world,
        now=errand.now,
        origin=errand.origin,
        reply=errand.reply,
    )


async def _take_json(errand: Errand) -> None:
    """A document as JSON. Asked before any part is fetched: whether it was taken before (its parts
    are gone then), whether all parts came, whether the whole is within the limit."""
    world, vhost, limit = errand.world, errand.counter.vhost, errand.world.limits.envelope_bytes
    check_size(len(errand.body), limit)
    asked = await aside(len(errand.body) > JSON_ASIDE, submission.read, errand.body)
    _check_organ(asked.organ_from, errand.counter, "/organ_from")
    earlier = world.store.outgoing.find(errand.origin, None, asked.content_sha256)
    if earlier is not None:
        await world.store.mailrooms.reply(errand.reply(earlier), errand.now)
        return
    size = asked.size * 4 // 3
    check_size(size, world.limits.large_bytes if asked.parts else limit)
    if asked.parts:
        await errand.counter.parts.earlier()
        submission.check_parts(asked, world.store.mailrooms.uploads(vhost, asked.parts))
    contents: list[Opener] = []
    if asked.parts and size > limit:
        document = await _outline(asked, vhost, world)
        contents = [partial(uploads.joined, one.parts, world.store) for one in asked.in_parts]
    else:
        document = await _assemble(asked, vhost, world)
    try:
        _log_hints(document)
        if asked.change is not None:
            document = changes.apply(document, asked.change, world=world)
        await outbox.submit(
            document,
            world=world,
            now=errand.now,
            origin=errand.origin,
            reply=errand.reply,
            content_sha256=asked.content_sha256,
            contents=contents,
        )
    except SubmissionRefused as refused:
        raise submission.placed(refused) from refused
    await world.store.mailrooms.drop_uploads(vhost, asked.parts)


async def _assemble(asked: submission.Asked, vhost: str, world: World) -> Document:
    """The document in memory, with all that was sent ahead."""
    parts = await uploads.read(vhost, asked.parts, world.store)
    submission.check_parts(asked, parts)  # without those that are damaged on disk
    heavy = asked.size > JSON_ASIDE
    return await aside(heavy, submission.assemble, asked, _names(world), parts)


async def _outline(asked: submission.Asked, vhost: str, world: World) -> Document:
    """The document whose parts stay in the store, since together they are too large for memory."""
    found = {
        one.pointer: measured
        for one in asked.in_parts
        if (measured := await uploads.measure(vhost, one.parts, world.store)) is not None
    }
    if len(found) < len(asked.in_parts):  # some were damaged, and are forgotten
        submission.check_parts(asked, world.store.mailrooms.uploads(vhost, asked.parts))
    submission.check_whole(asked, found)
    return submission.outline(asked, _names(world))


def _names(world: World) -> Callable[[str], str]:
    def name(organ_id: str) -> str:
        organ = world.directory.find(organ_id)
        return organ.name if organ and not organ.closed else ""

    return name


def _check_organ(organ_id: str, counter: Counter, pointer: str) -> None:
    if organ_id not in counter.organs:
        raise SubmissionRefused(
            "E-AUT-001",
            "Văn thư này không gửi thay cho cơ quan đó",
            "This mailroom may not send for that organ",
            detail=f"{organ_id}; được phép: {', '.join(sorted(counter.organs))}",
            pointer=pointer,
        )


def read_submission(body: bytes, limit: int) -> Document:
    """Read a finished edXML of a mailroom, tolerant as the wild needs, its dates put right.

    Raises:
        SubmissionRefused: E-FMT-001 not XML or not edXML, E-FMT-003 a status instead of a
            document, E-SIZ-001 over the limit (bytes).
    """
    check_size(len(body), limit)
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
    _log_hints(message)
    return message


def _log_hints(document: Document) -> None:
    for hint in hints(document):
        log.warning("may_be_secret", code="W-SEC-001", element=hint.element)


async def _take_status(errand: Errand) -> None:
    check_form(errand.form, JSON)
    asked = _status_report(errand.body)
    try:
        await receipts.report(
            asked.tracking_id,
            asked.code,
            note=asked.note,
            staff=asked.staff,
            organs=errand.counter.organs,
            origin=errand.origin,
            reply=errand.reply,
            world=errand.world,
            now=errand.now,
        )
    except SubmissionRefused as refused:
        refused.pointer = f"/{refused.pointer}" if refused.pointer else ""
        raise


async def _take_recall(errand: Errand) -> None:
    check_form(errand.form, JSON)
    await recall.ask(
        **recall.wish(errand.body),
        organs=errand.counter.organs,
        origin=errand.origin,
        reply=errand.reply,
        world=errand.world,
        now=errand.now,
    )


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """A status.report.v1 that was read."""

    tracking_id: str
    code: str
    note: str
    staff: Mapping[str, str]


def _status_report(body: bytes) -> StatusAsked:
    """Read a status.report.v1: {tracking_id, code, note?, staff?: {name, department, ...}}."""
    faults: list[tuple[str, str]] = []
    try:
        form = Form.of(body, faults)
    except NotJson as bad:
        raise _bad_report([("", f"không phải JSON / not JSON: {bad}")]) from bad
    staff = form.inner("staff")
    asked = StatusAsked(
        tracking_id=form.text("tracking_id", required=True),
        code=form.text("code", required=True),
        note=form.text("note"),
        staff={name: staff.text(name) for name in STAFF if staff.has(name)},
    )
    staff.close()
    form.close()
    if faults:
        raise _bad_report(faults)
    return asked


def _bad_report(faults: list[tuple[str, str]]) -> SubmissionRefused:
    pointer, what = faults[0]
    return SubmissionRefused(
        "E-FMT-004",
        "Báo cáo trạng thái sai dạng",
        "Malformed status report",
        detail=f"{pointer or '/'}: {what}",
        pointer=pointer,
        errors=faults,
    )


_TAKERS: Mapping[str, Callable[[Errand], Awaitable[None]]] = {
    SUBMIT_DOCUMENT: _take_document,
    SUBMIT_STATUS: _take_status,
    SUBMIT_RECALL: _take_recall,
}
