"""envelopes/evidence/journal.py: whatever is done to a journal shows; against an older state only
with a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from envelopes.evidence.checkpoint import Checkpoint
from envelopes.evidence.journal import (
    GENESIS,
    Follower,
    JournalBroken,
    JournalState,
    as_file_line,
    chain,
    follow_file,
)

AT = datetime(2026, 11, 23, tzinfo=UTC)
Rows = list[str]


def written(count: int, word: str = "queued") -> Rows:
    """A journal as a file."""
    rows, previous = [], GENESIS
    for number in range(1, count + 1):
        said = {"at": "2026-11-23T00:00:00.000000Z", "event": word, "number": number, "ref": "Đ"}
        line = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        previous = chain(previous, line)
        rows.append(as_file_line(line, previous))
    return rows


def state(rows: Rows, *checkpoints: Checkpoint) -> JournalState:
    return follow_file(rows, Follower(checkpoints))


def kept(rows: Rows) -> Checkpoint:
    found = state(rows)
    return Checkpoint("H05", found.lines, found.root, found.head, AT)


def test_a_whole_one_is_followed_to_its_end() -> None:
    rows = written(7)
    assert state([]) == JournalState(0, GENESIS, state([]).root)
    assert state(rows).lines == 7
    assert state(rows).head == rows[-1][:64]
    assert state(rows, kept([]), kept(rows[:1]), kept(rows[:4]), kept(rows)) == state(rows)


def renumbered(rows: Rows, at: int) -> Rows:
    """Another line, chained again from there: a consistent rewriting."""
    lines = [row[65:-1] for row in rows]
    lines[at] = lines[at].replace("queued", "sent")
    previous, out = GENESIS, []
    for line in lines:
        previous = chain(previous, line)
        out.append(as_file_line(line, previous))
    return out


CHANGES: dict[str, tuple[Callable[[Rows], Rows], int]] = {
    "delete the first": (lambda rows: rows[1:], 1),
    "delete one": (lambda rows: rows[:3] + rows[4:], 4),
    "reorder": (lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]], 4),
    "duplicate": (lambda rows: [*rows[:4], rows[3], *rows[4:]], 5),
    "insert": (lambda rows: [*rows[:4], written(5, "sent")[4], *rows[4:]], 5),
    "replace": (lambda rows: [*rows[:4], written(5, "sent")[4], *rows[5:]], 5),
    "cut in a line": (lambda rows: [*rows[:-1], rows[-1][:-2]], 8),
    "no newline": (lambda rows: [*rows[:-1], rows[-1][:-1]], 8),
    "number as text": (lambda rows: [rows[0].replace('"number":1', '"number":"1"'), *rows[1:]], 1),
    "number as true": (lambda rows: [rows[0].replace('"number":1', '"number":true')], 1),
    "no JSON": (lambda rows: [f"{GENESIS} x\n", *rows[1:]], 1),
    "no object": (lambda rows: [f"{GENESIS} 7\n", *rows[1:]], 1),
    "empty row": (lambda rows: ["\n", *rows], 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_found_where_it_is(name: str) -> None:
    change, line = CHANGES[name]
    with pytest.raises(JournalBroken) as caught:
        state(change(written(8)))
    assert caught.value.line == line
    assert str(line) in caught.value.vi


def test_every_flipped_byte_is_found() -> None:
    rows = written(3)
    for number, row in enumerate(rows):
        for at in range(len(row)):
            flipped = row[:at] + chr(ord(row[at]) ^ 1) + row[at + 1 :]
            with pytest.raises(JournalBroken) as caught:
                state([*rows[:number], flipped, *rows[number + 1 :]])
            assert caught.value.line == number + 1


@pytest.mark.parametrize(
    ("other", "words", "line"),
    [
        (written(5), "5 lines; the checkpoint of 2026-11-23 00:00Z saw 8", 6),
        (written(0), "0 lines; the checkpoint", 1),
        (renumbered(written(8), 2), "first 8 lines are not those", 0),
        (renumbered(written(12), 7), "first 8 lines are not those", 0),
    ],
    ids=["cut off", "empty", "written anew", "a fork that went on"],
)
def test_what_is_consistent_shows_against_a_checkpoint(other: Rows, words: str, line: int) -> None:
    seen = kept(written(8))
    assert state(other).lines == len(other)
    with pytest.raises(JournalBroken, match=words) as caught:
        state(other, seen)
    assert caught.value.line == line


def test_a_fork_after_the_checkpoint_shows_against_a_later_one() -> None:
    fork = renumbered(written(12), 9)
    assert state(fork, kept(written(8))).lines == 12
    with pytest.raises(JournalBroken, match="first 12 lines"):
        state(fork, kept(written(8)), kept(written(12)))
