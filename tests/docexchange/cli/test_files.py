"""docexchange/cli/files.py: a folder that nothing leads out of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docexchange.cli.files import Folder
from docexchange.core.errors import Conflict, Misuse


def everything(folder: Path) -> dict[str, bytes | str]:
    """All that is below a folder, links by where they lead."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside.txt"
    path.write_bytes(b"mine")
    return path


def test_files_are_written_and_never_overwritten_unasked(tmp_path: Path) -> None:
    with Folder(tmp_path / "a" / "b") as folder:
        path = folder.write("x.pdf", b"one")
        assert path.stat().st_mode & 0o111 == 0
        with pytest.raises(Conflict, match="already"):
            folder.write("x.pdf", b"two")
        with pytest.raises(Conflict, match=r"x\.pdf"):
            folder.require_free(["y.pdf", "x.pdf"])
        folder.require_free(["y.pdf"])
        assert path.read_bytes() == b"one"
        folder.write("x.pdf", b"two", force=True)
    assert everything(tmp_path) == {"a/b/x.pdf": b"two"}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_the_folder_is_not_followed(
    tmp_path: Path, outside: Path, force: bool, dangling: bool
) -> None:
    target = tmp_path / "new.txt" if dangling else outside
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "x.pdf").symlink_to(target)
    with Folder(inside) as folder:
        if force:
            folder.write("x.pdf", b"data", force=True)
        else:
            with pytest.raises(Conflict):
                folder.write("x.pdf", b"data")
    assert outside.read_bytes() == b"mine"
    assert not (tmp_path / "new.txt").exists()
    assert everything(inside) == {"x.pdf": b"data" if force else str(target)}


def test_a_folder_that_is_replaced_meanwhile_gets_nothing(tmp_path: Path) -> None:
    inside, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Folder(inside) as folder:
        inside.rename(tmp_path / "moved")
        inside.symlink_to(elsewhere)
        folder.write("x.pdf", b"data")
    assert everything(elsewhere) == {}
    assert everything(tmp_path / "moved") == {"x.pdf": b"data"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "/etc/x", "a\0b"])
def test_what_is_no_name_is_a_bug(tmp_path: Path, name: str) -> None:
    with Folder(tmp_path / "in") as folder, pytest.raises(Misuse):
        folder.write(name, b"")
    assert everything(tmp_path) == {}


def test_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").mkdir()
    with Folder(tmp_path) as folder, pytest.raises(OSError, match=r"x\.pdf"):
        folder.write("x.pdf", b"", force=True)
    assert (tmp_path / "x.pdf").is_dir()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file on a full disk."""

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

    def full(handle: int, *_: object) -> Full:
        os.close(handle)
        return Full()

    monkeypatch.setattr(os, "fdopen", full)
    with Folder(tmp_path) as folder, pytest.raises(OSError, match="No space"):
        folder.write("x.pdf", b"data")
    assert everything(tmp_path) == {}
