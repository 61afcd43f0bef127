"""`envelopes/pack.py`: what is packed verifies, says the same, and is written in one form."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from envelopes import dsig, edxml
from envelopes.c14n import canonical
from envelopes.errors import EnvelopeError, Malformed
from envelopes.model import Message, OtherInfo, TraceHeaderList
from envelopes.pack import complete, local_time, new_document, pack, prepare, with_trace
from envelopes.wording import Indication
from keys.algorithms import ECDSA_SHA384
from keys.demo_ca import issue, organ_name
from keys.signer import SoftwareSigner
from tests.letters import PDF, document, judge, letter, receipt, status
from tests.pki import AT, END, NAMES, P256, PKI, START, VARIANTS


def p384_signer() -> SoftwareSigner:
    key = ec.generate_private_key(ec.SECP384R1())
    name = organ_name("H05", NAMES["H05"])
    leaf = issue(name, key, P256.issuing, START, END, VARIANTS["good"][2])
    chain = (leaf.certificate, P256.issuing.certificate)
    return SoftwareSigner(chain, ECDSA_SHA384, key)


SIGNERS = {
    "rsa-sha256": lambda: PKI.signer("H05"),
    "rsa-pss-sha256": lambda: PKI.signer("H05", algorithm="rsa-pss-sha256"),
    "ecdsa-sha256": lambda: P256.signer("H05"),
    "ecdsa-sha384": p384_signer,
}


@pytest.mark.parametrize("algorithm", SIGNERS)
@pytest.mark.parametrize("message", [document(), status("01", "ab" * 32)], ids=["document", "01"])
def test_round_trip(algorithm: str, message: Message) -> None:
    signer = SIGNERS[algorithm]()
    message = replace(message, sender=replace(message.sender, organ_id="H05"))
    data = pack(message, signer, signing_time=AT)
    report = judge(data, trust=PKI.trust if algorithm.startswith("rsa") else P256.trust)
    assert report.indication is Indication.PASSED, report.text("en")
    assert [check.detail for check in report.checks if check.step == 3] == [
        f"{algorithm}, {'sha384' if '384' in algorithm else 'sha256'}"
    ]
    assert report.require_passed().message == message
    assert report.require_passed().canonical == edxml.write(message)
    assert report.signed_at == AT


@pytest.mark.parametrize("data", [letter(), receipt()], ids=["document", "status"])
def test_an_envelope_is_canonical_as_a_whole_and_so_is_its_signature(data: bytes) -> None:
    root = etree.fromstring(data)
    assert canonical(root) == data
    signature = root.find(f".//{{{dsig.DS}}}Signature")
    assert signature is not None
    begin, end = data.index(dsig.START), data.index(dsig.END) + len(dsig.END)
    assert canonical(signature) == data[begin:end]


def test_only_a_status_01_is_signed_as_proof_of_receipt() -> None:
    assert dsig.PROOF_OF_RECEIPT.encode() in receipt("01")
    assert dsig.PROOF_OF_RECEIPT.encode() not in receipt("03")
    assert dsig.PROOF_OF_RECEIPT.encode() not in letter()


def test_key_info_holds_the_chain_leaf_first_without_the_root() -> None:
    root = etree.fromstring(letter())
    key_info = root.find(f".//{{{dsig.DS}}}KeyInfo")
    assert key_info is not None
    assert [etree.QName(child).localname for child in key_info] == ["X509Data"]
    held = [base64.b64decode(str(element.text)) for element in key_info[0]]
    assert held == [P256.organ("H05").certificate.der, P256.issuing.certificate.der]


def test_signing_in_two_steps_gives_the_envelope_of_one() -> None:
    signer = PKI.signer("H05")  # RSASSA-PKCS1-v1_5 is deterministic, so bytes can be compared
    unsigned = prepare(document(), signer.chain, signer.algorithm, AT)
    assert b"<ds:SignedInfo xmlns:ds=" in unsigned.to_sign
    two = complete(unsigned, signer.sign(unsigned.to_sign))
    assert two == pack(document(), signer, signing_time=AT)


def test_a_value_of_another_key_makes_no_envelope() -> None:
    signer = P256.signer("H05")
    unsigned = prepare(document(), signer.chain, signer.algorithm, AT)
    with pytest.raises(EnvelopeError, match="does not belong to the certificate"):
        complete(unsigned, P256.signer("H01").sign(unsigned.to_sign))
    assert judge(complete(unsigned, signer.sign(unsigned.to_sign))).reason == ""


def test_what_every_receiver_refuses_is_not_signed() -> None:
    secret = replace(document(), other_info=OtherInfo(sphere_of_promulgation="Tuyệt mật"))
    with pytest.raises(Malformed, match="SECRET") as refusal:
        pack(secret, P256.signer("H05"), signing_time=AT)
    assert refusal.value.element == "MessageHeader/OtherInfo/SphereOfPromulgation"
    with pytest.raises(Malformed, match="U\\+0001"):
        pack(replace(document(), subject="a\x01b"), P256.signer("H05"), signing_time=AT)


def test_signing_time_is_written_in_utc_to_the_second() -> None:
    at = datetime(2026, 6, 1, 7, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=7)))
    data = pack(document(), P256.signer("H05"), signing_time=at)
    assert b"<xades:SigningTime>2026-06-01T00:00:00Z</xades:SigningTime>" in data


def test_a_hop_is_appended_in_vietnamese_time() -> None:
    twice = with_trace(document(), "H13", datetime(2026, 6, 1, 18, 30, tzinfo=UTC))
    assert twice.trace is not None
    assert [(hop.organ_id, hop.timestamp) for hop in twice.trace.traces] == [
        ("H05", local_time(AT)),
        ("H13", "2026/06/02 01:30:00"),
    ]
    assert twice.trace.business == document().trace.business  # type: ignore[union-attr]
    bare = with_trace(replace(document(), trace=None), "H05", AT)
    assert bare.trace == TraceHeaderList(traces=twice.trace.traces[:1])


def test_a_new_document_names_itself_and_its_files() -> None:
    made = new_document(
        sender="000.00.00.H05",
        to={"H01": ""},
        number="07",
        notation="UBND-VP",
        subject="Về việc họp",
        date=date(2026, 1, 9),
        files=[("a.PDF", PDF), ("bảng.xlsx", b"PK"), ("không-đuôi", b"")],
        priority=3,
    )
    assert made.document_id == "000.00.00.H05,2026/01/09,07/UBND-VP"
    assert made.priority == 3
    assert made.business == 0
    assert [one.content_type for one in made.attachments] == [
        "application/pdf",
        "application/octet-stream",
        "application/octet-stream",
    ]
    ids = [one.content_id for one in made.attachments]
    assert len(set(ids)) == 3
    assert [one.content_id for one in made.manifest] == ids
