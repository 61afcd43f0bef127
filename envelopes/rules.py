"""What is odd about a text, by the rules of `layout`: nothing is refused here, only named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from .layout import TO_PLACES_MAX, Field, Form, Kind, Rule, Source
from .model import Document

DATE_FORM: Final = "%Y/%m/%d"
# yyyy/MM/dd HH:mm:ss; strptime takes 40 us, and no two documents bear the same time.
_TIME = re.compile(r"[0-9/]{10} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
OTHER_DATE_FORMS: Final = (DATE_FORM, "%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y")  # 2026/1/5 and others
_DATE_WIDTH: Final = len("2026/06/01")


def is_odd(field: Field, text: str) -> bool:
    """Whether a text, as it stands, is one that `read` notes as a finding."""
    if field.kind is Kind.DATE:
        return text != "" and not is_date(text)
    rule = field.rule
    return rule is not None and not _fits(rule, text)


def _fits(rule: Rule, text: str) -> bool:
    return not (
        (rule.most and len(text) > rule.most)
        or (rule.form is not None and not has_form(rule.form, text))
        or (rule.values and text and text not in rule.values)
    )


def oddities(field: Field, text: str, *, to_send: bool) -> Iterator[tuple[str, str]]:
    """Code and facts of all that is odd about a text that is no date.

    Args:
        field: where it stands.
        text: what stands there.
        to_send: True for a file that somebody wants us to send, held to what we refuse.
    """
    rule = field.rule
    if rule is None:
        return
    if rule.most and len(text) > rule.most:
        yield too_long(len(text), rule.most, rule.source, to_send=to_send and rule.binding)
    if rule.form is not None and not has_form(rule.form, text):
        yield _FORM_CODES[rule.form], repr(text[:40])
    if rule.values and text and text not in rule.values:
        known = ", ".join(rule.values)
        yield ("E" if to_send and rule.binding else "W") + "-FMT-017", f"{text[:40]!r}; {known}"


def too_long(length: int, most: int, source: Source, *, to_send: bool) -> tuple[str, str]:
    """Code and facts of a text with more characters than it may have."""
    code = "W-FMT-061" if source is Source.OTHERS else f"{'E' if to_send else 'W'}-FMT-060"
    return code, f"{length} > {most} ({source.value})"


_FORM_CODES: Final = {Form.ORGAN: "W-FMT-036", Form.TIME: "W-FMT-015", Form.NUMBER: "W-FMT-016"}


def has_form(form: Form, text: str) -> bool:
    """Whether a text looks as expected; an empty one always does."""
    if form is Form.ORGAN:
        return text != "null"
    if not text:
        return True
    if form is Form.NUMBER:
        return text.isascii() and text.removeprefix("-").isdigit()
    return _TIME.fullmatch(text) is not None and _is_day(text[:_DATE_WIDTH])


def is_date(text: str) -> bool:
    """Whether a text is a day of the form yyyy/MM/dd."""
    return len(text) == _DATE_WIDTH and _is_day(text)


def meant_date(text: str) -> str | None:
    """The day that a text means in one of the forms people write, as yyyy/MM/dd; None if none."""
    for form in OTHER_DATE_FORMS:
        if _has_format(text, form):
            return _day(text, form).isoformat().replace("-", "/")
    return None


def places_length(document: Document) -> int:
    """Characters of all Place of ToPlaces together; NĐ 30 bounds them as one field."""
    places = document.to_places
    return sum(map(len, places.items)) if places else 0


def places_too_long(document: Document) -> bool:
    """Whether they are more than NĐ 30 allows."""
    return document.to_places is not None and places_length(document) > TO_PLACES_MAX


@lru_cache(maxsize=1024)  # most documents of a day bear the same date
def _is_day(text: str) -> bool:
    return _has_format(text, DATE_FORM)


def _has_format(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return False
    return text.isascii()  # strptime takes the digits of any script


def _day(text: str, form: str) -> date:
    return datetime.strptime(text, form).date()  # noqa: DTZ007  # a day has no zone
