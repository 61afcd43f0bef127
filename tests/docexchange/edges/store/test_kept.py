"""kept.py: held and quarantined envelopes, their quota, redelivered messages."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from docexchange.core.errors import Ambiguous, Conflict, NotFound
from docexchange.core.model import Order
from docexchange.core.schedule import Lane
from docexchange.edges.store import SqlStore
from docexchange.edges.store.kept import BEYOND_QUOTA
from tests.records import MINUTE, NOW, digest, due, kept, open_store, status

SOON = NOW + 5 * MINUTE
ORDER = Order("an.nguyen", "xong")


async def test_quarantine_keeps_bytes_report_and_answer(store: SqlStore) -> None:
    assert await store.incoming.quarantine(kept(), status("Q1", "02"))
    view = store.incoming.kept("1")
    assert (view.reason, view.copies, view.held, view.size) == ("SIGNER_NOT_SENDER", 1, False, 7)
    assert view.report == "{}"
    assert store.contents.read(kept().sha256) == kept().data
    assert [each.tracking_id for each in due(store, Lane.RECEIPTS)] == ["Q1"]


async def test_a_copy_is_counted_and_not_answered(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), status("Q1", "02"))
    before = store.journal.verify()
    assert not await store.incoming.quarantine(kept(reason="POISON"), status("Q2", "02"))
    view = store.incoming.kept("1")
    assert (view.copies, view.reason) == (2, "POISON")
    assert len(due(store, Lane.RECEIPTS)) == 1
    assert store.journal.verify() == before


async def test_the_same_bytes_for_another_organ_are_kept_apart(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), None)
    assert await store.incoming.quarantine(kept(organ="H06"), None)
    assert len(store.incoming.kept_list()) == 2


async def test_a_held_one_is_due_again_until_it_settles(store: SqlStore) -> None:
    assert await store.incoming.hold(kept(recheck_at=SOON))
    assert list(store.incoming.held_due(SOON - MINUTE, 10)) == []
    assert list(store.incoming.held_due(SOON, 10)) == [(1, "H05", kept().data, NOW, "node-H13")]
    assert not await store.incoming.hold(kept(kept_at=SOON, recheck_at=SOON + 5 * MINUTE))
    assert list(store.incoming.held_due(SOON, 10)) == []
    assert store.incoming.kept("1").copies == 1  # the keeper judged it, no copy came
    await store.incoming.settle(1, SOON, "accepted")
    assert list(store.incoming.held_due(SOON + 9 * MINUTE, 10)) == []
    assert store.incoming.kept_list() == []
    assert store.incoming.kept("1").held is False


async def test_a_copy_of_a_held_one_is_counted(store: SqlStore) -> None:
    await store.incoming.hold(kept(recheck_at=SOON))
    await store.incoming.hold(kept(kept_at=NOW + MINUTE, recheck_at=SOON))
    assert store.incoming.kept("1").copies == 2


async def test_a_held_one_that_fails_goes_to_quarantine_and_stays(store: SqlStore) -> None:
    await store.incoming.hold(kept(recheck_at=SOON))
    assert await store.incoming.quarantine(
        kept(kept_at=SOON, reason="NOT_FOR_US"), status("Q1", "02")
    )
    await store.incoming.settle(1, SOON, "quarantined")  # what the keeper says when it has judged
    assert [(view.kept_id, view.reason) for view in store.incoming.kept_list(held=False)] == [
        (1, "NOT_FOR_US")
    ]
    assert store.incoming.kept_list(held=True) == []
    assert len(due(store, Lane.RECEIPTS, SOON)) == 1


async def test_a_quarantined_one_may_come_to_be_held(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), None)
    assert await store.incoming.hold(kept(recheck_at=SOON))
    assert [view.kept_id for view in store.incoming.kept_list(held=True)] == [1]
    assert len(list(store.incoming.held_due(SOON, 1))) == 1


async def test_one_that_settled_may_be_kept_again(store: SqlStore) -> None:
    await store.incoming.hold(kept(recheck_at=SOON))
    await store.incoming.settle(1, SOON, "receipt")
    assert await store.incoming.quarantine(kept(), None)
    assert len(store.incoming.kept_list(held=False)) == 1


async def test_settling_what_is_not_kept_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="no kept envelope 5"):
        await store.incoming.settle(5, NOW, "accepted")


class TestQuota:
    """Bytes per connection; beyond it only the beginning is stored."""

    @pytest.fixture
    def small(self, folder: Path) -> SqlStore:
        return open_store(folder, quarantine_quota=200_000)

    def big(self, name: str, **changes: object) -> object:
        return kept(name, data=name.encode() * 50_000, **changes)

    async def test_beyond_it_digest_report_and_the_beginning_remain(self, small: SqlStore) -> None:
        with small as store:
            first, second = self.big("K1"), self.big("K2")  # 100,000 bytes each
            third = self.big("K3")
            for each in (first, second, third):
                await store.incoming.quarantine(each, None)
            assert store.contents.read(second.sha256) == second.data
            view = store.incoming.kept("3")
            assert (view.sha256, view.size, view.report) == (third.sha256, 100_000, "{}")
            with pytest.raises(NotFound):
                store.contents.read(third.sha256)
            assert (
                store.contents.read(digest(third.data[:BEYOND_QUOTA])) == third.data[:BEYOND_QUOTA]
            )

    async def test_other_connections_have_their_own(self, small: SqlStore) -> None:
        with small as store:
            for name in ("K1", "K2"):
                await store.incoming.quarantine(self.big(name), None)
            other = self.big("K3", connection="node-H20")
            await store.incoming.quarantine(other, None)
            assert store.contents.read(other.sha256) == other.data

    async def test_what_settles_gives_its_bytes_back(self, small: SqlStore) -> None:
        with small as store:
            await store.incoming.hold(self.big("K1", recheck_at=SOON))
            await store.incoming.hold(self.big("K2", recheck_at=SOON))
            await store.incoming.settle(1, NOW, "accepted")
            third = self.big("K3")
            await store.incoming.quarantine(third, None)
            assert store.contents.read(third.sha256) == third.data

    async def test_a_beginning_cannot_be_judged_again(self, small: SqlStore) -> None:
        with small as store:
            for name in ("K1", "K2", "K3"):
                await store.incoming.quarantine(self.big(name), None)
            assert not await store.incoming.hold(self.big("K3", recheck_at=SOON))
            assert list(store.incoming.held_due(SOON, 10)) == []
            assert store.incoming.kept("3").copies == 2


async def test_names_of_kept_envelopes(store: SqlStore) -> None:
    await store.incoming.quarantine(kept("K1"), None)
    await store.incoming.quarantine(kept("K1", organ="H06"), None)
    await store.incoming.quarantine(kept("K2"), None)
    assert store.incoming.kept(kept("K2").sha256[:6].upper()).kept_id == 3
    with pytest.raises(Ambiguous, match="fits several: 1, 2") as ambiguous:
        store.incoming.kept(kept("K1").sha256)
    assert ambiguous.value.candidates == ("1", "2")
    for ref in ("9", "abc", "ffffffff", "", "²", "9" * 30, "%%%%"):
        with pytest.raises(NotFound, match="nothing kept as"):
            store.incoming.kept(ref)


async def test_redelivered_messages_are_counted_by_digest(store: SqlStore) -> None:
    assert [await store.incoming.attempt("aa", NOW) for _ in range(3)] == [1, 2, 3]
    assert await store.incoming.attempt("bb", NOW) == 1


async def test_an_attempt_is_taken_back_or_forgotten(store: SqlStore) -> None:
    for _ in range(2):
        await store.incoming.attempt("aa", NOW)
    await store.incoming.judged("aa", ended=False)
    assert await store.incoming.attempt("aa", NOW) == 2
    await store.incoming.judged("aa", ended=True)
    assert await store.incoming.attempt("aa", NOW) == 1
    await store.incoming.judged("bb", ended=True)  # never counted


async def test_an_attempt_is_counted_for_30_days(store: SqlStore) -> None:
    await store.incoming.attempt("aa", NOW)
    assert await store.contents.sweep_orphans(NOW + 30 * 24 * 60 * MINUTE) == 0
    assert await store.contents.sweep_orphans(NOW + 30 * 24 * 60 * MINUTE + MINUTE) == 1
    assert await store.incoming.attempt("aa", NOW) == 1


async def test_bytes_that_turn_out_to_be_a_secret_go(store: SqlStore) -> None:
    """Kept unread as poison, then read: only the digest and the report stay."""
    poison = kept(reason="POISON", report="")
    secret = replace(poison, reason="SECRET", report="{}", data=b"", truncated=True)
    await store.incoming.quarantine(poison, None)
    await store.incoming.quarantine(kept(organ="H06"), None)  # the same bytes for another organ
    await store.incoming.quarantine(secret, None)
    assert store.contents.read(poison.sha256) == poison.data
    await store.incoming.quarantine(replace(secret, organ="H06"), None)
    with pytest.raises(NotFound):
        store.contents.read(poison.sha256)
    for number in ("1", "2"):
        view = store.incoming.kept(number)
        assert (view.reason, view.sha256, view.size) == ("SECRET", poison.sha256, poison.size)
    await store.incoming.quarantine(secret, None)  # a third copy finds nothing to drop
    assert store.incoming.kept("1").copies == 3
    assert list(store.incoming.held_due(SOON, 10)) == []


# -- what a person decides ---------------------------------------------------------------------


async def test_a_discarded_one_keeps_its_row_and_loses_its_content(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), None)
    await store.operator.discard(1, ORDER, SOON)
    assert store.incoming.kept_list() == []
    view = store.incoming.kept("1")
    assert (view.outcome, view.report, view.sha256) == ("discarded", "{}", kept().sha256)
    assert store.operator.content_of(1) == (hashlib.sha256(b"").hexdigest(), True)
    assert store._access.reader._raw.execute("SELECT count(*) FROM chunks").fetchone()[0] == 1
    with pytest.raises(Conflict, match="it was settled"):
        await store.operator.discard(1, ORDER, SOON)


async def test_what_another_organ_keeps_of_the_same_bytes_stays(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), None)
    await store.incoming.quarantine(kept(organ="H06"), None)
    await store.operator.discard(1, ORDER, SOON)
    assert store.contents.read(kept().sha256) == kept().data


async def test_discarding_gives_the_quota_back(folder: Path) -> None:
    with open_store(folder, quarantine_quota=2 * BEYOND_QUOTA) as store:
        await store.incoming.quarantine(kept(data=b"a" * 2 * BEYOND_QUOTA), None)
        await store.operator.discard(1, ORDER, SOON)
        await store.incoming.quarantine(kept(data=b"b" * 2 * BEYOND_QUOTA), None)
        assert store.operator.content_of(2)[1] is False


async def test_a_reopened_one_is_due_and_answered_no_second_time(store: SqlStore) -> None:
    await store.incoming.quarantine(kept(), status("Q1", "02"))
    await store.operator.reopen(1, ORDER, SOON)
    assert list(store.incoming.held_due(SOON, 10)) == [(1, "H05", kept().data, NOW, "node-H13")]
    await store.incoming.quarantine(kept(kept_at=SOON), status("Q2", "02"))
    assert store.incoming.kept("1").held is False
    assert len(due(store, Lane.RECEIPTS)) == 1
    await store.operator.reopen(1, ORDER, SOON)
    await store.incoming.settle(1, SOON, "accepted")
    assert store.incoming.kept("1").outcome == "accepted"
    with pytest.raises(Conflict, match="it was settled"):
        await store.operator.reopen(1, ORDER, SOON)


async def test_of_a_beginning_nothing_can_be_judged_again(folder: Path) -> None:
    with open_store(folder, quarantine_quota=0) as store:
        await store.incoming.quarantine(kept(data=b"a" * 2 * BEYOND_QUOTA), None)
        assert store.operator.content_of(1)[1] is True
        with pytest.raises(Conflict, match="only the beginning of 1 was kept"):
            await store.operator.reopen(1, ORDER, SOON)
        assert store.incoming.kept("1").held is False


def test_nobody_kept_that(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        store.operator.content_of(7)
