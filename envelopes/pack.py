"""Messages to signed envelopes, in one pass and without a tree.

`edxml.split` writes the canonical bytes before and after the place of the signature; their digest
goes into it, and the envelope is before + signature + after. `prepare` and `complete` are the two
halves for a key that is elsewhere: between them lies only `to_sign`.

    data = pack(with_trace(document, "H05", now), signer, signing_time=now)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from keys import algorithms
from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate

from . import dsig, edxml
from .content import content_problem
from .errors import EnvelopeError, Malformed
from .model import (
    Attachment,
    Business,
    Code,
    Document,
    DocumentType,
    Message,
    Organization,
    OtherInfo,
    PromulgationInfo,
    Reference,
    Status,
    Stored,
    Trace,
    TraceHeaderList,
)
from .profile import profile_problem

if TYPE_CHECKING:
    from keys.signer import Signer

VIETNAM: Final = timezone(timedelta(hours=7))  # no summer time since 1975
ARRIVED: Final = "01"  # the status that proves receipt

# ContentType as the official SDK writes it, by ending; its spelling of office types included.
CONTENT_TYPES: Final[Mapping[str, str]] = {
    ending: f"application/{ending}" for ending in ("pdf", "doc", "docx", "zip")
}
OTHER_CONTENT: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """An envelope that lacks only the value of its signature.

    Args:
        to_sign: canonical SignedInfo: the bytes for the key.
        algorithm: how it has to be signed.
        leaf: the certificate of the key.
        before, after: canonical bytes around the signature.
        signature: the signature up to its value.
    """

    to_sign: bytes
    algorithm: SignatureAlgorithm
    leaf: Certificate
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    signature: dsig.Unsigned = field(repr=False)


def prepare(
    message: Message,
    chain: Sequence[Certificate],
    algorithm: SignatureAlgorithm,
    signing_time: datetime,
) -> Unsigned:
    """Write an envelope up to the value of its signature.

    Args:
        message: what it says; a status 01 is signed as proof of receipt.
        chain: leaf first, no root; the receiver gets all of it.
        algorithm: of the leaf's key.
        signing_time: aware; whole seconds count.

    Raises:
        Malformed: content that every receiver would have to refuse (`content.content_problem`) or
            that the law does not allow us to send (`profile.profile_problem`), or a character
            that XML cannot carry.
    """
    refuse_problem(message)
    before, after = edxml.split(message)
    receipt = isinstance(message, Status) and message.status_code == ARRIVED
    signature = dsig.prepare((before, after), chain, algorithm, signing_time, receipt=receipt)
    return Unsigned(signature.to_sign, algorithm, chain[0], before, after, signature)


def complete(unsigned: Unsigned, signature: bytes) -> bytes:
    """The envelope, with the value that the key gave for `to_sign`.

    Raises:
        EnvelopeError: the value is not of that key; a faulty token or service must not make an
            envelope that everybody refuses.
    """
    element = signature_element(unsigned.signature, unsigned.leaf, signature)
    return unsigned.before + element + unsigned.after


def refuse_problem(message: Message) -> None:
    """Raises Malformed for what every receiver would have to refuse or the law forbids to send."""
    problem = content_problem(message) or profile_problem(message)
    if problem is not None:
        raise Malformed(f"{problem.reason}: {problem.detail}", element=problem.element)


def signature_element(unsigned: dsig.Unsigned, leaf: Certificate, signature: bytes) -> bytes:
    """The ds:Signature with the value that the key of `leaf` gave. Raises as `complete`."""
    value = dsig.normal(unsigned.algorithm, signature)
    if not algorithms.verify(unsigned.algorithm, leaf.public_key, value, unsigned.to_sign):
        raise EnvelopeError(
            f"the signature does not belong to the certificate {leaf.subject}: check which key "
            "the signer uses"
        )
    return dsig.complete(unsigned, value)


def pack(message: Message, signer: Signer, *, signing_time: datetime) -> bytes:
    """Write and sign an envelope (đóng gói và ký). Raises as `prepare` and `complete`, and
    whatever the signer raises."""
    unsigned = prepare(message, signer.chain, signer.algorithm, signing_time)
    return complete(unsigned, signer.sign(unsigned.to_sign))


def local_time(at: datetime) -> str:
    """A time as edXML writes it: yyyy/MM/dd HH:mm:ss, Vietnam, no zone."""
    return at.astimezone(VIETNAM).strftime("%Y/%m/%d %H:%M:%S")


def with_trace(document: Document, organ_id: str, at: datetime) -> Document:
    """The document with one more hop in its TraceHeaderList; the earlier ones stay."""
    trace = document.trace or TraceHeaderList()
    hop = Trace(organ_id=organ_id, timestamp=local_time(at))
    return replace(document, trace=replace(trace, traces=(*trace.traces, hop)))


def new_document(
    *,
    sender: str,
    to: Mapping[str, str],
    number: str,
    notation: str,
    subject: str,
    date: date,
    files: Sequence[tuple[str, bytes | Stored]],
    sender_name: str = "",
    type_name: str = "",
    place: str = "",
    priority: int = 0,
) -> Document:
    """A new document (văn bản mới) from a few facts and files.

    Args:
        sender, sender_name: OrganId and name of the issuing organ.
        to: OrganId -> name of each recipient; a name may be "".
        number, notation: as 98 and QĐ-UBND.
        subject: trích yếu.
        date: of promulgation.
        files: name and bytes of each attachment, taken as they are; or the facts of a file that
            `pack_file.pack_to` will read.
        type_name: as "Quyết định".
        place: of promulgation.
        priority: 0 thường to 4 hỏa tốc hẹn giờ.
    """
    day = date.strftime("%Y/%m/%d")
    attachments = tuple(_attachment(i, *file) for i, file in enumerate(files, start=1))
    return Document(
        sender=_organization(sender, sender_name),
        to=tuple(_organization(organ_id, name) for organ_id, name in to.items()),
        document_id=f"{sender},{day},{number}/{notation}",
        code=Code(number=number, notation=notation),
        promulgation=PromulgationInfo(place=place or None, date=day),
        document_type=DocumentType(type="1", type_name=type_name or None),
        subject=subject,
        other_info=OtherInfo(priority_text=str(priority)),
        trace=TraceHeaderList(business=Business(type="0", paper="0")),
        manifest=tuple(
            Reference(content_id=one.content_id, content_type=one.content_type, name=one.name)
            for one in attachments
        ),
        attachments=attachments,
    )


def _organization(organ_id: str, name: str) -> Organization:
    return Organization(organ_id=organ_id, name=name or None)


def _attachment(position: int, name: str, content: bytes | Stored) -> Attachment:
    """ContentId from position and content: the same document twice gives the same bytes."""
    ending = name.rpartition(".")[2].lower()
    stored = content if isinstance(content, Stored) else None
    inline = b"" if isinstance(content, Stored) else content
    digest = stored.sha256 if stored else sha256(inline).hexdigest()
    return Attachment(
        content_id=f"cid:{position}-{digest[:32]}",
        name=name,
        content_type=CONTENT_TYPES.get(ending, OTHER_CONTENT),
        content=inline,
        stored=stored,
    )
