"""How much room the file system of the store has."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.admission import Disk


def measure(path: Path) -> Disk:
    """Room where a file or folder lies, bytes; what only root may use is not free."""
    found = os.statvfs(path)
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)
