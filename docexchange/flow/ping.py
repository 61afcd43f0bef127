"""`agency ping`: a signed test envelope through the whole path, and its answer.

    send      ours: signed, stored and published as a document is
    answer    theirs: verified; a signed 01, and a line in the journal

It is tried once: a test that is answered after hours proves nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

import structlog

from envelopes.model import Document
from envelopes.pack import local_time, new_document, with_trace

from ..core.model import Submission
from ..core.ping import ANSWER, MARK
from ..core.policy import check_recipients, check_sender
from ..core.schedule import Lane
from ..core.states import Kind, StatusCode
from ..core.world import World
from . import receipts
from .signing import signed

log = structlog.get_logger()

NUMBER_MAX = 10**9  # of the number that a test carries: digits that NĐ 30 allows


async def send(organ: str, *, sender: str, world: World, now: datetime) -> str:
    """Queue a test for an organ; its tracking id.

    Args:
        organ: who is to answer.
        sender: organ of ours that asks.
        world: surroundings of the node.
        now: aware UTC.

    Raises:
        NotFound: this node does not serve `sender`.
        SubmissionRefused: the directory has no open organ with that code; nothing was stored.
        Deferred: the signer is down; nothing was stored.
    """
    check_sender(sender)
    signer = world.keyring.signer(sender)
    check_recipients((organ,), world.directory, world.limits)
    document = _test(organ, sender, now)
    data = await signed(with_trace(document, sender, now), signer, now)
    submission = as_test(document, data, organ, world.new_id(), now)
    submitted = await world.store.outgoing.submit(submission, None)
    log.info("ping", tracking_id=submitted.tracking_id, to=organ)
    return submitted.tracking_id


def as_test(
    document: Document, data: bytes, organ: str, tracking_id: str, now: datetime
) -> Submission:
    """A signed envelope for one organ that no mailroom ever gets."""
    digest = hashlib.sha256(data).hexdigest()
    return Submission(
        tracking_id=tracking_id,
        kind=Kind.TEST,
        data=data,
        sha256=digest,
        from_organ=document.sender.organ_id,
        document_id=document.document_id or "",
        business=0,
        number="",
        notation="",
        subject="",
        recipients=(organ,),
        lane=Lane.NORMAL,
        priority=0,
        submitted_at=now,
        lifetime_ends=None,
        content_sha256=digest,
    )


def _test(organ: str, sender: str, now: datetime) -> Document:
    number = str(int(now.timestamp() * 1000) % NUMBER_MAX)
    made = new_document(
        sender=sender,
        to={organ: ""},
        number=number,
        notation="KT",
        subject="Kiểm tra đường truyền",
        type_name="Công văn",
        date=now.date(),
        files=[("kiem-tra.txt", f"{sender} -> {organ} {local_time(now)}\n".encode())],
    )
    return replace(made, unknown=(MARK,))


async def answer(
    document: Document, sha256: str, organ: str, *, world: World, now: datetime
) -> None:
    """Answer a verified test: a signed 01 that says what it was. Raises Deferred, StoreError."""
    about = receipts.About.document(document, sha256)
    said = await receipts.answer(
        about, StatusCode.ARRIVED, organ=organ, world=world, now=now, note=ANSWER
    )
    await world.store.receipts.answer_ping(said, document.sender.organ_id, sha256)
    log.info("pinged", by=document.sender.organ_id, organ=organ)
