"""`envelopes/codes/level_one.py` and its list."""

from __future__ import annotations

import csv
from datetime import date

import pytest

from envelopes.codes import level_one, organ
from envelopes.codes.level_one import Evidence, Standing, level_one_codes
from tests.samples import FOLDER

CODES = level_one_codes()
HEADER = "code,name,status,since,status_by,successor,successor_by,source"


def test_the_blocks_of_the_decree_are_whole() -> None:
    count = {block: sum(code[0] == block for code in CODES) for block in "BDEFGHIJK"}
    assert count == {"B": 1, "D": 1, "E": 1, "F": 1, "G": 38, "H": 63, "I": 6, "J": 28, "K": 63}
    live = [code for code, one in CODES.items() if code[0] == "H" and one.active]
    assert len(live) == 34  # provinces since 01/07/2025


def test_every_line_is_whole() -> None:
    for one in CODES.values():
        assert organ.level_one(one.code) == one.code
        assert one.source.startswith("QĐ ")
        assert date(2020, 9, 15) <= one.since <= date(2025, 7, 1)
        assert one.name or one.code == "G37"  # which no source names
        assert (one.successor_by is None) is (one.successor == "")
        assert not (one.active and one.successor)
        if one.standing is Standing.MERGED:
            assert one.successor
            assert one.standing_by is Evidence.BELIEVED


def test_successors_exist_and_are_active() -> None:
    for one in CODES.values():
        if one.successor:
            assert CODES[one.successor].active
            assert one.successor[0] == one.code[0]


def test_councils_follow_their_committees() -> None:
    for code, one in CODES.items():
        if code[0] == "H":
            council = CODES["K" + code[1:]]
            assert (council.standing, council.since) == (one.standing, one.since)
            assert council.successor == one.successor.replace("H", "K")
            assert council.name.removeprefix("HĐND ") == one.name.removeprefix("UBND ")


def test_what_only_general_knowledge_says_is_marked() -> None:
    assert CODES["G04"].standing_by is Evidence.DECREE
    assert CODES["G04"].successor_by is Evidence.BELIEVED
    assert CODES["H02"].standing_by is Evidence.BELIEVED
    assert CODES["H05"].standing_by is Evidence.DECREE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("H02", "H02"),
        ("H02.12.03", "H02"),
        ("000.00.12.H02", "H02"),
        ("H05", None),
        ("H99", None),
        ("h02", None),
        ("Н02", None),  # Cyrillic
        ("A12", None),
    ],
)
def test_find_closed(text: str, code: str | None) -> None:
    found = level_one.find_closed(text)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    "line",
    [
        "H5,x,active,2020-09-15,decree,,,QĐ",
        "H05.1,x,active,2020-09-15,decree,,,QĐ",
        "H05,x,open,2020-09-15,decree,,,QĐ",
        "H05,x,active,15/09/2020,decree,,,QĐ",
        "H05,x,active,2020-09-15,rumour,,,QĐ",
        "H05,x,active,2020-09-15,decree,,,",
        "H05,x,merged,2020-09-15,decree,H06,,QĐ",
    ],
)
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        level_one.read([HEADER, line])


def test_a_code_stands_once() -> None:
    line = "H05,x,active,2020-09-15,decree,,,QĐ"
    assert list(level_one.read([HEADER, line])) == ["H05"]
    with pytest.raises(ValueError, match="H05 stands twice"):
        level_one.read([HEADER, line, line])


def test_it_agrees_with_the_facts_that_were_collected() -> None:
    path = FOLDER / "codes" / "level1-codes.csv"
    if not path.exists():
        pytest.skip("no ../shared/samples beside the project")
    facts = {
        row["code"]: row for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    }
    single = {code: row for code, row in facts.items() if "-" not in code}
    assert set(single) == set(CODES)
    for code, row in single.items():
        assert CODES[code].active is (row["status"] == "active")
        if row["successor"]:
            assert CODES[code].successor == row["successor"]
