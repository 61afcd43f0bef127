"""State secrets (bí mật nhà nước) do not travel here: how a document that says it is one is told.

A *whole* field that is a classification makes the document secret: it is refused at our door and
not kept when it comes in. The same words in a subject or a file name prove nothing (bảo mật, mật
độ, mật ong are ordinary words) and only warn. edXML has no field of its own for the classification:
NĐ 30/2020 Appendix VI writes it beside the urgency, clerks also write it elsewhere.

Source: QĐ 28/2018/QĐ-TTg Art 1.2; the three classifications: Luật 29/2018/QH14 Art 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .folding import composed, unmarked
from .model import Document

LAW: Final = "QĐ 28/2018/QĐ-TTg Điều 1 khoản 2"
_CLASSIFICATIONS: Final = frozenset({"mat", "toimat", "tuyetmat"})  # folded, run together
_AROUND: Final = re.compile(r"^[\W_]+|[\W_]+$")  # brackets, stops, quotes around the word
_JUDGED: Final = 200  # characters of a field that are judged; also bounds what the cache keeps
_HINTED: Final = 4_000  # characters of a subject or file name that are searched for a warning
_SHOWN: Final = 40  # characters of a value that a message repeats

# A classification in running text, with its marks: without them mật would also be mặt and mất.
_PHRASE: Final = re.compile(r"\b(?:tối|tuyệt|độ) mật\b")
_WORD: Final = re.compile(r"\bmật\b")
_ORDINARY: Final = re.compile(
    r"\b(?:(?:bảo|bí|cơ|thân|túi|ong|hũ|mứt|chè|gấu) mật"
    r"|mật (?:độ|ong|khẩu|mã|thiết|thư|vụ|thám|danh|ước|nghị|hoa|gấu|mía|đường))\b"
)
_BARE_PHRASE: Final = re.compile(r"\b(?:toi|tuyet) mat\b")  # in file names typed without marks


@dataclass(frozen=True, slots=True)
class Marking:
    """A classification that was found.

    Args:
        element: path of the element, as MessageHeader/OtherInfo/Priority.
        value: what stands there; of a long text its beginning.
    """

    element: str
    value: str


def is_classification(text: str) -> bool:
    """Whether a whole text is Mật, Tối mật or Tuyệt mật, however it is typed; of a long one its
    beginning counts, so that more marks behind the word hide nothing."""
    return _is_classification(" ".join(text.split())[:_JUDGED])


@lru_cache(maxsize=1024)  # most documents of a day bear the same few values
def _is_classification(text: str) -> bool:
    return _AROUND.sub("", unmarked(text)).replace(" ", "") in _CLASSIFICATIONS


def classification(document: Document) -> Marking | None:
    """The first field of a document that is a classification, None if none is."""
    other, kind = document.other_info, document.document_type
    fields = (
        ("OtherInfo/Priority", other.priority_text if other else None),
        ("OtherInfo/SphereOfPromulgation", other.sphere_of_promulgation if other else None),
        ("DocumentType/TypeName", kind.type_name if kind else None),
    )
    for element, value in fields:
        if value and is_classification(value):
            return Marking(f"MessageHeader/{element}", _short(value))
    return None


def hints(document: Document) -> Iterator[Marking]:
    """Subject and names of attachments where a classification may be meant: for a warning."""
    if document.subject and _may_mean(document.subject):
        yield Marking("MessageHeader/Subject", _short(document.subject))
    for attachment in document.attachments:
        if attachment.name and _may_mean(attachment.name):
            yield Marking("Attachment/AttachmentName", _short(attachment.name))


def _may_mean(text: str) -> bool:
    text = text[:_HINTED]
    words = " ".join(re.split(r"[\W_]+", composed(text)))
    if is_classification(text) or _PHRASE.search(words):
        return True
    if _WORD.search(_ORDINARY.sub(" ", words)):
        return True
    return bool(_BARE_PHRASE.search(" ".join(re.split(r"[\W_]+", text.casefold()))))


def _short(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
