"""What we do with a verdict, and what we refuse at the door: rules only.

TOTAL-PASSED and for us            accept
settles by itself                  hold, judge again later
anything else                      quarantine; answered 02 only when signature and organ passed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from envelopes.report import Indication, Report, Result

from .errors import SubmissionRefused
from .ports import Directory

# The step of envelopes.verify that binds the signer to the organ; below it the sender is unproven.
ORGAN_STEP = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a node.

    Args:
        envelope_bytes: largest signed envelope, bytes (8 MiB: RabbitMQ 4 takes 16 MiB a message,
            and a small receipt must not wait behind a large body).
        signing_skew: how far a signing time may lie ahead of our clock and still pass.
        hold_ahead: how far it may lie ahead to be held until our clock gets there.
        recheck: wait before a held envelope is judged again.
        poison_attempts: at this delivery of the same bytes they are quarantined unparsed.
        recipients: most recipients of one document.
        signing_wait: how long a document waits for a signature that is made elsewhere (48 h: a
            leader who travels answers on the second day).
    """

    envelope_bytes: int = 8 * 1024 * 1024
    signing_skew: timedelta = timedelta(minutes=5)
    hold_ahead: timedelta = timedelta(hours=24)
    recheck: timedelta = timedelta(minutes=5)
    poison_attempts: int = 3
    recipients: int = 5000
    signing_wait: timedelta = timedelta(hours=48)


class Disposition(StrEnum):
    """Where an envelope goes after its verdict."""

    ACCEPT = "accept"
    HOLD = "hold"
    QUARANTINE = "quarantine"


def dispose(report: Report, at: datetime, limits: Limits) -> Disposition:
    """Say where a judged envelope goes.

    Only what settles by itself is held: missing revocation data, and a signing time at most
    `limits.hold_ahead` in our future.
    """
    if report.indication is Indication.PASSED:
        return Disposition.ACCEPT
    if report.indication is Indication.INDETERMINATE:
        if report.sub_indication == "TRY_LATER":
            return Disposition.HOLD
        signed_at = report.signed_at
        if report.reason == "SIGNED_IN_FUTURE" and signed_at is not None:
            ahead = signed_at - at <= limits.hold_ahead
            return Disposition.HOLD if ahead else Disposition.QUARANTINE
    return Disposition.QUARANTINE


def sender_is_proven(report: Report) -> bool:
    """Whether signature and organ passed, so that the sender may be answered 02 with a reason.

    An envelope whose sender is not proven is never answered: the answer would go to whoever the
    forger named.
    """
    judged = [check for check in report.checks if check.step <= ORGAN_STEP]
    return any(check.step == ORGAN_STEP for check in judged) and all(
        check.result in (Result.PASSED, Result.NOT_ASKED) for check in judged
    )


def check_recipients(recipients: tuple[str, ...], directory: Directory, limits: Limits) -> None:
    """Refuse a submission whose recipients cannot be served.

    Raises:
        SubmissionRefused: E-RTE-001 unknown, E-RTE-002 closed (successor named), E-RTE-004 none
            or too many, E-FMT-015 one named twice.
    """
    if not 1 <= len(recipients) <= limits.recipients:
        raise SubmissionRefused(
            "E-RTE-004",
            "Văn bản phải có nơi nhận",
            "A document needs recipients",
            detail=f"{len(recipients)} nơi nhận; cho phép từ 1 đến {limits.recipients}",
            pointer="MessageHeader/To",
        )
    if len(set(recipients)) != len(recipients):
        twice = next(organ for organ in recipients if recipients.count(organ) > 1)
        raise SubmissionRefused(
            "E-FMT-015",
            "Một nơi nhận được ghi hai lần",
            "A recipient is named twice",
            detail=twice,
            pointer="MessageHeader/To/OrganId",
        )
    for organ_id in recipients:
        _check_recipient(organ_id, directory)


def _check_recipient(organ_id: str, directory: Directory) -> None:
    organ = directory.find(organ_id)
    if organ is None:
        raise SubmissionRefused(
            "E-RTE-001",
            "Không có cơ quan nhận này trong danh mục",
            "The recipient is not in the directory",
            detail=f"{organ_id}: kiểm tra lại mã định danh, hoặc bổ sung vào danh mục",
            pointer="MessageHeader/To/OrganId",
        )
    if organ.closed:
        successor = directory.find(organ.successor) if organ.successor else None
        advice = (
            f"gửi tới {successor.organ_id} ({successor.name})" if successor else "không có mã thay"
        )
        raise SubmissionRefused(
            "E-RTE-002",
            "Mã định danh cơ quan nhận đã đóng",
            "The recipient's code is closed",
            detail=f"{organ_id} ({organ.name}) đã đóng; {advice}",
            pointer="MessageHeader/To/OrganId",
        )
