"""What the content of an envelope must hold, signed or not: step 11 of `verify`.

The same rules stand at our own door, so that we never sign what the receiver has to refuse. Only
rules without which the exchange cannot work are here; whether an organ exists is for the
directory to say, and odd but readable data is a finding of `edxml`, not a problem.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .model import Document, Message, Status

# Classifications of the law on state secrets; without marks, lower case (Luật 29/2018/QH14 Art 8).
SECRET_WORDS: Final = frozenset({"mat", "toi mat", "tuyet mat"})


@dataclass(frozen=True, slots=True)
class ContentProblem:
    """Why a message must not be exchanged: reason code, element path, facts."""

    reason: str
    element: str
    detail: str


def content_problem(message: Message) -> ContentProblem | None:
    """The first problem of a message, None if it may be exchanged."""
    problems = _document(message) if isinstance(message, Document) else _status(message)
    return next(problems, None)


def _document(document: Document) -> Iterator[ContentProblem]:
    yield from _secret(document)
    yield from _missing(
        ("MessageHeader/From/OrganId", document.sender.organ_id),
        ("MessageHeader/DocumentId", document.document_id),
        ("MessageHeader/Subject", document.subject),
        ("MessageHeader/Code/CodeNumber", document.code.number if document.code else None),
        ("MessageHeader/To", document.to[0].organ_id if document.to else None),
        *(("MessageHeader/To/OrganId", organ.organ_id) for organ in document.to),
    )
    yield from _attachments(document)


def _status(status: Status) -> Iterator[ContentProblem]:
    """A status about an envelope without DocumentId has none either: its digest names the bytes."""
    yield from _missing(
        ("MessageHeader/From/OrganId", status.sender.organ_id),
        ("MessageHeader/StatusCode", status.status_code),
        ("MessageHeader/ResponseFor/OrganId", status.response_for.organ_id),
    )


def _missing(*fields: tuple[str, str | None]) -> Iterator[ContentProblem]:
    for element, value in fields:
        if not (value or "").strip():
            yield ContentProblem("MISSING_FIELD", element, f"{element} is missing or empty")


def _attachments(document: Document) -> Iterator[ContentProblem]:
    listed = [_content_id(reference.content_id) for reference in document.manifest]
    attached = [_content_id(attachment.content_id) for attachment in document.attachments]
    for where, ids in (("Reference", listed), ("Attachment", attached)):
        twice = [content_id for content_id, count in Counter(ids).items() if count > 1]
        if twice:
            detail = f"ContentId {twice[0]} stands twice"
            yield ContentProblem("ATTACHMENTS_DISAGREE", f"{where}/ContentId", detail)
    yield from _only_in("Attachment", set(attached) - set(listed), "not in the manifest")
    yield from _only_in("Reference", set(listed) - set(attached), "listed but not attached")


def _only_in(where: str, ids: Iterable[str], what: str) -> Iterator[ContentProblem]:
    for content_id in sorted(ids):
        detail = f"ContentId {content_id or '(empty)'} is {what}"
        yield ContentProblem("ATTACHMENTS_DISAGREE", f"{where}/ContentId", detail)


def _content_id(text: str | None) -> str:
    """ContentId to compare: one SDK writes `cid:` before it, the other does not."""
    return (text or "").removeprefix("cid:")


def _secret(document: Document) -> Iterator[ContentProblem]:
    """A whole field that is a classification; the same word inside a sentence is none."""
    other, kind = document.other_info, document.document_type
    fields = (
        ("OtherInfo/Priority", other.priority_text if other else None),
        ("OtherInfo/SphereOfPromulgation", other.sphere_of_promulgation if other else None),
        ("DocumentType/TypeName", kind.type_name if kind else None),
    )
    for element, value in fields:
        if value and folded(value) in SECRET_WORDS:
            detail = f"{element} says {value.strip()[:40]}"
            yield ContentProblem("SECRET", f"MessageHeader/{element}", detail)


def folded(text: str) -> str:
    """Text without case, marks and surplus spaces: `Tuyệt  mật` and `TUYET MAT` become one."""
    plain = unicodedata.normalize("NFD", text.casefold())
    letters = (letter for letter in plain if not unicodedata.combining(letter))
    return " ".join("".join(letters).split())
