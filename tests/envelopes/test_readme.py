"""envelopes/README.md: its tables are those that `tables` makes of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

import envelopes
from tests.envelopes import tables

README = Path(envelopes.__file__).with_name("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "table",
    [
        tables.frame_table,
        tables.element_tables,
        tables.finding_table,
        tables.limit_table,
        tables.step_table,
        tables.reason_table,
    ],
)
def test_a_table_is_that_of_the_code(table) -> None:
    rows = "\n".join(table()).rstrip()
    if rows not in README:
        missing = [row for row in rows.splitlines() if row not in README]
        pytest.fail("not in envelopes/README.md, or in another order:\n" + "\n".join(missing))


def test_every_element_has_its_term() -> None:
    used = {row.split("`")[1] for row in tables.element_tables() if row.startswith("| `")}
    assert used == tables.TERMS.keys()
