"""docexchange/edges/store/handover.py: messages for a mailroom, in order until confirmed."""

from __future__ import annotations

import json
from datetime import timedelta

from docexchange.core.model import MailroomMessage
from docexchange.edges.store import SqlStore
from tests.records import MINUTE, NOW, arrival, first_receipt

LATER = NOW + MINUTE


def message(name: str, vhost: str = "mr-H05") -> MailroomMessage:
    return MailroomMessage(
        vhost, "reply.problem", name, "problem.v1", "application/problem+json",
        {"x-contract": "mailroom/1", "x-signer": "Nguyễn Văn A"}, name.encode(), "", "m-1",
    )  # fmt: skip


def names(store: SqlStore, vhost: str = "mr-H05", after: int = 0, limit: int = 10) -> list[str]:
    return [row.message.message_id for row in store.mailrooms.due(vhost, after, limit)]


async def test_a_message_comes_back_as_it_went_in(store: SqlStore) -> None:
    await store.mailrooms.reply(message("R1"), NOW)
    assert [row.message for row in store.mailrooms.due("mr-H05", 0, 10)] == [message("R1")]


async def test_they_leave_in_order_and_each_vhost_alone(store: SqlStore) -> None:
    for name in ("R1", "R2", "R3"):
        await store.mailrooms.reply(message(name), NOW)
    await store.mailrooms.reply(message("R4", "mr-H01"), NOW)
    assert names(store) == ["R1", "R2", "R3"]
    assert names(store, limit=2) == ["R1", "R2"]
    assert names(store, after=1) == ["R2", "R3"]
    assert names(store, "mr-H01") == ["R4"]


async def test_what_is_confirmed_is_not_due_any_more(store: SqlStore) -> None:
    for name in ("R1", "R2", "R3"):
        await store.mailrooms.reply(message(name), NOW)
    await store.mailrooms.sent([1, 3], LATER)
    assert names(store) == ["R2"]
    before = store.journal.verify()
    await store.mailrooms.sent([1, 99], LATER)
    assert store.journal.verify() == before


async def test_a_confirmed_inbox_message_makes_its_arrival_handed_over(store: SqlStore) -> None:
    await store.incoming.accept(arrival(), first_receipt(arrival()))
    [row] = store.mailrooms.due("mr-H05", 0, 10)
    assert (row.message.body, row.message.blob) == (None, arrival().sha256)
    await store.mailrooms.sent([row.row_id], LATER)
    await store.mailrooms.sent([row.row_id], LATER + MINUTE)
    assert store.incoming.arrival("A1").handed_over_at == LATER
    lines = [json.loads(line.line) for line in store.journal.of("A1")]
    assert [line["mailroom"] for line in lines if line["event"] == "handed_over"] == ["mr-H05"]


async def test_confirmed_messages_are_forgotten_after_30_days_others_never(
    store: SqlStore,
) -> None:
    for name in ("R1", "R2"):
        await store.mailrooms.reply(message(name), NOW)
    await store.mailrooms.sent([1], NOW)
    assert await store.contents.sweep_orphans(NOW + timedelta(days=30)) == 0
    assert await store.contents.sweep_orphans(NOW + timedelta(days=31)) == 1
    assert names(store) == ["R2"]


async def test_row_numbers_are_never_used_twice(store: SqlStore) -> None:
    await store.mailrooms.reply(message("R1"), NOW)
    await store.mailrooms.sent([1], NOW)
    await store.contents.sweep_orphans(NOW + timedelta(days=31))
    await store.mailrooms.reply(message("R2"), NOW)
    assert [row.row_id for row in store.mailrooms.due("mr-H05", 0, 10)] == [2]
