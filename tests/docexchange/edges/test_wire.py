"""`docexchange/edges/wire.py`: properties that pamqp alone would end the connection for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pamqp import decode, header
from pamqp.commands import Basic

from docexchange.edges import wire


def properties(**given: bytes) -> Basic.Properties:
    """What is read of these properties, given as they stand on the wire."""
    flags = sum(Basic.Properties.flags[name] for name in given)
    ordered = [given[name] for name in Basic.Properties.__slots__ if name in given]
    wire.accept_anything()
    frame = header.ContentHeader()
    frame.unmarshal(struct.pack(">HHQH", Basic.frame_id, 0, 5, flags) + b"".join(ordered))
    return frame.properties


def short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def long(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


NESTED = b""
for _ in range(3_000):  # one array within the other
    NESTED = b"A" + long(NESTED)


@pytest.mark.parametrize(
    "headers",
    [
        short(b"\xff") + b"V",  # a name that is no text
        short(b"a") + b"?",  # no such type
        short(b"a") + b"T" + b"\xff" * 8,  # a time that is no date
        short(b"a") + b"S" + struct.pack(">I", 99)[:2],  # cut
        bytes([200]) + b"a",  # a name longer than all of it
        short(b"a") + NESTED,
    ],
)
def test_headers_that_cannot_be_read_are_none(headers: bytes) -> None:
    found = properties(
        headers=long(headers), message_id=short(b"m-1"), content_type=short(b"application/xml")
    )
    assert (found.headers, found.message_id) == ({}, "m-1")


def test_a_text_that_is_none_and_a_time_that_is_no_date() -> None:
    found = properties(message_id=short(b"\xff1"), timestamp=b"\x7f" * 8, app_id=short(b"mailroom"))
    assert (found.message_id, found.timestamp, found.app_id) == ("\ufffd1", None, "mailroom")


def test_what_is_well_is_read_as_ever() -> None:
    found = properties(
        headers=long(short(b"x-part") + b"S" + long("số 1".encode())),
        message_id=short("thư-1".encode()),
        timestamp=struct.pack(">Q", 1_780_000_000),
    )
    assert found.headers == {"x-part": "số 1"}
    assert found.message_id == "thư-1"
    assert found.timestamp == datetime.fromtimestamp(1_780_000_000, UTC)


@pytest.mark.parametrize("read", [wire.short_text, wire.time, wire.table])
def test_what_is_cut_is_an_error(read: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError):  # pamqp's own words for one of them
        read(b"")


def test_a_table_longer_than_its_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="headers of 13 bytes in 5"):
        wire.table(struct.pack(">I", 9) + b"1")


def test_pamqp_still_fails_without_it() -> None:
    """When it does no more, this module may go."""
    with pytest.raises(UnicodeDecodeError):
        decode.short_str(short(b"\xff"))
