"""`envelopes/verify.py` and `judge.py`: each step refuses for its reason, beside what passes."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest

from envelopes import edxml
from envelopes.errors import NotTrusted
from envelopes.model import Received
from envelopes.pack import pack
from envelopes.report import Check, Report
from envelopes.verify import SIGNING_SKEW, SubjectBinding, cross_check, verify
from envelopes.wording import Indication, Result
from keys.certificates import Certificate
from keys.trust import Trust, TrustAnchor
from tests.letters import (
    PDF,
    SUBJECT,
    document,
    judge,
    judge_in_memory,
    letter,
    receipt,
    sign_raw,
    status,
)
from tests.pki import AT, DAY, OTHER, P256, PKI, START, signer_of

FAILED, OPEN, PASSED = Indication.FAILED, Indication.INDETERMINATE, Indication.PASSED
SECOND = timedelta(seconds=1)


def outcome(report: Report) -> tuple[Indication, str, str, int]:
    """Indication, sub-indication, reason and step of the check that decided."""
    step = report.deciding.step if report.deciding else 0
    return report.indication, report.sub_indication, report.reason, step


def results(report: Report) -> dict[int, Result]:
    return {check.step: check.result for check in report.checks}


def check(report: Report, step: int) -> Check:
    return next(check for check in report.checks if check.step == step)


# -- what passes -------------------------------------------------------------------------------


def test_a_good_envelope_passes_every_step_that_is_asked() -> None:
    report = judge(letter())
    assert outcome(report) == (PASSED, "", "", 0)
    assert [one.step for one in report.checks] == list(range(1, 12))
    asked = {step: result for step, result in results(report).items() if step not in (8, 9)}
    assert set(asked.values()) == {Result.PASSED}
    assert (check(report, 8).result, check(report, 8).reason) == (
        Result.NOT_ASKED,
        "REVOCATION_OFF",
    )
    assert (check(report, 9).result, check(report, 9).reason) == (Result.NOT_ASKED, "NO_TIMESTAMP")
    assert "no directory given" in check(report, 10).detail


def test_the_report_names_what_was_signed() -> None:
    report = judge(letter())
    assert report.kind == "document"
    assert report.document_id == "H05,2026/05/30,98/QĐ-UBND"
    assert report.sender == "H05"
    assert report.to == ("H01", "H13")
    assert report.signer is not None
    assert report.signer.organ_id == "H05"
    assert report.signed_at == AT
    assert report.sha256 == sha256(letter()).hexdigest()
    assert report.size == len(letter())
    (attachment,) = report.attachments
    assert (attachment.name, attachment.size) == ("quy-che.pdf", len(PDF))
    assert attachment.sha256 == sha256(PDF).hexdigest()
    assert report.require_passed().data == letter()


def test_a_receipt_names_the_bytes_it_speaks_of() -> None:
    digest = sha256(letter()).hexdigest()
    report = judge(receipt("01", digest))
    assert outcome(report) == (PASSED, "", "", 0)
    assert (report.kind, report.status_code, report.sender) == ("status", "01", "H01")
    assert report.to == ("H05",)
    assert report.document_id == "H05,2026/05/30,98/QĐ-UBND"
    assert report.received_sha256 == digest


@pytest.mark.parametrize(
    "received",
    [
        None,
        Received(algorithm="http://www.w3.org/2001/04/xmlenc#sha512", value="AA=="),
        replace(Received.sha256("00" * 32), value="not base64"),
        replace(Received.sha256("00" * 32), value="AA=="),
    ],
)
def test_a_status_without_a_readable_digest_speaks_of_no_bytes(received: Received | None) -> None:
    signed = pack(status(received=received), P256.signer("H01"), signing_time=AT)
    assert judge(signed).received_sha256 == ""
    assert judge(signed).indication is PASSED


def test_a_naive_time_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge(letter(), at=datetime(2026, 6, 1))  # noqa: DTZ001  # the mistake


# -- steps 4 to 6 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("genuine", "forged"),
    [
        (SUBJECT.encode(), "Bãi bỏ Quy chế tiếp nhận".encode()),
        (b"<edXML:OrganId>H13<", b"<edXML:OrganId>H14<"),
        (b"JVBERi0x", b"JVBERi0y"),  # the attachment
        (b'version="1.0"', b'version="1.1"'),  # an attribute
        (b"<edXML:Priority>0<", b"<edXML:Priority>3<"),
    ],
)
def test_changed_content_fails_at_the_digests(genuine: bytes, forged: bytes) -> None:
    assert letter().count(genuine) == 1
    report = judge(letter().replace(genuine, forged))
    assert outcome(report) == (FAILED, "HASH_FAILURE", "HASH_FAILURE", 4)
    others = {step: result for step, result in results(report).items() if step not in (4, 8, 9)}
    assert set(others.values()) == {Result.PASSED}
    with pytest.raises(NotTrusted) as refusal:
        report.require_passed()
    assert refusal.value.report is report


def test_changed_signed_properties_fail_at_the_digests() -> None:
    report = judge(letter().replace(b"2026-06-01T00:00:00Z", b"2026-05-31T00:00:00Z"))
    assert outcome(report) == (FAILED, "HASH_FAILURE", "PROPERTIES_MISMATCH", 4)


def test_a_value_of_another_key_fails_at_the_signature() -> None:
    signer = replace(P256.signer("H05"), key=P256.signer("H01").key)
    report = judge(sign_raw(document(), signer))
    assert outcome(report) == (FAILED, "SIG_CRYPTO_FAILURE", "SIG_CRYPTO_FAILURE", 5)


def test_a_swapped_certificate_fails_even_with_the_same_name_and_key_owner() -> None:
    genuine, other = P256.signer("H05"), P256.signer("H05", "second")
    text = [certificate_text(chain[0]) for chain in (genuine.chain, other.chain)]
    report = judge(letter().replace(*text))
    assert results(report)[5] is Result.FAILED
    assert check(report, 6).reason == "CERTIFICATE_NOT_BOUND"


def test_a_certificate_for_the_same_key_that_was_not_signed_is_refused() -> None:
    genuine = P256.signer("H05")
    renewed = P256.issue_organ("H05", end=AT + 3 * DAY).certificate
    assert renewed.public_key == genuine.chain[0].public_key
    report = judge(letter().replace(certificate_text(genuine.chain[0]), certificate_text(renewed)))
    assert results(report)[5] is Result.PASSED
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "CERTIFICATE_NOT_BOUND", 6)


def test_an_added_certificate_is_refused() -> None:
    issuing = certificate_text(P256.issuing.certificate)
    more = certificate_text(P256.organ("H01").certificate)
    element = b"<ds:X509Certificate>%s</ds:X509Certificate>"
    report = judge(letter().replace(element % issuing, element % issuing + element % more))
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "CERTIFICATE_NOT_BOUND", 6)


def test_something_else_in_place_of_a_certificate_is_refused() -> None:
    text = certificate_text(P256.issuing.certificate)
    unreadable = judge(letter().replace(text, b"AAAA"))
    assert outcome(unreadable) == (
        OPEN,
        "NO_SIGNING_CERTIFICATE_FOUND",
        "CERTIFICATE_UNREADABLE",
        6,
    )
    assert {results(unreadable)[step] for step in (5, 7, 8, 10)} == {Result.NOT_REACHED}
    assert judge(letter().replace(text, text[:-4])).reason == "CERTIFICATE_UNREADABLE"
    assert judge(letter().replace(text, text[:40] + b"=" + text[40:])).reason == (
        "SIGNATURE_MALFORMED"
    )


def test_base64_of_a_certificate_has_one_form() -> None:
    """`QR==` and `QQ==` decode alike; only one of them may stand there."""
    issued = (P256.issue_organ("H05") for _ in range(64))  # each signature has its own length
    leaf = next(one for one in issued if certificate_text(one.certificate).endswith(b"="))
    data = sign_raw(document(), signer_of(leaf, (P256.issuing.certificate,)))
    assert judge(data).indication is PASSED
    text = certificate_text(leaf.certificate)
    bare = text.rstrip(b"=")
    twin = bare[:-1] + bytes([bare[-1] + 1]) + text[len(bare) :]
    assert b64decode(twin) == b64decode(text)
    report = judge(data.replace(text, twin))
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "SIGNATURE_MALFORMED", 6)


def certificate_text(certificate: Certificate) -> bytes:
    return b64encode(certificate.der)


# -- step 7: path and time ---------------------------------------------------------------------


def test_another_ca_of_the_same_name_is_not_trusted() -> None:
    report = judge(letter(), trust=OTHER.trust)
    assert outcome(report) == (
        OPEN,
        "NO_CERTIFICATE_CHAIN_FOUND",
        "NO_CERTIFICATE_CHAIN_FOUND",
        7,
    )
    assert results(report)[8] is Result.NOT_REACHED
    assert results(report)[10] is Result.NOT_REACHED


@pytest.mark.parametrize(
    ("variant", "sub_indication", "reason"),
    [
        ("expired", "OUT_OF_BOUNDS_NO_POE", "OUT_OF_BOUNDS_NO_POE"),
        ("not yet valid", "OUT_OF_BOUNDS_NO_POE", "NOT_YET_VALID"),
        ("no key usage", "CHAIN_CONSTRAINTS_FAILURE", "CHAIN_CONSTRAINTS_FAILURE"),
        ("for servers", "CHAIN_CONSTRAINTS_FAILURE", "CHAIN_CONSTRAINTS_FAILURE"),
        ("rsa1024", "CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE"),
    ],
)
def test_a_certificate_that_may_not_sign_leaves_it_open(
    variant: str, sub_indication: str, reason: str
) -> None:
    report = judge(sign_raw(document(), P256.signer("H05", variant)))
    assert outcome(report) == (OPEN, sub_indication, reason, 7)
    assert judge(sign_raw(document(), P256.signer("H05", "for e-mail"))).indication is PASSED


def test_after_the_certificate_has_expired_the_time_of_signing_must_be_proven() -> None:
    leaf = P256.signer("H05").chain[0]
    assert judge(letter(), at=leaf.not_after).indication is PASSED
    report = judge(letter(), at=leaf.not_after + SECOND)
    assert outcome(report)[:3] == (OPEN, "OUT_OF_BOUNDS_NO_POE", "OUT_OF_BOUNDS_NO_POE")


def test_a_signing_time_in_the_future_is_open_beyond_the_skew() -> None:
    at_limit = pack(document(), P256.signer("H05"), signing_time=AT + SIGNING_SKEW)
    assert judge(at_limit).indication is PASSED
    beyond = pack(document(), P256.signer("H05"), signing_time=AT + SIGNING_SKEW + SECOND)
    report = judge(beyond)
    assert outcome(report) == (OPEN, "SIG_CONSTRAINTS_FAILURE", "SIGNED_IN_FUTURE", 7)
    assert report.signed_at == AT + SIGNING_SKEW + SECOND
    assert judge(beyond, at=AT + SECOND).indication is PASSED
    assert verify(at_limit, trust=P256.trust, at=AT, skew=timedelta(0)).reason == "SIGNED_IN_FUTURE"


def test_a_signing_time_outside_the_certificate_is_open() -> None:
    first = pack(document(), P256.signer("H05"), signing_time=START)
    assert judge(first).indication is PASSED
    before = pack(document(), P256.signer("H05"), signing_time=START - SECOND)
    assert outcome(judge(before)) == (
        OPEN,
        "SIG_CONSTRAINTS_FAILURE",
        "SIGNED_OUTSIDE_VALIDITY",
        7,
    )


# -- step 8 ------------------------------------------------------------------------------------


def test_required_revocation_data_that_is_missing_leaves_it_open() -> None:
    anchor = P256.root.certificate
    report = judge(letter(), trust=Trust([TrustAnchor(anchor, revocation="required")]))
    assert outcome(report) == (OPEN, "TRY_LATER", "REVOCATION_MISSING", 8)
    assert judge(letter(), trust=Trust([TrustAnchor(anchor)])).indication is PASSED


# -- step 10 -----------------------------------------------------------------------------------


class Says:
    """A directory that gives one answer and remembers the question."""

    def __init__(self, answer: bool | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, int, datetime]] = []

    def speaks_for(
        self, organ_id: str, chain: Sequence[Certificate], at: datetime
    ) -> tuple[bool | None, str]:
        self.asked.append((organ_id, chain[0].organ_id, len(chain), at))
        return self.answer, "the directory says so"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, (PASSED, "", "", 0)),
        (False, (FAILED, "SIG_CONSTRAINTS_FAILURE", "SIGNER_NOT_SENDER", 10)),
        (None, (OPEN, "SIG_CONSTRAINTS_FAILURE", "NO_BINDING", 10)),
    ],
)
def test_the_directory_says_who_may_sign(
    answer: bool | None, expected: tuple[Indication, str, str, int]
) -> None:
    directory = Says(answer)
    assert outcome(judge_in_memory(letter(), directory=directory)) == expected
    assert directory.asked == [("H05", "H05", 3, AT)]


def test_without_a_directory_the_subject_binds() -> None:
    wrong = judge(pack(document(), P256.signer("H13"), signing_time=AT))
    assert outcome(wrong) == (FAILED, "SIG_CONSTRAINTS_FAILURE", "SIGNER_NOT_SENDER", 10)
    assert "H13" in check(wrong, 10).detail


def test_another_trusted_ca_does_not_help_the_wrong_organ() -> None:
    trust = Trust([TrustAnchor(P256.root.certificate), TrustAnchor(PKI.root.certificate)])
    data = pack(document(), PKI.signer("H01"), signing_time=AT)
    assert judge(data, trust=trust).reason == "SIGNER_NOT_SENDER"
    data = pack(document(), PKI.signer("H05"), signing_time=AT)
    assert judge(data, trust=trust).indication is PASSED


def test_a_certificate_that_names_no_organ_is_bound_to_nobody() -> None:
    nobody = P256.signer("H05")
    bare = replace(nobody.chain[0], organ_id="")
    assert SubjectBinding().speaks_for("H05", (bare,), AT)[0] is None
    assert SubjectBinding().speaks_for("H05", nobody.chain, AT)[0] is True
    assert SubjectBinding().speaks_for("H0", nobody.chain, AT)[0] is False
    assert SubjectBinding().speaks_for("", nobody.chain, AT)[0] is False


# -- step 11 -----------------------------------------------------------------------------------


def test_content_that_must_not_be_exchanged_fails_though_it_is_signed() -> None:
    missing = replace(document(), document_id=None)
    report = judge(sign_raw(missing))
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "MISSING_FIELD", 11)
    assert all(results(report)[step] is Result.PASSED for step in (1, 2, 3, 4, 5, 6, 7, 10))


def test_the_first_failed_step_decides_before_an_open_one() -> None:
    missing = sign_raw(replace(document(), document_id=None))
    report = judge(missing, trust=OTHER.trust)
    assert results(report)[7] is Result.INDETERMINATE
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "MISSING_FIELD", 11)


# -- canonical form ----------------------------------------------------------------------------


def test_another_order_of_elements_passes_when_it_is_canonical() -> None:
    """Somebody else's writer: its own order, its own prefixes; C14N instead of our writer."""
    data = letter()
    begin, end = data.index(b"<ds:Signature "), data.index(b"</ds:Signature>") + 15
    code = data[data.index(b"<edXML:Code>") : data.index(b"</edXML:Code>") + 13]
    parts = data[:begin].replace(code, b""), data[end:]
    parts = (parts[0].replace(b"<edXML:Subject>", code + b"<edXML:Subject>"), parts[1])
    report = judge(sign_raw(document(), parts=parts))
    assert report.indication is PASSED, report.text("en")
    assert report.require_passed().message == document()


def test_only_laid_out_anew_is_refused_and_says_where() -> None:
    data = letter()
    report = judge(data.replace(b"<edXML:Code>", b"<edXML:Code >"))
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "NOT_CANONICAL", 2)
    assert check(report, 2).detail.startswith(f"byte {data.index(b'<edXML:Code>') + 11} ")
    assert results(report)[4] is Result.PASSED  # by C14N the same, which is not enough here
    late = judge(data.replace(b"<Attachment>", b"<Attachment >"))
    assert check(late, 2).detail.startswith(f"byte {data.index(b'<Attachment>') + 11} ")


def test_unsigned_characters_of_canonical_form_pass() -> None:
    odd = "a & b < c > d \"e\" 'f' \t \n \r ế"
    data = pack(replace(document(), subject=odd), P256.signer("H05"), signing_time=AT)
    assert judge(data).require_passed().message == replace(document(), subject=odd)


STRANGER = '<x:Note xmlns:x="urn:x" a="b">giữ nguyên</x:Note>'


def test_elements_that_nobody_knows_are_kept_and_signed() -> None:
    message = replace(document(), unknown=(STRANGER,))
    data = pack(message, P256.signer("H05"), signing_time=AT)
    assert judge(data).require_passed().message == message
    report = judge(data.replace("giữ nguyên".encode(), "giữ".encode()))
    assert report.reason == "HASH_FAILURE"
    assert (
        judge(data.replace(b'<x:Note xmlns:x="urn:x" a', b"<x:Note a")).reason == "UNBOUND_PREFIX"
    )


def test_what_our_writer_cannot_write_again_is_canonicalised() -> None:
    mark = b'<mark xmlns="urn:docexchange:mark"></mark>'
    before, after = edxml.split(document())
    before = before.replace(b"</edXML:MessageHeader>", mark + b"</edXML:MessageHeader>")
    report = judge(sign_raw(document(), parts=(before, after)))
    assert report.indication is PASSED, report.text("en")


# -- unsigned ----------------------------------------------------------------------------------


def test_a_stripped_signature_is_told_and_the_content_is_only_claimed() -> None:
    data = letter()
    begin, end = data.index(b"<ds:Signature "), data.index(b"</ds:Signature>") + 15
    report = judge(data[:begin] + data[end:])
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "UNSIGNED", 2)
    assert (report.sender, report.document_id) == ("H05", "H05,2026/05/30,98/QĐ-UBND")
    assert results(report)[11] is Result.PASSED
    assert {results(report)[step] for step in range(3, 11)} == {Result.NOT_REACHED}
    with pytest.raises(NotTrusted):
        report.require_passed()


def test_a_dummy_signature_is_told() -> None:
    data = letter()
    begin, end = data.index(b"<ds:Signature "), data.index(b"</ds:Signature>") + 15
    dummy = b"<edXML:Signature><edXML:SignatureValue>AAAA</edXML:SignatureValue></edXML:Signature>"
    report = judge(data[:begin] + dummy + data[end:])
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "DUMMY_SIGNATURE", 2)
    assert report.sender == "H05"


def test_what_the_gate_keeps_out_reaches_no_step() -> None:
    report = judge(letter() + b"<!-- -->")
    assert outcome(report) == (FAILED, "FORMAT_FAILURE", "COMMENT", 1)
    assert {results(report)[step] for step in range(2, 12)} == {Result.NOT_REACHED}
    assert (report.kind, report.sender) == ("", "")
    large = verify(letter(), trust=P256.trust, at=AT, limit=100)
    assert large.reason == "TOO_LARGE"


# -- several files -----------------------------------------------------------------------------


def test_a_receipt_is_matched_with_the_envelope_given_beside_it() -> None:
    digest = sha256(letter()).hexdigest()
    files = [judge(letter(), file="a.edxml"), judge(receipt("01", digest), file="b.edxml")]
    envelope, matched = cross_check(files)
    assert envelope is files[0]
    assert matched.indication is PASSED
    assert matched.to_json_dict()["receipt_of"] == {"sha256": digest, "file": "a.edxml"}
    assert matched.checks[-1].name == "receipt_of"
    assert matched.checks[-1].result is Result.PASSED


def test_a_receipt_of_other_bytes_of_the_same_document_fails() -> None:
    _, report = cross_check([judge(letter()), judge(receipt("01", "ab" * 32))])
    assert outcome(report) == (FAILED, "HASH_FAILURE", "RECEIPT_OF_OTHER_BYTES", 12)
    with pytest.raises(NotTrusted):
        report.require_passed()


def test_a_receipt_of_a_document_that_is_not_given_stays_as_it_is() -> None:
    other = judge(pack(document(number="99"), P256.signer("H05"), signing_time=AT))
    alone = judge(receipt("01", "ab" * 32))
    assert cross_check([other, alone]) == (other, alone)
    silent = judge(pack(status(), P256.signer("H01"), signing_time=AT))
    assert cross_check([judge(letter()), silent])[1] is silent
