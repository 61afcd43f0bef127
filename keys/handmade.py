"""Paths that cryptography's verifier cannot build, built by hand under the same rules.

It compares names as bytes, and counts self-issued certificates (a CA that certifies its own new
key) against a path length. Where a path needs one of these two, and only there, it is built here;
whatever else the verifier refused stays refused. Constraints on names or policies are refused, as
nothing here checks them.

Source: RFC 5280, clauses 6.1.3 to 6.1.5 and 7.1. `tests/keys/test_pkits.py` holds it against PKITS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID

from keys.algorithms import key_problem
from keys.certificates import Certificate
from keys.names import same

DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})
_STEPS_MAX = 64  # signatures checked for one path; a chain of strangers may not cost more
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,  # we ask for no particular policy: any will do
    }
)


def build(
    leaf: Certificate,
    others: Sequence[Certificate],
    anchors: Sequence[Certificate],
    at: datetime,
    most: int,
) -> tuple[Certificate, ...]:
    """The path of a certificate to an anchor, itself first; () when there is none.

    Args:
        leaf: whose path; what it may be used for is the caller's question.
        others: certificates that came with it; none of them is trusted.
        anchors: where a path may end.
        at: the time at which every certificate must be valid, aware.
        most: CA certificates between leaf and anchor, at most.
    """
    if not _usable(leaf, at):
        return ()
    usable = [one for one in (*anchors, *others) if _may_issue(one, at)]
    search = _Search(frozenset(anchors), usable, most)
    found = next(search.above((leaf,), 0), ())
    return found if any(_needs_us(*pair) for pair in pairwise(found)) else ()


class _Search:
    """One search, depth first, with a bound on what it costs."""

    def __init__(
        self, anchors: frozenset[Certificate], usable: Sequence[Certificate], most: int
    ) -> None:
        self._anchors = anchors
        self._usable = usable
        self._most = most
        self._steps = _STEPS_MAX

    def above(
        self, chain: tuple[Certificate, ...], between: int
    ) -> Iterator[tuple[Certificate, ...]]:
        """Every path that goes on from a chain; `between` counts its CAs that are not self-issued,
        its last certificate not included."""
        last = chain[-1]
        below = between + (len(chain) > 1 and not is_self_issued(last))
        for issuer in self._usable:
            if issuer in chain or not same(issuer.x509.subject, last.x509.issuer):
                continue
            if below > _path_length(issuer) or self._steps <= 0:
                continue
            self._steps -= 1
            if not _signed(last, issuer):
                continue
            if issuer in self._anchors:
                yield (*chain, issuer)
            elif len(chain) <= self._most:
                yield from self.above((*chain, issuer), below)


def is_self_issued(certificate: Certificate) -> bool:
    """Whether issuer and subject are the same name, whatever key signed it."""
    return same(certificate.x509.subject, certificate.x509.issuer)


def _needs_us(certificate: Certificate, issuer: Certificate) -> bool:
    return (
        certificate.x509.issuer.public_bytes() != issuer.x509.subject.public_bytes()
        or is_self_issued(certificate)
    )


def _usable(certificate: Certificate, at: datetime) -> bool:
    """Whether it is valid then, its key is strong enough, and nothing critical in it is unknown."""
    return (
        certificate.not_before <= at <= certificate.not_after
        and not key_problem(certificate.public_key)
        and all(one.oid in _UNDERSTOOD for one in certificate.x509.extensions if one.critical)
    )


def _may_issue(authority: Certificate, at: datetime) -> bool:
    if not authority.is_ca or not _usable(authority, at):
        return False
    for extension in authority.x509.extensions:
        if isinstance(extension.value, x509.KeyUsage) and not extension.value.key_cert_sign:
            return False
        if isinstance(extension.value, x509.NameConstraints | x509.PolicyConstraints):
            return False
    return True


def _path_length(authority: Certificate) -> float:
    for extension in authority.x509.extensions:
        if isinstance(extension.value, x509.BasicConstraints):
            length = extension.value.path_length
            return float("inf") if length is None else length
    return -1


def _signed(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the key of `issuer` made its signature, over a digest that counts."""
    given, key = certificate.x509, issuer.public_key
    value, data = given.signature, given.tbs_certificate_bytes
    try:
        digest, how = given.signature_hash_algorithm, given.signature_algorithm_parameters
        if digest is None or digest.name not in DIGESTS:
            return False
        if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
            key.verify(value, data, how, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            key.verify(value, data, how)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
