"""Reading the files that an operator names: bounded, and secrets only if nobody else can.

The mode of a secret is judged on the opened file, so that nothing can change between the look and
the read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..core.errors import ConfigError, PermissionRefused

# A key, a chain, a passphrase or an address; the largest sensible one is a few KiB.
SMALL_FILE_BYTES = 1024 * 1024
_CREDENTIAL = "credential:"


def read_private(path: Path) -> bytes:
    """Read a secret that no other user can read or change.

    A name `credential:NAME` means the systemd credential of that name (LoadCredential=), which
    lies in the folder that systemd gave to this process alone.

    Args:
        path: the file; a link is followed, and what it leads to is judged.

    Raises:
        PermissionRefused: others may read or write it, or it belongs to someone else; nothing
            was read. The text names file, mode and the command to run.
        ConfigError: it cannot be read at all.
    """
    place = _credential(path)
    try:
        with place.open("rb") as file:
            if place is path:  # systemd guards its credentials by a folder and an ACL of its own
                _check_owner(place, os.fstat(file.fileno()))
            return file.read(SMALL_FILE_BYTES)
    except OSError as error:
        raise unreadable(place, error) from error


def read_bounded(path: Path, limit: int = SMALL_FILE_BYTES) -> bytes:
    """Read a public file of at most `limit` bytes. Raises ConfigError: unreadable, too large."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            # `read` takes room for all that is asked for; what is no plain file has no size.
            most = min(limit, facts.st_size) if stat.S_ISREG(facts.st_mode) else limit
            data = file.read(most + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > limit:
        raise ConfigError(f"{path}: over {limit:,} bytes", f"{path}: quá {limit:,} byte")
    return data


def unreadable(path: Path, error: OSError) -> ConfigError:
    """The error of a file that cannot be read, in both languages."""
    known = {
        errno.ENOENT: "không có tệp này",
        errno.EACCES: "không có quyền đọc",
        errno.EISDIR: "là thư mục",
    }
    why = known.get(error.errno or 0, error.strerror or str(error))
    return ConfigError(
        f"{path}: cannot be read: {error.strerror or error}", f"{path}: không đọc được: {why}"
    )


def _credential(path: Path) -> Path:
    if not path.name.startswith(_CREDENTIAL):
        return path
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise ConfigError(
            f"{path.name}: this process was given no systemd credentials (LoadCredential=)",
            f"{path.name}: tiến trình này không có credential của systemd (LoadCredential=)",
        )
    return Path(folder) / path.name.removeprefix(_CREDENTIAL)


def _check_owner(path: Path, status: os.stat_result) -> None:
    real = path.resolve()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: is not a file", f"{path}: không phải là tệp")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise PermissionRefused(
            f"{real}: mode {mode:04o} lets other users reach it; run: chmod 600 {real}",
            f"{real}: quyền {mode:04o} cho người khác đọc hoặc ghi; chạy: chmod 600 {real}",
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionRefused(
            f"{real}: belongs to user {status.st_uid}, not to us; run: chown {os.geteuid()} {real}",
            f"{real}: thuộc người dùng {status.st_uid}; chạy: chown {os.geteuid()} {real}",
        )
