"""docexchange/compose.py: what the parts of a node are given."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from docexchange.compose import CLOCK_BACK, GuardedKeyring
from docexchange.core.errors import Deferred
from tests.pki import AT
from tests.theatre import Signers

SECOND = timedelta(seconds=1)


class Hand:
    """A clock that is set by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=3652), CLOCK_BACK + SECOND])
def test_f4_a_clock_behind_the_journal_signs_nothing_until_it_is_set(back: timedelta) -> None:
    clock = Hand(AT - back)
    keyring = GuardedKeyring(Signers("H05"), clock, AT)  # type: ignore[arg-type]
    with pytest.raises(Deferred, match="set the clock"):
        keyring.signer("H05")
    clock.at = AT - CLOCK_BACK  # a step of NTP
    assert keyring.signer("H05")
    clock.at = AT + timedelta(hours=1)
    assert keyring.signer("H05")
    clock.at = AT  # an hour before what was signed a moment ago
    with pytest.raises(Deferred, match="set the clock"):
        keyring.signer("H05")
