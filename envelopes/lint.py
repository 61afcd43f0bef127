"""Everything that is odd or wrong about a file, signed or not: what `docexchange lint` prints.

It judges the file as one that a mailroom wants to send. A signature in it is neither checked nor
held against it; that is for `verify`.
"""

from __future__ import annotations

from lxml import etree

from . import schema
from .content import ContentProblem, content_problem
from .errors import Malformed
from .findings import Finding
from .gate import BYTES_MAX, open_gate
from .reader import read

SIGNED = "W-SIG-001"  # an envelope that is signed already is as it should be


def lint(data: bytes, *, strict: bool = False, limit: int = BYTES_MAX) -> tuple[Finding, ...]:
    """The findings of a file, by line. Never raises for any input.

    Args:
        data: the bytes of the file.
        strict: True holds it also to the schema of what we write (`envelopes.schema`).
        limit: largest size, bytes.
    """
    try:
        message, read_so = read(data, repair=True, limit=limit)
    except Malformed as malformed:
        return (Finding("E-FMT-001", malformed.line, malformed.element, malformed.what),)
    found = [one for one in read_so if one.code != SIGNED]
    problem = content_problem(message)
    if problem is not None and not _is_said(problem, found):
        code = "E-SEC-001" if problem.reason == "SECRET" else "E-FMT-020"
        facts = "" if problem.reason == "MISSING_FIELD" else problem.detail
        found.append(Finding(code, 0, problem.element, facts))
    if strict:
        found += _by_schema(data, limit)
    return tuple(sorted(found, key=lambda one: one.line))


def _is_said(problem: ContentProblem, found: list[Finding]) -> bool:
    """Whether a finding has named the missing element already."""
    names = {one.element for one in found if one.code in ("E-FMT-010", "E-FMT-011")}
    return problem.reason == "MISSING_FIELD" and bool(names & set(problem.element.split("/")))


def _by_schema(data: bytes, limit: int) -> list[Finding]:
    try:
        root: etree._Element = open_gate(data, signed=False, limit=limit)
    except Malformed as malformed:  # the reader has repaired what a schema cannot judge
        return [Finding("E-XSD-001", malformed.line, malformed.element, malformed.what)]
    return [
        Finding("E-XSD-001", line, element, text) for line, element, text in schema.violations(root)
    ]
