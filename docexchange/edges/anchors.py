"""Our trust anchors: reads the files that hold them. Without a private key in sight: auditors need
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keys.errors import KeysError
from keys.trust import Revocation, Trust, TrustAnchor

from ..core.errors import ConfigError
from .files import read_bounded

TRUST_FILES_MAX = 1000  # files read from a trust folder; a national list has some dozens


def load_trust(path: Path, revocation: Revocation = "off") -> tuple[Trust, Sequence[str]]:
    """Read trust anchors: a PEM file, or every file directly inside a folder.

    Args:
        path: the file or folder.
        revocation: what all of them ask of revocation.

    Returns:
        The anchors, which are self-signed CA certificates only, and what was left out (keys,
        other certificates, unreadable files), each named with its file.

    Raises:
        ConfigError: nothing is there, or no anchor is among it.
    """
    files = _trust_files(path)
    anchors: list[TrustAnchor] = []
    ignored: list[str] = []
    for file in files:
        try:
            trust = Trust.from_pem(read_bounded(file), revocation=revocation)
        except (KeysError, ConfigError) as error:
            if file == path:
                raise ConfigError(f"{file}: {error}", f"{file}: {error.vi}") from error
            ignored.append(f"{file.name}: {error}")
            continue
        anchors.extend(trust.anchors)
        ignored.extend(f"{file.name}: {one}" for one in trust.ignored)
    if not anchors:
        raise ConfigError(
            f"{path}: holds no trust anchor (a self-signed CA certificate in PEM)",
            f"{path}: không có chứng thư gốc tin cậy nào (CA tự ký, dạng PEM)",
        )
    return Trust(anchors), tuple(ignored)


def _trust_files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file())
    if len(files) > TRUST_FILES_MAX:
        raise ConfigError(f"{path}: holds {len(files)} files; at most {TRUST_FILES_MAX}")
    return files
