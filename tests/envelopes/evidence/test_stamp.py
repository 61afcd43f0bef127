"""Stamps beside an envelope: what they prove, steps 7 and 9 of verify, and each wrong one."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from envelopes.errors import Malformed
from envelopes.evidence import stamp
from envelopes.evidence.stamp import Stamp
from envelopes.pack import pack
from envelopes.report import Report
from envelopes.verify import verify, verify_file
from envelopes.wording import Indication, Result
from keys.timestamp_refused import TimestampRefused
from keys.trust import Trust, TrustAnchor
from tests.letters import document, letter
from tests.pki import AT, DAY, END, OTHER, P256
from tests.tsa import AUTHORITY, STRANGER, TSA_TRUST

PASSED, INDETERMINATE = Indication.PASSED, Indication.INDETERMINATE


def stamped(data: bytes = b"") -> bytes:
    found = stamp.stamped_of(io.BytesIO(data or letter()))
    assert found is not None
    return found


def alone(at: datetime = AT + DAY, **faults: Any) -> bytes:
    return AUTHORITY.token(sha256(stamped()).digest(), at, **faults)


def judged(token: bytes | None, at: datetime = AT + 2 * DAY, trust: Trust = P256.trust) -> Report:
    return verify(letter(), trust=trust, at=at, timestamp=token)


def step(report: Report, number: int) -> tuple[Result, str]:
    check = next(one for one in report.checks if one.step == number)
    return check.result, check.reason


# -- what is stamped ---------------------------------------------------------------------------


def test_what_is_stamped_is_the_canonical_signature_value() -> None:
    text = letter().decode()
    begin = text.index("<ds:SignatureValue>") + len("<ds:SignatureValue>")
    value = text[begin : text.index("</ds:SignatureValue>")]
    namespace = "http://www.w3.org/2000/09/xmldsig#"
    assert stamped().decode() == (
        f'<ds:SignatureValue xmlns:ds="{namespace}">{value}</ds:SignatureValue>'
    )


@pytest.mark.parametrize("data", [b"", b"<edXML></edXML>", letter()[:900], b"\xff" * 300_000])
def test_what_has_no_signature_of_ours_has_nothing_to_stamp(data: bytes) -> None:
    assert stamp.stamped_of(io.BytesIO(data)) is None


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_one_token_proves_each_of_many(count: int) -> None:
    leaves = [f"signature {n}".encode() for n in range(count)]
    token = AUTHORITY.token(stamp.imprint_of(leaves), AT)
    given = stamp.stamps(token, leaves)
    for leaf, one in zip(leaves, given, strict=True):
        again = stamp.read(one.to_bytes())
        assert again == one
        assert stamp.verify(again, leaf, TSA_TRUST).gen_time == AT
        with pytest.raises(TimestampRefused):
            stamp.verify(again, b"another", TSA_TRUST)
    assert [one.alone for one in given] == [count == 1] * count


def test_a_place_in_the_tree_is_not_anothers() -> None:
    leaves = [b"a", b"b", b"c"]
    first, second, _ = stamp.stamps(AUTHORITY.token(stamp.imprint_of(leaves), AT), leaves)
    exchanged = Stamp(first.token, second.index, second.leaves, second.path)
    for wrong in (exchanged, Stamp(first.token, 0, 3, first.path[:1]), Stamp(first.token)):
        with pytest.raises(TimestampRefused, match="TOKEN_IMPRINT"):
            stamp.verify(wrong, b"a", TSA_TRUST)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "docexchange/stamp/v2"},
        {"index": 2},
        {"index": -1},
        {"index": "0"},
        {"leaves": 2**41},
        {"path": ["AA=="]},
        {"path": ["?"]},
        {"path": 7},
        {"token": 7},
    ],
)
def test_a_stamp_of_another_form_is_malformed(change: dict[str, object]) -> None:
    leaves = [b"a", b"b"]
    first, _ = stamp.stamps(b"0token", leaves)
    with pytest.raises(Malformed):
        stamp.read(json.dumps(json.loads(first.to_bytes()) | change).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 50_000, b"{}", b"\xff", bytes(200_000)])
def test_no_garbage_is_a_stamp(data: bytes) -> None:
    with pytest.raises(Malformed):
        stamp.read(data)


# -- steps 7 and 9 -----------------------------------------------------------------------------


def test_a_token_proves_when_the_signature_existed() -> None:
    report = judged(alone())
    assert (report.indication, report.proven_at, report.signed_at) == (PASSED, AT + DAY, AT)
    assert step(report, 9) == (Result.PASSED, "")
    assert report.to_json_dict()["proven_at"] == "2026-06-02T00:00:00Z"


def test_expired_since_and_proven_before_is_passed() -> None:
    """B12: years later, with a token; without one it is indeterminate, never silently valid."""
    years_later = END + 700 * DAY
    assert judged(alone(), years_later).indication is PASSED
    without = judged(None, years_later)
    assert (without.indication, without.reason) == (INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")
    too_late = judged(AUTHORITY.token(sha256(stamped()).digest(), AT + 400 * DAY), years_later)
    assert too_late.indication is INDETERMINATE


def test_a_file_is_judged_as_its_bytes() -> None:
    late = END + DAY
    terms: dict[str, Any] = {"trust": P256.trust, "at": late, "timestamp": alone()}
    assert verify_file(io.BytesIO(letter()), **terms).proven_at == AT + DAY


def test_a_token_later_than_the_time_judged_for_counts_for_nothing() -> None:
    report = judged(alone(AT + 3 * DAY))
    assert (report.indication, report.proven_at) == (PASSED, None)
    assert step(report, 9) == (Result.NOT_ASKED, "TIMESTAMP_LATER")


def test_a_token_older_than_the_claimed_signing_time_is_impossible() -> None:
    report = judged(alone(AT - DAY))
    assert (report.reason, report.sub_indication) == ("TOKEN_ORDER", "TIMESTAMP_ORDER_FAILURE")
    assert report.proven_at is None
    assert judged(alone(AT - timedelta(minutes=5))).indication is PASSED  # two clocks differ
    assert judged(alone(AT - timedelta(minutes=5, seconds=1))).reason == "TOKEN_ORDER"


def test_back_dating_does_not_help_a_certificate_that_is_not_valid_yet() -> None:
    """A key that signs with a claimed time of last year cannot have last year's token."""
    data = pack(document(), P256.signer("H05", "expired"), signing_time=AT - 30 * DAY)
    leaf = stamped(data)
    now = AT + DAY
    fresh = AUTHORITY.token(sha256(leaf).digest(), AT)
    report = verify(data, trust=P256.trust, at=now, timestamp=fresh)
    assert (report.reason, report.proven_at) == ("OUT_OF_BOUNDS_NO_POE", AT)
    old = AUTHORITY.token(sha256(leaf).digest(), AT - 20 * DAY)
    assert verify(data, trust=P256.trust, at=now, timestamp=old).indication is PASSED


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"imprint_digest": "sha1"}, "TOKEN_ALGORITHM"),
        ({"changed": True}, "TOKEN_SIGNATURE"),
        ({"bound": P256.organ("H01").certificate}, "TOKEN_SIGNER"),
        ({"accuracy": {"seconds": 100}}, "TOKEN_ACCURACY"),
        ({"info": {"version": 2}}, "TOKEN_MALFORMED"),
    ],
)
def test_a_wrong_token_leaves_the_verdict_open_and_says_why(
    faults: dict[str, Any], expected: str
) -> None:
    report = judged(alone(**faults))
    assert (report.indication, report.reason, report.proven_at) == (INDETERMINATE, expected, None)


def test_a_token_of_another_envelope_proves_nothing() -> None:
    other = stamped(pack(document(number="99"), P256.signer("H05"), signing_time=AT))
    report = judged(AUTHORITY.token(sha256(other).digest(), AT + DAY))
    assert (report.reason, report.proven_at) == ("TOKEN_IMPRINT", None)


def test_a_token_of_an_authority_that_nobody_trusts_is_as_none() -> None:
    token = STRANGER.token(sha256(stamped()).digest(), AT + DAY)
    report = judged(token)
    assert (report.indication, report.proven_at) == (PASSED, None)
    assert step(report, 9) == (Result.NOT_ASKED, "TOKEN_UNTRUSTED")
    anchors = Trust([TrustAnchor(OTHER.root.certificate)])
    believed = judged(token, trust=P256.trust.with_authorities(anchors))
    assert believed.proven_at == AT + DAY
    alone_there = judged(alone(), trust=P256.trust.with_authorities(anchors))
    assert step(alone_there, 9)[1] == "TOKEN_UNTRUSTED"


def test_what_failed_stays_failed_whatever_is_stamped() -> None:
    changed = letter().replace(b"98</", b"97</", 1)
    report = verify(changed, trust=P256.trust, at=AT + 2 * DAY, timestamp=alone())
    assert report.indication is Indication.FAILED
