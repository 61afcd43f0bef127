"""What was measured, as a value for JSON and as a table of one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench import backlog, large, parts, signatures
from tests.bench.exchange import Result
from tests.bench.floor import Cost
from tests.bench.material import EXCHANGED
from tests.bench.signatures import Contest
from tests.bench.timing import Timing

SCHEMA = "docexchange/bench/v1"
MIB = 1024 * 1024
# Goals at the time of writing; what is measured is printed whether it meets them or not.
EXCHANGE_GOAL, SINGLE_GOAL_MS = 2.5, 15.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything of one run."""

    machine: Mapping[str, object]
    quick: bool
    crypto: Mapping[str, Timing]
    amqp: Mapping[str, Cost]
    rows: Mapping[str, Cost]
    signatures: Mapping[str, Contest]
    large: large.Measured
    parts: parts.Measured
    backlog: backlog.Measured
    exchange: Mapping[str, Result]

    def ratios(self) -> dict[str, float]:
        """Every ratio, of things measured in this run; above 1 is better, but for the last two."""
        found: dict[str, float] = {}
        found.update(signatures.ratios(self.signatures))
        found.update(self.large.ratios())
        ours, mailed, celery = (self.exchange[way] for way in ("ours", "mailed", "celery"))
        found["exchange / celery, documents/s"] = _paired(ours, celery)
        found["exchange / celery, CPU"] = _python(celery) / _python(ours)
        found["exchange with mailrooms / celery, documents/s"] = _paired(mailed, celery)
        found["exchange / summed floor, CPU"] = self.floor_us() / _python(ours)
        found["p50 of one in flight, ms"] = ours.single_ms(0.5)
        found["p50 of one in flight with mailrooms, ms"] = mailed.single_ms(0.5)
        return found

    def floor_us(self) -> float:
        """CPU of one exchange by the floors alone, both parties, without the broker: document and
        receipt are signed and verified, the document is digested, sent, taken, and stored twice;
        three bare rows stand for sent, receipt and acknowledged."""
        digest = self.crypto["sha256_mib"].us * EXCHANGED * 4 / 3 / MIB
        return (
            2 * (self.crypto["rsa_sign"].us + self.crypto["rsa_verify"].us + digest)
            + self.amqp["publish"].cpu_us
            + self.amqp["consume"].cpu_us
            + 2 * self.rows["100 KB"].cpu_us
            + 3 * self.rows["bare"].cpu_us
        )

    def goals(self) -> dict[str, bool]:
        """Which goals this run met."""
        ratios = self.ratios()
        return {
            f"exchange / celery >= {EXCHANGE_GOAL}": ratios["exchange / celery, documents/s"]
            >= EXCHANGE_GOAL,
            **signatures.goals(self.signatures),
            f"p50 of one in flight < {SINGLE_GOAL_MS:.0f} ms": ratios["p50 of one in flight, ms"]
            < SINGLE_GOAL_MS,
            **self.large.goals(),
            **self.parts.goals(),
            **self.backlog.goals(),
        }

    def as_json(self) -> dict[str, Any]:
        """The whole run."""
        return {
            "schema": SCHEMA,
            "quick": self.quick,
            "machine": dict(self.machine),
            "floor": {
                **{name: {"us": timing.us} for name, timing in self.crypto.items()},
                **{f"amqp_{name}": asdict(cost) for name, cost in self.amqp.items()},
                **{f"rows {name}": asdict(cost) for name, cost in self.rows.items()},
                "exchange_us": self.floor_us(),
            },
            "signatures": {
                size: {
                    "envelope_bytes": contest.envelope_bytes,
                    "us": {name: timing.least for name, timing in contest.timings.items()},
                }
                for size, contest in self.signatures.items()
            },
            "large": self.large.as_json(),
            "parts": self.parts.as_json(),
            "backlog": self.backlog.as_json(),
            "exchange": {name: _result(result) for name, result in self.exchange.items()},
            "ratios": self.ratios(),
            "goals": self.goals(),
        }

    def table(self) -> str:
        """One screen for a person."""
        return "\n".join(
            [
                *_head(self),
                *_floor(self),
                "",
                *signatures.table(self.signatures),
                *self.large.table(),
                *self.parts.table(),
                *self.backlog.table(),
                *_exchange(self),
                *_foot(self),
            ]
        )


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
    }


def _paired(ours: Result, peer: Result) -> float:
    """Ratio of the rates: the median over the rounds, each of which has a batch of both."""
    rounds = zip(ours.batches, peer.batches, strict=True)
    return median(one.rate / other.rate for one, other in rounds)


def _python(result: Result) -> float:
    """CPU of both parties, without the broker and without the mailrooms' program."""
    used = result.cpu_us()
    return sum(us for name, us in used.items() if name not in ("broker", "mailrooms"))


# -- the table ----------------------------------------------------------------------------------


def _head(run: Measured) -> Iterator[str]:
    machine = run.machine
    yield (
        f"{machine['cpu']}, {machine['cores']} cores, load before {machine['load_before']}; "
        f"Python {machine['python']}{'; quick' if run.quick else ''}"
    )


def _floor(run: Measured) -> Iterator[str]:
    yield ""
    yield f"{'floor':<30}{'per second':>12}{'CPU us':>10}{'broker us':>11}"
    names = {"rsa_sign": "RSA-2048 sign", "rsa_verify": "RSA-2048 verify", "sha256_mib": "SHA-256"}
    for key, name in names.items():
        timing = run.crypto[key]
        text = name + (" of 1 MiB" if key == "sha256_mib" else "")
        yield f"{text:<30}{timing.rate:>12,.0f}{timing.us:>10,.0f}{'':>11}"
    for key, cost in run.amqp.items():
        text = f"AMQP {key} 100 KB, quorum"
        yield f"{text:<30}{cost.rate:>12,.0f}{cost.cpu_us:>10,.0f}{cost.broker_us:>11,.0f}"
    for key, cost in run.rows.items():
        yield f"{f'durable row, {key}':<30}{cost.rate:>12,.0f}{cost.cpu_us:>10,.0f}{'':>11}"


def _exchange(run: Measured) -> Iterator[str]:
    yield ""
    yield (
        f"{'whole exchange, 100 KB':<24}{'docs/s':>8}{'p50 ms':>8}{'p99':>7}"
        f"{'one: p50':>10}{'p99':>7}   CPU us of a document"
    )
    names = {"ours": "two daemons", "mailed": "  and two mailrooms", "celery": "Celery + signxml"}
    for key, name in names.items():
        result = run.exchange[key]
        used = result.cpu_us()
        cpu = ", ".join(f"{process} {us:,.0f}" for process, us in used.items())
        yield (
            f"{name:<24}{result.rate:>8,.0f}{_ms(result.latency_ms(0.5)):>8}"
            f"{_ms(result.latency_ms(0.99)):>7}{_ms(result.single_ms(0.5)):>10}"
            f"{_ms(result.single_ms(0.99)):>7}   {cpu}"
        )
    yield f"  summed floor of both parties: {run.floor_us():,.0f} us"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _foot(run: Measured) -> Iterator[str]:
    ratios = run.ratios()
    yield ""
    yield (
        f"exchange to Celery: {ratios['exchange / celery, documents/s']:.2f}x documents/s, "
        f"{ratios['exchange / celery, CPU']:.2f}x by CPU; "
        f"with mailrooms {ratios['exchange with mailrooms / celery, documents/s']:.2f}x; "
        f"{ratios['exchange / summed floor, CPU']:.2f} of the floor"
    )
    for goal, met in run.goals().items():
        yield f"goal {goal}: {'met' if met else 'MISSED'}"
