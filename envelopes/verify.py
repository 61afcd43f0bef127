"""Judge the bytes of an envelope: who signed it, whether that may be, whether it is intact.

    1 gate          hostile bytes in, inert tree out
    2 shape         one envelope, one signature at its place; the bytes are the canonical form
    3 algorithms    on the list at `at`; exactly the two references and their transforms
    4 digests       of the whole envelope and of the signed properties
    5 signature     value over SignedInfo, by the first certificate
    6 signing       every certificate in the signature is one of those that were signed
      certificate
    7 path          to a trust anchor at `at`; SigningTime inside the certificate's validity and
                    not later than `at` + skew
    8 revocation    by the policy of the trust anchor
    9 timestamp     a token beside the envelope is told, not judged yet: the signing time is
                    claimed, not proven
    10 organ        the signer may speak for From/OrganId
    11 content      manifest and attachments agree, required fields, no secret classification
    12 receipt_of   only of `cross_check`: the receipt speaks of the envelope given beside it

All steps that can run do run; a step that needs one that did not pass is not reached. The worst
step decides. Nothing here reads a clock, a file or the network, and nothing raises for input.

No byte may change unnoticed. The bytes received, less those of the signature, must be the
canonical form of the tree (step 2), so they are what was digested (step 4), to the last space;
and the bytes of the signature are those that `dsig` would write for the values it holds, each
of which is digested, signed or compared. A copy that was only laid out anew is refused too.

Source: ETSI EN 319 102-1 V1.4.1 for the words; W3C XMLDSig 3.2 for core validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from lxml import etree

from keys.certificates import Certificate
from keys.trust import Path, Trust

from . import dsig, edxml, gate, legacy, shape
from .c14n import canonical, detach
from .content import ContentProblem, content_problem
from .errors import Malformed, Refused
from .exact import read_exact
from .judge import Opened, judge, not_reached, passed, problem
from .model import SHA256, Document, Message, Status
from .report import AttachmentSummary, Check, Finding, Report

__all__ = [
    "SIGNING_SKEW",
    "Binding",
    "ContentProblem",
    "SubjectBinding",
    "content_problem",
    "cross_check",
    "verify",
]

SIGNING_SKEW: Final = timedelta(minutes=5)  # clocks of two nodes may differ by this much


class Binding(Protocol):
    """Who may sign for whom; the directory of a node is one."""

    def speaks_for(
        self, organ_id: str, chain: Sequence[Certificate], at: datetime
    ) -> tuple[bool | None, str]:
        """Whether the leaf may sign for the organ (None: no binding is known), and why."""
        ...


class SubjectBinding:
    """A certificate speaks for the OrganId in its own subject (OID 2.5.4.97), whoever issued it.

    Used when no directory is given: the trust anchors alone then vouch for the binding.
    """

    def speaks_for(
        self,
        organ_id: str,
        chain: Sequence[Certificate],
        at: datetime,  # noqa: ARG002  # of the protocol; a subject does not change with time
    ) -> tuple[bool | None, str]:
        """Compare exactly; a certificate without the attribute is bound to nobody."""
        named = chain[0].organ_id
        if not named:
            return None, "no directory given, and the certificate names no organ"
        return named == organ_id, f"no directory given; the certificate names {named}"


def verify(
    data: bytes,
    *,
    trust: Trust,
    at: datetime,
    directory: Binding | None = None,
    timestamp: bytes | None = None,
    skew: timedelta = SIGNING_SKEW,
    limit: int = gate.BYTES_MAX,
    file: str = "",
) -> Report:
    """Judge an envelope. Never raises for any input.

    Args:
        data: the bytes as they came.
        trust: anchors, each with its revocation policy.
        at: the time for which to judge, aware: arrival, or what an auditor asks for.
        directory: who may sign for whom; without it `SubjectBinding`, and the report says so.
        timestamp: an RFC 3161 token (DER) over the canonical ds:SignatureValue, None if there is
            none. It is kept beside the envelope, whose bytes never change.
        skew: how far SigningTime may lie after `at`.
        limit: largest envelope, bytes.
        file: name to print, "" if none.

    Source: design of the exchange, the numbered steps above.
    """
    if at.tzinfo is None:
        raise ValueError(
            "`at` needs a time zone: a naive time would mean another instant elsewhere"
        )
    known = read_exact(data, limit)
    if known is not None:
        content = _Read(known.message)
        place = (known.begin, known.end)
        opened = Opened(_around(data, *place), known.signature, None)
    else:
        root = _open(data, limit)
        if isinstance(root, Check):
            return Report(data, at, (root, *not_reached(*range(2, 12))), file=file)
        content, opened, place = _open_content(data, root, limit)
    judged = judge(opened, trust, at, skew, timestamp)
    organ = _organ(judged.path, content.message, directory or SubjectBinding(), at)
    return Report(
        data,
        at,
        (passed(1), *judged.checks, organ, _content(content)),
        signer=judged.signer,
        signed_at=opened.signature.signing_time if opened.signature else None,
        signature_at=place,
        message=content.message,
        findings=content.findings,
        file=file,
        **_claims(content.message),
    )


# -- steps 1 and 2: bytes -> tree, signature ---------------------------------------------------


def _open(data: bytes, limit: int) -> etree._Element | Check:
    signed = dsig.START in data  # without one of ours it is only read, never believed
    try:
        return gate.open_gate(data, signed=signed, limit=limit)
    except Refused as refused:
        return problem(1, refused.reason, refused.detail)


def _open_content(
    data: bytes, root: etree._Element, limit: int
) -> tuple[_Read, Opened, tuple[int, int]]:
    """Take the signature out of the tree and hold the bytes around it against the canonical form
    of the rest; read the content.

    When they are equal, the tree that was parsed once is the tree of what was signed, and what
    was read from it is what the signer wrote.
    """
    located = shape.locate(root)
    if isinstance(located, shape.Fault):
        return _read(data, limit), Opened((), None, located), (0, 0)
    # The gate lets no '<' pass but that of a tag, and the tree has one ds:Signature: this one.
    begin = data.find(dsig.START)
    end = data.find(dsig.END, begin) + len(dsig.END)
    signature = dsig.read(data[begin:end]) if begin >= 0 else None
    if signature is None:
        opened = Opened((), None, shape.explain(located), legacy.read(located))
        return _read(data, limit), opened, (0, 0)
    detach(located)
    pieces, fault = _canonical(data, root, begin, end)
    return _read(root, limit), Opened(pieces, signature, fault), (begin, end)


def _canonical(
    data: bytes, root: etree._Element, begin: int, end: int
) -> tuple[tuple[bytes | memoryview, ...], shape.Fault | None]:
    """The canonical form of what was signed, and whether the bytes around the signature are it."""
    received = _around(data, begin, end)
    try:
        rest = canonical(root)
    except etree.C14NError as error:
        return (), _not_canonical(f"no canonical form: {error}")
    if b"".join(received) == rest:
        return received, None
    at = _first_difference(b"".join(received), rest)
    at += 0 if at < begin else end - begin
    return (rest,), _not_canonical(f"byte {at} is not as the canonical form has it")


def _around(data: bytes, begin: int, end: int) -> tuple[memoryview, memoryview]:
    """The bytes before and after the signature."""
    view = memoryview(data)
    return view[:begin], view[end:]


def _not_canonical(detail: str) -> shape.Fault:
    return shape.Fault(shape.STRUCTURE_STEP, "NOT_CANONICAL", detail)


def _first_difference(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:  # halves, so that a large envelope costs a few comparisons
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# -- steps 10 and 11: what it says -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """The content, or why it cannot be read."""

    message: Message | None
    findings: tuple[Finding, ...] = ()
    unreadable: str = ""


def _read(source: etree._Element | bytes, limit: int) -> _Read:
    """Read the tree of what was signed; what nobody signed is read tolerantly, as a mere claim."""
    try:
        message, findings = edxml.read(source, limit=limit)
    except Malformed as malformed:
        return _Read(None, unreadable=str(malformed))
    return _Read(message, findings)


def _organ(path: Path | None, message: Message | None, binding: Binding, at: datetime) -> Check:
    """Step 10. Without a path nobody vouches for what the certificate says of itself."""
    if path is None or not path.chain or message is None:
        return not_reached(10)[0]
    organ_id = message.sender.organ_id or ""
    speaks, why = binding.speaks_for(organ_id, path.chain, at)
    if speaks:
        return passed(10, why)
    reason = "NO_BINDING" if speaks is None else "SIGNER_NOT_SENDER"
    return problem(10, reason, f"From is {organ_id or 'empty'}; {why}")


def _content(content: _Read) -> Check:
    if content.message is None:
        return problem(11, "CONTENT_UNREADABLE", content.unreadable)
    found = content_problem(content.message)
    return passed(11) if found is None else problem(11, found.reason, found.detail)


def _claims(message: Message | None) -> dict[str, Any]:
    """What the content says of itself, proven or not."""
    if message is None:
        return {}
    if isinstance(message, Document):
        return {
            "kind": "document",
            "document_id": message.document_id or "",
            "sender": message.sender.organ_id or "",
            "to": message.recipients,
            "attachments": tuple(
                AttachmentSummary(attachment.name or "", attachment.content)
                for attachment in message.attachments
            ),
        }
    return {
        "kind": "status",
        "document_id": message.response_for.document_id or "",
        "sender": message.sender.organ_id or "",
        "to": (message.response_for.organ_id,) if message.response_for.organ_id else (),
        "status_code": message.status_code or "",
        "received_sha256": _received(message),
    }


def _received(status: Status) -> str:
    """Hex SHA-256 of the envelope that a status speaks of, "" without a readable one."""
    received = status.received
    if received is None or received.algorithm != SHA256:
        return ""
    digest = dsig.strict_base64(received.value) or b""
    return digest.hex() if len(digest) == 32 else ""


# -- several files together --------------------------------------------------------------------


def cross_check(reports: Sequence[Report]) -> tuple[Report, ...]:
    """Hold the receipts among some reports against the documents among them.

    A status whose Received digest is that of a document given gets a passed check, and the name
    of its file. One that names a document given, but other bytes of it, fails. One whose document
    is not given stays as it is.
    """
    documents = [report for report in reports if report.kind == "document"]
    by_digest = {document.sha256: document for document in documents}
    by_name: dict[tuple[str, str], Report] = {}
    for document in documents:
        by_name.setdefault((document.sender, document.document_id), document)
    return tuple(
        _compared(report, by_digest, by_name) if report.kind == "status" else report
        for report in reports
    )


def _compared(
    status: Report, by_digest: dict[str, Report], by_name: dict[tuple[str, str], Report]
) -> Report:
    match = by_digest.get(status.received_sha256)
    if match is not None:
        check = passed(12, f"speaks of {match.file or match.sha256}")
        return status.with_check(check, match.file)
    sender = status.to[0] if status.to else ""
    other = by_name.get((sender, status.document_id))
    if other is None or not status.received_sha256:
        return status
    detail = f"speaks of {status.received_sha256[:16]}, given was {other.sha256[:16]}"
    return status.with_check(problem(12, "RECEIPT_OF_OTHER_BYTES", detail))
