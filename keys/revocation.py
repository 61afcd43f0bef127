"""Whether the certificates of a path were revoked, by the evidence at hand: good, revoked, unknown.

`Evidence` holds CRLs, OCSP answers and certificates of their signers; it fetches nothing and reads
no clock. What is stale, of another issuer, wrongly signed, indirect or not readable says nothing at
all: it makes nobody revoked and nobody good. Whether "unknown" may pass, and what "revoked" means
for a signature of that time, is for the caller.

A finding counts at a time. Evidence younger than that time counts too, as long as the certificate
had not expired when it was made: a list keeps a revoked certificate until then.

Source: RFC 5280, clause 6.3; RFC 6960, clause 3.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography import x509

from keys.certificates import Certificate, spki
from keys.crl import EVERY_REASON, Crl, Entry, Scope, full_names
from keys.evidence_file import NO_NEXT_UPDATE, Item, read_item
from keys.names import NormalName, normal, same
from keys.ocsp import OcspAnswer, needs_no_check
from keys.sources import points_of
from keys.trust import Trust

ON_HOLD: Final = "certificateHold"
REMOVED: Final = "removeFromCRL"
COMPROMISED: Final = frozenset({"keyCompromise", "cACompromise", "aACompromise"})
_ASKED_MAX = 4096  # chains; an exchange of 1,000 organs uses about as many
_DEPTH_MAX = 4  # signers of evidence about signers of evidence; PKITS needs 2


class Status(StrEnum):
    """What the evidence says of one certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one certificate.

    Args:
        subject, serial: of the certificate; serial in lower-case hex.
        status: by all evidence together.
        detail: English: what it rests on, or why nothing is known.
        source: "crl", "ocsp", "" without evidence.
        this_update, next_update: of the evidence used, aware.
        sha256: hex digests of the exact bytes of the evidence used.
        revoked_at: aware, None unless revoked.
        reason: of the revocation, as `keyCompromise`; "" when none is named.
    """

    subject: str
    serial: str
    status: Status
    detail: str = ""
    source: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    sha256: tuple[str, ...] = ()
    revoked_at: datetime | None = None
    reason: str = ""

    def fresh(self, at: datetime) -> bool:
        """Whether it rests on evidence made before `at` and not over then."""
        if self.this_update is None or self.next_update is None:
            return False
        return self.this_update <= at <= self.next_update

    def refresh_at(self) -> datetime | None:
        """When newer evidence should be there: at half of the validity of this one."""
        if self.this_update is None or self.next_update is None:
            return None
        return self.this_update + (self.next_update - self.this_update) / 2


@dataclass(frozen=True, slots=True)
class _Says:
    """What one usable source says."""

    source: str
    sha256: str
    this_update: datetime
    next_update: datetime
    entry: Entry | None = None
    unknown: bool = False
    reasons: frozenset[x509.ReasonFlags] = EVERY_REASON


@dataclass(frozen=True, slots=True)
class _Question:
    """What does not change while one chain is judged."""

    trust: Trust
    others: tuple[Certificate, ...]
    at: datetime


class Evidence:
    """Revocation evidence of a node or of an auditor. May be shared by threads: what is asked sees
    the evidence before or after an `add`, never half of it."""

    def __init__(self) -> None:
        self._crls: dict[NormalName, tuple[Crl, ...]] = {}
        self._answers: dict[int, tuple[OcspAnswer, ...]] = {}
        self._certificates: dict[NormalName, tuple[Certificate, ...]] = {}
        self._held: dict[str, Item] = {}
        self._known: dict[tuple[str, ...], tuple[Finding, ...]] = {}
        self._asked: dict[tuple[str, ...], tuple[Certificate, ...]] = {}

    @classmethod
    def of(cls, files: Iterable[bytes]) -> Evidence:
        """Evidence of some files. Raises EvidenceUnusable."""
        evidence = cls()
        for data in files:
            evidence.add(data)
        return evidence

    def __len__(self) -> int:
        """Items."""
        return len(self._held)

    def items(self) -> tuple[Item, ...]:
        """What was added, in order."""
        return tuple(self._held.values())

    def asked(self) -> tuple[tuple[Certificate, ...], ...]:
        """The chains that were asked about, the latest 4,096: who must be kept fresh."""
        return tuple(self._asked.values())

    def add(self, data: bytes) -> Item:
        """Take a CRL (DER or PEM), an OCSP answer (DER) or the certificate of who signs such.

        None of them is believed because it was added: it is judged when it is used.

        Raises:
            EvidenceUnusable: it is none of these; nothing changed.
        """
        known = self._held.get(hashlib.sha256(data).hexdigest())
        if known is not None:  # a large list is read once
            return known
        item, read = read_item(data)
        if item.sha256 not in self._held:
            if isinstance(read, Crl):
                self._keep_crl(read)
            elif isinstance(read, OcspAnswer):
                self._keep_answer(read)
            else:
                self._keep_certificate(read)
            self._held[item.sha256] = item
            self._known = {}
        return item

    def forget(self, before: datetime) -> int:
        """Let go of what was over before a time and has a newer one beside it; how many those are.

        For who judges the present only, and for years: each CA gives a list a day or an hour. The
        newest list of a scope and answer about a certificate stays, and says since when it is over.
        """
        held = len(self._held)
        self._crls = {name: _not_over(lists, before) for name, lists in self._crls.items()}
        self._answers = {
            number: tuple(
                one
                for place, one in enumerate(answers)
                if place == 0 or _until_of(one, number) >= before
            )
            for number, answers in self._answers.items()
        }
        left = {one.sha256 for lists in self._crls.values() for one in lists}
        left |= {one.sha256 for answers in self._answers.values() for one in answers}
        self._held = {
            digest: item
            for digest, item in self._held.items()
            if item.kind == "certificate" or digest in left
        }
        return held - len(self._held)

    def judge(
        self,
        chain: Sequence[Certificate],
        others: Sequence[Certificate],
        trust: Trust,
        at: datetime,
    ) -> tuple[Finding, ...]:
        """Say of every certificate below the anchor whether it was revoked.

        The same chain again, while the evidence that was used is fresh, costs a dictionary look-up.

        Args:
            chain: leaf to anchor, as `Trust.path` found it.
            others: certificates that came with the leaf; a CRL may be signed by one of them.
            trust: under which separate signers of CRLs must stand.
            at: the time for which to judge, aware.
        """
        key = tuple(one.fingerprint for one in chain)
        known = self._known.get(key)
        if known is not None and all(finding.fresh(at) for finding in known):
            return known
        self._ask(key, chain)
        remembered = self._known
        question = _Question(trust, tuple(others), at)
        found = tuple(
            self._judge(certificate, issuer, question, ())
            for certificate, issuer in pairwise(chain)
        )
        if all(finding.status is not Status.UNKNOWN for finding in found):
            if len(remembered) >= _ASKED_MAX:
                remembered.clear()
            remembered[key] = found  # of the evidence as it was when we began
        return found

    def _ask(self, key: tuple[str, ...], chain: Sequence[Certificate]) -> None:
        self._asked.pop(key, None)
        self._asked[key] = tuple(chain)
        if len(self._asked) > _ASKED_MAX:
            self._asked.pop(next(iter(self._asked)), None)

    # -- one certificate -----------------------------------------------------------------------

    def _judge(
        self,
        certificate: Certificate,
        issuer: Certificate,
        question: _Question,
        stack: tuple[str, ...],
    ) -> Finding:
        """What all usable evidence says; `stack` names the certificates whose status waits for
        this one, so that two lists never vouch for each other's signers."""
        unknown = Finding(certificate.subject, certificate.serial, Status.UNKNOWN)
        if certificate.fingerprint in stack or len(stack) >= _DEPTH_MAX:
            return replace(unknown, detail="the signer of the evidence vouches for itself")
        stack = (*stack, certificate.fingerprint)
        problems: list[str] = []
        used = [
            *self._from_answers(certificate, issuer, question, stack, problems),
            *self._from_lists(certificate, issuer, question, stack, problems),
        ]
        if not used:
            why = "; ".join(dict.fromkeys(problems)) or "no CRL or OCSP answer about it is here"
            return replace(unknown, detail=f"{certificate.subject}: {why}")
        return _weigh(used, unknown, problems)

    def _from_answers(
        self,
        certificate: Certificate,
        issuer: Certificate,
        question: _Question,
        stack: tuple[str, ...],
        problems: list[str],
    ) -> Iterator[_Says]:
        """The newest usable OCSP answer."""
        for answer in self._answers.get(certificate.x509.serial_number, ()):
            single = answer.about(certificate, issuer)
            if single is None:
                problems.append("an OCSP answer is about another issuer's certificate")
                continue
            until = single.next_update or single.this_update + NO_NEXT_UPDATE
            stale = _stale("the OCSP answer", single.this_update, until, certificate, question.at)
            problem = stale or self._responder(answer, issuer, question, stack)
            if problem:
                problems.append(problem)
                continue
            entry = None
            if single.revoked_at is not None:
                entry = Entry(single.revoked_at, single.reason)
            unknown = single.status == "unknown"
            yield _Says("ocsp", answer.sha256, single.this_update, until, entry, unknown)
            return

    def _responder(
        self, answer: OcspAnswer, issuer: Certificate, question: _Question, stack: tuple[str, ...]
    ) -> str:
        """Why an answer is not signed by who may, "" when it is."""
        responder = answer.responder(issuer)
        if responder is None:
            return "the OCSP answer is not signed by the issuer or a responder that it appointed"
        if responder == issuer:
            return ""
        if not responder.not_before <= answer.produced_at <= responder.not_after:
            return f"the OCSP responder's certificate {responder.subject} was not valid then"
        if needs_no_check(responder):
            return ""
        finding = self._judge(responder, issuer, question, stack)
        if finding.status is Status.GOOD:
            return ""
        return f"the OCSP responder's certificate is {finding.status}: {finding.detail}"

    def _from_lists(
        self,
        certificate: Certificate,
        issuer: Certificate,
        question: _Question,
        stack: tuple[str, ...],
        problems: list[str],
    ) -> Iterator[_Says]:
        """The newest usable CRL of each scope, and every usable delta that names the certificate.

        A delta only ever adds: what it takes off a list stays on it until the next full list.
        """
        seen: set[tuple[Scope, bytes]] = set()
        for crl in self._crls.get(normal(certificate.x509.issuer), ()):
            reasons, problem = _reasons(crl, certificate)
            problem = problem or crl.unsupported
            until = crl.next_update or crl.this_update
            problem = problem or _stale("the CRL", crl.this_update, until, certificate, question.at)
            signer = None if problem else self._signer(crl, issuer, question, stack, problems)
            if problem or signer is None:
                problems.extend([problem] if problem else [])
                continue
            entry = crl.find(certificate.x509.serial_number)
            if crl.is_delta:
                if entry is not None and entry.reason != REMOVED:
                    yield _Says("crl", crl.sha256, crl.this_update, until, entry, False, reasons)
                elif not self._crls_complete(certificate):
                    problems.append("the CRL is a delta, and its full list is not here")
                continue
            scope = (crl.scope, spki(signer.public_key))
            if scope not in seen:
                seen.add(scope)
                yield _Says("crl", crl.sha256, crl.this_update, until, entry, False, reasons)

    def _crls_complete(self, certificate: Certificate) -> bool:
        return any(not crl.is_delta for crl in self._crls.get(normal(certificate.x509.issuer), ()))

    def _signer(
        self,
        crl: Crl,
        issuer: Certificate,
        question: _Question,
        stack: tuple[str, ...],
        problems: list[str],
    ) -> Certificate | None:
        """Who signed a list, when they may: the issuer, or another certificate of the same name
        under the same anchor, itself not revoked."""
        why = "the CRL is not signed by the issuer of the certificate"
        if crl.signed_by(issuer):
            if _signs_lists(issuer):
                return issuer
            why = "the KeyUsage of the issuer does not allow it to sign a CRL"
        for other in (*question.others, *self._certificates.get(normal(crl.issuer), ())):
            if (
                other == issuer
                or not same(other.x509.subject, crl.issuer)
                or not _signs_lists(other)
            ):
                continue
            if not crl.signed_by(other):
                continue
            chain = question.trust.chain(other, self._around(question), crl.this_update)
            ours = question.trust.chain(issuer, question.others, crl.this_update)
            if len(chain) < 2 or not ours or chain[-1] != ours[-1]:
                why = f"the signer of the CRL, {other.subject}, has no path to the same anchor"
                continue
            finding = self._judge(chain[0], chain[1], question, stack)
            if finding.status is Status.GOOD:
                return other
            why = f"the signer of the CRL is {finding.status}: {finding.detail}"
        problems.append(why)
        return None

    def _around(self, question: _Question) -> tuple[Certificate, ...]:
        given = [one for several in self._certificates.values() for one in several]
        return tuple(dict.fromkeys([*question.others, *given]))[:16]

    # -- what is held --------------------------------------------------------------------------

    def _keep_crl(self, crl: Crl) -> None:
        name = normal(crl.issuer)
        held = (*self._crls.get(name, ()), crl)
        newest = sorted(held, key=lambda one: one.this_update, reverse=True)
        self._crls = {**self._crls, name: tuple(newest)}

    def _keep_answer(self, answer: OcspAnswer) -> None:
        changed = dict(self._answers)
        for single in answer.singles:
            number = single.parsed.serial_number
            held = (*changed.get(number, ()), answer)
            changed[number] = tuple(sorted(held, key=_age, reverse=True))
        self._answers = changed

    def _keep_certificate(self, certificate: Certificate) -> None:
        name = normal(certificate.x509.subject)
        held = (*self._certificates.get(name, ()), certificate)
        self._certificates = {**self._certificates, name: held}


def _not_over(lists: Sequence[Crl], before: datetime) -> tuple[Crl, ...]:
    """Of lists of one name, newest first: those of `before` or later, and the newest of a scope."""
    newest: dict[tuple[Scope, bool], Crl] = {}
    for crl in lists:
        newest.setdefault((crl.scope, crl.is_delta), crl)
    return tuple(
        crl
        for crl in lists
        if (crl.next_update or crl.this_update) >= before or newest[crl.scope, crl.is_delta] is crl
    )


def _age(answer: OcspAnswer) -> tuple[datetime, datetime]:
    """By which the newer of two answers is known; a responder may sign several in one second."""
    return answer.produced_at, max(one.this_update for one in answer.singles)


def _until_of(answer: OcspAnswer, serial: int) -> datetime:
    """Until when an answer counts for certificates of a serial number."""
    return max(
        one.next_update or one.this_update + NO_NEXT_UPDATE
        for one in answer.singles
        if one.parsed.serial_number == serial
    )


def _signs_lists(signer: Certificate) -> bool:
    # Source: RFC 5280, clause 6.3.3 (f): judged only where the extension is present.
    for extension in signer.x509.extensions:
        if isinstance(extension.value, x509.KeyUsage):
            return extension.value.crl_sign
    return True


def _reasons(crl: Crl, certificate: Certificate) -> tuple[frozenset[x509.ReasonFlags], str]:
    """For which reasons a list speaks of a certificate; why for none, "" when for some.

    Source: RFC 5280, clause 6.3.3 (b) and (d).
    """
    scope, name = crl.scope, certificate.x509.issuer
    if not (scope.authorities if certificate.is_ca else scope.users):
        return frozenset(), "the CRL is about another kind of certificate"
    points = points_of(certificate)
    if not points:
        if scope.names and x509.DirectoryName(name) not in scope.names:
            return frozenset(), "the CRL is of another distribution point"
        return scope.reasons, ""
    found: frozenset[x509.ReasonFlags] = frozenset()
    for point in points:
        if point.crl_issuer is not None:
            continue  # an indirect CRL, which is not supported
        names = full_names(point.full_name, point.relative_name, name)
        if not scope.names or scope.names & names:
            found |= scope.reasons & (point.reasons or EVERY_REASON)
    return found, "" if found else "the CRL is of another distribution point"


def _stale(
    what: str, this_update: datetime, until: datetime, certificate: Certificate, at: datetime
) -> str:
    if at > until:
        return (
            f"{what} of {this_update:%Y-%m-%dT%H:%M:%SZ} is over since {until:%Y-%m-%dT%H:%M:%SZ}"
        )
    if this_update > at and this_update > certificate.not_after:
        return f"{what} was made after the certificate had expired"
    return ""


def _weigh(used: Sequence[_Says], unknown: Finding, problems: Sequence[str]) -> Finding:
    """Revoked by any, else unknown to an OCSP responder, else good for every reason."""
    finding = replace(
        unknown,
        source="+".join(sorted({one.source for one in used})),
        this_update=max(one.this_update for one in used),
        next_update=min(one.next_update for one in used),
        sha256=tuple(dict.fromkeys(one.sha256 for one in used)),
    )
    listed = [one for one in used if one.entry is not None]
    if listed:
        # A hold may end; a revocation does not.
        worst = min(
            listed,
            key=lambda one: (one.entry.reason == ON_HOLD, one.entry.revoked_at),  # type: ignore[union-attr]
        )
        assert worst.entry is not None  # noqa: S101  # it is listed
        return replace(
            finding,
            status=Status.REVOKED,
            source=worst.source,
            this_update=worst.this_update,
            next_update=worst.next_update,
            sha256=(worst.sha256,),
            revoked_at=worst.entry.revoked_at,
            reason=worst.entry.reason,
            detail=f"{finding.subject}: revoked at "
            f"{worst.entry.revoked_at:%Y-%m-%dT%H:%M:%SZ}"
            + (f", {worst.entry.reason}" if worst.entry.reason else ""),
        )
    if any(one.unknown for one in used):
        return replace(finding, detail=f"{finding.subject}: the OCSP responder does not know it")
    reasons = frozenset[x509.ReasonFlags]().union(*(one.reasons for one in used))
    if reasons != EVERY_REASON:
        why = "; ".join(dict.fromkeys([*problems, "the CRL speaks of some reasons only"]))
        return replace(finding, detail=f"{finding.subject}: {why}")
    return replace(finding, status=Status.GOOD)
