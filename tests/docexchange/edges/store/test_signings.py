"""docexchange/edges/store/signings.py: waiting once, settled once, queued once."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docexchange.core.errors import Conflict, NotFound, StoreError
from docexchange.core.model import Origin, SigningOutcome, Submitted
from docexchange.core.states import Event, SigningState, State
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, document, due, open_store, pending, reply, signed

ORIGIN = Origin("mr-H05", "m-1")
LATE = NOW + timedelta(hours=48)
WAITING = Submitted("P1", pending().document_id, duplicate=False, sign_by=LATE)


def events(store: SqlStore) -> list[str]:
    lines = [json.loads(line.line) for line in store.journal.of("P1")]
    return [line["event"] for line in lines]


def told(store: SqlStore) -> list[Any]:
    """(signature, sequence, reason) of each signature event for the mailroom."""
    rows = [row.message for row in store.mailrooms.due("mr-H05", 0, 100)]
    bodies = [json.loads(one.body or b"") for one in rows if one.routing_key == "event.H05"]
    return [
        (body["data"]["signature"], body["data"]["sequence"], body["data"]["reason"])
        for body in bodies
        if body["type"] == "vn.docexchange.document.signature.v1"
    ]


async def test_it_waits_with_all_that_is_needed_and_nothing_is_due(store: SqlStore) -> None:
    waiting = pending(origin=ORIGIN)
    assert await store.signings.keep(waiting, reply()) == WAITING
    view = store.signings.find("P1")
    assert (view.state, view.expires_at, view.chain) == (
        SigningState.WAITING,
        LATE,
        (b"leaf", b"issuer"),
    )
    assert store.contents.read(view.sha256) == waiting.data
    assert due(store) == []
    assert store.outgoing.documents() == []
    assert events(store) == ["signature_awaited"]
    assert [row.message.body for row in store.mailrooms.due("mr-H05", 0, 9)] == [b"P1 accepted"]


@pytest.mark.parametrize("ref", ["P1", "98/QĐ-UBND", pending().request_id])
async def test_its_names(store: SqlStore, ref: str) -> None:
    await store.signings.keep(pending())
    assert store.signings.find(ref).tracking_id == "P1"
    with pytest.raises(NotFound):
        store.signings.find("99/QĐ-UBND")


async def test_the_same_content_again_is_a_duplicate_while_it_waits(store: SqlStore) -> None:
    await store.signings.keep(pending(origin=ORIGIN))
    again = pending(
        "P2", document_id=pending().document_id, content_sha256=pending().content_sha256
    )
    assert await store.signings.keep(again, reply()) == Submitted(
        "P1", pending().document_id, duplicate=True, sign_by=LATE
    )
    assert len(store.signings.waiting()) == 1


@pytest.mark.parametrize("by", ["identity", "origin"])
async def test_other_content_under_its_name_is_a_conflict(store: SqlStore, by: str) -> None:
    await store.signings.keep(pending(origin=ORIGIN))
    if by == "identity":
        other = pending("P2", document_id=pending().document_id)
        local = document("D2", document_id=pending().document_id)
    else:
        other = pending("P2", origin=ORIGIN)
        local = document("D2", origin=ORIGIN)
    with pytest.raises(Conflict, match="with other content as P1"):
        await store.signings.keep(other)
    with pytest.raises(Conflict, match="with other content as P1"):
        await store.outgoing.submit(local)


async def test_signed_here_meanwhile_it_is_a_duplicate_too(store: SqlStore) -> None:
    waiting = pending()
    await store.signings.keep(waiting)
    local = document("D2", document_id=waiting.document_id, content_sha256=waiting.content_sha256)
    assert (await store.outgoing.submit(local)).tracking_id == "P1"
    assert due(store) == []


async def test_what_was_submitted_does_not_wait_again(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    again = pending(
        "P1", document_id=document().document_id, content_sha256=document().content_sha256
    )
    assert await store.signings.keep(again) == Submitted("D1", again.document_id, duplicate=True)
    assert store.signings.waiting() == []


async def test_signed_it_is_a_submission_like_any_other(store: SqlStore) -> None:
    waiting = pending(origin=ORIGIN)
    await store.signings.keep(waiting)
    sent = signed(waiting, submitted_at=NOW + MINUTE)
    assert await store.signings.sign(sent, NOW + MINUTE) is SigningOutcome.SIGNED
    assert [(one.tracking_id, one.sha256) for one in due(store, now=NOW + MINUTE)] == [
        ("P1", sent.sha256)
    ]
    view = store.outgoing.document("P1")
    assert (view.sha256, view.deliveries[0].state) == (sent.sha256, State.QUEUED)
    assert events(store) == ["signature_awaited", "signed", "queued"]
    assert told(store) == [("signed", 1, "")]
    assert store.signings.waiting() == []
    known = store.outgoing.find(ORIGIN, None, waiting.content_sha256)
    assert known == Submitted("P1", waiting.document_id, duplicate=True)


async def test_the_next_event_of_it_has_the_next_number(store: SqlStore) -> None:
    await store.signings.keep(pending())
    await store.signings.sign(signed(pending()), NOW)
    await store.outgoing.record(
        due(store)[0].delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=LATE
    )
    rows = [row.message.message_id for row in store.mailrooms.due("mr-H05", 0, 9)]
    assert rows == ["P1-1", "P1-2"]


async def test_a_second_signature_changes_nothing(store: SqlStore) -> None:
    await store.signings.keep(pending())
    outcomes = await asyncio.gather(
        store.signings.sign(signed(pending()), NOW),
        store.signings.sign(signed(pending(), data=b"signed again, ECDSA"), NOW),
    )
    assert sorted(outcomes) == [SigningOutcome.DUPLICATE, SigningOutcome.SIGNED]
    assert len(due(store)) == 1
    assert len(told(store)) == 1


async def test_two_processes_race_and_one_wins(store: SqlStore, folder: Path) -> None:
    await store.signings.keep(pending())
    with open_store(folder, exclusive=False) as other:
        outcomes = await asyncio.gather(
            *(
                each.signings.sign(signed(pending(), data=f"by {each}".encode()), NOW)
                for each in (store, other)
                for _ in range(5)
            )
        )
    assert outcomes.count(SigningOutcome.SIGNED) == 1
    assert outcomes.count(SigningOutcome.DUPLICATE) == 9
    assert len(due(store)) == 1


async def test_a_late_signature_makes_it_expired(store: SqlStore) -> None:
    await store.signings.keep(pending())
    assert await store.signings.sign(signed(pending()), LATE) is SigningOutcome.EXPIRED
    assert (
        await store.signings.sign(signed(pending()), NOW) is SigningOutcome.EXPIRED
    )  # and it stays so
    assert (due(store), told(store)) == ([], [("expired", 1, "")])
    assert events(store) == ["signature_awaited", "signature_expired"]


async def test_time_expires_what_waits_and_frees_its_name(store: SqlStore) -> None:
    await store.signings.keep(pending(origin=ORIGIN))
    assert await store.signings.expire(LATE - timedelta(microseconds=1)) == 0
    assert await store.signings.expire(LATE) == 1
    assert await store.signings.expire(LATE) == 0
    assert store.signings.find("P1").state is SigningState.EXPIRED
    assert [one.tracking_id for one in store.signings.lapsed(NOW)] == ["P1"]
    assert store.signings.lapsed(LATE + MINUTE) == []
    other = pending("P2", document_id=pending().document_id, origin=ORIGIN)
    assert (await store.signings.keep(other)).tracking_id == "P2"
    assert store.signings.find("98/QĐ-UBND").tracking_id == "P2"  # the one that waits is meant


async def test_taken_back_it_is_never_queued(store: SqlStore) -> None:
    await store.signings.keep(pending())
    await store.signings.cancel("P1", "Sai trích yếu", NOW)
    assert await store.signings.sign(signed(pending()), NOW) is SigningOutcome.CANCELLED
    assert (due(store), told(store)) == ([], [("cancelled", 1, "Sai trích yếu")])
    with pytest.raises(Conflict, match="it is cancelled"):
        await store.signings.cancel("P1", "again", NOW)


async def test_a_refused_signature_leaves_it_waiting(store: SqlStore) -> None:
    await store.signings.keep(pending())
    await store.signings.refuse("P1", "OTHER_KEY", "khoá khác / another key", NOW)
    view = store.signings.find("P1")
    assert (view.state, view.refusals, view.last_refusal) == (
        SigningState.WAITING,
        1,
        "khoá khác / another key",
    )
    line = json.loads(store.journal.of("P1")[-1].line)
    assert (line["event"], line["reason"]) == ("signature_refused", "OTHER_KEY")
    assert await store.signings.sign(signed(pending()), NOW) is SigningOutcome.SIGNED


async def test_what_nobody_knows(store: SqlStore) -> None:
    for asked in (
        store.signings.sign(signed(pending()), NOW),
        store.signings.refuse("P1", "x", "x", NOW),
        store.signings.cancel("P1", "x", NOW),
    ):
        with pytest.raises(NotFound):
            await asked


@pytest.mark.parametrize(
    ("point", "state", "queued"),
    [("before:sign", SigningState.WAITING, 0), ("after:sign", SigningState.SIGNED, 1)],
)
async def test_killed_at_the_commit_of_the_signature(
    folder: Path, point: str, state: SigningState, queued: int
) -> None:
    def die(at: str) -> None:
        if at == point:
            raise RuntimeError(at)

    with open_store(folder, crash=die) as store:
        await store.signings.keep(pending())
        with pytest.raises(StoreError):
            await store.signings.sign(signed(pending()), NOW)
    with open_store(folder) as store:
        assert store.signings.find("P1").state is state
        assert len(due(store)) == queued
        outcome = await store.signings.sign(signed(pending()), NOW)
        assert outcome is (SigningOutcome.DUPLICATE if queued else SigningOutcome.SIGNED)
        assert len(due(store)) == 1
        assert store.journal.verify()[0] == 3


async def test_a_large_document_waits_in_parts(store: SqlStore) -> None:
    large = pending(data=bytes(3 * 1024 * 1024))
    await store.signings.keep(large)
    assert store.contents.read(store.signings.find("P1").sha256) == large.data
