"""`reconcile`: two nodes compare what two of their organs sent to each other.

    ask       ours: a signed question, stored and published as a test is
    take      theirs came: a question is answered, an answer is kept for whoever asked

Whoever asks proves by a signature which organ it is, and learns only of documents between that
organ and the one asked. An answer changes no delivery; what it names is settled by receipts, or
sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from envelopes.model import Document
from envelopes.pack import new_document, with_trace
from envelopes.report import Report

from ..core import questions, reconciling
from ..core.errors import ContentDamaged, NotFound
from ..core.model import Order, Submission
from ..core.ping import MARK
from ..core.policy import check_recipients, check_sender
from ..core.questions import NotUnderstood
from ..core.reconciling import Asked, Listed, Place, Question, Reply
from ..core.world import World
from . import ping
from .offload import aside, is_heavy_document
from .signing import signed

log = structlog.get_logger()

NUMBER_MAX = 10**9  # of the number that each carries: digits that NĐ 30 allows


async def ask(
    question: Question, organ: str, order: Order, *, sender: str, world: World, now: datetime
) -> str:
    """Queue a question to an organ; its tracking id, by which `reconciling.told` has the answer.

    Args:
        question: what is asked.
        organ: who is to answer.
        order: who asks, and why.
        sender: organ of ours that asks.
        world: surroundings of the node.
        now: aware UTC.

    Raises:
        NotFound: this node does not serve `sender`.
        SubmissionRefused: the directory has no open organ with that code; nothing was stored.
        Deferred: the signer is down; nothing was stored.
    """
    check_sender(sender)
    world.keyring.signer(sender)
    check_recipients((organ,), world.directory, world.limits)
    text = questions.write_question(question)
    made = await _signed(text, questions.QUESTION, sender, organ, world, now)
    await world.store.reconciling.ask(made, order)
    log.info("reconcile_asked", tracking_id=made.tracking_id, to=organ)
    return made.tracking_id


async def take(
    document: Document, report: Report, sha256: str, organ: str, *, world: World, now: datetime
) -> None:
    """Take a verified question or answer; what is none is logged and changes nothing.

    Args:
        document: as it was signed.
        report: of its verification.
        sha256: of its envelope.
        organ: our organ that got it.
        world: surroundings of the node.
        now: aware UTC.

    Raises:
        Deferred: our signer is down; no answer was stored.
        StoreError: no answer was stored.
    """
    peer = document.sender.organ_id
    try:
        text = questions.text_of(document)
        if questions.is_answer(document):
            await _keep(text, sha256, organ, peer, world, now)
        else:
            await _answer(text, report, Asked(sha256, organ, peer), world, now)
    except NotUnderstood as why:
        log.warning("reconcile_refused", sender=peer, organ=organ, sha256=sha256, why=str(why))


async def _keep(
    text: bytes, sha256: str, organ: str, peer: str, world: World, now: datetime
) -> None:
    asked = Asked(questions.read_reply(text).question, organ, peer)
    if not await world.store.reconciling.take(asked, text, sha256, now):
        raise NotUnderstood("no question of ours waits for this answer of this organ")


async def _answer(text: bytes, report: Report, asked: Asked, world: World, now: datetime) -> None:
    question = questions.read_question(text)
    if report.signed_at is None or report.signed_at < now - reconciling.FRESH_FOR:
        raise NotUnderstood("it was signed too long ago: it may be a replay")
    if not world.store.reconciling.may_answer(asked, now):
        raise NotUnderstood("it was answered before, or too many came within an hour")
    known, listed, place = await aside(True, _compared, question, asked, world)
    again = await _answer_again(question, known, world, now)
    resent = await _send_again(question, asked, world, now)
    reply = Reply(
        asked.sha256,
        {digest: known[digest][1] for digest in question.about if digest in known},
        listed.sent,
        listed.received,
        bool(place),
        again,
        resent,
    )
    made = await _signed(
        questions.write_reply(reply),
        questions.ANSWER,
        asked.organ,
        asked.peer,
        world,
        now,
    )
    figures = {
        "about": len(question.about),
        "have": len(reply.have),
        "listed": len(listed.sent) + len(listed.received),
        "again": again,
        "resent": len(resent),
    }
    await world.store.reconciling.answer(asked, made, place, **figures)
    log.info("reconcile_answered", organ=asked.organ, by=asked.peer, **figures)


def _compared(
    question: Question, asked: Asked, world: World
) -> tuple[Mapping[str, tuple[str, str]], Listed, Place]:
    """What we have of what was asked about, and a piece of what there is; in a thread."""
    wanted = dict.fromkeys(question.about + question.again)
    known = world.store.reconciling.have(asked.organ, asked.peer, tuple(wanted))
    if question.window is None:
        return known, Listed(), Place()
    listed, place = world.store.reconciling.listed(asked, question.window)
    return known, listed, place


async def _answer_again(
    question: Question, known: Mapping[str, tuple[str, str]], world: World, now: datetime
) -> int:
    """Put our receipts of these back in the queue, byte for byte, as for a copy that comes."""
    again = [known[digest][0] for digest in question.again if digest in known]
    await asyncio.gather(
        *(world.store.incoming.answer_again(one, now) for one in again)
    )  # in few commits
    return len(again)


async def _send_again(
    question: Question, asked: Asked, world: World, now: datetime
) -> tuple[str, ...]:
    """Send what the asker lost once more, up to a number of bytes; what was sent."""
    sent: list[str] = []
    room = reconciling.RESEND_BYTES
    for digest in question.resend:
        if room <= 0:
            break
        try:
            size = await world.store.reconciling.send_again(asked, digest, world.new_id, now)
        except (NotFound, ContentDamaged) as gone:
            log.error("not_sent_again", sha256=digest, to=asked.peer, why=str(gone))
            continue
        if size is not None:
            sent.append(digest)
            room -= size
    return tuple(sent)


async def _signed(
    text: bytes, mark: str, sender: str, organ: str, world: World, now: datetime
) -> Submission:
    document = replace(
        new_document(
            sender=sender,
            to={organ: ""},
            number=str(int(now.timestamp() * 1000) % NUMBER_MAX),
            notation="DS",
            subject="Đối soát văn bản đã gửi, nhận",
            type_name="Công văn",
            date=now.date(),
            files=[(questions.FILE, text)],
        ),
        unknown=(MARK, mark),
    )
    data = await signed(
        with_trace(document, sender, now),
        world.keyring.signer(sender),
        now,
        heavy=is_heavy_document(document),
    )
    return ping.as_test(document, data, organ, world.new_id(), now)
