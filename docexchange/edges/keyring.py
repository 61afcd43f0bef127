"""Our private keys: opens the files and tokens, judges file modes, hands bytes to `keys`. Knows
the file system; knows nothing of signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from keys.algorithms import choice
from keys.certificates import Certificate, load_pem
from keys.chain import order, require_fit, without_root
from keys.errors import KeysError
from keys.private import open_pkcs12
from keys.signer import (
    Signer,
    load_pkcs12_signer,
    load_signer,
    require_signs,
)
from keys.token import TokenSigner

from ..core.errors import ConfigError, Deferred, NotFound
from .files import read_bounded, read_private
from .keysource import KeySource, PemKey, Pkcs12Key, TokenSource
from .tokenpool import TokenUnusable


@dataclass(frozen=True, slots=True)
class OrganKeyring:
    """The signers of our organs, all opened at the start; implements core.ports.Keyring."""

    signers: Mapping[str, Signer]

    @classmethod
    def load(cls, organs: Mapping[str, KeySource], at: datetime) -> OrganKeyring:
        """Open the key of every organ.

        Raises:
            PermissionRefused: a key file can be read or written by others; nothing is loaded.
            ConfigError: a key or chain cannot be used; the text names place and reason.
            Deferred: a token is away.
        """
        return cls({organ: open_signer(source, at) for organ, source in organs.items()})

    def signer(self, organ_id: str) -> Signer:
        """The signer of an organ of ours. Raises NotFound when we do not serve it."""
        try:
            return self.signers[organ_id]
        except KeyError:
            raise NotFound(
                f"this node does not serve {organ_id}", f"nút này không phục vụ {organ_id}"
            ) from None


def open_signer(source: KeySource, at: datetime | None) -> Signer:
    """Open a key with its chain, after judging who can reach the files that hold secrets.

    A key on a token has signed something worthless when this returns: nothing else shows that it
    is the certificate's.

    Args:
        source: where the key lies.
        at: aware; the certificate must still be valid then. None: of whatever age.

    Raises:
        PermissionRefused: others can read or write the key, the passphrase or the PIN.
        ConfigError: unreadable, does not fit, too weak, or its certificate is over; or a token
            refuses us (a PIN is never tried twice).
        Deferred: the token is away.
    """
    try:
        signer = _open(source)
    except KeysError as error:
        where = _named(source)
        raise ConfigError(f"{where[0]}: {error}", f"{where[1]}: {error.vi}") from error
    leaf = signer.chain[0]
    if at is not None and leaf.not_after <= at:
        raise ConfigError(
            f"{source.where}: the certificate was valid until {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "get a new one",
            f"{source.where}: chứng thư đã hết hạn {leaf.not_after:%Y-%m-%d %H:%MZ}; "
            "phải xin chứng thư mới",
        )
    return signer


def read_chain(source: KeySource) -> tuple[Certificate, ...]:
    """The certificates of a key, leaf first, of whatever age; the key is opened only where they
    lie behind it.

    Raises:
        PermissionRefused, ConfigError, Deferred: as `open_signer`.
    """
    try:
        if source.chain is not None:
            return without_root(load_pem(read_bounded(source.chain)))
        if isinstance(source, Pkcs12Key):
            opened = open_pkcs12(read_private(source.file), source.passphrase.read())
            return order(opened.key.public_key(), opened.certificates)
        return _open(source).chain
    except KeysError as error:
        raise ConfigError(f"{source.where}: {error}", f"{source.where}: {error.vi}") from error


def _open(source: KeySource) -> Signer:
    match source:
        case PemKey():
            passphrase = source.passphrase.read()
            key = read_private(source.key)
            chain = read_bounded(source.chain)
            return load_signer(key, chain, passphrase=passphrase, algorithm=source.algorithm)
        case Pkcs12Key():
            return load_pkcs12_signer(
                read_private(source.file),
                passphrase=source.passphrase.read(),
                chain_pem=read_bounded(source.chain) if source.chain else None,
                algorithm=source.algorithm,
            )
        case TokenSource():
            return _open_token(source)


def _open_token(source: TokenSource) -> Signer:
    from .token import open_pool

    chain = load_pem(read_bounded(source.chain)) if source.chain else ()
    pool, on_token = open_pool(source)
    if not chain and not on_token:
        raise ConfigError(
            f"{source.where}: the token holds no certificate with the key's id; give chain = FILE",
            f"{source.where}: token không có chứng thư cùng id với khoá; hãy ghi chain = TỆP",
        )
    leaf = (chain or on_token)[0]
    chain = without_root(chain) if chain else order(leaf.public_key, on_token)
    require_fit(leaf.public_key, chain)
    signer = TokenSigner(chain, choice(leaf, source.algorithm), pool)
    try:
        require_signs(signer)
    except Deferred as deferred:
        refusal = deferred.__cause__
        if isinstance(refusal, TokenUnusable):  # at the start it is told as what it is
            raise refusal from deferred
        raise
    return signer


def _named(source: KeySource) -> tuple[str, str]:
    if isinstance(source, PemKey):
        return f"{source.key} with {source.chain}", f"{source.key} cùng {source.chain}"
    return source.where, source.where


def is_demo(certificate: Certificate) -> bool:
    """Whether a certificate is of a demo CA, as its name says: good for trying out only."""
    return "DEMO" in certificate.subject
