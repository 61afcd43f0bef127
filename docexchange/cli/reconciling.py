"""How `reconcile` asks: question after question, each waited for; and what it has the node do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.errors import Deferred
from ..core.questions import read_reply
from ..core.reconciling import (
    ABOUT_MAX,
    AGAIN_MAX,
    PER_HOUR,
    RESEND_MAX,
    RESTORED,
    Asked,
    Compared,
    Differences,
    Question,
    Reply,
    Sent,
    Window,
)
from ..core.states import State
from . import agency_ping, session

if TYPE_CHECKING:
    from ..core.model import Order
    from ..core.world import World
    from ..edges.store import SqlStore

POLL = 0.05  # s between two looks at the store
QUESTIONS_MAX = 500  # of one comparison: 2.5 million documents; a list that goes on is no list
WAITS = frozenset({State.QUEUED, State.SENT})


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done about the differences.

    Args:
        released: tracking ids of what the other organ lacks; they are sent.
        asked: digests whose receipts were asked for again; `acknowledged` of these came.
        wanted: digests that we lost and asked for; `resent` of these it sends again, `arrived`
            of these are here.
    """

    released: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    acknowledged: int = 0
    wanted: tuple[str, ...] = ()
    resent: tuple[str, ...] = ()
    arrived: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of one of our organs with another.

    Args:
        world: surroundings of the node: signs and queues questions.
        store: the same store, to read what the daemon beside us writes.
        organ: ours. peer: the other one.
        order: who asks, and why.
        wait: the longest time for each answer.
    """

    world: World
    store: SqlStore
    organ: str
    peer: str
    order: Order
    wait: timedelta

    @property
    def between(self) -> Asked:
        """Both organs."""
        return Asked("", self.organ, self.peer)

    def ask(self, question: Question) -> Reply:
        """Ask, and wait for the answer. Raises Deferred with the reason if none comes."""
        from ..flow import reconcile

        ref = asyncio.run(
            reconcile.ask(
                question,
                self.peer,
                self.order,
                sender=self.organ,
                world=self.world,
                now=session.now(),
            )
        )
        if not self.until(
            lambda: self.store.reconciling.told(ref) is not None or self._is_old(ref)
        ):
            raise self._silence(ref)
        told = self.store.reconciling.told(ref)
        if told is None:
            raise Deferred(
                f"{self.peer} answered, but its node does not know this question (an older "
                "program): ask its operator to upgrade, or to compare by hand",
                f"{self.peer} có trả lời, nhưng nút bên đó chưa biết câu hỏi đối soát (phần mềm "
                "cũ): đề nghị họ nâng cấp, hoặc đối soát bằng tay",
            )
        return read_reply(told)

    def until(self, done: Callable[[], bool]) -> bool:
        """Wait until something is so; False if it is not in time."""
        ends = time.monotonic() + self.wait.total_seconds()
        while not done():
            if time.monotonic() >= ends:
                return False
            time.sleep(POLL)
        return True

    def _is_old(self, ref: str) -> bool:
        """Whether it was answered as a test: by a node that knows no more of it."""
        return "ping_answered" in self._lines(ref)

    def _lines(self, ref: str) -> dict[str, dict[str, object]]:
        found = [json.loads(line.line) for line in self.store.journal.about(ref)]
        return {line["event"]: line for line in found}

    def _silence(self, ref: str) -> Deferred:
        lines = self._lines(ref)
        why = agency_ping.silence(
            self.wait, agency_ping.failure(lines), taken="publish_confirmed" in lines
        )
        return Deferred(
            f"{self.peer} did not answer the question: {why}; it answers {PER_HOUR} an hour",
            f"{self.peer} chưa trả lời câu hỏi đối soát: {why}; mỗi giờ họ chỉ trả lời "
            f"{PER_HOUR} câu",
        )


def compare(talk: Talk, since: datetime, until: datetime) -> Compared:
    """Ask about everything between both organs. Raises Deferred if an answer does not come: what
    was asked changed nothing."""
    whole, between = Window(since, until), talk.between
    before = talk.store.reconciling.sent(between, whole)
    pages = _pages([one.sha256 for one in before], ABOUT_MAX)
    have: set[str] = set()
    theirs: dict[str, Sent] = {}
    accepted: dict[str, Sent] = {}
    window: Window | None = whole
    page = next(pages, ())
    for _ in range(QUESTIONS_MAX):
        if not page and window is None:
            break
        reply = talk.ask(Question(about=page, window=window))
        have |= reply.have.keys() & set(page)
        theirs |= {one.sha256: one for one in reply.sent}
        accepted |= {one.sha256: one for one in reply.received}
        window = Window(since, until, reply.question) if reply.more else None
        page = next(pages, ())
    else:
        raise Deferred(
            f"{talk.peer} lists more than {QUESTIONS_MAX} answers hold; choose a later --since",
            f"{talk.peer} liệt kê quá {QUESTIONS_MAX} câu trả lời; hãy chọn --since muộn hơn",
        )
    return Compared(
        _as_they_stand(talk, whole, before, have),
        have,
        tuple(theirs.values()),
        talk.store.reconciling.have(talk.organ, talk.peer, theirs).keys(),
        tuple(accepted.values()),
        talk.store.reconciling.known(between, accepted),
    )


def _as_they_stand(
    talk: Talk, whole: Window, before: Sequence[Sent], have: Collection[str]
) -> tuple[Sent, ...]:
    """What was asked about, as it stands now: receipts came meanwhile."""
    asked = {one.sha256 for one in before}
    now = [one for one in talk.store.reconciling.sent(talk.between, whole) if one.sha256 in asked]
    gone = asked - {one.sha256 for one in now} - set(have)  # older than the window, let go since
    return (*now, *(one for one in before if one.sha256 in gone))


def settle(talk: Talk, compared: Compared, *, release: bool, resend: bool) -> Settled:
    """Have done what the differences ask for. Raises Deferred if an answer does not come: what was
    done before stays done, and doing it again is harmless."""
    found = compared.differences
    settled = _release(talk, found) if release else Settled()
    if not resend:
        return settled
    wanted = [one.sha256 for one in found.not_here if one.state is State.ACKNOWLEDGED]
    resent: list[str] = []
    for page in _pages(wanted, RESEND_MAX):
        resent += _resend(talk, page)
    talk.until(lambda: len(_here(talk, resent)) == len(resent))
    return Settled(
        settled.released,
        settled.asked,
        settled.acknowledged,
        tuple(wanted),
        tuple(resent),
        len(_here(talk, resent)),
    )


def _release(talk: Talk, found: Differences) -> Settled:
    """What they have is answered again, and becomes acknowledged by the receipt; what was held back
    and they lack is let go."""
    asked = tuple(one.sha256 for one in found.open_here)
    for page in _pages(asked, AGAIN_MAX):
        talk.ask(Question(again=page))
    released = [one for one in found.not_there if one.held == RESTORED and one.state in WAITS]
    for one in released:
        given = (one.tracking_id, [talk.peer], talk.order, session.now())
        asyncio.run(talk.store.operator.release(*given))
    refs = {one.tracking_id for one in found.open_here}
    talk.until(lambda: not _open(talk, refs))
    left = _open(talk, refs)
    return Settled(tuple(one.tracking_id for one in released), asked, len(refs) - len(left))


def _open(talk: Talk, refs: Iterable[str]) -> list[str]:
    """Those of these documents that the peer has not acknowledged."""
    return [
        ref
        for ref in refs
        for line in talk.store.operator.deliveries(ref)
        if line.to_organ == talk.peer and line.state is not State.ACKNOWLEDGED
    ]


def _resend(talk: Talk, page: Sequence[str]) -> list[str]:
    """Have some sent again, in as many questions as their size needs; those that are."""
    sent: list[str] = []
    left = tuple(page)
    while left:
        some = set(talk.ask(Question(resend=left)).resent) & set(left)
        if not some:
            break
        sent += [digest for digest in left if digest in some]
        left = tuple(digest for digest in left if digest not in some)
    return sent


def _here(talk: Talk, digests: Sequence[str]) -> Sequence[str]:
    return list(talk.store.reconciling.have(talk.organ, talk.peer, digests))


def _pages(digests: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(digests[at : at + size]) for at in range(0, len(digests), size))
