"""docexchange/core/searching.py: the words of a text, and a question that cannot be misused."""

from __future__ import annotations

import pytest

from docexchange.core.searching import Search, expression, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Chuyển đổi số", ["chuyen", "doi", "so"]),
        ("CHUYỂN ĐỔI SỐ", ["chuyen", "doi", "so"]),
        ("Đề án", ["de", "an"]),
        ("98/QĐ-UBND", ["98", "qd", "ubnd"]),
        ("H05.12.03", ["h05", "12", "03"]),
        ("a_b", ["a", "b"]),
        ("“—”", []),
    ],
)
def test_words_are_compared_without_marks_and_case(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        (Search("chuyển đổi"), '{number subject} : "chuyen" AND {number subject} : "doi" *'),
        (Search('"chuyển đổi"'), '{number subject} : "chuyen doi"'),
        (
            Search('98 "đề án" x'),
            '{number subject} : "98" AND {number subject} : "de an" AND {number subject} : "x" *',
        ),
        (Search(organ="H05.12"), '{organs} : "h05 12"'),
        (Search("a", organ="H05"), '{number subject} : "a" * AND {organs} : "h05"'),
        (Search(), ""),
        (Search("*** ()"), ""),
    ],
)
def test_the_question_in_the_language_of_the_index(search: Search, asked: str) -> None:
    assert expression(search) == asked


@pytest.mark.parametrize("evil", ['a" OR "b', "subject: x NEAR y", "a* NOT b", "') DROP --", '"'])
def test_the_language_of_the_index_is_not_reachable(evil: str) -> None:
    """Every operator that came becomes a word in quotes."""
    asked = expression(Search(evil))
    bare = "".join(part for place, part in enumerate(asked.split('"')) if place % 2 == 0)
    assert set(bare.replace("{number subject}", "").split()) <= {":", "AND", "*"}
