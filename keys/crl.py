"""A certificate revocation list (danh sách chứng thư bị thu hồi), read once and then asked.

Owns what one CRL says and may say: its scope, its times, its signature, and the entry of a serial
number. A list of 20,000 entries is parsed and indexed when it is read; asking it afterwards is a
dictionary look-up. Whose list may be asked about a certificate is for `keys.revocation`.

Not supported, and said so in `Crl.unsupported`: indirect CRLs, lists of attribute certificates,
critical extensions that this code does not know. Such a list proves nothing.

Source: RFC 5280, clauses 5 and 6.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from keys.algorithms import key_problem
from keys.certificates import Certificate, spki
from keys.errors import EvidenceUnusable
from keys.handmade import DIGESTS

CRL_BYTES_MAX: Final = 32 * 1024 * 1024  # bytes; about 900,000 entries, several times a nation's
EVERY_REASON: Final = frozenset(x509.ReasonFlags) - {
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.remove_from_crl,
}
_KNOWN: Final = frozenset(
    {
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.DELTA_CRL_INDICATOR,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
    }
)
_KNOWN_OF_ENTRIES: Final = frozenset(
    {CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate.

    Args:
        revoked_at: when it was revoked, aware; with an invalidity date the earlier of the two.
        reason: as `keyCompromise`, "" when the list names none.
    """

    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list speaks of (IssuingDistributionPoint); the default is everything.

    Args:
        names: URIs and directory names of its distribution point, empty when it has none.
        users, authorities: whether it speaks of end entities, of CAs.
        reasons: for which reasons it lists certificates.
    """

    names: frozenset[x509.GeneralName] = frozenset()
    users: bool = True
    authorities: bool = True
    reasons: frozenset[x509.ReasonFlags] = EVERY_REASON


@dataclass(frozen=True)
class Crl:
    """A list, made by `Crl.from_der`; whether its signature is right is asked with `signed_by`.

    Args:
        sha256: hex digest of its exact bytes.
        issuer: name of who signed it.
        this_update, next_update: aware; `next_update` None when it promises no next list.
        scope: what it speaks of.
        is_delta: it lists changes since another list only.
        unsupported: why it proves nothing, "" when it may.
    """

    sha256: str
    issuer: x509.Name
    this_update: datetime
    next_update: datetime | None
    scope: Scope
    is_delta: bool
    unsupported: str
    parsed: x509.CertificateRevocationList = field(repr=False, compare=False)
    _entries: dict[int, Entry] = field(repr=False, compare=False)
    _signers: dict[bytes, bool] = field(repr=False, compare=False, default_factory=dict)

    @staticmethod
    def from_der(der: bytes) -> Crl:
        """Read and index a list.

        Raises:
            EvidenceUnusable: too large, or not a readable CRL.
        """
        if len(der) > CRL_BYTES_MAX:
            raise EvidenceUnusable(
                f"a CRL of {len(der)} bytes; at most {CRL_BYTES_MAX} are read",
                f"CRL dài {len(der)} byte; chỉ đọc tối đa {CRL_BYTES_MAX}",
            )
        try:
            return _read(der)
        except (
            UserWarning,
            ValueError,
            TypeError,
            KeyError,
            OverflowError,
            UnsupportedAlgorithm,
            x509.DuplicateExtension,
            x509.InvalidVersion,
            x509.UnsupportedGeneralNameType,
        ) as error:
            raise EvidenceUnusable(
                f"not a readable CRL: {error}", f"không đọc được CRL: {error}"
            ) from error

    def __len__(self) -> int:
        """Entries."""
        return len(self._entries)

    def find(self, serial: int) -> Entry | None:
        """The entry of a serial number: one dictionary look-up."""
        return self._entries.get(serial)

    def signed_by(self, signer: Certificate) -> bool:
        """Whether the key of `signer` made its signature; asked once per key.

        Weak keys and digests count as no signature. Says nothing of whether the signer may.
        """
        key = spki(signer.public_key)
        known = self._signers.get(key)
        if known is None:
            known = self._signers[key] = self._check(signer)
        return known

    def _check(self, signer: Certificate) -> bool:
        try:
            digest = self.parsed.signature_hash_algorithm
            if digest is None or digest.name not in DIGESTS or key_problem(signer.public_key):
                return False
            return self.parsed.is_signature_valid(signer.public_key)  # type: ignore[arg-type]
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False


def _read(der: bytes) -> Crl:
    parsed = x509.load_der_x509_crl(der)
    unsupported = next(
        (
            f"its critical extension {one.oid.dotted_string} is not known"
            for one in parsed.extensions
            if one.critical and one.oid not in _KNOWN
        ),
        "",
    )
    scope, of_scope = _scope(parsed)
    entries, of_entries = _index(parsed)
    return Crl(
        sha256=hashlib.sha256(der).hexdigest(),
        issuer=parsed.issuer,
        this_update=parsed.last_update_utc,
        next_update=parsed.next_update_utc,
        scope=scope,
        is_delta=_has(parsed, x509.DeltaCRLIndicator),
        unsupported=unsupported or of_scope or of_entries,
        parsed=parsed,
        _entries=entries,
    )


def _has(parsed: x509.CertificateRevocationList, kind: type[x509.ExtensionType]) -> bool:
    return any(isinstance(one.value, kind) for one in parsed.extensions)


def _scope(parsed: x509.CertificateRevocationList) -> tuple[Scope, str]:
    try:
        point = parsed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return Scope(), ""
    if point.indirect_crl:
        return Scope(), "it is an indirect CRL"
    if point.only_contains_attribute_certs:
        return Scope(), "it speaks of attribute certificates only"
    return Scope(
        names=full_names(point.full_name, point.relative_name, parsed.issuer),
        users=not point.only_contains_ca_certs,
        authorities=not point.only_contains_user_certs,
        reasons=EVERY_REASON
        if point.only_some_reasons is None
        else frozenset(point.only_some_reasons) & EVERY_REASON,
    ), ""


def full_names(
    full: list[x509.GeneralName] | None,
    relative: x509.RelativeDistinguishedName | None,
    issuer: x509.Name,
) -> frozenset[x509.GeneralName]:
    """The names of a distribution point; a relative one is completed with its issuer's name."""
    if relative is not None:
        return frozenset({x509.DirectoryName(x509.Name([*issuer.rdns, relative]))})
    return frozenset(full or ())


def _index(parsed: x509.CertificateRevocationList) -> tuple[dict[int, Entry], str]:
    """Entries by serial number; of two with the same number the earlier revocation counts."""
    found: dict[int, Entry] = {}
    for item in parsed:
        reason, at = "", item.revocation_date_utc
        for extension in item.extensions:
            if isinstance(extension.value, x509.CRLReason):
                reason = extension.value.reason.value
            elif isinstance(extension.value, x509.InvalidityDate):
                at = min(at, extension.value.invalidity_date_utc)
            elif extension.critical and extension.oid not in _KNOWN_OF_ENTRIES:
                return {}, f"an entry has the critical extension {extension.oid.dotted_string}"
        earlier = found.get(item.serial_number)
        if earlier is None or at < earlier.revoked_at:
            found[item.serial_number] = Entry(at, reason)
    return found, ""
