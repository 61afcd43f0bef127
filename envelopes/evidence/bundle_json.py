"""The verdict on a bundle as JSON, schema docexchange/bundle/v1.

Absent values are null. Times are RFC 3339 in UTC; one under `claimed_at` is the signer's word, one
under `proven_at` was proven by a timestamp token.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..wording import REASONS
from .bundle_report import BundleReport, Gap, Recipient, Status
from .bundle_words import GAPS

SCHEMA: Final = "docexchange/bundle/v1"


def to_json_document(report: BundleReport, now: BundleReport) -> Mapping[str, Any]:
    """The whole of `verify X.zip --json`.

    Args:
        report: the verdict for the time asked for.
        now: the verdict for now; the same one if nothing else was asked.
    """
    contents, journal = report.contents, report.journal
    return {
        "schema": SCHEMA,
        "file": report.file or None,
        **_verdict(report),
        "now": _verdict(now),
        "intact": report.intact,
        "bundle": {
            "made_by": contents.organ if contents else None,
            "role": contents.role if contents else None,
            "claimed_at": _time(report.made_at),
            "signer": report.maker.subject if report.maker else None,
            "checks": [check.to_json_dict() for check in report.checks],
            "files": [{"name": one.name, "sha256": one.sha256} for one in report.files],
        },
        "document": _envelope(report),
        "recipients": [_recipient(one) for one in report.recipients],
        "statuses": [_status(one) for one in report.statuses],
        "journal": {
            "organ": journal.checkpoint.organ,
            "lines": journal.checkpoint.lines,
            "root": journal.checkpoint.root,
            "claimed_at": _time(journal.checkpoint.at),
            "checks": [check.to_json_dict() for check in journal.checks],
            "proven": list(journal.lines),
        }
        if journal
        else None,
        "unproven": [_gap(one) for one in report.gaps],
    }


def _verdict(report: BundleReport) -> dict[str, Any]:
    deciding = report.deciding
    sub = REASONS[deciding.reason].sub_indication if deciding and deciding.reason else None
    return {
        "at": _time(report.terms.at),
        "indication": report.indication.value,
        "sub_indication": sub.value if sub else None,
        "reason": deciding.reason if deciding else None,
        "detail": deciding.detail or None if deciding else None,
    }


def _envelope(report: BundleReport) -> Mapping[str, Any] | None:
    envelope = report.envelope
    if envelope is None:
        return None
    return {
        **envelope.to_json_dict(),
        "sha256": envelope.sha256,
        "size": envelope.size,
        "claimed_at": _time(envelope.signed_at),
        "proven_at": _time(envelope.proven_at),
    }


def _recipient(one: Recipient) -> Mapping[str, Any]:
    account = one.account
    return {
        "organ": one.organ,
        "name": one.name or None,
        "confirmed": one.confirmed,
        "statuses": [status.report.file for status in one.statuses],
        "maker_says": {"state": account.state, "reason": account.reason or None}
        if account
        else None,
    }


def _status(one: Status) -> Mapping[str, Any]:
    return {
        **one.report.to_json_dict(),
        "later": one.later,
        "confirms": one.confirms,
        "claimed_at": _time(one.report.signed_at),
        "proven_at": _time(one.report.proven_at),
    }


def _gap(one: Gap) -> Mapping[str, Any]:
    words = GAPS[one.code]
    return {
        "code": one.code,
        "subject": one.subject or None,
        "what": {"vi": words.what.vi, "en": words.what.en},
        "would_prove": {"vi": words.remedy.vi, "en": words.remedy.en},
    }


def _time(time: datetime | None) -> str | None:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
