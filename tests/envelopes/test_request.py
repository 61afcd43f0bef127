"""envelopes/request*.py: a signing request is bound to the bytes."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from envelopes import edxml
from envelopes.dsig import _ORDERS
from envelopes.errors import Malformed, RequestExpired, SignatureRefused
from envelopes.pack import pack
from envelopes.report import Indication
from envelopes.request import SigningRequest, ask, complete, restore
from envelopes.request_json import as_json, read_request
from envelopes.request_words import in_words
from envelopes.verify import verify
from keys.remote import load_remote_key
from tests.letters import PDF, document, status
from tests.pki import AT, END, OTHER, P256, PKI

KEY = load_remote_key(P256.chain_pem("H05"))
SIGNER = P256.signer("H05")
TWO_DAYS = timedelta(hours=48)
REQUEST = ask(document(), KEY, at=AT, expires=AT + TWO_DAYS)
JSON = as_json(REQUEST)
ORDER = _ORDERS["secp256r1"]


def text(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False).encode()


def test_written_and_read_it_is_the_same() -> None:
    assert read_request(text(JSON)) == REQUEST
    assert JSON["schema"] == "docexchange/sign-request/v1"


@pytest.mark.parametrize("pki", [PKI, P256], ids=["RSA", "EC"])
def test_the_envelope_is_the_one_that_a_key_at_hand_would_have_made(pki: Any) -> None:
    signer = pki.signer("H05")
    request = ask(document(), load_remote_key(pki.chain_pem("H05")), at=AT, expires=AT + TWO_DAYS)
    value = signer.sign(request.to_sign)
    done = complete(request, value, at=AT + timedelta(hours=47))
    assert verify(done.data, trust=pki.trust, at=AT + TWO_DAYS).indication is Indication.PASSED
    assert len(done.data) == request.signed_size
    if pki is PKI:  # PKCS#1 v1.5 gives the same value each time
        assert done.data == pack(document(), signer, signing_time=AT)


def test_the_words_say_what_the_bytes_say() -> None:
    vietnamese, english = (JSON["words"][lang] for lang in ("vi", "en"))
    assert "Trích yếu: Ban hành Quy chế tiếp nhận văn bản điện tử" in vietnamese
    assert "Number: 98/QĐ-UBND" in english
    assert len([line for line in vietnamese if line.startswith("Nơi nhận: ")]) == 2
    assert JSON["document"]["attachments"][0]["size"] == len(PDF)
    assert JSON["document"]["attachments"][0]["sha256"] in english[-1]


def test_words_cannot_turn_or_move_what_is_read() -> None:
    made = document(subject="Đồng ý \u202etừ chối\r\x1b[2K")
    assert "Subject: Đồng ý  từ chối  [2K" in in_words(made, "en")


def test_a_document_without_attachments_says_so() -> None:
    assert in_words(document(files=[]), "vi")[-1] == "Tệp đính kèm: không có"


def _swap_envelope(facts: dict[str, Any]) -> None:
    other = edxml.write(document(subject="Một quyết định khác"))
    facts["envelope"]["base64"] = base64.b64encode(other).decode()


def _whole_other_request(facts: dict[str, Any]) -> None:
    other = as_json(ask(document(subject="Khác"), KEY, at=AT, expires=AT + TWO_DAYS))
    other["to_sign"], other["words"] = facts["to_sign"], facts["words"]
    facts.clear()
    facts.update(other)


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *names, last, value = path

    def change(facts: dict[str, Any]) -> None:
        inner: Any = facts
        for name in names:
            inner = inner[name]
        inner[last] = value

    return change


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "schema": (_set("schema", "docexchange/sign-request/v2"), "not of docexchange/sign-request"),
    "another document, old words": (_swap_envelope, "request_id, words, to_sign, to_sign_digest"),
    "another request, old words": (_whole_other_request, "words, to_sign"),
    "a word": (_set("words", "vi", 7, "Trích yếu: khác"), "words: not what follows"),
    "a recipient in words only": (_set("document", "to", 0, "organ_id", "H99"), "document:"),
    "later expiry": (_set("expires_at", "2099-01-01T00:00:00Z"), "request_id"),
    "other signing time": (_set("signing_time", "2026-06-01T00:00:01Z"), "to_sign"),
    "time without zone": (_set("signing_time", "2026-06-01T00:00:00"), "signing_time"),
    "algorithm": (_set("algorithm", "name", "rsa-sha256"), "rsa-sha256 is not for the key"),
    "digest": (_set("to_sign_digest", "hex", "00" * 32), "to_sign_digest"),
    "certificate in words": (_set("certificate", "subject", "CN=Chủ tịch"), "certificate:"),
    "no chain": (_set("chain", []), "0 certificates"),
    "chain out of order": (
        lambda facts: facts["chain"].reverse(),
        "may not sign|out of order",
    ),
    "chain of another CA": (
        lambda facts: facts.update(
            chain=[base64.b64encode(one.der).decode() for one in OTHER.chain("H05")]
        ),
        "request_id, to_sign",
    ),
    "not base64": (_set("envelope", "base64", "*"), "not base64"),
    "base64 with a line break": (
        lambda facts: facts["envelope"].update(base64=facts["envelope"]["base64"] + "\n"),
        "not base64|envelope",
    ),
    "a number as text": (_set("envelope", "size", "1"), "envelope"),
    "something added": (_set("note", "please sign"), "note"),
    "something left out": (lambda facts: facts.pop("words"), "words"),
    "no envelope": (lambda facts: facts.pop("envelope"), "KeyError 'envelope'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_is_changed_in_a_request_it_is_refused(name: str) -> None:
    change, why = CHANGES[name]
    facts = copy.deepcopy(JSON)
    change(facts)
    with pytest.raises(SignatureRefused, match=why) as refused:
        read_request(text(facts))
    assert refused.value.reason == "CHANGED_REQUEST"
    assert refused.value.vi != str(refused.value)


def test_no_changed_byte_of_a_request_is_believed() -> None:
    """Whatever is read is the same request: a change is refused, or it was white space."""
    rng = random.Random(7)
    data = json.dumps(JSON, ensure_ascii=False, indent=2).encode()
    refused = 0
    for _ in range(300):
        at, byte = rng.randrange(len(data)), rng.randrange(256)
        try:
            read = read_request(data[:at] + bytes([byte]) + data[at + 1 :])
        except SignatureRefused:
            refused += 1
        else:
            assert read == REQUEST
    assert refused > 250


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"schema":1}'],
)
def test_what_is_no_request_at_all(data: bytes) -> None:
    with pytest.raises(SignatureRefused, match="damaged or was changed"):
        read_request(data)


def test_a_name_that_stands_twice_is_refused() -> None:
    """Another reader would show the other one."""
    twice = text(JSON)[:-1] + b', "words": {"vi": ["Trich yeu: khac"]}}'
    with pytest.raises(SignatureRefused, match="twice"):
        read_request(twice)


def test_a_signature_for_one_document_completes_no_other() -> None:
    other = ask(document(subject="Khác"), KEY, at=AT, expires=AT + TWO_DAYS)
    with pytest.raises(SignatureRefused) as refused:
        complete(other, SIGNER.sign(REQUEST.to_sign), at=AT)
    assert refused.value.reason == "OTHER_KEY"


def test_not_even_with_another_signing_time() -> None:
    later = ask(document(), KEY, at=AT + timedelta(seconds=1), expires=AT + TWO_DAYS)
    with pytest.raises(SignatureRefused):
        complete(later, SIGNER.sign(REQUEST.to_sign), at=AT + timedelta(seconds=1))


def _high_s(value: bytes) -> bytes:
    s = int.from_bytes(value[32:], "big")
    return value[:32] + max(s, ORDER - s).to_bytes(32, "big")


def test_a_value_in_another_form_is_written_in_ours_and_told() -> None:
    value = _high_s(SIGNER.sign(REQUEST.to_sign))
    done = complete(REQUEST, base64.b64encode(value), at=AT)
    assert [one.code for one in done.findings] == ["W-SIG-011", "W-SIG-013"]
    assert verify(done.data, trust=P256.trust, at=AT).indication is Indication.PASSED


@pytest.mark.parametrize("after", [TWO_DAYS, TWO_DAYS + timedelta(days=1)])
def test_late_is_late_however_right(after: timedelta) -> None:
    value = SIGNER.sign(REQUEST.to_sign)
    assert complete(REQUEST, value, at=AT + TWO_DAYS - timedelta(seconds=1)).data
    with pytest.raises(RequestExpired, match=r"good until 2026-\d\d-\d\dT.*Z"):
        complete(REQUEST, value, at=AT + after)


def test_a_request_does_not_outlive_its_certificate() -> None:
    request = ask(document(), KEY, at=AT, expires=AT + timedelta(days=36_500))
    assert request.expires == END


@pytest.mark.parametrize("variant", ["expired", "not yet valid"])
def test_a_certificate_that_is_not_valid_now_is_asked_for_nothing(variant: str) -> None:
    key = load_remote_key(P256.chain_pem("H05", variant))
    with pytest.raises(SignatureRefused) as refused:
        ask(document(), key, at=AT, expires=AT + TWO_DAYS)
    assert refused.value.reason == "CERTIFICATE"


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        (edxml.write(status()), "only documents"),
        (edxml.write(document()).replace(b"</edXML:Subject>", b" </edXML:Subject>"), None),
        (edxml.write(document()) + b"\n", "canonical form"),
        (b"<a/>", "edXML"),
    ],
    ids=["a status", "another subject", "a line break", "not edXML"],
)
def test_only_our_own_canonical_documents_are_asked_for(envelope: bytes, why: str | None) -> None:
    def made() -> SigningRequest:
        return restore(envelope, KEY, signing_time=AT, expires=AT + TWO_DAYS)

    if why is None:  # the valid neighbour: canonical, though it says something else
        assert made().to_sign != REQUEST.to_sign
        return
    with pytest.raises(Malformed, match=why):
        made()
