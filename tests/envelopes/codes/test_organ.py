"""`envelopes/codes/organ.py`: what is a code, what is odd, what only looks like one."""

from __future__ import annotations

import csv
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes import edxml
from envelopes.codes import organ
from envelopes.codes.organ import Form
from envelopes.model import Document
from tests.samples import FOLDER, WELL_FORMED


@pytest.mark.parametrize(
    ("text", "form", "level_one"),
    [
        ("H05", Form.NEW, "H05"),
        ("H05.12.03", Form.NEW, "H05"),
        ("H37.DN.001", Form.NEW, "H37"),
        ("A53", Form.NEW, "A53"),
        ("H05." + "1" * 31, Form.NEW, "H05"),  # 35 characters
        ("000.00.00.H41", Form.OLD, "H41"),
        ("000.20.31.H53", Form.OLD, "H53"),
        ("Z01AB12", Form.OTHER, ""),
        ("Z99" + "A" * 32, Form.OTHER, ""),
        ("Z00A", Form.ODD, ""),
        ("28.22.H17", Form.ODD, ""),
        ("000.1137.H53", Form.ODD, ""),
        ("vxp.saas.03", Form.ODD, ""),
        ("001.00.20.TT2", Form.ODD, ""),
        ("h05", Form.ODD, ""),
        ("H05.", Form.ODD, ""),
        ("H05..1", Form.ODD, ""),
        ("H5", Form.ODD, ""),
        ("H055", Form.ODD, ""),
        ("Z05", Form.ODD, ""),
    ],
)
def test_forms(text: str, form: Form, level_one: str) -> None:
    code = organ.parse(text)
    assert code is not None
    assert (code.text, code.form, code.level_one) == (text, form, level_one)
    assert organ.level_one(text) == level_one
    assert organ.is_old_form(text) is (form is Form.OLD)
    assert organ.problem(text) is None
    assert (organ.oddity(text) is not None) is (form is Form.ODD)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("null", "the word null"),
        ("x" * 36, "36 characters; at most 35"),
        ("H05." + "1" * 32, "36 characters"),
        (".H05", "begins with '.'"),
        ("Н05", "character 1 is U+041D CYRILLIC CAPITAL LETTER EN, which only looks like H"),
        ("Η05", "U+0397 GREEK CAPITAL LETTER ETA, which only looks like H"),
        ("Ｈ05", "U+FF28 FULLWIDTH LATIN CAPITAL LETTER H, which only looks like H"),
        ("𝐇05", "U+1D407 MATHEMATICAL BOLD CAPITAL H, which only looks like H"),
        ("H0５", "character 3 is U+FF15 FULLWIDTH DIGIT FIVE, which only looks like 5"),
        ("H0٥", "U+0665 ARABIC-INDIC DIGIT FIVE, which only looks like 5"),
        ("H0५", "U+096B DEVANAGARI DIGIT FIVE, which only looks like 5"),
        ("H05\u200b", "character 4 is U+200B ZERO WIDTH SPACE"),
        ("\u202eH05", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("H05․12", "U+2024 ONE DOT LEADER, which only looks like ."),
        ("H05\n", "U+000A LINE FEED"),
        ("H05 ", "U+0020 SPACE"),
        ("Đ05", "U+0110 LATIN CAPITAL LETTER D WITH STROKE"),
        ("H/05", "U+002F SOLIDUS"),
    ],
)
def test_what_is_no_code_is_told_by_its_character(text: str, says: str) -> None:
    fault = organ.problem(text)
    assert organ.parse(text) is None
    assert organ.level_one(text) == ""
    assert fault is not None
    assert says in fault.en
    assert ("U+" in fault.vi) is ("U+" in fault.en)


def test_small_letters_are_asked_about_and_never_folded() -> None:
    odd = organ.oddity("h05.12")
    assert odd is not None
    assert "H05.12?" in odd.en
    assert organ.level_one("h05.12") == ""


def test_what_is_shown_cannot_be_mistaken_for_a_code() -> None:
    assert organ.shown("Н05\u200b") == "<U+041D>05<U+200B>"
    assert organ.shown("000.00.00.H05") == "000.00.00.H05"


@given(st.text(max_size=40))
def test_every_text_is_a_code_or_has_a_problem(text: str) -> None:
    code = organ.parse(text)
    assert (code is None) is (organ.problem(text) is not None)
    assert organ.shown(text).isascii()
    if code is not None:
        assert text.isascii()
        assert text == unicodedata.normalize("NFKC", text)
        assert 1 <= len(text) <= organ.LENGTH_MAX


def test_the_real_codes_are_codes() -> None:
    path = FOLDER / "codes" / "agencies-h53-2020.csv"
    if not path.exists():
        pytest.skip("no ../shared/samples beside the project")
    codes = [
        row["organ_id_old_format"]
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    ]
    assert [code for code in codes if organ.problem(code)] == []
    assert [code for code in codes if organ.oddity(code)] == ["000.1137.H53"]


@pytest.mark.parametrize("path", WELL_FORMED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_organs_of_real_envelopes_are_codes(path: object) -> None:
    message, _ = edxml.read(path.read_bytes())  # type: ignore[attr-defined]
    organs = [message.sender.organ_id]
    organs += list(message.recipients) if isinstance(message, Document) else []
    assert [one for one in organs if organ.problem(one)] == []
