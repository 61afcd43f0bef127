"""What we do with a verdict, and what we refuse at the door: rules only.

TOTAL-PASSED and for us            accept
settles by itself                  hold, judge again later
anything else                      quarantine; answered 02 only when signature and organ passed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from envelopes.codes import level_one, organ
from envelopes.codes.level_one import LevelOne
from envelopes.content import content_problem
from envelopes.gate import ELEMENTS_MAX
from envelopes.model import Document
from envelopes.profile import profile_problem
from envelopes.report import Indication, Report, Result
from envelopes.secrecy import LAW, classification

from .errors import SubmissionRefused
from .ports import Directory, Organ

# The step of envelopes.verify that binds the signer to the organ; below it the sender is unproven.
ORGAN_STEP = 10
_ONLY_TO = "MessageHeader/To/OrganId"
# A receiver's gate takes ELEMENTS_MAX elements; a recipient with code and name is three of them.
MOST_RECIPIENTS = 6000
_OURS = 200  # elements that our hop and the signature add, generously


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a node.

    Args:
        envelope_bytes: largest signed envelope that travels as one message, bytes (8 MiB:
            RabbitMQ 4 takes 16 MiB a message, and a small receipt must not wait behind a large
            body). Larger ones travel in parts.
        large_bytes: largest signed envelope, bytes.
        parts_quota: bytes that the parts of one axis user may take until their wholes are complete.
        trial_bytes: of a redelivered message; above, a child process reads it first.
        trial_memory, trial_cpu: what that child may take, bytes of address space and seconds.
        signing_skew: how far a signing time may lie ahead of our clock and still pass.
        hold_ahead: how far it may lie ahead to be held until our clock gets there.
        recheck: wait before a held envelope is judged again.
        evidence_grace: how long an envelope is held for want of revocation evidence; then a person
            decides (4 h, as X-Road allows a timestamp to fail).
        poison_attempts: at this delivery of the same bytes they are quarantined unparsed.
        recipients: most recipients of one document (5,000: every organ of a large province; with
            more, receivers refuse the envelope for its number of elements).
        signing_wait: how long a document waits for a signature that is made elsewhere (48 h: a
            leader who travels answers on the second day).
        upload_part_bytes: largest part of an attachment that a mailroom sends ahead.
        upload_quota: most bytes of such parts that wait for their document, per mailroom (64
            documents of the largest size).
        require_pdf_signatures: refuse a document of which no PDF is signed by a person and by the
            organ, or one is signed wrongly (False: they are judged only when somebody asks, since
            each costs a process).
    """

    envelope_bytes: int = 8 * 1024 * 1024
    large_bytes: int = 1024**3
    parts_quota: int = 4 * 1024**3
    trial_bytes: int = 1_000_000
    trial_memory: int = 512 * 1024**2
    trial_cpu: int = 60
    signing_skew: timedelta = timedelta(minutes=5)
    hold_ahead: timedelta = timedelta(hours=24)
    recheck: timedelta = timedelta(minutes=5)
    evidence_grace: timedelta = timedelta(hours=4)
    poison_attempts: int = 3
    recipients: int = 5000
    signing_wait: timedelta = timedelta(hours=48)
    upload_part_bytes: int = 4 * 1024 * 1024
    upload_quota: int = 512 * 1024 * 1024
    require_pdf_signatures: bool = False


class Disposition(StrEnum):
    """Where an envelope goes after its verdict."""

    ACCEPT = "accept"
    HOLD = "hold"
    QUARANTINE = "quarantine"


def dispose(
    report: Report, at: datetime, limits: Limits, held_since: datetime | None = None
) -> Disposition:
    """Say where a judged envelope goes.

    Only what settles by itself is held: missing revocation data, for at most
    `limits.evidence_grace` since `held_since`, and a signing time at most `limits.hold_ahead` in
    our future.
    """
    if report.indication is Indication.PASSED:
        return Disposition.ACCEPT
    if report.indication is Indication.INDETERMINATE:
        if report.sub_indication == "TRY_LATER":
            over = held_since is not None and at - held_since >= limits.evidence_grace
            return Disposition.QUARANTINE if over else Disposition.HOLD
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


def is_secret(report: Report) -> bool:
    """Whether a judged document says that it is a state secret, whoever signed it: its content is
    not kept (QĐ 28/2018/QĐ-TTg Art 1.2)."""
    return any(check.reason == "SECRET" for check in report.checks)


def check_sender(organ_id: str) -> None:
    """Refuse what stands for the sender's code and is none.

    Raises:
        SubmissionRefused: E-FMT-016.
    """
    _check_code(organ_id, "MessageHeader/From/OrganId")


def check_recipients(recipients: tuple[str, ...], directory: Directory, limits: Limits) -> None:
    """Refuse a submission whose recipients cannot be served.

    A code that the directory does not list but a decree has closed is told as closed; whatever
    the directory says of a code, or of the level 1 code above it, counts more than that list.

    Raises:
        SubmissionRefused: E-FMT-016 no code at all, E-RTE-001 unknown, E-RTE-002 closed (successor
            named), E-RTE-004 none or too many, E-FMT-015 one named twice.
    """
    if not 1 <= len(recipients) <= limits.recipients:
        raise SubmissionRefused(
            "E-RTE-004",
            "Văn bản phải có nơi nhận",
            "A document needs recipients",
            detail=f"{len(recipients)} nơi nhận; cho phép từ 1 đến {limits.recipients}",
            detail_en=f"{len(recipients)} recipients; from 1 to {limits.recipients} are allowed",
            pointer="MessageHeader/To",
        )
    if len(set(recipients)) != len(recipients):
        twice = next(one for one in recipients if recipients.count(one) > 1)
        raise SubmissionRefused(
            "E-FMT-015",
            "Một nơi nhận được ghi hai lần",
            "A recipient is named twice",
            detail=twice,
            pointer="MessageHeader/To/OrganId",
        )
    for position, organ_id in enumerate(recipients, start=1):
        pointer = f"MessageHeader/To[{position}]/OrganId" if len(recipients) > 1 else _ONLY_TO
        _check_code(organ_id, pointer)
        _check_recipient(organ_id, directory, pointer)


def _check_code(organ_id: str, pointer: str) -> None:
    fault = organ.problem(organ_id)
    if fault is None:
        return
    shown = organ.shown(organ_id) or "-"
    raise SubmissionRefused(
        "E-FMT-016",
        "Không phải mã định danh cơ quan",
        "Not an organ's code",
        detail=f"{shown}: {fault.vi}",
        detail_en=f"{shown}: {fault.en}",
        pointer=pointer,
    )


def _check_recipient(organ_id: str, directory: Directory, pointer: str) -> None:
    listed = directory.find(organ_id)
    if listed is None:
        closed = _closed_by_decree(organ_id, directory)
        if closed is None:
            raise _unknown(organ_id, pointer)
        listed = Organ(closed.code, closed.name, closed=True, successor=closed.successor)
    if listed.closed:
        raise _closed(organ_id, listed, directory, pointer)


def _closed_by_decree(organ_id: str, directory: Directory) -> LevelOne | None:
    """The closed level 1 code of the decrees that a code lies under, unless the directory knows
    better: it lists that level 1 code as one in use."""
    closed = level_one.find_closed(organ_id)
    return closed if closed is not None and directory.find(closed.code) is None else None


def _unknown(organ_id: str, pointer: str) -> SubmissionRefused:
    odd = organ.oddity(organ_id)
    return SubmissionRefused(
        "E-RTE-001",
        "Không có cơ quan nhận này trong danh mục",
        "The recipient is not in the directory",
        detail=f"{organ_id}: {odd.vi + '; ' if odd else ''}"
        "kiểm tra lại mã định danh, hoặc bổ sung vào danh mục",
        detail_en=f"{organ_id}: {odd.en + '; ' if odd else ''}"
        "check the code, or add it to the directory",
        pointer=pointer,
    )


def _closed(organ_id: str, closed: Organ, directory: Directory, pointer: str) -> SubmissionRefused:
    """The refusal of a closed code, naming whoever took over, by the directory or the list."""
    successor = closed.successor
    known = directory.find(successor) if successor else None
    by_decree = level_one.find(successor) if successor else None
    name = known.name if known else by_decree.name if by_decree else ""
    named = f"{successor} ({name})" if name else successor
    what = f"{organ_id} ({closed.name})" if closed.name else organ_id
    advice = f"gửi tới {named}" if successor else "chưa biết mã nào thay"
    advice_en = f"send it to {named}" if successor else "no successor is known"
    return SubmissionRefused(
        "E-RTE-002",
        "Mã định danh cơ quan nhận đã đóng",
        "The recipient's code is closed",
        detail=f"{what} đã đóng; {advice}",
        detail_en=f"{what} is closed; {advice_en}",
        pointer=pointer,
    )


def check_elements(elements: int, recipients: int) -> None:
    """Refuse a document of which no receiver would read so many elements; of many recipients it is
    their addresses and telephone numbers that make them.

    Args:
        elements: how many it has as it is written.
        recipients: how many organs it goes to.

    Raises:
        SubmissionRefused: E-RTE-004 where the recipients are to blame, else E-SIZ-001.
    """
    if elements <= ELEMENTS_MAX - _OURS:
        return
    many = recipients > 1000
    raise SubmissionRefused(
        "E-RTE-004" if many else "E-SIZ-001",
        "Văn bản có quá nhiều phần tử, bên nhận sẽ từ chối",
        "The document has more elements than a receiver takes",
        detail=f"{elements:,} phần tử với {recipients:,} nơi nhận; giới hạn {ELEMENTS_MAX:,}: chỉ "
        "ghi mã và tên của nơi nhận, hoặc chia thành nhiều văn bản",
        detail_en=f"{elements:,} elements with {recipients:,} recipients; the limit is "
        f"{ELEMENTS_MAX:,}: give only code and name of the recipients, or send several documents",
        pointer="MessageHeader/To" if many else "",
    )


def check_secrecy(document: Document) -> None:
    """Refuse a state secret, before anything else is looked at.

    Raises:
        SubmissionRefused: E-SEC-001; the text names the field, and repeats nothing else.
    """
    found = classification(document)
    if found is not None:
        raise secret(f"{found.element.partition('/')[2]} = {found.value}", found.element)


def check_content(document: Document) -> None:
    """Refuse a document that every receiver would have to refuse, or whose fields are not as the
    law says.

    Raises:
        SubmissionRefused: E-FMT-020, E-FMT-021.
    """
    problem = content_problem(document)
    if problem is not None:
        raise SubmissionRefused(
            "E-FMT-020",
            "Nội dung văn bản không đạt",
            "The content of the document is not acceptable",
            detail=problem.detail,
            pointer=problem.element,
        )
    problem = profile_problem(document)
    if problem is not None:
        raise SubmissionRefused(
            "E-FMT-021",
            "Trường thông tin không đúng quy định",
            "A field is not as the law says",
            detail=problem.detail,
            pointer=problem.element,
        )


def secret(what: str, pointer: str) -> SubmissionRefused:
    """The refusal of a secret document: the law, and what to do. `what` says how it was told."""
    return SubmissionRefused(
        "E-SEC-001",
        f"Văn bản có nội dung bí mật nhà nước không được gửi qua hệ thống này ({LAW})",
        f"A state secret must not be sent through this system ({LAW})",
        detail=f"{what}: không lưu gì; gửi theo quy định về bảo vệ bí mật nhà nước. Nếu văn bản "
        "không mật, sửa lại trường đó",
        detail_en=f"{what}: nothing was stored; send it as the rules on state secrets say. If the "
        "document is no secret, correct that field",
        pointer=pointer,
    )
