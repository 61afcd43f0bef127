"""`envelopes/report.py`, `text.py`, `wording.py`: the worst check decides; every word is there."""

import ast
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from envelopes import gate, text, wording
from envelopes.edxml import Finding
from envelopes.errors import NotTrusted
from envelopes.report import Check, Report, overall, to_json_document
from envelopes.wording import (
    INDICATIONS,
    REASONS,
    RESULTS,
    STEPS,
    SUB_INDICATIONS,
    Indication,
    Result,
    SubIndication,
    Words,
)
from tests.letters import PDF, document, judge, letter, receipt, sign_raw
from tests.pki import AT, OTHER


def report(*results: Result) -> Report:
    reasons = {Result.FAILED: "HASH_FAILURE", Result.INDETERMINATE: "SIGNED_IN_FUTURE"}
    checks = (Check(i, result, reasons.get(result, "")) for i, result in enumerate(results, 1))
    return Report(b"data", AT, tuple(checks))


@pytest.mark.parametrize(
    ("results", "indication", "step"),
    [
        ([Result.PASSED, Result.NOT_ASKED], Indication.PASSED, 0),
        ([Result.PASSED, Result.INDETERMINATE, Result.FAILED], Indication.FAILED, 3),
        ([Result.FAILED, Result.FAILED], Indication.FAILED, 1),
        ([Result.INDETERMINATE, Result.NOT_REACHED], Indication.INDETERMINATE, 1),
        ([Result.PASSED, Result.NOT_REACHED], Indication.INDETERMINATE, 0),
        ([], Indication.INDETERMINATE, 0),
    ],
)
def test_the_worst_check_decides(results: list[Result], indication: Indication, step: int) -> None:
    made = report(*results)
    assert made.indication is indication
    assert (made.deciding.step if made.deciding else 0) == step


def test_the_content_is_given_out_only_when_passed() -> None:
    passed = judge(letter())
    envelope = passed.require_passed()
    assert envelope.message == document()
    assert envelope.sha256 == sha256(letter()).hexdigest()
    for other in (judge(letter(), trust=OTHER.trust), replace(passed, message=None)):
        with pytest.raises(NotTrusted):
            other.require_passed()


# -- JSON --------------------------------------------------------------------------------------


def test_json_of_a_document() -> None:
    made = replace(judge(letter(), file="a.edxml"), findings=(Finding("W-X", 1, "To", "odd"),))
    entry = made.to_json_dict()
    assert list(entry) == [
        *("file", "kind", "indication", "sub_indication", "document_id", "from", "to"),
        *("status_code", "signer", "signed_at", "proven_at", "revocation", "checks", "receipt_of"),
        *("attachments", "findings"),
    ]
    assert entry["file"] == "a.edxml"
    assert (entry["indication"], entry["sub_indication"]) == ("TOTAL-PASSED", None)
    assert entry["to"] == ["H01", "H13"]
    assert entry["status_code"] is None
    assert list(entry["signer"]) == ["subject", "organ_id", "serial"]
    assert entry["signed_at"] == "2026-06-01T00:00:00Z"
    assert list(entry["checks"][0]) == ["step", "name", "result", "reason", "detail"]
    assert entry["checks"][8]["reason"] == "NO_TIMESTAMP"
    assert entry["receipt_of"] is None
    assert entry["attachments"] == [
        {"name": "quy-che.pdf", "size": len(PDF), "sha256": sha256(PDF).hexdigest()}
    ]
    assert entry["findings"] == [{"code": "W-X", "line": 1, "element": "To", "text": "odd"}]


def test_json_of_a_receipt_and_of_garbage() -> None:
    entry = judge(receipt("01", "ab" * 32)).to_json_dict()
    assert (entry["kind"], entry["status_code"]) == ("status", "01")
    assert entry["receipt_of"] == {"sha256": "ab" * 32, "file": None}
    garbage = judge(b"").to_json_dict()
    assert (garbage["kind"], garbage["from"], garbage["signer"]) == (None, None, None)
    assert garbage["to"] == garbage["attachments"] == []


def test_json_of_several_files_has_the_worst_verdict() -> None:
    good, unknown, bad = judge(letter()), judge(letter(), trust=OTHER.trust), judge(b"x")
    assert to_json_document([good])["schema"] == "docexchange/verify/v1"
    assert to_json_document([good, good])["indication"] == "TOTAL-PASSED"
    assert to_json_document([good, unknown])["indication"] == "INDETERMINATE"
    assert overall([good, unknown, bad]) is Indication.FAILED
    assert len(to_json_document([good, unknown, bad])["documents"]) == 3


# -- text --------------------------------------------------------------------------------------


def test_the_text_is_a_verdict_and_a_line_for_each_step() -> None:
    lines = judge(letter(), file="a.edxml").text("vi").splitlines()
    assert lines[0].startswith("✔ a.edxml · TOTAL-PASSED · Hợp lệ")
    assert lines[0].endswith("H05,2026/05/30,98/QĐ-UBND, từ H05")
    assert [line[2:6].strip() for line in lines[1:]] == [
        *("✔  1", "✔  2", "✔  3", "✔  4", "✔  5", "✔  6", "✔  7", "–  8", "–  9", "✔ 10", "✔ 11")
    ]


def test_the_text_says_what_is_claimed_and_what_would_help() -> None:
    open_ = judge(letter(), trust=OTHER.trust)
    vi, en = open_.text("vi").splitlines(), open_.text("en").splitlines()
    assert vi[0].startswith("? INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND · Chưa xác định được")
    assert "(chưa được chứng minh)" in vi[0]
    assert vi[-1] == "  Điều gì sẽ đổi kết luận này: Bổ sung CA gốc của bên ký vào --trust"
    assert en[-1] == "  What would change this verdict: Add the signer's root CA to --trust"
    failed = judge(letter().replace(b"H13<", b"H14<"))
    assert "✖  4" in failed.text("vi")
    assert "Nội dung đã bị thay đổi sau khi ký" in failed.text("vi").splitlines()[0]
    assert "Điều gì" not in failed.text("vi")


def test_one_sentence_explains_the_verdict() -> None:
    assert judge(letter()).explain("en").startswith("Valid")
    missing = judge(sign_raw(replace(document(), document_id=None)))
    assert missing.explain("vi").startswith("Thiếu trường bắt buộc: MessageHeader/DocumentId")
    assert missing.explain("en").startswith("A required field is missing: ")


def test_a_terminal_shows_text_only() -> None:
    assert text.plain("Quyết định\x1b[31m\u202e") == "Quyết định\ufffd[31m\ufffd"


# -- words -------------------------------------------------------------------------------------

ALL_WORDS: dict[str, Words] = {
    **{str(key): words for key, words in INDICATIONS.items()},
    **{str(key): words for key, words in SUB_INDICATIONS.items()},
    **{str(key): words for key, words in RESULTS.items()},
    **{step.name: step.words for step in STEPS.values()},
    **{f"reason {key}": reason.words for key, reason in REASONS.items()},
}


@pytest.mark.parametrize("name", ALL_WORDS)
def test_every_word_is_there_in_both_languages(name: str) -> None:
    words = ALL_WORDS[name]
    assert words.get("vi").strip()
    assert words.get("en").strip()
    assert words.get("en").isascii()


def test_every_member_has_words() -> None:
    assert set(INDICATIONS) == set(Indication)
    assert set(SUB_INDICATIONS) == set(SubIndication)
    assert set(RESULTS) == set(Result)
    assert list(STEPS) == list(range(1, 13))


def test_a_reason_that_decides_has_a_sub_indication_and_a_remedy() -> None:
    for name, reason in REASONS.items():
        decides = reason.result is not Result.NOT_ASKED
        assert (reason.sub_indication is not None) == decides, name
        assert bool(reason.remedy.vi and reason.remedy.en) == decides, name
    assert {reason.sub_indication for reason in REASONS.values()} >= set(SubIndication)


def test_every_reason_in_the_code_is_in_the_table_and_the_other_way_round() -> None:
    used = set()
    bundles = [f"evidence/{name}" for name in ("archive", "bundle_bytes", "bundle_judge", "stamp")]
    bundles += ["revoked", "../keys/timestamp", "../keys/signed_data"]
    asking = {"TSA_REFUSED", "TOKEN_NONCE", "TOKEN_POLICY"}  # of who asks an authority
    for module in ("judge", "verify", "shape", "content", "gate", "errors", *bundles):
        source = (Path(wording.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        strings = (
            node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)
        )
        used |= {one for one in strings if isinstance(one, str) and re.fullmatch("[A-Z_]{3,}", one)}
    paths = {name for name in REASONS if name in (reason.value for reason in SubIndication)}
    assert used - set(REASONS) <= {
        "ID",
        "NFD",
        "URI",
        "SIGNING_SKEW",
        "EXPIRED",
        *asking,
    }  # other words
    assert set(REASONS) - used <= paths | {"NOT_YET_VALID"}  # those that `keys.trust` names


def test_the_gate_names_only_reasons_of_the_table() -> None:
    documented = set(re.findall(r"[A-Z_]{3,}", str(gate.open_gate.__doc__))) & set(REASONS)
    assert {"EMPTY", "DTD", "TOO_DEEP", "DUPLICATE_ID"} <= documented
