"""Step 8 of `verify`: what a revocation means for a signature, by its time and by what is proven.

The letter is signed at `AT`; the lists are of its CA and its root.
"""

import io
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509

from envelopes.evidence import stamp
from envelopes.pack import pack
from envelopes.report import Report
from envelopes.verify import verify
from envelopes.wording import Indication, Result
from keys.revocation import Evidence
from keys.trust import Revocation, Trust, TrustAnchor
from tests.authority import WEEK, answer, crl
from tests.letters import document, letter
from tests.pki import AT, DAY, OTHER, P256
from tests.tsa import AUTHORITY

LEAF, CA, ROOT = P256.organ("H05").certificate, P256.issuing, P256.root
HOUR = timedelta(hours=1)
NOW = AT + 2 * DAY  # of who judges
PASSED, OPEN, FAILED = Indication.PASSED, Indication.INDETERMINATE, Indication.FAILED
COMPROMISE, HOLD = x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold
SUPERSEDED = x509.ReasonFlags.superseded


def trust(policy: Revocation) -> Trust:
    return Trust([TrustAnchor(ROOT.certificate, policy)])


def judged(
    *evidence: bytes,
    policy: Revocation = "required",
    at: datetime = NOW,
    proven_at: datetime | None = None,
    of_root: bytes | None = None,
) -> Report:
    """The letter, judged by evidence and a list of the root."""
    held = Evidence.of([of_root or crl(ROOT), *evidence])
    token = AUTHORITY.token(sha256(_stamped()).digest(), proven_at) if proven_at else None
    return verify(letter(), trust=trust(policy), at=at, evidence=held, timestamp=token)


def _stamped() -> bytes:
    found = stamp.stamped_of(io.BytesIO(letter()))
    assert found is not None
    return found


def step(report: Report) -> tuple[Result, str]:
    return next((one.result, one.reason) for one in report.checks if one.step == 8)


def verdict(report: Report) -> tuple[Indication, str | None, str]:
    return report.indication, report.sub_indication, report.reason


def test_good_by_list_or_answer_passes_and_names_its_evidence() -> None:
    for good in (crl(CA), answer(LEAF, CA, next_update=AT + WEEK)):
        report = judged(good)
        assert report.indication is PASSED
        assert step(report) == (Result.PASSED, "")
        leaf, above = report.to_json_dict()["revocation"]
        assert (leaf["status"], above["status"]) == ("good", "good")
        assert len(leaf["sha256"]) == 1


def test_revoked_before_the_signing_time_fails_whatever_the_policy() -> None:
    gone = crl(CA, {LEAF: AT - HOUR})
    for policy in ("off", "check", "required"):
        report = judged(gone, policy=policy)
        assert verdict(report) == (FAILED, "REVOKED", "REVOKED")
        assert report.to_json_dict()["revocation"][0]["revoked_at"] == "2026-05-31T23:00:00Z"
    proven = judged(gone, proven_at=AT + HOUR)
    assert verdict(proven) == (FAILED, "REVOKED", "REVOKED")


def test_revoked_after_the_proven_time_stays_valid_and_says_so() -> None:
    gone = crl(CA, {LEAF: AT + DAY}, this_update=AT + DAY, reason=SUPERSEDED)
    report = judged(gone, proven_at=AT + HOUR)
    assert report.indication is PASSED
    assert "after the time proven: the signature stays valid" in report.text("en")
    assert "revoked at 2026-06-02T00:00:00Z" in report.text("en")


def test_revoked_after_the_claimed_time_with_nothing_proven_is_open() -> None:
    gone = crl(CA, {LEAF: AT + DAY}, this_update=AT + DAY)
    assert verdict(judged(gone)) == (OPEN, "REVOKED_NO_POE", "REVOKED_NO_POE")
    early = judged(gone, at=AT + HOUR)  # whoever had it before the revocation may believe it
    assert early.indication is PASSED


def test_a_stolen_key_writes_any_time_so_only_a_proof_before_helps() -> None:
    stolen = crl(CA, {LEAF: AT + DAY}, this_update=AT + DAY, reason=COMPROMISE)
    assert verdict(judged(stolen, at=AT + HOUR)) == (OPEN, "REVOKED_NO_POE", "REVOKED_NO_POE")
    assert judged(stolen, proven_at=AT + HOUR).indication is PASSED


def test_a_hold_waits_and_a_revoked_ca_is_told_apart() -> None:
    held = crl(CA, {LEAF: AT - HOUR}, reason=HOLD)
    assert verdict(judged(held)) == (OPEN, "TRY_LATER", "CERTIFICATE_ON_HOLD")
    gone = crl(ROOT, {CA.certificate: AT - HOUR})
    report = judged(crl(CA), of_root=gone)
    assert verdict(report) == (OPEN, "REVOKED_CA_NO_POE", "REVOKED_CA_NO_POE")


def test_what_missing_evidence_comes_to_is_the_policy() -> None:
    stale = crl(CA, next_update=AT)
    required = judged(stale)
    assert verdict(required) == (OPEN, "TRY_LATER", "REVOCATION_MISSING")
    for policy in ("off", "check"):
        report = judged(stale, policy=policy)
        assert report.indication is PASSED
        assert step(report) == (Result.NOT_ASKED, "REVOCATION_NOT_KNOWN")
        assert "is over since" in report.text("en")
    nothing = verify(letter(), trust=trust("off"), at=NOW)
    assert step(nothing) == (Result.NOT_ASKED, "REVOCATION_OFF")
    asked = verify(letter(), trust=trust("required"), at=NOW)
    assert verdict(asked) == (OPEN, "TRY_LATER", "REVOCATION_MISSING")


def test_a_stranger_makes_nobody_look_anything_up() -> None:
    held = Evidence()
    data = pack(document(), OTHER.signer("H05"), signing_time=AT)
    report = verify(data, trust=trust("required"), at=NOW, evidence=held)
    assert (report.reason, held.asked()) == ("NO_CERTIFICATE_CHAIN_FOUND", ())
    verify(letter(), trust=trust("check"), at=NOW, evidence=held)
    assert [chain[0] for chain in held.asked()] == [LEAF]


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("gone", [{LEAF: AT - HOUR}, {LEAF: AT + HOUR}])
def test_a_report_says_what_would_change_it(lang: str, gone: dict[object, datetime]) -> None:
    report = judged(crl(CA, gone, this_update=NOW))  # type: ignore[arg-type]
    assert report.explain(lang)
    assert report.indication is not PASSED
