"""docexchange/edges/tomlfile.py: the line of every key, whatever stands around it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docexchange.edges.tomlfile import FileError, TomlFile, duration, key_lines, shown

HARD = '''\
# [not.a.table]
top = 1
"quoted \\"key\\"" = "a # b [c]"
text = """
[not.a.table]
key = 1
"quoted" ""\\""" # still text
"""""
literal = \'\'\'
key = 2
it\'s \'\'\'\'
[a.b."c.d"]
x.y = [ # comment with ]
  { z = 1 }, { z = "]" },
  [ 1, [ 2 ] ],
]
after = { p = { q = 1 } }   # trailing
\'q.r\' = 2

[[many]]
n = 1
[[many]]
n = 2
'''


def test_lines_of_hard_cases() -> None:
    assert key_lines(HARD) == {
        ("top",): 2,
        ('quoted "key"',): 3,
        ("text",): 4,
        ("literal",): 9,
        ("a",): 12,
        ("a", "b"): 12,
        ("a", "b", "c.d"): 12,
        ("a", "b", "c.d", "x"): 13,
        ("a", "b", "c.d", "x", "y"): 13,
        ("a", "b", "c.d", "after"): 17,
        ("a", "b", "c.d", "q.r"): 18,
        ("many",): 20,
        ("many", "n"): 21,
    }


def test_the_line_of_something_inside_is_that_of_what_holds_it() -> None:
    file = TomlFile(Path("x.toml"), HARD.encode())
    assert file.line(("a", "b", "c.d", "after", "p", "q")) == 17
    assert file.line(("nowhere", "at all")) == 1


_key = st.one_of(
    st.text("abc-_09", min_size=1, max_size=4),
    st.text(st.characters(exclude_categories=["C"]), max_size=4),
)
_scalar = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(st.sampled_from("a#[]{}'= "), max_size=6)
)
_tables = st.dictionaries(_key, st.dictionaries(_key, _scalar, max_size=4), min_size=1, max_size=4)


def toml(tables: Mapping[str, Mapping[str, object]]) -> tuple[str, dict[tuple[str, ...], int]]:
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for name, values in tables.items():
        lines.append(f"[{quoted(name)}]  # [comment]")
        expected[(name,)] = len(lines)
        for key, value in values.items():
            word = str(value).lower() if not isinstance(value, str) else quoted(value)
            lines.append(f"{quoted(key)} = {word} # = 'x")
            expected[(name, key)] = len(lines)
    return "\n".join(lines), expected


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(_tables)
def test_lines_of_any_tables(tables: dict[str, dict[str, object]]) -> None:
    text, expected = toml(tables)
    assert tomllib.loads(text) == tables
    assert key_lines(text) == expected


def test_windows_line_ends() -> None:
    file = TomlFile(Path("x.toml"), b"a = 1\r\n\r\n[t]\r\nb = 2\r\n")
    assert file.line(("t", "b")) == 4


@pytest.mark.parametrize("text", ["5", "5 m", "-5m", "m", "5M", "٣m", "5m5s"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        duration(text)


def test_keys_are_shown_as_people_write_them() -> None:
    assert shown(("organs", "000.00.00.H05", "certificates[2]", "from")) == (
        'organs."000.00.00.H05".certificates[2].from'
    )


def test_a_value_where_a_table_is_due() -> None:
    file = TomlFile(Path("x.toml"), b"a = 1\n[b]\nc = 2\n")
    assert not file.section("a")
    assert not file.section("b").section("c")
    with pytest.raises(FileError) as caught:
        file.done()
    assert [(one.line, one.key) for one in caught.value.problems] == [(1, "a"), (3, "b.c")]
