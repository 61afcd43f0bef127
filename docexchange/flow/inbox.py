"""The incoming path: judge first, commit, and only then ack.

    receive -> verify -> TOTAL-PASSED            incoming.accept      COMMIT == arrived
                         settles by itself       incoming.hold        COMMIT == kept
                         anything else           incoming.quarantine  COMMIT == kept for a person

AMQP headers are hints; only signed bytes are facts. A copy of what was accepted is answered
again before anything is parsed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from envelopes.model import Document, Status
from envelopes.report import Indication, Report
from envelopes.verify import verify, verify_file

from ..core.errors import Deferred, NotFound, StoreError, StoreUnavailable
from ..core.events import inbox_message
from ..core.model import Acceptance, Arrival, Content, InStore, Kept, Part
from ..core.parts import is_part
from ..core.ping import is_ping
from ..core.policy import Disposition, dispose, is_secret, sender_is_proven
from ..core.ports import Incoming
from ..core.questions import is_answer, is_question
from ..core.recalls import RECALL, changed_by
from ..core.states import CONFLICT, StatusCode
from ..core.world import World
from . import parts, ping, recall, receipts, reconcile
from .offload import DIGEST_BYTES, aside, is_heavy

log = structlog.get_logger()

PIECE = 1024 * 1024  # bytes of a large envelope in memory at once
# Headers by which a publisher has the broker route copies past its permissions (RabbitMQ < 4.0.3).
COPYING = frozenset({"CC", "BCC"})
REDELIVERED = "redelivered"  # whose turn it is among these: a death then speaks of one of them


class Outcome(StrEnum):
    """What became of a message of the axis."""

    ACCEPTED = "accepted"
    ANSWERED_AGAIN = "answered_again"
    RECEIPT = "receipt"
    PING = "ping"  # a test: answered, and nothing else
    RECONCILING = "reconciling"  # a question of another organ, or an answer to one of ours
    HELD = "held"
    QUARANTINED = "quarantined"
    REFUSED = "refused"  # a recall beyond its organ's quota: journalled, nothing else
    PART = "part"  # of a large envelope: kept, known already, or refused


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes that came for an organ, before anybody believes them."""

    organ: str
    data: Content
    connection: str
    sha256: str


async def receive(incoming: Incoming, *, world: World, now: datetime) -> Outcome:
    """Take one message of the axis; it is acked when what became of it is on disk.

    Never raises for what a sender did. Without the ack the broker delivers the message again.

    Raises:
        StoreError: nothing was stored and nothing acked.
        Deferred: our signer is down; nothing was stored and nothing acked.
    """
    if not COPYING.isdisjoint(incoming.headers):
        log.warning("copies_named", connection=incoming.connection, organ=incoming.organ)
    if is_part(incoming.headers):

        async def whole(part: Part, content: InStore, attempt: int) -> Outcome:
            envelope = Envelope(part.organ, content, part.connection, part.envelope)
            return await _take_new(envelope, attempt, world, now)

        outcome = await parts.receive(incoming, whole, world=world, now=now) or Outcome.PART
        incoming.ack()
        return outcome
    heavy = len(incoming.body) > DIGEST_BYTES
    digest = (await aside(heavy, hashlib.sha256, incoming.body)).hexdigest()
    envelope = Envelope(incoming.organ, incoming.body, incoming.connection, digest)
    outcome = await _take(envelope, redelivered=incoming.redelivered, world=world, now=now)
    incoming.ack()
    return outcome


async def _take(envelope: Envelope, *, redelivered: bool, world: World, now: datetime) -> Outcome:
    known = world.store.incoming.find(envelope.organ, envelope.sha256)
    if known is not None:
        await world.store.incoming.answer_again(known, now)
        return Outcome.ANSWERED_AGAIN
    if not redelivered:
        return await _take_new(envelope, 0, world, now)
    async with world.turns.of(REDELIVERED):
        return await _take_suspect(envelope, world, now)


async def _take_suspect(envelope: Envelope, world: World, now: datetime) -> Outcome:
    """Judge what came redelivered, and remember while it lasts that it began: what ends the process
    is counted, and nothing else that was in hand."""
    store, digest = world.store, envelope.sha256
    counting = asyncio.ensure_future(store.incoming.attempt(digest, now))
    try:
        attempt = await asyncio.shield(counting)
        outcome = await _take_new(envelope, attempt, world, now)
    except (Deferred, StoreUnavailable, asyncio.CancelledError):  # not its fault, and no end
        await asyncio.wait([counting])
        if counting.exception() is None:
            await _take_back(digest, world)
        raise
    if attempt < world.limits.poison_attempts:
        await store.incoming.judged(digest, ended=True)
    return outcome


async def _take_back(digest: str, world: World) -> None:
    try:
        await world.store.incoming.judged(digest, ended=False)
    except StoreError as why:  # it stays counted, once
        log.warning("attempt_stays", sha256=digest, why=str(why))


async def _take_new(envelope: Envelope, attempt: int, world: World, now: datetime) -> Outcome:
    """Judge what was not accepted before; `attempt` counts how often that began without an end."""
    if attempt >= world.limits.poison_attempts:
        why = f"delivered {attempt} times without an end; not parsed"
        return await _quarantine(envelope, None, "POISON", why, world, now)
    if attempt and world.trial and len(envelope.data) > world.limits.trial_bytes:
        died = await aside(True, world.trial, _pieces(envelope.data, world))
        if died:
            why = f"it ended the process that read it on trial: {died}"
            return await _quarantine(envelope, None, "POISON", why, world, now)
    if not _served(envelope.organ, world):  # read all the same: a secret is not kept here either
        report = await _verify(envelope, world, now)
        why = "routed to an organ not served here"
        return await _quarantine(envelope, report, "NOT_FOR_US", why, world, now)
    return await judge(envelope, world=world, now=now)


def _pieces(data: Content, world: World) -> Iterable[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with closing(world.store.contents.open(data)) as file:
        while piece := file.read(PIECE):
            yield piece


async def judge(
    envelope: Envelope, *, world: World, now: datetime, held_since: datetime | None = None
) -> Outcome:
    """Verify an envelope and store what follows from it; `held_since` of one that is held."""
    report = await _verify(envelope, world, now)
    disposition = dispose(report, now, world.limits, held_since)
    if disposition is Disposition.HOLD:
        return await _hold(envelope, report, world, now)
    if disposition is Disposition.QUARANTINE:
        return await _quarantine(envelope, report, report.reason, report.explain("vi"), world, now)
    verified = report.require_passed()
    message = verified.message
    if isinstance(message, Status):
        return await _take_status(envelope, message, report, world, now)
    if envelope.organ not in message.recipients:
        why = f"{envelope.organ} is not among the signed recipients"
        return await _quarantine(envelope, report, "NOT_FOR_US", why, world, now)
    if is_question(message) or is_answer(message):
        await reconcile.take(message, report, envelope.sha256, envelope.organ, world=world, now=now)
        return Outcome.RECONCILING
    if is_ping(message):
        await ping.answer(message, envelope.sha256, envelope.organ, world=world, now=now)
        return Outcome.PING
    if world.pdfs is not None and message.business != RECALL:
        why = await aside(True, _unsigned, envelope.data, message, world, now)
        if why:
            return await _quarantine(envelope, report, "PDF_SIGNATURES", why, world, now)
    return await _accept(envelope, message, report, world, now)


async def _verify(envelope: Envelope, world: World, now: datetime) -> Report:
    data = envelope.data
    if isinstance(data, InStore):
        return await aside(True, _verify_stored, data, world, now)

    def run() -> Report:
        return verify(
            data,
            trust=world.trust,
            at=now,
            directory=world.directory,
            evidence=world.evidence,
            skew=world.limits.signing_skew,
            limit=world.limits.envelope_bytes,
        )

    def run_with_digests() -> Report:
        report = run()
        if report.indication is not Indication.PASSED:  # it will be kept, with the digests
            for attachment in report.attachments:
                _ = attachment.sha256
        return report

    heavy = is_heavy(data)
    return await aside(heavy, run_with_digests if heavy else run)


def _verify_stored(data: InStore, world: World, now: datetime) -> Report:
    with closing(world.store.contents.open(data)) as file:
        return verify_file(
            file,
            trust=world.trust,
            at=now,
            directory=world.directory,
            evidence=world.evidence,
            skew=world.limits.signing_skew,
            limit=world.limits.large_bytes,
        )


def _unsigned(data: Content, message: Document, world: World, now: datetime) -> str:
    """What is wrong with the signatures inside its PDFs; "" if nothing."""
    if world.pdfs is None:
        return ""
    if isinstance(data, bytes):
        return world.pdfs(message, None, now)
    with closing(world.store.contents.open(data)) as file:
        return world.pdfs(message, file, now)


async def _accept(
    envelope: Envelope, document: Document, report: Report, world: World, now: datetime
) -> Outcome:
    arrival = _arrival(envelope, document, report, world, now)
    if document.business == RECALL:
        return _outcome(await recall.take(arrival, world=world, now=now))
    answer = await receipts.answer(
        receipts.About.document(document, envelope.sha256),
        StatusCode.ARRIVED,
        organ=envelope.organ,
        world=world,
        now=now,
        answers=arrival.tracking_id,
    )
    acceptance = await world.store.incoming.accept(arrival, answer)
    if acceptance is Acceptance.RECALLED:
        acceptance = await recall.bury(arrival, answer, world=world, now=now)
    if acceptance is Acceptance.CONFLICT:
        why = f"{document.document_id} of {document.sender.organ_id} is here with other content"
        log.error("conflict", organ=envelope.organ, why=why, sha256=envelope.sha256)
        return await _quarantine(envelope, report, CONFLICT, why, world, now)
    if acceptance is Acceptance.DUPLICATE:  # two copies were in hand at once
        return Outcome.ANSWERED_AGAIN
    log.info("arrived", tracking_id=arrival.tracking_id, organ=envelope.organ, sender=report.sender)
    return Outcome.ACCEPTED


def _outcome(acceptance: Acceptance) -> Outcome:
    if acceptance is Acceptance.REFUSED:
        return Outcome.REFUSED
    return Outcome.ACCEPTED if acceptance is Acceptance.NEW else Outcome.ANSWERED_AGAIN


def _arrival(
    envelope: Envelope, document: Document, report: Report, world: World, now: datetime
) -> Arrival:
    tracking_id = world.new_id()
    vhost = world.mailroom_of(envelope.organ)
    number = document.code.number or "" if document.code else ""
    notation = document.code.notation or "" if document.code else ""
    changes = changed_by(document, envelope.organ)
    delivery = None
    if vhost is not None:
        delivery = inbox_message(
            vhost=vhost,
            organ=envelope.organ,
            tracking_id=tracking_id,
            sha256=envelope.sha256,
            from_organ=document.sender.organ_id,
            number=number,
            notation=notation,
            verdict=report.indication.value,
            sub_indication=report.sub_indication,
            signer=report.signer.subject if report.signer else "",
            large=len(envelope.data) > world.limits.envelope_bytes,
            business=document.business,
            changes=changes,
        )
    return Arrival(
        tracking_id=tracking_id,
        organ=envelope.organ,
        sha256=envelope.sha256,
        data=envelope.data,
        from_organ=document.sender.organ_id,
        document_id=document.document_id or "",
        business=document.business,
        number=number,
        notation=notation,
        subject=document.subject or "",
        report=_json(report, digests=False),  # the envelope itself is kept
        arrived_at=now,
        signed_at=report.signed_at,
        delivery=delivery,
        changes=changes,
        priority=document.priority,
    )


async def _take_status(
    envelope: Envelope, status: Status, report: Report, world: World, now: datetime
) -> Outcome:
    if status.response_for.organ_id != envelope.organ:
        why = f"the status answers {status.response_for.organ_id}, not {envelope.organ}"
        return await _quarantine(envelope, report, "NOT_FOR_US", why, world, now)
    if status.status_code == StatusCode.RECALLING:
        wish = recall.request(status, report, envelope.sha256, world=world, now=now)
        return _outcome(await recall.take(wish, world=world, now=now))
    receipt = receipts.receipt_of(status, report, envelope.sha256, now)
    await receipts.apply(receipt, world=world)
    return Outcome.RECEIPT


async def _hold(envelope: Envelope, report: Report, world: World, now: datetime) -> Outcome:
    kept = _kept(
        envelope, report, report.reason, report.explain("vi"), now, now + world.limits.recheck
    )
    if await world.store.incoming.hold(kept):
        log.info("held", sha256=envelope.sha256, organ=envelope.organ, reason=report.reason)
    return Outcome.HELD


async def _quarantine(
    envelope: Envelope, report: Report | None, reason: str, why: str, world: World, now: datetime
) -> Outcome:
    """Keep it for a person; answer 02 only to a proven sender of a document (QĐ 28 Art 9.1).

    Of a state secret only digest, signer and report are kept, never the content (Art 1.2).
    """
    answer = None
    if (
        report
        and report.kind == "document"
        and sender_is_proven(report)
        and _served(envelope.organ, world)
    ):
        answer = await receipts.answer(
            receipts.About.claimed(report, envelope.sha256),
            StatusCode.REJECTED,
            organ=envelope.organ,
            world=world,
            now=now,
            note=f"{reason}: {why}",
        )
    kept = _kept(envelope, report, reason, why, now, None)
    if await world.store.incoming.quarantine(kept, answer):
        log.warning("quarantined", sha256=envelope.sha256, organ=envelope.organ, reason=reason)
    return Outcome.QUARANTINED


def _kept(
    envelope: Envelope,
    report: Report | None,
    reason: str,
    why: str,
    now: datetime,
    recheck_at: datetime | None,
) -> Kept:
    secret = report is not None and is_secret(report)
    return Kept(
        organ=envelope.organ,
        sha256=envelope.sha256,
        data=b"" if secret else envelope.data,
        size=len(envelope.data),
        reason=reason,
        detail=why,
        report=_json(report, secret=secret) if report else "",
        connection=envelope.connection,
        from_organ=report.sender if report else "",
        document_id=report.document_id if report else "",
        kept_at=now,
        recheck_at=recheck_at,
        truncated=secret,
    )


def _json(report: Report, *, digests: bool = True, secret: bool = False) -> str:
    """The report as it is kept; of a secret without what repeats the content."""
    kept = report.to_json_dict(digests=digests)
    if secret:
        kept |= {"attachments": [], "findings": []}
    return json.dumps(kept, ensure_ascii=False)


def _served(organ: str, world: World) -> bool:
    try:
        world.keyring.signer(organ)
    except NotFound:
        return False
    return True
