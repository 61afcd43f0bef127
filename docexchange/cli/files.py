"""Reading the files that a person names and writing those that a command makes.

Nothing is read beyond a bound, nothing is overwritten without being asked, and no name from an
envelope can leave the folder it is written to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..core.errors import Conflict

NAME_MAX = (
    120  # characters of a file name made from an envelope's texts; file systems take 255 bytes
)
_UNSAFE = re.compile(r"[^\w.+ -]")


def read_bounded(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a file, so that a caller sees that there is more.

    Raises:
        OSError: it is not there, a folder, or cannot be read.
    """
    with path.open("rb") as file:
        return file.read(limit + 1)


def safe_name(text: str, otherwise: str) -> str:
    """A file name of a text from an envelope: 98/QĐ-UBND becomes 98_QĐ-UBND."""
    name = _UNSAFE.sub("_", text).strip(" ._")
    while len(name.encode()) > NAME_MAX:
        name = name[:-1]
    return name or otherwise


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
        raise Conflict(
            f"{there[0]} is there already; --force overwrites",
            f"{there[0]} đã có sẵn; --force để ghi đè",
        )


def write(path: Path, data: bytes, mode: int = 0o644, *, force: bool = False) -> None:
    """Write a file that has its mode from the first moment. Raises OSError."""
    if force:
        path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
