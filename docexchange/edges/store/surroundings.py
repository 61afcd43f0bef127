"""Who is around the documents: mailrooms, other organs that compare, and the node itself."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

from ...core.model import Order, Submission
from ...core.reconciling import Asked, Place
from . import comparing, damage, directories, handover, health, reconciling, uploads
from .sections import Section, finishes, looks, reads, writes
from .transaction import Transaction


class SqlMailrooms(Section):
    """Implements `core.memory.Mailrooms`."""

    async def keep_upload(
        self, vhost: str, sha256: str, data: bytes, now: datetime, quota: int
    ) -> bool:
        access = self._access
        if not uploads.has_room(access.reader, vhost, sha256, len(data), now, quota):
            return False  # before any of it is written
        await access.write_large(sha256, data, now)
        return await access.writer.write(
            "keep_upload", lambda work: uploads.keep(work, vhost, sha256, data, now, quota)
        )

    async def drop_uploads(self, vhost: str, digests: Collection[str]) -> None:
        for digest in digests:
            await self._access.writer.write("drop_upload", partial(_drop, vhost, digest))

    reply = writes("reply", Transaction.post)
    uploads = reads(uploads.sizes)
    due = reads(handover.due)
    sent = finishes("mailroom_sent", handover.sent)
    set_aside = finishes("set_aside", damage.set_aside)
    take_up_again = writes("take_up_again", damage.take_up_again)
    damaged = reads(damage.waiting)
    tell_health = writes("tell_health", health.tell)
    told_bad_health = reads(health.told_bad)


def _drop(vhost: str, sha256: str, work: Transaction) -> int:
    return uploads.drop(work, vhost, sha256)


class SqlReconciling(Section):
    """Implements `core.memory.Reconciling`."""

    async def ask(self, question: Submission, order: Order) -> None:
        await self._access.write_large(question.sha256, question.data, question.submitted_at)
        await self._access.writer.write(
            "reconcile_ask", lambda work: reconciling.ask(work, question, order)
        )

    async def answer(self, asked: Asked, said: Submission, place: Place, **facts: int) -> bool:
        access = self._access
        await access.write_large(said.sha256, said.data, said.submitted_at, in_hand=True)
        return await access.writer.write(
            "reconcile_answer",
            lambda work: reconciling.answer(work, asked, said, place, **facts),
            in_hand=True,
        )

    told = reads(reconciling.told)
    may_answer = reads(reconciling.may_answer)
    send_again = finishes("send_again", reconciling.send_again)
    take = finishes("reconcile_take", reconciling.take)
    forget = writes("forget_questions", reconciling.forget)
    listed = looks(reconciling.listed)
    have = looks(comparing.have)
    sent = looks(comparing.sent_to)
    known = looks(comparing.known)


class SqlDirectories(Section):
    """The signed directories that were served."""

    last = reads(directories.last)
    take = finishes("take_directory", directories.take)
