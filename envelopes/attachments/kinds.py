"""What a file is, by its bytes: a name and a ContentType are only what somebody wrote.

Kinds are told as far as a clerk needs it: the formats that offices exchange, archives, and
whatever could run when it is opened. Nothing is opened or run to find out.

Source: the magic numbers of the formats; ISO/IEC 29500-2 and ODF 1.3 part 2 for packages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from . import zips
from .names import ending_of

_ENTRIES: Final = 10_000  # of a package; a large workbook has some hundreds
_LOOKED_AT: Final = 4096  # bytes at the beginning that decide about a text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Args:
        name: short and stable, as pdf.
        endings: endings of names that fit it; none means that any fits.
        types: ContentTypes that fit it; the odd ones are those of the official SDK.
        runs: True if opening it may run something.
    """

    name: str
    endings: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    runs: bool = False


def _words(*lines: str) -> list[str]:
    return " ".join(lines).split()


def _kind(name: str, endings: str = "", types: str = "", *, runs: bool = False) -> Kind:
    full = (one if "/" in one else f"application/{one}" for one in types.split())
    return Kind(name, frozenset(endings.split()), frozenset(full), runs)


_OLE_ENDINGS: Final = "doc dot xls xlt ppt pps pot msg vsd mpp wps et"
PDF: Final = _kind("pdf", "pdf", "pdf x-pdf")
ZIP: Final = _kind("zip", "zip", "zip x-zip-compressed x-zip")
OLE: Final = _kind("ole", _OLE_ENDINGS, "msword doc vnd.ms-excel xls xsl vnd.ms-powerpoint ppt")
TEXT: Final = _kind("text", "txt csv log md json ini tsv", "text/plain text/csv json")
UNKNOWN: Final = _kind("unknown")
_XML: Final = _kind("xml", "xml edxml xsd xsl xslt", "xml text/xml")
_HTML: Final = _kind("html", "html htm xhtml mht", "text/html", runs=True)
_SVG: Final = _kind("svg", "svg", "image/svg+xml", runs=True)
_SCRIPT: Final = _kind("script", "sh py pl rb", "text/plain", runs=True)
_JAR: Final = _kind("jar", "jar war ear apk", "java-archive", runs=True)

_OFFICE: Final = "vnd.openxmlformats-officedocument"
DOCX: Final = _kind("docx", "docx dotx", f"docx {_OFFICE}.wordprocessingml.document")
XLSX: Final = _kind("xlsx", "xlsx xltx", f"xlsx xslx {_OFFICE}.spreadsheetml.sheet")
PPTX: Final = _kind("pptx", "pptx ppsx potx", f"pptx {_OFFICE}.presentationml.presentation")
_MACROS: Final = _kind("office-macros", "docm dotm xlsm xltm xlsb pptm ppsm", runs=True)
_OPEN_DOCUMENT: Final = {
    "text": _kind("odt", "odt ott", "vnd.oasis.opendocument.text"),
    "spreadsheet": _kind("ods", "ods ots", "vnd.oasis.opendocument.spreadsheet"),
    "presentation": _kind("odp", "odp otp", "vnd.oasis.opendocument.presentation"),
}
_PARTS: Final = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX))

# Endings of formats that are archives: which one a file is, only the whole of it can tell.
ARCHIVE_ENDINGS: Final = frozenset().union(
    *(one.endings for one in (ZIP, _JAR, _MACROS, DOCX, XLSX, PPTX, *_OPEN_DOCUMENT.values()))
)

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", _kind("png", "png", "image/png")),
    (b"\xff\xd8\xff", _kind("jpeg", "jpg jpeg jpe jfif", "image/jpeg image/jpg")),
    (b"II*\0", _kind("tiff", "tif tiff", "image/tiff")),
    (b"MM\0*", _kind("tiff", "tif tiff", "image/tiff")),
    (b"GIF8", _kind("gif", "gif", "image/gif")),
    (b"{\\rtf", _kind("rtf", "rtf doc", "rtf text/rtf msword doc")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"Rar!\x1a\x07", _kind("rar", "rar", "vnd.rar x-rar-compressed x-rar")),
    (b"7z\xbc\xaf\x27\x1c", _kind("7z", "7z", "x-7z-compressed")),
    (b"\x1f\x8b", _kind("gzip", "gz tgz", "gzip x-gzip")),
    (b"\x7fELF", _kind("elf", "so bin", runs=True)),
    (b"\xcf\xfa\xed\xfe", _kind("mach-o", "dylib bin", runs=True)),
    (b"\xca\xfe\xba\xbe", _kind("class", "class", runs=True)),
    (b"L\0\0\0\x01\x14\x02\0", _kind("lnk", "lnk", runs=True)),
    (b"#!", _SCRIPT),
)
_EXE: Final = _kind("exe", "exe dll scr com sys cpl", "x-msdownload", runs=True)
# Endings that a desktop runs or mounts whatever the bytes are.
_RUNNING: Final = frozenset(
    _words(
        "exe com scr pif bat cmd ps1 psm1 vbs vbe js jse wsf wsh hta lnk msi msp cpl jar app reg",
        "desktop sh scf inf url iso img vhd vhdx chm html htm xhtml mht svg",
        "docm xlsm pptm dotm xltm xlsb xll ppam",
    )
)
_TAG: Final = re.compile(rb"<(?:!doctype\s+html|html|script|head|body|iframe)\b", re.IGNORECASE)
_SVG_TAG: Final = re.compile(rb"<(?:[\w-]+:)?svg\b")


def kind_of(content: bytes) -> Kind:
    """What the bytes are."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if content.startswith((zips.MAGIC, b"PK\x05\x06")):
        return _archive(content)
    if content.startswith(b"MZ") and len(content) >= 64:
        return _EXE
    return _text(content)


def runs(name: str, kind: Kind) -> bool:
    """Whether opening a file of this name and kind may run something."""
    return kind.runs or ending_of(name) in _RUNNING


def fits_name(name: str, kind: Kind) -> bool:
    """Whether the ending of a name is one of the kind's. A name without ending says nothing, nor
    does an ending that no kind knows; an unknown kind fits no ending that says what it is."""
    ending = ending_of(name)
    if not ending or ending not in _KNOWN_ENDINGS:
        return True
    return ending in kind.endings


def fits_type(content_type: str, kind: Kind) -> bool:
    """Whether a ContentType is one of the kind's; a general or unknown one fits all."""
    given = content_type.partition(";")[0].strip().lower()
    return given not in _KNOWN_TYPES or given in kind.types


def _archive(content: bytes) -> Kind:
    """An archive, or one of the formats that are archives."""
    try:
        found = zips.entries(content, _ENTRIES)
    except zips.NotAWrapping:
        return ZIP
    names = {entry.name for entry in found}
    if b"[Content_Types].xml" in names:
        if any(name.lower().endswith(b"vbaproject.bin") for name in names):
            return _MACROS
        parts = (kind for part, kind in _PARTS if any(name.startswith(part) for name in names))
        return next(parts, ZIP)
    if b"mimetype" in names:
        return _open_document(content) or ZIP
    return _JAR if b"META-INF/MANIFEST.MF" in names else ZIP


def _open_document(content: bytes) -> Kind | None:
    """The first entry of an OpenDocument file is its type, not compressed."""
    kinds = rb"(text|spreadsheet|presentation)"
    found = re.search(rb"application/vnd\.oasis\.opendocument\." + kinds, content[:128])
    return _OPEN_DOCUMENT.get(found[1].decode()) if found else None


def _text(content: bytes) -> Kind:
    begin = content[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begin.startswith(b"<"):
        if _TAG.search(begin):
            return _HTML
        if _SVG_TAG.search(begin):
            return _SVG
        if begin.startswith((b"<?xml", b"<edXML")) or re.match(rb"<[\w:.-]+[\s/>]", begin):
            return _XML
    if begin.startswith(b"%PDF-"):  # blanks before it, which readers accept
        return PDF
    if not content or not _is_text(content[:_LOOKED_AT]):
        return UNKNOWN
    return TEXT


def _is_text(begin: bytes) -> bool:
    """UTF-8 without controls; the last letter may be cut."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in begin):
        return False
    try:
        begin.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(begin) - 3 and len(begin) == _LOOKED_AT
    return True


def _all(pick: Callable[[Kind], frozenset[str]]) -> frozenset[str]:
    kinds = (
        *(kind for _, kind in _MAGIC),
        *(ZIP, TEXT, _XML, _HTML, _SVG, _JAR, DOCX, XLSX, PPTX, _MACROS, _EXE),
        *_OPEN_DOCUMENT.values(),
    )
    return frozenset().union(*(pick(kind) for kind in kinds))


_KNOWN_ENDINGS: Final = _all(lambda kind: kind.endings)
_KNOWN_TYPES: Final = _all(lambda kind: kind.types)
