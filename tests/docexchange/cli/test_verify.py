"""`verify` and `inspect`: a verdict or a clear error for every input, and the exit code."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from envelopes.model import Organization, Received, ResponseFor, Status
from envelopes.pack import local_time, new_document, pack, with_trace
from tests.office import Office
from tests.pki import AT, OTHER, P256
from tests.theatre import document

# Without `office` there is no folder; every test here runs outside any node.


def envelope(number: int = 98, sender: str = "H05", signer: str = "H05") -> bytes:
    made = with_trace(document(number, ("H01",), sender), sender, AT)
    return pack(made, P256.signer(signer), signing_time=AT)


def receipt(of: bytes, code: str = "01", digest: str = "") -> bytes:
    import hashlib

    status = Status(
        sender=Organization(organ_id="H01"),
        response_for=ResponseFor(organ_id="H05", document_id="H05,2026/06/01,98/QĐ-UBND"),
        status_code=code,
        timestamp=local_time(AT),
        received=Received.sha256(digest or hashlib.sha256(of).hexdigest()),
    )
    return pack(status, P256.signer("H01"), signing_time=AT)


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Path:
    """A folder with an envelope, its receipt and the trust anchor."""
    folder = tmp_path / "desk"
    folder.mkdir()
    data = envelope()
    (folder / "a.edxml").write_bytes(data)
    (folder / "a-01.edxml").write_bytes(receipt(data))
    (folder / "root.pem").write_bytes(P256.root.pem)
    return folder


def test_passed(office: Office, desk: Path) -> None:
    ran = office.bare("verify", desk / "a.edxml", "--trust", desk / "root.pem")
    assert ran.code == 0
    assert ran.out.startswith(f"✔ {desk}/a.edxml · TOTAL-PASSED · Valid")
    assert "Signed at (claimed)  01/06/2026 07:00:00 +07:00" in ran.out
    assert "offline" in ran.out
    assert ran.err == ""


def test_the_json_is_as_documented(office: Office, desk: Path) -> None:
    ran = office.bare("verify", desk / "a.edxml", "--trust", desk / "root.pem", "--json")
    whole = ran.json
    assert list(whole) == ["schema", "indication", "documents"]
    assert whole["schema"] == "docexchange/verify/v1"
    [one] = whole["documents"]
    for key in (
        *("file", "kind", "indication", "sub_indication", "document_id", "from", "to"),
        *("status_code", "signer", "signed_at", "checks", "receipt_of", "attachments"),
    ):
        assert key in one, key
    assert set(one["signer"]) == {"subject", "organ_id", "serial"}
    assert set(one["checks"][0]) == {"step", "name", "result", "reason", "detail"}
    assert set(one["attachments"][0]) == {"name", "size", "sha256"}
    assert [check["step"] for check in one["checks"]] == list(range(1, 12))


def test_json_does_not_change_with_the_language(office: Office, desk: Path) -> None:
    arguments = ("verify", desk / "a.edxml", "--trust", desk / "root.pem", "--json")
    english = office.bare(*arguments).json
    office.lang = "vi"
    assert office.bare(*arguments).json == english


def test_one_changed_byte_names_the_step(office: Office, desk: Path) -> None:
    data = (desk / "a.edxml").read_bytes()
    (desk / "b.edxml").write_bytes(data.replace("Quyết định 98".encode(), "Quyết định 99".encode()))
    ran = office.bare("verify", desk / "b.edxml", "--trust", desk / "root.pem", "--json")
    assert ran.code == 1
    [one] = ran.json["documents"]
    assert (one["indication"], one["sub_indication"]) == ("TOTAL-FAILED", "HASH_FAILURE")
    failed = [check for check in one["checks"] if check["result"] == "FAILED"]
    assert [check["step"] for check in failed] == [4]


def test_unknown_trust_is_indeterminate(office: Office, desk: Path) -> None:
    (desk / "other.pem").write_bytes(OTHER.root.pem)
    ran = office.bare("verify", desk / "a.edxml", "--trust", desk / "other.pem")
    assert ran.code == 3
    assert "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND" in ran.out
    assert "What would change this verdict" in ran.out


def test_the_wrong_organ_fails(office: Office, desk: Path) -> None:
    (desk / "c.edxml").write_bytes(envelope(signer="H13"))
    ran = office.bare("verify", desk / "c.edxml", "--trust", desk / "root.pem")
    assert ran.code == 1
    assert "SIGNER_NOT_SENDER" in ran.out


def test_a_directory_binds_or_does_not(office: Office, desk: Path, tmp_path: Path) -> None:
    arguments = ("verify", desk / "a.edxml", "--trust", desk / "root.pem", "--directory")
    assert office.bare(*arguments, tmp_path / "directory.toml").code == 0
    empty = desk / "empty.toml"
    empty.write_text("")
    ran = office.bare(*arguments, empty)
    assert ran.code == 3
    assert "NO_BINDING" in ran.out
    empty.write_text("[organs.H05]\nnme = 1\n")
    assert office.bare(*arguments, empty).code == 78


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2026-06-01T07:00:00+07:00", 0),
        ("2026-06-01T00:00:00Z", 0),
        ("2030-01-01T00:00:00Z", 3),
        ("2020-01-01T00:00:00Z", 3),
        ("2026-06-01T07:00:00", 2),
        ("yesterday", 2),
    ],
)
def test_the_time_that_is_judged_for(office: Office, desk: Path, at: str, code: int) -> None:
    ran = office.bare("verify", desk / "a.edxml", "--trust", desk / "root.pem", "--at", at)
    assert ran.code == code


def test_receipts_are_held_against_their_envelope(office: Office, desk: Path) -> None:
    paths = [desk / "a.edxml", desk / "a-01.edxml"]
    ran = office.bare("verify", *paths, "--trust", desk / "root.pem", "--json")
    assert ran.code == 0
    assert ran.json["documents"][1]["receipt_of"]["file"] == str(paths[0])
    paths[1].write_bytes(receipt(b"", digest="ab" * 32))
    ran = office.bare("verify", *paths, "--trust", desk / "root.pem", "--json")
    assert ran.code == 1
    assert ran.json["documents"][1]["checks"][-1]["reason"] == "RECEIPT_OF_OTHER_BYTES"
    alone = office.bare("verify", paths[1], "--trust", desk / "root.pem")
    assert alone.code == 0


def test_the_worst_of_several_counts(office: Office, desk: Path) -> None:
    (desk / "failed.edxml").write_bytes(b"<x/>")
    other = pack(with_trace(document(1, ("H01",)), "H05", AT), OTHER.signer("H05"), signing_time=AT)
    (desk / "open.edxml").write_bytes(other)
    good, open_, failed = (desk / name for name in ("a.edxml", "open.edxml", "failed.edxml"))
    trust = ("--trust", desk / "root.pem")
    assert office.bare("verify", good, *trust).code == 0
    assert office.bare("verify", good, open_, *trust).code == 3
    assert office.bare("verify", good, open_, failed, *trust).code == 1


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(64 * 1024 * 1024))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EMPTY"),
        (b" \n", "EMPTY"),
        (b"hello", "NOT_XML"),
        (b"\x00" * 4096, "NOT_XML"),
        (b"\xff\xfe<\x00x\x00", "ENCODING"),
        (b"<x", "NOT_XML"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "DTD"),
        (b"<x>" * 1000, "TOO_DEEP"),
        (b"<x/>", "NOT_AN_ENVELOPE"),
        (zip_bomb(), "ARCHIVE_FORM"),  # a zip is judged as an evidence bundle
    ],
    ids=["empty", "blank", "text", "zeros", "utf16", "cut", "dtd", "deep", "other", "zip bomb"],
)
def test_hostile_bytes_get_a_verdict(office: Office, desk: Path, data: bytes, reason: str) -> None:
    (desk / "x").write_bytes(data)
    ran = office.bare("verify", desk / "x", "--trust", desk / "root.pem", "--json")
    assert ran.code == 1
    judged = ran.json["documents"][0] if "documents" in ran.json else ran.json["bundle"]
    failed = [one for one in judged["checks"] if one["result"] == "FAILED"]
    assert failed[0]["reason"] == reason
    text = office.bare("verify", desk / "x", "--trust", desk / "root.pem")
    assert "Traceback" not in text.out + text.err
    assert "\x1b" not in text.out


def test_two_gigabytes_of_zeros_are_not_loaded(office: Office, desk: Path) -> None:
    import tracemalloc

    with (desk / "zeros").open("wb") as file:
        file.truncate(2**31)
    limit = 1024 * 1024
    tracemalloc.start()
    ran = office.bare(
        "verify", desk / "zeros", "--trust", desk / "root.pem", "--limit", str(limit), "--json"
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ran.code == 1
    assert ran.json["documents"][0]["checks"][0]["reason"] == "TOO_LARGE"
    assert peak < 16 * limit


def test_what_cannot_be_read_is_an_error_and_the_rest_is_judged(office: Office, desk: Path) -> None:
    trust = ("--trust", desk / "root.pem")
    missing = office.bare("verify", desk / "nope", desk / "a.edxml", *trust)
    assert missing.code == 4
    assert "nope: no such file or folder" in missing.err
    assert "TOTAL-PASSED" in missing.out


def test_a_trust_folder_takes_roots_only_and_says_what_it_ignores(
    office: Office, desk: Path
) -> None:
    folder = desk / "trust"
    folder.mkdir()
    (folder / "root.pem").write_bytes(P256.root.pem)
    (folder / "issuing.pem").write_bytes(P256.issuing.pem)
    (folder / "key.pem").write_bytes(P256.organ("H05").key_pem)
    assert office.bare("verify", desk / "a.edxml", "--trust", folder).err == ""
    ran = office.bare("-v", "verify", desk / "a.edxml", "--trust", folder)
    assert ran.code == 0
    assert "--trust ignores: issuing.pem" in ran.err
    assert "--trust ignores: key.pem" in ran.err
    (folder / "root.pem").unlink()
    assert office.bare("verify", desk / "a.edxml", "--trust", folder).code == 78


def test_no_trust_is_a_usage_error(office: Office, desk: Path) -> None:
    ran = office.bare("verify", desk / "a.edxml")
    assert ran.code == 2
    assert "missing --trust" in ran.err


def test_steps_are_shown_where_they_matter(office: Office, desk: Path) -> None:
    paths = (desk / "a.edxml", desk / "a-01.edxml")
    trust = ("--trust", desk / "root.pem")
    assert "  ✔  4 " in office.bare("verify", paths[0], *trust).out
    brief = office.bare("verify", *paths, *trust).out
    assert "  ✔  4 " not in brief
    assert "  ✔ 12 " in brief
    assert "  ✔  4 " in office.bare("verify", *paths, *trust, "-v").out


def test_inspect_says_that_nothing_is_checked(office: Office, desk: Path) -> None:
    data = (desk / "a.edxml").read_bytes()
    (desk / "b.edxml").write_bytes(data.replace("Quyết định 98".encode(), "Quyết định 99".encode()))
    ran = office.bare("inspect", desk / "b.edxml")
    assert ran.code == 0
    assert "the signature is NOT checked" in ran.err
    assert "Quyết định 99" in ran.out
    assert "a signature is present, not checked" in ran.out
    as_json = office.bare("inspect", desk / "b.edxml", "--json").json
    assert as_json["verified"] is False
    assert as_json["schema"] == "docexchange/inspect/v1"
    assert as_json["number"] == "98"


def test_inspect_a_status(office: Office, desk: Path) -> None:
    out = office.bare("inspect", desk / "a-01.edxml").out
    assert "01 Arrived" in out
    assert json.loads(office.bare("inspect", desk / "a-01.edxml", "--json").out)["kind"] == "status"


def test_inspect_what_is_no_edxml(office: Office, desk: Path) -> None:
    (desk / "x").write_bytes(b"<x/>")
    ran = office.bare("inspect", desk / "x")
    assert ran.code == 1
    assert ran.out == ""
    assert "error:" in ran.err


def test_a_hostile_subject_cannot_move_the_cursor(office: Office, desk: Path) -> None:
    made = new_document(
        sender="H05",
        to={"H01": "a\u202eb\u009b2J"},
        number="1",
        notation="CV",
        subject="x\u2028y\r\nz",
        date=AT.date(),
        files=[("a\u0085.pdf", b"%PDF")],
    )
    (desk / "x").write_bytes(pack(made, P256.signer("H05"), signing_time=AT))
    for ran in (
        office.bare("inspect", desk / "x"),
        office.bare("verify", desk / "x", "--trust", desk / "root.pem"),
    ):
        assert ran.code == 0
        for letter in "\u202e\u009b\u2028\r\u0085":
            assert letter not in ran.out


def test_signed_long_ago_is_still_good_while_the_certificate_is(office: Office, desk: Path) -> None:
    office.theatre.clock.advance(timedelta(days=100))
    assert office.bare("verify", desk / "a.edxml", "--trust", desk / "root.pem").code == 0
    office.theatre.clock.advance(timedelta(days=400))
    ran = office.bare("verify", desk / "a.edxml", "--trust", desk / "root.pem")
    assert ran.code == 3
    assert "OUT_OF_BOUNDS_NO_POE" in ran.out
