"""`envelopes/codes/document_types.py` and its list."""

from __future__ import annotations

import unicodedata

import pytest

from envelopes.codes.document_types import Group, document_types, find, suggest
from envelopes.folding import unmarked

TYPES = document_types()
ADMINISTRATIVE = [one for one in TYPES if one.group is Group.ADMINISTRATIVE]


def test_the_list_is_that_of_the_decree() -> None:
    assert len(ADMINISTRATIVE) == 29
    assert [one.name for one in ADMINISTRATIVE if not one.abbreviation] == ["Công văn", "Thư công"]
    assert sorted(one.archive_code for one in ADMINISTRATIVE) == [f"{n:02}" for n in range(1, 30)]
    assert all(one.source for one in TYPES)


def test_names_and_abbreviations_are_unique() -> None:
    names = [unmarked(one.name) for one in TYPES]
    short = [one.abbreviation for one in TYPES if one.abbreviation]
    assert len(set(names)) == len(names)
    assert len(set(short)) == len(short)


@pytest.mark.parametrize("one", TYPES, ids=lambda one: one.name)
def test_each_is_found_however_it_is_typed(one: object) -> None:
    name, short = one.name, one.abbreviation  # type: ignore[attr-defined]
    for text in (name, name.upper(), unmarked(name), unicodedata.normalize("NFD", name), short):
        if text:
            assert find(text) is one
    assert find(f"  {name}  (cá biệt)") is one


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("QĐ", "Quyết định"),
        ("qđ", "Quyết định"),
        ("qd", "Quyết định"),
        ("QyĐ", "Quy định"),
        ("HD", "Hướng dẫn"),
        ("HĐ", "Hợp đồng"),
        ("hđ", "Hợp đồng"),
        ("giấy uỷ quyền", "Giấy ủy quyền"),
        ("hd", None),  # either
        ("da", None),
        ("", None),
        ("QĐ-UBND", None),
        ("Quyết", None),
    ],
)
def test_find(text: str, name: str | None) -> None:
    found = find(text)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hd", ["Hướng dẫn", "Hợp đồng"]),
        ("quyet dihn", ["Quyết định", "Quy định"]),
        ("Cong vn", ["Công văn", "Công điện"]),
        ("xyz", []),
        ("", []),
    ],
)
def test_suggest(text: str, names: list[str]) -> None:
    assert [one.name for one in suggest(text)] == names
