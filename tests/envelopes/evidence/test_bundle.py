"""envelopes/evidence/bundle.py and bundle_judge.py: what a bundle proves, and to whom."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from hashlib import sha256

import pytest

from envelopes.errors import Malformed
from envelopes.evidence import bundle, stamp
from envelopes.evidence.bundle_json import to_json_document
from envelopes.evidence.bundle_words import GAPS, VERDICTS
from envelopes.wording import Indication
from keys.trust import Trust, TrustAnchor
from tests.envelopes.evidence.bundles import (
    contents,
    digest,
    files,
    journal,
    judge,
    make,
    reasons,
    receipt,
    receipts,
    unzipped,
)
from tests.letters import letter
from tests.pki import AT, DAY, END, OTHER, P256, PKI
from tests.tsa import AUTHORITY

BUNDLE = make()


def gaps(data: bytes, **terms: object) -> dict[str, str]:
    return {one.code: one.subject for one in judge(data, **terms).gaps}  # type: ignore[arg-type]


def test_a_bundle_says_who_sent_what_to_whom_and_who_confirmed() -> None:
    report = judge(BUNDLE)
    assert (report.indication, report.intact, reasons(report)) == (Indication.PASSED, True, set())
    assert report.envelope is not None
    assert (report.envelope.sender, report.envelope.sha256) == ("H05", digest(letter()))
    assert [(one.organ, one.confirmed) for one in report.recipients] == [
        ("H01", True),
        ("H13", True),
    ]
    assert report.made_at == AT
    assert report.journal is not None
    assert len(report.journal.lines) == 3
    assert gaps(BUNDLE).keys() == {
        *("TIME_CLAIMED", "REVOCATION_NOT_ASKED", "COMPLETENESS", "ONE_WITNESS"),
    }


def test_the_sums_are_those_of_sha256sum() -> None:
    given = unzipped(BUNDLE)
    said = dict(line.split("  ")[::-1] for line in given["SHA256SUMS"].decode().splitlines())
    free = {"SHA256SUMS", "mimetype", "META-INF/manifest.xml", "META-INF/signatures.xml"}
    assert said == {
        name: sha256(data).hexdigest() for name, data in given.items() if name not in free
    }
    assert next(iter(given)) == "mimetype"


def test_the_same_state_makes_the_same_bytes() -> None:
    given = files()
    signer = PKI.signer("H05")  # RSA: the same value each time
    one = make(given, signer)
    assert make(dict(reversed(given.items())), signer) == one
    assert make(given, signer, AT + timedelta(seconds=1)) != one


def test_a_recipient_without_a_receipt_is_named_and_nothing_else_suffers() -> None:
    left = receipts()
    del left["receipts/H13-01-1.edxml"]
    given = files(**{"receipts/H13-01-1.edxml": None, bundle.JOURNAL: journal(left.values())})
    report = judge(make(given))
    assert report.indication is Indication.PASSED
    assert [(one.organ, one.confirmed) for one in report.recipients] == [
        ("H01", True),
        ("H13", False),
    ]
    assert gaps(make(given))["NO_RECEIPT"] == "H13"


def test_what_was_signed_after_the_time_asked_for_does_not_count() -> None:
    later = receipt("H13", "03", at=AT + timedelta(days=9))
    given = files(**{"receipts/H13-03-1.edxml": later})
    data = make(given, at=AT + timedelta(days=10))
    now = AT + timedelta(days=11)
    report = judge(data, now=now)
    assert (report.indication, len(report.recipients[1].statuses)) == (Indication.PASSED, 2)
    report = judge(data, now=now, at=AT + timedelta(days=1))
    assert (report.indication, len(report.recipients[1].statuses)) == (Indication.PASSED, 1)
    assert [one.later for one in report.statuses] == [False, False, True]
    assert gaps(data, now=now, at=AT)["SIGNED_LATER"] == "receipts/H13-03-1.edxml"
    report = judge(data, now=now, at=AT - timedelta(days=1))
    assert reasons(report) == {"SIGNED_IN_FUTURE"}
    assert not any(one.confirmed for one in report.recipients)


def test_years_later_it_is_open_and_at_the_time_it_passes() -> None:
    now = AT + timedelta(days=365 * 20)
    assert judge(BUNDLE, now=now).indication is Indication.INDETERMINATE
    assert reasons(judge(BUNDLE, now=now)) == {"OUT_OF_BOUNDS_NO_POE"}
    report = judge(BUNDLE, now=now, at=AT)
    assert (report.indication, reasons(report)) == (Indication.PASSED, set())


def test_a_bundle_from_the_future_is_open() -> None:
    ahead = make(at=AT + timedelta(hours=1))
    assert reasons(judge(ahead)) == {"SIGNED_IN_FUTURE"}
    assert judge(make(at=AT + timedelta(minutes=4))).indication is Indication.PASSED


def test_without_its_root_everything_is_open_and_nothing_is_proven() -> None:
    report = judge(BUNDLE, trust=OTHER.trust)
    assert (report.indication, report.intact) == (Indication.INDETERMINATE, True)
    assert reasons(report) == {"NO_CERTIFICATE_CHAIN_FOUND"}
    assert not any(one.confirmed for one in report.recipients)


def test_a_bundle_of_a_receiver_says_nothing_of_other_recipients() -> None:
    ours = {"receipts/H01-01-1.edxml": receipts()["receipts/H01-01-1.edxml"]}
    account = (bundle.Account("H01", "arrived"),)
    said = contents(role=bundle.RECEIVER, organ="H01", accounts=account)
    signer = P256.signer("H01")
    given = {
        **files(**{"receipts/H13-01-1.edxml": None}),
        **ours,
        bundle.CONTENTS: said,
        bundle.JOURNAL: journal(ours.values(), signer, "H01"),
    }
    data = make(given, signer)
    report = judge(data)
    assert (report.indication, reasons(report)) == (Indication.PASSED, set())
    assert "OTHER_RECIPIENTS" in gaps(data)
    assert "NO_RECEIPT" not in gaps(data)


def test_an_anchor_that_requires_revocation_leaves_it_open() -> None:
    strict = Trust([TrustAnchor(P256.root.certificate, "required")])
    report = judge(BUNDLE, trust=strict)
    assert report.indication is Indication.INDETERMINATE
    assert "REVOCATION_MISSING" in reasons(report)
    assert not any(one.confirmed for one in report.recipients)


def test_the_directory_decides_who_speaks_for_whom() -> None:
    class Nobody:
        def speaks_for(self, *_: object) -> tuple[bool | None, str]:
            return None, "unknown"

    assert reasons(judge(BUNDLE, directory=Nobody())) == {"NO_BINDING"}


def test_json_has_its_schema_and_every_part() -> None:
    report = judge(BUNDLE)
    said = json.loads(json.dumps(to_json_document(report, report)))
    assert said["schema"] == "docexchange/bundle/v1"
    assert (said["indication"], said["now"]["indication"]) == ("TOTAL-PASSED", "TOTAL-PASSED")
    assert said["document"]["from"] == "H05"
    assert [one["confirmed"] for one in said["recipients"]] == [True, True]
    assert {one["code"] for one in said["unproven"]} <= GAPS.keys()
    broken = judge(b"PK\x03\x04")
    said = to_json_document(broken, broken)
    assert (said["indication"], said["reason"]) == ("TOTAL-FAILED", "ARCHIVE_FORM")
    assert (said["document"], said["journal"]) == (None, None)


def test_a_token_is_found_by_the_digest_of_what_it_stamps() -> None:
    name = f"timestamps/{digest(letter())}-1.tst"
    report = judge(make(files(**{name: b"token", "evidence/ca.crl": b"crl"})))
    assert report.envelope is not None
    assert report.envelope.checks[8].reason == "TOKEN_MALFORMED"
    assert report.statuses[0].report.checks[8].reason == "NO_TIMESTAMP"
    large = make(files(**{name: bytes(stamp.STAMP_MAX + 1)}))
    report = judge(large)
    assert report.envelope is not None
    assert report.envelope.checks[8].reason == "TOKEN_MALFORMED"


def test_a_stamp_in_a_bundle_proves_a_time_apart_from_the_claimed_one() -> None:
    """Rows B12 and F3: expired since and proven before is passed; without the token it is not."""
    data = [letter(), *receipts().values()]
    leaves = [stamped(one) for one in data]
    given = stamp.stamps(AUTHORITY.token(stamp.imprint_of(leaves), AT + DAY), leaves)
    extra = {
        f"timestamps/{digest(one)}-1{kept.ending}": kept.to_bytes()
        for one, kept in zip(data, given, strict=True)
    }
    late = END + DAY
    proven = judge(make(files(**extra)), now=late)
    assert proven.envelope is not None
    assert proven.envelope.indication is Indication.PASSED
    assert proven.envelope.proven_at == AT + DAY
    assert all(one.report.proven_at == AT + DAY for one in proven.statuses)
    assert "TIME_CLAIMED" not in {one.code for one in proven.gaps}
    said = to_json_document(proven, proven)["document"]
    assert (said["claimed_at"], said["proven_at"]) == (
        "2026-06-01T00:00:00Z",
        "2026-06-02T00:00:00Z",
    )
    claimed = judge(make(files()), now=late)
    assert claimed.envelope is not None
    assert claimed.envelope.reason == "OUT_OF_BOUNDS_NO_POE"
    assert "TIME_CLAIMED" in {one.code for one in claimed.gaps}


def stamped(data: bytes) -> bytes:
    found = stamp.stamped_of(io.BytesIO(data))
    assert found is not None
    return found


def test_every_word_is_there_twice() -> None:
    for words in (*VERDICTS.values(), *(one for each in GAPS.values() for one in _words(each))):
        assert words.vi
        assert words.en
        assert words.vi != words.en
    assert VERDICTS.keys() == set(Indication)


def _words(gap: object) -> tuple[object, object]:
    return gap.what, gap.remedy  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        contents().replace(b"docexchange/bundle-contents/v1", b"x"),
        contents().replace(b'"sender"', b'"owner"'),
        contents().replace(b'"H05"', b"5"),
        contents().replace(b"+00:00", b"").replace(b'Z"', b'"'),
        contents().replace(str(len(letter())).encode(), b"Infinity"),
        contents().replace(b'"deliveries": [', b'"deliveries": [1,'),
    ],
)
def test_contents_that_are_none_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        bundle.read_contents(data)
    report = judge(make(files(**{bundle.CONTENTS: data})))
    assert reasons(report) == {"CONTENT_UNREADABLE"}


def test_contents_are_read_as_they_are_written() -> None:
    data = contents()
    assert bundle.write_json(bundle.read_contents(data).to_json_dict()) == data


def test_names_of_receipts_are_plain_and_never_twice() -> None:
    given = [("H01", "01"), ("H01", "01"), ("h01", "01"), ("../x", "01"), ("", ""), ("Đ" * 99, "é")]
    names = bundle.names_of(given)
    assert names[:3] == [
        "receipts/H01-01-1.edxml",
        "receipts/H01-01-2.edxml",
        "receipts/h01-01-3.edxml",
    ]
    assert len({name.lower() for name in names}) == len(names)
    assert all(bundle.known(name) for name in names)
    make(files(**dict.fromkeys(names, receipts()["receipts/H01-01-1.edxml"])))
