"""A file that only its owner may touch: keys, passphrases, addresses that hold a password.

The mode is judged on the opened file, so that nothing can change between the look and the read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..core.errors import ConfigError, PermissionRefused

# A key, a chain, a passphrase or an address; the largest sensible one is a few KiB.
PRIVATE_FILE_BYTES = 1024 * 1024
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
            return file.read(PRIVATE_FILE_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{place}: cannot be read: {error.strerror}",
            f"{place}: không đọc được: {error.strerror}",
        ) from error


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
