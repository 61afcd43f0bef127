"""`envelopes/attachments/kinds.py`: bytes say what a file is, names and types only claim."""

from __future__ import annotations

import pytest

from envelopes.attachments.kinds import fits_name, fits_type, kind_of, runs
from tests.envelopes.attachments.archives import office, packed

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
ODT = packed({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"}, 0)
SAMPLES = {
    "pdf": b"%PDF-1.7 x",
    "png": b"\x89PNG\r\n\x1a\n\0",
    "jpeg": b"\xff\xd8\xff\xe0",
    "tiff": b"II*\0\x08",
    "gif": b"GIF89a",
    "rtf": b"{\\rtf1",
    "ole": OLE,
    "rar": b"Rar!\x1a\x07\x01\0",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "gzip": b"\x1f\x8b\x08",
    "zip": packed({"a": b"x", "b": b"y"}),
    "docx": office("word/document.xml"),
    "xlsx": office("xl/workbook.xml"),
    "pptx": office("ppt/presentation.xml"),
    "office-macros": office("word/document.xml", "word/vbaProject.bin"),
    "odt": ODT,
    "jar": packed({"META-INF/MANIFEST.MF": b""}),
    "xml": b'<?xml version="1.0"?><edXML/>',
    "html": b"\xef\xbb\xbf <!DOCTYPE html><p>",
    "svg": b'<svg xmlns="x"/>',
    "exe": b"MZ" + bytes(62),
    "elf": b"\x7fELF\x02",
    "lnk": b"L\0\0\0\x01\x14\x02\0",
    "script": b"#!/bin/sh\n",
    "text": "Kính gửi: UBND tỉnh".encode() * 400,
    "unknown": b"\0\x01\x02",
}
RUNNING = {"office-macros", "jar", "html", "svg", "exe", "elf", "lnk", "script"}


@pytest.mark.parametrize("name", SAMPLES)
def test_kinds(name: str) -> None:
    kind = kind_of(SAMPLES[name])
    assert kind.name == name
    assert kind.runs is (name in RUNNING)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "unknown"),
        (b"PK\x03\x04 damaged", "zip"),
        (b"\n%PDF-1.4", "pdf"),
        (b"<?xml version='1.0'?><svg:svg/>", "svg"),
        (b"<root><x/></root>", "xml"),
        (b"<html><body>", "html"),
        (b"MZ", "text"),
        ("ệ".encode()[:2], "unknown"),
        (b"a" * 4095 + "ệ".encode(), "text"),
        (b"%PD\xef\xbf\xbd\0", "unknown"),  # a PDF spoiled by a conversion
    ],
)
def test_borders(content: bytes, name: str) -> None:
    assert kind_of(content).name == name


@pytest.mark.parametrize(
    ("file", "kind", "fits"),
    [
        ("a.pdf", "pdf", True),
        ("a.PDF", "pdf", True),
        ("a.doc", "xml", False),
        ("a.doc", "ole", True),
        ("a.doc", "rtf", True),
        ("a.doc", "docx", False),
        ("a.jpg", "jpeg", True),
        ("a.edxml", "xml", True),
        ("a.pdf", "exe", False),
        ("a.pdf", "unknown", False),
        ("a", "exe", True),
        ("a.QĐ-UBND", "pdf", True),  # no ending that anybody knows
    ],
)
def test_names(file: str, kind: str, fits: bool) -> None:
    assert fits_name(file, kind_of(SAMPLES[kind])) is fits


@pytest.mark.parametrize(
    ("content_type", "kind", "fits"),
    [
        ("application/pdf", "pdf", True),
        ("Application/PDF; charset=x", "pdf", True),
        ("application/pdf", "zip", False),
        ("text/plain", "zip", False),
        ("application/doc", "ole", True),
        ("application/xslx", "xlsx", True),
        ("application/zip", "zip", True),
        ("application/octet-stream", "exe", True),
        ("", "pdf", True),
    ],
)
def test_content_types(content_type: str, kind: str, fits: bool) -> None:
    assert fits_type(content_type, kind_of(SAMPLES[kind])) is fits


@pytest.mark.parametrize(
    ("file", "kind", "danger"),
    [
        ("cv.pdf", "pdf", False),
        ("cv.pdf.exe", "pdf", True),
        ("cv.pdf", "exe", True),
        ("cv.BAT", "text", True),
        ("cv.docm", "office-macros", True),
        ("cv.docx", "docx", False),
        ("cv.iso", "unknown", True),
    ],
)
def test_what_may_run(file: str, kind: str, danger: bool) -> None:
    assert runs(file, kind_of(SAMPLES[kind])) is danger
