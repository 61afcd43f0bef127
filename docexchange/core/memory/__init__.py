"""The memory of a node, as the paths use it: one protocol for each of them."""

from __future__ import annotations

from typing import Protocol

from ..witnessing import Witnesses
from .incoming import Contents, IncomingDocuments, Recalls
from .outgoing import OutgoingDocuments, Receipts, Signings
from .surroundings import Archive, Mailrooms, Reconciling, Stamps

__all__ = [
    "Archive",
    "Contents",
    "IncomingDocuments",
    "Mailrooms",
    "OutgoingDocuments",
    "Recalls",
    "Receipts",
    "Reconciling",
    "Signings",
    "Stamps",
    "Store",
]


class Store(Protocol):
    """The memory. Each write is durable (fsync) when it returns, and writes its journal line in
    the same transaction. Every write may raise StoreError: then nothing was changed."""

    @property
    def outgoing(self) -> OutgoingDocuments:
        """What leaves: documents and statuses, and what is due to whom."""
        ...

    @property
    def signings(self) -> Signings:
        """Documents of ours that are signed elsewhere."""
        ...

    @property
    def receipts(self) -> Receipts:
        """What other organs said of what we sent."""
        ...

    @property
    def incoming(self) -> IncomingDocuments:
        """What came: what was accepted, and what is kept until it can be."""
        ...

    @property
    def contents(self) -> Contents:
        """The bytes of envelopes, those too large for memory, and parts that gather."""
        ...

    @property
    def recalls(self) -> Recalls:
        """Documents that are to come back (thu hồi)."""
        ...

    @property
    def mailrooms(self) -> Mailrooms:
        """What goes to the mailrooms, and what they sent ahead."""
        ...

    @property
    def reconciling(self) -> Reconciling:
        """What two organs compare of what is between them."""
        ...

    @property
    def stamps(self) -> Stamps:
        """Timestamps of envelopes."""
        ...

    @property
    def archive(self) -> Archive:
        """What searches find."""
        ...

    @property
    def witnesses(self) -> Witnesses:
        """What was said of journals."""
        ...
