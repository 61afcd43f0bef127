"""The records that flow between the paths and the store: plain frozen values, times aware UTC."""

from __future__ import annotations

from .content import Content, Gathered, InStore, Part
from .evidence import KeptEvidence
from .figures import (
    RECEIVED_COUNTS,
    SENT_COUNTS,
    By,
    Concern,
    Line,
    ReceivedCount,
    SentCount,
    TimeTaken,
)
from .journal import JournalLine, Snapshot
from .mailroom import MailroomMessage, Origin, Outgoing, SetAside
from .operating import (
    DestinationHold,
    LegalHold,
    OldContent,
    Order,
    QueueLine,
    ShapeLine,
)
from .receiving import (
    Acceptance,
    Arrival,
    ArrivalView,
    ChangeLine,
    Kept,
    KeptView,
    OpenRecall,
    RecallStanding,
    Receipt,
    ReceiptOutcome,
)
from .sending import (
    Deadline,
    DeliveryView,
    DocumentView,
    Due,
    Head,
    Pause,
    SentChange,
    StatusLine,
    Submission,
    Submitted,
    Swept,
)
from .signing import Pending, PendingView, SigningOutcome

__all__ = [
    "RECEIVED_COUNTS",
    "SENT_COUNTS",
    "Acceptance",
    "Arrival",
    "ArrivalView",
    "By",
    "ChangeLine",
    "Concern",
    "Content",
    "Deadline",
    "DeliveryView",
    "DestinationHold",
    "DocumentView",
    "Due",
    "Gathered",
    "Head",
    "InStore",
    "JournalLine",
    "Kept",
    "KeptEvidence",
    "KeptView",
    "LegalHold",
    "Line",
    "MailroomMessage",
    "OldContent",
    "OpenRecall",
    "Order",
    "Origin",
    "Outgoing",
    "Part",
    "Pause",
    "Pending",
    "PendingView",
    "QueueLine",
    "RecallStanding",
    "Receipt",
    "ReceiptOutcome",
    "ReceivedCount",
    "SentChange",
    "SentCount",
    "SetAside",
    "ShapeLine",
    "SigningOutcome",
    "Snapshot",
    "StatusLine",
    "Submission",
    "Submitted",
    "Swept",
    "TimeTaken",
]
