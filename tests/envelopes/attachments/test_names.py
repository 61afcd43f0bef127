"""`envelopes/attachments/names.py`: whatever text comes, a name of one file comes out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.attachments.names import BYTES_MAX, ending_of, safe_name, safe_names, shortened
from envelopes.folding import composed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Quyết định số 98.pdf", "Quyết định số 98.pdf"),
        ("98/QĐ-UBND.pdf", "98_QĐ-UBND.pdf"),
        (unicodedata.normalize("NFD", "Nghệ.pdf"), "Nghệ.pdf"),
        ("../../etc/cron.d/x", "etc_cron.d_x"),
        ("/abs", "abs"),
        ("..\\..\\a", "a"),
        ("x/../../y", "x_y"),
        ("..\uff0f..\u2215etc", "etc"),
        ("C:\\Users\\van thu\\cv.pdf", "Users_van thu_cv.pdf"),
        ("C:cv.pdf", "cv.pdf"),
        ("cv.pdf:hidden.exe", "cv.pdf_hidden.exe"),
        ("%2e%2e%2fx", "%2e%2e%2fx"),
        ("a\0b\x1b[2Jc", "ab[2Jc"),
        ("a\nb\u2028c", "a b c"),
        ("cv\u202efdp.exe", "cvfdp.exe"),
        ("cv\u200b.pdf\ufeff", "cv.pdf"),
        (".bashrc", "bashrc"),
        (". .x", "x"),
        ("cv.pdf. .", "cv.pdf"),
        ("-rf", "_-rf"),
        (";rm -rf ~", "_rm -rf _"),
        ("CON", "_CON"),
        ("con.tar.gz", "_con.tar.gz"),
        ("nul .txt", "_nul .txt"),
        ("LPT¹.pdf", "_LPT¹.pdf"),
        ("con\u200b.txt", "_con.txt"),
        ("contact.pdf", "contact.pdf"),
        ("a" + "\u0301" * 1000 + ".pdf", "á" + "\u0301" * 4 + ".pdf"),
        ("\ue000.pdf", "_.pdf"),
        ("", "attachment"),
        (" . .. ", "attachment"),
        ("///", "attachment"),
        ("\u202e\u200b", "attachment"),
        ("***", "attachment"),
    ],
)
def test_safe_name(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_long_name_keeps_its_ending_and_whole_letters() -> None:
    name = safe_name("ệ" * 4096 + ".pdf")
    assert name == "ệ" * 65 + ".pdf"  # 3 bytes a letter
    assert len(name.encode()) <= BYTES_MAX
    marked = shortened("q\u0323\u0302" * 100, 13)  # 5 bytes a letter, no composed form
    assert marked == "q\u0323\u0302" * 2
    assert shortened("x" * 300 + "." + "y" * 300) == "x" * BYTES_MAX


def test_names_that_a_folder_would_take_for_one_get_a_number() -> None:
    texts = ["a.pdf", "A.PDF", "a.pdf", "a (2).pdf", "Nghệ.pdf", "", "x/y", "x_y"]
    texts.append(unicodedata.normalize("NFD", "Nghệ.pdf"))
    assert safe_names(texts) == (
        *("a.pdf", "A (2).PDF", "a (3).pdf", "a (2) (2).pdf"),
        *("Nghệ.pdf", "attachment", "x_y", "x_y (2)", "Nghệ (2).pdf"),
    )
    long = safe_names(["x" * 300 + ".pdf"] * 12)
    assert len(set(long)) == 12
    assert {len(name) for name in long} == {BYTES_MAX}
    assert all(name.endswith(".pdf") for name in long)


def test_ten_thousand_times_one_name_costs_little() -> None:
    assert len(set(safe_names(["cv.pdf"] * 10_000))) == 10_000


def test_ending() -> None:
    assert [ending_of(name) for name in ("a.PDF", "a.tar.gz", "a", ".pdf", "a.")] == [
        *("pdf", "gz", "", "", ""),
    ]


_TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("./\\:cC onul-\u202e\u0301 ")))


@given(st.lists(_TEXTS, max_size=8))
def test_every_text_gives_a_name_of_its_own(texts: list[str]) -> None:
    names = safe_names(texts)
    assert len({composed(name) for name in names}) == len(texts)
    for name in names:
        assert name
        assert len(name.encode()) <= BYTES_MAX
        assert name == unicodedata.normalize("NFC", name)
        assert not set(name) & set('/\\:<>"|?*\0')
        assert name[0] not in ".-"
        assert name == name.strip()
        assert name[-1] not in ". "
        assert all(letter.isprintable() for letter in name)
