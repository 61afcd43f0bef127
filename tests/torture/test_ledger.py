"""A ledger that cannot fail is a defect: each planted fault must be found, and by its own name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.torture.ledger import Account, Ledger, Row

DOCUMENTS = [f"H05:{number}" for number in range(20)]


def honest() -> Ledger:
    """Twenty documents for two organs each, one of them given up, and all of it true."""
    ledger = Ledger()
    for document in DOCUMENTS:
        ledger.attempt(document, ("H01", "H13"))
        ledger.accept(document)
        for organ in ("H01", "H13"):
            entry = (document, organ)
            given_up = entry == ("H05:7", "H13")
            state = "undeliverable" if given_up else "acknowledged"
            ledger.sent.append(Row(entry, f"digest {document}", state))
            if not given_up:
                ledger.deliver(document, organ, f"id {document} {organ}")
                ledger.table.append(Row(entry, f"digest {document}"))
    return ledger


def test_an_honest_ledger_holds() -> None:
    account = honest().close()
    assert account.holds
    assert (account.attempted, account.accepted, account.inbox) == (40, 40, 39)
    assert (account.acknowledged, account.undeliverable, account.recovered) == (39, 1, 0)


def test_an_empty_ledger_does_not_hold() -> None:
    assert not Ledger().close().holds


def lose_row(ledger: Ledger) -> None:
    ledger.table = [row for row in ledger.table if row.entry != ("H05:3", "H01")]
    del ledger.inbox["H05:3", "H01"]


def lose_before_the_mailroom(ledger: Ledger) -> None:
    del ledger.inbox["H05:3", "H01"]


def forget_at_the_sender(ledger: Ledger) -> None:
    ledger.sent = [row for row in ledger.sent if row.entry != ("H05:3", "H01")]


def double_row(ledger: Ledger) -> None:
    ledger.table.append(Row(("H05:3", "H01"), "digest H05:3"))


def double_for_the_mailroom(ledger: Ledger) -> None:
    ledger.deliver("H05:3", "H01", "another id")


def another_recipient(ledger: Ledger) -> None:
    ledger.table.append(Row(("H05:3", "H77"), "digest H05:3"))
    ledger.deliver("H05:3", "H77", "an id")


def never_sent(ledger: Ledger) -> None:
    ledger.table.append(Row(("H05:999", "H01"), "digest"))
    ledger.deliver("H05:999", "H01", "an id")


def other_bytes(ledger: Ledger) -> None:
    at = ledger.table.index(Row(("H05:3", "H01"), "digest H05:3"))
    ledger.table[at] = Row(("H05:3", "H01"), "another digest")


def only_in_the_queue(ledger: Ledger) -> None:
    ledger.attempt("H05:50", ("H01",))
    ledger.deliver("H05:50", "H01", "an id")


def left_over(ledger: Ledger) -> None:
    at = ledger.sent.index(Row(("H05:3", "H01"), "digest H05:3", "acknowledged"))
    ledger.sent[at] = Row(("H05:3", "H01"), "digest H05:3", "queued")


def broken_journal(ledger: Ledger) -> None:
    ledger.faults.append("line 7 was changed")


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (lose_row, "lost"),
        (lose_before_the_mailroom, "lost"),
        (double_row, "duplicated"),
        (double_for_the_mailroom, "duplicated"),
        (another_recipient, "unexpected"),
        (never_sent, "unexpected"),
        (other_bytes, "unexpected"),
        (only_in_the_queue, "unexpected"),
        (left_over, "pending"),
        (broken_journal, "faults"),
    ],
)
def test_a_planted_fault_is_found(plant: Callable[[Ledger], None], found: str) -> None:
    ledger = honest()
    plant(ledger)
    account = ledger.close()
    assert not account.holds
    bad = ("lost", "duplicated", "unexpected", "pending", "faults")
    assert [name for name in bad if getattr(account, name)] == [found]


def test_what_its_sender_forgot_is_lost_and_unexpected() -> None:
    ledger = honest()
    forget_at_the_sender(ledger)
    account = ledger.close()
    assert account.lost == account.unexpected == {("H05:3", "H01")}


def test_the_same_message_id_again_is_a_redelivery_and_no_double() -> None:
    ledger = honest()
    ledger.deliver("H05:3", "H01", "id H05:3 H01")
    account = ledger.close()
    assert account.holds
    assert account.redeliveries == 1


def test_what_nobody_answered_and_is_there_all_the_same_is_recovered() -> None:
    ledger = honest()
    ledger.accepted.discard("H05:3")
    account = ledger.close()
    assert account.holds
    assert (account.accepted, account.recovered) == (38, 2)


def test_what_nobody_answered_and_is_nowhere_is_not_lost() -> None:
    ledger = honest()
    ledger.attempt("H05:50", ("H01",))
    account = ledger.close()
    assert account.holds
    assert account.attempted == 41


def test_what_is_accepted_and_on_its_way_is_unsettled() -> None:
    ledger = honest()
    assert ledger.unsettled() == {("H05:7", "H13")}


def test_the_account_names_what_is_wrong() -> None:
    ledger = honest()
    lose_row(ledger)
    account: Account = ledger.close()
    assert "  lost: H05:3 -> H01" in account.lines()
