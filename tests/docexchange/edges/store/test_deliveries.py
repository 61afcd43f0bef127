"""docexchange/edges/store/deliveries.py: what is due, what a record does, what time decides."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from docexchange.core.errors import NotFound
from docexchange.core.model import DeliveryView
from docexchange.core.schedule import Lane
from docexchange.core.states import Event, IllegalTransition, State
from docexchange.edges.store import SqlStore, deliveries
from tests.records import (
    LONGEST,
    MINUTE,
    NOW,
    arrival,
    document,
    due,
    first_receipt,
    receipt,
    status,
)

LATER = NOW + 5 * MINUTE
DEADLINE = NOW + timedelta(hours=72)


def only(store: SqlStore, ref: str = "D1") -> DeliveryView:
    [delivery] = store.outgoing.document(ref).deliveries
    return delivery


def events(store: SqlStore) -> list[dict[str, object]]:
    rows = store.mailrooms.due("mr-H05", 0, 1000)
    bodies = [
        json.loads(row.message.body or b"") for row in rows if "transport" in row.message.type
    ]
    return [body["data"] for body in bodies]


async def queued(store: SqlStore, name: str = "D1", **changes: object) -> int:
    await store.outgoing.submit(document(name, **changes))
    return store.outgoing.document(name).deliveries[0].delivery_id


async def test_confirm_defer_and_confirm_again(store: SqlStore) -> None:
    number = await queued(store)
    state = await store.outgoing.record(
        number, Event.PUBLISH_DEFERRED, NOW, next_try=LATER, detail="no connection"
    )
    assert state is State.QUEUED
    assert (only(store).attempts, only(store).last_error) == (1, "no connection")
    assert due(store, now=LATER - MINUTE) == []
    [again] = due(store, now=LATER)
    assert (again.delivery_id, again.attempts, again.copies) == (number, 1, 0)
    assert await store.outgoing.record(
        number, Event.PUBLISH_CONFIRMED, LATER, next_try=DEADLINE
    ) is (State.SENT)
    view = only(store)
    assert (view.attempts, view.copies, view.last_error, view.next_try) == (0, 1, "", DEADLINE)
    assert due(store, now=DEADLINE) == []


async def test_a_deferral_after_the_receipt_leaves_the_deadline_alone(store: SqlStore) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    await store.outgoing.record(
        number, Event.PUBLISH_DEFERRED, NOW, next_try=DEADLINE, detail="late nack"
    )
    view = only(store)
    assert (view.state, view.next_try, view.last_error) == (State.SENT, LATER, "late nack")


async def test_a_refusal_after_the_confirm_changes_no_state(store: SqlStore) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    await store.outgoing.record(number, Event.PUBLISH_REFUSED, NOW, detail="too late")
    view = only(store)
    assert (view.state, view.reason, view.last_error) == (State.SENT, "", "too late")
    assert view.next_try == LATER


async def test_refused_keeps_its_reason_and_release_starts_again(store: SqlStore) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.PUBLISH_REFUSED, NOW, detail="over 16 MiB")
    view = only(store)
    assert (view.state, view.reason, view.next_try) == (State.UNDELIVERABLE, "over 16 MiB", None)
    new_end = NOW + timedelta(days=9)
    assert (
        await store.outgoing.record(number, Event.RELEASED, LATER, next_try=new_end) is State.QUEUED
    )
    view = only(store)
    assert (view.reason, view.lifetime_ends, view.next_try) == ("", new_end, LATER)
    assert [each.copies for each in due(store, now=LATER)] == [0]


async def test_cancelled_without_a_word_says_so(store: SqlStore) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.CANCELLED, NOW)
    assert only(store).reason == "cancelled"


async def test_an_illegal_event_changes_nothing(store: SqlStore) -> None:
    number = await queued(store)
    before, journal = only(store), store.journal.verify()
    with pytest.raises(IllegalTransition, match="a document in state queued cannot take released"):
        await store.outgoing.record(number, Event.RELEASED, NOW, next_try=DEADLINE)
    with pytest.raises(IllegalTransition, match=r"a document .* cannot take asked_again"):
        await store.outgoing.record(number, Event.ASKED_AGAIN, NOW)
    assert (only(store), store.journal.verify(), events(store)) == (before, journal, [])
    assert await store.outgoing.record(number, Event.CANCELLED, NOW) is State.UNDELIVERABLE


async def test_an_unknown_delivery_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no delivery 7"):
        await store.outgoing.record(7, Event.PUBLISH_CONFIRMED, NOW)


async def test_every_record_has_its_line(store: SqlStore) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.PUBLISH_DEFERRED, NOW, next_try=LATER, detail="nack")
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, LATER, next_try=DEADLINE)
    lines = [json.loads(line.line) for line in store.journal.of("D1")]
    keys = ("event", "organ", "state", "attempt", "detail")
    assert [[line.get(key) for key in keys] for line in lines[1:]] == [
        ["publish_deferred", "H01", "queued", 1, "nack"],
        ["publish_confirmed", "H01", "sent", 1, None],
    ]


async def test_the_mailroom_is_told_when_the_state_changes_only(store: SqlStore) -> None:
    number = await queued(store, recipients=("H01", "H13"))
    await store.outgoing.record(number, Event.PUBLISH_DEFERRED, NOW, next_try=LATER)
    assert events(store) == []
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    [event] = events(store)
    assert (event["sequence"], event["previous"]) == (1, "queued")
    assert event["counts"] == {"queued": 1, "sent": 1}
    assert event["recipients"] == [
        {
            "organ": "H01",
            "transport": "sent",
            "reason": "",
            "held": "",
            "attempts": 0,
            "copies": 1,
            "next_try": "2026-11-23T01:05:00.000000Z",
            "lifetime_ends": "2026-11-26T01:00:00.000000Z",
            "last_error": "",
            "code": "",
            "code_conflict": False,
        }
    ]


async def test_an_organ_without_a_mailroom_is_told_nothing(store: SqlStore) -> None:
    number = await queued(store, from_organ="H20")
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    assert events(store) == []
    assert only(store).state is State.SENT


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(timedelta(0), 0), (timedelta(microseconds=1), 1)],
    ids=["longest wait", "beyond it"],
)
async def test_a_try_impossibly_far_ahead_counts_as_come(
    store: SqlStore, ahead: timedelta, expected: int
) -> None:
    number = await queued(store)
    far = NOW + LONGEST + ahead
    await store.outgoing.record(number, Event.PUBLISH_DEFERRED, NOW, next_try=far)
    assert len(due(store)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(-1, 0), (0, 1)], ids=["before", "at it"])
async def test_an_overdue_receipt_is_queued_again(
    store: SqlStore, seconds: int, expected: int
) -> None:
    number = await queued(store)
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    now = LATER + timedelta(seconds=seconds)
    assert await store.outgoing.sweep(now) == (expected, ())
    assert len(due(store, now=now)) == expected
    assert len(events(store)) == 1 + expected


async def test_a_deadline_set_by_a_broken_clock_is_overdue(store: SqlStore) -> None:
    number = await queued(store)
    far = NOW + LONGEST + MINUTE
    await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=far)
    assert await store.outgoing.sweep(NOW) == (1, ())


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "queued"])
async def test_a_lifetime_ends(store: SqlStore, sent: bool) -> None:
    number = await queued(store)
    if sent:
        await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    assert await store.outgoing.sweep(DEADLINE - MINUTE) == (int(sent), ())
    [passed] = (await store.outgoing.sweep(DEADLINE)).deadlines
    assert (passed.final, passed.reason) == (True, "no_receipt" if sent else "not_taken")
    assert events(store)[-1]["deadline"] == {
        "kind": "final",
        "reason": passed.reason,
        "at": "2026-11-26T01:00:00.000000Z",
    }
    view = only(store)
    assert (view.state, view.reason, view.next_try) == (State.UNDELIVERABLE, "expired", None)
    assert await store.outgoing.sweep(DEADLINE) == (0, ())
    assert due(store, now=DEADLINE) == []


async def test_acknowledged_ones_are_left_alone_by_time(store: SqlStore) -> None:
    await queued(store)
    await store.receipts.apply(receipt(document()))
    assert await store.outgoing.sweep(DEADLINE + timedelta(days=99)) == (0, ())
    assert only(store).state is State.ACKNOWLEDGED


async def test_statuses_have_no_deadline_and_no_lifetime(store: SqlStore) -> None:
    await store.outgoing.submit(status("S2", "02"))
    [each] = due(store, Lane.RECEIPTS)
    await store.outgoing.record(each.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    assert await store.outgoing.sweep(DEADLINE + timedelta(days=99)) == (0, ())
    assert due(store, Lane.RECEIPTS, DEADLINE) == []


async def test_a_sweep_stops_at_its_limit_and_the_next_goes_on(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SWEEP_ROWS", 3)
    organs = tuple(f"X{number}" for number in range(4))
    await store.outgoing.submit(document(recipients=organs))
    for view in store.outgoing.document("D1").deliveries[:2]:
        await store.outgoing.record(view.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=LATER)
    await queued(store, "D2", lifetime_ends=LATER)
    await queued(store, "D3", lifetime_ends=LATER)
    swept = [await store.outgoing.sweep(LATER) for _ in range(3)]
    assert [(each.overdue, len(each.deadlines)) for each in swept] == [(1, 2), (1, 0), (0, 0)]


class TestAnswersLeaveInOrder:
    """Statuses of one arrival: 01 before 03, whatever happens to the first."""

    @pytest.fixture(autouse=True)
    async def arrived(self, store: SqlStore) -> None:
        await store.incoming.accept(arrival(), first_receipt(arrival()))
        await store.outgoing.submit(status("S3", "03", "A1"))
        await store.outgoing.submit(status("S5", "05", "A1"))

    def names(self, store: SqlStore, now: datetime = NOW) -> list[str]:
        return [each.tracking_id for each in due(store, Lane.RECEIPTS, now)]

    async def finish(self, store: SqlStore, event: Event, now: datetime = NOW) -> None:
        [each] = due(store, Lane.RECEIPTS, now)
        await store.outgoing.record(each.delivery_id, event, now, next_try=LATER, detail="why")

    async def test_each_waits_for_the_one_before(self, store: SqlStore) -> None:
        order = []
        for _ in range(3):
            order += self.names(store)
            await self.finish(store, Event.PUBLISH_CONFIRMED)
        assert order == ["A1-01", "S3", "S5"]
        assert self.names(store, DEADLINE) == []

    async def test_a_deferred_one_holds_the_others_back(self, store: SqlStore) -> None:
        await self.finish(store, Event.PUBLISH_DEFERRED)
        assert self.names(store, LATER - MINUTE) == []
        assert self.names(store, LATER) == ["A1-01"]

    async def test_a_refused_one_lets_the_next_go(self, store: SqlStore) -> None:
        await self.finish(store, Event.PUBLISH_REFUSED)
        assert self.names(store) == ["S3"]

    async def test_answers_of_other_arrivals_do_not_wait(self, store: SqlStore) -> None:
        other = arrival("A2", document_id="H01,2026/11/23,8")
        await store.incoming.accept(other, first_receipt(other))
        assert self.names(store) == ["A1-01", "A2-01"]

    async def test_asked_again_they_go_in_the_same_order(self, store: SqlStore) -> None:
        for _ in range(3):
            await self.finish(store, Event.PUBLISH_CONFIRMED)
        assert await store.incoming.answer_again("A1", LATER) == 3
        order = []
        for _ in range(3):
            order += self.names(store, LATER)
            await self.finish(store, Event.PUBLISH_CONFIRMED, LATER)
        assert order == ["A1-01", "S3", "S5"]
        assert self.names(store, DEADLINE) == []

    async def test_a_status_said_while_the_answers_repeat_waits_behind_them(
        self, store: SqlStore
    ) -> None:
        for _ in range(3):
            await self.finish(store, Event.PUBLISH_CONFIRMED)
        await store.incoming.answer_again("A1", LATER)
        await store.outgoing.submit(status("S6", "06", "A1", submitted_at=LATER))
        order = []
        for _ in range(4):
            order += self.names(store, LATER)
            await self.finish(store, Event.PUBLISH_CONFIRMED, LATER)
        assert order == ["A1-01", "S3", "S5", "S6"]


class TestDeadlines:
    """Non-delivery is evidence, too: a warning and an end, once each."""

    WARN = NOW + timedelta(hours=12)

    @pytest.fixture(autouse=True)
    async def submitted(self, store: SqlStore) -> None:
        await queued(store, warn_at=self.WARN)

    def line(self, store: SqlStore) -> dict[str, object]:
        line: dict[str, object] = json.loads(store.journal.of("D1")[-1].line)
        return line

    async def test_the_mailroom_is_warned_once_and_the_delivery_goes_on(
        self, store: SqlStore
    ) -> None:
        assert await store.outgoing.sweep(self.WARN - MINUTE) == (0, ())
        [warned] = (await store.outgoing.sweep(self.WARN)).deadlines
        assert (warned.final, warned.organ, warned.at) == (False, "H01", self.WARN)
        [event] = events(store)
        assert (event["previous"], event["deadline"]) == (
            "queued",
            {"kind": "warning", "reason": "not_taken", "at": "2026-11-23T13:00:00.000000Z"},
        )
        assert only(store).state is State.QUEUED
        names = ("event", "organ", "reason", "until")
        assert [self.line(store)[name] for name in names] == [
            "deadline_warned",
            "H01",
            "not_taken",
            "2026-11-26T01:00:00.000000Z",
        ]
        assert await store.outgoing.sweep(DEADLINE - MINUTE) == (0, ())
        [ended] = (await store.outgoing.sweep(DEADLINE)).deadlines
        assert ended.final
        assert (self.line(store)["event"], self.line(store)["reason"]) == (
            "lifetime_ended",
            "not_taken",
        )

    async def test_after_a_receipt_nobody_is_warned(self, store: SqlStore) -> None:
        await store.receipts.apply(receipt(document()))
        assert await store.outgoing.sweep(DEADLINE) == (0, ())

    async def test_a_daemon_that_was_down_for_days_tells_the_end_only(
        self, store: SqlStore
    ) -> None:
        swept = await store.outgoing.sweep(DEADLINE + timedelta(days=3))
        assert [each.final for each in swept.deadlines] == [True]
        assert len(events(store)) == 1

    async def test_released_by_a_person_it_has_a_new_end(self, store: SqlStore) -> None:
        await store.outgoing.sweep(DEADLINE)
        end = DEADLINE + timedelta(days=1)
        await store.outgoing.record(only(store).delivery_id, Event.RELEASED, DEADLINE, next_try=end)
        assert await store.outgoing.sweep(end - MINUTE) == (0, ())
        assert [each.final for each in (await store.outgoing.sweep(end)).deadlines] == [True]

    async def test_one_that_is_due_twice_is_warned_and_queued_again(self, store: SqlStore) -> None:
        number = only(store).delivery_id
        await store.outgoing.record(number, Event.PUBLISH_CONFIRMED, NOW, next_try=self.WARN)
        swept = await store.outgoing.sweep(self.WARN)
        assert (swept.overdue, swept.deadlines[0].reason) == (1, "no_receipt")
        assert only(store).state is State.QUEUED


async def test_a_lost_confirm_is_an_outcome_unknown_in_the_journal(store: SqlStore) -> None:
    number = await queued(store)
    for unknown in (True, False):
        await store.outgoing.record(
            number, Event.PUBLISH_DEFERRED, NOW, next_try=NOW, unknown=unknown
        )
    lines = [json.loads(line.line) for line in store.journal.of("D1")]
    assert [line.get("outcome") for line in lines[1:]] == ["unknown", None]
