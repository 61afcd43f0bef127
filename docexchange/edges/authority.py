"""Whose directory a node believes: with an authority configured, only one that it signed, and none
that is older than one that was served.

The signature lies beside the directory (directory.toml.sig) and can be checked without us:

    openssl x509 -in authority.pem -pubkey -noout > authority.pub
    openssl dgst -sha256 -verify authority.pub -signature directory.toml.sig directory.toml
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from keys.certificates import Certificate, load_pem
from keys.detached import DETACHED_MAX, verify_detached
from keys.errors import KeysError

from ..core.errors import ConfigError
from ..core.ports import Taken
from .directory import DIRECTORY_BYTES, TomlDirectory
from .files import read_bounded
from .tomlfile import TomlFile

PEM_MAX = 1024 * 1024  # bytes


def signature_of(directory: Path) -> Path:
    """Where the signature of a directory lies."""
    return directory.with_name(directory.name + ".sig")


def load_directory(path: Path, authority: Path | None, now: datetime) -> TomlDirectory:
    """Read the directory of a node.

    Args:
        path: its file.
        authority: certificates of who may sign it; None when nobody has to.
        now: aware; such a certificate has to be valid then.

    Raises:
        FileError, ConfigError: it cannot be read, or it is not one that the authority signed.
    """
    if authority is None:
        return TomlDirectory.load(path)
    return load_signed(path, authority, now)[0]


def load_signed(path: Path, authority: Path, now: datetime) -> tuple[TomlDirectory, Certificate]:
    """Read a directory that has to be signed, and say with which certificate it was.

    Raises:
        FileError, ConfigError: as `load_directory`.
    """
    data = read_bounded(path, DIRECTORY_BYTES)
    signer = _signer_of(path, data, authority, now)
    directory = TomlDirectory(TomlFile(path, data), hashlib.sha256(data).hexdigest())
    if directory.number is None:
        raise ConfigError(
            f"{path}: it has no number: an older one could be put in its place",
            f"{path}: thiếu number, nên có thể bị thay bằng bản cũ",
        )
    return directory, signer


def _signer_of(path: Path, data: bytes, authority: Path, now: datetime) -> Certificate:
    """Whose signature lies beside a directory.

    Raises:
        ConfigError: there is none, or of nobody that the authority names, or of a certificate that
            is not valid now.
    """
    try:
        certificates = load_pem(read_bounded(authority, PEM_MAX))
    except KeysError as error:
        raise ConfigError(f"{authority}: {error}", f"{authority}: {error.vi}") from error
    beside = signature_of(path)
    if not beside.exists():
        raise ConfigError(
            f"{path}: its signature {beside.name} is missing beside it; {authority} has to "
            "sign it (`docexchange directory sign`)",
            f"{path}: thiếu chữ ký {beside.name} bên cạnh; {authority} phải ký "
            "(`docexchange directory sign`)",
        )
    signature = read_bounded(beside, DETACHED_MAX)
    signers = [one for one in certificates if verify_detached(one, signature, data)]
    if not signers:
        raise ConfigError(
            f"{path}: {beside.name} is no signature of {authority} over it: it was changed, or "
            "somebody else signed",
            f"{path}: {beside.name} không phải chữ ký của {authority}: tệp bị sửa, hoặc người khác "
            "ký",
        )
    # a renewed certificate may have the key of the one before
    found = max(signers, key=lambda one: (one.not_before <= now, one.not_after))
    if not found.not_before <= now <= found.not_after:
        until = f"{found.not_before:%Y-%m-%d}..{found.not_after:%Y-%m-%d}"
        raise ConfigError(
            f"{path}: {found.subject} signed it, whose certificate is valid {until} only",
            f"{path}: {found.subject} ký, nhưng chứng thư chỉ có hiệu lực {until}",
        )
    return found


def refuse_older(path: Path, directory: TomlDirectory, last: Taken | None) -> None:
    """Refuse a directory that is older than the last one served, or another of the same number.

    Raises:
        ConfigError: it is.
    """
    if directory.number is None or last is None or directory.number > last.number:
        return
    if directory.number == last.number and directory.sha256 == last.sha256:
        return
    older = directory.number < last.number
    when = f"{last.taken_at:%Y-%m-%d}"
    raise ConfigError(
        f"{path}: number {directory.number} is older than {last.number}, served since {when}"
        if older
        else f"{path}: another directory with number {last.number} is served since {when}",
        f"{path}: số {directory.number} cũ hơn số {last.number} đã dùng từ {when}"
        if older
        else f"{path}: đã dùng một danh mục khác cũng mang số {last.number} từ {when}",
    )
