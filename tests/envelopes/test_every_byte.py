"""`envelopes/verify.py`: no byte of a signed envelope can change unnoticed."""

import pytest

from envelopes import dsig
from envelopes.pack import pack
from envelopes.wording import Indication
from tests.letters import SUBJECT, document, judge, judge_in_memory, receipt
from tests.pki import AT, P256


def small() -> bytes:
    """A small envelope: every position of it is tried."""
    return pack(document(files=[("a", b"x")]), P256.signer("H05"), signing_time=AT)


CHANGES = {
    "lowest bit": lambda data, at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
    "deleted": lambda data, at: data[:at] + data[at + 1 :],
    "space before": lambda data, at: data[:at] + b" " + data[at:],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "change"),
    [*((small(), change) for change in CHANGES), (receipt(), "lowest bit")],
    ids=[*CHANGES, "lowest bit of a receipt"],
)
def test_no_change_of_one_byte_passes(data: bytes, change: str) -> None:
    assert judge(data).indication is Indication.PASSED
    passed = [
        (at, data[max(0, at - 30) : at + 10])
        for at in range(len(data))
        if judge_in_memory(CHANGES[change](data, at)).indication is Indication.PASSED
    ]
    assert not passed


def test_bytes_before_and_after_the_envelope_count() -> None:
    data = small()
    for other in (
        b"\n" + data,
        data + b"\n",
        b"\xef\xbb\xbf" + data,
        b'<?xml version="1.0" encoding="UTF-8"?>' + data,
    ):
        report = judge(other)
        assert report.indication is Indication.FAILED
        assert report.reason in ("NOT_CANONICAL", "PROCESSING_INSTRUCTION"), report.text("en")


def test_a_changed_text_fails_at_the_digests() -> None:
    data = small()
    begin = data.index(SUBJECT.encode())
    letters = [at for at in range(begin, begin + len(SUBJECT.encode())) if data[at] < 0x80]
    assert len(letters) > 20
    for at in letters:
        report = judge(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert report.deciding is not None
        assert (report.deciding.step, report.reason) == (4, "HASH_FAILURE"), report.text("en")


def test_the_other_value_of_an_ecdsa_signature_is_refused() -> None:
    data = small()
    begin = data.index(b"<ds:SignatureValue>") + len(b"<ds:SignatureValue>")
    end = data.index(b"</ds:SignatureValue>")
    value = dsig.strict_base64(data[begin:end].decode())
    assert value is not None
    order = dsig._ORDERS["secp256r1"]  # the curve's order is what the attack needs
    other = value[:32] + (order - int.from_bytes(value[32:], "big")).to_bytes(32, "big")
    forged = data[:begin] + dsig.base64_text(other).encode() + data[end:]
    assert len(forged) == len(data)
    assert judge(forged).reason == "SIG_CRYPTO_FAILURE"
    assert judge(data).reason == ""
