"""What many tests share: an empty store, migrated once, for each to copy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.edges.store import SqlStore


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
