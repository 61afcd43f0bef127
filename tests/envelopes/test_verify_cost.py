"""envelopes.verify: what it costs, as a whole, is in proportion to the size, whatever comes in.

CPU time only, and the least of several measurements: what else runs on the machine can only add.
Ratios are taken to a plain parse of the same bytes, or to the same shape at another size.
"""

import json
import random
from collections.abc import Callable
from math import log
from time import process_time

import pytest
from lxml import etree

from docexchange.flow.offload import OFFLOAD_BYTES, is_heavy
from tests.fuzz.worst import ELEMENTS, SHAPES, TEXTS
from tests.letters import judge_in_memory as judge
from tests.letters import letter

MB = 1_000_000
GROWTH_MAX = 1.5  # exponent: 1 is linear, 2 quadratic; fresh memory for copies of 8 MB adds to 1
PARSES_MAX = 250  # times a plain parse, with elements and all; measured: 2 to 130
TRIES = 12
CLOCK = 1e-4  # seconds; below that a measurement says nothing


def cost(call: Callable[[], object], tries: int = 3) -> float:
    """Least CPU seconds of some calls."""
    least = float("inf")
    for _ in range(tries):
        begin = process_time()
        call()
        least = min(least, process_time() - begin)
    return max(least, CLOCK)


def parse(data: bytes) -> object:
    return etree.fromstring(data, etree.XMLParser(huge_tree=True, resolve_entities=False))


def exponent(shape: Callable[[int], bytes], small: int, large: int) -> float:
    """The least found in some tries, as a busy machine gives larger ones."""
    data = shape(small), shape(large)
    ratio = len(data[1]) / len(data[0])
    assert ratio > 3
    found = []
    for _ in range(TRIES):
        costs = [
            cost(lambda one=one: judge(one), tries) for one, tries in zip(data, (3, 1), strict=True)
        ]
        found.append(log(costs[1] / costs[0]) / log(ratio))
        if found[-1] < GROWTH_MAX:
            break
    return min(found)


@pytest.mark.slow
@pytest.mark.parametrize("shape", TEXTS)
def test_text_costs_what_it_weighs(shape: str) -> None:
    """1 and 8 MB."""
    assert exponent(TEXTS[shape], MB, 7_900_000) < GROWTH_MAX


@pytest.mark.slow
@pytest.mark.parametrize("shape", ELEMENTS)
def test_elements_cost_what_they_weigh(shape: str) -> None:
    """From an eighth of what the gate lets in: beyond their number nothing grows."""
    most = len(ELEMENTS[shape](3 * MB))
    assert exponent(ELEMENTS[shape], most // 8, most) < GROWTH_MAX


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_it_costs_some_parses_of_the_same_bytes(shape: str) -> None:
    data = SHAPES[shape](MB // 4)
    for _ in range(TRIES):
        ratio = cost(lambda: judge(data), 2) / cost(lambda: parse(data), 4)
        if ratio < PARSES_MAX:
            break
    assert ratio < PARSES_MAX


@pytest.mark.slow
def test_a_report_is_not_longer_than_what_it_speaks_of() -> None:
    """What an envelope says of itself is cut in findings and details; two claims may be as long
    as it is."""
    for shape in SHAPES.values():
        report = judge(shape(100_000))
        for check in report.checks:
            assert len(check.detail) < 1_000
        for finding in report.findings:
            assert len(finding.element) + len(finding.text) < 500
        written = json.dumps(report.to_json_dict(), ensure_ascii=False)
        assert len(written) < 2 * report.size + 200_000


def combined(rng: random.Random, size: int) -> bytes:
    """Some shapes of worst.py together, each with its part of the size."""
    chosen = rng.sample(sorted(SHAPES), rng.randint(2, 4))
    plain = letter()
    data = plain
    for name in chosen:
        shaped = SHAPES[name](size // len(chosen))
        at = next((i for i in range(len(plain)) if shaped[i] != plain[i]), len(plain))
        data = data[:at] + shaped[at : at + len(shaped) - len(plain)] + data[at:]
    return data


@pytest.mark.slow
def test_a_search_finds_nothing_worse() -> None:
    """Seeded, keeps what costs the most CPU for a byte, and mixes it with something else."""
    rng = random.Random(4)
    worst = 0.0
    for _ in range(25):
        data = combined(rng, 200_000)
        try:
            parsed = cost(lambda data=data: parse(data), 2)
        except etree.XMLSyntaxError:  # a neutral file of the same size
            neutral = b"<a>" + b"<b>x</b>" * (len(data) // 8) + b"</a>"
            parsed = cost(lambda neutral=neutral: parse(neutral), 2)
        ratio = cost(lambda data=data: judge(data), 1) / parsed
        if ratio > PARSES_MAX:  # a busy machine: look again, for the least
            ratio = cost(lambda data=data: judge(data), 5) / parsed
        worst = max(worst, ratio)
    assert worst < PARSES_MAX


# -- the event loop ----------------------------------------------------------------------------

INLINE_MAX = 8  # times the plain letter of OFFLOAD_BYTES, which takes 0.5 to 1 ms; measured: 4


@pytest.mark.slow
def test_what_is_judged_on_the_event_loop_is_cheap() -> None:
    """The worst of what is not heavy, against a plain letter of the largest size that is not."""
    plain = TEXTS["base64"](OFFLOAD_BYTES - 10_000)
    assert not is_heavy(plain)
    worst: dict[str, float] = {}
    for name, shape in SHAPES.items():
        data = largest_inline(shape)
        for _ in range(TRIES):
            ratio = cost(lambda data=data: judge(data), 5) / cost(lambda: judge(plain), 5)
            worst[name] = min(worst.get(name, ratio), ratio)
            if worst[name] < INLINE_MAX:
                break
    assert max(worst.values()) < INLINE_MAX, worst


def largest_inline(shape: Callable[[int], bytes]) -> bytes:
    """The largest of a shape that is not offloaded: halves, from both sides."""
    low, high = 0, OFFLOAD_BYTES
    while high - low > 100:
        middle = (low + high) // 2
        low, high = (low, middle) if is_heavy(shape(middle)) else (middle, high)
    return shape(low)


def test_heavy_is_judged_by_elements_too() -> None:
    assert not is_heavy(letter())
    assert is_heavy(ELEMENTS["unknown elements"](20_000))
    assert is_heavy(TEXTS["base64"](OFFLOAD_BYTES))
