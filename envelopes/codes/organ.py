"""Mã định danh cơ quan: the grammar of an organ's code.

    H05, H05.12.03         new form: level 1, then groups of A-Z 0-9, the highest first
    000.20.31.H53          old form, 13 characters, the highest last
    Z01AB12                organs outside the state: scheme Z01 to Z99, then at most 32 characters

A code is compared as it is, byte for byte; it is never folded, so that nothing that only looks
like H05 can be taken for it. Whether an organ of that code exists is for a directory to say.

In the wild stand others: 28.22.H17 (three groups), 000.1137.H53, vxp.saas.03, 001.00.20.TT2. They
may name an organ if a directory lists them, so they are odd but no fault. What is no code at all,
and what `problem` says, are letters, digits and signs outside A-Z a-z 0-9 . -, the empty text, the
word null, and more than 35 characters.

Source: QĐ 20/2020/QĐ-TTg Art 4 to 6 and Appendix I; old form: QCVN 102:2016/BTTTT.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..wording import Words

LENGTH_MAX: Final = 35  # characters, QĐ 20/2020 Art 4
SHOWN_MAX: Final = 40  # characters of a text that a message repeats
_NEW: Final = re.compile(r"([A-Y][0-9]{2})(?:\.[A-Z0-9]+)*")
_OLD: Final = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.([A-Y][0-9]{2})")
_OTHER: Final = re.compile(r"Z(?:0[1-9]|[1-9][0-9])[A-Z0-9.]{1,32}")
# What can stand in a routing key and as the name of a folder, whatever grammar it follows.
_WRITABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,34}")
_ALPHABET: Final = re.compile(r"[A-Za-z0-9.-]")


class Form(StrEnum):
    """Which grammar a code follows."""

    NEW = "new"  # QĐ 20/2020 Art 4
    OLD = "old"  # QCVN 102:2016
    OTHER = "other"  # QĐ 20/2020 Art 6: organs outside the state
    ODD = "odd"  # none; a directory may list it all the same


@dataclass(frozen=True, slots=True)
class OrganCode:
    """A code that was understood.

    Args:
        text: exactly as written.
        form: the grammar it follows.
        level_one: the level 1 code that it lies under, as H53 of 000.20.31.H53; "" if the form
            has none.
    """

    text: str
    form: Form
    level_one: str


def parse(text: str) -> OrganCode | None:
    """The code, None when it is no code at all (`problem` says why)."""
    if not _is_code(text):
        return None
    new, old = _NEW.fullmatch(text), _OLD.fullmatch(text)
    found = new or old
    if found is not None:
        return OrganCode(text, Form.NEW if new else Form.OLD, found[1])
    return OrganCode(text, Form.OTHER if _OTHER.fullmatch(text) else Form.ODD, "")


def _is_code(text: str) -> bool:
    return _WRITABLE.fullmatch(text) is not None and text != "null"


def level_one(text: str) -> str:
    """The level 1 code that a code lies under: H02 of H02.12 and of 000.00.12.H02; "" if none."""
    code = parse(text)
    return code.level_one if code else ""


def is_old_form(text: str) -> bool:
    """Whether it is a code of 13 characters, as 000.00.00.H05."""
    code = parse(text)
    return code is not None and code.form is Form.OLD


def problem(text: str) -> Words | None:
    """Why a text is no organ's code at all, as the end of a sentence; None when it is one."""
    if _is_code(text):
        return None
    if not text:
        return Words("mã định danh để trống", "the code is empty")
    begin = text[: 2 * LENGTH_MAX]  # what is beyond changes nothing: it is too long in any case
    strange = next((letter for letter in begin if not _ALPHABET.fullmatch(letter)), None)
    if strange is not None:
        return _strange(text, strange)
    if len(text) > LENGTH_MAX:
        return Words(
            f"mã dài {len(text)} ký tự; tối đa {LENGTH_MAX}",
            f"the code has {len(text)} characters; at most {LENGTH_MAX}",
        )
    if text == "null":
        return Words(
            "ghi chữ null thay cho mã: phần mềm gửi chưa điền mã định danh",
            "the word null stands for the code: the sending software left it out",
        )
    return Words(
        f"mã bắt đầu bằng {text[0]!r}; phải là chữ cái hoặc chữ số",
        f"the code begins with {text[0]!r}; it must be a letter or a digit",
    )


def oddity(text: str) -> Words | None:
    """What a person should look at in a code that is one: a form that no decree has. None of the
    forms of the decrees, and of what is no code at all."""
    code = parse(text)
    if code is None or code.form is not Form.ODD:
        return None
    upper = text.upper()
    known = parse(upper)
    if upper != text and known is not None and known.form is not Form.ODD:
        return Words(
            f"có chữ thường; mã viết bằng chữ hoa: {upper}?",
            f"has small letters; codes have capitals: {upper}?",
        )
    return Words(
        "không theo QĐ 20/2020/QĐ-TTg (như H05.12), cũng không phải mã cũ 13 ký tự "
        "(như 000.00.12.H05)",
        "neither of QĐ 20/2020/QĐ-TTg (as H05.12) nor an old code of 13 characters (000.00.12.H05)",
    )


def shown(text: str) -> str:
    """A code as it can be shown without lying: characters that are no part of codes as U+hhhh; of
    an endless text its beginning."""
    beginning = "".join(
        letter if _ALPHABET.fullmatch(letter) else f"<U+{ord(letter):04X}>"
        for letter in text[:SHOWN_MAX]
    )
    return beginning + ("..." if len(text) > SHOWN_MAX else "")


def _strange(text: str, letter: str) -> Words:
    """Name the first character that cannot stand in a code, and what it is taken for."""
    name = unicodedata.name(letter, "") or _UNNAMED.get(letter, "unnamed")
    point = f"U+{ord(letter):04X} {name}"
    at = text.index(letter) + 1
    like = _looks_like(letter)
    vi = f"ký tự thứ {at} là {point}" + (f", chỉ trông giống {like}" if like else "")
    en = f"character {at} is {point}" + (f", which only looks like {like}" if like else "")
    return Words(
        f"{vi}; mã chỉ gồm A-Z 0-9 và dấu chấm, tối đa {LENGTH_MAX} ký tự: gõ lại mã",
        f"{en}; codes have A-Z 0-9 and dots, at most {LENGTH_MAX} characters: type it again",
    )


_UNNAMED: Final = {
    "\t": "TAB",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\0": "NULL",
}
# Letters of other alphabets with the shape of a Latin one.
_SHAPES: Final = {
    **dict(zip("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("авеорсухіјѕ", "abeopcyxijs", strict=True)),
    "‐": "-",
    "‑": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "․": ".",
    "。": ".",
    "·": ".",
}


def _looks_like(letter: str) -> str:
    """The character of a code that it is taken for, "" if none."""
    if letter in _SHAPES:
        return _SHAPES[letter]
    digit = unicodedata.digit(letter, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", letter)
    return plain if _ALPHABET.fullmatch(plain) else ""
