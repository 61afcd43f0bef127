"""docexchange/core/reconciling.py: what is a difference, and what is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from docexchange.core.reconciling import Compared, Sent
from docexchange.core.states import State

AT = datetime(2026, 6, 1, tzinfo=UTC)
A, B, C, D = ("aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32)
LINE = Sent(A, "H05,2026/06/01,98/QĐ-UBND", AT, State.ACKNOWLEDGED, "03")


def test_what_is_a_difference() -> None:
    def one(digest: str, state: State, code: str = "") -> Sent:
        return replace(LINE, sha256=digest, state=state, code=code)

    lacking = one(A, State.QUEUED)
    opened = one(B, State.UNDELIVERABLE)
    done = one(C, State.ACKNOWLEDGED)
    refused = one(D, State.ACKNOWLEDGED, "02")  # by a signed status: no arrival, and both know it
    compared = Compared((lacking, opened, done, refused), {B, C}, (), (), (), ())
    found = compared.differences
    assert (found.not_there, found.open_here) == ((lacking,), (opened,))
    compared = Compared((), (), (lacking, done, refused), {C}, (done, opened), {C})
    found = compared.differences
    assert (found.not_here, found.unknown_here) == ((lacking,), (opened,))
    assert not Compared((done,), {C}, (done,), {C}, (done,), {C}).differences
