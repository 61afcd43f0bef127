"""A TOML file that a person wrote: its values, and the line of each, so that what is wrong in it
can be told all at once as file:line, key, what is wrong and the form that is expected.

Knows TOML and people; knows no setting. `tomllib` gives values without lines, so `key_lines`
finds the line of every key by cutting the text into statements.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ..core.errors import ConfigError
from .files import read_bounded

T = TypeVar("T")
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, which key, and what, in both languages."""

    line: int
    key: str
    en: str
    vi: str


class FileError(ConfigError):
    """A file says things that cannot be followed; `problems` lists all of them."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(self._text("en"), self._text("vi"))

    def _text(self, lang: str) -> str:
        places = [f"{self.path}:{problem.line}" for problem in self.problems]
        keys = [problem.key for problem in self.problems]
        wide, wider = max(map(len, places)), max(map(len, keys))
        return "\n".join(
            f"{place:<{wide}}  {problem.key:<{wider}}  {problem.vi if lang == 'vi' else problem.en}"
            for place, problem in zip(places, self.problems, strict=True)
        )


# A string of any kind, a comment, a bracket, the end of a line, or anything else.
_PIECE = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|#[^\n]*|[\[\]{}]|\n|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
_KEY_PART = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+)\s*(\.?)')


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Say on which line each table and key of a valid TOML text stands, counted from 1.

    Keys inside inline tables and arrays are not listed; `TomlFile.line` names the line of the
    key that holds them.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement in _statements(text):
        if statement.startswith("["):
            key = table = _dotted(statement.strip("[ \t"))
        else:
            key = table + _dotted(statement)
        for end in range(1, len(key) + 1):  # [a.b] also makes the table a
            lines.setdefault(key[:end], number)
    return lines


def _statements(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    begun, depth, at, line = 1, 0, "", 1
    for piece in _PIECE.findall(text + "\n"):
        if piece == "\n" and depth == 0:
            if at.strip():
                found.append((begun, at.strip()))
            begun, at = line + 1, ""
        elif not piece.startswith("#"):
            depth += (piece in "[{") - (piece in "]}")
            at += piece
        line += piece.count("\n")
    return found


def _dotted(text: str) -> KeyPath:
    parts: list[str] = []
    at = 0
    while part := _KEY_PART.match(text, at):
        key = part[1]
        parts.append(str(tomllib.loads(f"k={key}")["k"]) if key[0] in "\"'" else key)
        at = part.end()
        if not part[2]:
            break
    return tuple(parts)


class TomlFile:
    """A parsed file that collects what is wrong with it.

    Args:
        path: the file; relative paths inside it are relative to its folder.
        data: its bytes.

    Raises:
        FileError: it is not TOML.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.problems: list[Problem] = []
        try:
            text = data.decode("utf-8").replace("\r\n", "\n")
            self.values: Mapping[str, object] = tomllib.loads(text)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise FileError(
                path, [Problem(line, "-", "is not UTF-8 text", "không phải văn bản UTF-8")]
            ) from error
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"line (\d+)", str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            raise FileError(
                path, [Problem(line, "-", f"not TOML: {error}", f"sai cú pháp TOML: {error}")]
            ) from error
        self._lines = key_lines(text)

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """Read a file. Raises ConfigError when it cannot be read, FileError as above."""
        return cls(path, read_bounded(path))

    def line(self, key: KeyPath) -> int:
        """The line of a key, or of the nearest table around it; certificates[2] is on the line
        of certificates."""
        key = tuple(re.sub(r"\[\d+\]$", "", part) for part in key)
        while key and key not in self._lines:
            key = key[:-1]
        return self._lines.get(key, 1)

    def wrong(self, key: KeyPath, en: str, vi: str) -> None:
        """Note that the value of a key cannot be followed."""
        self.problems.append(Problem(self.line(key), shown(key), en, vi))

    def done(self) -> None:
        """Raise FileError if anything was noted."""
        if self.problems:
            raise FileError(self.path, self.problems)

    def section(self, *key: str) -> Section:
        """A table of the file, empty if it is absent."""
        return Section(self, (), self.values).section(*key)


def shown(key: KeyPath) -> str:
    """A key as a person writes it: organs."000.00.00.H05".key."""
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+(\[\d+\])?", part) else f'"{part}"' for part in key
    )


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: object) -> timedelta:
    """A time span written as "90s", "5m", "72h" or "2d"; ValueError otherwise."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(value)
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])


class Section:
    """One table: values are taken by name and type, and what was never taken is unknown.

    A value that is wrong is noted in the file and replaced by the default, so that one run
    finds every problem.
    """

    def __init__(self, file: TomlFile, key: KeyPath, values: Mapping[str, object]) -> None:
        self._file = file
        self.key = key
        self._values = values
        self._known: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._values)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the table, in the file's order."""
        return tuple(self._values)

    def has(self, name: str) -> bool:
        """Whether the key is written."""
        return name in self._values

    def section(self, *names: str) -> Section:
        """A table inside this one."""
        at, values = self.key, self._values
        for name in names:
            if at == self.key:
                self._known.append(name)
            inner = values.get(name, {})
            at = (*at, name)
            if not isinstance(inner, Mapping):
                self._file.wrong(at, "must be a table", "phải là một bảng [...]")
                inner = {}
            values = inner
        return Section(self._file, at, values)

    def tables(self, name: str) -> tuple[Section, ...]:
        """The tables of an array, as certificates = [{...}, {...}]."""
        found: list[Section] = []
        nothing: list[object] = []
        for number, one in enumerate(self._take(name, nothing, _array, "[{...}, ...]"), start=1):
            key = (*self.key, f"{name}[{number}]")
            if isinstance(one, Mapping):
                found.append(Section(self._file, key, one))
            else:
                self._file.wrong(key, "must be a table {...}", "phải là một bảng {...}")
        return tuple(found)

    def text(
        self,
        name: str,
        default: str = "",
        form: str = "",
        pattern: str = "",
        *,
        secret: bool = False,
    ) -> str:
        """A text; with `pattern` it must match, and `form` tells people how it looks.

        A wrong value is repeated in the message, unless it may be a `secret` put there by mistake.
        """

        def read(value: object) -> str:
            if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value)):
                raise ValueError
            return value

        return self._take(name, default, read, form or '"..."', secret=secret)

    def texts(self, name: str, form: str = "", pattern: str = "") -> tuple[str, ...]:
        """A list of texts."""

        def read(value: object) -> tuple[str, ...]:
            return tuple(_matching(one, pattern) for one in _array(value))

        return self._take(name, (), read, form or '["...", ...]')

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""

        def read(value: object) -> bool:
            if not isinstance(value, bool):
                raise TypeError
            return value

        return self._take(name, default, read, "true, false")

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""

        def read(value: object) -> int:
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ValueError
            return value

        return self._take(name, default, read, f"{least} .. {most}")

    def share(self, name: str, default: float) -> float:
        """A share between 0 and 1."""

        def read(value: object) -> float:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ValueError
            return float(value)

        return self._take(name, default, read, "0 .. 1")

    def span(self, name: str, default: timedelta) -> timedelta:
        """A time span above zero."""
        return self._take(name, default, _span, '"90s", "5m", "72h", "2d"')

    def spans(self, name: str, default: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        """A list of time spans, at least one."""

        def read(value: object) -> tuple[timedelta, ...]:
            if not _array(value):
                raise ValueError
            return tuple(_span(one) for one in _array(value))

        return self._take(name, default, read, '["15s", "45s", "2m"]')

    def moment(self, name: str) -> datetime | None:
        """A date (midnight UTC) or a time with zone; None when absent."""
        return self._take(name, None, _moment, "2026-11-22, 2026-11-22T08:00:00+07:00")

    def path(self, name: str, *, secret: bool = False) -> Path | None:
        """A path, relative to the folder of the file; None when absent or empty."""
        written = self.text(name, secret=secret)
        return self._file.path.parent / written if written else None

    def required(self, *names: str) -> None:
        """Note each of these keys that is absent."""
        for name in names:
            if name not in self._values:
                self.wrong(name, "is missing", "còn thiếu")

    def wrong(self, name: str, en: str, vi: str) -> None:
        """Note that a value cannot be followed; name "" means the table itself."""
        self._file.wrong((*self.key, name) if name else self.key, en, vi)

    def close(self) -> None:
        """Note every key that nobody asked for, with the known name nearest to it."""
        for name in self._values:
            if name in self._known:
                continue
            near = difflib.get_close_matches(name, self._known, 1)
            en = f'is not a setting; did you mean "{near[0]}"?' if near else "is not a setting"
            vi = f'không có mục này; ý bạn là "{near[0]}"?' if near else "không có mục này"
            if not near and self._known:
                known = ", ".join(self._known)
                en, vi = f"{en}; known: {known}", f"{vi}; các mục có: {known}"
            self.wrong(name, en, vi)

    def _take(
        self,
        name: str,
        default: T,
        read: Callable[[object], T],
        form: str,
        *,
        secret: bool = False,
    ) -> T:
        self._known.append(name)
        if name not in self._values:
            return default
        value = self._values[name]
        try:
            return read(value)
        except (ValueError, TypeError):
            written = f'"{value}"' if isinstance(value, str) else str(value)
            if secret:
                written = "***"
            self.wrong(name, f"{written} is wrong; write {form}", f"{written} sai; viết {form}")
            return default


def _array(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _matching(value: object, pattern: str) -> str:
    if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value)):
        raise ValueError
    return value


def _span(value: object) -> timedelta:
    span = duration(value)
    if span <= timedelta(0):
        raise ValueError
    return span


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return _moment(datetime.fromisoformat(value))
    raise TypeError
