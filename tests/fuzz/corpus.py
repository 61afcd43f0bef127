"""The signed envelopes that fuzzing starts from, and the keys of an attacker.

Every envelope in `originals()` passes. Keys are new in every process, as everywhere in the tests;
what is done to the envelopes depends on the seed alone.
"""

from dataclasses import replace
from functools import cache
from hashlib import sha256

from envelopes.model import Attachment, Document
from envelopes.pack import pack
from keys.signer import SoftwareSigner
from tests.letters import document, judge, letter, receipt, sign_raw, status
from tests.pki import AT, OTHER, P256, Pki, signer_of

STRANGER = '<x:More xmlns:x="urn:x"><x:One Id="a">1</x:One></x:More>'
ODD_TEXT = "a & b < c > d \"e\" 'f' \t\n ế \r ế ]]> 😀"
OUTSIDER = "H77"  # an organ with a good certificate that no envelope of the corpus names


def _second_sender() -> Document:
    return replace(
        document(sender="H13", sender_name="Cần Thơ", to={"H05": "Bắc Ninh"}, number="7"),
        unknown=(STRANGER,),
    )


@cache
def originals() -> tuple[bytes, ...]:
    """Documents and statuses of three organs, in the forms that differ for the verifier."""
    h01, h05, h13 = (P256.signer(organ) for organ in ("H01", "H05", "H13"))
    two_files = document(subject=ODD_TEXT, files=[("a.pdf", b"%PDF a"), ("ế&<.txt", b"\x00\xff")])
    bare = document(files=[], number="1")
    return (
        letter(),
        receipt(sha256=sha256(letter()).hexdigest()),
        receipt("03", sha256(letter()).hexdigest()),
        pack(two_files, h05, signing_time=AT),
        pack(_second_sender(), h13, signing_time=AT),
        pack(bare, h05, signing_time=AT),
        pack(status("02", description="từ chối"), h01, signing_time=AT),
        sign_raw(replace(document(), errors=None, attachments=_empty_file(), manifest=_listed())),
    )


def _empty_file() -> tuple[Attachment, ...]:
    return (replace(document().attachments[0], content=b""),)


def _listed() -> tuple[object, ...]:
    return document().manifest


@cache
def accepted() -> frozenset[bytes]:
    """The only bytes that may ever pass."""
    for data in originals():
        assert judge(data).reason == "", judge(data).text("en")
    return frozenset(originals())


@cache
def attackers() -> tuple[SoftwareSigner, ...]:
    """Signers whose word must not count: another CA with the same names, the wrong organ, a
    certificate that ended or may not sign, a key that is too short, a chain without its CA."""
    return (
        OTHER.signer("H05"),
        OTHER.signer("H01"),
        P256.signer(OUTSIDER),
        P256.signer("H05", "expired"),
        P256.signer("H05", "encipherment only"),
        P256.signer("H05", "for servers"),
        P256.signer("H05", "rsa1024"),
        signer_of(P256.organ(OUTSIDER), (P256.organ("H05").certificate,)),
        signer_of(Pki("self", "p256").root),
        P256.signer("H05", "not yet valid"),
    )
