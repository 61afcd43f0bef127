"""What organs said of their journals held against each other (G2, G3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from envelopes.evidence import checkpoint
from envelopes.evidence.checkpoint import Checkpoint
from envelopes.evidence.merkle import Frontier, Tree, leaf_hash
from envelopes.evidence.witness import Seen, contradictions
from tests.pki import AT

MINUTE = timedelta(minutes=1)


def leaves(count: int, fork: int | None = None) -> list[bytes]:
    return [
        leaf_hash(b"line %d%s" % (n, b"!" if fork is not None and n >= fork else b""))
        for n in range(count)
    ]


def tree(count: int, fork: int | None = None) -> Tree:
    return Tree(b"".join(leaves(count, fork)))


def test_a_frontier_goes_on_where_it_was_kept() -> None:
    for kept in range(20):
        one, other = Frontier(), Frontier()
        for leaf in leaves(kept):
            one.add(leaf)
        again = Frontier.from_bytes(one.to_bytes())
        for leaf in leaves(20)[kept:]:
            again.add(leaf)
        for leaf in leaves(20):
            other.add(leaf)
        assert (again.size, again.root()) == (20, other.root())
    for wrong in (b"", b"\0" * 7, (3).to_bytes(8, "big"), bytes(9)):
        with pytest.raises(ValueError, match="frontier"):
            Frontier.from_bytes(wrong)


def said(lines: int, minutes: int = 0, organ: str = "H01", fork: int | None = None) -> Seen:
    root = tree(lines, fork).root().hex()
    head = sha256(root.encode()).hexdigest()
    return Seen(Checkpoint(organ, lines, root, head, AT + minutes * MINUTE), "H05", f"{lines}")


def found(*seen: Seen) -> list[str]:
    return [one.kind for one in contradictions(seen)]


def test_a_journal_that_only_grew_contradicts_nothing() -> None:
    assert found() == []
    assert found(said(3), said(4, 60), said(9, 60), said(4, 10), said(2, 0, "H13")) == []
    assert found(said(4, 3), said(3, 6)) == []  # within what a clock may go back


def test_another_history_of_the_same_length_is_a_fork() -> None:
    assert found(said(3), said(5, 10), said(5, 20, fork=2)) == ["FORK"]
    other = said(5, 20)
    assert found(said(5), replace(other, checkpoint=replace(other.checkpoint, head="a" * 64))) == [
        "FORK"
    ]


def test_fewer_lines_later_are_an_older_copy() -> None:
    """G2: the journal was put back, or written anew from some line on."""
    assert found(said(9), said(5, 10), said(7, 20), said(9, 30)) == ["WENT_BACK", "WENT_BACK"]


def test_what_a_receipt_claims_reads_back() -> None:
    one = said(7).checkpoint
    assert checkpoint.claimed("H01", one.claim()) == one
    for wrong in ("", "x", one.claim() + " ", one.claim().replace(" ", "  "), "-" + one.claim()):
        assert checkpoint.claimed("H01", wrong) is None
    assert checkpoint.claimed("H 01", one.claim()) is None
