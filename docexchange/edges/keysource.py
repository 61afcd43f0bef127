"""Where a key lies: a PEM file, a PKCS#12 file or a token. Rows of the config; no secret in them.

`Secret` names the place of a passphrase or PIN and reads it when it is needed; what it read is
handed on and kept nowhere here, so nothing of this module can print it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..core.errors import ConfigError
from .files import read_private

SESSIONS = 4  # in hand at once on a token; two cores sign no faster through more


@dataclass(frozen=True, slots=True)
class Secret:
    """The place of a passphrase or a PIN.

    Args:
        file: private file whose first line it is, or None.
        variable: name of an environment variable, "" for none; the file goes first.
    """

    file: Path | None = None
    variable: str = ""

    def read(self) -> bytes | None:
        """The secret, read now; None when no place is named.

        Raises:
            PermissionRefused: others can read the file.
            ConfigError: the file cannot be read, the variable is not set, or it is empty.
        """
        if self.file is not None:
            secret = read_private(self.file).split(b"\n", 1)[0].rstrip(b"\r")
            return _filled(secret, str(self.file))
        if self.variable:
            return _filled(os.environ.get(self.variable, "").encode(), f"${self.variable}")
        return None


@dataclass(frozen=True, slots=True)
class PemKey:
    """A PEM key file and its chain.

    Args:
        key: private key, readable by us alone.
        chain: certificates, leaf first.
        passphrase: of the key.
        algorithm: name in `keys.algorithms`, "" for the usual one of the key.
    """

    key: Path
    chain: Path
    passphrase: Secret = Secret()
    algorithm: str = ""

    @property
    def where(self) -> str:
        """For messages: the file a person looks at."""
        return str(self.chain)


@dataclass(frozen=True, slots=True)
class Pkcs12Key:
    """A PKCS#12 file: key and certificates in one.

    Args:
        file: .p12 or .pfx, readable by us alone.
        chain: certificates to take instead of those inside, or None.
        passphrase, algorithm: as for `PemKey`.
    """

    file: Path
    chain: Path | None = None
    passphrase: Secret = Secret()
    algorithm: str = ""

    @property
    def where(self) -> str:
        """For messages."""
        return str(self.chain or self.file)


@dataclass(frozen=True, slots=True)
class TokenSource:
    """A key on a PKCS#11 token or HSM.

    Args:
        module: shared library of its maker.
        pin: of the user.
        token: label of the token, "" when `slot` names it.
        slot: number of the slot, None when `token` names it.
        key: label of the private key, "" when `key_id` names it.
        key_id: its CKA_ID, hex, or "".
        chain: PEM file of its certificates, None when they are on the token.
        sessions: how many signatures are in hand at once.
        algorithm: as for `PemKey`.
    """

    module: Path
    pin: Secret
    token: str = ""
    slot: int | None = None
    key: str = ""
    key_id: str = ""
    chain: Path | None = None
    sessions: int = SESSIONS
    algorithm: str = ""

    @property
    def where(self) -> str:
        """For messages: token and key, as the operator named them."""
        place = f"token {self.token!r}" if self.token else f"slot {self.slot}"
        return f"{self.module}, {place}, key {self.key or self.key_id!r}"


KeySource: TypeAlias = PemKey | Pkcs12Key | TokenSource


def _filled(secret: bytes, where: str) -> bytes:
    if not secret:
        raise ConfigError(
            f"{where}: is empty or not set; it must hold the passphrase or PIN",
            f"{where}: trống hoặc chưa đặt; phải có mật khẩu hoặc mã PIN",
        )
    return secret
