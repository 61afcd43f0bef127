"""Questions between two organs about the documents between them (đối soát), and their answers.

Both travel as a test does (`ping`): in a signed envelope with a mark of ours, which no mailroom and
no list ever sees. They carry the mark of a test too, so a node that does not know the question
answers it 01 as a test, and the asker knows why it gets no more. The text is JSON in an attachment:

    question   about: digests that the asker sent; does the other organ have them?
               again: those of which it is to send its receipts again
               since, until: what it sent to the asker and accepted from it is to be listed;
               `continues` names the question whose lists go on
               resend: digests that it sent, and the asker has lost
    answer     question: digest of the question's envelope; have: digest -> last status
               sent, received: what is listed; `more`: another question goes on
               again, resent: what it does

An answer changes no delivery: only receipts do. Rules only; nothing here reads a store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from .states import State, StatusCode

RESTORED: Final = "restored"  # why a delivery is held: its recipient is to be asked first

ABOUT_MAX: Final = 5000  # digests in a question: 340 KB
LINES_MAX: Final = 2000  # documents of each list of an answer: 300 KB
SCAN_MAX: Final = 20_000  # documents of anybody looked at for a list: 50 ms
AGAIN_MAX: Final = 500  # documents whose receipts leave again for one question
RESEND_MAX: Final = 50  # documents sent again for one question
RESEND_BYTES: Final = 64 * 1024 * 1024  # the same, together; one larger document goes alone
PER_HOUR: Final = 60  # questions of one organ to one of ours that are answered within an hour
FRESH_FOR: Final = timedelta(days=1)  # one signed before that is not answered: it may be a replay
KEPT_FOR: Final = timedelta(days=2)  # questions and answers with their envelopes; a replay is known


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be listed: documents submitted from `since` to `until`, aware;
    `continues` is the digest of the question whose list goes on, "" for the beginning."""

    since: datetime
    until: datetime
    continues: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What one organ asks another; see the head of this file."""

    about: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A document from one organ to another, as the sender has it.

    Args:
        sha256: of the envelope.
        document_id: its DocumentId.
        at: when it was submitted, aware UTC.
        state: transport state of the delivery.
        code: last processing status that the sender knows.
        tracking_id, held: at home only; why it is held back, "" if it is not.
    """

    sha256: str
    document_id: str
    at: datetime
    state: State
    code: str
    tracking_id: str = ""
    held: str = ""

    @property
    def refused(self) -> bool:
        """Whether the recipient refused it with a signed 02: that it has none is no difference."""
        return self.code == StatusCode.REJECTED


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece of what one organ sent to another, and of what it accepted from it."""

    sent: tuple[Sent, ...] = ()
    received: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lists of an answer go on: numbers of the store that never leave it. None: that list
    has ended."""

    sent: int | None = None
    received: int | None = None

    def __bool__(self) -> bool:
        return (self.sent, self.received) != (None, None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the organ asked says; see the head of this file.

    Args:
        question: SHA-256 of the envelope of the question.
        have: of the digests asked about those that it accepted, with its last status.
        sent: documents that it sent to the asker.
        received: documents of the asker that it accepted; `at` is when they arrived, `code` what
            it said last.
        more: whether some of the window are not listed yet.
        again: how many documents it answers again.
        resent: digests of documents that it sends again.
    """

    question: str
    have: Mapping[str, str] = field(default_factory=dict)
    sent: tuple[Sent, ...] = ()
    received: tuple[Sent, ...] = ()
    more: bool = False
    again: int = 0
    resent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it came to one of our organs, or left it.

    Args:
        sha256: of its envelope.
        organ: our organ. peer: the other one.
    """

    sha256: str
    organ: str
    peer: str


@dataclass(frozen=True, slots=True)
class Differences:
    """In what two organs differ.

    Args:
        not_there: we sent it, they do not have it.
        not_here: they sent it, we do not have it.
        open_here: they have it, and no receipt of theirs is here.
        unknown_here: they have it from us, and this store does not know it.
    """

    not_there: tuple[Sent, ...]
    not_here: tuple[Sent, ...]
    open_here: tuple[Sent, ...]
    unknown_here: tuple[Sent, ...]

    def __bool__(self) -> bool:
        return any((self.not_there, self.not_here, self.open_here, self.unknown_here))


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides of a window.

    Args:
        ours: what we sent. have: digests of it that the other organ has.
        theirs: what it sent. here: digests of it that we have.
        accepted: what it accepted from us. known: digests of it that we know.
    """

    ours: tuple[Sent, ...]
    have: Collection[str]
    theirs: tuple[Sent, ...]
    here: Collection[str]
    accepted: tuple[Sent, ...]
    known: Collection[str]

    @property
    def differences(self) -> Differences:
        """In what both differ."""
        ours = [(one, one.sha256 in self.have) for one in self.ours]
        return Differences(
            tuple(one for one, there in ours if not there and not one.refused),
            tuple(one for one in self.theirs if one.sha256 not in self.here and not one.refused),
            tuple(one for one, there in ours if there and one.state is not State.ACKNOWLEDGED),
            tuple(one for one in self.accepted if one.sha256 not in self.known),
        )
