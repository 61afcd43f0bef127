"""The fuzz targets, each a short seeded run without atheris, bounded by runs and not by time."""

import pytest

from tests.fuzz.guided import blind
from tests.fuzz.mutate import mutant
from tests.fuzz.run import GUIDED
from tests.fuzz.targets import TARGETS, fuzz_gate, fuzz_reader, seeds

RUNS = {"gate": 1000, "reader": 500, "verify": 500, "receipt": 80, "names": 1000}


def test_the_command_knows_every_target() -> None:
    assert set(GUIDED) == set(TARGETS) == set(RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("target", RUNS)
def test_a_short_run_finds_nothing(target: str) -> None:
    for data in seeds(target):
        TARGETS[target](data)
    blind(target, 1, RUNS[target])


@pytest.mark.slow
def test_what_the_mutator_makes_is_read_and_written_as_the_same() -> None:
    for number in range(500):
        data = mutant(5, number).data
        fuzz_gate(data)
        fuzz_reader(data)


FOUND = {
    "a status without From": (b"<edXML:From>", b"</edXML:From>"),
}


@pytest.mark.parametrize("original", seeds("verify"))
@pytest.mark.parametrize("name", FOUND)
def test_what_was_found(name: str, original: bytes) -> None:
    """Inputs that broke a rule once: `read_exact` raised TypeError."""
    begin, end = (original.index(mark) for mark in FOUND[name])
    TARGETS["verify"](original[:begin] + original[end + len(FOUND[name][1]) :])


@pytest.mark.parametrize("original", seeds("verify"))
def test_a_content_in_a_wrong_place(original: bytes) -> None:
    """The same, by an element that only attachments have."""
    from tests.fuzz.mutate import MEANINGFUL

    content = next(piece for piece in MEANINGFUL if b"ContentTransferEncoded" in piece)
    received = next(piece for piece in MEANINGFUL if b"dx:Received" in piece)
    for piece in (content, received):
        for mark in (b"</edXML:From>", b"</edXML:MessageHeader>", b"<edXML:From>"):
            TARGETS["verify"](original.replace(mark, piece + mark, 1))
