"""Signatures inside the PDFs of a document, for `verify` and `inspect`: judged one PDF at a time in
a child process, shown apart from the signature of the envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from . import exits, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.attachments.pdf import PdfReport, PdfSignature
    from envelopes.report import Report

    from ..edges.pdfs import PdfJudge


class PdfPolicy(StrEnum):
    """What signatures inside PDFs decide."""

    OFF = "off"
    FINDINGS = "findings"
    REQUIRED = "required"


Policy = Annotated[
    PdfPolicy | None,
    typer.Option(
        "--pdf",
        help=say(
            "chữ ký trong tệp PDF: off (không xét), findings (chỉ nêu; mặc định), required (thiếu "
            "hoặc sai thì không đạt). Với thư mục: không xét",
            "signatures inside PDFs: off, findings (told, decide nothing; default), required "
            "(missing or wrong ones decide). Of folders they are not judged",
        ),
    ),
]


def judge(report: Report, file: BinaryIO, judged_by: PdfJudge) -> tuple[PdfReport, ...] | None:
    """The verdict on every PDF of a document, () of one that failed, None of anything else.

    Args:
        report: the verdict on the envelope; a PDF counts only if it is one of the report's.
        file: the envelope, seekable.
        judged_by: reads them.

    Raises:
        OSError: it cannot be read.
    """
    from envelopes.errors import EnvelopeError
    from envelopes.large import read_file
    from envelopes.model import Document
    from envelopes.report import Indication

    from ..edges.pdfs import judge_all

    if report.kind != "document":
        return None
    if report.indication is Indication.FAILED:
        return ()
    try:
        message, _ = read_file(file)
    except EnvelopeError:
        return ()  # it was readable when it was judged: it changed, and the digests would say so
    if not isinstance(message, Document):
        return ()
    known = {one.sha256 for one in report.attachments}
    there = {
        one.stored.sha256 if one.stored else sha256(one.content).hexdigest()
        for one in message.attachments
    }
    if there != known:
        return ()
    return tuple(judge_all(message, judged_by, file))


def with_signatures(
    document: Mapping[str, Any], reports: Sequence[PdfReport] | None
) -> dict[str, Any]:
    """A document of `verify --json` with what its PDFs hold; null when that was not asked."""
    said = None if reports is None else [one.to_json_dict() for one in reports]
    return {**document, "pdf_signatures": said}


def decided(policy: PdfPolicy, reports: Sequence[PdfReport] | None) -> exits.Exit:
    """What the PDFs of one document make of the exit code; None: it was not asked."""
    from envelopes.attachments.pdf import overall
    from envelopes.report import Indication

    if policy is not PdfPolicy.REQUIRED or reports is None:
        return exits.Exit.DONE
    codes = {Indication.PASSED: exits.Exit.DONE, Indication.FAILED: exits.Exit.NEGATIVE}
    return codes.get(overall(reports), exits.Exit.PARTLY)


def worse(one: exits.Exit, other: exits.Exit) -> exits.Exit:
    """Of two exit codes the one that says more is wrong: failed, open, else the first."""
    for code in (exits.Exit.NEGATIVE, exits.Exit.PARTLY):
        if code in (one, other) and one in (exits.Exit.DONE, exits.Exit.PARTLY, code):
            return code
    return one


_SIGNS = {"TOTAL-PASSED": "✔", "TOTAL-FAILED": "✖", "INDETERMINATE": "?"}


def print_reports(reports: Sequence[PdfReport], *, trusted: bool = True) -> None:
    """A line for each PDF and each signature in it.

    Args:
        trusted: False if nothing was held against anchors: then no signature is said to be good.
    """
    if not reports:
        return
    if trusted:
        title = say(
            "Chữ ký trong tệp PDF (khác với chữ ký của gói tin)",
            "Signatures inside PDFs (not the signature of the envelope)",
        )
    else:
        title = say(
            "Chữ ký trong tệp PDF (CHƯA kiểm tra chứng thư)",
            "Signatures inside PDFs (certificates NOT checked)",
        )
    show.out(show.paint(f"  {title}", "bold"))
    for report in reports:
        _report(report, trusted=trusted)


def _report(report: PdfReport, *, trusted: bool) -> None:
    from envelopes.attachments.pdf import sentence

    if report.problem:
        detail = f" ({report.detail})" if report.detail else ""
        why = f"? {sentence(report.problem, spoken())} [{report.problem}]{detail}"
        show.out(show.plain(f"    {report.name}  {why}"))
        return
    show.out(show.plain(f"    {report.name}"))
    for one in report.signatures:
        show.out(show.plain(f"      {_line(one, trusted=trusted)}"))
    kinds = {"person": say("người có thẩm quyền", "a person"), "organ": say("cơ quan", "the organ")}
    if trusted and report.missing:
        named = ", ".join(kinds[one] for one in report.missing)
        show.out(
            f"      {say(f'? thiếu chữ ký hợp lệ của: {named}', f'? no valid one of: {named}')}"
        )


def _line(one: PdfSignature, *, trusted: bool) -> str:
    from envelopes.attachments.pdf import PROBLEMS

    kinds = {"person": say("cá nhân", "person"), "organ": say("cơ quan", "organ")}
    mark = _SIGNS[one.indication.value]
    told = bool(one.reason) and (trusted or one.reason in PROBLEMS)
    if not trusted and not told:
        mark = "·"
    why = f" · {one.sentence(spoken())} [{one.reason}]" if told else ""
    why += f": {one.detail}" if told and one.detail else ""
    when = ""
    if one.claimed_at:
        at = show.moment(one.claimed_at)
        when = say(f" · ký lúc {at} (tự khai)", f" · signed at {at} (claimed)")
    return f"{mark} {kinds.get(one.kind, '?')}: {one.signer or '–'}{when}{why}"
