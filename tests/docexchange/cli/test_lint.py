"""`lint` and the structure that `inspect` shows: all of it, in words, and the exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes import edxml, lint, model
from envelopes.pack import pack
from tests.envelopes.test_reader import wild
from tests.letters import document, status
from tests.office import Office
from tests.pki import AT, P256

BAD = wild(
    head="\n<e:DueDate>hôm qua</e:DueDate>\n<e:New>\x1b[31m</e:New>".replace("\x1b", "&#x9;")
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.edxml"
    path.write_bytes(pack(document(), P256.signer("H05"), signing_time=AT))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.edxml"
    path.write_bytes(BAD)
    return path


def test_what_is_as_it_should_be(office: Office, good: Path) -> None:
    ran = office.bare("lint", good, "--strict")
    assert (ran.code, ran.out, ran.err) == (0, f"{good}: nothing odd\n", "")


def test_findings_with_line_code_and_sentence(office: Office, good: Path, bad: Path) -> None:
    ran = office.bare("lint", good, bad)
    assert ran.code == 1
    assert f"{bad}: 2 error(s), 1 warning(s)" in ran.out
    assert (
        "  line 2     E-FMT-014  DueDate: is no date of the form yyyy/MM/dd; kept as it is: "
        "'hôm qua'\n" in ran.out
    )
    assert "line 3     W-FMT-031  New: unknown element; kept as it is\n" in ran.out
    assert "–          E-FMT-020  MessageHeader/DocumentId: a required field is missing" in ran.out
    assert ran.out.endswith("2 files, 1 with errors: 2 error(s), 1 warning(s)\n")


def test_the_same_in_vietnamese(office: Office, bad: Path) -> None:
    office.lang = "vi"
    out = office.bare("lint", bad).out
    assert "dòng 2     E-FMT-014  DueDate: không phải một ngày dạng yyyy/MM/dd" in out


def test_json(office: Office, good: Path, bad: Path) -> None:
    ran = office.bare("lint", good, bad, "--json")
    assert ran.code == 1
    said = ran.json
    assert said["schema"] == "docexchange/lint/v1"
    assert said["verified"] is False
    assert (said["errors"], said["warnings"]) == (2, 1)
    assert [one["findings"] == [] for one in said["files"]] == [True, False]
    dated = next(one for one in said["files"][1]["findings"] if one["code"] == "E-FMT-014")
    assert dated["level"] == "error"
    assert (dated["line"], dated["element"], dated["text"]) == (2, "DueDate", "'hôm qua'")
    assert dated["message_en"].startswith("is no date")
    assert dated["message"].startswith("không phải một ngày")


def test_warnings_alone_are_no_failure(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "odd.edxml"
    path.write_bytes(edxml.write(replace(document(), steering_type="a")))
    ran = office.bare("lint", path)
    assert ran.code == 0
    assert "0 error(s), 1 warning(s)" in ran.out


def test_strict_names_what_the_schema_does_not_allow(office: Office, bad: Path) -> None:
    ran = office.bare("lint", bad, "--strict")
    assert "line 3     E-XSD-001  New: not as edxml.xsd" in ran.out


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", b"<!DOCTYPE a><a/>", b"<a/>"])
def test_what_is_no_edxml_is_said_and_fails(office: Office, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    ran = office.bare("lint", path)
    assert ran.code == 1
    assert "E-FMT-001" in ran.out
    assert ran.err == ""


def test_a_file_that_is_not_there(office: Office, good: Path) -> None:
    ran = office.bare("lint", good, good.with_name("none"))
    assert ran.code == 4
    assert "nothing odd" in ran.out
    assert "no such file" in ran.err


def test_lint_never_raises(good: Path) -> None:
    data = good.read_bytes()
    for at in range(0, len(data), 97):
        lint(data[:at] + b"\x00<&" + data[at + 3 :], strict=True)
        lint(data[:at], strict=True)


# -- inspect -----------------------------------------------------------------------------------

UPDATE = model.Business(
    document_id="H05,2026/05/30,97/QĐ-UBND",
    type="2",
    reason="Thêm nơi nhận",
    paper="0",
    document_info=(
        model.BusinessDocumentInfo(
            document_receiver="1",
            receivers=model.Receivers(items=(model.Receiver(organ_id="H13", receiver_type="1"),)),
        ),
    ),
)


def test_inspect_shows_the_whole_structure(office: Office, tmp_path: Path) -> None:
    whole = replace(
        document(),
        trace=model.TraceHeaderList(business=UPDATE, traces=(model.Trace(organ_id="H05"),)),
        errors=model.ErrorList(items=(model.ErrorItem(code="M.Exist", description="đã có"),)),
        unknown=('<z:E xmlns:z="urn:z">lạ</z:E>',),
        strangers=(model.Stranger("edXMLHeader", "<Hub>001</Hub>"),),
        attributes=frozenset({model.Attribute("lang", "vi", "Subject")}),
    )
    path = tmp_path / "whole.edxml"
    path.write_bytes(edxml.write(whole))
    ran = office.bare("inspect", path)
    assert ran.code == 0
    assert "NOT checked" in ran.err
    for part in (
        *("MessageHeader\n  From\n    OrganId  H05\n", "\nTraceHeaderList\n  Bussiness\n"),
        *("        Receiver\n          OrganId  H13\n          ReceiverType  1\n",),
        *("\nErrorList\n  Error\n    Code  M.Exist\n", "\nedXMLManifest\n  version  1.0\n"),
        *("\nAttachmentEncoded\n  1  quy-che.pdf · 347 B · application/pdf · cid:1-", "sha256 "),
        *("\nUnknown elements, attributes\n", "<Hub>001</Hub>", "lang\n    value  vi"),
    ):
        assert part in ran.out, part
    said = office.bare("inspect", path, "--json").json
    assert said["signature"] == "none"
    assert said["trace"]["Bussiness"]["BussinessDocType"] == "2"
    assert said["header"]["To"][1]["OrganId"] == "H13"
    assert said["attachments"][0]["size"] == 347
    assert said["unknown"]["attribute"] == [{"in": "Subject", "name": "lang", "value": "vi"}]
    assert {one["in"] for one in said["unknown"]["element"]} == {"edXMLHeader", "MessageHeader"}


def test_inspect_tells_a_dummy_from_a_signature(office: Office, good: Path, tmp_path: Path) -> None:
    dummy = tmp_path / "dummy.edxml"
    dummy.write_bytes(wild(header="<e:DigitalSignature/>"))
    assert office.bare("inspect", good, "--json").json["signature"] == "present"
    assert office.bare("inspect", dummy, "--json").json["signature"] == "dummy"
    assert "the signature is a dummy" in office.bare("inspect", dummy).out


def test_inspect_shows_what_a_receipt_received(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "receipt.edxml"
    path.write_bytes(edxml.write(status(sha256="ab" * 32)))
    said = json.loads(office.bare("inspect", path, "--json").out)
    assert said["header"]["StatusCode"] == "01"
    assert said["header"]["Received"]["DigestMethod"].endswith("#sha256")
    assert "    DigestValue  q6ur" in office.bare("inspect", path).out
