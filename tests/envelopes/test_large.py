"""`envelopes/large.py`, `envelopes/skeleton.py`: an envelope in a file is judged as in memory.

`tests.letters.judge` judges every vector of the other tests both ways; here is what only files
have: chunks, cuts, places, files that change.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest

from envelopes import dsig, edxml
from envelopes.c14n import canonical
from envelopes.errors import EnvelopeError, Malformed
from envelopes.large import InFile, copy_content, read_file
from envelopes.model import Document, Stored
from envelopes.pack import pack
from envelopes.report import Report
from envelopes.skeleton import CUT_MIN, MARKUP_MAX, Cutter, exceeds_markup
from envelopes.verify import verify, verify_file
from envelopes.wording import Indication
from tests.letters import document, judge, judge_in_file, receipt, same, sign_raw
from tests.pki import AT, P256

CONTENTS = {
    "quy-che.pdf": random.Random(1).randbytes(700),
    "rong": b"",
    "ngan": b"x" * 50,
    "phu luc.doc": random.Random(2).randbytes(1001),
}
LETTER = pack(document(files=list(CONTENTS.items())), P256.signer("H05"), signing_time=AT)
UNSIGNED = edxml.write(document(files=list(CONTENTS.items())))


def base64_of(name: str) -> bytes:
    return dsig.base64_text(CONTENTS[name]).encode()


def skeleton(data: bytes, **sizes: int) -> InFile:
    return InFile(io.BytesIO(data), len(data), **{"cut_min": 256, **sizes})


def in_file(data: bytes, limit: int = 1 << 31) -> Report:
    return verify_file(io.BytesIO(data), trust=P256.trust, at=AT, limit=limit)


# -- the same report ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [LETTER, receipt(), UNSIGNED], ids=["signed", "status", "unsigned"]
)
def test_chunks_of_any_size_come_to_the_same(data: bytes) -> None:
    whole = skeleton(data).data
    expected = same(verify(data, trust=P256.trust, at=AT))
    for size in (*range(1, 65), 1000, len(data) - 1, len(data), len(data) + 1):
        assert skeleton(data, chunk=size).data == whole
        if size in (1, 2, 3, 5, 63, 64, 1000, len(data) - 1, len(data)):
            assert same(judge_in_file(data, chunk=size)) == expected


def test_a_cut_at_every_place_comes_to_the_same() -> None:
    whole = skeleton(LETTER).data
    for at in range(LETTER.index(ATTACHED) - 100, len(LETTER)):
        cutter = Cutter(256)
        cutter.feed(LETTER[:at])
        cutter.feed(LETTER[at:])
        assert cutter.close().data == whole


def test_the_contents_of_attachments_are_not_in_the_skeleton() -> None:
    source = skeleton(LETTER)
    assert len(source.data) < len(LETTER) - 1500
    for name in ("quy-che.pdf", "phu luc.doc"):
        text = base64_of(name)
        assert text in LETTER
        assert text[64:-68] not in source.data
        assert text[:64] in source.data
        assert text[-64:] in source.data


def between(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


PDF, DOC = base64_of("quy-che.pdf"), base64_of("phu luc.doc")
MIDDLE = len(PDF) // 2
ATTACHED = LETTER[LETTER.index(b"<AttachmentEncoded>") : LETTER.index(b"</edXML>")]
ENVELOPE = LETTER[LETTER.index(b"<edXML:edXMLEnvelope") : LETTER.index(b"<AttachmentEncoded>")]
BEGIN, END = b"<edXML:ContentTransferEncoded>", b"</edXML:ContentTransferEncoded>"
SUBJECT = b"<edXML:Subject>"
SIGNATURE = LETTER[LETTER.index(dsig.START) : LETTER.index(dsig.END) + len(dsig.END)]


def attachments_first(data: bytes) -> bytes:
    return data.replace(ATTACHED, b"").replace(ENVELOPE, ATTACHED + ENVELOPE)


CHANGES = {
    "nothing": between(PDF, PDF),
    "one letter": between(PDF, PDF[:MIDDLE] + b"." + PDF[MIDDLE:]),
    "a letter less": between(PDF, PDF[:MIDDLE] + PDF[MIDDLE + 1 :]),
    "another letter": between(PDF, PDF[:MIDDLE] + b"A" + PDF[MIDDLE + 1 :]),
    "padding inside": between(PDF, PDF[:MIDDLE] + b"=" + PDF[MIDDLE + 1 :]),
    "no padding": between(DOC, DOC.rstrip(b"=")),
    "more padding": between(DOC, DOC + b"="),
    "spare bits": between(DOC, DOC.rstrip(b"=")[:-1] + b"5=="),
    "a line break": between(PDF, PDF[:MIDDLE] + b"\n" + PDF[MIDDLE:]),
    "blanks around": between(PDF, b" " + PDF + b"\n"),
    "blank behind": between(DOC, DOC + b" \n"),
    "a comment inside": between(PDF, PDF[:MIDDLE] + b"<!-- -->" + PDF[MIDDLE:]),
    "an element inside": between(PDF, PDF[:300] + b"<a></a>" + PDF[300:]),
    "an element before": between(PDF, b"<a></a>" + PDF),
    "CDATA": between(PDF, b"<![CDATA[" + PDF + b"]]>"),
    "a comment that holds one": between(SUBJECT, b"<!--" + ATTACHED + b"-->" + SUBJECT),
    "twice": between(ATTACHED, ATTACHED * 2),
    "contents twice": between(PDF + END, PDF + END + BEGIN + PDF + END),
    "attachments first": attachments_first,
    "other base64 in the subject": between(SUBJECT, SUBJECT + PDF),
    "a content in the subject": between(SUBJECT, SUBJECT + BEGIN + PDF + END),
    "behind the contents": between(b"</AttachmentEncoded>", b"</AttachmentEncoded> "),
    "not UTF-8 behind": between(b"</AttachmentEncoded>", b"\xff</AttachmentEncoded>"),
    "not UTF-8 in a content": between(PDF, PDF[:300] + b"\xff" + PDF[300:]),
    "NUL in a content": between(PDF, PDF[:300] + b"\0" + PDF[300:]),
    "cut off": lambda data: data[: data.index(PDF) + 600],
    "a tag of its own kind": between(b"<Attachment>", b'<Attachment a=">">'),
    "an attribute with a tag": between(b"<Attachment>", b'<Attachment a="<b>">'),
    "prefixes": between(b"<AttachmentEncoded>", b'<x:AttachmentEncoded xmlns:x="urn:x">'),
    "declaration": lambda data: b'<?xml version="1.0" encoding="utf-8"?>\n' + data,
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "no signature": lambda data: data.replace(SIGNATURE, b""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_around_a_cut_are_judged_as_in_memory(name: str) -> None:
    for data in (LETTER, UNSIGNED):
        changed = CHANGES[name](data)
        report = verify(changed, trust=P256.trust, at=AT)
        unchanged = data is LETTER and name == "nothing"
        assert (report.indication is Indication.PASSED) == unchanged
        for chunk in (1, 61, 10**6):
            assert same(judge_in_file(changed, chunk=chunk)) == same(report)


@pytest.mark.slow
def test_thousands_of_changes_are_judged_as_in_memory() -> None:
    chance = random.Random(20261123)
    pieces = [b"<", b">", b"=", b"A", b"\n", b"&", b"\xc3", b"</edXML:", b"<!--", b'"', b"\r", b"/"]
    for _ in range(2000):
        data = bytearray(chance.choice((LETTER, LETTER, UNSIGNED)))
        at = chance.randrange(len(data))
        kind = chance.randrange(3)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.choice((1, 1, 4, 300))]
        else:
            data[at:at] = chance.choice(pieces)
        assert judge(bytes(data)).indication is not Indication.PASSED


def test_a_signature_behind_the_attachments_needs_a_second_pass() -> None:
    """Nobody's order but allowed; the first pass cannot know what it has to digest."""
    before, after = edxml.split(document(files=list(CONTENTS.items())))
    attached = after[after.index(b"<AttachmentEncoded>") : after.index(b"</edXML>")]
    head, rest = before.split(b"<edXML:edXMLEnvelope", 1)
    parts = (
        head + attached + b"<edXML:edXMLEnvelope" + rest,
        after.replace(attached, b""),
    )
    data = sign_raw(document(), parts=parts)
    assert judge(data).indication is Indication.PASSED

    class Changing(io.BytesIO):
        passes = 0

        def seek(self, at: int, whence: int = 0) -> int:
            self.passes += (at, whence) == (0, 0)
            if self.passes == 2:
                self.getbuffer()[len(data) // 3] ^= 1
                self.passes = 3
            return super().seek(at, whence)

    source = InFile(Changing(data), len(data), cut_min=256, chunk=100)
    assert source._again(dsig.DIGESTS[next(iter(dsig.DIGESTS))], 0, 0) == ""


def test_a_mark_means_nothing_where_nothing_was_cut() -> None:
    """Whoever knows how marks look still cannot name one that will be used: it is a digest of
    the envelope that would hold it."""
    other = skeleton(LETTER).data
    begin = other.index(PDF[:64]) + 64
    mark = other[begin : begin + 48]
    data = pack(
        document(subject=f"Về việc {mark.decode()}", files=[("a", PDF[:48] + mark * 4)]),
        P256.signer("H05"),
        signing_time=AT,
    )
    assert judge(data).indication is Indication.PASSED


# -- limits ------------------------------------------------------------------------------------


def test_a_file_over_the_limit_is_refused_unread() -> None:
    class Endless(io.BytesIO):
        def seek(self, at: int, whence: int = 0) -> int:
            return 1 << 40

        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError

    report = verify_file(Endless(), trust=P256.trust, at=AT)
    assert (report.reason, report.size) == ("TOO_LARGE", 1 << 40)


@pytest.mark.parametrize("filling", [b" ", b"\0", b"QUJD", b"<a></a>", b"\xff"])
def test_what_is_not_attachments_is_read_up_to_a_limit_only(filling: bytes) -> None:
    data = LETTER[:400] + filling * (MARKUP_MAX // len(filling) + 100) + LETTER[400:]
    taken = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            taken.append(size)
            return super().read(size)

    report = verify_file(Counted(data * 4), trust=P256.trust, at=AT)
    assert report.reason == "TOO_LARGE"
    assert len(taken) < 12
    assert verify(data * 4, trust=P256.trust, at=AT, limit=1 << 31).reason == "TOO_LARGE"


def test_a_known_kind_of_file_is_named_however_large() -> None:
    data = b"%PDF-1.7" + b"\n" * (MARKUP_MAX + 10)
    assert in_file(data).checks[0].detail.startswith("a PDF file")
    assert (
        same(in_file(data))[0]
        == verify(data, trust=P256.trust, at=AT, limit=1 << 31).to_json_dict()
    )


def test_too_many_elements_are_not_cut_one_by_one() -> None:
    one = b"<AttachmentEncoded><Attachment><ContentTransferEncoded>" + b"QUJD" * 300
    one += b"</ContentTransferEncoded></Attachment></AttachmentEncoded>"
    data = b"<edXML>" + one * 15000 + b"</edXML>"
    assert exceeds_markup(data)
    assert not exceeds_markup(b"<edXML>" + one * 6000 + b"</edXML>")


# -- contents ----------------------------------------------------------------------------------


LARGE = random.Random(3).randbytes(3 * CUT_MIN + 1)


def large() -> tuple[bytes, Report]:
    data = pack(document(files=[("a", LARGE)]), P256.signer("H05"), signing_time=AT)
    return data, in_file(data)


def test_a_content_is_copied_from_where_it_lies() -> None:
    data, report = large()
    message = report.require_passed().message
    assert isinstance(message, Document)
    stored = message.attachments[0].stored
    assert stored == Stored(
        len(LARGE), sha256(LARGE).hexdigest(), data.index(dsig.base64_text(LARGE).encode())
    )
    assert message.attachments[0].content == b""
    out = io.BytesIO()
    copy_content(io.BytesIO(data), stored, out)
    assert out.getvalue() == LARGE


def test_what_a_file_says_is_read_without_its_contents() -> None:
    data, report = large()
    message, findings = read_file(io.BytesIO(data))
    assert isinstance(message, Document)
    assert message.attachments == report.require_passed().message.attachments  # type: ignore[union-attr]
    assert [one.code for one in findings] == [one.code for one in edxml.read(data)[1]]
    with pytest.raises(Malformed, match="TOO_LARGE"):
        read_file(io.BytesIO(data), limit=len(data) - 1)


@pytest.mark.parametrize("change", [b"A", b"=", b"<"])
def test_a_content_that_changed_is_told(change: bytes) -> None:
    data, report = large()
    stored = report.attachments[0].stored
    assert stored is not None
    at = stored.begin + 2000
    assert data[at : at + 1] != change
    for other in (data[:at] + change + data[at + 1 :], data[:at]):
        with pytest.raises(Malformed, match="the file changed"):
            copy_content(io.BytesIO(other), stored, io.BytesIO())


def test_what_is_in_a_file_is_not_given_out_as_bytes() -> None:
    _, report = large()
    passed = report.require_passed()
    with pytest.raises(EnvelopeError, match="read it from there"):
        _ = passed.data
    with pytest.raises(Malformed, match="in a file"):
        edxml.write(passed.message)


def test_a_naive_time_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verify_file(
            io.BytesIO(LETTER), trust=P256.trust, at=(AT + timedelta()).replace(tzinfo=None)
        )


def test_the_whole_is_canonical_where_the_skeleton_is() -> None:
    from lxml import etree

    data = skeleton(LETTER).data
    assert canonical(etree.fromstring(data)) == data
