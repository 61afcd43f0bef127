"""The certificates of keys that are elsewhere: read from files; there is no secret in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from keys.errors import KeysError
from keys.remote import RemoteKey, load_remote_key

from ..core.errors import ConfigError
from .files import read_bounded


class RemoteFile(Protocol):
    """Where the certificates of an organ's remote key lie, None when it has none: a row of the
    config."""

    @property
    def document_chain(self) -> Path | None: ...


def load_remote(organs: Mapping[str, RemoteFile], at: datetime) -> Mapping[str, RemoteKey]:
    """The remote keys of those organs that have one. Raises ConfigError as `read_remote`."""
    chains = {organ: files.document_chain for organ, files in organs.items()}
    return {organ: read_remote(chain, at) for organ, chain in chains.items() if chain is not None}


def read_remote(chain: Path, at: datetime, algorithm: str = "") -> RemoteKey:
    """Read the certificates of one remote key.

    Args:
        chain: PEM file, leaf first.
        at: aware; the certificate must still be valid then.
        algorithm: its name in keys.algorithms, "" for the usual one of the key.

    Raises:
        ConfigError: unreadable, out of order, too weak, or the certificate is over.
    """
    try:
        key = load_remote_key(read_bounded(chain), algorithm)
    except KeysError as error:
        raise ConfigError(f"{chain}: {error}", f"{chain}: {error.vi}") from error
    leaf = key.chain[0]
    if leaf.not_after <= at:
        raise ConfigError(
            f"{chain}: the certificate was valid until {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "get a new one",
            f"{chain}: chứng thư đã hết hạn {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "phải xin chứng thư mới",
        )
    return key
