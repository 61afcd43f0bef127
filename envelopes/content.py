"""What the content of an envelope must hold, signed or not: step 11 of `verify`.

The same rules stand at our own door, so that we never sign what the receiver has to refuse. Only
rules without which the exchange cannot work are here; whether an organ exists is for the
directory to say, and odd but readable data is a finding of `edxml`, not a problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .codes import organ
from .model import Document, Message, Status
from .secrecy import classification


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
        *(("MessageHeader/To/OrganId", one.organ_id) for one in document.to),
    )
    yield from _codes(
        ("MessageHeader/From/OrganId", document.sender.organ_id),
        *(("MessageHeader/To/OrganId", one.organ_id) for one in document.to),
    )
    yield from _attachments(document)


def _status(status: Status) -> Iterator[ContentProblem]:
    """A status about an envelope without DocumentId has none either: its digest names the bytes."""
    yield from _missing(
        ("MessageHeader/From/OrganId", status.sender.organ_id),
        ("MessageHeader/StatusCode", status.status_code),
        ("MessageHeader/ResponseFor/OrganId", status.response_for.organ_id),
    )
    yield from _codes(
        ("MessageHeader/From/OrganId", status.sender.organ_id),
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
        if len(set(ids)) < len(ids):
            twice = next(content_id for content_id, count in Counter(ids).items() if count > 1)
            detail = f"ContentId {twice} stands twice"
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
    found = classification(document)
    if found is not None:
        detail = f"{found.element.partition('/')[2]} says {found.value}"
        yield ContentProblem("SECRET", found.element, detail)


def _codes(*fields: tuple[str, str | None]) -> Iterator[ContentProblem]:
    """What stands for an organ's code and is none; whether it is missing is told before."""
    for element, value in fields:
        fault = organ.problem(value) if value else None
        if value and fault is not None:
            detail = f"{element} is {organ.shown(value)}: {fault.en}"
            yield ContentProblem("ORGAN_CODE", element, detail)
