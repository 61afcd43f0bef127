"""What the stores of the stopped nodes say, for the ledger: tables, journal, and both against
each other."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from docexchange.compose import open_store
from docexchange.config import load
from docexchange.core.errors import StoreError
from tests.torture.ledger import Ledger, Row

SENT = """SELECT s.from_organ, s.number, s.sha256, d.to_organ, d.state FROM deliveries d
JOIN submissions s ON s.id = d.submission_id WHERE d.kind = 'document'"""
ARRIVED = "SELECT tracking_id, organ, from_organ, number, sha256 FROM arrivals"
OPEN = "SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sent') AND kind = 'document'"
KEPT = "SELECT reason, count(*) FROM kept WHERE state != 'settled' GROUP BY reason"


def _rows(store: Path, query: str) -> Iterator[tuple[str, ...]]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        yield from connection.execute(query)


def still_open(store: Path) -> int:
    """How many deliveries are neither acknowledged nor given up."""
    return int(next(_rows(store, OPEN))[0])


def kept(store: Path) -> Counter[str]:
    """What is held or in quarantine, by reason."""
    return Counter({reason: int(count) for reason, count in _rows(store, KEPT)})


def copy_into(ledger: Ledger, config: Path) -> None:
    """Copy a stopped node's tables into the ledger, and hold its journal against them."""
    settings = load(config)
    store = settings.store
    for sender, number, sha256, to, state in _rows(store, SENT):
        ledger.sent.append(Row((f"{sender}:{number}", to), sha256, state))
    arrived: Counter[str] = Counter()
    for tracking_id, organ, sender, number, sha256 in _rows(store, ARRIVED):
        ledger.table.append(Row((f"{sender}:{number}", organ), sha256))
        arrived[tracking_id] += 1
    lines = (json.loads(line) for (line,) in _rows(store, "SELECT line FROM journal"))
    told = Counter(line["ref"] for line in lines if line["event"] == "arrived")
    if told != arrived:
        strange = sorted((told - arrived) + (arrived - told))[:5]
        ledger.faults.append(f"{store}: journal and inbox table differ about {strange}")
    with open_store(settings, exclusive=False) as opened:
        try:
            opened.journal.verify()
        except StoreError as broken:
            ledger.faults.append(f"{store}: {broken}")
