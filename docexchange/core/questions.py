"""The text of questions and answers between two organs (`reconciling`), written and read again.

Both are strict: what is not as the rules say is not understood, and changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from envelopes.model import Document

from .errors import DocexchangeError
from .reconciling import (
    ABOUT_MAX,
    AGAIN_MAX,
    LINES_MAX,
    RESEND_MAX,
    Question,
    Reply,
    Sent,
    Window,
)
from .states import State

QUESTION: Final = '<ReconcileQuestion xmlns="urn:docexchange:1"></ReconcileQuestion>'
ANSWER: Final = '<ReconcileAnswer xmlns="urn:docexchange:1"></ReconcileAnswer>'
FILE: Final = "doi-soat.json"  # attachment of both
TEXT_MAX: Final = 4 * 1024 * 1024  # bytes of either; the fullest has 1.1 MB
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class NotUnderstood(DocexchangeError):
    """A question or an answer that is not as the rules say; it changes nothing."""


def is_question(document: Document) -> bool:
    """Whether an envelope with the mark of a test is a question."""
    return QUESTION in document.unknown


def is_answer(document: Document) -> bool:
    """Whether an envelope with the mark of a test is an answer."""
    return ANSWER in document.unknown


def text_of(document: Document) -> bytes:
    """The text of a question or an answer. Raises NotUnderstood."""
    found = [one for one in document.attachments if one.name == FILE]
    if len(found) != 1 or found[0].stored is not None:
        raise NotUnderstood(f"no attachment {FILE}, or several")
    return found[0].content


def write_question(question: Question) -> bytes:
    """The text of a question."""
    text: dict[str, Any] = {
        "v": 1,
        "about": list(question.about),
        "again": list(question.again),
        "resend": list(question.resend),
    }
    if question.window is not None:
        window = question.window
        text |= {"since": window.since.isoformat(), "until": window.until.isoformat()}
        text["continues"] = window.continues
    return _written(text)


def read_question(text: bytes) -> Question:
    """A question from its text. Raises NotUnderstood."""
    told = _object(text)
    question = Question(
        _digests(told.pop("about", []), ABOUT_MAX),
        _digests(told.pop("again", []), AGAIN_MAX),
        _digests(told.pop("resend", []), RESEND_MAX),
        _window(told),
    )
    _no_more(told)
    return question


def write_reply(reply: Reply) -> bytes:
    """The text of an answer."""
    return _written(
        {
            "v": 1,
            "question": reply.question,
            "have": dict(reply.have),
            "sent": [_plain(one) for one in reply.sent],
            "received": [_plain(one) for one in reply.received],
            "more": reply.more,
            "again": reply.again,
            "resent": list(reply.resent),
        }
    )


def read_reply(text: bytes) -> Reply:
    """An answer from its text. Raises NotUnderstood."""
    told = _object(text)
    [question] = _digests([told.pop("question", "")], 1)
    have = told.pop("have", {})
    if not isinstance(have, dict) or not all(isinstance(code, str) for code in have.values()):
        raise NotUnderstood("have is no object of codes")
    _digests(list(have), ABOUT_MAX)
    more, again = told.pop("more", False), told.pop("again", 0)
    if not isinstance(more, bool) or type(again) is not int:
        raise NotUnderstood("more is neither true nor false, or again is no number")
    reply = Reply(
        question,
        have,
        _lines(told.pop("sent", [])),
        _lines(told.pop("received", [])),
        more,
        again,
        _digests(told.pop("resent", []), RESEND_MAX),
    )
    _no_more(told)
    return reply


def _written(text: Mapping[str, Any]) -> bytes:
    return json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()


def _object(text: bytes) -> dict[str, Any]:
    if len(text) > TEXT_MAX:
        raise NotUnderstood(f"over {TEXT_MAX:,} bytes")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood("no JSON") from None
    if not isinstance(told, dict) or told.pop("v", None) != 1:
        raise NotUnderstood("not of version 1")
    return told


def _no_more(told: Mapping[str, Any]) -> None:
    if told:
        raise NotUnderstood(f"unknown member {next(iter(told))!r:.40}")


def _digests(given: Any, most: int) -> tuple[str, ...]:
    if not isinstance(given, list) or len(given) > most:
        raise NotUnderstood(f"no list of at most {most} digests")
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in given):
        raise NotUnderstood("not a SHA-256")
    return tuple(dict.fromkeys(given))


def _window(told: dict[str, Any]) -> Window | None:
    if "since" not in told:
        return None
    since, until = _time(told.pop("since")), _time(told.pop("until", None))
    continues = told.pop("continues", "")
    if continues != "":
        [continues] = _digests([continues], 1)
    return Window(since, until, continues)


def _time(given: Any) -> datetime:
    try:
        time = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise NotUnderstood("not a time") from None
    if time.tzinfo is None:
        raise NotUnderstood("a time without its zone")
    return time


def _plain(one: Sent) -> list[str]:
    return [one.sha256, one.document_id, one.at.isoformat(), one.state.value, one.code]


def _lines(given: Any) -> tuple[Sent, ...]:
    if not isinstance(given, list) or len(given) > LINES_MAX:
        raise NotUnderstood(f"no list of at most {LINES_MAX} documents")
    return tuple(_line(one) for one in given)


def _line(given: Any) -> Sent:
    if not isinstance(given, list) or len(given) != 5:
        raise NotUnderstood("a document has five members")
    if not all(isinstance(one, str) for one in given) or not _DIGEST.fullmatch(given[0]):
        raise NotUnderstood("a document is of texts, its digest first")
    sha256, document_id, at, state, code = given
    if state not in State.__members__.values():
        raise NotUnderstood("no such state")
    return Sent(sha256, document_id, _time(at), State(state), code)
