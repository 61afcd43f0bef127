"""What came out over many files: counted, shown on the way, and summed up at the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from . import exits, show
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.report import Report

BAR = 24  # columns of the progress bar
EVERY = 0.1  # s between two pictures of it


class Tally:
    """Counts of verdicts, of reasons, of receipts; and which files could not be read."""

    def __init__(self, skipped: int, unread: list[OSError]) -> None:
        self.skipped = skipped
        self.unread = unread
        self.verdicts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()

    @property
    def judged(self) -> int:
        """How many files have a verdict."""
        return sum(self.verdicts.values())

    @property
    def not_passed(self) -> int:
        """How many of them do not say that the file passed."""
        return self.judged - self.verdicts["TOTAL-PASSED"]

    def add(self, report: Report) -> None:
        """Count a report that is final."""
        self.verdicts[report.indication.value] += 1
        if report.reason:
            self.reasons[report.reason] += 1
        if report.kind == "status":
            compared = report.checks[-1].step > 11
            outcome = report.checks[-1].result.value if compared else "NOT_GIVEN"
            self.receipts[outcome] += 1

    def add_passed(self) -> None:
        """Count a document that passed."""
        self.verdicts["TOTAL-PASSED"] += 1

    def verdict(self) -> str:
        """The worst counts."""
        order = ("TOTAL-FAILED", "INDETERMINATE", "TOTAL-PASSED")
        return next((one for one in order if self.verdicts[one]), "INDETERMINATE")

    def exit(self) -> exits.Exit:
        """Failed, a file that could not be read, indeterminate, passed; nothing judged at all."""
        if self.verdicts["TOTAL-FAILED"]:
            return exits.Exit.NEGATIVE
        if self.unread:
            return exits.code_of(self.unread[0])
        if not self.judged:
            return exits.Exit.NOT_FOUND
        return exits.Exit.PARTLY if self.verdicts["INDETERMINATE"] else exits.Exit.DONE

    def to_json_dict(self) -> Mapping[str, Any]:
        """`summary` of `verify --json` over folders."""
        return {
            "files": self.judged,
            "passed": self.verdicts["TOTAL-PASSED"],
            "failed": self.verdicts["TOTAL-FAILED"],
            "indeterminate": self.verdicts["INDETERMINATE"],
            "reasons": dict(self.reasons.most_common()),
            "receipts": {
                "matched": self.receipts["PASSED"],
                "of_other_bytes": self.receipts["FAILED"],
                "document_not_given": self.receipts["NOT_GIVEN"],
            },
            "unread": len(self.unread),
            "skipped": self.skipped,
        }

    def print(self) -> None:
        """The counts for a person."""
        from envelopes.wording import REASONS

        counts = [f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items())]
        files = say(f"{self.judged} tệp", f"{self.judged} file(s)")
        show.out(show.paint(f"{self.verdict()} · {files} · {', '.join(counts)}", "bold"))
        for reason, count in self.reasons.most_common():
            show.out(f"  {count:>7}  {REASONS[reason].words.get(spoken())} [{reason}]")
        if self.receipts:
            show.out("  " + self._receipts())
        if self.skipped:
            show.out(
                "  "
                + say(
                    f"bỏ qua {self.skipped} tệp có đuôi khác .edxml, .xml",
                    f"skipped {self.skipped} file(s) not named .edxml or .xml",
                )
            )
        if self.unread:
            count = len(self.unread)
            show.out("  " + say(f"không đọc được {count} tệp", f"{count} file(s) not readable"))

    def _receipts(self) -> str:
        matched, other, missing = (self.receipts[key] for key in ("PASSED", "FAILED", "NOT_GIVEN"))
        return say(
            f"biên nhận: {matched} khớp gói tin, {other} nói về gói tin khác, "
            f"{missing} không có gói tin để đối chiếu",
            f"receipts: {matched} of envelopes given, {other} of other bytes, "
            f"{missing} of envelopes that are not given",
        )


class Bar:
    """Progress on a terminal's stderr: how far, how fast, how many did not pass."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self._waiting = show.Waiting()
        self._begun = self._shown = clock()

    def show(self, done: int, tally: Tally) -> None:
        """Draw it again, a few times a second."""
        now = self._clock()
        if now - self._shown < EVERY and done < self._total:
            return
        self._shown = now
        full = BAR * done // max(1, self._total)
        rate = round(done / max(now - self._begun, EVERY))
        failed = say(f"{tally.not_passed} không đạt", f"{tally.not_passed} not passed")
        bar = "█" * full + "░" * (BAR - full)
        self._waiting.show(f"{bar} {done}/{self._total} · {rate}/s · {failed}")

    def done(self) -> None:
        """Take it away."""
        self._waiting.done()


class JsonStream:
    """One JSON document of `verify --json`, written as its parts come."""

    def __init__(self, schema: str) -> None:
        self._schema = json.dumps(schema)
        self._count = 0

    def add(self, report: Report) -> None:
        """The next of `documents`."""
        self._separate()
        show.out(json.dumps(report.to_json_dict(), ensure_ascii=False))

    def end(self, tally: Tally) -> None:
        """What is known at the end: the verdict over all and the summary."""
        if not self._count:
            show.out(f'{{"schema": {self._schema}, "documents": [')
        summary = json.dumps(tally.to_json_dict(), ensure_ascii=False)
        show.out(f'], "indication": {json.dumps(tally.verdict())}, "summary": {summary}}}')

    def _separate(self) -> None:
        if self._count:
            show.out(",")
        else:
            show.out(f'{{"schema": {self._schema}, "documents": [')
        self._count += 1
