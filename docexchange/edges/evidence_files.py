"""Revocation evidence that a person gives as files: CRLs, OCSP answers, certificates of signers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keys.crl import CRL_BYTES_MAX
from keys.errors import EvidenceUnusable
from keys.evidence_file import Item, read_item

from ..core.errors import ConfigError
from .files import read_bounded

FILES_MAX: Final = 10_000  # read from one folder; a national CA has some dozens of lists


def read_evidence(path: Path) -> tuple[Item, bytes]:
    """One file of evidence: what it is, and its bytes.

    Raises:
        ConfigError: it cannot be read, or it is none; the text names the file and says why.
    """
    data = read_bounded(path, CRL_BYTES_MAX)
    try:
        return read_item(data)[0], data
    except EvidenceUnusable as error:
        hint = ", as a page of a web site is" if _is_page(data) else ""
        hint_vi = ", giống như một trang web" if hint else ""
        raise ConfigError(
            f"{path}: neither a CRL (DER, PEM) nor an OCSP answer (DER){hint}: {error}",
            f"{path}: không phải CRL (DER, PEM) hay trả lời OCSP (DER){hint_vi}: {error.vi}",
        ) from error


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence: where it lay, what it is, its bytes."""

    path: Path
    item: Item
    data: bytes = field(repr=False)


def find_evidence(paths: Sequence[Path]) -> tuple[tuple[EvidenceFile, ...], tuple[str, ...]]:
    """Every file given, and every file directly inside a folder given.

    Returns:
        The evidence, and what was left out of folders, each with its file and reason.

    Raises:
        ConfigError: a file given by name is no evidence, or a folder holds too much.
    """
    found: list[EvidenceFile] = []
    ignored: list[str] = []
    for path in paths:
        for file in _files(path):
            try:
                found.append(EvidenceFile(file, *read_evidence(file)))
            except ConfigError as error:
                if file == path:
                    raise
                ignored.append(str(error))
    return tuple(found), tuple(ignored)


def load_evidence(paths: Sequence[Path]) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """The bytes of what `find_evidence` finds, and what was left out. Raises as it."""
    found, ignored = find_evidence(paths)
    return tuple(one.data for one in found), ignored


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file())
    if len(files) > FILES_MAX:
        raise ConfigError(f"{path}: holds {len(files)} files; at most {FILES_MAX}")
    return files


def _is_page(data: bytes) -> bool:
    return data[:1000].lstrip()[:1] == b"<"
