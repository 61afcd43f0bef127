"""Evidence bundles judged and shown: `verify X.zip`."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from envelopes.evidence.archive import MAGIC

from . import exits, pdfs, session, show, words
from .repeat import Kept
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.attachments.pdf import PdfReport
    from envelopes.evidence.bundle_bytes import Signed
    from envelopes.evidence.bundle_report import BundleReport, Recipient, Status
    from envelopes.report import Check, Report
    from envelopes.verify import Binding
    from keys.trust import Trust

TIMESTAMP_STEP = 9
_COLOURS = {"TOTAL-PASSED": "good", "TOTAL-FAILED": "bad", "INDETERMINATE": "open"}
_EXITS = {
    "TOTAL-PASSED": exits.Exit.DONE,
    "TOTAL-FAILED": exits.Exit.NEGATIVE,
    "INDETERMINATE": exits.Exit.PARTLY,
}
_SIGNS = {"TOTAL-PASSED": "✔", "TOTAL-FAILED": "✖", "INDETERMINATE": "?"}


def is_bundle(path: Path) -> bool:
    """Whether a file begins as a zip, as no edXML does. Raises nothing: who reads it will."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False  # of a pipe nothing may be taken yet
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Asked:
    """How a bundle is judged.

    Args:
        trust: anchors.
        now: the time, or `at` if that is later.
        at: the time judged for.
        directory: who may sign for whom, None if none was given.
        named: as the anchors were given, for the person who reads.
        pdf: what signatures inside PDFs decide.
        evidence: CRLs and OCSP answers that the auditor has.
    """

    trust: Trust
    now: datetime
    at: datetime
    directory: Binding | None
    named: Path
    pdf: pdfs.PdfPolicy
    evidence: tuple[bytes, ...] = ()


def judge(paths: Sequence[Path], asked: Asked, kept: Kept, *, as_json: bool) -> exits.Exit:
    """Judge one bundle, for the time asked for and for now, and print the verdict; the exit code
    is that for the time asked for.

    Raises:
        OSError: it cannot be read.
        typer.BadParameter: there is more than one file.
    """
    if len(paths) > 1:
        raise typer.BadParameter(
            say("mỗi lần chỉ kiểm tra một hồ sơ bằng chứng", "one evidence bundle at a time")
        )
    report, for_now, inside = _judged(paths[0], asked)
    whole = _json(report, for_now, inside)
    differs = kept.done(whole)
    if as_json:
        show.emit_whole(whole)
    else:
        _print(report, for_now, asked.named, inside or ())
    code = pdfs.worse(_EXITS[report.indication.value], pdfs.decided(asked.pdf, inside))
    return pdfs.worse(code, exits.Exit.NEGATIVE) if differs else code


def to_json(path: Path, asked: Asked) -> Mapping[str, Any]:
    """Judge one bundle: what `verify --json` prints. Raises OSError."""
    return _json(*_judged(path, asked))


def _judged(
    path: Path, asked: Asked
) -> tuple[BundleReport, BundleReport, tuple[PdfReport, ...] | None]:
    """The reports for the time asked for and for now, and what stands inside PDFs."""
    from envelopes.evidence import bundle_bytes
    from envelopes.evidence.bundle_judge import judge as judge_bundle
    from envelopes.evidence.bundle_report import Terms

    at, now = asked.at, asked.now
    with path.open("rb") as file:
        given, name = bundle_bytes.read(file), str(path)
        terms = Terms(asked.trust, now, at, asked.directory, asked.evidence)
        report = judge_bundle(given, terms, name)
        for_now = report
        if at != now:
            for_now = judge_bundle(given, replace(terms, at=now), name)
        return report, for_now, _inside(given, report, asked)


def _inside(
    given: Signed | tuple[Check, ...], report: BundleReport, asked: Asked
) -> tuple[PdfReport, ...] | None:
    """Signatures inside the PDFs of the document, None if that was not asked."""
    from envelopes.evidence.bundle import ENVELOPE
    from envelopes.evidence.bundle_bytes import Signed

    from ..edges.pdfs import PdfJudge

    if asked.pdf is pdfs.PdfPolicy.OFF:
        return None
    if not isinstance(given, Signed) or report.envelope is None:
        return ()
    envelope = given.archive.open(ENVELOPE)
    return pdfs.judge(report.envelope, envelope, PdfJudge(asked.trust, asked.at))


def _json(
    report: BundleReport, now: BundleReport, inside: Sequence[PdfReport] | None
) -> Mapping[str, Any]:
    from envelopes.evidence.bundle_json import to_json_document

    whole = to_json_document(report, now)
    document = whole["document"]
    return {**whole, "document": document and pdfs.with_signatures(document, inside)}


# -- for a person ------------------------------------------------------------------------------


def _print(
    report: BundleReport, now: BundleReport, named: Path, inside: Sequence[PdfReport]
) -> None:
    _headline(report, named)
    if now is not report:
        verdict = f"{_SIGNS[now.indication]} {now.indication.value}{_because(now.deciding)}"
        at = show.moment(now.terms.at)
        show.out(
            show.plain(f"  {say(f'Xét tại bây giờ ({at})', f'Judged for now ({at})')}: {verdict}")
        )
    _document(report)
    pdfs.print_reports(inside)
    _confirmations(report)
    _bundle(report)
    _gaps(report)


def _headline(report: BundleReport, named: Path) -> None:
    from envelopes.evidence.bundle_words import VERDICTS

    verdict = report.indication
    sentence = VERDICTS[verdict].get(spoken())
    line = f"{_SIGNS[verdict]} {report.file} · {verdict.value} · {sentence}"
    show.out(show.paint(show.plain(line), _COLOURS[verdict.value]))
    if report.deciding is not None:
        show.out(show.plain(f"  {_why(report.deciding)}"))
    at = show.moment(report.terms.at)
    offline = say("ngoại tuyến", "offline")
    show.out(
        show.plain(
            f"  {say(f'xét tại {at}', f'judged for {at}')} · "
            f"{say('gốc tin cậy', 'trust')}: {named} · {offline}"
        )
    )


def _why(check: Check) -> str:
    from envelopes.wording import REASONS

    sentence = f"{words.reason(check.reason)} [{check.reason}]"
    detail = f": {check.detail}" if check.detail else ""
    remedy = REASONS[check.reason].remedy.get(spoken())
    return f"{sentence}{detail}{f' → {remedy}' if remedy else ''}"


def _because(check: Check | None) -> str:
    return f" · {_why(check)}" if check is not None else ""


def _document(report: BundleReport) -> None:
    """Who sent what to whom, when."""
    from envelopes.model import Document

    envelope = report.envelope
    if envelope is None:
        return
    show.out()
    _title(say("Văn bản", "Document"))
    message = envelope.message if isinstance(envelope.message, Document) else None
    verdict = envelope.indication.value
    signer = envelope.signer.subject if envelope.signer else "–"
    show.facts(
        [
            (
                say("Kết luận", "Verdict"),
                f"{_SIGNS[verdict]} {verdict}{_because(envelope.deciding)}",
            ),
            (
                say("Ai gửi", "Who sent"),
                _sender(envelope),
            ),
            (say("Ký bởi", "Signed by"), signer),
            (say("Cho ai", "To whom"), _recipients(report)),
            (say("Cái gì", "What"), envelope.document_id),
            (say("Trích yếu", "Subject"), show.short(message.subject or "") if message else ""),
            (say("Gói tin", "Envelope"), f"{show.size(envelope.size)} · sha256 {envelope.sha256}"),
            *(
                (
                    say("Tệp đính kèm", "Attachment"),
                    f"{one.name} · {show.size(one.size)} · sha256 {one.sha256}",
                )
                for one in envelope.attachments
            ),
            (say("Ký lúc (tự khai)", "Signed at (claimed)"), show.moment(envelope.signed_at)),
            (
                say("Ký lúc (đã chứng minh)", "Signed at (proven)"),
                _proven(envelope),
            ),
        ]
    )


def _proven(envelope: Report) -> str:
    """When the token says that the signature existed, or why that counts for nothing."""
    if envelope.proven_at is not None:
        return show.moment(envelope.proven_at)
    check = next((one for one in envelope.checks if one.step == TIMESTAMP_STEP), None)
    if check is None or check.reason in ("", "NO_TIMESTAMP"):
        return say("– không có dấu thời gian", "– there is no timestamp")
    return f"– {words.reason(check.reason)} [{check.reason}]"


FEW = 4  # files or organs named beside what is not proven
SHOWN = 20  # recipients named in full; all are in --json


def _recipients(report: BundleReport) -> str:
    named = [_named(one.organ, one.name) for one in report.recipients[:SHOWN]]
    more = len(report.recipients) - len(named)
    return "; ".join(named) + (say(f"; và {more} nữa", f"; and {more} more") if more > 0 else "")


def _sender(envelope: Report) -> str:
    return _named(envelope.sender, envelope.message.sender.name if envelope.message else None)


def _named(organ: str, name: str | None) -> str:
    return f"{organ} {name}" if name else organ


def _confirmations(report: BundleReport) -> None:
    """Who confirmed; those of many that did not come first."""
    if not report.recipients:
        return
    show.out()
    done = sum(one.confirmed for one in report.recipients)
    _title(f"{say('Ai đã xác nhận', 'Who confirmed')}: {done}/{len(report.recipients)}")
    ordered = sorted(report.recipients, key=lambda one: one.confirmed)
    shown = ordered if session.current.verbose else ordered[:SHOWN]
    for one in shown:
        _recipient(one)
    if len(shown) < len(ordered):
        more = len(ordered) - len(shown)
        show.out(say(f"  … và {more} nữa (-v: tất cả)", f"  … and {more} more (-v: all)"))
    organs = {one.organ for one in report.recipients}
    for status in report.statuses:
        if status.report.sender not in organs:  # the sender asks for it back, or a stranger
            show.out(show.plain(f"    {_status(status)}"))


def _recipient(one: Recipient) -> None:
    mark = show.paint("✔", "good") if one.confirmed else show.paint("✖", "open")
    named = show.plain(_named(one.organ, one.name))
    account = one.account
    said = ""
    if not one.confirmed:
        said = say(": không có biên nhận hợp lệ", ": no valid receipt")
        if account is not None:
            state = f"{account.state} {account.reason}".strip()
            said += show.plain(say(f" (bên lập hồ sơ ghi: {state})", f" (the maker says: {state})"))
    show.out(f"  {mark} {named}{said}")
    for status in one.statuses:
        show.out(show.plain(f"      {_status(status)}"))


def _status(one: Status) -> str:
    report = one.report
    verdict = report.indication.value
    when = show.moment(report.signed_at)
    claimed = say(f"ký lúc {when} (tự khai)", f"signed at {when} (claimed)")
    if report.proven_at is not None:
        proven = show.moment(report.proven_at)
        claimed += say(f", trước {proven} (chứng minh)", f", before {proven} (proven)")
    line = f"{_SIGNS[verdict]} {words.code(report.status_code)} · {claimed} · {report.file}"
    if one.later:
        return line + say(" · ký sau thời điểm xét, chưa tính", " · signed later: not counted")
    return line + _because(report.deciding)


def _bundle(report: BundleReport) -> None:
    """The bundle itself: who made it, whether it is intact, its journal."""
    show.out()
    _title(say("Hồ sơ", "Bundle"))
    contents, maker = report.contents, report.maker
    intact = (
        say("✔ từng byte như khi lập", "✔ every byte as it was made")
        if report.intact
        else say("✖ đã bị thay đổi", "✖ it was changed")
    )
    roles = {"sender": say("bên gửi", "the sender"), "receiver": say("bên nhận", "a recipient")}
    made = f"{contents.organ} ({roles[contents.role]})" if contents else ""
    show.facts(
        [
            (say("Nguyên vẹn", "Intact"), intact),
            (say("Bên lập", "Made by"), made),
            (say("Ký bởi", "Signed by"), maker.subject if maker else ""),
            (
                say("Lập lúc (tự khai)", "Made at (claimed)"),
                show.moment(report.made_at) if report.made_at else "",
            ),
            (say("Nhật ký", "Journal"), _journal(report)),
        ]
    )
    _checks(report)


def _checks(report: BundleReport) -> None:
    """What did not pass of the bundle and its journal; with -v every step."""
    from envelopes.wording import RESULTS, STEPS, Result

    journal = report.journal.checks if report.journal else ()
    for check in (*report.checks, *journal):
        if check.result is Result.PASSED and not session.current.verbose:
            continue
        if check.result is Result.NOT_REACHED and not session.current.verbose:
            continue
        name = STEPS[check.step].words.get(spoken())
        outcome = _why(check) if check.reason else RESULTS[check.result].get(spoken())
        detail = f" ({check.detail})" if check.detail and not check.reason else ""
        show.out(show.plain(f"    {check.step:>2} {name}: {outcome}{detail}"))


def _journal(report: BundleReport) -> str:
    journal = report.journal
    if journal is None:
        return "–"
    seen, count = journal.checkpoint, len(journal.lines)
    at = show.moment(seen.at)
    return say(
        f"{count} dòng, dưới mốc {seen.lines:,} dòng mà {seen.organ} ký lúc {at} (tự khai)",
        f"{count} line(s), under a checkpoint of {seen.lines:,} lines that {seen.organ} signed "
        f"at {at} (claimed)",
    )


def _gaps(report: BundleReport) -> None:
    """What is not proven, each once, with the files or organs it is about, and what would."""
    from envelopes.evidence.bundle_words import GAPS

    if not report.gaps:
        return
    show.out()
    _title(say("Hồ sơ này không chứng minh", "This bundle does not prove"))
    for code in dict.fromkeys(one.code for one in report.gaps):
        subjects = [one.subject for one in report.gaps if one.code == code and one.subject]
        more = len(subjects) - FEW
        named = ", ".join(subjects[:FEW])
        named += say(f" và {more} nữa", f" and {more} more") if more > 0 else ""
        about = f" ({named})" if named else ""
        entry = GAPS[code]
        show.out(show.plain(f"  – {entry.what.get(spoken())}{about}"))
        needed = entry.remedy.get(spoken())
        show.out(show.plain(f"    {say('Cần', 'What would')}: {needed}"))


def _title(text: str) -> None:
    show.out(show.paint(text, "bold"))
