"""Whether a certificate may sign, at a time: anchors, path building, validity, purpose.

Owns the path (chuỗi chứng thư) from a signer's certificate to a trust anchor (chứng thư gốc tin
cậy). It reads no clock: the time is passed in. Revocation is judged elsewhere; an anchor only says
whether it is asked.

The path itself (signatures, names, validity, BasicConstraints, length, name constraints, critical
extensions) is built by `cryptography.x509.verification`, what it cannot build by `handmade`. Its
own leaf rules are those of web servers, so the leaf's are here: its key, its KeyUsage, its
purposes, and that it is no CA.

Problems, in the words of ETSI EN 319 102-1: NO_CERTIFICATE_CHAIN_FOUND,
CRYPTO_CONSTRAINTS_FAILURE (weak key), CHAIN_CONSTRAINTS_FAILURE (may not sign), NOT_YET_VALID,
OUT_OF_BOUNDS_NO_POE (expired).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from keys import handmade
from keys.algorithms import key_problem
from keys.certificates import Certificate, pem_blocks
from keys.errors import CertificateUnusable

Problem = Literal[
    "",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "OUT_OF_BOUNDS_NO_POE",
    "NOT_YET_VALID",
    "CHAIN_CONSTRAINTS_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
]
Revocation = Literal["off", "check", "required"]
Purpose = Literal["documents", "timestamps"]

PATH_LENGTH_MAX = 6  # CA certificates between leaf and anchor; the national chains have 1 or 2
OTHERS_MAX = 16  # certificates beside the leaf; ours, so that a stranger's heap costs nothing
_CACHE = 4096  # paths; an exchange of 1,000 organs uses about as many

TIME_STAMPING = "1.3.6.1.5.5.7.3.8"  # id-kp-timeStamping, RFC 3161

# What a document signer's ExtendedKeyUsage may say; one of them is enough.
SIGNING_PURPOSES = frozenset(
    {
        "2.5.29.37.0",  # anyExtendedKeyUsage, RFC 5280
        "1.3.6.1.5.5.7.3.4",  # emailProtection, RFC 5280
        "1.3.6.1.5.5.7.3.36",  # documentSigning, RFC 9336
        "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
        "1.2.840.113583.1.1.5",  # Adobe authentic documents trust
    }
)


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """Where a path ends.

    Args:
        certificate: a self-signed CA certificate.
        revocation: "required" when a path under it counts only with proof that nothing on it is
            revoked; "check" when proof is looked for, and a path without any counts; "off" when
            nothing is looked for. What is known to be revoked never counts.
    """

    certificate: Certificate
    revocation: Revocation = "off"


@dataclass(frozen=True, slots=True)
class Path:
    """What was found about a certificate at a time.

    Args:
        chain: leaf to anchor, () when no chain was found at any time tried.
        anchor: where it ends, None without a chain.
        problem: "" when the leaf may sign at the time asked.
        detail: an English sentence about the problem, "" when there is none.
        valid_from: first second at which the whole chain is valid, None without a chain.
        valid_until: last such second.
    """

    chain: tuple[Certificate, ...]
    anchor: TrustAnchor | None
    problem: Problem
    detail: str
    valid_from: datetime | None
    valid_until: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether every certificate of the chain is valid at a time."""
        return (
            self.valid_from is not None
            and self.valid_until is not None
            and self.valid_from <= at <= self.valid_until
        )


class Trust:
    """The trust anchors of a node or of an auditor.

    Judging is a function of its arguments; good paths are remembered, so that the next envelope
    of the same signer costs no signature check. May be shared by threads.

    Args:
        anchors: self-signed CA certificates; of two with the same bytes the first counts.
        ignored: what a file held beside them, for the person who gave it.
        purpose: what the leaf of a path has to be for.
    """

    def __init__(
        self,
        anchors: Sequence[TrustAnchor],
        ignored: Sequence[str] = (),
        purpose: Purpose = "documents",
    ) -> None:
        for anchor in anchors:
            problem = _unfit_anchor(anchor.certificate)
            if problem:
                raise CertificateUnusable(f"{anchor.certificate.subject}: {problem}")
        self.ignored = tuple(ignored)
        self._unfit = unfit_leaf if purpose == "documents" else unfit_authority
        self._anchors = {anchor.certificate: anchor for anchor in reversed(anchors)}
        self.anchors = tuple(reversed(self._anchors.values()))
        self._builder = _builder([anchor.certificate.x509 for anchor in self.anchors])
        self._authorities: Trust | None = None
        self._known: dict[tuple[str, ...], Path] = {}

    @classmethod
    def from_pem(cls, *files: bytes, revocation: Revocation = "off") -> Trust:
        """Take the self-signed CA certificates of PEM files as anchors.

        Whatever else the files hold (keys, issuing CAs, leaves) is left out and named in
        `ignored`: a folder that holds more than roots never trusts more than roots.

        Raises:
            CertificateUnusable: a file is not PEM or a certificate in it cannot be read, or there
                is no anchor at all.
        """
        anchors: list[TrustAnchor] = []
        ignored: list[str] = []
        for label, der in (block for data in files for block in pem_blocks(data)):
            if label != "CERTIFICATE":
                ignored.append(f"{label}: not a certificate")
                continue
            certificate = Certificate.from_der(der)
            problem = _unfit_anchor(certificate)
            if problem:
                ignored.append(f"{certificate.subject}: {problem}")
            else:
                anchors.append(TrustAnchor(certificate, revocation))
        if not anchors:
            found = "; ".join(ignored) or "nothing"
            raise CertificateUnusable(
                f"there is no trust anchor, a self-signed CA certificate; found {found}"
            )
        return cls(anchors, ignored)

    def for_timestamps(self) -> Trust:
        """The same anchors, for paths that begin with a timestamping authority."""
        return Trust(self.anchors, self.ignored, "timestamps")

    @property
    def authorities(self) -> Trust:
        """Anchors for timestamps: those of `with_authorities`, else these themselves."""
        if self._authorities is None:
            self._authorities = self.for_timestamps()
        return self._authorities

    def with_authorities(self, authorities: Trust) -> Trust:
        """The same anchors for documents, and those of another trust for timestamps."""
        both = Trust(self.anchors, self.ignored)
        both._authorities = authorities.for_timestamps()
        return both

    def path(self, leaf: Certificate, others: Sequence[Certificate], at: datetime) -> Path:
        """Judge whether a certificate may sign, for the purpose of this trust, at a time.

        Never raises for any certificate. A chain that is good except for the time is returned
        with its window, so that a later proof of time can settle it.

        Args:
            leaf: the signer's certificate.
            others: certificates that came with it, in any order; none of them is trusted.
            at: aware; what is smaller than a second is cut off, as certificates have none.

        Raises:
            ValueError: `at` has no time zone (a bug of the caller's).
        """
        if at.tzinfo is None:
            raise ValueError("the time of a path must be aware")
        at = at.astimezone(UTC).replace(microsecond=0)
        if len(others) > OTHERS_MAX:
            return _none(f"{len(others)} certificates beside the signer's; at most {OTHERS_MAX}")
        key = (leaf.fingerprint, *(other.fingerprint for other in others))
        known = self._known.get(key)
        if known is not None and known.covers(at):
            return known
        path = self._judge(leaf, others, at)
        if not path.problem:
            if len(self._known) >= _CACHE:
                self._known.clear()
            self._known[key] = path
        return path

    def chain(
        self, certificate: Certificate, others: Sequence[Certificate], at: datetime
    ) -> tuple[Certificate, ...]:
        """The path of a certificate of any purpose at a time, itself to anchor; () without one.

        For who signs evidence, not documents: what it may do is the caller's question.
        """
        if certificate in self._anchors:
            return (certificate,)
        at = at.astimezone(UTC).replace(microsecond=0)
        found = self._build(certificate, others[:OTHERS_MAX], at)
        if isinstance(found, str) or any(key_problem(one.public_key) for one in found):
            return ()
        return found

    def _judge(self, leaf: Certificate, others: Sequence[Certificate], at: datetime) -> Path:
        """Build the path at `at`, else at times at which it may have been valid."""
        refused = ""
        for moment in (at, *_other_moments(leaf, others)):
            found = self._build(leaf, others, moment)
            if isinstance(found, tuple):
                return self._describe(found, at)
            refused = refused or found
        return _none(refused)

    def _build(
        self, leaf: Certificate, others: Sequence[Certificate], moment: datetime
    ) -> tuple[Certificate, ...] | str:
        """The chain, leaf to anchor; or why there is none."""
        if self._builder is None:
            return "there are no trust anchors"
        # The library takes naive UTC in every version that has this module.
        verifier = self._builder.time(moment.replace(tzinfo=None)).build_client_verifier()
        try:
            verified = verifier.verify(leaf.x509, [other.x509 for other in others])
        except (VerificationError, ValueError) as error:
            anchors = tuple(self._anchors)
            found = handmade.build(leaf, others, anchors, moment, PATH_LENGTH_MAX)
            return found or str(error).partition(" (encountered processing")[0]
        by_x509 = {item.x509: item for item in (leaf, *others, *self._anchors)}
        return tuple(by_x509[item] for item in verified.chain)

    def _describe(self, chain: tuple[Certificate, ...], at: datetime) -> Path:
        problem, detail = _unfit_chain(chain, self._unfit)
        if not problem:
            problem, detail = _outside(chain, at)
        return Path(
            chain=chain,
            anchor=self._anchors[chain[-1]],
            problem=problem,
            detail=detail,
            valid_from=max(certificate.not_before for certificate in chain),
            valid_until=min(certificate.not_after for certificate in chain),
        )


def _none(detail: str) -> Path:
    return Path((), None, "NO_CERTIFICATE_CHAIN_FOUND", detail, None, None)


def _other_moments(leaf: Certificate, others: Sequence[Certificate]) -> tuple[datetime, ...]:
    """Times to ask when `at` gave no chain: it may only have been too early or too late."""
    latest_start = max(certificate.not_before for certificate in (leaf, *others))
    return (latest_start, leaf.not_after, leaf.not_before)


def _unfit_anchor(certificate: Certificate) -> str:
    if not certificate.is_ca:
        return "not a CA certificate"
    if not certificate.is_self_signed:
        return "not self-signed: the anchor is the root above it"
    return key_problem(certificate.public_key)


def _unfit_chain(
    chain: Sequence[Certificate], unfit_of: Callable[[Certificate], str]
) -> tuple[Problem, str]:
    """What is wrong with a chain at every time."""
    for certificate in chain:
        weakness = key_problem(certificate.public_key)
        if weakness:
            return "CRYPTO_CONSTRAINTS_FAILURE", f"{certificate.subject}: {weakness}"
    unfit = unfit_of(chain[0])
    return ("CHAIN_CONSTRAINTS_FAILURE", f"{chain[0].subject}: {unfit}") if unfit else ("", "")


def unfit_leaf(leaf: Certificate) -> str:
    """Why a certificate may not sign documents, whoever issued it.

    Source: RFC 5280, clauses 4.2.1.3 and 4.2.1.12. Ours: a CA signs certificates only.
    """
    if leaf.is_ca:
        return "a CA certificate does not sign documents"
    if not leaf.may_sign:
        return "its KeyUsage has neither digitalSignature nor nonRepudiation"
    if leaf.purposes is not None and not leaf.purposes & SIGNING_PURPOSES:
        return f"its purposes ({', '.join(sorted(leaf.purposes))}) are not signing documents"
    return ""


def unfit_authority(leaf: Certificate) -> str:
    """Why a certificate may not sign timestamp tokens, whoever issued it.

    Source: RFC 3161, clause 2.3: ExtendedKeyUsage is critical and names timeStamping alone.
    """
    if leaf.is_ca:
        return "a CA certificate does not sign timestamp tokens"
    if leaf.purposes != frozenset({TIME_STAMPING}):
        named = ", ".join(sorted(leaf.purposes or ())) or "none"
        return f"its purposes ({named}) are not timeStamping alone"
    if not leaf.x509.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical:
        return "its ExtendedKeyUsage is not critical"
    if not leaf.may_sign and _has_key_usage(leaf):
        return "its KeyUsage has neither digitalSignature nor nonRepudiation"
    return ""


def _has_key_usage(leaf: Certificate) -> bool:
    return any(isinstance(one.value, x509.KeyUsage) for one in leaf.x509.extensions)


def _outside(chain: Sequence[Certificate], at: datetime) -> tuple[Problem, str]:
    for certificate in chain:
        if at < certificate.not_before:
            return (
                "NOT_YET_VALID",
                f"{certificate.subject} is valid from {certificate.not_before.isoformat()}, "
                f"after {at.isoformat()}",
            )
        if at > certificate.not_after:
            return (
                "OUT_OF_BOUNDS_NO_POE",
                f"{certificate.subject} was valid until {certificate.not_after.isoformat()}, "
                f"before {at.isoformat()}, and nothing proves an earlier time",
            )
    return "", ""


def _builder(roots: list[x509.Certificate]) -> PolicyBuilder | None:
    if not roots:
        return None
    # A critical CertificatePolicies is allowed: we ask for no particular policy, so any will do.
    leaf = ExtensionPolicy.permit_all().may_be_present(
        x509.CertificatePolicies, Criticality.AGNOSTIC, None
    )
    authority = (
        leaf.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)  # cA: the library
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
        .may_be_present(x509.NameConstraints, Criticality.AGNOSTIC, _no_directory_names)
        .may_be_present(x509.PolicyConstraints, Criticality.AGNOSTIC, _no_explicit_policy)
    )
    return (
        PolicyBuilder()
        .store(Store(roots))
        .max_chain_depth(PATH_LENGTH_MAX)
        .extension_policies(ca_policy=authority, ee_policy=leaf)
    )


def _signs_certificates(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    # Source: RFC 5280, clause 6.1.4 (n): judged only where the extension is present.
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the issuer's KeyUsage does not allow it to sign certificates")


def _no_directory_names(
    _policy: Policy, _certificate: x509.Certificate, names: x509.NameConstraints | None
) -> None:
    """The library does not hold a subject against directoryName constraints, so none may pass."""
    trees = [] if names is None else [*(names.permitted_subtrees or ())]
    trees += [] if names is None else [*(names.excluded_subtrees or ())]
    if any(isinstance(tree, x509.DirectoryName) for tree in trees):
        raise ValueError("directoryName constraints of a CA cannot be checked")


def _no_explicit_policy(
    _policy: Policy, _certificate: x509.Certificate, limits: x509.PolicyConstraints | None
) -> None:
    """The library processes no policies, so a CA that asks for that, critical or not, cannot pass.
    Without such a demand a path is valid whatever its policies are."""
    if limits is not None and limits.require_explicit_policy is not None:
        raise ValueError("the policies that a CA requires cannot be checked")
