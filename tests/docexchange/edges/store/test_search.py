"""docexchange/edges/store/search.py: the index is filled in steps, and what it finds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.searching import Search
from docexchange.edges.store import SqlStore, search
from tests.records import (
    NOW,
    arrival,
    document,
    first_receipt,
    make_old,
    open_store,
    status,
)

DAY = timedelta(days=1)


async def indexed(store: SqlStore) -> int:
    total = 0
    while some := await store.archive.index():
        total += some
    return total


def found(store: SqlStore, text: str = "", **terms: object) -> list[str]:
    return [hit.tracking_id for hit in store.archive.find(Search(text, **terms))]  # type: ignore[arg-type]


async def filled(store: SqlStore) -> SqlStore:
    await store.outgoing.submit(document("D1", subject="Chuyển đổi số năm 2026", submitted_at=NOW))
    await store.outgoing.submit(
        document("D2", number="7", notation="CV", subject="Báo cáo", submitted_at=NOW + DAY)
    )
    await store.outgoing.submit(
        document(
            "D3",
            subject="Đề án đổi mới",
            recipients=("H13", "H01", "H22", "H40", "H41"),
            submitted_at=NOW + 2 * DAY,
        )
    )
    await store.outgoing.submit(status("S1", "01"))
    came = arrival("A1", subject="Về chuyển đổi số", from_organ="H01.12", arrived_at=NOW + 3 * DAY)
    await store.incoming.accept(came, first_receipt(came))
    assert await indexed(store) == 4
    return store


async def test_words_without_marks_in_any_order(store: SqlStore) -> None:
    await filled(store)
    assert found(store, "chuyen doi so") == ["A1", "D1"]
    assert found(store, "SỐ chuyển") == ["A1", "D1"]
    assert found(store, "đổi") == ["A1", "D3", "D1"]
    assert found(store, '"doi moi"') == ["D3"]
    assert found(store, '"moi doi"') == []
    assert found(store, "chuy") == ["A1", "D1"]
    assert found(store, "huyen") == []


async def test_numbers_and_notations(store: SqlStore) -> None:
    await filled(store)
    assert found(store, "7/CV") == ["A1", "D2"]
    assert found(store, "98/QĐ-UBND") == ["D3", "D1"]
    assert found(store, "98 doi moi") == ["D3"]


async def test_organs_and_those_below_them(store: SqlStore) -> None:
    await filled(store)
    assert found(store, organ="H01") == ["A1", "D3", "D2", "D1"]
    assert found(store, organ="H01.12") == ["A1"]
    assert found(store, organ="H40") == ["D3"]
    assert found(store, organ="H4") == []
    assert found(store, "doi", organ="H13") == ["D3"]


async def test_days_and_directions(store: SqlStore) -> None:
    await filled(store)
    assert found(store) == ["A1", "D3", "D2", "D1"]
    assert found(store, begin=NOW + DAY, end=NOW + 3 * DAY) == ["D3", "D2"]
    assert found(store, "doi", begin=NOW + DAY) == ["A1", "D3"]
    assert found(store, end=NOW) == []
    assert found(store, sent=False) == ["A1"]
    assert found(store, received=False, limit=2) == ["D3", "D2"]


async def test_a_hit_names_some_recipients_and_counts_the_rest(store: SqlStore) -> None:
    await filled(store)
    [hit] = store.archive.find(Search("de an"))
    assert (hit.organs, hit.more, hit.sent) == (("H13", "H01", "H22"), 2, True)
    [came] = store.archive.find(Search(sent=False))
    assert (came.organs, came.more, came.at) == (("H01.12",), 0, NOW + 3 * DAY)


async def test_signs_alone_fit_nothing(store: SqlStore) -> None:
    await filled(store)
    assert found(store, "---") == []
    assert found(store, '"') == []


async def test_the_index_is_filled_in_steps_from_where_it_was(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEP", 2)
    for number in range(5):
        await store.outgoing.submit(document(f"D{number}", subject=f"so {number}"))
    assert [await store.archive.index() for _ in range(4)] == [2, 2, 1, 0]
    await store.outgoing.submit(document("D9", subject="so 9"))
    assert await store.archive.index() == 1
    assert found(store, "so") == ["D9", "D4", "D3", "D2", "D1", "D0"]


async def test_a_store_without_an_index_gets_one(folder: Path) -> None:
    with open_store(folder) as store:
        await store.outgoing.submit(document("D1", subject="Cũ"))
    make_old(folder / "store.db")
    with open_store(folder) as store:
        assert found(store, "cu") == []
        assert await indexed(store) == 1
        assert found(store, "cu") == ["D1"]


async def test_nothing_of_a_subject_stands_in_the_index_as_text(store: SqlStore) -> None:
    """What was destroyed by a recall is not kept by its index: it gives no text back."""
    await filled(store)
    rows = store._access.reader._raw.execute("SELECT subject FROM search_sent").fetchall()
    assert {row["subject"] for row in rows} == {None}
