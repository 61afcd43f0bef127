"""The whole exchange at one size beside its floor and its peer: ratios, goals, lines of the table.

The floor is what the same exchange costs by its building blocks alone, both parties, without the
broker: document and receipt are signed and verified, the document is digested, sent, taken, and
stored twice; three bare rows stand for sent, receipt and acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.exchange import Result
from tests.bench.floor import Cost
from tests.bench.timing import Timing

MIB = 1024 * 1024
CELERY_GOALS: Mapping[str, float] = {"10K": 4.0, "100K": 3.2, "1M": 2.5}  # documents/s
CPU_GOAL, CPU_AT = 3.0, "100K"  # times less CPU a document than Celery
FLOOR_GOAL = 0.30  # of our Python CPU, summed floors
SINGLE_GOAL_MS, SINGLE_AT = 12.0, "100K"  # p50 with one in flight
NAMES = {"ours": "two daemons", "mailed": "  and two mailrooms", "celery": "Celery + signxml"}


@dataclass(frozen=True, slots=True)
class Blocks:
    """What an envelope of one size costs with nothing of ours around.

    Args:
        crypto: of `floor.crypto`.
        publish, consume: a message of the size of the envelope.
        row: durable, with the envelope in it.
        bare: durable, with nothing in it.
    """

    crypto: Mapping[str, Timing]
    publish: Cost
    consume: Cost
    row: Cost
    bare: Cost

    def exchange_us(self, envelope: int) -> float:
        """CPU of one exchange of an envelope of so many bytes, microseconds."""
        digest = self.crypto["sha256_mib"].us * envelope / MIB
        return (
            2 * (self.crypto["rsa_sign"].us + self.crypto["rsa_verify"].us + digest)
            + self.publish.cpu_us
            + self.consume.cpu_us
            + 2 * self.row.cpu_us
            + 3 * self.bare.cpu_us
        )


@dataclass(frozen=True, slots=True)
class AtSize:
    """Everything of one size.

    Args:
        name: of the size, as 100K.
        attachment: bytes.
        blocks: its floor.
        ways: ours, celery, and perhaps mailed.
    """

    name: str
    attachment: int
    blocks: Blocks
    ways: Mapping[str, Result]

    @property
    def floor_us(self) -> float:
        """The summed floor of one exchange; the envelope is its attachment in base64."""
        return self.blocks.exchange_us(self.attachment * 4 // 3)

    def ratios(self) -> dict[str, float]:
        """Every ratio; above 1 is better, but for the share of the floor and milliseconds."""
        ours, celery = self.ways["ours"], self.ways["celery"]
        found = {
            f"{self.name}: exchange / celery, documents/s": paired(ours, celery),
            f"{self.name}: exchange / celery, CPU": python_us(celery) / python_us(ours),
            f"{self.name}: exchange / summed floor, CPU": self.floor_us / python_us(ours),
            f"{self.name}: p50 of one in flight, ms": ours.single_ms(0.5),
        }
        if "mailed" in self.ways:
            mailed = self.ways["mailed"]
            name = f"{self.name}: exchange with mailrooms / celery, documents/s"
            found[name] = paired(mailed, celery)
            found[f"{self.name}: p50 of one with mailrooms, ms"] = mailed.single_ms(0.5)
        return found

    def goals(self) -> dict[str, bool]:
        """Which goals this size met."""
        ratios = self.ratios()
        rate = ratios[f"{self.name}: exchange / celery, documents/s"]
        share = ratios[f"{self.name}: exchange / summed floor, CPU"]
        goal = CELERY_GOALS[self.name]
        found = {
            f"{self.name}: exchange / celery >= {goal}": rate >= goal,
            f"{self.name}: summed floor / Python CPU >= {FLOOR_GOAL:.2f}": share >= FLOOR_GOAL,
        }
        if self.name == CPU_AT:
            cpu = ratios[f"{self.name}: exchange / celery, CPU"]
            found[f"{self.name}: CPU per document <= 1/{CPU_GOAL:.0f} of celery"] = cpu >= CPU_GOAL
        if self.name == SINGLE_AT:
            single = ratios[f"{self.name}: p50 of one in flight, ms"]
            found[f"{self.name}: p50 of one in flight <= {SINGLE_GOAL_MS:.0f} ms"] = (
                single <= SINGLE_GOAL_MS
            )
        return found

    def as_json(self) -> dict[str, object]:
        """All of it."""
        blocks = {name: asdict(getattr(self.blocks, name)) for name in BLOCKS}
        return {
            "attachment": self.attachment,
            "floor": {**blocks, "exchange_us": self.floor_us},
            **{name: _result(result) for name, result in self.ways.items()},
        }

    def table(self) -> Iterator[str]:
        """Lines for a person."""
        yield ""
        yield (
            f"{f'whole exchange, {self.name}':<24}{'docs/s':>8}{'p50 ms':>8}{'p99':>8}"
            f"{'one: p50':>10}{'p99':>8}   CPU us of a document"
        )
        for key, result in self.ways.items():
            used = ", ".join(f"{process} {us:,.0f}" for process, us in result.cpu_us().items())
            yield (
                f"{NAMES[key]:<24}{result.rate:>8,.0f}{_ms(result.latency_ms(0.5)):>8}"
                f"{_ms(result.latency_ms(0.99)):>8}{_ms(result.single_ms(0.5)):>10}"
                f"{_ms(result.single_ms(0.99)):>8}   {used}"
            )
        blocks, digest = self.blocks, self.attachment * 4 // 3 / MIB
        yield (
            f"  summed floor of both: {self.floor_us:,.0f} us = signatures "
            f"{2 * (blocks.crypto['rsa_sign'].us + blocks.crypto['rsa_verify'].us):,.0f}, SHA-256 "
            f"{2 * blocks.crypto['sha256_mib'].us * digest:,.0f}, AMQP "
            f"{blocks.publish.cpu_us + blocks.consume.cpu_us:,.0f}, rows "
            f"{2 * blocks.row.cpu_us + 3 * blocks.bare.cpu_us:,.0f}"
        )
        ratios = {name.partition(": ")[2]: value for name, value in self.ratios().items()}
        yield (
            f"  to Celery: {ratios['exchange / celery, documents/s']:.2f}x documents/s, "
            f"{ratios['exchange / celery, CPU']:.2f}x by CPU; "
            f"{ratios['exchange / summed floor, CPU']:.2f} of our Python CPU is the floor"
        )


BLOCKS = ("publish", "consume", "row", "bare")


def paired(ours: Result, peer: Result) -> float:
    """Ratio of the rates: the median over the rounds, each of which has a batch of both."""
    rounds = zip(ours.batches, peer.batches, strict=True)
    return median(one.rate / other.rate for one, other in rounds)


def python_us(result: Result) -> float:
    """CPU of both parties, without the broker and without the mailrooms' program."""
    used = result.cpu_us()
    return sum(us for name, us in used.items() if name not in ("broker", "mailrooms"))


def _result(result: Result) -> dict[str, object]:
    return {
        "acknowledged": result.documents,
        "documents_per_s": result.rate,
        "batches": [batch.rate for batch in result.batches],
        "p50_ms": result.latency_ms(0.5),
        "p99_ms": result.latency_ms(0.99),
        "single_p50_ms": result.single_ms(0.5),
        "single_p99_ms": result.single_ms(0.99),
        "cpu_us": result.cpu_us(),
        "python_cpu_us": python_us(result),
    }


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
