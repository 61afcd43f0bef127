"""JSON of a mailroom, read strictly: every fault is noted with its place (RFC 6901), none raises.

    form = Form.of(body, faults)          one JSON object
    number = form.text("number", required=True)
    form.close()                          a member that nobody asked for is a fault, too

What is ambiguous or cannot be carried on is a fault: a member twice, NaN, half a surrogate pair, a
character that XML has no place for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

LIST_MAX = 10_000  # items of a list: twice the recipients of a document; 512 MiB in parts of 64 KiB
FAULTS_MAX = 20  # places told at once; more help nobody
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Faults = list[tuple[str, str]]  # (pointer, what is wrong there, Vietnamese / English)


class NotJson(ValueError):
    """The body is no JSON that can be read in one way only."""


@dataclass(slots=True)
class Form:
    """One JSON object that is being read.

    Args:
        members: the object.
        pointer: where it stands in the body, "" for the whole.
        faults: where the faults of the whole body are gathered.
    """

    members: Mapping[str, Any]
    pointer: str
    faults: Faults
    _asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, body: bytes, faults: Faults) -> Form:
        """The object that a body is; of anything else a fault and an empty object.

        Raises:
            NotJson: not JSON, or ambiguous.
        """
        return cls._object(read_json(body), "", faults)

    @classmethod
    def _object(cls, value: object, pointer: str, faults: Faults) -> Form:
        if isinstance(value, dict):
            return cls(value, pointer, faults)
        faults.append((pointer, "phải là một đối tượng / must be an object"))
        return cls({}, pointer, [])  # what it lacks was told: it is no object

    def place(self, name: str | int) -> str:
        """JSON Pointer of a member (RFC 6901)."""
        return f"{self.pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"

    def fault(self, name: str, what: str) -> None:
        """Note what is wrong with a member."""
        self.faults.append((self.place(name), what))

    def has(self, name: str) -> bool:
        """Whether a member is there, be it null."""
        self._asked.add(name)
        return name in self.members

    def text(self, name: str, *, required: bool = False, pattern: str = "", form: str = "") -> str:
        """A text; "" when it is absent or wrong.

        Args:
            name: of the member.
            required: True if it must be there and say something.
            pattern: regular expression of the whole text.
            form: that pattern for people.
        """
        value = self._value(name, required=required)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(name, "phải là một chuỗi / must be a string")
            return ""
        if required and not value.strip():
            self.fault(name, "không được để trống / must not be empty")
        illegal = _NOT_IN_XML.search(value)
        if illegal is not None:
            self.fault(
                name,
                f"có ký tự không dùng được U+{ord(illegal[0]):04X} / holds a character that "
                "cannot be carried",
            )
            return ""
        if pattern and value and not re.fullmatch(pattern, value):
            self.fault(name, f"phải có dạng {form} / must be of the form {form}")
            return ""
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number within bounds; None when it is absent or wrong."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fault(name, f"phải là số nguyên từ {low} đến {high} / must be a whole number")
            return None
        return value

    def texts(self, name: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        given = self._list(name, required=required)
        items = {str(position): one for position, one in enumerate(given)}
        holder = Form(items, self.place(name), self.faults)
        return tuple(holder.text(position, required=True) for position in items)

    def each(self, name: str) -> list[Form]:
        """A list of objects."""
        place = self.place(name)
        return [
            self._object(one, f"{place}/{position}", self.faults)
            for position, one in enumerate(self._list(name))
        ]

    def inner(self, name: str, *, required: bool = False) -> Form:
        """An object in this one; an empty one when it is absent."""
        value = self._value(name, required=required)
        if value is None:
            return Form({}, self.place(name), [])
        return self._object(value, self.place(name), self.faults)

    def close(self) -> None:
        """Note every member that nobody asked for: it is a slip of the pen, or of a later
        contract; either way it would be lost."""
        for name in self.members:
            if name not in self._asked:
                self.fault(name, "trường không có trong hợp đồng / not a member of the contract")

    def _list(self, name: str, *, required: bool = False) -> Sequence[Any]:
        value = self._value(name, required=required)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fault(name, "phải là một danh sách / must be a list")
            return ()
        if len(value) > LIST_MAX:  # each would get its fault: a minute for 8 MB of them
            self.fault(name, f"quá {LIST_MAX:,} phần tử / over {LIST_MAX:,} items")
            return ()
        return value

    def _value(self, name: str, *, required: bool = False) -> Any:
        self._asked.add(name)
        value = self.members.get(name)
        if value is None and required:
            self.fault(name, "còn thiếu / is missing")
        return value


def read_json(body: bytes) -> object:
    """A JSON value that every reader would read alike.

    Raises:
        NotJson: not UTF-8, not JSON, nested too deep, a member twice, or NaN and the like.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as bad:
        raise NotJson(str(bad) or type(bad).__name__) from bad


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise NotJson(f"member {twice[:60]!r} stands twice")
    return members


def _no_number(text: str) -> NoReturn:
    raise NotJson(f"{text} is no JSON number")
