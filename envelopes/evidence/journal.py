"""The form of a journal (nhật ký), and following one line by line, from a store or from a file.

    line = JSON, sorted keys, UTF-8 as it is, no spaces: number, at, event, ref and facts
    hash = SHA-256(previous hash, line), both as bytes; before the first line: 32 zero bytes

A file of it has the hash in hex, a space and the line, for each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ..errors import EnvelopeError
from .checkpoint import Checkpoint
from .merkle import Frontier, leaf_hash

GENESIS: Final = "0" * 64  # stands for the hash before line 1


class JournalBroken(EnvelopeError):
    """A line that is missing, was changed or put in; or another history than a checkpoint's.

    Args:
        vi: the message in Vietnamese.
        line: number of the first line that is not as it was, 0 when it cannot be told.
    """

    def __init__(self, message: str, vi: str, line: int) -> None:
        super().__init__(f"journal: {message}")
        self.vi = f"nhật ký: {vi}"
        self.line = line


def chain(previous: str, line: str) -> str:
    """Hex hash of a line after the hex hash of the line before it."""
    return sha256(bytes.fromhex(previous) + line.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class JournalState:
    """How a journal stands after some line.

    Args:
        lines: how many there are.
        head: hash of the last one, hex; GENESIS before the first.
        root: of the hash tree over them, hex.
    """

    lines: int
    head: str
    root: str


class Follower:
    """Takes the lines of a journal in order and holds each against the one before.

    Args:
        checkpoints: proven ones; the journal has to agree with each of them when it is as long.
    """

    def __init__(self, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self._tree, self._lines, self._head = Frontier(), 0, GENESIS
        self._waiting = sorted(checkpoints, key=lambda one: one.lines, reverse=True)
        self._compare()

    @property
    def lines(self) -> int:
        """How many were taken."""
        return self._lines

    def take(self, line: str, given: str) -> Mapping[str, Any]:
        """The next line with the hash that stands beside it; returns what it says.

        Raises:
            JournalBroken: it is not the one that follows.
        """
        number = self._lines + 1
        try:
            said = json.loads(line)
            found, head = said["number"], chain(self._head, line)
        except (ValueError, TypeError, KeyError, RecursionError):  # no JSON, or not even UTF-8
            raise changed(number) from None
        if found != number or type(found) is not int:
            raise missing(number)
        if head != given:
            raise changed(number)
        self._lines, self._head = number, head
        self._tree.add(leaf_hash(line.encode()))
        self._compare()
        result: Mapping[str, Any] = said
        return result

    def end(self) -> JournalState:
        """How it stands after the last line.

        Raises:
            JournalBroken: a checkpoint saw more lines than there are.
        """
        if self._waiting:
            seen, there = self._waiting[0].lines, self._lines
            kept = f"{self._waiting[0].at:%Y-%m-%d %H:%MZ}"
            raise JournalBroken(
                f"{there} lines; the checkpoint of {kept} saw {seen}: lines were cut off, or this "
                "is an older copy",
                f"{there} dòng; mốc {kept} có {seen} dòng: bị cắt bớt, hoặc đây là bản cũ hơn",
                there + 1,
            )
        return JournalState(self._lines, self._head, self._tree.root().hex())

    def _compare(self) -> None:
        while self._waiting and self._waiting[-1].lines == self._lines:
            seen = self._waiting.pop()
            if (seen.root, seen.head) != (self._tree.root().hex(), self._head):
                kept = f"{seen.at:%Y-%m-%d %H:%MZ}"
                raise JournalBroken(
                    f"its first {seen.lines} lines are not those that the checkpoint of {kept} "
                    "saw: another history",
                    f"{seen.lines} dòng đầu không phải các dòng mà mốc {kept} đã ghi nhận: "
                    "một lịch sử khác",
                    0,
                )


def missing(number: int) -> JournalBroken:
    """That another line stands where this one should."""
    return JournalBroken(f"line {number} is missing", f"thiếu dòng {number}", number)


def changed(number: int) -> JournalBroken:
    """That a line is not the one that was written after the one before it."""
    return JournalBroken(
        f"line {number} was changed or does not follow line {number - 1}",
        f"dòng {number} bị sửa hoặc không nối tiếp dòng {number - 1}",
        number,
    )


def as_file_line(line: str, given: str) -> str:
    """A line of an exported journal."""
    return f"{given} {line}\n"


def follow_file(rows: Iterable[str], follower: Follower) -> JournalState:
    """Follow an exported journal.

    Raises:
        JournalBroken: as `Follower`; a row that is none of an export is a changed line.
    """
    for row in rows:
        given, space, line = row.removesuffix("\n").partition(" ")
        if not space or not row.endswith("\n"):
            raise changed(follower.lines + 1)
        follower.take(line, given)
    return follower.end()
