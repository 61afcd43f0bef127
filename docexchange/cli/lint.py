"""`lint`: what is odd or wrong about edXML files, line by line; no signature is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, files, options, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.findings import Finding


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        "lint",
        lint,
        "Soát tệp edXML: điều lạ và lỗi, từng dòng. KHÔNG kiểm tra chữ ký.",
        "Check edXML files: what is odd or wrong, by line. The signature is NOT checked.",
    )


@dataclass(frozen=True, slots=True)
class _Linted:
    """What was found in a file."""

    path: Path
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        return sum(one.is_error for one in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors


def lint(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar=say("TỆP", "FILE"), help=say("tệp edXML (.edxml)", "edXML files (.edxml)")
        ),
    ],
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help=say(
                "xét cả theo lược đồ của gói tin mà chúng tôi gửi (envelopes/schema/edxml.xsd)",
                "judge also by the schema of what we send (envelopes/schema/edxml.xsd)",
            ),
        ),
    ] = False,
    limit: options.LimitBytes = options.READ_LIMIT,
    as_json: options.Json = False,
) -> None:
    """Print the findings of files; exit 1 if one has an error."""
    from envelopes.lint import lint as findings_of

    linted, unread = [], []
    for path in paths:
        try:
            data = files.read_bounded(path, limit)
        except OSError as error:
            unread.append(error)
            show.note(f"{say('lỗi:', 'error:')} {exits.sentence(error)}")
            continue
        linted.append(_Linted(path, findings_of(data, strict=strict, limit=limit)))
    if as_json:
        show.emit("lint", _json(linted, strict=strict))
    else:
        _print(linted)
    if any(one.errors for one in linted):
        raise typer.Exit(exits.Exit.NEGATIVE)
    if unread:
        raise typer.Exit(exits.code_of(unread[0]))


def _print(linted: Sequence[_Linted]) -> None:
    for one in linted:
        colour = "bad" if one.errors else "open" if one.warnings else "good"
        show.out(show.paint(f"{show.plain(str(one.path))}: {_counted(one)}", colour))
        for finding in one.findings:
            show.out(f"  {_line(finding)}")
    if len(linted) > 1:
        errors = sum(one.errors for one in linted)
        warnings = sum(one.warnings for one in linted)
        bad = sum(one.errors > 0 for one in linted)
        text = say(
            f"{len(linted)} tệp, {bad} tệp có lỗi: {errors} lỗi, {warnings} cảnh báo",
            f"{len(linted)} files, {bad} with errors: {errors} error(s), {warnings} warning(s)",
        )
        show.out(show.paint(text, "bold"))


def _counted(one: _Linted) -> str:
    if not one.findings:
        return say("không có gì lạ", "nothing odd")
    return say(
        f"{one.errors} lỗi, {one.warnings} cảnh báo",
        f"{one.errors} error(s), {one.warnings} warning(s)",
    )


def _line(finding: Finding) -> str:
    where = say(f"dòng {finding.line}", f"line {finding.line}") if finding.line else "–"
    element = f"{finding.element}: " if finding.element else ""
    return show.plain(f"{where:<10} {finding.code}  {element}{finding.sentence(spoken())}")


def _json(linted: Sequence[_Linted], *, strict: bool) -> dict[str, Any]:
    return {
        "verified": False,
        "strict": strict,
        "errors": sum(one.errors for one in linted),
        "warnings": sum(one.warnings for one in linted),
        "files": [
            {
                "file": str(one.path),
                "errors": one.errors,
                "warnings": one.warnings,
                "findings": [finding_json(finding) for finding in one.findings],
            }
            for one in linted
        ],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as JSON: code, place, facts, and its sentence in both languages."""
    return {
        "code": finding.code,
        "level": "error" if finding.is_error else "warning",
        "line": finding.line or None,
        "element": finding.element,
        "text": finding.text,
        "message": finding.sentence("vi"),
        "message_en": finding.sentence("en"),
    }
