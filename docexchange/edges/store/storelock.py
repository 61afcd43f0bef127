"""The lock that lets one daemon serve a store: a file beside the database, locked for life."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ...core.errors import StoreBusy, StoreError


class StoreLock:
    """An advisory lock; the operating system releases it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def take(self) -> None:
        """Take it, or raise StoreBusy at once."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise StoreBusy(f"another daemon serves this store ({self._path} is locked)") from error

    def release(self) -> None:
        """Give it back; releasing twice does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
