"""Steps 3 to 9 of `verify`: a signature that was read, against digests, keys, anchors and time.

Each step is a function from facts to one `Check`; `judge` asks them in order and knows which
step needs which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from keys import algorithms
from keys.algorithms import DigestAlgorithm
from keys.certificates import Certificate
from keys.errors import CertificateUnusable
from keys.revocation import Evidence, Finding
from keys.trust import Path, Trust

from . import dsig, revoked
from .evidence import stamp
from .legacy import Legacy
from .report import Check, SignerSummary
from .shape import ALGORITHMS_STEP, Fault
from .wording import REASONS, Result

DETAIL_MAX: Final = 400  # characters; what an envelope says of itself may be as long as it is


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope taken apart.

    Args:
        digest: base64 digest of the exclusive C14N of the envelope without the signature.
        signature: its values, None if there is none in our form.
        fault: the first thing wrong with the structure, None if nothing.
        legacy: what is true of a signature of the old template, None if it is another.
    """

    digest: Callable[[DigestAlgorithm], str]
    signature: dsig.Signature | None
    fault: Fault | None
    legacy: Legacy | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Checks 2 to 9, and what the later steps need of them; `proven_at` is when the signature
    is proven to have existed."""

    checks: tuple[Check, ...]
    signer: SignerSummary | None = None
    path: Path | None = None
    revocation: tuple[Finding, ...] = ()
    proven_at: datetime | None = None


def problem(step: int, reason: str, detail: str = "") -> Check:
    """A check that did not pass; the reason knows whether it failed, is open, or was not asked."""
    if len(detail) > DETAIL_MAX:
        detail = f"{detail[:DETAIL_MAX]}..."
    return Check(step, REASONS[reason].result, reason, detail)


@lru_cache(maxsize=4096)  # the same signers pass the same steps again; names of a few hundred bytes
def passed(step: int, detail: str = "") -> Check:
    """A check that passed."""
    return Check(step, Result.PASSED, "", detail)


def not_reached(*steps: int) -> tuple[Check, ...]:
    """Checks that need one that did not pass."""
    return tuple(Check(step, Result.NOT_REACHED) for step in steps)


def judge(
    opened: Opened,
    trust: Trust,
    at: datetime,
    skew: timedelta,
    timestamp: bytes | None = None,
    evidence: Evidence | None = None,
) -> Judged:
    """Judge a signature; never raises for what it holds."""
    if opened.legacy is not None:
        return _legacy(opened.legacy)
    signature, fault = opened.signature, opened.fault
    shape = (
        passed(2) if fault is None or fault.step != 2 else problem(2, fault.reason, fault.detail)
    )
    if signature is None:
        references = not_reached(3)
        if fault is not None and fault.step == ALGORITHMS_STEP:
            references = (problem(3, fault.reason, fault.detail),)
        return Judged((shape, *references, *not_reached(4, 5, 6, 7, 8, 9)))
    value = b"" if timestamp is None else signature.signature_value()
    proof = stamp.judge(timestamp, value, signature.signing_time, trust.authorities, at, skew)
    at = proof.proven_at or at
    listed = _algorithms(signature, at)
    usable = listed.result is Result.PASSED
    chain = _certificates(signature)
    path = trust.path(chain[0], chain[1:], at) if chain else None
    asked = revoked.ask(path, chain, trust, evidence, at)
    checks = (
        shape,
        listed,
        *((_digests(signature, opened.digest),) if usable else not_reached(4)),
        *((_value(signature, chain[0]),) if usable and chain else not_reached(5)),
        _bound(signature, chain),
        *((_path(path, signature, at, skew),) if path else not_reached(7)),
        *((_revocation(path, asked, signature, at, proof.proven_at),) if path else not_reached(8)),
        problem(9, proof.reason, proof.detail) if proof.reason else passed(9, proof.detail),
    )
    return Judged(checks, _summary(chain[0]) if chain else None, path, asked, proof.proven_at)


def _legacy(found: Legacy) -> Judged:
    """A signature of the old template: step 2 fails whatever else is true of it.

    It names its signer by a certificate that nobody signed, so steps 6 to 9 have no subject.
    """
    names = f"{found.algorithm.name}, {found.digest.name}, inclusive C14N"
    weak = "sha1" in (found.algorithm.digest, found.digest.name)
    checks = [
        problem(2, "LEGACY_SIGNATURE", names),
        problem(3, "WEAK_ALGORITHM" if weak else "CANONICALIZATION", names),
        passed(4, f"right {found.document}")
        if found.document
        else problem(4, "HASH_FAILURE", "the digest of the document is not the signed one"),
    ]
    if found.value is None:
        checks += not_reached(5)
    elif found.value:
        checks.append(passed(5, f"right {found.value}"))
    else:
        checks.append(problem(5, "SIG_CRYPTO_FAILURE", "not made by the key in KeyInfo"))
    if found.certificate is None:
        checks.append(problem(6, "CERTIFICATE_UNREADABLE", "X509Data holds something else"))
        return Judged((*checks, *not_reached(7, 8, 9)))
    return Judged((*checks, *not_reached(6, 7, 8, 9)), _summary(found.certificate))


def _summary(leaf: Certificate) -> SignerSummary:
    return SignerSummary(subject=leaf.subject, organ_id=leaf.organ_id, serial=leaf.serial)


def _algorithms(signature: dsig.Signature, at: datetime) -> Check:
    """Step 3. Unknown names fail; known ones that are too weak at `at` are indeterminate."""
    algorithm, digest = signature.algorithm, signature.digest
    if algorithm is None:
        return problem(3, "ALGORITHM_NOT_ALLOWED", signature.fields["signature_method"][:120])
    if digest is None:
        return problem(3, "ALGORITHM_NOT_ALLOWED", signature.fields["digest_method"][:120])
    for used in (algorithm, digest):
        if not algorithms.accepted(used, at):
            return problem(3, "WEAK_ALGORITHM", used.name)
    return passed(3, f"{algorithm.name}, {digest.name}")


def _digests(signature: dsig.Signature, of_envelope: Callable[[DigestAlgorithm], str]) -> Check:
    """Step 4. Digests are compared as base64 text: another text is another signature."""
    digest = signature.digest
    assert digest is not None  # noqa: S101  # step 3 passed
    if of_envelope(digest) != signature.fields["envelope_digest"]:
        return problem(4, "HASH_FAILURE", "the digest of the envelope is not the signed one")
    properties = dsig.digest_text(digest, signature.signed_properties())
    if properties != signature.fields["properties_digest"]:
        return problem(4, "PROPERTIES_MISMATCH", "signing time, certificates or format changed")
    return passed(4)


def _value(signature: dsig.Signature, leaf: Certificate) -> Check:
    """Step 5. One value, one text: see `dsig.normal`."""
    algorithm = signature.algorithm
    assert algorithm is not None  # noqa: S101  # step 3 passed
    misfit = algorithms.misfit(algorithm, leaf)
    if misfit:
        return problem(5, "KEY_MISMATCH", misfit)
    value = dsig.strict_base64(signature.fields["value"])
    if value is None or dsig.normal(algorithm, value) != value:
        return problem(5, "SIG_CRYPTO_FAILURE", "the value is not in its one accepted form")
    if not algorithms.verify(algorithm, leaf.public_key, value, signature.signed_info()):
        return problem(5, "SIG_CRYPTO_FAILURE", f"not made by the key of {leaf.subject}")
    return passed(5)


def _certificates(signature: dsig.Signature) -> tuple[Certificate, ...]:
    """The certificates in the signature, leaf first; () when one of them cannot be read."""
    try:
        elements = signature.fields["certificates"]
        short = len(elements) <= dsig.CACHED_BYTES_MAX
        return (_chain if short else _chain.__wrapped__)(elements)
    except (CertificateUnusable, ValueError):
        return ()


@lru_cache(maxsize=1024)  # a chain repeats with every receipt; 3 to 10 KB each
def _chain(elements: str) -> tuple[Certificate, ...]:
    return tuple(Certificate.from_der(der) for der in dsig.certificates(elements))


def _bound(signature: dsig.Signature, chain: tuple[Certificate, ...]) -> Check:
    """Step 6. Every certificate, in order, is one whose digest was signed; both as one text."""
    if not chain:
        return problem(6, "CERTIFICATE_UNREADABLE", "X509Data holds something else")
    if signature.signing_time is None:
        return problem(6, "SIGNING_TIME", signature.fields["signing_time"])
    if signature.digest is None:
        return Check(6, Result.NOT_REACHED)
    certificates, digests = dsig.named(chain, signature.digest)
    if certificates != signature.fields["certificates"]:
        return problem(6, "SIGNATURE_MALFORMED", "base64 of a certificate in an unusual form")
    if digests != signature.fields["certificate_digests"]:
        return problem(6, "CERTIFICATE_NOT_BOUND", "SigningCertificateV2 names other certificates")
    return passed(6, chain[0].subject)


def _path(path: Path, signature: dsig.Signature, at: datetime, skew: timedelta) -> Check:
    """Step 7. SigningTime is the signer's word; it is held against the certificate and `at`."""
    if path.problem:
        return problem(7, path.problem, path.detail)
    signed_at, leaf = signature.signing_time, path.chain[0]
    if signed_at is None:
        return Check(7, Result.NOT_REACHED)
    if signed_at > at + skew:
        ahead = f"signed at {signed_at:%Y-%m-%dT%H:%M:%SZ}, {signed_at - at} after the time judged"
        return problem(7, "SIGNED_IN_FUTURE", ahead)
    if not leaf.not_before <= signed_at <= leaf.not_after:
        detail = f"signed at {signed_at:%Y-%m-%d}, certificate of {leaf.not_before:%Y-%m-%d}"
        return problem(7, "SIGNED_OUTSIDE_VALIDITY", f"{detail} to {leaf.not_after:%Y-%m-%d}")
    anchor = path.anchor.certificate.subject if path.anchor else ""
    return passed(7, f"trust anchor {anchor}")


def _revocation(
    path: Path,
    found: tuple[Finding, ...],
    signature: dsig.Signature,
    at: datetime,
    proven_at: datetime | None,
) -> Check:
    """Step 8. By the policy of the anchor; evidence that is at hand counts whatever the policy."""
    if path.anchor is None:
        return Check(8, Result.NOT_REACHED)
    outcome = revoked.outcome(found, at, proven_at, signature.signing_time)
    if outcome.reason == revoked.UNKNOWN and path.anchor.revocation != "required":
        if path.anchor.revocation == "off" and not found:
            return problem(8, "REVOCATION_OFF")
        return problem(8, "REVOCATION_NOT_KNOWN", outcome.detail)
    if outcome.reason:
        return problem(8, outcome.reason, outcome.detail)
    return passed(8, outcome.detail)
