"""A test through the whole path: answered with a signature, seen by no mailroom and no list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docexchange.core.errors import NotFound, SubmissionRefused
from docexchange.core.ping import ANSWER, MARK
from docexchange.core.searching import Search
from docexchange.flow import outbox, ping
from envelopes.model import Status
from envelopes.verify import verify
from tests.pki import AT, P256
from tests.theatre import NAMES, Theatre, document


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    made = Theatre(tmp_path, template, {name: name for name in NAMES})
    for node in made.nodes.values():
        node.mailroom = True
    yield made
    made.close()


async def send(theatre: Theatre, organ: str = "H01") -> str:
    node = theatre.nodes["H05"]
    return await ping.send(organ, sender="H05", world=node.world, now=theatre.clock.now())


def events(theatre: Theatre, node: str, ref: str = "") -> list[dict[str, Any]]:
    raw = theatre.nodes[node].store._access.reader._raw
    rows = raw.execute("SELECT line FROM journal ORDER BY number").fetchall()
    lines = [json.loads(row["line"]) for row in rows]
    return [line for line in lines if not ref or line["ref"] == ref]


async def test_it_is_answered_with_a_signature(theatre: Theatre) -> None:
    ref = await send(theatre)
    await theatre.settle()
    told = [line["event"] for line in events(theatre, "H05", ref)]
    assert told == ["queued", "publish_confirmed", "ping_answered"]
    [pinged] = [line for line in events(theatre, "H01") if line["event"] == "pinged"]
    assert (pinged["sender"], pinged["organ"]) == ("H05", "H01")


async def test_no_mailroom_no_list_and_no_figure_sees_it(theatre: Theatre) -> None:
    await send(theatre)
    await theatre.settle()
    await theatre.run(timedelta(hours=80), timedelta(hours=1))
    for name in ("H05", "H01"):
        store = theatre.nodes[name].store
        while await store.archive.index():
            pass
        assert store.outgoing.documents(10) == []
        assert store.incoming.arrivals() == []
        assert store.incoming.kept_list() == []
        assert store.archive.find(Search()) == []
        assert store.operator.waiting() == store.operator.dead() == store.operator.shape(AT) == []
        assert all(store.mailrooms.due(f"mr-{organ}", 0, 10) == [] for organ in NAMES)
        sent, received, _ = store.archive.figures(AT - timedelta(days=1), AT + timedelta(days=9))
        assert (sent, received) == ([], [])
        assert store.outgoing.open_work() == {}
        store.journal.verify()


async def test_the_answer_says_that_it_was_a_test(theatre: Theatre) -> None:
    """Nobody can show the 01 of a test as the receipt of a document."""
    await send(theatre)
    await theatre.nodes["H05"].turn()
    await theatre.nodes["H01"].turn()  # takes it
    await theatre.nodes["H01"].turn()  # and answers
    [message] = theatre.axis.queues["H05"]
    status = verify(message.body, trust=P256.trust, at=AT).message
    assert isinstance(status, Status)
    assert (status.status_code, status.description) == ("01", ANSWER)


async def test_the_mark_is_inside_what_is_signed(theatre: Theatre) -> None:
    await send(theatre)
    await theatre.nodes["H05"].turn()
    [message] = theatre.axis.queues["H01"]
    without = message.body.replace(MARK.encode(), b"")
    assert without != message.body
    assert verify(message.body, trust=P256.trust, at=AT).indication.value == "TOTAL-PASSED"
    assert verify(without, trust=P256.trust, at=AT).reason == "HASH_FAILURE"


async def test_a_copy_is_answered_and_noted_once_by_who_asked(theatre: Theatre) -> None:
    ref = await send(theatre)
    await theatre.nodes["H05"].turn()
    theatre.axis.queues["H01"] *= 2
    await theatre.settle()
    told = [line["event"] for line in events(theatre, "H05", ref)]
    assert told.count("ping_answered") == 1
    assert theatre.nodes["H05"].store.receipts.parked() == []


async def test_without_an_answer_it_is_not_sent_again(theatre: Theatre) -> None:
    ref = await send(theatre)
    await theatre.nodes["H05"].turn()
    theatre.axis.queues["H01"].clear()
    await theatre.run(timedelta(hours=80), timedelta(hours=1))
    assert [line["event"] for line in events(theatre, "H05", ref)] == [
        "queued",
        "publish_confirmed",
    ]


async def test_only_an_open_organ_of_the_directory_is_asked_by_one_of_ours(
    theatre: Theatre,
) -> None:
    with pytest.raises(SubmissionRefused, match="E-RTE-002"):
        await send(theatre, "H02")
    with pytest.raises(SubmissionRefused, match="E-RTE-001"):
        await send(theatre, "H99")
    world = theatre.nodes["H05"].world
    with pytest.raises(NotFound):
        await ping.send("H01", sender="H13", world=world, now=AT)


async def test_a_document_with_the_mark_is_refused_at_the_door(theatre: Theatre) -> None:
    """It would be answered 01 and reach nobody: a lost document with a receipt."""
    marked = replace(document(1, ("H01",)), unknown=(MARK,))
    with pytest.raises(SubmissionRefused, match="E-FMT-020"):
        await outbox.submit(marked, world=theatre.nodes["H05"].world, now=AT)


async def test_a_test_of_a_stranger_is_answered_by_nobody(theatre: Theatre) -> None:
    """Signed by H13 in the name of H05: quarantined as any forged envelope."""
    node = theatre.nodes["H05"]
    node.world = replace(node.world, keyring=theatre.nodes["H13"].world.keyring)
    with pytest.raises(NotFound):
        await send(theatre)


@pytest.mark.parametrize("point", ["before:answer_ping", "after:answer_ping"])
async def test_a_crash_while_it_is_answered(theatre: Theatre, point: str) -> None:
    ref = await send(theatre)
    theatre.nodes["H01"].crash_at = point
    await theatre.settle(6)
    assert theatre.nodes["H01"].crashes == 1
    assert events(theatre, "H05", ref)[-1]["event"] == "ping_answered"
