"""docexchange/edges/pdfs.py and envelopes/attachments/pdf.py: signatures in PDFs, read by a child.

Catalogue F and NĐ 30/2020 Art 5: of a person and of the organ, under the same anchors as envelopes.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from typing import Any

import pytest

from docexchange.edges import pdfs as edge
from docexchange.edges.pdfs import PdfJudge
from envelopes.attachments import pdf
from envelopes.attachments.pdf import Found, PdfReport, found_from_json
from envelopes.errors import Malformed
from envelopes.wording import Indication
from keys.trust import Trust, TrustAnchor
from tests.pdfs import ADBE, AT, PADES, person, plain, rewritten, sign, signed
from tests.pki import OTHER, P256, PKI


def read(data: bytes) -> dict[str, Any]:
    """What the child says, read in this process."""
    return edge.read(io.BytesIO(data))


def judged(data: bytes, trust: Trust | None = None, at: Any = AT) -> PdfReport:
    """The verdict, through JSON as it comes from a child."""
    said = json.loads(json.dumps(read(data)))
    assert "error" not in said, said
    return pdf.judge("qd.pdf", found_from_json(said["signatures"]), trust or P256.trust, at)


def reasons(report: PdfReport) -> list[str]:
    return [one.reason for one in report.signatures]


def test_person_and_organ_are_told_apart_and_pass() -> None:
    report = judged(signed())
    assert report.indication is Indication.PASSED
    assert [(one.field, one.kind, one.reason, one.whole) for one in report.signatures] == [
        ("Person", "person", "", False),
        ("Organ", "organ", "", True),
    ]
    assert [one.claimed_at for one in report.signatures] == [AT, AT]
    assert (report.signatures[1].organ, report.missing) == ("H05", ())


@pytest.mark.parametrize("subfilter", [ADBE, PADES], ids=["adbe.pkcs7.detached", "PAdES"])
@pytest.mark.parametrize("pki", [P256, PKI], ids=["EC", "RSA"])
def test_both_kinds_and_both_keys(subfilter: Any, pki: Any) -> None:
    report = judged(sign(plain(), pki.organ("H05"), subfilter=subfilter, pki=pki), pki.trust)
    assert reasons(report) == [""]
    assert (report.indication, report.missing) == (Indication.INDETERMINATE, ("person",))


def test_every_byte_that_is_covered_counts() -> None:
    data = sign(plain(), person())
    content = data.index(b"Quyet dinh")
    changed = data[:content] + b"q" + data[content + 1 :]
    report = judged(changed)
    assert (reasons(report), report.indication) == (["PDF_CHANGED"], Indication.FAILED)


def test_what_is_added_later_is_seen() -> None:
    assert reasons(judged(rewritten(signed()))) == ["PDF_CHANGED_AFTER", "PDF_CHANGED_AFTER"]
    behind = judged(signed() + b"%hidden")
    assert "PDF_CHANGED_AFTER" in reasons(behind)


def test_an_altered_signature_is_wrong() -> None:
    data = sign(plain(), person())
    at = data.index(b"/Contents <") + 400
    flipped = b"0" if data[at : at + 1] != b"0" else b"1"
    report = judged(data[:at] + flipped + data[at + 1 :])
    assert set(reasons(report)) <= {"PDF_SIGNATURE_WRONG", "PDF_SIGNATURE_UNREADABLE"}
    assert report.indication is Indication.FAILED


def test_a_gap_larger_than_the_signature_is_no_coverage() -> None:
    data = sign(plain(), person())
    begin = data.index(b"/ByteRange [") + len(b"/ByteRange [")
    numbers = data[begin : data.index(b"]", begin)]
    first, length, second, rest = map(int, numbers.split())
    moved = b"%d %d %d %d" % (first, length - 5, second, rest)
    changed = data.replace(numbers, moved.ljust(len(numbers)))
    assert reasons(judged(changed)) == ["PDF_COVERAGE"]


def test_anchors_times_and_algorithms_are_those_of_envelopes() -> None:
    data = signed()
    assert reasons(judged(data, OTHER.trust)) == ["NO_CERTIFICATE_CHAIN_FOUND"] * 2
    late = AT + timedelta(days=4000)
    assert reasons(judged(data, at=late)) == ["OUT_OF_BOUNDS_NO_POE"] * 2
    early = AT - timedelta(days=1)
    assert reasons(judged(data, at=early)) == ["SIGNED_IN_FUTURE"] * 2
    strict = Trust([TrustAnchor(P256.root.certificate, "required")])
    assert reasons(judged(data, strict)) == ["REVOCATION_MISSING"] * 2
    outside = sign(plain(), person(), at=AT - timedelta(days=3000))
    assert reasons(judged(outside)) == ["SIGNED_OUTSIDE_VALIDITY"]
    weak = sign(plain(), person(), digest="sha1")
    assert reasons(judged(weak)) == ["PDF_WEAK"]
    servers = sign(plain(), P256.organ("H05", "for servers"))
    assert reasons(judged(servers)) == ["CHAIN_CONSTRAINTS_FAILURE"]


def test_a_form_of_signature_that_is_too_old_is_named() -> None:
    data = sign(plain(), person()).replace(b"/adbe.pkcs7.detached", b"/adbe.pkcs7.sha1    ")
    report = judged(data)
    assert (reasons(report), report.indication) == (["PDF_UNSUPPORTED"], Indication.INDETERMINATE)


def test_an_unsigned_pdf_says_so() -> None:
    report = judged(plain())
    assert (report.problem, report.missing) == ("PDF_UNSIGNED", ("person", "organ"))
    assert report.indication is Indication.INDETERMINATE


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "magic only": b"%PDF-1.7\n",
    "cut": signed()[:5000],
    "zeros": b"%PDF-1.7\n" + bytes(100_000),
    "a loop of tables": b"%PDF-1.4\nxref\n0 1\n0000000000 65535 f \n"
    b"trailer<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF",
    "deep": b"%PDF-1.4\n1 0 obj" + b"[" * 200_000 + b"\nstartxref\n9\n%%EOF",
    "fields in a circle": b"%PDF-1.4\n1 0 obj<</Type/Catalog/AcroForm<</Fields[2 0 R]>>>>endobj\n"
    b"2 0 obj<</T(a)/Kids[2 0 R]>>endobj\nxref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n"
    b"0000000067 00000 n \ntrailer<</Size 3/Root 1 0 R>>\nstartxref\n103\n%%EOF",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_unreadable_and_no_more(name: str) -> None:
    said = read(HOSTILE[name])
    assert said.get("error") or said["signatures"] == []


def test_a_child_reads_it() -> None:
    report = PdfJudge(P256.trust, AT)("qd.pdf", io.BytesIO(signed()))
    assert report == PdfReport("qd.pdf", signatures=judged(signed()).signatures)
    report = PdfJudge(P256.trust, AT)("qd.pdf", io.BytesIO(b"%PDF-1.7 /ByteRange"))
    assert report.problem == "PDF_UNREADABLE"


def test_a_child_that_takes_too_much_is_ended() -> None:
    little = PdfJudge(P256.trust, AT, memory=64 * 1024 * 1024)
    assert little("qd.pdf", io.BytesIO(signed())).problem == "PDF_NO_END"
    none = PdfJudge(P256.trust, AT, cpu=0)
    assert none("qd.pdf", io.BytesIO(signed())).problem == "PDF_NO_END"


def test_one_that_can_have_no_signature_costs_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    judge = PdfJudge(P256.trust, AT)
    assert judge("qd.pdf", io.BytesIO(plain())).problem == "PDF_UNSIGNED"
    with pytest.raises(OSError, match="nowhere"):
        judge("qd.pdf", io.BytesIO(signed()))
    monkeypatch.setattr(edge, "CHUNK", 16)  # the mark lies across two reads
    with pytest.raises(OSError, match="nowhere"):
        judge("qd.pdf", io.BytesIO(b"%PDF-1.7 012/ByteRange"))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("print('nonsense')", "PDF_UNREADABLE"),
        ("print('[]')", "PDF_NO_END"),
        ("print('{}')", "PDF_UNREADABLE"),
        ("""print('{"signatures": [{}]}')""", "PDF_UNREADABLE"),
        ("import sys; sys.exit(3)", "PDF_NOT_JUDGED"),
        ("import sys; sys.exit(1)", "PDF_NO_END"),
        ("import os; os.kill(os.getpid(), 9)", "PDF_NO_END"),
        ("print('[' * 100000)", "PDF_UNREADABLE"),
    ],
)
def test_whatever_a_child_answers_is_judged_with_care(
    answer: str, problem: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    child.write_text(f"#!{sys.executable} -S\n{answer}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    assert PdfJudge(P256.trust, AT)("qd.pdf", io.BytesIO(signed())).problem == problem


def test_what_a_child_may_not_say() -> None:
    good = read(signed())["signatures"]
    assert len(found_from_json(good)) == 2
    for bad in (
        {},
        None,
        [None],
        good * 40,
        [{**good[0], "certificates": ["!"]}],
        [{**good[0], "certificates": ["AAAA"]}],
        [{**good[0], "claimed_at": "yesterday"}],
    ):
        with pytest.raises(Malformed):
            found_from_json(bad)
    naive = [{**good[0], "claimed_at": "2026-06-01T00:00:00"}]
    assert found_from_json(naive)[0].claimed_at is None
    assert found_from_json([{**good[0], "digest_right": 1}])[0].digest_right is False


def test_every_sentence_is_there_twice() -> None:
    for reason, (indication, words) in pdf.PROBLEMS.items():
        assert reason.startswith("PDF_")
        assert indication in {Indication.FAILED, Indication.INDETERMINATE}
        assert words.vi != words.en
        assert pdf.sentence(reason, "vi") == words.vi
    assert pdf.sentence("", "vi") == ""
    assert pdf.sentence("NO_CERTIFICATE_CHAIN_FOUND", "en")


def test_kinds_of_certificates() -> None:
    assert pdf.kind_of(person().certificate) == "person"
    assert pdf.kind_of(P256.organ("H05").certificate) == "organ"
    assert pdf.kind_of(P256.root.certificate) in {"organ", "person"}
    nobody = pdf.judge("x", [Found("f", "/ETSI.CAdES.detached")], P256.trust, AT)
    assert (reasons(nobody), nobody.signatures[0].kind) == (["PDF_SIGNATURE_UNREADABLE"], "")
    assert json.loads(json.dumps(nobody.to_json_dict()))["missing"] == ["person", "organ"]
