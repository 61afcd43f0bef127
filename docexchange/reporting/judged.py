"""What a page says of a verification, from its JSON; nothing here judges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from envelopes.attachments.pdf import sentence
from envelopes.wording import INDICATIONS, REASONS, RESULTS, STEPS, SUB_INDICATIONS, Result

from . import repeating

LOCAL = timezone(timedelta(hours=7), "+07:00")  # Asia/Ho_Chi_Minh, without summer time
BUNDLE, ENVELOPES = "docexchange/bundle/v1", "docexchange/verify/v1"
# Columns of the matrix -> steps of `verify` that decide them.
COLUMNS: Mapping[str, tuple[tuple[str, str], tuple[int, ...]]] = {
    "integrity": (("Nguyên vẹn", "Integrity"), (1, 2, 4, 5, 11, 12)),
    "identity": (("Danh tính", "Identity"), (6, 10)),
    "trust": (("Tin cậy", "Trust"), (3, 7)),
    "revocation": (("Thu hồi", "Revocation"), (8,)),
    "time": (("Thời gian", "Time"), (9,)),
}
_WORST = (
    Result.FAILED,
    Result.INDETERMINATE,
    Result.NOT_REACHED,
    Result.NOT_ASKED,
    Result.PASSED,
)
_STATUSES: Mapping[str, tuple[str, str]] = {
    "01": ("Đã đến", "Arrived"),
    "02": ("Từ chối tiếp nhận", "Rejected"),
    "03": ("Đã tiếp nhận", "Accepted"),
    "04": ("Phân công xử lý", "Assigned"),
    "05": ("Đang xử lý", "Processing"),
    "06": ("Hoàn thành", "Completed"),
    "13": ("Lấy lại", "Recall"),
    "15": ("Đồng ý lấy lại, cập nhật", "Change agreed"),
    "16": ("Từ chối lấy lại, cập nhật", "Change refused"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """An indication in words, with what decided it."""

    indication: str
    sentence: str
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the matrix: result, its word, and the facts behind it."""

    result: str
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One numbered step of one signature."""

    step: int
    name: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Signature:
    """One signed envelope: a row of the matrix and a section of its own."""

    file: str
    title: str
    organ: str
    signer: str
    claimed_at: str
    proven_at: str
    verdict: Verdict
    cells: tuple[Cell, ...]
    checks: tuple[CheckLine, ...]
    revocation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """What is known of one recipient: its statuses, each (code, words, time, result)."""

    organ: str
    name: str
    confirmed: bool
    statuses: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of the timeline; proven, or somebody's claim."""

    at: str
    text: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be proven, and what would prove it."""

    code: str
    subject: str
    what: str
    would: str


@dataclass(frozen=True, slots=True)
class Judged:
    """All that a page says, in one language.

    Args:
        lang: vi or en.
        file: what was judged.
        verdict: for the time asked for; `now` for now when that is another.
        at: the time judged.
        facts: (name, value) of the first screen.
        sender: (OrganId, signed at) for the picture.
        hops: recipients, for the picture.
        signatures: envelope first, then statuses.
        timeline: instants in order.
        gaps: what is not proven.
        inside: (attachment, result, text) of signatures inside PDFs.
        files: (name, SHA-256) of everything judged.
        commands: to repeat it without us.
    """

    lang: str
    file: str
    verdict: Verdict
    at: str
    facts: tuple[tuple[str, str], ...]
    sender: tuple[str, str]
    hops: tuple[Hop, ...]
    signatures: tuple[Signature, ...]
    timeline: tuple[Moment, ...]
    gaps: tuple[Gap, ...]
    inside: tuple[tuple[str, str, str], ...]
    files: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    now: Verdict | None = None

    def say(self, vi: str, en: str) -> str:
        """One of both, in the language of the page."""
        return en if self.lang == "en" else vi


def of_json(found: Mapping[str, Any], lang: str) -> Judged:
    """Read the JSON of `verify`.

    Args:
        found: docexchange/bundle/v1 or docexchange/verify/v1.
        lang: vi or en.

    Raises:
        ValueError: it has another schema.
    """
    reader = _Reader(lang)
    if found.get("schema") == BUNDLE:
        return reader.bundle(found)
    if found.get("schema") == ENVELOPES:
        return reader.envelopes(found)
    raise ValueError(f"schema {found.get('schema')!r} is not {BUNDLE} or {ENVELOPES}")


class _Reader:
    def __init__(self, lang: str) -> None:
        self._lang = lang

    def _say(self, vi: str, en: str) -> str:
        return en if self._lang == "en" else vi

    # -- both forms ----------------------------------------------------------------------------

    def bundle(self, found: Mapping[str, Any]) -> Judged:
        document, bundle = found["document"] or {}, found["bundle"]
        signatures = self._signatures([document] if document else [], found["statuses"])
        later = found["now"] if found["now"]["at"] != found["at"] else None
        gaps = _gathered(
            Gap(
                one["code"],
                one["subject"] or "–",
                one["what"][self._lang],
                one["would_prove"][self._lang],
            )
            for one in found["unproven"]
        )
        made = f"{bundle['made_by']}, {_time(bundle['claimed_at'])}"
        intact = self._say("có", "yes") if found["intact"] else self._say("KHÔNG", "NO")
        more = [
            (self._say("Hồ sơ do", "Bundle made by"), made),
            (self._say("Hồ sơ nguyên vẹn", "Bundle intact"), intact),
        ]
        names = [one["name"] for one in bundle["files"]]
        tokens = [name for name in names if name.startswith("timestamps/")]
        return Judged(
            lang=self._lang,
            file=found["file"],
            verdict=self._verdict(found),
            now=self._verdict(later) if later else None,
            at=_time(found["at"]),
            facts=(*self._facts(document), *more),
            sender=(document.get("from") or "–", _time(document.get("signed_at"))),
            hops=tuple(self._hops(found["recipients"], found["statuses"])),
            signatures=signatures,
            timeline=self._timeline(document, found["statuses"], found.get("journal") or {}),
            gaps=gaps,
            inside=tuple(self._inside(document)),
            files=tuple((one["name"], one["sha256"]) for one in bundle["files"]),
            commands=tuple(repeating.of_bundle(found["file"], found["at"], tokens)),
        )

    def envelopes(self, found: Mapping[str, Any]) -> Judged:
        documents = [one for one in found["documents"] if one["kind"] == "document"]
        statuses = [one for one in found["documents"] if one["kind"] != "document"]
        first: Mapping[str, Any] = documents[0] if documents else {}
        recipients = [
            {"organ": organ, "name": "", "confirmed": None, "statuses": None}
            for organ in first.get("to", ())
        ]
        worst = max(found["documents"], key=_severity, default=_NOTHING)
        named = [(one["file"], one.get("sha256") or "") for one in found["documents"]]
        return Judged(
            lang=self._lang,
            file=", ".join(one["file"] for one in found["documents"]),
            verdict=self._verdict(worst),
            at=_time(found.get("at")) if found.get("at") else "",
            facts=tuple(self._facts(first)),
            sender=(first.get("from") or "–", _time(first.get("signed_at"))),
            hops=tuple(self._hops(recipients, statuses)),
            signatures=self._signatures(documents, statuses),
            timeline=self._timeline(first, statuses, {}),
            gaps=_gathered(self._gaps(found["documents"])),
            inside=tuple(line for one in documents for line in self._inside(one)),
            files=(),
            commands=tuple(repeating.of_files(named, found.get("at") or "")),
        )

    # -- parts ---------------------------------------------------------------------------------

    def _verdict(self, found: Mapping[str, Any]) -> Verdict:
        indication = found["indication"]
        words = next(words for name, words in INDICATIONS.items() if name.value == indication)
        deciding = self._deciding(found)
        return Verdict(indication, words.get(self._lang), *deciding)

    def _deciding(self, found: Mapping[str, Any]) -> tuple[str, str]:
        """Why, and what would change it; both "" when it passed."""
        code, detail = found.get("reason"), found.get("detail")
        if not code:
            line = next((one for one in found.get("checks", ()) if _decides(found, one)), None)
            code, detail = (line["reason"], line["detail"]) if line else ("", "")
        if not code:
            return "", ""
        known = REASONS.get(code)
        text = f"{self._reason(code)} [{code}]" + (f": {detail}" if detail else "")
        return text, known.remedy.get(self._lang) if known else ""

    def _reason(self, code: str) -> str:
        known = REASONS.get(code)
        if known is not None:
            return known.words.get(self._lang)
        sub = next((words for name, words in SUB_INDICATIONS.items() if name.value == code), None)
        return sub.get(self._lang) if sub else code

    def _facts(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if not document:
            return
        signer = (document.get("signer") or {}).get("subject") or "–"
        yield self._say("Văn bản", "Document"), document.get("document_id") or "–"
        yield self._say("Bên gửi", "Sender"), document.get("from") or "–"
        yield self._say("Bên nhận", "Recipients"), _few(document.get("to") or ())
        yield self._say("Ký bởi", "Signed by"), signer
        claimed = self._say("Ký lúc (bên ký khai)", "Signed at (claimed)")
        yield claimed, _time(document.get("signed_at"))
        none = self._say("chưa chứng minh", "not proven")
        yield (
            self._say("Có trước lúc (chứng minh)", "Existed by (proven)"),
            (_time(document.get("proven_at")) if document.get("proven_at") else none),
        )
        for one in document.get("attachments") or ():
            digest = f" · sha256 {one['sha256']}" if one.get("sha256") else ""
            size = f"{one['size']:,} B"
            yield self._say("Tệp kèm", "Attachment"), f"{one['name']} · {size}{digest}"

    def _signatures(
        self, documents: Sequence[Mapping[str, Any]], statuses: Sequence[Mapping[str, Any]]
    ) -> tuple[Signature, ...]:
        return tuple(self._signature(one) for one in (*documents, *statuses))

    def _signature(self, one: Mapping[str, Any]) -> Signature:
        status = one.get("status_code")
        title = self._say("Văn bản", "Document")
        if status:
            title = f"{status} {self._status(status)}"
        checks = tuple(self._check(line) for line in one["checks"])
        return Signature(
            file=one["file"],
            title=title,
            organ=one.get("from") or "–",
            signer=(one.get("signer") or {}).get("subject") or "–",
            claimed_at=_time(one.get("signed_at")),
            proven_at=_time(one.get("proven_at")),
            verdict=self._verdict(one),
            cells=tuple(self._cell(one["checks"], steps) for _, steps in COLUMNS.values()),
            checks=checks,
            revocation=tuple(self._revocation(each) for each in one.get("revocation") or ()),
        )

    def _revocation(self, one: Mapping[str, Any]) -> str:
        window = f" ({_time(one['this_update'])} – {_time(one['next_update'])})"
        source = (one.get("source") or "").upper()
        shown = window if one.get("this_update") else ""
        return f"{one['subject']}: {one['status']} {source}{shown}".strip()

    def _check(self, line: Mapping[str, Any]) -> CheckLine:
        return CheckLine(line["step"], STEPS[line["step"]].words.get(self._lang), self._word(line))

    def _word(self, line: Mapping[str, Any]) -> Cell:
        result = Result(line["result"])
        word = RESULTS[result].get(self._lang)
        detail = line["detail"] or ""
        if line["reason"]:
            detail = f"{self._reason(line['reason'])} [{line['reason']}] {detail}".strip()
        return Cell(result.value, word, detail)

    def _cell(self, lines: Sequence[Mapping[str, Any]], steps: Sequence[int]) -> Cell:
        """The worst of some steps; none of them there: not asked."""
        chosen = [line for line in lines if line["step"] in steps]
        if not chosen:
            return Cell(Result.NOT_ASKED.value, RESULTS[Result.NOT_ASKED].get(self._lang))
        return self._word(min(chosen, key=lambda line: _WORST.index(Result(line["result"]))))

    def _status(self, code: str) -> str:
        return self._say(*_STATUSES[code]) if code in _STATUSES else code

    def _hops(
        self, recipients: Sequence[Mapping[str, Any]], statuses: Sequence[Mapping[str, Any]]
    ) -> Iterator[Hop]:
        for one in recipients:
            said = [status for status in statuses if _is_of(status, one)]
            told = tuple(
                (
                    status["status_code"] or "–",
                    self._status(status["status_code"] or ""),
                    _time(status.get("signed_at")),
                    status["indication"],
                )
                for status in said
            )
            confirmed = one["confirmed"]
            if confirmed is None:
                confirmed = any(each[3] == "TOTAL-PASSED" for each in told)
            yield Hop(one["organ"], one.get("name") or "", bool(confirmed), told)

    def _timeline(
        self,
        document: Mapping[str, Any],
        statuses: Sequence[Mapping[str, Any]],
        journal: Mapping[str, Any],
    ) -> tuple[Moment, ...]:
        found: list[tuple[str, str, bool]] = []
        for one in (*([document] if document else ()), *statuses):
            code = one.get("status_code")
            what = f"{code} {self._status(code)}" if code else self._say("văn bản", "document")
            who = one.get("from") or "–"
            if one.get("signed_at"):
                signed = self._say(f"{who} ký {what}", f"{who} signed {what}")
                found.append((one["signed_at"], signed, False))
            if one.get("proven_at"):
                existed = self._say(f"{what} của {who} đã tồn tại", f"{what} of {who} existed")
                found.append((one["proven_at"], existed, True))
        for line in map(json.loads, journal.get("proven") or ()):
            organ = f" {line['organ']}" if line.get("organ") else ""
            code = f" {line['code']}" if line.get("code") else ""
            text = self._say("nhật ký", "journal") + f" #{line['number']}: {line['event']}"
            found.append((line["at"], f"{text}{organ}{code}", False))
        found.sort(key=lambda one: datetime.fromisoformat(one[0]))
        return tuple(Moment(_time(at), text, proven) for at, text, proven in found)

    def _inside(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        for one in document.get("pdf_signatures") or ():
            text = sentence(one.get("problem") or "", self._lang)
            signers = "; ".join(str(each.get("subject") or "–") for each in one["signatures"])
            yield one["attachment"], one["indication"], " · ".join(filter(None, (signers, text)))

    def _gaps(self, documents: Sequence[Mapping[str, Any]]) -> Iterator[Gap]:
        for one in documents:
            for line in one["checks"]:
                known = REASONS.get(line["reason"] or "")
                if known is not None and line["result"] != Result.PASSED.value:
                    what, would = known.words.get(self._lang), known.remedy.get(self._lang)
                    yield Gap(line["reason"], one["file"], what, would)


def _is_of(status: Mapping[str, Any], recipient: Mapping[str, Any]) -> bool:
    """Whether a recipient said it: as the bundle lists it, or as it was signed."""
    if recipient["statuses"] is not None:
        return status["file"] in recipient["statuses"]
    return bool(status["from"] == recipient["organ"])


def _decides(found: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    wanted = {"TOTAL-FAILED": "FAILED", "INDETERMINATE": "INDETERMINATE"}
    return bool(line["result"] == wanted.get(found["indication"]))


def _severity(one: Mapping[str, Any]) -> int:
    return ("TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED").index(one["indication"])


def _gathered(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The same gap of several files as one line."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        found.setdefault((gap.code, gap.what, gap.would), []).append(gap.subject)
    return tuple(
        Gap(code, ", ".join(dict.fromkeys(subjects)), what, would)
        for (code, what, would), subjects in found.items()
    )


def _time(text: str | None) -> str:
    if not text:
        return "–"
    return f"{datetime.fromisoformat(text).astimezone(LOCAL):%d/%m/%Y %H:%M:%S} +07:00"


_NOTHING: Mapping[str, Any] = {"indication": "INDETERMINATE"}


def _few(organs: Sequence[str]) -> str:
    shown = ", ".join(organs[:10])
    return f"{shown} +{len(organs) - 10}" if len(organs) > 10 else shown
