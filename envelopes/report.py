"""The report of a verification: what was checked, what came out, in values a program can use.

Indications and sub-indications are those of ETSI EN 319 102-1; what is finer or stricter than it
is a reason code of ours (`wording.REASONS`, which also holds every sentence). The worst check
decides: any failed, else any indeterminate, else passed. This file judges nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Protocol

from keys.revocation import Finding as Revocation

from . import text, wording
from .errors import EnvelopeError, NotTrusted
from .model import Message, Stored
from .wording import Indication, Result, SubIndication

__all__ = ["Check", "Indication", "Report", "Result", "SubIndication", "VerifiedEnvelope"]

SCHEMA: Final = "docexchange/verify/v1"


class Finding(Protocol):
    """Something odd that was read all the same (`edxml.Finding`)."""

    @property
    def code(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def element(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered step and its outcome.

    Args:
        step: number of the step, 1 to 11; 12 compares a receipt with envelopes given beside it.
        result: passed, failed, indeterminate, not reached (needs a failed one), not asked.
        reason: key of `wording.REASONS`, "" when there is nothing to explain.
        detail: the facts, in plain words; "" if none.
    """

    step: int
    result: Result
    reason: str = ""
    detail: str = ""

    @property
    def name(self) -> str:
        """Name of the step, as `digests`."""
        return wording.STEPS[self.step].name

    def to_json_dict(self) -> dict[str, Any]:
        """The check as `verify --json` prints it."""
        return {
            "step": self.step,
            "name": self.name,
            "result": self.result.value,
            "reason": self.reason or None,
            "detail": self.detail or None,
        }


@dataclass(frozen=True, slots=True)
class SignerSummary:
    """Who signed, as the certificate says; trusted only as far as step 7 passed."""

    subject: str
    organ_id: str
    serial: str


class AttachmentSummary:
    """An attachment as it lies in the envelope; its digest is computed when it is asked for."""

    def __init__(self, name: str, content: bytes, stored: Stored | None = None) -> None:
        self.name = name
        self.stored = stored
        self.size = stored.size if stored else len(content)
        self._content = content

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the decoded content."""
        return self.stored.sha256 if self.stored else sha256(self._content).hexdigest()

    def without_content(self) -> AttachmentSummary:
        """The same facts without the content."""
        return AttachmentSummary(self.name, b"", self.stored or Stored(self.size, self.sha256))

    def to_json_dict(self, *, digest: bool) -> dict[str, Any]:
        """Name, size in bytes and digest, null unless asked for."""
        return {"name": self.name, "size": self.size, "sha256": self.sha256 if digest else None}


@dataclass(frozen=True)
class Report:
    """What `verify` found out about one file.

    `document_id`, `sender`, `to` and the other claims are filled as soon as they can be read:
    unless the indication is TOTAL-PASSED they are what somebody wrote there, proven by nothing.

    Args:
        data: the exact bytes that were judged; b"" if they are `stored`.
        at: the time for which they were judged, aware.
        checks: in the order of the steps.
        kind: document, status, or "" when it cannot be told.
        document_id: of a status, the DocumentId it answers.
        sender: OrganId in From.
        to: OrganIds of the recipients; of a status, of the organ it answers.
        status_code: of a status.
        signer: the signing certificate, None when none could be read.
        signed_at: SigningTime, claimed.
        proven_at: when the signature is proven to have existed, by a timestamp token; None without.
        revocation: what the evidence at hand says of each certificate of the path, leaf first; ()
            when nobody asked.
        received_sha256: of a status, hex SHA-256 of the envelope it speaks of, "" if it has none.
        attachments: of a document.
        findings: what was odd but could be read.
        message: the content; for the rest of the world it comes out of `require_passed` only.
        signature_at: where the signature begins and ends in `data`.
        file: name for a person, "" if the bytes came from no file.
        receipt_of_file: name of the envelope it is the receipt of, set by `cross_check`.
        stored: size and digest of what was judged where it lies (`verify_file`).
    """

    data: bytes = dataclass_field(repr=False)
    at: datetime
    checks: tuple[Check, ...]
    kind: str = ""
    document_id: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    status_code: str = ""
    signer: SignerSummary | None = None
    signed_at: datetime | None = None
    proven_at: datetime | None = None
    revocation: tuple[Revocation, ...] = ()
    received_sha256: str = ""
    attachments: tuple[AttachmentSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    message: Message | None = dataclass_field(default=None, repr=False)
    signature_at: tuple[int, int] = (0, 0)
    file: str = ""
    receipt_of_file: str = ""
    stored: Stored | None = None

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the exact bytes judged."""
        return self.stored.sha256 if self.stored else sha256(self.data).hexdigest()

    @property
    def size(self) -> int:
        """Length of the bytes judged."""
        return self.stored.size if self.stored else len(self.data)

    @cached_property
    def deciding(self) -> Check | None:
        """The check that decided: the first failed, else the first indeterminate, else None."""
        for result in (Result.FAILED, Result.INDETERMINATE):
            for check in self.checks:
                if check.result is result:
                    return check
        return None

    @cached_property
    def indication(self) -> Indication:
        """The worst check decides; a step that was never reached is no pass."""
        if self.deciding is not None:
            failed = self.deciding.result is Result.FAILED
            return Indication.FAILED if failed else Indication.INDETERMINATE
        complete = self.checks and all(
            check.result in (Result.PASSED, Result.NOT_ASKED) for check in self.checks
        )
        return Indication.PASSED if complete else Indication.INDETERMINATE

    @property
    def reason(self) -> str:
        """Reason code of the deciding check, "" when passed."""
        return self.deciding.reason if self.deciding else ""

    @property
    def sub_indication(self) -> str:
        """ETSI sub-indication of the deciding check, "" when passed."""
        sub = wording.REASONS[self.reason].sub_indication if self.reason else None
        return sub.value if sub else ""

    def with_check(self, check: Check, receipt_of_file: str = "") -> Report:
        """The same report with one more check."""
        return replace(self, checks=(*self.checks, check), receipt_of_file=receipt_of_file)

    def without_content(self) -> Report:
        """The same report without the bytes judged: for who keeps thousands of them."""
        stored = self.stored or Stored(self.size, self.sha256)
        attachments = tuple(one.without_content() for one in self.attachments)
        return replace(self, data=b"", message=None, attachments=attachments, stored=stored)

    def explain(self, lang: str = "vi") -> str:
        """One sentence that says why the verdict is what it is."""
        if self.deciding is None:
            return wording.INDICATIONS[Indication.PASSED].get(lang)
        sentence = wording.REASONS[self.reason].words.get(lang)
        detail = self.deciding.detail
        return f"{sentence}: {detail}" if detail else sentence

    def text(self, lang: str = "vi") -> str:
        """The report for a person: the verdict, a line per step, what would change the verdict."""
        return text.render(self, lang)

    def to_json_dict(self, *, digests: bool = True) -> dict[str, Any]:
        """One entry of `documents` in `verify --json`; absent values are null, and so are the
        digests of attachments for a caller who keeps the envelope itself."""
        receipt_of = {"sha256": self.received_sha256, "file": self.receipt_of_file or None}
        return {
            "file": self.file or None,
            "kind": self.kind or None,
            "indication": self.indication.value,
            "sub_indication": self.sub_indication or None,
            "document_id": self.document_id or None,
            "from": self.sender or None,
            "to": list(self.to),
            "status_code": self.status_code or None,
            "signer": _signer_json(self.signer),
            "signed_at": _time_json(self.signed_at),
            "proven_at": _time_json(self.proven_at),
            "revocation": [_revocation_json(one) for one in self.revocation],
            "checks": [check.to_json_dict() for check in self.checks],
            "receipt_of": receipt_of if self.received_sha256 else None,
            "attachments": [one.to_json_dict(digest=digests) for one in self.attachments],
            "findings": [_finding_json(finding) for finding in self.findings],
        }

    def require_passed(self) -> VerifiedEnvelope:
        """The content, if and only if the verdict is TOTAL-PASSED.

        Raises:
            NotTrusted: with this report; nothing of the content is given out.
        """
        if self.indication is not Indication.PASSED or self.message is None:
            raise NotTrusted(self)
        return VerifiedEnvelope(self.message, self)


@dataclass(frozen=True, slots=True)
class VerifiedEnvelope:
    """The content of an envelope whose verdict is TOTAL-PASSED.

    Args:
        message: the content, read from the bytes that were signed.
        report: how it was judged.
    """

    message: Message
    report: Report

    @property
    def data(self) -> bytes:
        """The exact bytes received.

        Raises:
            EnvelopeError: they are in a file, and nobody wants them in memory.
        """
        if self.report.stored is not None:
            raise EnvelopeError("a large envelope was judged where it lies; read it from there")
        return self.report.data

    @property
    def sha256(self) -> str:
        """Hex digest of them."""
        return self.report.sha256

    @property
    def canonical(self) -> bytes:
        """The bytes that the signature covers: those received, less the signature."""
        begin, end = self.report.signature_at
        return self.data[:begin] + self.data[end:]


def overall(reports: Iterable[Report]) -> Indication:
    """The verdict over several files: any failed, else any indeterminate, else passed."""
    found = {report.indication for report in reports}
    for indication in (Indication.FAILED, Indication.INDETERMINATE):
        if indication in found:
            return indication
    return Indication.PASSED


def to_json_document(reports: Sequence[Report]) -> Mapping[str, Any]:
    """The whole of `verify --json`."""
    return {
        "schema": SCHEMA,
        "indication": overall(reports).value,
        "documents": [report.to_json_dict() for report in reports],
    }


def _signer_json(signer: SignerSummary | None) -> dict[str, str] | None:
    if signer is None:
        return None
    return {"subject": signer.subject, "organ_id": signer.organ_id, "serial": signer.serial}


def _revocation_json(found: Revocation) -> dict[str, Any]:
    """The evidence used about one certificate: enough to repeat the judgement from its digests."""
    return {
        "subject": found.subject,
        "serial": found.serial,
        "status": found.status.value,
        "source": found.source or None,
        "this_update": _time_json(found.this_update),
        "next_update": _time_json(found.next_update),
        "sha256": list(found.sha256),
        "revoked_at": _time_json(found.revoked_at),
        "revocation_reason": found.reason or None,
    }


def _time_json(time: datetime | None) -> str | None:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "line": finding.line,
        "element": finding.element,
        "text": finding.text,
    }
