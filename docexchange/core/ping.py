"""What makes an envelope a test (gói tin kiểm tra): a mark of ours inside the signed bytes.

A test travels as any document does, is verified and answered 01, and is then forgotten: no
mailroom, no list and no statistics ever see it. So nobody may put the mark into a document.
"""

from __future__ import annotations

from envelopes.model import Document

from .errors import SubmissionRefused
from .questions import is_answer, is_question

MARK = '<Ping xmlns="urn:docexchange:1"></Ping>'
ANSWER = "Gói tin kiểm tra đường truyền, không phải văn bản"  # Description of the 01


def is_ping(document: Document) -> bool:
    """Whether it is a test."""
    return MARK in document.unknown


def check_no_ping(document: Document) -> None:
    """Refuse a document with the mark of a test, or of a question between two nodes: it would reach
    nobody.

    Raises:
        SubmissionRefused: E-FMT-020.
    """
    if is_ping(document) or is_question(document) or is_answer(document):
        raise SubmissionRefused(
            "E-FMT-020",
            "Nội dung văn bản không đạt",
            "The content of the document is not acceptable",
            detail="{urn:docexchange:1}: dấu của gói tin kiểm tra / the mark of a test",
            pointer="MessageHeader/Ping",
        )
