"""Judge the bytes of an envelope: who signed it, whether that may be, whether it is intact.

    1 gate          hostile bytes in, inert tree out
    2 shape         one envelope, one signature at its place; the bytes are the canonical form
    3 algorithms    on the list at `at`; exactly the two references and their transforms
    4 digests       of the whole envelope and of the signed properties
    5 signature     value over SignedInfo, by the first certificate
    6 signing       every certificate in the signature is one of those that were signed
      certificate
    7 path          to a trust anchor at the proven time (step 9), without one at `at`;
                    SigningTime inside the certificate's validity and not later than that + skew
    8 revocation    by the CRLs and OCSP answers at hand; missing ones count by the policy of the
                    trust anchor
    9 timestamp     a token beside the envelope, or in a copy of it, proves when the signature
                    existed; without one the signing time is claimed, not proven
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
from typing import Any, BinaryIO, Final, Protocol

from lxml import etree

from keys.algorithms import DigestAlgorithm
from keys.certificates import Certificate
from keys.revocation import Evidence
from keys.trust import Path, Trust

from . import dsig, edxml, gate, legacy, shape
from .c14n import canonical, detach
from .content import ContentProblem, content_problem
from .errors import Malformed, Refused
from .exact import read_exact
from .judge import Opened, judge, not_reached, passed, problem
from .large import LARGE_MAX, Digest, InFile, Whole
from .model import SHA256, Document, Message, Status, Stored
from .report import AttachmentSummary, Check, Finding, Report

__all__ = [
    "SIGNING_SKEW",
    "Binding",
    "ContentProblem",
    "Documents",
    "SubjectBinding",
    "content_problem",
    "cross_check",
    "verify",
    "verify_file",
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
    evidence: Evidence | None = None,
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
        timestamp: a stamp (`evidence.stamp`): an RFC 3161 token over the signature, alone or with
            its path in a tree; None if there is none. It is judged by `trust.authorities`. What it
            proves decides whether a revocation came before the signature.
        evidence: CRLs and OCSP answers at hand, None if there are none.
        skew: how far SigningTime may lie after `at`.
        limit: largest envelope, bytes.
        file: name to print, "" if none.

    Source: design of the exchange, the numbered steps above.
    """
    proof = Proof(timestamp, evidence)
    return verify_source(Whole(data), trust, at, directory, proof, skew, limit, file)


def verify_file(
    envelope: BinaryIO,
    *,
    trust: Trust,
    at: datetime,
    directory: Binding | None = None,
    timestamp: bytes | None = None,
    evidence: Evidence | None = None,
    skew: timedelta = SIGNING_SKEW,
    limit: int = LARGE_MAX,
    file: str = "",
) -> Report:
    """Judge an envelope where it lies, in a few megabytes of memory whatever its size.

    Args:
        envelope: open for reading and seekable; read once, and again only when its signature
            does not stand at its beginning or its bytes are not canonical.

    Returns:
        The report that `verify` gives for the same bytes; its attachments tell size, digest and
        place of contents that were left out, for `large.copy_content`.

    Raises:
        OSError: the file cannot be read.
    """
    size = envelope.seek(0, 2)
    if size > limit:  # said before anything is read, as the gate says it
        check = problem(1, "TOO_LARGE", f"over {limit:,} bytes")
        stored = Stored(size, "")
        return Report(b"", at, (check, *not_reached(*range(2, 12))), file=file, stored=stored)
    proof = Proof(timestamp, evidence)
    return verify_source(InFile(envelope, size), trust, at, directory, proof, skew, limit, file)


@dataclass(frozen=True, slots=True)
class Proof:
    """What lies beside an envelope to judge it by; arguments of `verify`."""

    timestamp: bytes | None = None
    evidence: Evidence | None = None


def verify_source(
    source: Whole | InFile,
    trust: Trust,
    at: datetime,
    directory: Binding | None,
    proof: Proof,
    skew: timedelta,
    limit: int,
    file: str,
) -> Report:
    """What `verify` and `verify_file` have in common; arguments as there."""
    if at.tzinfo is None:
        raise ValueError(
            "`at` needs a time zone: a naive time would mean another instant elsewhere"
        )
    known = read_exact(source.data, limit)
    if known is not None:
        content = _Read(known.message)
        place = (known.begin, known.end)
        opened = Opened(source.around(*place), known.signature, None)
    else:
        root = _open(source.data, limit)
        if isinstance(root, Check):
            checks = (root, *not_reached(*range(2, 12)))
            return Report(source.whole, at, checks, file=file, stored=source.stored)
        content, opened, place = _open_content(source, root, limit)
    judged = judge(opened, trust, at, skew, proof.timestamp, proof.evidence)
    time = judged.proven_at or at
    organ = _organ(judged.path, content.message, directory or SubjectBinding(), time)
    message = source.message(content.message)
    return Report(
        source.whole,
        at,
        (passed(1), *judged.checks, organ, _content(content)),
        signer=judged.signer,
        revocation=judged.revocation,
        signed_at=opened.signature.signing_time if opened.signature else None,
        proven_at=judged.proven_at,
        signature_at=(source.place(place[0]), source.place(place[1])),
        message=message,
        findings=content.findings,
        file=file,
        stored=source.stored,
        **_claims(message),
    )


# -- steps 1 and 2: bytes -> tree, signature ---------------------------------------------------


def _open(data: bytes, limit: int) -> etree._Element | Check:
    signed = dsig.START in data  # without one of ours it is only read, never believed
    try:
        return gate.open_gate(data, signed=signed, limit=limit)
    except Refused as refused:
        return problem(1, refused.reason, refused.detail)


def _open_content(
    source: Whole | InFile, root: etree._Element, limit: int
) -> tuple[_Read, Opened, tuple[int, int]]:
    """Take the signature out of the tree and hold the bytes around it against the canonical form
    of the rest; read the content.

    When they are equal, the tree that was parsed once is the tree of what was signed, and what
    was read from it is what the signer wrote.
    """
    data = source.data
    located = shape.locate(root)
    if isinstance(located, shape.Fault):
        return _read(data, limit), Opened(_no_digest, None, located), (0, 0)
    # The gate lets no '<' pass but that of a tag, and the tree has one ds:Signature: this one.
    begin = data.find(dsig.START)
    end = data.find(dsig.END, begin) + len(dsig.END)
    signature = dsig.read(data[begin:end]) if begin >= 0 else None
    if signature is None:
        why = shape.explain(located)
        opened = Opened(_no_digest, None, why, legacy.read(located, source.restored))
        return _read(data, limit), opened, (0, 0)
    detach(located)
    digest, fault = _canonical(source, root, begin, end)
    return _read(root, limit), Opened(digest, signature, fault), (begin, end)


def _canonical(
    source: Whole | InFile, root: etree._Element, begin: int, end: int
) -> tuple[Digest, shape.Fault | None]:
    """The digest of the canonical form, and whether the bytes around the signature are that."""
    received = source.data[:begin] + source.data[end:]
    try:
        rest = canonical(root)
    except etree.C14NError as error:
        return _no_digest, _not_canonical(f"no canonical form: {error}")
    if received == rest:
        return source.around(begin, end), None
    at = _first_difference(received, rest)
    at = source.place(at if at < begin else at + end - begin)
    fault = _not_canonical(f"byte {at} is not as the canonical form has it")
    return source.other(rest), fault


def _no_digest(_: DigestAlgorithm) -> str:
    """Of what has no canonical form; equal to no digest."""
    return ""


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
                AttachmentSummary(attachment.name or "", attachment.content, attachment.stored)
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
    """Hold the receipts among some reports against the documents among them (`Documents`)."""
    documents = Documents()
    for report in reports:
        documents.add_report(report)
    return tuple(documents.compared(report) for report in reports)


class Documents:
    """What receipts are held against: digest, name and file of the documents given.

    A status whose Received digest is that of a document given gets a passed check, and the name
    of its file. One that names a document given, but other bytes of it, fails. One whose document
    is not given stays as it is.
    """

    def __init__(self) -> None:
        self._files: dict[str, str] = {}  # by digest
        self._digests: dict[tuple[str, str], str] = {}  # by sender and DocumentId

    def add(self, sha256: str, file: str, sender: str, document_id: str) -> None:
        """Take a document: digest of its bytes, name of its file, what it calls itself."""
        self._files[sha256] = file
        self._digests.setdefault((sender, document_id), sha256)

    def add_report(self, report: Report) -> None:
        """Take the document that a report is about; of anything else nothing is kept."""
        if report.kind == "document":
            self.add(report.sha256, report.file, report.sender, report.document_id)

    def compared(self, report: Report) -> Report:
        """A status held against the documents; any other report as it is."""
        received = report.received_sha256
        if report.kind != "status" or not received:
            return report
        file = self._files.get(received)
        if file is not None:
            return report.with_check(passed(12, f"speaks of {file or received}"), file)
        sender = report.to[0] if report.to else ""
        given = self._digests.get((sender, report.document_id))
        if given is None:
            return report
        detail = f"speaks of {received[:16]}, given was {given[:16]}"
        return report.with_check(problem(12, "RECEIPT_OF_OTHER_BYTES", detail))
