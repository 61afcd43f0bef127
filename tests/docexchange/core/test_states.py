"""docexchange.core.states: both tables, every cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from docexchange.core.states import (
    DOCUMENT_ONLY,
    STATUS_ONLY,
    TRANSPORT,
    Event,
    IllegalTransition,
    Kind,
    State,
    StatusCode,
    fold,
    may_say,
    step,
)

AT = datetime(2026, 6, 1, tzinfo=UTC)

# The table of docexchange/README.md, written once more by hand; "." is an empty cell.
COLUMNS = [
    Event.PUBLISH_CONFIRMED,
    Event.PUBLISH_DEFERRED,
    Event.PUBLISH_REFUSED,
    Event.RECEIPT_VERIFIED,
    Event.RECEIPT_OVERDUE,
    Event.LIFETIME_ENDED,
    Event.CANCELLED,
    Event.RELEASED,
    Event.ASKED_AGAIN,
]
ROWS = {
    State.QUEUED: "S Q U A . U U . Q",
    State.SENT: "S S S A Q U U Q Q",
    State.ACKNOWLEDGED: "A A A A . . . . .",
    State.UNDELIVERABLE: "U U U A . . . Q .",
}
LETTER = {
    "Q": State.QUEUED,
    "S": State.SENT,
    "A": State.ACKNOWLEDGED,
    "U": State.UNDELIVERABLE,
}


@pytest.mark.parametrize(("kind", "state", "event"), list(product(Kind, State, Event)))
def test_every_cell(kind: Kind, state: State, event: Event) -> None:
    letter = ROWS[state].split()[COLUMNS.index(event)]
    of_other_kind = event in (STATUS_ONLY if kind is Kind.DOCUMENT else DOCUMENT_ONLY)
    if letter == "." or of_other_kind:
        with pytest.raises(IllegalTransition, match=f"{kind} in state {state} cannot take {event}"):
            step(kind, state, event)
    else:
        assert step(kind, state, event) is LETTER[letter]


def test_every_event_stands_in_the_table() -> None:
    assert {event for row in TRANSPORT.values() for event in row} == set(Event)


def test_no_document_can_leave_acknowledged() -> None:
    assert set(TRANSPORT[State.ACKNOWLEDGED].values()) == {State.ACKNOWLEDGED}


@pytest.mark.parametrize(
    ("current", "sayable"),
    [
        ("", {"01", "02", "03", "04", "05", "06", "15", "16"}),
        ("01", {"02", "03", "04", "05", "06", "15", "16"}),
        ("03", {"04", "05", "06", "15", "16"}),
        ("04", {"05", "06", "15", "16"}),
        ("05", {"06", "15", "16"}),
        ("06", {"15", "16"}),
        ("02", set()),
        ("15", set()),
        ("16", {"03", "04", "05", "06", "15", "16"}),
    ],
)
def test_what_a_receiver_may_say_next(current: str, sayable: set[str]) -> None:
    assert {code.value for code in StatusCode if may_say(current, code)} == sayable


def _history(*codes: str) -> list[tuple[datetime, int, str]]:
    return [(AT + timedelta(minutes=i), i, code) for i, code in enumerate(codes)]


@pytest.mark.parametrize(
    ("codes", "current", "conflict"),
    [
        ((), "", False),
        (("01", "03", "05", "06"), "06", False),
        (("01", "06", "03"), "06", False),  # a late 03 is history only
        (("01", "03", "03"), "03", False),
        (("01", "03", "02"), "03", True),  # rejected after acceptance
        (("01", "02"), "02", False),
        (("01", "02", "03"), "02", False),
        (("01", "99"), "01", False),
        (("01", "15"), "15", False),
    ],
)
def test_folding(codes: tuple[str, ...], current: str, conflict: bool) -> None:
    assert fold(_history(*codes)) == (current, conflict)


def test_folding_does_not_depend_on_the_order_of_arrival() -> None:
    history = _history("01", "03", "05", "06")
    assert fold(reversed(history)) == fold(history) == ("06", False)
