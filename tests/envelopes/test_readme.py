"""envelopes/README.md: its tables are those that `tables` makes of the code."""

from __future__ import annotations

from tests.envelopes import tables

TEXT = tables.README.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    """If they are not: python -m tests.envelopes.tables."""
    assert tables.filled(TEXT) == TEXT


def test_every_table_is_there() -> None:
    made = {name for name in vars(tables) if name.endswith(("_table", "_tables"))}
    assert {line[5:-4] for line in TEXT.splitlines() if line.startswith("<!-- ")} == {*made, "end"}


def test_every_element_has_its_term() -> None:
    used = {row.split("`")[1] for row in tables.element_tables() if row.startswith("| `")}
    assert used == tables.TERMS.keys()
