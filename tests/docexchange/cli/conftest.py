"""An office with three nodes for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.office import Office, build


@pytest.fixture
def office(tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    made = build(tmp_path, template, capsys)
    yield made
    made.theatre.close()
