"""`envelopes/folding.py`: the same words typed in other ways."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.folding import composed, unmarked

NAME = "Ủy ban nhân dân tỉnh Nghệ An"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (" Tuyệt \n MẬT ", "tuyet mat"),
        ("Đường Nguyễn Đình Chiểu", "duong nguyen dinh chieu"),
        ("M\u200bậ\u00adt", "mat"),
        ("ＭẬＴ", "mat"),
        ("Mật\u3164", "mat"),
        ("Mật\u00a0độ", "mat do"),
        ("\u202eMật\u202c", "mat"),
    ],
)
def test_unmarked(text: str, key: str) -> None:
    assert unmarked(text) == key


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_form_of_a_name_has_one_key(form: str) -> None:
    text = unicodedata.normalize(form, NAME)  # type: ignore[arg-type]
    assert composed(text) == composed(NAME.upper())
    assert unmarked(text) == "uy ban nhan dan tinh nghe an"


def test_composed_keeps_words_apart_that_differ_in_marks() -> None:
    assert len({composed(word) for word in ("mật", "mặt", "mất", "mát")}) == 4


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert unmarked(unmarked(text)) == unmarked(text)
    assert composed(unicodedata.normalize("NFD", text)) == composed(text)
