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
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from keys import algorithms
from keys.certificates import Certificate, load_pem
from keys.crl import CRL_BYTES_MAX
from keys.errors import EvidenceUnusable, KeysError
from keys.revocation import Evidence

from .. import dsig
from ..errors import Malformed
from ..judge import not_reached, passed, problem
from ..report import Check, Report, SignerSummary
from ..verify import SIGNING_SKEW, SubjectBinding, verify_file
from . import bundle, checkpoint, proof, stamp
from .archive import ArchiveRefused
from .bundle import Contents
from .bundle_bytes import Signed, some
from .bundle_report import BundleReport, Journal, Status, Terms, gaps, recipients

SKEW: Final = SIGNING_SKEW
EVIDENCE_FILES_MAX: Final = 1000  # read; a document to 500 organs has some dozens


def judge(given: Signed | tuple[Check, ...], terms: Terms, file: str = "") -> BundleReport:
    """Judge a bundle; may be asked several times about one.

    Args:
        given: of `bundle_bytes.read`.
        terms: how.
        file: name for a person.

    Raises:
        OSError: it cannot be read.
    """
    if not isinstance(given, Signed):
        return BundleReport(file, terms, given)
    return _Judge(file, given, terms).report()


class _Judge:
    """One judgement of one bundle."""

    def __init__(self, file: str, given: Signed, terms: Terms) -> None:
        self._file, self._given, self._terms = file, given, terms
        self._archive, self._signature = given.archive, given.signature
        self._digests = {one.name: one.sha256 for one in given.signature.files}
        self._evidence = self._held()
        signature = given.signature
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
                passed(1),
                self._given.form,
                *self._signed(contents),
                unreadable or journal_fault or self._agreement(contents, envelope, journal),
            ),
            contents,
            self._signature.signing_time,
            SignerSummary(leaf.subject, leaf.organ_id, leaf.serial),
            envelope,
            statuses,
            recipients(envelope, statuses, contents),
            journal,
            files=self._signature.files,
        )
        return replace(found, gaps=tuple(gaps(found)))

    # -- the bundle's own signature ------------------------------------------------------------

    def _signed(self, contents: Contents | None) -> Iterator[Check]:
        """Steps 3 to 7 and 10."""
        signature, at = self._signature, self._own_at
        leaf, digests = signature.chain[0], self._given.digests
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
            timestamp=self._timestamp(name),
            evidence=self._evidence,
            file=name,
        )

    def _held(self) -> Evidence:
        """The auditor's CRLs and OCSP answers, and those of the bundle. What cannot be read proves
        nothing, and whoever made the bundle is not believed about any: each is judged when it is
        used."""
        evidence = Evidence()
        given: list[bytes] = list(self._terms.evidence)
        for name in self._named(bundle.EVIDENCE)[:EVIDENCE_FILES_MAX]:
            with suppress(ArchiveRefused):
                given.append(self._archive.content(name, CRL_BYTES_MAX))
        for data in given:
            with suppress(EvidenceUnusable):
                evidence.add(data)
        return evidence

    def _timestamp(self, name: str) -> bytes | None:
        """The first stamp of a file, None if there is none."""
        digest = self._digests.get(name, "")  # of a file that was added nobody signed one
        for ending in stamp.ENDINGS:
            kept = f"{bundle.TIMESTAMPS}{digest}-1{ending}"
            if kept in self._archive.members:
                try:
                    return self._archive.content(kept, stamp.STAMP_MAX)
                except ArchiveRefused:
                    return b""  # larger than any: it is told as malformed
        return None

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
        signed = self._digests
        if signed.get(bundle.ENVELOPE) != envelope.sha256:
            return problem(11, "CONTENTS_DISAGREE", "the file changed while it was read")
        digests = {digest for name, digest in signed.items() if _is_receipt(name)}
        missing = noted.statuses - digests
        if missing:
            return problem(11, "RECEIPT_MISSING", f"SHA-256 {some({x[:16] for x in missing})}")
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
