"""What proves what happened: timestamps, revocation evidence, the journal; and what can be read
from it all."""

from __future__ import annotations

from datetime import datetime

from envelopes.evidence.journal import Follower, JournalBroken

from ...core.errors import StoreError
from . import evidence, figures, journal, search, stamping, statistics, views
from .sections import Section, finishes, looks, reads, writes


class SqlStamps(Section):
    """Implements `core.memory.Stamps`."""

    waiting = looks(stamping.waiting)
    oldest = reads(stamping.oldest)
    keep = finishes("stamp", stamping.write)
    of = reads(stamping.of)
    backlog = looks(stamping.backlog)


class SqlEvidence(Section):
    """CRLs and OCSP answers."""

    keep = writes("keep_evidence", evidence.keep)
    wake_held = writes("wake_held", evidence.wake)
    has = reads(evidence.has)
    numbers = reads(evidence.current)
    current = looks(evidence.current_whole)
    after = reads(evidence.after)
    find = reads(evidence.find)
    newest = reads(evidence.newest)


class SqlJournal(Section):
    """The append-only history of instants."""

    async def note(self, event: str, ref: str, now: datetime, **facts: object) -> None:
        """Add a line about the node itself. Raises StoreError."""
        await self._access.writer.write("note", lambda work: work.note(event, ref, now, **facts))

    of = looks(views.journal_of)
    about = looks(journal.lines_of)
    follow = looks(journal.follow)
    last_time = reads(journal.last_time)

    def verify(self) -> tuple[int, str]:
        """(lines, hash of the last). Raises StoreError naming the first broken line."""
        try:
            whole = self.follow(Follower())
        except JournalBroken as broken:
            raise StoreError(str(broken)) from broken
        return whole.lines, whole.head


class SqlArchive(Section):
    """What a period or a search finds."""

    async def index(self) -> int:
        access = self._access
        if not search.behind(access.reader):
            return 0
        return await access.writer.write("index", search.add)

    find = looks(search.find)
    figures = looks(figures.of_period)
    concerns = reads(statistics.concerns)
    statistics = looks(statistics.lines)
