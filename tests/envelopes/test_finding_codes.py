"""envelopes.finding_codes: one table for all codes; each is used, and a file can have each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from envelopes import finding_codes, layout
from envelopes.edxml import Finding, read
from envelopes.finding_codes import FINDING_CODES
from envelopes.gate import open_gate
from envelopes.lint import lint
from tests.envelopes.test_reader import DSIG, wild

CODE = re.compile(r"[EW]-[A-Z]{3}-[0-9]{3}")
TRACE = "<e:TraceHeaderList>%s</e:TraceHeaderList>"
ATTACHED = (
    "<AttachmentEncoded><Attachment><ContentTransferEncoded>%s</ContentTransferEncoded>"
    "</Attachment></AttachmentEncoded>"
)
STATUS = "<e:StatusCode>03</e:StatusCode>"
LONG = f"<e:Subject>{'x' * 501}</e:Subject>"

# A file for every code, linted as it is and by the schema; the fewest words that make it.
FILES = {
    "E-FMT-001": b"<a/>",
    "E-FMT-010": wild().replace(b"e:To>", b"e:Tu>"),
    "E-FMT-011": wild().replace(b"<e:OrganId>H05</e:OrganId>", b""),
    "E-FMT-014": wild(head="<e:DueDate>mai</e:DueDate>"),
    "W-FMT-014": wild(head="<e:DueDate>30/10/2020</e:DueDate>"),
    "W-FMT-015": wild(
        header=TRACE % "<e:TraceHeader><e:Timestamp>8h</e:Timestamp></e:TraceHeader>"
    ),
    "W-FMT-016": wild(head="<e:SteeringType>a</e:SteeringType>"),
    "E-FMT-017": wild(
        header=TRACE % "<e:Bussiness><e:BussinessDocType>7</e:BussinessDocType></e:Bussiness>"
    ),
    "W-FMT-017": wild(header=TRACE % "<e:Bussiness><e:Paper>2</e:Paper></e:Bussiness>"),
    "E-FMT-020": wild(),
    "W-FMT-030": wild(head="<e:Subject> x</e:Subject>"),
    "W-FMT-031": wild(head="<e:New/>"),
    "W-FMT-032": wild(head="<e:Subject/><e:Subject/>"),
    "W-FMT-033": wild(head="<e:Subject>a<e:B/></e:Subject>"),
    "W-FMT-035": wild(head="<e:edXMLHeader/>"),
    "W-FMT-036": wild(header=TRACE % "<e:TraceHeader><e:OrganId>null</e:OrganId></e:TraceHeader>"),
    "W-FMT-037": wild(head='<e:Subject Id="Envelope"/>'),
    "W-FMT-038": wild(head="text"),
    "W-FMT-039": wild(head=STATUS, header=TRACE % ""),
    "W-FMT-040": wild(head="<!-- x -->"),
    "W-FMT-041": wild(head="<e:Subject><![CDATA[x]]></e:Subject>"),
    "W-FMT-042": wild(head='<e:Subject lang="vi"/>'),
    "W-FMT-043": wild(head='<e:Subject xlink:href=""/>'),
    "W-FMT-050": wild(root=ATTACHED % "QU JD"),
    "W-FMT-051": wild(root=ATTACHED % "QR=="),
    "E-FMT-060": wild(head=LONG),
    "W-FMT-061": wild(head=f"<e:Content>{'x' * 501}</e:Content>"),
    "W-FMT-099": wild(head="<e:New/>" * 300),
    "E-SEC-001": wild(head="<e:DocumentType><e:TypeName>Tuyệt mật</e:TypeName></e:DocumentType>"),
    "W-SIG-002": wild(header="<e:DigitalSignature/>"),
    "E-XSD-001": wild(head="<e:Subject/><e:DocumentId/>"),
}
# Those that a lint of a file to be sent does not say.
IN_SIGNED = {"W-FMT-060": wild(head=LONG)}
IN_VALUES = {"W-SIG-011", "W-SIG-012", "W-SIG-013"}  # of values made elsewhere: test_request.py
IN_READING = {"W-SIG-001": wild(header=f'<Signature xmlns="{DSIG}"><SignatureValue/></Signature>')}


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize("code", FILES)
def test_a_file_has_it(code: str) -> None:
    assert code in codes(lint(FILES[code], strict=True))


def test_what_is_signed_is_not_refused_for_its_length() -> None:
    for code, data in IN_SIGNED.items():
        assert code in codes(read(open_gate(data, signed=True))[1])


def test_a_genuine_signature_is_no_fault_of_a_file() -> None:
    for code, data in IN_READING.items():
        assert code in codes(read(data)[1])
        assert code not in codes(lint(data))


def test_every_code_of_the_table_is_reached_and_none_else_is_in_the_code() -> None:
    of_files = FILES.keys() | IN_SIGNED.keys() | IN_READING.keys()
    assert of_files | IN_VALUES == FINDING_CODES.keys()
    here = Path(layout.__file__).parent
    for path in here.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and CODE.fullmatch(text):
                assert text in FINDING_CODES, path.name


def test_every_code_has_its_sentence_in_both_languages() -> None:
    for code, words in FINDING_CODES.items():
        assert CODE.fullmatch(code)
        assert words.vi and words.en and words.vi != words.en
        assert finding_codes.is_error(code) == code.startswith("E")
    finding = Finding("W-FMT-014", 3, "DueDate", "'1/2/2026' -> 2026/02/01")
    assert finding.sentence("en").endswith("understood as shown: '1/2/2026' -> 2026/02/01")
    assert finding.sentence("vi").startswith("ngày không viết")
    assert not finding.is_error
