"""Our private keys and our trust anchors: opens the files, judges their modes, hands bytes to
`keys`. Knows the file system; knows nothing of signatures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from keys.certificates import Certificate
from keys.errors import KeysError
from keys.signer import Signer, SoftwareSigner, load_signer
from keys.trust import Trust, TrustAnchor

from ..core.errors import ConfigError, NotFound
from .files import read_bounded, read_private

TRUST_FILES_MAX = 1000  # files read from a trust folder; a national list has some dozens


class KeyFiles(Protocol):
    """Where the key of one organ lies: a row of the config."""

    @property
    def key(self) -> Path: ...
    @property
    def chain(self) -> Path: ...
    @property
    def key_passphrase_file(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class FileKeyring:
    """The signers of our organs, all opened at the start; implements core.ports.Keyring."""

    signers: Mapping[str, Signer]

    @classmethod
    def load(cls, organs: Mapping[str, KeyFiles], at: datetime) -> FileKeyring:
        """Open the key of every organ.

        Raises:
            PermissionRefused: a key file can be read or written by others; nothing is loaded.
            ConfigError: a key or chain cannot be used; the text names file and reason.
        """
        return cls({organ: open_signer(files, at) for organ, files in organs.items()})

    def signer(self, organ_id: str) -> Signer:
        """The signer of an organ of ours. Raises NotFound when we do not serve it."""
        try:
            return self.signers[organ_id]
        except KeyError:
            raise NotFound(
                f"this node does not serve {organ_id}", f"nút này không phục vụ {organ_id}"
            ) from None


@dataclass(frozen=True, slots=True)
class PemFiles:
    """A key and its chain named on the command line."""

    key: Path
    chain: Path
    key_passphrase_file: Path | None = None


def open_signer(files: KeyFiles, at: datetime) -> SoftwareSigner:
    """Open a PEM key with its chain, after judging who can reach the key file.

    Args:
        files: key, chain (leaf first) and perhaps a file whose first line is the passphrase.
        at: aware; the certificate must still be valid then.

    Raises:
        PermissionRefused: others can read or write the key or the passphrase.
        ConfigError: unreadable, does not fit, too weak, or its certificate is over.
    """
    passphrase = None
    if files.key_passphrase_file is not None:
        passphrase = read_private(files.key_passphrase_file).split(b"\n", 1)[0].rstrip(b"\r")
    key = read_private(files.key)
    chain = read_bounded(files.chain)
    try:
        signer = load_signer(key, chain, passphrase=passphrase)
    except KeysError as error:
        raise ConfigError(
            f"{files.key} with {files.chain}: {error}", f"{files.key} cùng {files.chain}: {error}"
        ) from error
    leaf = signer.chain[0]
    if leaf.not_after <= at:
        raise ConfigError(
            f"{files.chain}: the certificate was valid until {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "get a new one",
            f"{files.chain}: chứng thư đã hết hạn {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "phải xin chứng thư mới",
        )
    return signer


def load_trust(path: Path) -> tuple[Trust, Sequence[str]]:
    """Read trust anchors: a PEM file, or every file directly inside a folder.

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
            trust = Trust.from_pem(read_bounded(file))
        except (KeysError, ConfigError) as error:
            if file == path:
                raise ConfigError(f"{file}: {error}") from error
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


def is_demo(certificate: Certificate) -> bool:
    """Whether a certificate is of a demo CA, as its name says: good for trying out only."""
    return "DEMO" in certificate.subject


def _trust_files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file())
    if len(files) > TRUST_FILES_MAX:
        raise ConfigError(f"{path}: holds {len(files)} files; at most {TRUST_FILES_MAX}")
    return files
