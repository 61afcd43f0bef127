"""docexchange/edges/store/reconciling.py: what both sides are compared by, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from docexchange.core.model import Order
from docexchange.core.reconciling import Asked, Sent, Window
from docexchange.core.states import Event, Kind
from docexchange.edges.store import SqlStore, comparing, reconciling
from docexchange.edges.store.comparing import BACK, _piece
from tests.records import NOW, arrival, document, status

HOUR = timedelta(hours=1)
BETWEEN = Asked("ab" * 32, "H05", "H01")
ALL = Window(NOW - 999 * HOUR, NOW + 999 * HOUR)


async def sent(store: SqlStore, number: int, at: datetime, to: str = "H01") -> None:
    name = f"D{number:02}"
    made = document(name, data=name.encode(), submitted_at=at, recipients=(to,))
    await store.outgoing.submit(replace(made, document_id=name))


def listed(found: list[Sent]) -> list[str]:
    return [one.tracking_id for one in found]


async def test_only_what_is_between_both_and_within_the_window(store: SqlStore) -> None:
    for number in range(10):
        await sent(store, number, NOW + number * HOUR, "H01" if number % 2 else "H13")
    assert listed(store.reconciling.sent(BETWEEN, ALL)) == ["D01", "D03", "D05", "D07", "D09"]
    window = Window(NOW + 3 * HOUR, NOW + 7 * HOUR)
    assert listed(store.reconciling.sent(BETWEEN, window)) == ["D03", "D05", "D07"]
    assert store.reconciling.sent(replace(BETWEEN, organ="H13"), ALL) == []
    assert store.reconciling.listed(BETWEEN, window)[0].received == ()


async def test_the_beginning_is_found_by_halving_though_a_clock_was_put_back(
    store: SqlStore,
) -> None:
    for number in range(30):
        back = BACK / 2 if number == 20 else timedelta()
        await sent(store, number, NOW + number * HOUR - back)
    for number in range(30):
        begin = NOW + number * HOUR - (BACK / 2 if number == 20 else timedelta())
        found = listed(store.reconciling.sent(BETWEEN, Window(begin, ALL.until)))
        assert found == [f"D{one:02}" for one in range(number, 30)]


async def test_a_list_goes_on_where_it_stopped(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "LINES_MAX", 3)
    monkeypatch.setattr(comparing, "SCAN_MAX", 4)
    for number in range(20):
        await sent(store, number, NOW, "H13" if 5 < number < 15 else "H01")
    pieces: list[list[str]] = []
    after: int | None = 0
    while after is not None:
        some, after = comparing.sent(store._access.reader, BETWEEN, ALL, after)
        pieces.append(listed(some))
    assert max(map(len, pieces)) == 3
    assert [] in pieces  # a stretch that was all for others
    whole = [one for piece in pieces for one in piece]
    assert whole == [f"D{number:02}" for number in range(20) if not 5 < number < 15]


async def test_only_what_the_peer_sent_to_that_organ_is_told(store: SqlStore) -> None:
    one = arrival()
    await store.incoming.accept(one, status("S1", "01"))
    names = (one.organ, one.from_organ)
    assert store.reconciling.have(*names, [one.sha256, "00" * 32]) == {
        one.sha256: (one.tracking_id, "01")
    }
    assert store.reconciling.have(one.organ, "H13", [one.sha256]) == {}
    assert store.reconciling.have("H13", one.from_organ, [one.sha256]) == {}
    between = Asked("", *names)
    assert [line.sha256 for line in store.reconciling.listed(between, ALL)[0].received] == [
        one.sha256
    ]
    assert store.reconciling.listed(replace(between, peer="H13"), ALL)[0].received == ()


async def test_only_what_was_acknowledged_is_sent_again(store: SqlStore) -> None:
    one = document("D1")
    await store.outgoing.submit(one)
    organ = one.recipients[0]
    asked = Asked("ab" * 32, one.from_organ, organ)
    assert (
        await store.reconciling.send_again(asked, one.sha256, lambda: "C1", NOW) is None
    )  # it is under way
    [due] = store.operator.deliveries("D1")
    await store.outgoing.record(due.delivery_id, Event.PUBLISH_CONFIRMED, NOW, next_try=NOW + HOUR)
    assert await store.reconciling.send_again(asked, one.sha256, lambda: "C1", NOW) is None


async def test_a_question_is_answered_once(store: SqlStore) -> None:
    said = replace(document("A1", data=b"answer", recipients=("H01",)), kind=Kind.TEST)
    assert store.reconciling.may_answer(BETWEEN, NOW)
    assert await store.reconciling.answer(BETWEEN, said, reconciling.Place(7, None))
    assert not store.reconciling.may_answer(BETWEEN, NOW)
    again = replace(said, tracking_id="A2", data=b"again", sha256="01" * 32)
    assert not await store.reconciling.answer(BETWEEN, again, reconciling.Place())
    assert reconciling.goes_on(store._access.reader, BETWEEN) == reconciling.Place(7, None)
    assert reconciling.goes_on(store._access.reader, replace(BETWEEN, peer="H13")) is None


async def test_what_has_not_left_is_not_forgotten(store: SqlStore) -> None:
    question = replace(document("Q1", data=b"question", recipients=("H01",)), kind=Kind.TEST)
    await store.reconciling.ask(question, Order("an", ""))
    later = NOW + timedelta(days=99)
    assert await store.reconciling.forget(later) == 0
    [(delivery,)] = store._access.reader._raw.execute("SELECT id FROM deliveries").fetchall()
    await store.outgoing.record(delivery, Event.PUBLISH_CONFIRMED, NOW)
    assert await store.reconciling.forget(NOW + timedelta(days=1)) == 0
    assert await store.reconciling.forget(later) == 1
    assert store.reconciling.told("Q1") is None


def test_each_step_has_its_index(store: SqlStore) -> None:
    """Nothing is read from end to end."""
    given = dict.fromkeys(("organ", "peer", "sha256", "tracking_id", "name", "kind"), "")
    given |= dict.fromkeys(("after", "last", "since", "until", "first", "scan", "before"), 0)
    given |= {"most": 1}
    queries = [
        *(reconciling._QUESTION, reconciling._LATELY, reconciling._TOLD, comparing._HAVE),
        *(comparing._KNOWN, reconciling._AGAIN, comparing._RESTORED, reconciling._OLD),
        reconciling._SUBMITTED,
    ]
    for rows in (comparing._SENT, comparing._RECEIVED):
        queries += [rows.last, rows.first, rows.bound, rows.wanted]
    for query in queries:
        values = given | query.constants
        plan = store._access.reader._raw.execute(
            f"EXPLAIN QUERY PLAN {query.sql}", values
        ).fetchall()
        steps = [row["detail"] for row in plan]
        assert steps
        assert not any(step.startswith("SCAN") for step in steps), (query.sql, steps)
    assert _piece(store._access.reader, comparing._SENT, BETWEEN, ALL, None) == ([], None)
