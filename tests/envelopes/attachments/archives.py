"""Zip archives for the tests, written by the standard library, some spoiled afterwards."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

DIRECTORY = b"PK\x01\x02"
END = b"PK\x05\x06"


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def patched(archive: bytes, magic: bytes, offset: int, form: str, value: int) -> bytes:
    """The archive with a field of the record of this magic overwritten."""
    data = bytearray(archive)
    struct.pack_into(form, data, archive.rindex(magic) + offset, value)
    return bytes(data)


def office(part: str, *more: str) -> bytes:
    """As Word and its sisters write it."""
    names = ("[Content_Types].xml", part, *more)
    return packed(dict.fromkeys(names, b"<x/>"))
