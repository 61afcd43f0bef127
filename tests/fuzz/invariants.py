"""What must hold for every input, whatever made it. Used by mutants, fuzz targets and tests."""

import json
from importlib import import_module

import pytest

from envelopes.exact import Exact, read_exact
from envelopes.report import Report, to_json_document
from envelopes.wording import Indication
from tests.letters import judge

_VERIFY = import_module("envelopes.verify")  # the package gives its function the same name


def check_verdict(data: bytes, accepted: frozenset[bytes]) -> Report:
    """Judge bytes; hold the verdict, the report and the two readers against the rules.

    - `verify` never raises, and only bytes in `accepted` are TOTAL-PASSED;
    - a report always renders, in both languages and as JSON, and names its reason;
    - the reader without a tree and the reader with one say the same in everything.

    Raises:
        AssertionError: one of them does not hold.
    """
    report = judge(data)
    passed = report.indication is Indication.PASSED
    assert passed == (data in accepted), f"{report.indication} for changed bytes"
    assert passed == (report.reason == "")
    check_renders(report)
    if read_exact(data) is not None:  # else both ways are one
        check_same(report, judge_by_tree(data))
    return report


def check_renders(report: Report) -> None:
    """A report can be printed and kept, and holds nothing that steers a terminal."""
    for lang in ("vi", "en"):
        text = report.text(lang)
        assert text.replace("\n", "").isprintable()
        assert len(report.explain(lang)) > 0
    written = json.dumps(to_json_document([report]), ensure_ascii=False)
    assert json.loads(written)["documents"][0]["indication"] == report.indication.value
    written.encode()  # no lone surrogate: it goes into a database


def judge_by_tree(data: bytes) -> Report:
    """The report with the reader of our own writer's envelopes switched off."""

    def never(data: bytes, limit: int = 0) -> Exact | None:
        return None

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_VERIFY, "read_exact", never)
        return judge(data)


def check_same(one: Report, other: Report) -> None:
    """Verdict, checks, claims, findings, content: all equal."""
    assert one.to_json_dict() == other.to_json_dict()
    assert one.message == other.message
    assert one.signature_at == other.signature_at
