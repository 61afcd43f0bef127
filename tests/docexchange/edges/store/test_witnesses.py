"""What receipts say of journals: ours kept cheaply, theirs held together (G2, G3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import pytest

from docexchange.core.model import ReceiptOutcome
from docexchange.core.world import World
from docexchange.edges.store import SqlStore, witnesses
from docexchange.flow.witnessing import Notary
from envelopes.evidence.checkpoint import Checkpoint, claimed
from envelopes.evidence.journal import Follower
from tests.records import MINUTE, NOW, document, open_store, receipt

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path) as opened:
        yield opened


def said(lines: int, at: timedelta = MINUTE, fork: str = "") -> str:
    root = sha256(f"{lines}{fork}".encode()).hexdigest()
    return Checkpoint("", lines, root, root[::-1], NOW + at).claim()


async def hear(store: SqlStore, *claims: str) -> list[str]:
    """A document and its receipt for each; the kinds of the contradictions."""
    found = []
    for claim in claims:
        number = len(store.outgoing.documents(limit=100)) + 1
        sent = document(f"D{number}", document_id=f"H05,{number}")
        await store.outgoing.submit(sent)
        one = receipt(sent, checkpoint=claim)
        assert await store.receipts.apply(one) is ReceiptOutcome.APPLIED
        found += [each.kind for each in store.witnesses.take_alarms()]
    return found


def lengths(store: SqlStore) -> list[int]:
    return [one.checkpoint.lines for one in store.witnesses.of("H01")]


async def test_a_claim_is_how_the_journal_stands(store: SqlStore) -> None:
    store.witnesses.look(NOW)
    assert store.witnesses.claim == ""
    for number in (1, 2):
        await store.outgoing.submit(document(f"D{number}", document_id=f"H05,{number}"))
        store.witnesses.look(NOW)
        found = claimed("H05", store.witnesses.claim)
        state = store.journal.follow(Follower())
        assert found is not None
        assert (found.lines, found.root, found.head) == (state.lines, state.root, state.head)
        assert found.at == NOW
        store.journal.follow(Follower([found]))


async def test_a_start_reads_on_from_where_the_tree_was_kept(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await store.outgoing.submit(document())
        store.witnesses.look(NOW)
        assert await store.witnesses.keep_tree(NOW)
        assert not await store.witnesses.keep_tree(NOW + 2 * HOUR)  # nothing came since
        await store.outgoing.submit(document("D2", document_id="H05,2"))
        store.witnesses.look(NOW)
        assert not await store.witnesses.keep_tree(NOW + HOUR - MINUTE)
        claim = store.witnesses.claim
        lines = store.journal.follow(Follower()).lines
    with (
        open_store(tmp_path) as store,
        patch.object(witnesses, "leaf_hash", wraps=witnesses.leaf_hash) as hashed,
    ):
        store.witnesses.look(NOW)
        assert store.witnesses.claim == claim
        assert 0 < hashed.call_count < lines
        assert await store.witnesses.keep_tree(NOW + HOUR)


async def test_a_long_journal_is_read_bit_by_bit(store: SqlStore) -> None:
    for number in range(5):
        await store.outgoing.submit(document(f"D{number}", document_id=f"H05,{number}"))
    notary, world = Notary(), cast("World", SimpleNamespace(store=store))
    with patch.object(witnesses, "LOOK_LINES", 2), patch.object(witnesses, "KEEP_LINES", 2):
        await notary.round(world=world, now=NOW)
        assert store.witnesses.claim == ""
        for _ in range(5):
            await notary.round(world=world, now=NOW)
    found = claimed("H05", store.witnesses.claim)
    assert found is not None
    store.journal.follow(Follower([found]))
    assert found.lines == store.journal.follow(Follower()).lines


async def test_many_lines_are_kept_before_the_hour(store: SqlStore) -> None:
    await store.outgoing.submit(document())
    store.witnesses.look(NOW)
    await store.witnesses.keep_tree(NOW)
    await store.outgoing.submit(document("D2", document_id="H05,2"))
    store.witnesses.look(NOW)
    with patch.object(witnesses, "KEEP_LINES", 1):
        assert await store.witnesses.keep_tree(NOW)


async def test_a_tree_of_another_journal_is_not_gone_on_with(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        await store.outgoing.submit(document())
        store.witnesses.look(NOW)
        await store.witnesses.keep_tree(NOW)
        store._access.reader._raw.execute("DELETE FROM journal")
    with open_store(tmp_path) as store:
        store.witnesses.look(NOW)
        assert store.witnesses.claim == ""


async def test_what_an_organ_says_is_kept_once_an_hour(store: SqlStore) -> None:
    assert await hear(store, said(5)) == []
    assert await hear(store, said(5), said(6, 2 * MINUTE), said(9, HOUR)) == []
    assert lengths(store) == [5, 9]  # the newest has a row too
    assert await hear(store, said(8, HOUR - MINUTE)) == []  # came late
    assert lengths(store) == [5, 9]
    assert await hear(store, said(20, HOUR + MINUTE), said(21, HOUR + 2 * MINUTE)) == []
    assert lengths(store) == [5, 20, 21]
    [first, *_] = store.witnesses.of()
    assert (first.holder, first.checkpoint.organ) == ("H05", "H01")
    assert store.contents.read(first.sha256)


async def test_a_receipt_that_says_the_same_again_costs_nothing(store: SqlStore) -> None:
    await hear(store, said(5))
    with patch.object(witnesses, "note", side_effect=AssertionError("asked again")):
        assert await hear(store, said(5)) == []


@pytest.mark.parametrize(
    ("later", "kind"),
    [
        (said(5, 2 * MINUTE, fork="!"), "FORK"),
        (said(4, 30 * MINUTE), "WENT_BACK"),
        (said(6, -30 * MINUTE), "WENT_BACK"),
    ],
)
async def test_a_contradiction_is_journalled_once(store: SqlStore, later: str, kind: str) -> None:
    assert await hear(store, said(5), later) == [kind]
    assert await hear(store, said(5, 3 * MINUTE), later) == []
    assert len(store.witnesses.of("H01")) == 2  # both are evidence
    lines = [
        row[0]
        for row in store._access.reader._raw.execute("SELECT line FROM journal ORDER BY number")
        if '"event":"witness_contradicts"' in row[0]
    ]
    assert len(lines) == 1
    assert f'"kind":"{kind}"' in lines[0]
    assert later in lines[0]


async def test_an_older_copy_within_the_hour_shows(store: SqlStore) -> None:
    """Lines that were written after the last statement that stays are the first to be cut off."""
    assert await hear(store, said(5), said(9, 10 * MINUTE), said(7, 20 * MINUTE)) == ["WENT_BACK"]
    assert await hear(store, said(8, 30 * MINUTE), said(8, 40 * MINUTE)) == []  # told already
    assert lengths(store) == [5, 9, 7, 8]
    assert [one.checkpoint.lines for one in store.witnesses.contradicted()] == [9, 7]
    assert [one.checkpoint.lines for one in store.witnesses.newest()] == [8]


async def test_a_copy_that_is_put_back_may_say_what_it_said_before(store: SqlStore) -> None:
    assert await hear(store, said(5), said(9, 10 * MINUTE), said(5, 20 * MINUTE)) == ["WENT_BACK"]
    assert lengths(store) == [5, 9, 5]


async def test_a_wrong_clock_once_hides_nothing_later(store: SqlStore) -> None:
    assert await hear(store, said(5, 9000 * HOUR), said(6)) == ["WENT_BACK"]
    assert await hear(store, said(9, 10 * MINUTE), said(7, 20 * MINUTE)) == ["WENT_BACK"]


async def test_each_question_about_a_statement_has_its_index(store: SqlStore) -> None:
    given = {"of": "H01", "holder": "H05", "lines": 5, "before": 9, "after": 9}
    mine = "SEARCH witnesses USING COVERING INDEX witnesses_why (of=? AND holder=? AND why=?)"
    expected = {
        witnesses._KNOWN: "SEARCH witnesses USING INDEX witnesses_lines (of=? AND lines=?)",
        witnesses._LONGER: "SEARCH witnesses USING INDEX witnesses_lines (of=? AND lines>?)",
        witnesses._SHORTER: "SEARCH witnesses USING INDEX witnesses_at (of=? AND at>?)",
        witnesses._HOURLY: mine,
        witnesses._NEWEST: mine,
        witnesses._NO_MORE_NEWEST: mine.replace("COVERING ", ""),
        witnesses._EVIDENCE: "SCAN witnesses USING INDEX witnesses_evidence",
    }
    for query, wanted in expected.items():
        sql = f"EXPLAIN QUERY PLAN {query.sql}"
        assert [
            row[3] for row in store._access.reader._raw.execute(sql, query.constants | given)
        ] == [wanted]


async def test_a_clock_may_go_back_a_little(store: SqlStore) -> None:
    assert await hear(store, said(5, 4 * MINUTE), said(6, MINUTE)) == []


async def test_what_was_not_kept_or_cannot_be_read_is_no_witness(store: SqlStore) -> None:
    await hear(store, "5 lines", "")
    for year in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        await hear(store, f"{said(5).rpartition(' ')[0]} {year}")
    stray = receipt(document("D9"), checkpoint=said(5), received_sha256="")
    assert await store.receipts.apply(stray) is ReceiptOutcome.BAD_RECEIPT
    assert store.witnesses.of() == []
