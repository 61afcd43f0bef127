"""Signatures inside a PDF (chữ ký trong tệp PDF): what a reader found out, and whether to trust it.

These are the signatures with legal weight (NĐ 30/2020 Art 5: of a person, of the organ). They are
another question than the envelope's signature and are told apart from it everywhere. The reading of
a PDF is done elsewhere, in a process of its own (`docexchange.edges.pdfs`); what comes back from it
is checked here like anything from outside, and judged under the same anchors as envelopes.

A signature is of an **organ** when its certificate names one (organizationIdentifier) or its
common name is the organization's; otherwise of a **person**.

Source: ISO 32000-1, 12.8 (adbe.pkcs7.detached); ETSI EN 319 142-1 (ETSI.CAdES.detached).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.x509.oid import NameOID

from keys.certificates import Certificate
from keys.errors import KeysError
from keys.trust import OTHERS_MAX, Trust

from ..errors import Malformed
from ..wording import REASONS, Indication, Words

SUBFILTERS: Final = ("/adbe.pkcs7.detached", "/ETSI.CAdES.detached")
STRONG: Final = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
SIGNATURES_MAX: Final = 64  # of one PDF; a document has two to ten
SKEW: Final = timedelta(minutes=5)

_FAILED, _OPEN = Indication.FAILED, Indication.INDETERMINATE
PROBLEMS: Final[Mapping[str, tuple[Indication, Words]]] = {
    "PDF_UNREADABLE": (_OPEN, Words("Không đọc được tệp PDF", "The PDF cannot be read")),
    "PDF_NO_END": (
        _OPEN,
        Words(
            "Đọc tệp PDF vượt quá giới hạn bộ nhớ hoặc thời gian",
            "Reading the PDF took more memory or time than it may",
        ),
    ),
    "PDF_NOT_JUDGED": (
        _OPEN,
        Words(
            "Chưa xét: thiếu thư viện; chạy: pip install 'docexchange[pdf]'",
            "Not judged: a library is missing; run: pip install 'docexchange[pdf]'",
        ),
    ),
    "PDF_UNSIGNED": (_OPEN, Words("Tệp PDF không có chữ ký số", "The PDF is not signed")),
    "PDF_UNSUPPORTED": (
        _OPEN,
        Words("Loại chữ ký PDF không hỗ trợ", "A kind of PDF signature that is not supported"),
    ),
    "PDF_SIGNATURE_UNREADABLE": (
        _FAILED,
        Words("Không đọc được chữ ký trong PDF", "The signature in the PDF cannot be read"),
    ),
    "PDF_COVERAGE": (
        _FAILED,
        Words(
            "Chữ ký không phủ toàn bộ tệp tại lúc ký",
            "The signature does not cover all of the file as it was then",
        ),
    ),
    "PDF_CHANGED": (
        _FAILED,
        Words("Tệp PDF đã bị thay đổi sau khi ký", "The PDF was changed after it was signed"),
    ),
    "PDF_SIGNATURE_WRONG": (
        _FAILED,
        Words(
            "Chữ ký trong PDF không khớp khoá", "The signature in the PDF does not match the key"
        ),
    ),
    "PDF_CHANGED_AFTER": (
        _FAILED,
        Words(
            "Sau khi ký, tệp PDF được bổ sung nội dung ngoài chữ ký khác",
            "After it was signed, more than other signatures was added to the PDF",
        ),
    ),
    "PDF_WEAK": (
        _OPEN,
        Words("Thuật toán băm không còn an toàn", "A digest algorithm that is no longer safe"),
    ),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A signature as the reader found it; only what needs no trust was computed.

    Args:
        field: name of the form field.
        subfilter: as "/adbe.pkcs7.detached".
        digest_right: the digest of what the signature covers is the signed one.
        value_right: the signature value fits its certificate.
        covers: "file", "revision" (more signatures or other things came later), or "" for less.
        changes: what came later is "none", "allowed" (signatures, form fields) or "other".
        digest: name of the algorithm.
        claimed_at: signing time, the signer's word, None if it says none.
        chain: certificates that came with it, the signer's first; () if they cannot be read.
        error: why it could not be read, "" if it could.
    """

    field: str
    subfilter: str
    digest_right: bool = False
    value_right: bool = False
    covers: str = ""
    changes: str = ""
    digest: str = ""
    claimed_at: datetime | None = None
    chain: tuple[Certificate, ...] = ()
    error: str = ""


def found_from_json(given: object) -> tuple[Found, ...]:
    """What the reader said about a PDF, checked. Raises Malformed."""
    if not isinstance(given, list) or len(given) > SIGNATURES_MAX:
        raise Malformed("no list of signatures, or too long a one")
    try:
        return tuple(map(_found, given))
    except (KeyError, TypeError, ValueError, AttributeError, KeysError) as error:
        raise Malformed(f"{type(error).__name__}: {error}") from error


def _found(one: Mapping[str, Any]) -> Found:
    claimed = datetime.fromisoformat(one["claimed_at"]) if one["claimed_at"] else None
    if claimed is not None and claimed.tzinfo is None:
        claimed = None  # a time without its zone is none
    certificates = [base64.b64decode(each, validate=True) for each in one["certificates"]]
    return Found(
        str(one["field"])[:200],
        str(one["subfilter"])[:60],
        one["digest_right"] is True,
        one["value_right"] is True,
        str(one["covers"]),
        str(one["changes"]),
        str(one["digest"])[:40],
        claimed,
        tuple(map(Certificate.from_der, certificates[: OTHERS_MAX + 1])),
        str(one["error"])[:300],
    )


@dataclass(frozen=True, slots=True)
class PdfSignature:
    """The verdict on one signature.

    Args:
        field: name of the form field.
        kind: "organ", "person", or "" when no certificate could be read.
        indication: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE.
        reason: key of PROBLEMS or of `wording.REASONS`, "" when passed.
        detail: the facts.
        signer: subject of the certificate.
        organ: OrganId in it, "" if none.
        claimed_at: signing time, the signer's word.
        whole: it covers the file as it is; False if more was added later.
    """

    field: str
    kind: str
    indication: Indication
    reason: str = ""
    detail: str = ""
    signer: str = ""
    organ: str = ""
    claimed_at: datetime | None = None
    whole: bool = False

    def sentence(self, lang: str) -> str:
        """Why, for a person."""
        return sentence(self.reason, lang)


@dataclass(frozen=True, slots=True)
class PdfReport:
    """The verdict on the signatures of one PDF.

    Args:
        name: of the attachment.
        problem: PDF_UNREADABLE, PDF_NO_END, PDF_NOT_JUDGED or PDF_UNSIGNED; "" if it has
            signatures.
        detail: the facts of the problem.
        signatures: in the order in which they were made.
    """

    name: str
    problem: str = ""
    detail: str = ""
    signatures: tuple[PdfSignature, ...] = ()

    def has(self, kind: str) -> bool:
        """Whether a signature of this kind passed, "person" or "organ"."""
        return any(
            one.kind == kind and one.indication is Indication.PASSED for one in self.signatures
        )

    @property
    def indication(self) -> Indication:
        """PASSED: of a person and of an organ, and none that did not pass; FAILED: one is wrong;
        otherwise INDETERMINATE."""
        found = {one.indication for one in self.signatures}
        if Indication.FAILED in found:
            return Indication.FAILED
        both = self.has("person") and self.has("organ")
        return Indication.PASSED if both and found == {Indication.PASSED} else _OPEN

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of which no signature passed."""
        return tuple(kind for kind in ("person", "organ") if not self.has(kind))

    def to_json_dict(self) -> dict[str, Any]:
        """An entry of `pdf_signatures` in `verify --json`."""
        return {
            "attachment": self.name,
            "indication": self.indication.value,
            "problem": self.problem or None,
            "detail": self.detail or None,
            "missing": list(self.missing),
            "signatures": [
                {
                    "field": one.field,
                    "kind": one.kind or None,
                    "indication": one.indication.value,
                    "reason": one.reason or None,
                    "detail": one.detail or None,
                    "signer": one.signer or None,
                    "organ": one.organ or None,
                    "claimed_at": one.claimed_at.isoformat() if one.claimed_at else None,
                    "covers_whole_file": one.whole,
                }
                for one in self.signatures
            ],
        }


def overall(reports: Sequence[PdfReport]) -> Indication:
    """The verdict on all PDFs of a document: FAILED if one is wrong; PASSED if one is signed by a
    person and by the organ (an annex need not be); otherwise INDETERMINATE.

    Source: NĐ 30/2020 Art 5, Appendix I part I.
    """
    found = {one.indication for one in reports}
    for indication in (Indication.FAILED, Indication.PASSED):
        if indication in found:
            return indication
    return _OPEN


def sentence(reason: str, lang: str) -> str:
    """What a reason says, for a person; "" for none."""
    if reason in PROBLEMS:
        return PROBLEMS[reason][1].get(lang)
    return REASONS[reason].words.get(lang) if reason else ""


def judge(name: str, found: Sequence[Found], trust: Trust, at: datetime) -> PdfReport:
    """Judge what was found in a PDF.

    Args:
        name: of the attachment.
        found: by the reader.
        trust: anchors, the same as for envelopes.
        at: the time judged for, aware.
    """
    if not found:
        return PdfReport(name, "PDF_UNSIGNED")
    return PdfReport(name, signatures=tuple(_judged(one, trust, at) for one in found))


def _judged(found: Found, trust: Trust, at: datetime) -> PdfSignature:
    reason, detail = _problem(found, trust, at)
    leaf = found.chain[0] if found.chain else None
    indication = Indication.PASSED
    if reason:
        known = PROBLEMS.get(reason)
        indication = known[0] if known else _OPEN
    return PdfSignature(
        found.field,
        kind_of(leaf) if leaf else "",
        indication,
        reason,
        detail,
        leaf.subject if leaf else "",
        leaf.organ_id if leaf else "",
        found.claimed_at,
        found.covers == "file",
    )


def _problem(found: Found, trust: Trust, at: datetime) -> tuple[str, str]:
    """The first thing that is wrong; ("", "") if nothing is."""
    if found.subfilter not in SUBFILTERS:
        return "PDF_UNSUPPORTED", found.subfilter
    if found.error or not found.chain:
        return "PDF_SIGNATURE_UNREADABLE", found.error
    wrong = (
        ("PDF_COVERAGE", found.covers not in ("file", "revision")),
        ("PDF_CHANGED", not found.digest_right),
        ("PDF_SIGNATURE_WRONG", not found.value_right),
        ("PDF_CHANGED_AFTER", found.changes not in ("none", "allowed")),
    )
    for reason, is_so in wrong:
        if is_so:
            return reason, ""
    if found.digest not in STRONG:
        return "PDF_WEAK", found.digest
    return _untrusted(found, trust, at)


def _untrusted(found: Found, trust: Trust, at: datetime) -> tuple[str, str]:
    leaf = found.chain[0]
    path = trust.path(leaf, found.chain[1:], at)
    if path.problem:
        return path.problem, path.detail
    if found.claimed_at is not None and found.claimed_at > at + SKEW:
        return "SIGNED_IN_FUTURE", found.claimed_at.isoformat()
    if found.claimed_at and not leaf.not_before <= found.claimed_at <= leaf.not_after:
        return "SIGNED_OUTSIDE_VALIDITY", found.claimed_at.isoformat()
    if path.anchor is not None and path.anchor.revocation == "required":
        return "REVOCATION_MISSING", "the policy of this trust anchor requires it"
    return "", ""


def kind_of(certificate: Certificate) -> str:
    """Whose signatures a certificate makes, as its subject says: "organ" or "person"."""
    subject = certificate.x509.subject
    names = {str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    organizations = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    same = any(str(one.value) in names for one in organizations)
    return "organ" if certificate.organ_id or same or not names else "person"
