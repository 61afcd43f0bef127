"""docexchange/flow/echo.py: what an echo organ says, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.flow import echo
from docexchange.flow.echo import Echo, Variant
from tests.theatre import Theatre

SECOND = timedelta(seconds=1)


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H01": "H01"})
    yield play
    play.close()


async def pass_time(theatre: Theatre, variant: Variant, seconds: int) -> list[tuple[int, str]]:
    """Let H01 be an echo organ for some seconds; (second, code) of what it said."""
    node, said = theatre.nodes["H01"], []
    begun = theatre.clock.now()
    for _ in range(seconds + 1):
        now = theatre.clock.now()
        before = [line.code for one in node.store.incoming.arrivals() for line in one.history]
        arrivals = node.store.incoming.arrivals(echo.LOOKED_AT, "H01")
        count = await echo.turn(Echo("H01", variant), arrivals, world=node.world, now=now)
        after = [line.code for one in node.store.incoming.arrivals() for line in one.history]
        assert len(after) - len(before) == count
        said += [((now - begun) // SECOND, code) for code in after[len(before) :]]
        theatre.clock.advance(SECOND)
    return said


@pytest.mark.parametrize(
    ("variant", "seconds", "said"),
    [
        (Variant.ECHO, 12, [(2, "03"), (5, "05"), (10, "06")]),
        (Variant.REJECT, 12, [(2, "02")]),
        (Variant.RECALL, 12, [(2, "03")]),
        (Variant.SLOW, 119, []),
        (Variant.SLOW, 601, [(120, "03"), (300, "05"), (600, "06")]),
    ],
)
async def test_it_answers_by_the_clock(
    theatre: Theatre, variant: Variant, seconds: int, said: list[tuple[int, str]]
) -> None:
    ref = await theatre.send(1, ("H01",))
    await theatre.settle()
    assert await pass_time(theatre, variant, seconds) == said
    await theatre.settle()
    (delivery,) = theatre.nodes["H05"].store.outgoing.document(ref).deliveries
    assert [line.code for line in delivery.history] == ["01", *(code for _, code in said)]


async def test_a_restart_changes_nothing(theatre: Theatre) -> None:
    await theatre.send(1, ("H01",))
    await theatre.settle()
    first = await pass_time(theatre, Variant.ECHO, 5)
    theatre.nodes["H01"].restart()
    second = await pass_time(theatre, Variant.ECHO, 6)
    assert [code for _, code in first + second] == ["03", "05", "06"]


@pytest.mark.parametrize(
    ("variant", "answer"), [(Variant.ECHO, "16"), (Variant.RECALL, "15"), (Variant.REJECT, "16")]
)
async def test_a_document_asked_back_is_given_or_not(
    theatre: Theatre, variant: Variant, answer: str
) -> None:
    from dataclasses import replace

    from docexchange.core.model import StatusLine

    await theatre.send(1, ("H01",))
    await theatre.settle()
    (arrival,) = theatre.nodes["H01"].store.incoming.arrivals()
    at = theatre.clock.now() + SECOND
    asked = StatusLine("13", "", at, at, "0" * 64)
    arrival = replace(arrival, history=(*arrival.history, asked))
    assert echo.due(variant, arrival, at + SECOND) is None
    said = echo.due(variant, arrival, at + 2 * SECOND)
    assert said is not None
    assert (said.code, bool(said.note)) == (answer, answer == "16")
    answered = replace(arrival, history=(*arrival.history, replace(asked, code=answer)))
    later = echo.due(variant, replace(answered, code=answer), at + 20 * SECOND)
    assert later is None or later.code != answer


async def test_a_person_was_faster(theatre: Theatre) -> None:
    from docexchange.flow import receipts

    await theatre.send(1, ("H01",))
    await theatre.settle()
    node = theatre.nodes["H01"]
    stale = node.store.incoming.arrivals()
    now = theatre.clock.now() + 3 * SECOND
    await receipts.report(stale[0].tracking_id, "06", world=node.world, now=now)
    assert await echo.turn(Echo("H01"), stale, world=node.world, now=now) == 0
    assert node.store.incoming.arrivals()[0].code == "06"
