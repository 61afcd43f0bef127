"""The hash tree over a journal: one root stands for all lines, a short path proves one of them.

    leaf = SHA-256(0x00, line)      node = SHA-256(0x01, left, right)

A level whose last node has no partner hands it up as it is.

Source: RFC 6962, clause 2.1; RFC 9162, clause 2.1.3 for the checking of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY: Final = sha256().digest()  # root of a tree without leaves


def leaf_hash(line: bytes) -> bytes:
    """The leaf of a line."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The root of a tree that only grows, in memory of a few hundred bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._full: list[bytes] = []  # roots of full subtrees, the largest first

    def to_bytes(self) -> bytes:
        """What is needed to go on from here: size, roots of the full subtrees."""
        return self.size.to_bytes(8, "big") + b"".join(self._full)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """The frontier that `to_bytes` wrote.

        Raises:
            ValueError: it is none.
        """
        frontier = cls()
        frontier.size = int.from_bytes(data[:8], "big")
        full = data[8:]
        if len(data) < 8 or len(full) != frontier.size.bit_count() * HASH_BYTES:
            raise ValueError("not a frontier")
        frontier._full = [full[at : at + HASH_BYTES] for at in range(0, len(full), HASH_BYTES)]
        return frontier

    def add(self, leaf: bytes) -> None:
        """Append a leaf (`leaf_hash`)."""
        self.size += 1
        grown = self.size
        while grown % 2 == 0:  # two subtrees of the same size make one
            leaf = node_hash(self._full.pop(), leaf)
            grown //= 2
        self._full.append(leaf)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._full:
            return EMPTY
        *rest, root = self._full
        for left in reversed(rest):
            root = node_hash(left, root)
        return root


class Tree:
    """A whole tree, to take paths from; 64 bytes of memory a leaf.

    Args:
        leaves: of all lines, each `leaf_hash`, one after the other.
    """

    def __init__(self, leaves: bytes | bytearray) -> None:
        self._levels = [leaves]
        while len(self._levels[-1]) > HASH_BYTES:
            self._levels.append(_above(self._levels[-1]))

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def root(self) -> bytes:
        """The root over all of them."""
        return bytes(self._levels[-1]) or EMPTY

    def path(self, index: int) -> tuple[bytes, ...]:
        """What has to be hashed with leaf `index` (from 0), from below, to come to the root.

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"no leaf {index} in a tree of {self.size}")
        path = []
        for level in self._levels[:-1]:
            at = (index ^ 1) * HASH_BYTES
            if at < len(level):
                path.append(bytes(level[at : at + HASH_BYTES]))
            index //= 2
        return tuple(path)


def _above(level: bytes | bytearray) -> bytearray:
    above = bytearray()
    pair = 2 * HASH_BYTES
    for at in range(0, len(level), pair):
        both = level[at : at + pair]
        above += both if len(both) == HASH_BYTES else sha256(b"\x01" + both).digest()
    return above


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a path leads; None when it does not fit a leaf at this place.

    Source: RFC 9162, clause 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    root, last, steps = leaf, size - 1, iter(path)
    while last > 0:
        if index % 2 == 1 or index < last:  # it has a partner at this level
            sibling = next(steps, None)
            if sibling is None:
                return None
            root = node_hash(sibling, root) if index % 2 == 1 else node_hash(root, sibling)
        index, last = index // 2, last // 2
    return root if next(steps, None) is None else None
