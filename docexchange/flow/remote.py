"""Documents whose signature is made elsewhere: asked for, waited for, and queued when it comes.

    hold        a signing request -> signings.keep    COMMIT == waiting for its signature
    complete    request + signature -> signings.sign    COMMIT == queued (instant 1)
    expire      what nobody signed in time

The signature decides: whoever brings a right one may, and a wrong one changes nothing but the
journal. What was waiting is restored from the store's bytes alone; a request file is only read by
who signs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from envelopes.errors import RequestExpired, SignatureRefused
from envelopes.findings import Finding
from envelopes.model import Document
from envelopes.pack import with_trace
from envelopes.request import SigningRequest, restore
from envelopes.request import ask as make_request
from envelopes.request import complete as make_envelope
from keys.certificates import Certificate
from keys.remote import RemoteKey, remote_key

from ..core.errors import Conflict, SubmissionRefused
from ..core.model import (
    MailroomMessage,
    Origin,
    Pending,
    PendingView,
    SigningOutcome,
    Submission,
    Submitted,
)
from ..core.recalls import RECALL, changed_by
from ..core.schedule import lane_of
from ..core.states import Kind, SigningState
from ..core.world import World

log = structlog.get_logger()

EXPIRE_ROWS = 1000  # rows a transaction of the store decides at most


@dataclass(frozen=True, slots=True)
class Signed:
    """What `complete` returns: queued, or was before (`duplicate`); and what was odd."""

    tracking_id: str
    document_id: str
    duplicate: bool
    findings: tuple[Finding, ...]


async def ask(
    document: Document, key: RemoteKey, *, world: World, now: datetime, expires: datetime
) -> SigningRequest:
    """Make the signing request of a document of ours, its trace added.

    Raises:
        SubmissionRefused: E-AUT-002, receivers would not believe that key.
    """
    organ = document.sender.organ_id
    _check_key(key, organ, world, now)
    traced = with_trace(document, organ, now)
    try:
        return await asyncio.to_thread(make_request, traced, key, at=now, expires=expires)
    except SignatureRefused as refused:
        raise _not_believed(refused.vi) from refused


async def hold(
    request: SigningRequest,
    *,
    content_sha256: str,
    world: World,
    now: datetime,
    origin: Origin | None = None,
    reply: Callable[[Submitted], MailroomMessage] | None = None,
) -> Submitted:
    """Keep a document until its signature comes.

    When this returns, it waits for its signature (chờ ký), durably: it will be queued when the
    signature comes, or a person will be told that none came.

    Raises:
        Conflict: the same identity was submitted before with other content.
        StoreError: nothing was stored.
    """
    document, envelope = request.message, request.envelope
    code = document.code
    pending = Pending(
        tracking_id=world.new_id(),
        request_id=request.request_id,
        data=envelope,
        sha256=hashlib.sha256(envelope).hexdigest(),
        from_organ=document.sender.organ_id,
        document_id=document.document_id or "",
        business=document.business,
        number=code.number or "" if code else "",
        notation=code.notation or "" if code else "",
        subject=document.subject or "",
        recipients=document.recipients,
        priority=document.priority,
        content_sha256=content_sha256,
        algorithm=request.key.algorithm.name,
        chain=tuple(one.der for one in request.key.chain),
        signing_time=request.signing_time,
        expires_at=request.expires,
        submitted_at=now,
        origin=origin,
    )
    submitted = await world.store.signings.keep(pending, reply)
    log.info("waiting_for_signature", tracking_id=submitted.tracking_id, until=submitted.sign_by)
    return submitted


def request_of(view: PendingView, world: World) -> SigningRequest:
    """The signing request of a document that waits or waited, from the store's bytes.

    Raises:
        StoreError, NotFound: its content is damaged or not there.
    """
    chain = tuple(Certificate.from_der(der) for der in view.chain)
    return restore(
        world.store.contents.read(view.sha256),
        remote_key(chain, view.algorithm),
        signing_time=view.signing_time,
        expires=view.expires_at,
        limit=world.limits.envelope_bytes,
    )


async def complete(ref: str, given: bytes, *, world: World, now: datetime) -> Signed:
    """Queue a document with the signature that came for it.

    When this returns, the document is queued (instant 1), as if it had been submitted now. The
    signature of a document that is queued already changes nothing (`duplicate`).

    Args:
        ref: tracking id, its prefix, the number, or the request id.
        given: the signature value, in any form that `envelopes.request.complete` takes.
        world: surroundings of the node.
        now: aware UTC.

    Raises:
        NotFound, Ambiguous: of ref.
        SignatureRefused: it is wrong; the document goes on waiting. Journalled.
        RequestExpired: it is late; the document has expired. Journalled.
        Conflict: the document was taken back.
        SubmissionRefused: receivers would no longer believe that key; it goes on waiting.
        Deferred: the clock of this machine is wrong; nothing was changed.
        StoreError: nothing was changed.
    """
    view = world.store.signings.find(ref)
    world.keyring.signer(view.from_organ)  # of ours still, and the clock is right
    if view.state is SigningState.CANCELLED:
        raise _cancelled(view)
    request = await asyncio.to_thread(request_of, view, world)
    at = request.signing_time if view.state is SigningState.SIGNED else now
    try:
        done = await asyncio.to_thread(make_envelope, request, given, at=at)
    except SignatureRefused as refused:
        await _note_refusal(view, refused, world, now)
        raise
    if view.state is SigningState.SIGNED:
        return Signed(view.tracking_id, view.document_id, duplicate=True, findings=done.findings)
    _check_key(request.key, view.from_organ, world, now)
    outcome = await world.store.signings.sign(
        _submission(view, request.message, done.data, world, now), now
    )
    if outcome is SigningOutcome.CANCELLED:
        raise _cancelled(view)
    if outcome is SigningOutcome.EXPIRED:
        raise RequestExpired(
            f"{view.tracking_id} has expired; submit it again", f"{view.tracking_id} đã hết hạn ký"
        )
    log.info("signed", tracking_id=view.tracking_id, outcome=outcome.value)
    again = outcome is SigningOutcome.DUPLICATE
    return Signed(view.tracking_id, view.document_id, duplicate=again, findings=done.findings)


async def expire(*, world: World, now: datetime) -> None:
    """Settle what nobody signed in time; its mailroom gets an event. Raises StoreError."""
    while True:
        expired = await world.store.signings.expire(now)
        if expired:
            log.warning("signatures_expired", documents=expired)
        if expired < EXPIRE_ROWS:
            return


async def _note_refusal(
    view: PendingView, refused: SignatureRefused, world: World, now: datetime
) -> None:
    if isinstance(refused, RequestExpired):
        await expire(world=world, now=now)
    detail = f"{refused.vi} / {refused}"
    await world.store.signings.refuse(view.tracking_id, refused.reason, detail, now)
    log.warning("signature_refused", tracking_id=view.tracking_id, reason=refused.reason)


def recalled_by(document: Document, world: World) -> str:
    """Tracking id of the document of ours that this one recalls, "" if it recalls none of ours."""
    if document.business != RECALL:
        return ""
    named = changed_by(document, None)
    return world.store.outgoing.submission_of(document.sender.organ_id, named[0]) if named else ""


def _submission(
    view: PendingView, document: Document, data: bytes, world: World, now: datetime
) -> Submission:
    return Submission(
        tracking_id=view.tracking_id,
        kind=Kind.DOCUMENT,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        from_organ=view.from_organ,
        document_id=view.document_id,
        business=view.business,
        number=view.number,
        notation=view.notation,
        subject=view.subject,
        recipients=view.recipients,
        lane=lane_of(view.priority),
        priority=view.priority,
        submitted_at=now,
        lifetime_ends=now + world.schedule.lifetime_of(view.priority),
        warn_at=now + world.schedule.warn_of(view.priority),
        content_sha256=view.content_sha256,
        origin=view.origin,
        recalls=recalled_by(document, world),
        changes=changed_by(document, None),
    )


def _check_key(key: RemoteKey, organ: str, world: World, now: datetime) -> None:
    """Refuse a key now that every receiver would refuse when it is too late."""
    path = world.trust.path(key.chain[0], key.chain[1:], now)
    if path.problem:
        raise _not_believed(f"{key.chain[0].subject}: {path.problem}: {path.detail}")
    speaks, why = world.directory.speaks_for(organ, path.chain, now)
    if not speaks:
        raise _not_believed(f"{key.chain[0].subject}, {organ}: {why}")


def _not_believed(detail: str) -> SubmissionRefused:
    return SubmissionRefused(
        "E-AUT-002",
        "Bên nhận sẽ không tin chứng thư ký này",
        "Receivers would not believe the certificate that is to sign",
        detail=detail,
    )


def _cancelled(view: PendingView) -> Conflict:
    return Conflict(
        f"{view.tracking_id} was taken back and waits for no signature; submit it again",
        f"{view.tracking_id} đã thôi chờ ký; hãy nộp lại văn bản",
    )
