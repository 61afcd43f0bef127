"""`receipts parked`: row 6 of the peer-failure list, a receipt for an unknown document is shown."""

from __future__ import annotations

from dataclasses import replace

from tests.office import Office
from tests.records import document, receipt


def test_nothing_is_parked(office: Office) -> None:
    ran = office.run("H05", "receipts", "parked")
    assert (ran.code, ran.out) == (0, "")
    assert "no receipt waits" in ran.err


def test_what_is_parked_is_shown(office: Office) -> None:
    store, at = office.theatre.nodes["H05"].store, office.theatre.clock.now()
    office.play(store.receipts.apply(replace(receipt(document()), arrived_at=at)))
    out = office.run("H05", "receipts", "parked").out
    assert "H01" in out
    assert document().sha256 in out
    [shown] = office.run("H05", "receipts", "parked", "--json").json["receipts"]
    assert (shown["code"], shown["received_sha256"]) == ("01", document().sha256)
