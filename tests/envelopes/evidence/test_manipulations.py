"""What can be done to a bundle: each file and each place of it removed, changed, exchanged.

Catalogue G2 and G3 (an older checkpoint, another history), G5 (journal and reality) and peer
failure 31 (a stranger with nothing but the bundle sees every manipulation).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from envelopes.evidence import bundle
from envelopes.pack import pack
from envelopes.wording import Indication
from tests.envelopes.evidence.bundles import (
    contents,
    files,
    journal,
    judge,
    make,
    reasons,
    receipt,
    receipts,
    unzipped,
    zipped,
)
from tests.letters import document, letter
from tests.pki import AT, OTHER, P256

FILES = unzipped(make())
NAMES = list(FILES)
Case = tuple[str, bytes, str]  # what was done, the bundle, the reason that has to be told


def removed() -> Iterator[Case]:
    for name in NAMES:
        left = {one: data for one, data in FILES.items() if one != name}
        reason = "BUNDLE_FORM" if name == "META-INF/signatures.xml" else "FILE_MISSING"
        yield f"{name} removed", zipped(left), reason


def flipped() -> Iterator[Case]:
    """A byte of each file, at three places, with the checksum as it was and made to fit."""
    for name, data in FILES.items():
        for at in (0, len(data) // 2, len(data) - 1):
            changed = bytearray(data)
            changed[at] ^= 1
            reason = "BUNDLE_FORM|SIG_CRYPTO_FAILURE|" if "signatures" in name else ""
            reason += "FILE_CHANGED"
            raw = bytearray(zipped(FILES))
            begin = raw.index(data)
            raw[begin + at] ^= 1
            yield f"{name} byte {at}, checksum as it was", bytes(raw), reason
            yield f"{name} byte {at}", zipped({**FILES, name: bytes(changed)}), reason


def cut() -> Iterator[Case]:
    for name, data in FILES.items():
        reason = "BUNDLE_FORM" if "signatures" in name else "FILE_CHANGED"
        yield f"{name} empty", zipped({**FILES, name: b""}), reason
        yield f"{name} cut", zipped({**FILES, name: data[:-1]}), reason
        yield f"{name} longer", zipped({**FILES, name: data + b"\n"}), reason


def added() -> Iterator[Case]:
    for name in (
        *("x.txt", "receipts/H01-02-1.edxml", "META-INF/signatures2.xml", "META-INF/x.xml"),
        *("timestamps/" + "0" * 64 + "-1.tst", "evidence/x.crl", "evidence/x.ocsp"),
        *("envelope2.edxml", "journal/proof2.json", "certificates/" + "0" * 64 + ".pem"),
    ):
        yield f"{name} added", zipped({**FILES, name: b"x"}), "FILE_ADDED"
        first = {name: b"x", **FILES}
        yield f"{name} added in front", zipped(first), "FILE_ADDED"


def moved() -> Iterator[Case]:
    for at in range(len(NAMES) - 1):
        order = [*NAMES[:at], NAMES[at + 1], NAMES[at], *NAMES[at + 2 :]]
        yield f"{order[at]} moved", zipped({name: FILES[name] for name in order}), "BUNDLE_FORM"
    yield "reversed", zipped(dict(reversed(FILES.items()))), "BUNDLE_FORM"


def renamed() -> Iterator[Case]:
    for name in NAMES:
        other = f"{name}x"
        data = {other if one == name else one: content for one, content in FILES.items()}
        reason = "BUNDLE_FORM" if "signatures" in name else "FILE_MISSING"
        yield f"{name} renamed", zipped(data), reason


def exchanged() -> Iterator[Case]:
    """Two files that are both genuine, in each other's place."""
    names = ["envelope.edxml", *receipts(), "bundle.json", "directory.json", "journal/proof.json"]
    for one, other in pairwise(names):
        data = {**FILES, one: FILES[other], other: FILES[one]}
        yield f"{one} and {other} exchanged", zipped(data), "FILE_CHANGED"


def replaced() -> Iterator[Case]:
    """Genuine files of other documents, or older ones."""
    foreign = pack(document(number="99"), P256.signer("H05"), signing_time=AT)
    other = receipt("H01", data=foreign)
    older = journal([])
    for name, by, data in (
        ("envelope.edxml", "another", foreign),
        ("receipts/H01-01-1.edxml", "one of another document", other),
        ("receipts/H01-01-1.edxml", "another of this document", receipt("H01", "03")),
        ("receipts/H01-01-1.edxml", "that of the other recipient", receipt("H13")),
        ("journal/proof.json", "an older checkpoint", older),
    ):
        yield f"{name} replaced by {by}", zipped({**FILES, name: data}), "FILE_CHANGED"
    signed = unzipped(make(files(**{"receipts/H01-01-1.edxml": other})))
    yield (
        "signature of another bundle",
        zipped({**FILES, "META-INF/signatures.xml": signed["META-INF/signatures.xml"]}),
        "FILE_CHANGED",
    )


def signed_again() -> Iterator[Case]:
    """Changed and signed anew: by a stranger, by somebody else who is trusted, by the maker."""
    less = files(**{"receipts/H13-01-1.edxml": None})
    yield "signed by a stranger", make(less, OTHER.signer("H05")), "NO_CERTIFICATE_CHAIN_FOUND"
    yield "signed by a recipient", make(less, P256.signer("H01")), "SIGNER_NOT_SENDER"
    third = {**less, bundle.CONTENTS: contents(organ="H26")}
    yield "signed by a third", make(third, P256.signer("H26")), "MAKER_NO_PARTY"
    yield (
        "signed as a recipient",
        make({**less, bundle.CONTENTS: contents(role=bundle.RECEIVER)}),
        "MAKER_NO_PARTY",
    )
    yield "a receipt left out by the maker", make(less), "RECEIPT_MISSING"
    other = pack(document(number="99"), P256.signer("H05"), signing_time=AT)
    yield (
        "a receipt of another document",
        make(files(**{"receipts/H01-03-1.edxml": receipt("H01", "03", other)})),
        "RECEIPT_OF_OTHER_BYTES",
    )
    yield (
        "a document as receipt",
        make(files(**{"receipts/H01-03-1.edxml": letter()})),
        "RECEIPT_OF_OTHER_BYTES",
    )
    yield (
        "a receipt of no recipient",
        make(files(**{"receipts/H26-01-1.edxml": receipt("H26")})),
        "RECEIPT_NO_PARTY",
    )
    yield "another document", make(files(**{bundle.ENVELOPE: other})), "CONTENTS_DISAGREE"
    yield "another size", make(files(**{bundle.CONTENTS: contents(size=1)})), "CONTENTS_DISAGREE"
    yield (
        "an older journal",
        make(files(**{bundle.CONTENTS: contents(tracking_id="02TRACKING")})),
        "CONTENTS_DISAGREE",
    )
    yield (
        "a journal of another",
        make(files(**{bundle.JOURNAL: journal([], P256.signer("H01"), "H01")})),
        "JOURNAL_OF_ANOTHER",
    )
    yield (
        "a journal signed by another",
        make(files(**{bundle.JOURNAL: journal([], P256.signer("H01"))})),
        "SIGNER_NOT_SENDER",
    )
    lines = FILES["journal/proof.json"]
    yield (
        "a line changed",
        make(files(**{bundle.JOURNAL: lines.replace(b"receipt_verified", b"receipt_refused")})),
        "JOURNAL_UNPROVEN",
    )
    yield (
        "no line",
        make(files(**{bundle.JOURNAL: lines.replace(b'\\"event', b"event")})),
        ("JOURNAL_UNPROVEN"),
    )
    for broken in (b"{}", b"", b"[" * 9999, lines.replace(b"docexchange/checkpoint/v1", b"x")):
        yield (
            f"journal {broken[:9]!r}",
            make(files(**{bundle.JOURNAL: broken})),
            ("CONTENT_UNREADABLE"),
        )
    pem = next(name for name in NAMES if name.startswith("certificates/"))
    wrong = f"certificates/{'0' * 64}.pem"
    yield "another certificate", make(files(**{pem: None, wrong: FILES[pem]})), "CONTENT_UNREADABLE"
    yield "no certificate", make(files(**{pem: b"x"})), "CONTENT_UNREADABLE"
    yield "no directory", make(files(**{bundle.DIRECTORY: b"x"})), "CONTENT_UNREADABLE"
    yield "a file without a place", make(files(**{"x.exe": b"x"})), "BUNDLE_FORM"
    for name in (bundle.README, bundle.CONTENTS, bundle.ENVELOPE, bundle.JOURNAL):
        yield f"{name} left out", make(files(**{name: None})), "BUNDLE_FORM"


def structure() -> Iterator[Case]:
    """Every byte of a header of the first file, and of the end; and more around it."""
    whole = make()
    end = len(whole) - 22
    for at in (*range(30 + len("mimetype")), *range(end, len(whole))):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        yield f"byte {at} of the archive", bytes(changed), "NOT_A_ZIP|ARCHIVE_FORM|FILE_CHANGED"
    yield "something behind", whole + b"\0", "ARCHIVE_FORM"
    yield "something in front", b"\0" + whole, "NOT_A_ZIP"
    yield "cut off", whole[:-1], "ARCHIVE_FORM"
    yield "nothing", b"", "NOT_A_ZIP"
    yield "two of them", whole + whole, "ARCHIVE_FORM"


KINDS = (
    *(removed, flipped, cut, added, moved, renamed, exchanged, replaced, signed_again),
    structure,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_peer_failure_31_none_of_it_passes_and_each_says_why(
    kind: Callable[[], Iterator[Case]],
) -> None:
    for done, data, reason in kind():
        report = judge(data)
        assert report.indication is not Indication.PASSED, done
        told = reasons(report)
        assert told & set(reason.split("|")), (done, told)


def test_there_are_at_least_200() -> None:
    names = [done for kind in KINDS for done, _, _ in kind()]
    assert len(names) == len(set(names)) >= 200


def test_random_changes_never_pass_and_never_raise() -> None:
    whole, rng = zipped(FILES), random.Random(31)
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            begin, length = rng.randrange(len(data)), rng.randint(0, 40)
            data[begin : begin + length] = rng.randbytes(rng.choice((0, 1, length, 60)))
        if bytes(data) != whole:
            assert judge(bytes(data)).indication is not Indication.PASSED


def test_what_was_not_manipulated_passes() -> None:
    assert judge(zipped(FILES)).indication is Indication.PASSED


def test_g2_a_journal_written_anew_needs_a_witness_and_the_bundle_says_so() -> None:
    """Who holds the key can write another history; the verdict never hides it."""
    report = judge(make(files(**{bundle.JOURNAL: journal([])})))  # one without the receipts
    assert report.indication is Indication.PASSED
    assert "ONE_WITNESS" in {one.code for one in report.gaps}


def test_g5_what_the_journal_names_is_there() -> None:
    less = files(**{"receipts/H13-01-1.edxml": None})
    assert reasons(judge(make(less))) == {"RECEIPT_MISSING"}
    fitting = journal([receipts()["receipts/H01-01-1.edxml"]])
    assert reasons(judge(make({**less, bundle.JOURNAL: fitting}))) == set()
