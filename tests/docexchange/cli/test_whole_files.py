"""`docexchange/cli/files.py`: files that are there whole or not at all, and pipes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docexchange.cli import files
from docexchange.core.errors import Conflict


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.edxml"
    with files.replacing(path) as out:
        out.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [*path.parent.iterdir()] == [path]


def test_of_what_failed_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.edxml"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), files.replacing(path, force=True) as out:
        out.write(b"new")
        raise RuntimeError
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == b"old"


def test_nothing_is_overwritten_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.edxml"
    with pytest.raises(Conflict, match="--force"), files.replacing(path):
        path.write_bytes(b"somebody was faster")
    assert path.read_bytes() == b"somebody was faster"
    with pytest.raises(Conflict, match="--force"), files.replacing(path):
        pytest.fail("it is there")
    with files.replacing(path, force=True) as out:
        out.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_pipe_is_copied_up_to_the_limit() -> None:
    for size, limit, taken in ((10, 20, 10), (20, 20, 20), (30, 20, 21)):
        reading, writing = os.pipe()
        os.write(writing, b"x" * size)
        os.close(writing)
        with files.seekable(Path(f"/proc/self/fd/{reading}"), limit) as file:
            assert file.read() == b"x" * taken
            assert file.seek(0) == 0
        os.close(reading)
