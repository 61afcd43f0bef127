"""The floor: what the building blocks cost with nothing of ours around them."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.bench.material import SENDER, Pki, content
from tests.bench.processes import cpu_seconds
from tests.bench.timing import Timing, race
from tests.bench.wire import Wire

SIGNED_INFO = 1100  # bytes; what RSA signs is a SignedInfo of about this size
MIB = 1024 * 1024
QUEUE = "floor"
WINDOW = 64  # outstanding confirms, and prefetch
ROW_BYTES = 500  # a row without content
GROUP = 10  # rows in a transaction: what waits together at 64 in flight
PAGE_BYTES = 32 * 1024  # as our store


@dataclass(frozen=True, slots=True)
class Cost:
    """How many per second in real time, and CPU microseconds of each."""

    rate: float
    cpu_us: float
    broker_us: float = 0.0


def crypto(pki: Pki, *, seconds: float, rounds: int) -> dict[str, Timing]:
    """RSA-2048 sign and verify, SHA-256 of 1 MiB."""
    signer = pki.signer(SENDER)
    key, info, mebibyte = signer.key, content(SIGNED_INFO), content(MIB)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the floor is that of RSA")
    public, value = key.public_key(), key.sign(info, PKCS1v15(), SHA256())
    return race(
        {
            "rsa_sign": lambda: key.sign(info, PKCS1v15(), SHA256()),
            "rsa_verify": lambda: public.verify(value, info, PKCS1v15(), SHA256()),
            "sha256_mib": lambda: hashlib.sha256(mebibyte).digest(),
        },
        seconds=seconds,
        rounds=rounds,
    )


def amqp(url: str, broker: int, size: int, *, count: int, rounds: int) -> dict[str, Cost]:
    """Publish with confirms, and consume with acks, on a quorum queue.

    Args:
        url: of a vhost where we may declare.
        broker: its process id.
        size: of a message, bytes.
        count, rounds: messages in each round.
    """
    data = content(size)
    found: dict[str, list[Cost]] = {"publish": [], "consume": []}
    for _ in range(rounds):
        with Wire(url) as wire:
            wire.declare(QUEUE)
            begun = _clocks(broker)
            wire.publish(QUEUE, data, count, WINDOW)
            found["publish"].append(_cost(begun, _clocks(broker), count))
        with Wire(url) as wire:
            begun = _clocks(broker)
            wire.consume(QUEUE, count, WINDOW)
            found["consume"].append(_cost(begun, _clocks(broker), count))
    return {name: _median(costs) for name, costs in found.items()}


def rows(folder: Path, size: int, *, count: int, rounds: int) -> Cost:
    """Durable rows of so many bytes, ten in a transaction, in an empty folder."""
    return _median([_insert(folder / f"{size}-{n}.sqlite3", size, count) for n in range(rounds)])


def _insert(path: Path, size: int, count: int) -> Cost:
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size = {PAGE_BYTES}", "journal_mode = WAL", "synchronous = FULL"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    data = content(size)
    begun = _clocks(0)
    for _ in range(count // GROUP):
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO kept (data) VALUES (?)", [(data,)] * GROUP)
        database.execute("COMMIT")
    ended = _clocks(0)
    database.close()
    return _cost(begun, ended, count // GROUP * GROUP)


def _clocks(broker: int) -> tuple[float, float, float]:
    return time.perf_counter(), time.process_time(), cpu_seconds(broker) if broker else 0.0


def _cost(begun: tuple[float, float, float], ended: tuple[float, float, float], count: int) -> Cost:
    real, cpu, broker = (after - before for before, after in zip(begun, ended, strict=True))
    return Cost(count / real, cpu / count * 1e6, broker / count * 1e6)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        median(cost.rate for cost in costs),
        median(cost.cpu_us for cost in costs),
        median(cost.broker_us for cost in costs),
    )
