"""docexchange/core/questions.py: what is written is read again; what is wrong changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from docexchange.core.questions import (
    FILE,
    QUESTION,
    TEXT_MAX,
    NotUnderstood,
    is_answer,
    is_question,
    read_question,
    read_reply,
    text_of,
    write_question,
    write_reply,
)
from docexchange.core.reconciling import ABOUT_MAX, LINES_MAX, Question, Reply, Sent, Window
from docexchange.core.states import State
from tests.theatre import document

AT = datetime(2026, 6, 1, tzinfo=UTC)
A, B, C = ("aa" * 32, "bb" * 32, "cc" * 32)
LINE = Sent(A, "H05,2026/06/01,98/QĐ-UBND", AT, State.ACKNOWLEDGED, "03")


def asked(**changes: Any) -> bytes:
    whole = Question((A,), (A,), (B,), Window(AT, AT, C))
    return json.dumps(json.loads(write_question(whole)) | changes).encode()


def said(**changes: Any) -> bytes:
    whole = Reply(A, {B: "01"}, (LINE,), (LINE,), more=True, again=2, resent=(C,))
    return json.dumps(json.loads(write_reply(whole)) | changes).encode()


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(about=(A, B), again=(A,), resend=(B,)),
        Question(window=Window(AT, AT)),
        Question(window=Window(AT, AT, C)),
    ],
)
def test_a_question_is_read_as_it_was_written(question: Question) -> None:
    assert read_question(write_question(question)) == question


@pytest.mark.parametrize(
    "reply",
    [Reply(A), Reply(A, {B: "01"}, (LINE,), (replace(LINE, code=""),), True, 3, (C,))],
)
def test_an_answer_is_read_as_it_was_written(reply: Reply) -> None:
    assert read_reply(write_reply(reply)) == reply


def test_names_of_home_never_leave_it() -> None:
    told = write_reply(Reply(A, sent=(replace(LINE, tracking_id="T1", held="bảo trì"),)))
    assert read_reply(told).sent == (LINE,)
    assert b"T1" not in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "not of version 1"),
        (asked(v=2), "not of version 1"),
        (asked(more=1), "unknown member 'more'"),
        (asked(about=[A.upper()]), "not a SHA-256"),
        (asked(about=[1]), "not a SHA-256"),
        (asked(about={}), "no list"),
        (asked(about=[f"{n:064x}" for n in range(ABOUT_MAX + 1)]), "no list of at most 5000"),
        (asked(since="2026-06-01T00:00:00"), "without its zone"),
        (asked(since="gestern"), "not a time"),
        (asked(until=None), "not a time"),
        (asked(continues="x"), "not a SHA-256"),
        (b" " * (TEXT_MAX + 1), "bytes"),
    ],
)
def test_a_question_that_is_none(text: bytes, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        read_question(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (said(question=""), "not a SHA-256"),
        (said(have=[A]), "no object of codes"),
        (said(have={A: 1}), "no object of codes"),
        (said(have={"x": "01"}), "not a SHA-256"),
        (said(more="yes"), "neither true nor false"),
        (said(again=True), "no number"),
        (said(sent=[[A, "x"]]), "five members"),
        (said(sent=[[A, "x", "2026-06-01T00:00:00Z", "lost", ""]]), "no such state"),
        (said(sent=[[A, 1, "2026-06-01T00:00:00Z", "sent", ""]]), "of texts"),
        (said(received=[["x", "x", "2026-06-01T00:00:00Z", "sent", ""]]), "its digest first"),
        (said(sent=[[]] * (LINES_MAX + 1)), "at most 2000 documents"),
        (said(next=1), "unknown member 'next'"),
    ],
)
def test_an_answer_that_is_none(text: bytes, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        read_reply(text)


def test_the_fullest_of_both_is_within_the_limit() -> None:
    digests = tuple(f"{number:064x}" for number in range(ABOUT_MAX))
    lines = tuple(
        replace(LINE, sha256=one, document_id="000.00.00.H05,2026/06/01,123456789/QĐ-UBND-VP")
        for one in digests[:LINES_MAX]
    )
    assert len(write_question(Question(digests, digests, digests))) < TEXT_MAX // 3
    assert len(write_reply(Reply(A, dict.fromkeys(digests, "06"), lines, lines))) < TEXT_MAX // 3


def test_the_mark_and_the_text_stand_in_the_envelope() -> None:
    plain = document(1, ("H01",))
    assert not is_question(plain)
    marked = replace(plain, unknown=(QUESTION,))
    assert (is_question(marked), is_answer(marked)) == (True, False)
    with pytest.raises(NotUnderstood, match=FILE):
        text_of(marked)
    [file] = plain.attachments
    told = replace(marked, attachments=(replace(file, name=FILE, content=b"{}"),))
    assert text_of(told) == b"{}"
    with pytest.raises(NotUnderstood, match=FILE):
        text_of(replace(told, attachments=told.attachments * 2))
