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

    @classmethod
    def of(cls, store: Path) -> StoreLock:
        """The lock of the store in this file."""
        return cls(store.with_name(store.name + ".lock"))

    @staticmethod
    def serves(store: Path) -> bool:
        """Whether a daemon serves the store in this file, by its name or by what that links."""
        return any(StoreLock.of(one).taken() for one in (store, store.resolve()))

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def taken(self) -> bool:
        """Whether any process holds it. Only looks (Linux's list of locks): to try it could make a
        daemon fail that starts at this moment."""
        try:
            found = self._path.stat()
            locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        return any("FLOCK" in line and place in line.split() for line in locks)

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
