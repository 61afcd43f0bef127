"""A report as text for a person, in Vietnamese or English; the words are in `wording`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from .wording import INDICATIONS, REASONS, RESULTS, STEPS, Indication, Result, Words

if TYPE_CHECKING:
    from .report import Check, Report

_SIGNS: Final[Mapping[Result, str]] = {
    Result.PASSED: "✔",
    Result.FAILED: "✖",
    Result.INDETERMINATE: "?",
    Result.NOT_REACHED: "–",
    Result.NOT_ASKED: "–",
}
_VERDICT_SIGNS: Final[Mapping[Indication, str]] = {
    Indication.PASSED: "✔",
    Indication.FAILED: "✖",
    Indication.INDETERMINATE: "?",
}
_FROM: Final = Words("từ", "from")
_UNPROVEN: Final = Words("chưa được chứng minh", "claimed, not proven")
_REMEDY: Final = Words("Điều gì sẽ đổi kết luận này", "What would change this verdict")


def render(report: Report, lang: str) -> str:
    """The verdict in one line, a line per step, and for an open verdict what would change it."""
    lines = [_verdict(report, lang), *(_check(check, lang) for check in report.checks)]
    if report.indication is Indication.INDETERMINATE and report.reason:
        lines.append(f"  {_REMEDY.get(lang)}: {REASONS[report.reason].remedy.get(lang)}")
    return "\n".join(plain(line) for line in lines) + "\n"


def _verdict(report: Report, lang: str) -> str:
    return f"{_VERDICT_SIGNS[report.indication]} " + " · ".join(_verdict_parts(report, lang))


def _verdict_parts(report: Report, lang: str) -> Iterator[str]:
    if report.file:
        yield report.file
    sub = f"/{report.sub_indication}" if report.sub_indication else ""
    yield f"{report.indication}{sub}"
    why = f": {REASONS[report.reason].words.get(lang)}" if report.reason else ""
    yield INDICATIONS[report.indication].get(lang) + why
    claims = [report.document_id, report.status_code]
    if report.sender:
        claims.append(f"{_FROM.get(lang)} {report.sender}")
    named = ", ".join(claim for claim in claims if claim)
    if named and report.indication is not Indication.PASSED:
        named += f" ({_UNPROVEN.get(lang)})"
    if named:
        yield named


def _check(check: Check, lang: str) -> str:
    if check.reason:
        outcome = f"{REASONS[check.reason].words.get(lang)} [{check.reason}]"
    else:
        outcome = RESULTS[check.result].get(lang)
    detail = f" ({check.detail})" if check.detail else ""
    name = STEPS[check.step].words.get(lang)
    return f"  {_SIGNS[check.result]} {check.step:>2} {name}: {outcome}{detail}"


def plain(text: str) -> str:
    """Text that a terminal shows and nothing else: what comes from a hostile file may hold escape
    sequences or marks that turn the direction of writing."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
