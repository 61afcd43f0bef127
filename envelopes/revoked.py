"""Step 8 of `verify`: what was found about the certificates of a path, against the time of signing.

A revocation counts from its own time on. What is proven to have been signed before it stays valid,
and the report says so; what is not proven is held against the time for which it is judged. A
compromised key is different: whoever has it writes any signing time, so without a proven time
nothing that it signed counts any more.

Source: ETSI EN 319 102-1, clauses 5.2.6 and 5.5.4. Stricter than it: a signature whose own signing
time lies after the revocation failed, whatever else may be proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keys.certificates import Certificate
from keys.revocation import COMPROMISED, ON_HOLD, Evidence, Finding, Status
from keys.trust import Path, Trust

UNKNOWN: Final = "REVOCATION_MISSING"
_WORST_FIRST: Final = ("REVOKED", "REVOKED_CA_NO_POE", "REVOKED_NO_POE", "CERTIFICATE_ON_HOLD")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of step 8: reason code, "" when nothing stands against the signature, and the facts."""

    reason: str
    detail: str


def ask(
    path: Path | None,
    chain: Sequence[Certificate],
    trust: Trust,
    evidence: Evidence | None,
    at: datetime,
) -> tuple[Finding, ...]:
    """What the evidence says of each certificate of a path; () when nobody asks.

    Nobody asks where the policy is off and no evidence is at hand. Only certificates with a path
    to an anchor are asked about: a stranger's chain must not make a node look anything up.
    """
    if path is None or path.anchor is None or len(path.chain) < 2 or evidence is None:
        return ()
    if path.anchor.revocation == "off" and not len(evidence):
        return ()
    return evidence.judge(path.chain, chain[1:], trust, at)


def outcome(
    found: Sequence[Finding],
    at: datetime,
    proven_at: datetime | None,
    signed_at: datetime | None,
) -> Outcome:
    """Say what step 8 comes to.

    Args:
        found: about the certificates of the path, leaf first.
        at: the time judged.
        proven_at: when the signature is proven to have existed, None without a proof.
        signed_at: SigningTime, the signer's own word.
    """
    if not found:
        return Outcome(UNKNOWN, "no CRL or OCSP answer is at hand")
    later: list[str] = []
    bad: dict[str, str] = {}
    for number, finding in enumerate(found):
        if finding.status is Status.UNKNOWN:
            bad.setdefault(UNKNOWN, finding.detail)
        elif finding.status is Status.REVOKED:
            reason = _revoked(finding, at, proven_at, signed_at, leaf=number == 0)
            if reason:
                bad.setdefault(reason, _told(finding))
            else:
                proof = "proven" if proven_at else "judged"
                later.append(f"{finding.detail}, after the time {proof}: the signature stays valid")
    for reason in (*_WORST_FIRST, UNKNOWN):
        if reason in bad:
            return Outcome(reason, bad[reason])
    return Outcome("", "; ".join(later) or _told(found[0]))


def _revoked(
    finding: Finding,
    at: datetime,
    proven_at: datetime | None,
    signed_at: datetime | None,
    *,
    leaf: bool,
) -> str:
    """Why a revoked certificate speaks against the signature, "" when it does not."""
    since = finding.revoked_at
    assert since is not None  # noqa: S101  # of what was revoked
    compromised = finding.reason in COMPROMISED and proven_at is None
    if since > (proven_at or at) and not compromised:
        return ""
    if finding.reason == ON_HOLD:
        return "CERTIFICATE_ON_HOLD"
    if not leaf:
        return "REVOKED_CA_NO_POE"
    said = signed_at is not None and signed_at >= since
    return "REVOKED" if said or (proven_at is not None and proven_at >= since) else "REVOKED_NO_POE"


def _told(finding: Finding) -> str:
    what = finding.detail or "not revoked"
    if finding.this_update is None or finding.next_update is None:
        return what
    return (
        f"{what} ({finding.source.upper()} of {finding.this_update:%Y-%m-%dT%H:%M:%SZ}, until "
        f"{finding.next_update:%Y-%m-%dT%H:%M:%SZ})"
    )
