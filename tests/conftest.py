"""What many tests share: an empty store, migrated once, for each to copy; logging as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from docexchange.edges.store import SqlStore


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    """A command that set up logging (`--quiet`) silences no test that comes after it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = before


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journeys") / "template.sqlite3"
    SqlStore.open(
        path,
        exclusive=True,
        node="template",
        mailroom_of=lambda organ: None,
        longest=timedelta(hours=1),
    ).close()
    return path
