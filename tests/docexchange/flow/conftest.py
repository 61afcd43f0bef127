"""A theatre with two nodes for the tests of the paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.theatre import Node, Theatre


@pytest.fixture
def theatre(tmp_path: Path, template: Path) -> Iterator[Theatre]:
    play = Theatre(tmp_path, template, {"H05": "H05", "H01": "H01"})
    yield play
    play.close()


@pytest.fixture
def node(theatre: Theatre) -> Node:
    """H05, with a mailroom at each node."""
    for each in theatre.nodes.values():
        each.mailroom = True
    return theatre.nodes["H05"]
