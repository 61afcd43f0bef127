"""What every part of the benchmark works on: one PKI, one kind of document, one machine.

Keys are RSA-2048, as the national certificates are; attachments are incompressible, as a PDF is.
"""

from __future__ import annotations

import os
import platform
import random
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from envelopes.model import Document, Stored
from envelopes.pack import new_document
from keys.demo_ca import demo_ca
from keys.signer import SoftwareSigner, load_signer
from keys.trust import Trust

SENDER, RECEIVER = "H05", "H01"
NAMES: Mapping[str, str] = {SENDER: "UBND tỉnh Bắc Ninh", RECEIVER: "UBND tỉnh An Giang"}
SIZES: Mapping[str, int] = {"10K": 10 * 1024, "100K": 100 * 1024, "1M": 1024 * 1024}
"""Bytes of the attachment of an exchanged document, by the name of the size."""
DAY = date(2026, 11, 20)
PACKAGES = ["cryptography", "lxml", "aiormq", "pamqp", "SQLAlchemy", "uvloop", "pybase64"]
PEERS = ["signxml", "celery", "kombu", "amqp"]


@dataclass(frozen=True, slots=True)
class Pki:
    """A folder with root.pem and, per organ, key.pem and chain.pem."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Pki:
        """Write a new demo PKI of both organs."""
        for name, data in demo_ca(NAMES, now=datetime.now(UTC)).items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(data)
        return cls(folder)

    def key(self, organ: str) -> Path:
        """Its private key."""
        return self.folder / organ / "key.pem"

    def chain(self, organ: str) -> Path:
        """Its certificates, its own first."""
        return self.folder / organ / "chain.pem"

    @property
    def root(self) -> Path:
        """The trust anchor."""
        return self.folder / "root.pem"

    def signer(self, organ: str) -> SoftwareSigner:
        """The organ's signer."""
        return load_signer(self.key(organ).read_bytes(), self.chain(organ).read_bytes())

    def trust(self) -> Trust:
        """The anchors."""
        return Trust.from_pem(self.root.read_bytes())


def content(size: int) -> bytes:
    """Bytes of an attachment: random, the same in every run."""
    return random.Random(size).randbytes(size)


def document(number: int, attachment: bytes | Stored) -> Document:
    """A quyết định with one attachment; its number makes it another document."""
    return new_document(
        sender=SENDER,
        sender_name=NAMES[SENDER],
        to={RECEIVER: NAMES[RECEIVER]},
        number=str(number),
        notation="QĐ-UBND",
        type_name="Quyết định",
        subject="Về việc phê duyệt kế hoạch đo hiệu năng",
        date=DAY,
        files=[("quyet-dinh.pdf", attachment)],
    )


def machine() -> dict[str, object]:
    """Where this was measured, and with what."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{package: version(package) for package in PACKAGES + PEERS},
    }
