"""What we hold our own documents to, beyond what the exchange cannot do without (`content`).

Of others it is only noted (findings of `edxml`); what we sign ourselves is refused at the door.
Only rules of law and values that nobody could process are here. What a message repeats of another
organ's document, in ResponseFor, is sent as it is.

Source: NĐ 30/2020/NĐ-CP, Appendix VI (lengths, dates); QĐ 20/2020/QĐ-TTg Art 4 (length of a code).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from . import model
from .content import ContentProblem
from .layout import TO_PLACES_MAX, Field, Kind, Source, fields_of
from .model import Document, Message, Record
from .rules import is_odd, places_length, places_too_long


def profile_problem(message: Message) -> ContentProblem | None:
    """The first text that we do not send: too long by law, no date, an unknown value; else None.

    Reasons are FIELD_TOO_LONG, FIELD_DATE and FIELD_VALUE; the detail names field and limit.
    """
    found: list[ContentProblem] = []
    if isinstance(message, Document):
        _judge(message, _DOCUMENT, "MessageHeader", found)
        if places_too_long(message):
            length, path = places_length(message), "MessageHeader/ToPlaces"
            found.append(_too_long(path, length, TO_PLACES_MAX, Source.LAW))
        if message.trace is not None:
            _judge(message.trace, _TRACE, "TraceHeaderList", found)
    else:
        _judge(message, _STATUS, "MessageHeader", found)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The fields of a record that are judged or lead to such, and how to get their values."""

    values: Callable[[Record], Sequence[Any]]
    steps: tuple[tuple[Field, _Plan | None], ...]


def _plan(record: type[Record], name: str) -> _Plan:
    fields = tuple(field for field in fields_of(record, name) if _matters(field))
    values = attrgetter(*(field.attribute for field in fields), "unknown")  # never just one
    inner = (_plan(field.record, field.element) if field.record else None for field in fields)
    return _Plan(values, tuple(zip(fields, inner, strict=True)))


def _matters(field: Field) -> bool:
    if field.record is not None:
        return any(_matters(inner) for inner in fields_of(field.record, field.element))
    if field.kind is Kind.DATE:
        return not field.echoed
    return field.rule is not None and field.rule.binding


_DOCUMENT: Final = _plan(Document, "MessageHeader")
_STATUS: Final = _plan(model.Status, "MessageHeader")
_TRACE: Final = _plan(model.TraceHeaderList, "TraceHeaderList")


def _judge(record: Record, plan: _Plan, path: str, found: list[ContentProblem]) -> None:
    for (field, inner), value in zip(plan.steps, plan.values(record), strict=False):
        if not value:
            continue
        if inner is not None:
            where = f"{path}/{field.element}"
            for one in value if field.repeats else (value,):
                _judge(one, inner, where, found)
        elif is_odd(field, value):
            found += _judged(field, f"{path}/{field.element}", value)


def _judged(field: Field, element: str, text: str) -> Iterator[ContentProblem]:
    """The problems of a text that is odd; not every oddity is one."""
    rule = field.rule
    if rule is None:
        detail = f"{element} is {text[:40]!r}, expected a date of the form yyyy/MM/dd"
        yield ContentProblem("FIELD_DATE", element, detail)
        return
    if rule.most and len(text) > rule.most:
        yield _too_long(element, len(text), rule.most, rule.source)
    if rule.values and text not in rule.values:
        detail = f"{element} is {text[:40]!r}, expected one of {', '.join(rule.values)}"
        yield ContentProblem("FIELD_VALUE", element, detail)


def _too_long(element: str, length: int, most: int, source: Source) -> ContentProblem:
    detail = f"{element} has {length:,} characters; {source.value} allows {most:,}"
    return ContentProblem("FIELD_TOO_LONG", element, detail)
