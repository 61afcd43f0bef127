"""`envelopes/exact.py`: the short way through `verify` sees what the long way sees."""

from __future__ import annotations

import random
import re
import sys
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from envelopes import dsig, edxml, exact, model
from envelopes.pack import pack
from envelopes.report import Report
from tests.envelopes.test_edxml import RECEIPT, SMALL
from tests.letters import document, judge, receipt
from tests.messages import plain
from tests.pki import AT, P256

DOCUMENT = pack(
    document(files=[("a.pdf", b"%PDF"), ("b", b"")]), P256.signer("H05"), signing_time=AT
)
STATUS = receipt()
SIGNATURE = DOCUMENT[DOCUMENT.index(dsig.START) : DOCUMENT.index(dsig.END) + len(dsig.END)]


def signed(message: model.Message) -> bytes:
    """A message around a signature of our form that signs something else."""
    before, after = edxml.split(message)
    return before + SIGNATURE + after


def slowly(data: bytes) -> Report:
    """Judged the long way."""
    with patch.object(sys.modules["envelopes.verify"], "read_exact", lambda *_: None):
        return judge(data)


WITNESS = replace(RECEIPT, received=model.Received.sha256("ab" * 32, "5 a b 2026-06-01T00:00:00Z"))


@pytest.mark.parametrize(
    "message", [SMALL, RECEIPT, WITNESS], ids=["document", "status", "what it says of a journal"]
)
def test_what_our_writer_wrote_is_read(message: model.Message) -> None:
    data = signed(message)
    read = exact.read_exact(data)
    assert read is not None
    assert read.message == message
    assert data[read.begin : read.end] == SIGNATURE
    assert read.signature == dsig.read(SIGNATURE)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(plain())
def test_any_message_without_a_finding_is_read(message: model.Message) -> None:
    read = exact.read_exact(signed(message))
    assert read is not None
    assert read.message == message


@pytest.mark.parametrize(
    "message",
    [
        replace(SMALL, unknown=("<a></a>",)),
        replace(SMALL, strangers=(model.Stranger("edXML", "<a></a>"),)),
        replace(SMALL, attributes=frozenset({model.Attribute("lang", "vi", "Subject")})),
        replace(SMALL, subject="x" * 501),
        replace(SMALL, to_places=model.Texts(items=("x" * 150,) * 7)),
        replace(SMALL, due_date="1/6/2026"),
        replace(SMALL, sender=model.Organization(organ_id="null")),
        replace(SMALL, to=()),
        replace(SMALL, manifest_version="1.1"),
        replace(RECEIPT, received=model.Received(algorithm="urn:x", value="")),
    ],
    ids=[
        *("unknown element", "unknown in the frame", "attribute", "too long", "places"),
        "odd date",
        "null",
        "no recipient",
        "version",
        "digest method",
    ],
)
def test_what_is_odd_goes_the_long_way_and_comes_to_the_same(message: model.Message) -> None:
    data = signed(message)
    report = judge(data)
    assert report.message == message
    assert report.to_json_dict() == slowly(data).to_json_dict()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<edXML:Subject>", b"<edXML:Subject><edXML:Subject></edXML:Subject>"),
        (b"<edXML:Subject>", b"<edXML:Subject><!-- -->"),
        (b"<edXML:Subject>", b'<edXML:Subject a="">'),
        (b"<edXML:Subject>", b"<edXML:Subject>\xff"),
        (b"<edXML:Subject>", b"<edXML:Subject>\x01"),
        (b"<edXML:Subject>", b"<edXML:Subject>&gt"),
        (b"<edXML:Subject>", b"<edXML:Subject>&#62;"),
        (b"<edXML:Subject>", b"<edXML:Code></edXML:Code><edXML:Subject>"),
        (b"JVBERg==", b"JVBERh=="),
        (b"JVBERg==", b"JVBE\nRg=="),
        (b"</Attachment>", b"</Attachment><Attachment></Attachment>"),
        (b"</edXML>", b"</edXML> "),
        (b"</edXML>", b""),
        (dsig.END, dsig.END + b" "),
        (dsig.END, dsig.END + SIGNATURE),
        (dsig.START, b""),
        (b"<edXML ", b" <edXML "),
    ],
)
def test_in_doubt_it_says_nothing(old: bytes, new: bytes) -> None:
    data = DOCUMENT.replace(old, new)
    assert data != DOCUMENT
    assert exact.read_exact(data) is None


def test_limits_are_those_of_the_gate() -> None:
    assert exact.read_exact(DOCUMENT, len(DOCUMENT) - 1) is None
    crowd = tuple(model.Organization(organ_id="H01") for _ in range(exact.TOKENS_MAX // 4))
    assert exact.read_exact(signed(replace(SMALL, to=crowd))) is None
    assert exact.read_exact(signed(replace(SMALL, to=crowd[:-200]))) is not None
    number = SIGNATURE.replace(b"<ds:SignatureValue>", b"<ds:SignatureValue>" + b"A" * 70_000)
    before, after = edxml.split(SMALL)
    assert exact.read_exact(before + number + after) is None


@pytest.mark.parametrize("data", [DOCUMENT, STATUS], ids=["document", "status"])
@pytest.mark.parametrize("element", ["From", "To", "ResponseFor", "StatusCode", "MessageHeader"])
def test_what_is_missing_is_told_and_never_raises(data: bytes, element: str) -> None:
    without = re.sub(f"<edXML:{element}>.*?</edXML:{element}>".encode(), b"", data)
    assert judge(without).to_json_dict() == slowly(without).to_json_dict()


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_come_to_the_same(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        data = bytearray(rng.choice([DOCUMENT, STATUS]))
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(len(data))
            piece = data[(start := rng.randrange(len(data))) : start + rng.randint(0, 60)]
            data[at : at + rng.choice([0, 1, len(piece)])] = piece
        changed = bytes(data)
        report = judge(changed)
        assert report.to_json_dict() == slowly(changed).to_json_dict(), f"seed {seed}"
        assert report.signature_at == slowly(changed).signature_at


def proven() -> bytes:
    """An envelope whose shape is remembered by now."""
    assert exact.read_exact(DOCUMENT) is not None
    assert exact._proven
    return DOCUMENT


def test_bytes_of_a_known_shape_are_not_written_again() -> None:
    proven()
    other = pack(
        document(files=[("c.pdf", b"%PDF-1"), ("d", b"")], subject="Một trích yếu khác"),
        P256.signer("H05"),
        signing_time=AT,
    )
    with patch.object(exact, "is_written", side_effect=AssertionError("written")):
        read = exact.read_exact(other)
    assert read is not None
    assert isinstance(read.message, model.Document)
    assert read.message.subject == "Một trích yếu khác"
    assert read.message.attachments[0].content == b"%PDF-1"


SUBJECT = re.compile(rb"(<edXML:Subject>)([^<]+)(?=</)")
CONTENT = re.compile(rb"(<edXML:ContentTransferEncoded[^>]*>)([^<]+)(?=</)")
# Of the same tags as a proven one, and all the same not what our writer would write.
DISGUISES = {
    "reference": (SUBJECT, lambda text: b"&#65;" + text),
    "entity": (SUBJECT, lambda text: b"&quot;" + text),
    "greater": (SUBJECT, lambda text: b">" + text),
    "carriage return": (SUBJECT, lambda text: b"\r" + text),
    "control": (SUBJECT, lambda text: b"\x01" + text),
    "noncharacter": (SUBJECT, lambda text: "\ufffe".encode() + text),
    "no UTF-8": (SUBJECT, lambda text: b"\xff" + text),
    "bits after the end": (CONTENT, lambda text: b"JVBERh=="),
    "newline in base64": (CONTENT, lambda text: text[:4] + b"\n" + text[4:]),
    "base64 and more": (CONTENT, lambda text: text + b"===="),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_known_shape_hides_nothing(name: str) -> None:
    pattern, disguise = DISGUISES[name]
    data = proven()
    found = pattern.search(data)
    assert found is not None
    changed = data[: found.start(2)] + disguise(found[2]) + data[found.end(2) :]
    assert changed != data
    assert exact.read_exact(changed) is None


def test_a_text_where_no_text_was_is_another_shape() -> None:
    data = proven()
    assert exact.read_exact(data.replace(b"</edXML:Subject>", b"</edXML:Subject> ", 1)) is None


def test_a_signature_in_another_place_is_another_shape() -> None:
    data = proven()
    without = data.replace(SIGNATURE, b"", 1)
    at = without.index(b"<edXML:edXMLBody>")
    assert exact.read_exact(without[:at] + SIGNATURE + without[at:]) is None


def test_shapes_that_are_remembered_are_bounded() -> None:
    with patch.object(exact, "_proven", dict[exact._Shape, exact._Form]()) as known:
        with patch.object(exact, "PROVEN_MAX", 2):
            for count in range(1, 6):
                message = document(files=[(f"{number}.pdf", b"%PDF") for number in range(count)])
                assert exact.read_exact(signed(message)) is not None
                assert 1 <= len(known) <= 2
        with patch.object(exact, "SHAPE_MAX", 10):
            known.clear()
            assert exact.read_exact(DOCUMENT) is not None
            assert not known
