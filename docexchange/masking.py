"""What no line for people may show: passwords of addresses and control characters.

Apart from `log`, since every command needs it and few need a log.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PASSWORD = re.compile(r"(amqps?://[^\s:/@]*):[^\s@]*@")


def masked(text: str) -> str:
    """A text without control characters and without the password of any amqp address in it."""
    if text.isprintable() and "amqp" not in text:  # nearly always
        return text
    return _CONTROL.sub(" ", _PASSWORD.sub(r"\1:***@", text))
