"""AMQP properties of a stranger's message, read whatever they hold.

pamqp raises on a text that is no UTF-8, on a time that is no date and on headers it cannot read,
and aiormq then ends the connection. The broker checks none of these: it delivers the message
again to the next connection, and one message of one publisher would keep a queue from everybody.

    accept_anything()     from now on such a property is read as nothing, and its message arrives

What is read so is refused, or not, by who takes the message, as if it had been left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pamqp import decode

UNREADABLE: Final = "\ufffd"  # in a text: some bytes of it were no UTF-8

_TIME_SIZE: Final = 8  # bytes of a timestamp (AMQP 0-9-1, §4.2.5.4)
_LENGTH: Final = struct.Struct(">I")  # before a table: its bytes (§4.2.5.5)

_read_time: Final[Callable[[bytes], tuple[int, datetime]]] = decode.timestamp
_read_table: Final[Callable[[bytes], tuple[int, Any]]] = decode.field_table


def accept_anything() -> None:
    """Have pamqp read every property of every message; may be called again."""
    decode.METHODS |= {"shortstr": short_text, "timestamp": time, "table": table}


def short_text(value: bytes) -> tuple[int, str]:
    """Bytes consumed, and a text with `UNREADABLE` in place of what is none.

    Raises:
        ValueError: there is not even its length.
    """
    if not value:
        raise ValueError("a short string without its length")
    end = 1 + value[0]
    return end, value[1:end].decode("utf-8", "replace")


def time(value: bytes) -> tuple[int, datetime | None]:
    """Bytes consumed, and a time; None when it is no date. Raises ValueError: it is cut."""
    try:
        return _read_time(value)
    except (ValueError, OverflowError, OSError):
        if len(value) < _TIME_SIZE:
            raise
        return _TIME_SIZE, None


def table(value: bytes) -> tuple[int, dict[str, Any]]:
    """Bytes consumed, and headers; none when any of them cannot be read. Raises ValueError: they
    are cut."""
    if len(value) < _LENGTH.size:
        raise ValueError("headers without their length")
    end = _LENGTH.size + _LENGTH.unpack_from(value)[0]
    if end > len(value):
        raise ValueError(f"headers of {end} bytes in {len(value)}")
    try:
        return _read_table(value[:end])
    except (ValueError, OverflowError, OSError, IndexError, ArithmeticError, RecursionError):
        return end, {}
