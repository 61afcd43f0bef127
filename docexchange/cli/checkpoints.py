"""Checkpoints and proofs as files: read, judged by the auditor's anchors, shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envelopes.errors import Malformed
from envelopes.evidence import checkpoint, proof
from envelopes.evidence.checkpoint import Checkpoint, Signed
from envelopes.wording import Indication, Result

from ..core.errors import ConfigError
from . import files, session, show, words
from .words import say

if TYPE_CHECKING:
    from envelopes.report import Check

Kept = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint",
        metavar=say("TỆP", "FILE"),
        help=say("mốc nhật ký đã giữ ở nơi khác", "a checkpoint that was kept elsewhere"),
    ),
]
_TRUST = typer.Option(
    "--trust", metavar="PEM|DIR", help=say("chứng thư gốc tin cậy", "trust anchors")
)
Anchors = Annotated[Path, _TRUST]
MaybeAnchors = Annotated[Path | None, _TRUST]


@dataclass(frozen=True, slots=True)
class Judged:
    """What came out about a file.

    Args:
        path: its name.
        signed: the checkpoint in it.
        checks: of its signature, by the steps of `verify`.
        lines: those of a proof, () of a checkpoint alone.
        unproven: numbers of those that do not lead to the checkpoint.
        proven_at: when a timestamp token proves it to have existed, None if none does.
    """

    path: Path
    signed: Signed
    checks: Sequence[Check]
    lines: Sequence[proof.Line] = ()
    unproven: Sequence[int] = ()
    proven_at: datetime | None = None

    @property
    def indication(self) -> Indication:
        """The worst decides."""
        results = {check.result for check in self.checks}
        if self.unproven or Result.FAILED in results:
            return Indication.FAILED
        return Indication.PASSED if results == {Result.PASSED} else Indication.INDETERMINATE

    def to_json_dict(self) -> Mapping[str, Any]:
        """An entry of `journal check --json`."""
        seen = self.signed.checkpoint
        return {
            "file": str(self.path),
            "kind": "proof" if self.lines else "checkpoint",
            "indication": self.indication.value,
            "organ": seen.organ,
            "signer": self.signed.chain[0].subject,
            "at": seen.at,
            "proven_at": self.proven_at,
            "lines": seen.lines,
            "root": seen.root,
            "head": seen.head,
            "checks": [
                {"step": one.step, "result": one.result, "reason": one.reason, "detail": one.detail}
                for one in self.checks
            ],
            "proven": [one.text for one in self.lines if one.number not in self.unproven],
            "unproven": list(self.unproven),
        }


def judge(path: Path, trust: Path, directory: Path | None, tsa_trust: Path | None = None) -> Judged:
    """Read and judge a checkpoint or a proof.

    Raises:
        Malformed: it is neither.
        ConfigError: of the anchors or the directory.
        OSError: it cannot be read.
    """
    from ..edges.anchors import load_trust
    from ..edges.directory import TomlDirectory

    data = files.read_bounded(path, proof.SIZE_MAX)
    if len(data) > proof.SIZE_MAX:
        raise Malformed(f"{path}: a proof has at most {proof.SIZE_MAX:,} bytes")
    try:
        given = json.loads(data)
        whole = proof.from_json_dict(given) if _is_proof(given) else None
        signed = whole.signed if whole else checkpoint.from_json_dict(given)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path}: no JSON: {error}") from error
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error
    binding = TomlDirectory.load(directory) if directory else None
    anchors, _ = load_trust(trust)
    if tsa_trust is not None:
        anchors = anchors.with_authorities(load_trust(tsa_trust)[0])
    now = session.now()
    checks = checkpoint.judge(signed, trust=anchors, at=now, directory=binding)
    proven = checkpoint.proven_at(signed, anchors, now)
    if whole is None:
        return Judged(path, signed, checks, proven_at=proven)
    return Judged(path, signed, checks, whole.lines, proof.unproven(whole), proven)


def _is_proof(given: object) -> bool:
    return isinstance(given, Mapping) and given.get("schema") == proof.SCHEMA


def proven(
    paths: Sequence[Path], trust: Path | None, directory: Path | None
) -> Sequence[Checkpoint]:
    """The checkpoints of some files, each of which must pass.

    Raises:
        Malformed: one is no checkpoint, or did not pass.
        ConfigError: there is no --trust to judge them by.
    """
    if paths and trust is None:
        raise ConfigError(
            "--checkpoint needs --trust: whose signature counts?",
            "--checkpoint cần --trust: tin chữ ký của ai?",
        )
    found = []
    for path in paths:
        assert trust is not None  # noqa: S101  # said above
        judged = judge(path, trust, directory)
        if judged.indication is not Indication.PASSED:
            raise Malformed(f"{path}: {_why(judged)}")
        found.append(judged.signed.checkpoint)
    return found


def print_judged(judged: Judged) -> None:
    """The verdict, what was signed, and the lines of a proof."""
    seen = judged.signed.checkpoint
    colours = {Indication.PASSED: "good", Indication.FAILED: "bad"}
    verdict = judged.indication
    show.out(show.paint(f"{verdict.value} · {judged.path}", colours.get(verdict, "open")))
    if verdict is not Indication.PASSED:
        show.out(show.plain(f"  {_why(judged)}"))
    show.facts(
        [
            (say("Cơ quan", "Organ"), seen.organ),
            (say("Người ký", "Signer"), judged.signed.chain[0].subject),
            (say("Lúc (tự khai)", "At (claimed)"), show.moment(seen.at)),
            (
                say("Có trước (đã chứng minh)", "Before (proven)"),
                show.moment(judged.proven_at) if judged.proven_at else "",
            ),
            (say("Số dòng", "Lines"), f"{seen.lines:,}"),
            (say("Gốc cây băm", "Root"), seen.root),
        ]
    )
    for line in judged.lines:
        mark = "✖" if line.number in judged.unproven else "✔"
        show.out(show.plain(f"  {mark} {line.number}  {line.text}"))


def _why(judged: Judged) -> str:
    if judged.unproven:
        numbers = ", ".join(map(str, judged.unproven))
        return say(
            f"dòng {numbers} không dẫn tới gốc của mốc",
            f"line {numbers} does not lead to the root of the checkpoint",
        )
    for check in judged.checks:
        if check.result is not Result.PASSED:
            return f"{words.reason(check.reason)} [{check.reason}]: {check.detail}"
    return ""
