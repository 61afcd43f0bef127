"""What every path is given: the seams and the settings, in one value. Nothing here acts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from envelopes.model import Document
from keys.remote import RemoteKey
from keys.revocation import Evidence
from keys.trust import Trust

from .memory import Store
from .policy import Limits
from .ports import Directory, Keyring
from .schedule import Schedule
from .turns import Turns


def _nobody(_organ: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class World:
    """The surroundings of a node, passed to every flow function.

    Args:
        store: the memory.
        directory: who is who, and whose certificate speaks for whom.
        keyring: signers of our own organs.
        trust: anchors under which envelopes are judged.
        mailroom_of: vhost of an organ's mailroom, None when it has none.
        new_id: makes tracking ids.
        random: jitter only.
        remote: organs whose documents are signed elsewhere, and the keys that sign them.
        schedule, limits: settings.
        giving_back: organs that agree to a status 13 by themselves, before the document is done.
        heard: told of each organ whose receipt came: it is alive.
        trial: reads an envelope in a child process; "" if that survived, else what happened.
        evidence: CRLs and OCSP answers at hand, kept fresh by an edge.
        pdfs: says what is wrong with the signatures inside the PDFs of a document, "" if nothing;
            given its envelope if contents are there only. None asks for none. Blocks.
        turns: one at a time for each large envelope that comes.
    """

    store: Store
    directory: Directory
    keyring: Keyring
    trust: Trust
    mailroom_of: Callable[[str], str | None]
    new_id: Callable[[], str]
    random: random.Random = field(repr=False)
    schedule: Schedule = field(default_factory=Schedule)
    limits: Limits = field(default_factory=Limits)
    remote: Mapping[str, RemoteKey] = field(default_factory=dict)
    giving_back: frozenset[str] = frozenset()
    heard: Callable[[str], None] = _nobody
    trial: Callable[[Iterable[bytes]], str] | None = None
    evidence: Evidence = field(default_factory=Evidence)
    pdfs: Callable[[Document, BinaryIO | None, datetime], str] | None = None
    turns: Turns = field(default_factory=Turns)

    def spread(self) -> float:
        """A random number in -1..1 for jitter."""
        return self.random.uniform(-1.0, 1.0)
