"""Texts as they are compared: the same words typed in another way give the same key.

Only keys are folded. What was signed, stored or shown stays as it was written.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Combining marks, and characters that are never seen: format characters (zero width, bidi, soft
# hyphen) and controls. Spaces are none of them.
_UNSEEN: Final = frozenset({"Mn", "Me", "Cf", "Cc"})
_FILLERS: Final = "\u115f\u1160\u3164\uffa0\u2800"  # letters and signs that show nothing


def unmarked(text: str) -> str:
    """Text without case, marks, width, surplus spaces and unseen characters; đ is d.

    `Tuyệt  mật`, `TUYET MAT` and the same in NFD or in full width become one. Different words may
    become one too (mật, mặt, mất): for names of lists, not for running text.
    """
    spaced = " ".join(text.split())  # before the marks go: some spaces are controls
    # Letter by letter: to put a long run of marks into their order costs the square of its length.
    letters = (unicodedata.normalize("NFKD", letter) for letter in spaced.casefold())
    plain = "".join(letters).translate(_SPELLED)
    seen = (letter for letter in plain if unicodedata.category(letter) not in _UNSEEN)
    return " ".join("".join(seen).casefold().split())


_SPELLED: Final = {ord("đ"): "d"} | dict.fromkeys(map(ord, _FILLERS))


def composed(text: str) -> str:
    """Text in NFC and without case: equal for every way to type the same letters.

    For texts of bounded length: a run of marks costs the square of it.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
