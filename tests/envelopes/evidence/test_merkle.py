"""envelopes/evidence/merkle.py: the hash tree of RFC 6962."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelopes.evidence.merkle import EMPTY, Frontier, Tree, leaf_hash, root_by_path

# Source: the test vectors of RFC 6962's reference implementation (eight leaves).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, clause 2.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_roots_are_those_of_the_reference_implementation() -> None:
    frontier, leaves = Frontier(), bytearray()
    assert frontier.root() == Tree(leaves).root() == EMPTY == by_definition([])
    for line, root in zip(INPUTS, ROOTS, strict=True):
        frontier.add(leaf_hash(line))
        leaves += leaf_hash(line)
        assert frontier.root().hex() == Tree(leaves).root().hex() == root


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70))
def test_every_path_leads_to_the_root_from_its_place_alone(lines: list[bytes]) -> None:
    tree = Tree(b"".join(map(leaf_hash, lines)))
    root, size = tree.root(), len(lines)
    assert root == by_definition(lines)
    for index, line in enumerate(lines):
        path = tree.path(index)
        assert root_by_path(leaf_hash(line), index, size, path) == root
        assert root_by_path(leaf_hash(line + b"x"), index, size, path) != root
        assert root_by_path(leaf_hash(line), index, size, (*path, root)) is None
        if path:
            assert root_by_path(leaf_hash(line), index, size, path[:-1]) is None


@pytest.mark.parametrize("index", [-1, 3, 4])
def test_there_is_no_path_to_what_is_not_there(index: int) -> None:
    tree = Tree(leaf_hash(b"a") * 3)
    with pytest.raises(IndexError, match="in a tree of 3"):
        tree.path(index)
    assert root_by_path(leaf_hash(b"a"), index, 3, ()) is None
