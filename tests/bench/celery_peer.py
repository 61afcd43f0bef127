"""The same job as a Python user would do it today: Celery, kombu, signxml, SQLite.

    sender    sign -> store, COMMIT -> deliver.delay (confirmed)
    worker    deliver: verify, path to the root -> store with a receipt, COMMIT -> acknowledge.delay
    worker    acknowledge (at the sender): verify -> store, COMMIT

As durable as ours: quorum queues, persistent and confirmed messages, acks_late, synchronous=FULL.
It does less: no XAdES, no retries by itself, no organ binding, no journal, no check of what the
document says.

    python -m celery -A tests.bench.celery_peer worker -Q deliver      a worker
    python -m tests.bench.celery_peer                                  the sender
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sqlite3
import sys
import time
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from lxml import etree
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from envelopes import edxml
from keys.signer import SoftwareSigner
from tests.bench.material import RECEIVER, SENDER, Pki, content, document

FOLDER = Path(os.environ["BENCH_PEER_FOLDER"])
PKI = Pki(FOLDER / "keys")
PATIENCE = 120.0  # s for a batch; then something is broken
POLL = 0.001  # s between two looks at the store while one document is in flight
POLL_MANY = 0.02  # s, while many are: the looking must not take their time
TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    sha256 TEXT PRIMARY KEY, data BLOB NOT NULL, receipt BLOB, acknowledged_at REAL
)"""

app = Celery("peer", broker=os.environ["BENCH_PEER_BROKER"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_queues=[
        Queue(name, Exchange(name), name, queue_arguments={"x-queue-type": "quorum"})
        for name in ("deliver", "acknowledge")
    ],
    worker_prefetch_multiplier=64,
)


@cache
def database(organ: str) -> sqlite3.Connection:
    """The store of one party."""
    connection = sqlite3.connect(FOLDER / f"{organ}.sqlite3", isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(TABLE)
    return connection


@cache
def signer(organ: str) -> SoftwareSigner:
    """The key and certificates of an organ, opened once."""
    return PKI.signer(organ)


def signed(root: etree._Element, organ: str) -> str:
    """The enveloped signature of an organ over a tree, as text for JSON."""
    certificates = [certificate.x509 for certificate in signer(organ).chain]
    return etree.tostring(XMLSigner().sign(root, key=signer(organ).key, cert=certificates)).decode()


def verified(text: str) -> Any:
    """What was signed, under the root. Raises signxml's errors."""
    result: Any = XMLVerifier().verify(text.encode(), ca_pem_file=str(PKI.root))
    return result.signed_xml


@app.task(name="deliver", queue="deliver")
def deliver(text: str) -> None:
    """Take a document: verify, store it with our receipt, send that."""
    root = verified(text)
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()
    receipt = etree.Element("receipt", code="01", sha256=digest)
    receipt.set("document", root.findtext(".//{*}DocumentId") or "")
    receipt.set("at", datetime.now(UTC).isoformat())
    answer = signed(receipt, RECEIVER)
    database(RECEIVER).execute(
        "INSERT OR IGNORE INTO documents (sha256, data, receipt) VALUES (?, ?, ?)",
        (digest, data, answer.encode()),
    )
    acknowledge.delay(answer)


@app.task(name="acknowledge", queue="acknowledge")
def acknowledge(text: str) -> None:
    """Take a receipt: verify, store it with its document."""
    digest = verified(text).get("sha256")
    changed = database(SENDER).execute(
        "UPDATE documents SET receipt = ?, acknowledged_at = ? WHERE sha256 = ?",
        (text.encode(), time.monotonic(), digest),
    )
    if changed.rowcount != 1:
        raise LookupError(f"a receipt for {digest}, which we did not send")


class Source:
    """Sends documents and waits for their receipts."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._form = etree.fromstring(edxml.write(document(0, b"")))

    def batch(self, count: int, in_flight: int, size: int) -> dict[str, object]:
        """Send `count` documents with `size` bytes each, all at once or one after the other's
        receipt."""
        attachment = b64encode(content(size)).decode()
        latencies: list[float] = []
        begun = time.monotonic()
        if in_flight == 1:
            latencies = [self._wait([self._send(attachment)], POLL) for _ in range(count)]
        else:
            self._wait([self._send(attachment) for _ in range(count)], POLL_MANY)
        return {"seconds": time.monotonic() - begun, "latencies": latencies}

    def _send(self, attachment: str) -> tuple[str, float]:
        """Sign, store, publish; the digest and when it began."""
        begun = time.monotonic()
        text = signed(self._letter(next(self._numbers), attachment), SENDER)
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        database(SENDER).execute(
            "INSERT INTO documents (sha256, data) VALUES (?, ?)", (digest, data)
        )
        deliver.delay(text)
        return digest, begun

    def _letter(self, number: int, attachment: str) -> etree._Element:
        """The same edXML document as ours, made with lxml."""
        root = deepcopy(self._form)
        for element in root.iter("{*}CodeNumber", "{*}DocumentId"):
            element.text = (element.text or "").replace("0/QĐ", f"{number}/QĐ")
        for element in root.iter("{*}CodeNumber"):
            element.text = str(number)
        for element in root.iter("{*}ContentTransferEncoded"):
            element.text = attachment
        return root

    def _wait(self, sent: list[tuple[str, float]], poll: float) -> float:
        """Wait until all are acknowledged; seconds that the last one took."""
        until = time.monotonic() + PATIENCE
        for digest, _ in sent:
            while not self._acknowledged(digest):
                if time.monotonic() > until:
                    raise TimeoutError(f"no receipt for {digest}")
                time.sleep(poll)
        return time.monotonic() - sent[-1][1]

    def _acknowledged(self, digest: str) -> bool:
        row = database(SENDER).execute(
            "SELECT acknowledged_at FROM documents WHERE sha256 = ?", (digest,)
        )
        return row.fetchone()[0] is not None


def main() -> None:
    """Answer questions until there are no more."""
    source = Source()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(source.batch(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
