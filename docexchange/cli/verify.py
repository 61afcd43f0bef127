"""`verify`: the verdict on envelopes and receipts, and on evidence bundles (`bundles`), offline.

An auditor's command: it needs files and trust anchors, no config, no store, no network.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from envelopes.large import LARGE_MAX

from . import bundles, exits, files, folders, options, pdfs, session, show
from .repeat import Kept
from .tally import Bar, JsonStream, Tally
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.attachments.pdf import PdfReport
    from envelopes.report import Report
    from envelopes.verify import Binding
    from keys.trust import Trust

LAST_STEP = 11  # of one file by itself; 12 holds a receipt against its envelope

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar=say("TỆP|THƯ_MỤC", "FILE|DIR"),
        help=say(
            "gói tin và biên nhận; của thư mục, mọi .edxml và .xml, kể cả thư mục con; "
            "hoặc một hồ sơ bằng chứng (.zip)",
            "envelopes and receipts; of a folder, all .edxml and .xml, those below it too; "
            "or one evidence bundle (.zip)",
        ),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "verify",
        verify,
        "Kiểm tra gói tin, biên nhận, hồ sơ bằng chứng: chữ ký, người ký, nội dung. Ngoại tuyến.",
        "Check envelopes, receipts, evidence bundles: signature, signer, content. Offline.",
    )


def verify(
    paths: Files,
    trust: Annotated[
        Path,
        typer.Option(
            "--trust",
            metavar="PEM|DIR",
            help=say(
                "chứng thư gốc tin cậy: tệp PEM hoặc thư mục; chỉ nhận CA tự ký",
                "trust anchors: a PEM file or a folder; only self-signed CAs count",
            ),
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar=say("TỆP", "FILE"),
            help=say(
                "danh mục cơ quan (TOML): chứng thư nào ký cho cơ quan nào",
                "directory of organs (TOML): which certificate speaks for whom",
            ),
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="RFC3339",
            help=say(
                "xét tại thời điểm này, như 2026-11-22T08:00:00+07:00 (mặc định: bây giờ)",
                "judge for this time, as 2026-11-22T08:00:00+07:00 (default: now)",
            ),
        ),
    ] = "",
    tsa_trust: options.TsaTrust = None,
    limit: options.LimitBytes = LARGE_MAX,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=0,
            max=64,
            metavar="N",
            help=say("số tiến trình (0: mỗi lõi một)", "processes (0: one for each core)"),
        ),
    ] = 0,
    pdf: pdfs.Policy = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="X.html|X.pdf",
            help=say("viết thêm báo cáo để đọc và in", "also write a page to read and print"),
        ),
    ] = None,
    repeat: Annotated[
        Path | None,
        typer.Option(
            "--repeat",
            metavar="X.json",
            help=say(
                "so với kết quả `--json` trước đây; mã thoát 1 nếu khác",
                "compare with an earlier `--json` result; exit code 1 when it differs",
            ),
        ),
    ] = None,
    force: options.Force = False,
    evidence: options.EvidenceFiles = None,
    revocation: options.Revocation = options.RevocationPolicy.OFF,
    as_json: options.Json = False,
) -> None:
    """Judge files, each by itself and then receipts against envelopes; print the verdict."""
    from keys.revocation import Evidence

    from ..edges.anchors import load_trust
    from ..edges.evidence_files import load_evidence

    now = session.now()
    time = options.moment(at) if at else now
    anchors, ignored = load_trust(trust, revocation.value)
    given, left_out = load_evidence(evidence or ())
    if session.current.verbose:
        for one in ignored:
            show.note(say(f"--trust bỏ qua: {one}", f"--trust ignores: {one}"))
        for one in left_out:
            show.note(say(f"--evidence bỏ qua: {one}", f"--evidence ignores: {one}"))
    if tsa_trust is not None:
        anchors = anchors.with_authorities(load_trust(tsa_trust)[0])
    binding = _binding(directory) if directory else None
    inside = Inside(pdf or pdfs.PdfPolicy.FINDINGS, anchors, time)
    kept = Kept(html, repeat, force)
    if any(map(bundles.is_bundle, paths)):
        asked = bundles.Asked(anchors, max(now, time), time, binding, trust, inside.policy, given)
        raise typer.Exit(bundles.judge(paths, asked, kept, as_json=as_json))
    many = any(path.is_dir() for path in paths)
    if many and pdf not in (None, pdfs.PdfPolicy.OFF):
        raise typer.BadParameter(
            say(
                "không xét tệp PDF trong thư mục; hãy nêu tên tệp", "of folders PDFs are not judged"
            ),
            param_hint="--pdf",
        )
    if many and (html or repeat):
        raise typer.BadParameter(
            say("không dùng cho thư mục; hãy nêu tên tệp", "name files, no folder"),
            param_hint="--html" if html else "--repeat",
        )
    shown = not many or as_json or session.current.verbose
    held = Evidence.of(given)
    found = folders.find(paths)
    terms = folders.Terms(anchors, time, binding, limit, shown, held, found.stamps)
    tally = Tally(found.skipped, found.unread)
    for error in found.unread:
        _unread(error)
    differs = False
    judged = folders.judge_all(found.paths, terms, jobs or os.cpu_count() or 1)
    if many:
        _print_many(judged, terms, len(found.paths), tally, trust, as_json=as_json)
    else:
        differs = _print_few(judged, tally, trust, inside, kept, as_json=as_json)
    code = tally.exit()
    if differs:
        code = pdfs.worse(code, exits.Exit.NEGATIVE)
    for reports in inside.reports.values():
        code = pdfs.worse(code, pdfs.decided(inside.policy, reports))
    raise typer.Exit(code)


def _binding(directory: Path) -> Binding:
    from ..edges.directory import TomlDirectory

    return TomlDirectory.load(directory)


class Inside:
    """The signatures inside PDFs of some envelopes.

    Args:
        policy: what they decide.
        trust: anchors, the same as for envelopes.
        at: the time judged for.
    """

    def __init__(self, policy: pdfs.PdfPolicy, trust: Trust, at: datetime) -> None:
        self.policy = policy
        self._trust, self._at = trust, at
        self.reports: dict[str, tuple[PdfReport, ...] | None] = {}  # by the SHA-256 of the envelope

    def judge(self, report: Report, limit: int) -> tuple[PdfReport, ...] | None:
        """Those of an envelope that was judged, None if that was not asked."""
        if self.policy is pdfs.PdfPolicy.OFF:
            return None
        from ..edges.pdfs import PdfJudge

        path = Path(report.file)
        if report.sha256 not in self.reports and path.is_file():  # a pipe was read and is gone
            judge = PdfJudge(self._trust, self._at)
            with files.seekable(path, limit) as file:
                self.reports[report.sha256] = pdfs.judge(report, file, judge)
        return self.reports.get(report.sha256)


def _unread(error: OSError) -> None:
    show.note(f"{say('lỗi:', 'error:')} {exits.sentence(error)}")


def _print_few(
    judged: Iterable[folders.Judged],
    tally: Tally,
    trust: Path,
    inside: Inside,
    kept: Kept,
    *,
    as_json: bool,
) -> bool:
    """Every report in full; whether something differs from an earlier result."""
    from envelopes.report import to_json_document
    from envelopes.verify import cross_check

    reports = []
    for one in judged:
        if isinstance(one, OSError):
            tally.unread.append(one)
            _unread(one)
        elif not isinstance(one, folders.Passed):
            reports.append(one)
    checked = cross_check(reports)
    for report in checked:
        tally.add(report)
    found = [inside.judge(report, LARGE_MAX) for report in checked]
    whole = to_json_document(checked)
    pairs = zip(whole["documents"], found, strict=True)
    documents = [pdfs.with_signatures(document, reports) for document, reports in pairs]
    whole = {**whole, "documents": documents}
    if as_json:
        show.emit_whole(whole)
    else:
        _print(checked, trust, found)
    return kept.done(whole)


def _print_many(
    judged: Iterable[folders.Judged],
    terms: folders.Terms,
    total: int,
    tally: Tally,
    trust: Path,
    *,
    as_json: bool,
) -> None:
    """What did not pass, with -v everything, as it comes; then the receipts, when every document
    is known; then the counts."""
    from envelopes.report import SCHEMA, Indication
    from envelopes.verify import Documents

    documents, statuses = Documents(), []
    stream, bar = JsonStream(SCHEMA) if as_json else None, Bar(total)

    def tell(report: Report) -> None:
        tally.add(report)
        if report.indication is Indication.PASSED and not terms.all_shown:
            return
        bar.done()
        if stream is not None:
            stream.add(report)
        else:
            _print_report(report, alone=False)

    for count, one in enumerate(judged, start=1):
        if isinstance(one, folders.Passed):
            documents.add(one.sha256, one.file, one.sender, one.document_id)
            tally.add_passed()
        elif isinstance(one, OSError):
            tally.unread.append(one)
            bar.done()
            _unread(one)
        elif one.kind == "status":
            statuses.append(one)
        else:
            documents.add_report(one)
            tell(one)
        bar.show(count, tally)
    bar.done()
    for status in statuses:
        tell(documents.compared(status))
    if stream is not None:
        stream.end(tally)
        return
    if not total:
        nothing = say("không có tệp .edxml, .xml nào", "no .edxml or .xml file was found")
        show.note(nothing)
        return
    tally.print()
    _print_terms(terms.at, trust)


def _print(
    reports: Sequence[Report], trust: Path, found: Sequence[Sequence[PdfReport] | None]
) -> None:
    from envelopes.report import overall

    for report, inside in zip(reports, found, strict=True):
        _print_report(report, inside or (), alone=len(reports) == 1)
    if not reports:
        return
    show.out(
        show.paint(f"{overall(reports).value} · {len(reports)} {say('tệp', 'file(s)')}", "bold")
    )
    _print_terms(reports[0].at, trust)


def _print_terms(at: datetime, trust: Path) -> None:
    anchors = say(f"gốc tin cậy: {trust}", f"trust: {trust}")
    time = show.moment(at)
    when = say(f"xét tại {time}", f"judged for {time}")
    show.out(f"{when} · {anchors} · {say('ngoại tuyến', 'offline')}")


def _print_report(report: Report, inside: Sequence[PdfReport] = (), *, alone: bool) -> None:
    """The verdict, the steps that matter and who signed; -v shows every step."""
    from envelopes.report import Indication, Result

    verdict, *lines = report.text(spoken()).rstrip("\n").split("\n")
    show.out(show.paint(verdict, _COLOURS[report.indication.value]))
    passed = report.indication is Indication.PASSED
    for check, line in zip(report.checks, lines, strict=False):
        short = not alone and passed and check.step <= LAST_STEP
        if session.current.verbose or not (short or check.result is Result.NOT_REACHED):
            show.out(line)
    for line in lines[len(report.checks) :]:
        show.out(line)
    _print_facts(report)
    pdfs.print_reports(inside)
    show.out()


_COLOURS = {"TOTAL-PASSED": "good", "TOTAL-FAILED": "bad", "INDETERMINATE": "open"}


def _print_facts(report: Report) -> None:
    signer = report.signer
    show.facts(
        [
            (say("Người ký", "Signer"), signer.subject if signer else ""),
            (
                say("Thời điểm ký (tự khai)", "Signed at (claimed)"),
                show.moment(report.signed_at) if report.signed_at else "",
            ),
            (
                say("Ký lúc (đã chứng minh)", "Signed at (proven)"),
                show.moment(report.proven_at) if report.proven_at else "",
            ),
            *(
                (
                    say("Tệp đính kèm", "Attachment"),
                    f"{one.name} · {show.size(one.size)} · sha256 {one.sha256}",
                )
                for one in report.attachments
            ),
        ]
    )
