"""How the statistics tell lines apart: codes, notations, days of Vietnam, medians."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median_low

import pytest
from sqlalchemy import BigInteger, column, literal_column, select, table

from docexchange.core.model import By
from docexchange.edges.store import statistics
from docexchange.edges.store.database import Connection, Query, opened
from tests.records import MINUTE, NOW, arrival, first_receipt, open_store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with opened(Connection(tmp_path / "any.db")) as found:
        yield found


@pytest.mark.parametrize(
    ("organ", "level"),
    [("H05", "H05"), ("H05.12.3", "H05"), ("000.00.12.H02", "H02"), ("G09", "G09"), ("abc", "abc")],
)
def test_a_province_is_the_level_one_code(connection: Connection, organ: str, level: str) -> None:
    expression = statistics._level_one(literal_column(f"'{organ}'"))
    assert connection.rows(Query(select(expression.label("x"))))[0]["x"] == level


@pytest.mark.parametrize(
    ("notation", "type_"), [("QĐ-UBND", "QĐ"), ("UBND-VX", "UBND"), ("QĐ", "QĐ"), ("", "")]
)
def test_a_type_is_what_the_notation_begins_with(
    connection: Connection, notation: str, type_: str
) -> None:
    expression = statistics._abbreviation(literal_column(f"'{notation}'"))
    assert connection.rows(Query(select(expression.label("x"))))[0]["x"] == type_


def test_a_day_is_one_of_vietnam(connection: Connection) -> None:
    late = int(datetime(2026, 6, 1, 17, 0, tzinfo=UTC).timestamp() * 1_000_000)
    for time, day in ((late - 1, "2026-06-01"), (late, "2026-06-02")):
        expression = statistics._day(literal_column(str(time), BigInteger), "%Y-%m-%d")
        assert connection.rows(Query(select(expression.label("x"))))[0]["x"] == day


def test_the_median_is_the_lower_one(connection: Connection) -> None:
    rng = random.Random(5)
    values = {key: [rng.randrange(1000) for _ in range(n)] for key, n in (("a", 7), ("b", 8))}
    rows = ", ".join(f"('{key}', {value})" for key, some in values.items() for value in some)
    connection.command("CREATE TABLE times (key TEXT, took INTEGER)")
    connection.command(f"INSERT INTO times VALUES {rows}")
    times = select(column("key"), column("took", BigInteger)).select_from(table("times")).subquery()
    found = {row["key"]: row["took"] for row in connection.rows(Query(statistics._medians(times)))}
    assert found == {key: median_low(some) for key, some in values.items()}


async def test_urgency_of_what_arrived_is_counted_unless_it_was_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(tmp_path) as store:
        for name, priority in (("A1", 3), ("A2", 3), ("A3", 0), ("A4", 1)):
            found = arrival(name, priority=priority, document_id=name)
            await store.incoming.accept(found, first_receipt(found))
    with opened(Connection(path)) as raw:  # A4 arrived before the column was there
        raw.command("UPDATE arrivals SET priority = NULL WHERE tracking_id = 'A4'")
        found_lines = [
            (line.key, line.counts["documents"])
            for line in statistics.lines(raw, NOW - MINUTE, NOW + MINUTE)
            if (line.direction, line.by) == ("received", By.URGENCY)
        ]
    assert found_lines[0] == ("3", 2)
    assert sorted(found_lines) == [("", 1), ("0", 1), ("3", 2)]
