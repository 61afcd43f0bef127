"""Reading the files that a person names and writing those that a command makes.

Nothing is read beyond a bound, nothing is overwritten without being asked, and no name from an
envelope can leave the folder it is written to (`envelopes.attachments.names`, `Folder`).
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from envelopes.skeleton import CHUNK, Cutter

from ..core.errors import Conflict, Misuse

NAME_SHOWN = 40  # characters; file systems take 255 bytes


def read_bounded(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a file, so that a caller sees that there is more.

    Raises:
        OSError: it is not there, a folder, or cannot be read.
    """
    with path.open("rb") as file:
        return file.read(limit + 1)


@contextmanager
def seekable(path: Path, limit: int) -> Iterator[BinaryIO]:
    """A file open for reading; what cannot be read twice, as a pipe, is first copied to a
    temporary file: no more of it than a verdict needs, at most `limit` + 1 bytes.

    Raises:
        OSError: it is not there, a folder, or cannot be read.
    """
    with path.open("rb") as file:
        if file.seekable() and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            yield file
            return
        cutter = Cutter()
        with tempfile.TemporaryFile() as copy:
            while limit >= 0 and not cutter.full and (part := file.read(min(CHUNK, limit + 1))):
                cutter.feed(part)
                copy.write(part)
                limit -= len(part)
            copy.seek(0)
            yield copy


@contextmanager
def replacing(path: Path, *, force: bool = False, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A new file that is there under its name only when all of it is written and on the disk.

    Raises:
        Conflict: a file is there and `force` is not given.
        OSError: it could not be written; nothing of it is left.
    """
    refuse_existing([path], force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name[:NAME_SHOWN]}.{os.getpid()}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        refuse_existing([path], force=force)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_all(files: Mapping[Path, bytes], *, force: bool = False, mode: int = 0o644) -> None:
    """Write files and the folders they need; all of them or, if one is there already, none.

    Raises:
        Conflict: a file is there and `force` is not given; nothing was written.
        OSError: a write failed; earlier files stay.
    """
    refuse_existing(files, force=force)
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, data, mode, force=force)


def refuse_existing(paths: Iterable[Path], *, force: bool = False) -> None:
    """Raise Conflict when one of the files is there already and `force` is not given."""
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there and not force:
        raise _taken(there[0])


def write(path: Path, data: bytes, mode: int = 0o644, *, force: bool = False) -> None:
    """Write a file that has its mode from the first moment. Raises OSError."""
    if force:
        path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


class Folder:
    """A folder to which files are written by their name alone.

    It is opened once; every file is made relative to that handle and made anew, so that nothing
    that lies in the folder, nor anything that happens to its path meanwhile, leads a write
    elsewhere: a link is never followed.

    Args:
        path: made, with the folders above it, when it is not there. A link is followed here, for
            a person named it.

    Raises:
        OSError: it cannot be made or is no folder.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)

    def require_free(self, names: Iterable[str]) -> None:
        """Raise Conflict if one of the names is taken, by a file, a link or anything else."""
        for name in names:
            if self._is_there(name):
                raise _taken(self.path / name)

    def write(self, name: str, data: bytes, *, force: bool = False, mode: int = 0o644) -> Path:
        """Write a file; returns its path.

        Args:
            name: one component of a path.
            data: all of it.
            force: True replaces what has this name; of a link the link, not what it leads to.
            mode: of the file, from the first moment.

        Raises:
            Conflict: the name is taken and `force` is not given.
            OSError: it could not be written; nothing of it is left.
        """
        with self.writing(name, force=force, mode=mode) as file:
            file.write(data)
        return self.path / name

    @contextmanager
    def writing(self, name: str, *, force: bool = False, mode: int = 0o644) -> Iterator[BinaryIO]:
        """`write` piece by piece; whatever is raised meanwhile, nothing of the file is left."""
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise Misuse(f"{name!r} is no name of a file")
        if force and self._is_there(name):
            os.unlink(name, dir_fd=self._handle)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, mode, dir_fd=self._handle)
        except FileExistsError as there:
            raise _taken(self.path / name) from there
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
        except BaseException:
            os.unlink(name, dir_fd=self._handle)
            raise

    def _is_there(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True


def _taken(path: Path) -> Conflict:
    return Conflict(
        f"{path} is there already; --force overwrites", f"{path} đã có sẵn; --force để ghi đè"
    )
