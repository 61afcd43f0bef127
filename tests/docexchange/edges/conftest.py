"""A store per test, copied from an empty one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docexchange.edges.store import SqlStore
from tests.records import open_store


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Path:
    """A folder with an empty, migrated store.db."""
    shutil.copy(template, tmp_path / "store.db")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[SqlStore]:
    with open_store(folder) as opened:
        yield opened
