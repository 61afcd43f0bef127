"""What came out about a bundle: values for a program; `bundle_judge` makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from keys.trust import Trust

from ..model import Document
from ..report import Check, Indication, Report, Result, SignerSummary
from ..verify import Binding
from . import asic, bundle
from .bundle import Account, Contents
from .checkpoint import Checkpoint

_NOT_REVOKED: Final = {  # reason of step 8 -> what it leaves open
    "REVOCATION_OFF": "REVOCATION_NOT_ASKED",
    "REVOCATION_NOT_KNOWN": "REVOCATION_NOT_KNOWN",
}
INTACT_STEP: Final = 6  # of the bundle's checks: what follows is about who signed it


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bundle is judged.

    Args:
        trust: anchors of the auditor; none ever comes from a bundle.
        now: aware. The bundle's own signature is judged for a time between its making and now.
        at: aware; the time for which the envelopes are judged.
        directory: who may sign for whom; without it what certificates say of themselves.
        evidence: CRLs and OCSP answers that the auditor has; those in the bundle are used beside
            them.
    """

    trust: Trust
    now: datetime
    at: datetime
    directory: Binding | None = None
    evidence: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """A status about the document (biên nhận, trạng thái).

    Args:
        report: the verdict on it, held against the envelope.
        later: it was signed after the time judged for: it did not exist yet, and counts for
            nothing.
    """

    report: Report
    later: bool

    @property
    def confirms(self) -> bool:
        """Whether it proves that its sender had these very bytes at the time judged for."""
        return not self.later and self.report.indication is Indication.PASSED


@dataclass(frozen=True, slots=True)
class Recipient:
    """An organ in the signed To.

    Args:
        organ: OrganId.
        name: as the sender wrote it.
        statuses: those it signed that count, by signing time.
        account: how the delivery stood in the maker's words, None if he says nothing of it.
    """

    organ: str
    name: str
    statuses: tuple[Status, ...]
    account: Account | None

    @property
    def confirmed(self) -> bool:
        """Whether a signature of its own proves that it has these bytes."""
        return any(one.confirms for one in self.statuses)


@dataclass(frozen=True, slots=True)
class Journal:
    """Lines of the maker's journal, under a checkpoint that he signed.

    Args:
        checkpoint: how long the journal was, and when.
        checks: of the checkpoint and the paths.
        lines: each exactly as it is in the journal.
    """

    checkpoint: Checkpoint
    checks: tuple[Check, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the bundle does not prove.

    Args:
        code: key of `bundle_words.GAPS`, which says what it means and what would prove it.
        subject: the file, organ or time it is about, "" if it is about the whole.
    """

    code: str
    subject: str = ""


@dataclass(frozen=True)
class BundleReport:
    """What came out about a bundle.

    Args:
        file: its name for a person.
        terms: how it was judged.
        checks: of the bundle itself.
        contents: what its maker says, None if that cannot be read.
        made_at: when it was made, the maker's word.
        maker: whose certificate signed it.
        envelope: the verdict on the document.
        statuses: on everything under receipts/, in the order of their names.
        recipients: in the order of the signed To.
        journal: None if there is none that can be read.
        gaps: what is not proven.
        files: of the signature: name and digest.
    """

    file: str
    terms: Terms
    checks: tuple[Check, ...]
    contents: Contents | None = None
    made_at: datetime | None = None
    maker: SignerSummary | None = None
    envelope: Report | None = None
    statuses: tuple[Status, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    journal: Journal | None = None
    gaps: tuple[Gap, ...] = ()
    files: tuple[asic.File, ...] = field(default=(), repr=False)

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """Of the bundle, its journal, and each envelope that existed at the time judged for."""
        reports = [self.envelope] if self.envelope else []
        reports += [one.report for one in self.statuses if not one.later]
        journal = self.journal.checks if self.journal else ()
        return (*self.checks, *journal, *(check for one in reports for check in one.checks))

    @property
    def deciding(self) -> Check | None:
        """The first check that failed, else the first indeterminate, else None."""
        for result in (Result.FAILED, Result.INDETERMINATE):
            for check in self.all_checks:
                if check.result is result:
                    return check
        return None

    @property
    def indication(self) -> Indication:
        """The worst decides: of the bundle, the envelope, every status, the journal."""
        if self.deciding is not None:
            failed = self.deciding.result is Result.FAILED
            return Indication.FAILED if failed else Indication.INDETERMINATE
        whole = self.envelope is not None and self.journal is not None
        reached = all(one.result is not Result.NOT_REACHED for one in self.all_checks)
        return Indication.PASSED if whole and reached else Indication.INDETERMINATE

    @property
    def intact(self) -> bool:
        """Whether every byte of it is as it was when somebody, trusted or not, signed it."""
        return all(one.result is Result.PASSED for one in self.checks if one.step <= INTACT_STEP)


def recipients(
    envelope: Report | None, statuses: Sequence[Status], contents: Contents | None
) -> tuple[Recipient, ...]:
    if envelope is None:
        return ()
    names = {}
    if isinstance(envelope.message, Document):
        names = {one.organ_id: one.name or "" for one in envelope.message.to}
    accounts = {one.organ: one for one in contents.accounts} if contents else {}
    return tuple(
        Recipient(
            organ,
            names.get(organ, ""),
            tuple(
                sorted(
                    (one for one in statuses if not one.later and one.report.sender == organ),
                    key=lambda one: (one.report.signed_at or one.report.at, one.report.file),
                )
            ),
            accounts.get(organ),
        )
        for organ in envelope.to
    )


def gaps(report: BundleReport) -> Iterator[Gap]:
    """What a bundle that was judged does not prove."""
    envelope = report.envelope
    judged = [envelope] if envelope else []
    judged += [one.report for one in report.statuses if not one.later]
    for one in judged:
        by_step = {check.step: check for check in one.checks}
        if 9 in by_step and by_step[9].result is not Result.PASSED:
            yield Gap("TIME_CLAIMED", one.file)
    for reason, gap in _NOT_REVOKED.items():
        if any(check.reason == reason for one in judged for check in one.checks):
            yield Gap(gap)
    for recipient in report.recipients:
        if not recipient.confirmed and not _is_other_recipient(report, recipient):
            yield Gap("NO_RECEIPT", recipient.organ)
    if any(one.later for one in report.statuses):
        yield Gap(
            "SIGNED_LATER", ", ".join(one.report.file for one in report.statuses if one.later)
        )
    if report.contents is not None:
        yield Gap("COMPLETENESS", report.contents.organ)
        if report.contents.role == bundle.RECEIVER and len(report.recipients) > 1:
            yield Gap("OTHER_RECIPIENTS", report.contents.organ)
    if report.journal is not None:
        yield Gap("ONE_WITNESS", report.journal.checkpoint.organ)
    elif report.contents is not None:
        yield Gap("NO_JOURNAL")


def _is_other_recipient(report: BundleReport, recipient: Recipient) -> bool:
    """Whether a receiver made the bundle, who knows nothing of this other recipient."""
    contents = report.contents
    return (
        contents is not None
        and contents.role == bundle.RECEIVER
        and recipient.organ != contents.organ
    )
