"""What was measured, as a value for JSON and as a table of one screen; without the parts that were
not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.bench import backlog, finding, journal, large, parts, signatures
from tests.bench.atsize import AtSize
from tests.bench.signatures import Contest
from tests.bench.timing import Timing

SCHEMA = "docexchange/bench/v2"
CRYPTO = {"rsa_sign": "RSA-2048 sign", "rsa_verify": "RSA-2048 verify", "sha256_mib": "SHA-256"}


class Part(Protocol):
    """What every part can tell of itself."""

    def goals(self) -> dict[str, bool]:
        """Which goals it met."""
        ...

    def table(self) -> Iterator[str]:
        """Lines for a person."""
        ...


@dataclass(slots=True)
class Measured:
    """Everything of one run."""

    machine: Mapping[str, object]
    quick: bool
    crypto: Mapping[str, Timing]
    signatures: Mapping[str, Contest] = field(default_factory=dict)
    large: large.Measured | None = None
    parts: parts.Measured | None = None
    backlog: backlog.Measured | None = None
    find: finding.Measured | None = None
    journal: journal.Measured | None = None
    exchange: Sequence[AtSize] = ()

    def _parts(self) -> list[Part]:
        found = (self.large, self.parts, self.backlog, self.find, self.journal, *self.exchange)
        return [one for one in found if one is not None]

    def ratios(self) -> dict[str, float]:
        """Every ratio, of things measured in this run."""
        found = signatures.ratios(self.signatures) if self.signatures else {}
        if self.large is not None:
            found |= self.large.ratios()
        if self.find is not None:
            found |= self.find.ratios()
        if self.journal is not None:
            found |= self.journal.ratios()
        for one in self.exchange:
            found |= one.ratios()
        return found

    def goals(self) -> dict[str, bool]:
        """Which goals this run met; what is measured is printed whether it meets them or not."""
        found = signatures.goals(self.signatures) if self.signatures else {}
        for one in self._parts():
            found |= one.goals()
        return found

    def as_json(self) -> dict[str, Any]:
        """The whole run."""
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "quick": self.quick,
            "machine": dict(self.machine),
            "floor": {name: {"us": timing.us} for name, timing in self.crypto.items()},
            "ratios": self.ratios(),
            "goals": self.goals(),
        }
        if self.signatures:
            found["signatures"] = {
                size: {
                    "envelope_bytes": contest.envelope_bytes,
                    "us": {name: timing.least for name, timing in contest.timings.items()},
                }
                for size, contest in self.signatures.items()
            }
        for name in ("large", "parts", "backlog", "find", "journal"):
            if (part := getattr(self, name)) is not None:
                found[name] = part.as_json()
        if self.exchange:
            found["exchange"] = {one.name: one.as_json() for one in self.exchange}
        return found

    def table(self) -> str:
        """One screen for a person."""
        lines = [*_head(self), *_floor(self)]
        if self.signatures:
            lines += ["", *signatures.table(self.signatures)]
        for one in self._parts():
            lines += one.table()
        goals = [f"goal {goal}: {'met' if met else 'MISSED'}" for goal, met in self.goals().items()]
        return "\n".join([*lines, "", *goals])


def _head(run: Measured) -> Iterator[str]:
    machine = run.machine
    yield (
        f"{machine['cpu']}, {machine['cores']} cores, load before {machine['load_before']}; "
        f"Python {machine['python']}{'; quick' if run.quick else ''}"
    )


def _floor(run: Measured) -> Iterator[str]:
    yield ""
    yield f"{'floor':<30}{'per second':>12}{'CPU us':>10}{'broker us':>11}"
    for key, name in CRYPTO.items():
        timing = run.crypto[key]
        text = name + (" of 1 MiB" if key == "sha256_mib" else "")
        yield f"{text:<30}{timing.rate:>12,.0f}{timing.us:>10,.0f}{'':>11}"
    for one in run.exchange:
        for key in ("publish", "consume"):
            cost = getattr(one.blocks, key)
            text = f"AMQP {key} {one.name}, quorum"
            yield f"{text:<30}{cost.rate:>12,.0f}{cost.cpu_us:>10,.0f}{cost.broker_us:>11,.0f}"
        row = one.blocks.row
        yield f"{f'durable row, {one.name}':<30}{row.rate:>12,.0f}{row.cpu_us:>10,.0f}{'':>11}"
    if run.exchange:
        bare = run.exchange[0].blocks.bare
        yield f"{'durable row, bare':<30}{bare.rate:>12,.0f}{bare.cpu_us:>10,.0f}{'':>11}"
