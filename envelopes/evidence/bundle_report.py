"""Judge a bundle: what is proven by it, for whom and when, and what is not.

The bundle itself is judged by the steps of `verify`: 1 archive, 2 form and names, 3 algorithm,
4 digest of every file, 5 signature value, 6 certificates, 7 path, 10 the maker may speak for the
organ it names, 11 what is in it agrees. Every envelope in it is judged by itself, as `verify_file`
does, and every status against the envelope (step 12). Whoever made the bundle is believed in
nothing but what he says himself: that nothing is missing, and his journal.

Nothing here reads a clock or reaches a network, and nothing raises for what is in a bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Final

from keys import algorithms
from keys.certificates import Certificate, load_pem
from keys.errors import KeysError
from keys.trust import Trust

from .. import dsig
from ..errors import Malformed
from ..judge import not_reached, passed, problem
from ..model import Document
from ..report import Check, Indication, Report, Result, SignerSummary
from ..verify import SIGNING_SKEW, Binding, SubjectBinding, verify_file
from . import archive, asic, bundle, checkpoint, proof
from .archive import Archive, ArchiveRefused
from .bundle import Account, Contents
from .checkpoint import Checkpoint

SKEW: Final = SIGNING_SKEW
_AFTER_GATE: Final = (2, 3, 4, 5, 6, 7, 10, 11)
_AFTER_FORM: Final = (3, 4, 5, 6, 7, 10, 11)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bundle is judged.

    Args:
        trust: anchors of the auditor; none ever comes from a bundle.
        now: aware. The bundle's own signature is judged for a time between its making and now.
        at: aware; the time for which the envelopes are judged.
        directory: who may sign for whom; without it what certificates say of themselves.
    """

    trust: Trust
    now: datetime
    at: datetime
    directory: Binding | None = None


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


INTACT_STEP: Final = 6  # of the bundle's checks: what follows is about who signed it


class Opened:
    """A bundle whose bytes were looked at once; `judge` may be asked for several times.

    Args:
        source: open for reading, seekable; it is kept.
        file: name for a person.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, source: BinaryIO, file: str = "") -> None:
        self._file = file
        self._archive: Archive | None = None
        self._signature: asic.Signature | None = None
        try:
            self._archive = given = archive.read(source)
        except ArchiveRefused as refused:
            gate = problem(1, refused.reason, refused.detail)
            self._bytes: tuple[Check, ...] = (gate, *not_reached(*_AFTER_GATE))
            return
        signature = _signature(given)
        if isinstance(signature, Check):
            self._bytes = (passed(1), signature, *not_reached(*_AFTER_FORM))
            return
        self._signature = signature
        form = _names(given, signature) or _derived(given, signature) or passed(2)
        self._bytes = (passed(1), form, _digests(given, signature))

    def judge(self, terms: Terms) -> BundleReport:
        """Judge it. Raises OSError when it cannot be read."""
        given, signature = self._archive, self._signature
        if given is None or signature is None:
            return BundleReport(self._file, terms, self._bytes)
        return _Judge(self._file, given, signature, self._bytes, terms).report()


def _signature(given: Archive) -> asic.Signature | Check:
    """Step 2, first half: the signature is one of ours."""
    if asic.SIGNATURES_FILE not in given.members:
        return problem(2, "BUNDLE_FORM", f"{asic.SIGNATURES_FILE} is missing")
    try:
        given.digest(asic.SIGNATURES_FILE)
        data = given.content(asic.SIGNATURES_FILE, asic.SIZE_MAX)
    except ArchiveRefused as refused:
        return problem(2, refused.reason, refused.detail)
    unfit = problem(2, "BUNDLE_FORM", f"{asic.SIGNATURES_FILE} is not of this form")
    return asic.read(data) or unfit


def _digests(given: Archive, signature: asic.Signature) -> Check:
    """Step 4. Every file is read, so that each one that was changed is named."""
    changed = set()
    for one in signature.files:
        try:
            same = one.name in given.members and given.digest(one.name) == one.sha256
        except ArchiveRefused:
            same = False
        if not same:
            changed.add(one.name)
    if changed:
        return problem(4, "FILE_CHANGED", _some(changed))
    return passed(4, f"{len(signature.files)} files")


def _names(given: Archive, signature: asic.Signature) -> Check | None:
    """Whether the archive holds the files that were signed, all of them, in order, and no other."""
    signed = [one.name for one in signature.files]
    wanted = [asic.MIMETYPE_FILE, asic.MANIFEST_FILE, *signed, asic.SIGNATURES_FILE]
    there = list(given.members)
    missing, added = set(wanted) - set(there), set(there) - set(wanted)
    if missing:
        return problem(2, "FILE_MISSING", _some(missing))
    if added:
        return problem(2, "FILE_ADDED", _some(added))
    strange = [name for name in signed if not bundle.known(name)]
    absent = [name for name in bundle.REQUIRED if name not in signed]
    if there != wanted or strange or absent or signed != list(bundle.order(signed)):
        detail = _some([*strange, *absent]) or "its files are in another order"
        return problem(2, "BUNDLE_FORM", detail)
    return None


def _derived(given: Archive, signature: asic.Signature) -> Check | None:
    """Whether what no signature covers, and the sums, is what follows from the signature."""
    expected = {
        asic.MIMETYPE_FILE: asic.MIMETYPE,
        asic.MANIFEST_FILE: asic.manifest(signature.files),
        bundle.SUMS: bundle.sums(signature.files),
    }
    for name, content in expected.items():
        try:
            given.digest(name)
            if given.content(name, len(content)) == content:
                continue
        except ArchiveRefused:
            pass
        return problem(2, "FILE_CHANGED", f"{name} is not what follows from the signature")
    return None


def _some(names: Sequence[str] | set[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more


class _Judge:
    """One judgement of one bundle."""

    def __init__(
        self,
        file: str,
        given: Archive,
        signature: asic.Signature,
        on_bytes: tuple[Check, ...],
        terms: Terms,
    ) -> None:
        self._file, self._archive, self._signature = file, given, signature
        self._on_bytes, self._terms = on_bytes, terms
        # What was made after the time asked for is judged for when it was made, never for later
        # than now: a signature does not become younger.
        self._own_at = min(max(terms.at, signature.signing_time), terms.now)

    def report(self) -> BundleReport:
        leaf = self._signature.chain[0]
        contents, unreadable = self._contents()
        envelope = self._envelope()
        statuses = tuple(self._statuses(envelope))
        journal, journal_fault = self._journal(contents)
        found = BundleReport(
            self._file,
            self._terms,
            (
                *self._on_bytes[:2],
                *self._signed(contents),
                unreadable or journal_fault or self._agreement(contents, envelope, journal),
            ),
            contents,
            self._signature.signing_time,
            SignerSummary(leaf.subject, leaf.organ_id, leaf.serial),
            envelope,
            statuses,
            _recipients(envelope, statuses, contents),
            journal,
            files=self._signature.files,
        )
        return replace(found, gaps=tuple(gaps(found)))

    # -- the bundle's own signature ------------------------------------------------------------

    def _signed(self, contents: Contents | None) -> Iterator[Check]:
        """Steps 3 to 7 and 10."""
        signature, at = self._signature, self._own_at
        leaf, digests = signature.chain[0], self._on_bytes[2]
        if not algorithms.accepted(signature.algorithm, at):
            yield problem(3, "WEAK_ALGORITHM", signature.algorithm.name)
            yield digests
            yield from not_reached(5)
        else:
            yield passed(3, signature.algorithm.name)
            yield digests
            yield self._value(leaf)
        yield passed(6, leaf.subject)  # step 2 wrote SigningCertificateV2 from these certificates
        path = self._terms.trust.path(leaf, signature.chain[1:], at)
        ahead = signature.signing_time - self._terms.now
        if path.problem:
            yield problem(7, path.problem, path.detail)
        elif ahead > SKEW:
            yield problem(7, "SIGNED_IN_FUTURE", f"made {ahead} after now")
        elif not leaf.not_before <= signature.signing_time <= leaf.not_after:
            yield problem(7, "SIGNED_OUTSIDE_VALIDITY", f"made {signature.signing_time:%Y-%m-%d}")
        else:
            yield passed(7, leaf.subject)
        if contents is None or not path.chain:
            yield from not_reached(10)
            return
        binding = self._terms.directory or SubjectBinding()
        speaks, why = binding.speaks_for(contents.organ, path.chain, at)
        bound = "" if speaks else "NO_BINDING" if speaks is None else "SIGNER_NOT_SENDER"
        detail = f"made for {contents.organ}; {why}"
        yield problem(10, bound, detail) if bound else passed(10, why)

    def _value(self, leaf: Certificate) -> Check:
        signature = self._signature
        misfit = algorithms.misfit(signature.algorithm, leaf)
        if misfit:
            return problem(5, "KEY_MISMATCH", misfit)
        value, data = signature.value, signature.to_sign()
        if dsig.normal(signature.algorithm, value) != value or not algorithms.verify(
            signature.algorithm, leaf.public_key, value, data
        ):
            return problem(5, "SIG_CRYPTO_FAILURE", f"not made by the key of {leaf.subject}")
        return passed(5)

    # -- what is in it -------------------------------------------------------------------------

    def _contents(self) -> tuple[Contents | None, Check | None]:
        try:
            data = self._archive.content(bundle.CONTENTS, bundle.CONTENTS_MAX)
            contents = bundle.read_contents(data)
            self._read_others()
        except KeyError:
            return None, problem(11, "CONTENT_UNREADABLE", f"{bundle.CONTENTS} is missing")
        except (ArchiveRefused, Malformed, KeysError) as error:
            return None, problem(11, "CONTENT_UNREADABLE", str(error))
        return contents, None

    def _read_others(self) -> None:
        """Raise what says that one of the smaller files is not of its form."""
        given = self._archive
        bundle.read_json(given.content(bundle.DIRECTORY, bundle.CONTENTS_MAX), bundle.DIRECTORY)
        for name in self._named(bundle.CERTIFICATES):
            found = load_pem(given.content(name, bundle.CONTENTS_MAX))
            if [f"{bundle.CERTIFICATES}{one.fingerprint}.pem" for one in found] != [name]:
                raise Malformed("is not the certificate of its name", element=name)

    def _named(self, folder: str) -> list[str]:
        return [name for name in self._archive.members if name.startswith(folder)]

    def _verify(self, name: str) -> Report:
        terms = self._terms
        return verify_file(
            self._archive.open(name),
            trust=terms.trust,
            at=terms.at,
            directory=terms.directory,
            file=name,
        )

    def _envelope(self) -> Report | None:
        if bundle.ENVELOPE not in self._archive.members:
            return None
        return self._verify(bundle.ENVELOPE)

    def _statuses(self, envelope: Report | None) -> Iterator[Status]:
        for name in self._named(bundle.RECEIPTS):
            report = self._verify(name).without_content()
            later = report.signed_at is not None and report.signed_at > self._terms.at + SKEW
            yield Status(report.with_check(_about(report, envelope), bundle.ENVELOPE), later)

    def _journal(self, contents: Contents | None) -> tuple[Journal | None, Check | None]:
        try:
            data = self._archive.content(bundle.JOURNAL, proof.SIZE_MAX)
            given = proof.from_json_dict(bundle.read_json(data, bundle.JOURNAL))
        except KeyError:
            return None, problem(11, "CONTENT_UNREADABLE", f"{bundle.JOURNAL} is missing")
        except (ArchiveRefused, Malformed) as error:
            return None, problem(11, "CONTENT_UNREADABLE", f"{bundle.JOURNAL}: {error}")
        seen, terms = given.signed.checkpoint, self._terms
        at = min(max(self._own_at, seen.at), terms.now)
        checks = checkpoint.judge(given.signed, trust=terms.trust, at=at, directory=terms.directory)
        unproven = proof.unproven(given)
        paths = passed(4, f"{len(given.lines)} lines under {seen.lines:,}")
        if unproven:
            numbers = ", ".join(map(str, unproven[:5]))
            paths = problem(4, "JOURNAL_UNPROVEN", f"line {numbers}")
        elif contents is not None and seen.organ != contents.organ:
            paths = problem(4, "JOURNAL_OF_ANOTHER", f"{seen.organ}, not {contents.organ}")
        lines = tuple(line.text for line in given.lines)
        return Journal(seen, (*checks[:1], paths, *checks[1:]), lines), None

    def _agreement(
        self, contents: Contents | None, envelope: Report | None, journal: Journal | None
    ) -> Check:
        """Step 11: maker, envelope, journal and receipts speak of the same document."""
        if contents is None or envelope is None or journal is None:
            return not_reached(11)[0]
        if (contents.sha256, contents.size) != (envelope.sha256, envelope.size):
            return problem(11, "CONTENTS_DISAGREE", f"{bundle.CONTENTS} names another envelope")
        parties = {envelope.sender} if contents.role == bundle.SENDER else {*envelope.to}
        if contents.organ not in parties:
            return problem(11, "MAKER_NO_PARTY", f"{contents.organ} as {contents.role}")
        noted = noted_in(journal.lines, contents.tracking_id)
        if contents.sha256 not in noted.documents:
            return problem(11, "CONTENTS_DISAGREE", "no line of the journal is of this document")
        signed = {one.name: one.sha256 for one in self._signature.files}
        if signed.get(bundle.ENVELOPE) != envelope.sha256:
            return problem(11, "CONTENTS_DISAGREE", "the file changed while it was read")
        digests = {digest for name, digest in signed.items() if _is_receipt(name)}
        missing = noted.statuses - digests
        if missing:
            return problem(11, "RECEIPT_MISSING", f"SHA-256 {_some({x[:16] for x in missing})}")
        return passed(11)


@dataclass(frozen=True, slots=True)
class Noted:
    """Digests that lines of a journal name: of the document, of statuses about it."""

    documents: frozenset[str]
    statuses: frozenset[str]


def noted_in(lines: Sequence[str], tracking_id: str) -> Noted:
    """What lines of a journal say of a document: `queued` or `arrived` with its digest, and each
    receipt that came (`receipt_verified`) or status that was given (`queued`, kind status)."""
    documents, statuses = set(), set()
    for line in lines:
        try:
            said = bundle.read_json(line.encode(), bundle.JOURNAL)
        except (Malformed, UnicodeEncodeError):  # no line of any journal: its path proves nothing
            continue
        event, digest = said.get("event"), str(said.get("sha256", ""))
        if event == "receipt_verified" or (event == "queued" and said.get("kind") == "status"):
            statuses.add(digest)
        elif event in ("queued", "arrived") and said.get("ref") == tracking_id:
            documents.add(digest)
    return Noted(frozenset(documents), frozenset(statuses))


def _is_receipt(name: str) -> bool:
    return name.startswith(bundle.RECEIPTS)


def _about(report: Report, envelope: Report | None) -> Check:
    """Step 12 of a status: it is one, it speaks of this envelope, and its sender is a party."""
    if report.kind != "status":
        return problem(12, "RECEIPT_OF_OTHER_BYTES", "it is no status")
    if envelope is None:
        return not_reached(12)[0]
    if report.received_sha256 != envelope.sha256:
        named = report.received_sha256[:16] or "nothing"
        return problem(12, "RECEIPT_OF_OTHER_BYTES", f"speaks of {named}")
    parties = (*envelope.to, envelope.sender)
    if report.sender not in parties or not set(report.to) <= set(parties):
        return problem(12, "RECEIPT_NO_PARTY", f"{report.sender} answers {', '.join(report.to)}")
    return passed(12, f"speaks of {bundle.ENVELOPE}")


def _recipients(
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
    if any(check.reason == "REVOCATION_OFF" for one in judged for check in one.checks):
        yield Gap("REVOCATION_NOT_ASKED")
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
