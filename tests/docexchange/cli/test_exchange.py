"""A document as people see it: send, track, list, inbox, status, export, quarantine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from docexchange.core.admission import GIB, MIB, Disk
from docexchange.core.schedule import Lane
from docexchange.edges import disk
from envelopes.pack import pack, with_trace
from tests.fakes import Faults
from tests.office import Office
from tests.pki import P256
from tests.samples import WELL_FORMED
from tests.theatre import document

PDF = b"%PDF-1.7 quyet dinh"


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "qd.pdf"
    path.write_bytes(PDF)
    return path


def send(office: Office, pdf: Path, *more: str, to: str = "H01,H13", number: str = "98") -> str:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", to, "--number", number),
        *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế", "--type", "Quyết định"),
        *more,
    )
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_send_prints_the_tracking_id_and_nothing_else(office: Office, pdf: Path) -> None:
    ref = send(office, pdf)
    assert len(ref) == 26
    assert ref.isalnum()


def test_send_again_is_a_duplicate(office: Office, pdf: Path) -> None:
    ref = send(office, pdf)
    again = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01,H13", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế", "--type", "Quyết định"),
        "--json",
    )
    assert (again.code, again.json["tracking_id"], again.json["duplicate"]) == (0, ref, True)
    assert again.json["schema"] == "docexchange/send/v1"


def test_the_old_document_says_what_replaced_it(office: Office, pdf: Path) -> None:
    old = send(office, pdf)
    new = send(office, pdf, "--replaces", "98/QĐ-UBND", "--reason", "Sai", number="99")
    assert f"Replaced by {new}" in office.run("H05", "track", old).out
    shown = office.run("H05", "track", new)
    assert "Replaces H05," in shown.out
    assert f"({old})" in shown.out
    (line,) = office.run("H05", "track", old, "--json").json["changes"]
    assert (line["business"], line["tracking_id"], line["by_this"]) == (3, new, False)


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--updates", "7/QĐ-UBND"), 5, "[E-REF-001]"),
        (("--updates", "1/QĐ", "--replaces", "2/QĐ"), 2, "either --updates or --replaces"),
        (("--reason", "Sai"), 2, "only with --updates or --replaces"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    office: Office, pdf: Path, options: tuple[str, ...], code: int, why: str
) -> None:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01", "--number", "1"),
        *("--notation", "QĐ", "--subject", "x", *options),
    )
    assert (ran.code, ran.out) == (code, "")
    assert why in ran.err
    assert office.run("H05", "list", "--json").json["documents"] == []


def test_peer_failure_24_send_obeys_the_marks_of_the_disk(
    office: Office, pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the daemon does: the same words, nothing stored, and it passes once there is room."""
    asked = (
        *("H05", "send", pdf, "--from", "H05", "--to", "H01", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế"),
    )
    with monkeypatch.context() as full:
        full.setattr(disk, "measure", lambda _: Disk(free=400 * MIB, total=100 * GIB))
        ran = office.run(*asked)
        assert (ran.code, ran.out) == (75, "")
        assert "[E-BSY-003]" in ran.err
        assert "400 MiB left; nothing is lost, send it again later" in ran.err
        assert office.run("H05", "list", "--json").json["documents"] == []
        full.setattr(disk, "measure", lambda _: Disk(free=600 * MIB, total=100 * GIB))
        assert office.run(*asked).code == 0


def test_other_content_under_the_same_number_is_refused(office: Office, pdf: Path) -> None:
    send(office, pdf)
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "Khác"),
    )
    assert ran.code == 5
    assert ran.out == ""


@pytest.mark.parametrize(
    ("to", "code", "why"),
    [
        ("H02", 5, "[E-RTE-002]: H02 (Bắc Giang)"),
        ("H02.12", 5, "[E-RTE-002]: H02.12 (Bắc Giang)"),
        ("H99", 5, "[E-RTE-001]: H99"),
    ],
)
def test_recipients_are_judged_at_the_door(
    office: Office, pdf: Path, to: str, code: int, why: str
) -> None:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", to, "--number", "1"),
        *("--notation", "QĐ", "--subject", "x"),
    )
    assert ran.code == code
    assert why in ran.err
    assert office.run("H05", "list", "--json").json["documents"] == []


def test_send_tells_what_is_missing(office: Office, pdf: Path) -> None:
    ran = office.run("H05", "send", pdf, "--from", "H05")
    assert ran.code == 2
    assert "missing --to, --number, --notation, --subject" in ran.err


def test_a_recipient_named_twice(office: Office, pdf: Path) -> None:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01,H01", "--number", "1"),
        *("--notation", "QĐ", "--subject", "x"),
    )
    assert ran.code == 2
    assert "--to names twice: H01" in ran.err


def test_another_organ_is_not_ours_to_send_for(office: Office, pdf: Path) -> None:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H01", "--to", "H13", "--number", "1"),
        *("--notation", "QĐ", "--subject", "x"),
    )
    assert ran.code == 5
    assert "[E-AUT-001]" in ran.err


def test_a_file_over_the_limit_is_refused_with_both_numbers(office: Office, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(2**31)
    ran = office.run(
        *("H05", "send", large, "--from", "H05", "--to", "H01", "--number", "1"),
        *("--notation", "QĐ", "--subject", "x"),
    )
    assert ran.code == 5
    assert "E-SIZ-001" in ran.err
    assert "2,147,483,648" in ran.err
    assert "1,073,741,824" in ran.err


def test_track_has_one_honest_line_per_recipient(office: Office, pdf: Path) -> None:
    ref = send(office, pdf)
    before = office.run("H05", "track", ref)
    assert "H01 An Giang  ○ Queued   –           0     this node" in before.out
    office.settle()
    after = office.run("H05", "track", "98/QĐ-UBND").out
    assert "H01 An Giang  ● Acknowledged  01 Arrived  1     H01" in after
    assert "H13 Cần Thơ   ● Acknowledged  01 Arrived  1     H13" in after
    assert "signed, stored and queued" in after
    assert "H01  the axis took it" in after
    assert "H13  01 Arrived · receipt, its signature is valid" in after


def test_track_in_vietnamese(office: Office, pdf: Path) -> None:
    ref = send(office, pdf)
    office.settle()
    office.lang = "vi"
    out = office.run("H05", "track", ref[:12]).out
    assert "98/QĐ-UBND · Ban hành Quy chế" in out
    assert "● Đã có biên nhận" in out
    assert "01 Đã đến" in out
    assert "BÊN LÀM TIẾP" in out
    assert "01/06/2026 07:00:00 +07:00" in out


def test_track_as_json_keeps_transport_and_processing_apart(office: Office, pdf: Path) -> None:
    ref = send(office, pdf)
    office.settle()
    view = office.run("H05", "track", ref, "--json").json
    assert view["schema"] == "docexchange/track/v1"
    assert view["submitted_at"] == "2026-06-01T00:00:00.000Z"
    line = next(one for one in view["deliveries"] if one["organ"] == "H13")
    assert (line["state"], line["code"], line["copies"]) == ("acknowledged", "01", 1)
    assert line["attempts_total"] == 1
    assert [said["code"] for said in line["history"]] == ["01"]
    assert view["journal"][0]["event"] == "queued"


def test_why_it_is_late_and_when_it_goes_on(office: Office, pdf: Path) -> None:
    office.theatre.axis.faults = Faults(refused=1.0)
    ref = send(office, pdf, to="H01")
    office.settle()
    out = office.run("H05", "track", ref).out
    assert "the axis did not take it, 1 attempt(s) (not confirmed in time); again at 01/06" in out
    attention = office.run("H05", "list", "--attention")
    assert attention.out == ""
    assert "nothing needs attention" in attention.err


def test_a_silent_recipient_and_the_end_of_the_lifetime(office: Office, pdf: Path) -> None:
    silent = office.theatre.nodes.pop("H01")
    ref = send(office, pdf, to="H01")
    office.settle()
    sent = office.run("H05", "track", ref).out
    assert "the axis holds it, no receipt of H01 An Giang yet; sent again at 01/06/2026" in sent
    assert "until 04/06/2026 07:00:00 +07:00" in sent
    office.play(office.theatre.run(timedelta(days=4), timedelta(hours=1)))
    ended = office.run("H05", "track", ref).out
    assert "✖ Undeliverable" in ended
    assert "no receipt within the lifetime; it may still arrive" in ended
    listed = office.run("H05", "list", "--attention").out
    assert "98/QĐ-UBND → H01 An Giang: no receipt within the lifetime" in listed
    office.theatre.nodes["H01"] = silent


def test_an_incoming_document_is_named_when_tracked(office: Office, pdf: Path) -> None:
    send(office, pdf, to="H01")
    office.settle()
    ran = office.run("H01", "track", "98/QĐ-UBND")
    assert ran.code == 4
    assert "is an incoming document: docexchange inbox show" in ran.err
    assert office.run("H01", "track", "97/QĐ-UBND").code == 4


def test_an_ambiguous_name_lists_what_it_fits(office: Office, pdf: Path) -> None:
    send(office, pdf, "--date", "22/11/2025")
    send(office, pdf, "--date", "2026-01-02")
    ran = office.run("H05", "track", "98/QĐ-UBND")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 4  # error, sentence, two candidates


def test_the_receiving_side(office: Office, pdf: Path) -> None:
    send(office, pdf, to="H01")
    office.settle()
    listed = office.run("H01", "inbox", "list").out
    assert "H05 Bắc Ninh  98/QĐ-UBND  Ban hành Quy chế  H01  01 Arrived" in listed
    shown = office.run("H01", "inbox", "show", "98/QĐ-UBND").out
    assert "TOTAL-PASSED · " in shown
    assert "qd.pdf" in shown
    assert "no mailroom" in shown
    as_json = office.run("H01", "inbox", "list", "--json").json
    assert [one["number"] for one in as_json["documents"]] == ["98"]


def test_status_set_reaches_the_sender(office: Office, pdf: Path) -> None:
    ref = send(office, pdf, to="H01")
    office.settle()
    for code in ("03", "06"):
        office.theatre.clock.advance(timedelta(minutes=1))
        ran = office.run("H01", "status", "set", "98/QĐ-UBND", code, "--note", "Phòng CNTT")
        assert ran.code == 0, ran.err
        assert "about 98/QĐ-UBND is signed and queued for H05" in ran.out
    office.settle()
    out = office.run("H05", "track", ref).out
    assert "● Acknowledged  06 Completed  1     –" in out
    assert "03 Accepted · receipt, its signature is valid · Phòng CNTT" in out


@pytest.mark.parametrize(
    ("code", "note", "exit_code", "why"),
    [
        ("01", "", 5, "E-STA-001"),
        ("99", "", 5, "E-STA-001"),
        ("02", "", 5, "E-STA-003"),
        ("02", "sai thẩm quyền", 0, ""),
        ("03", "", 0, ""),
    ],
)
def test_statuses_that_may_and_may_not_be_said(
    office: Office, pdf: Path, code: str, note: str, exit_code: int, why: str
) -> None:
    send(office, pdf, to="H01")
    office.settle()
    ran = office.run("H01", "status", "set", "98/QĐ-UBND", code, "--note", note, "--json")
    assert ran.code == exit_code
    assert why in ran.err
    if exit_code == 0:
        assert (ran.json["code"], ran.json["to"]) == (code, "H05")


def test_a_status_cannot_go_back(office: Office, pdf: Path) -> None:
    send(office, pdf, to="H01")
    office.settle()
    assert office.run("H01", "status", "set", "98/QĐ-UBND", "06").code == 0
    ran = office.run("H01", "status", "set", "98/QĐ-UBND", "03")
    assert ran.code == 5
    assert "E-STA-002" in ran.err


def test_inbox_save_writes_bytes_and_attachments(office: Office, pdf: Path, tmp_path: Path) -> None:
    ref = send(office, pdf, to="H01")
    office.settle()
    out = tmp_path / "out"
    ran = office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", out)
    assert ran.code == 0, ran.err
    store = office.theatre.nodes["H05"].store
    assert (out / "98_QĐ-UBND.edxml").read_bytes() == store.contents.read(
        store.outgoing.document(ref).sha256
    )
    assert (out / "98_QĐ-UBND-1-qd.pdf").read_bytes() == PDF
    assert office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", out).code == 5
    assert office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", out, "--force").code == 0


def test_hostile_attachment_names_stay_in_the_folder(office: Office, tmp_path: Path) -> None:
    evil = tmp_path / "in" / "..;rm -rf ~"
    evil.parent.mkdir()
    evil.write_bytes(b"x")
    send(office, evil, to="H01")
    office.settle()
    out = tmp_path / "out" / "deep"
    assert office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", out).code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "98_QĐ-UBND-1-_rm -rf _",
        "98_QĐ-UBND.edxml",
    ]


def test_export_and_verify_go_together(office: Office, pdf: Path, tmp_path: Path) -> None:
    ref = send(office, pdf)
    office.settle()
    office.theatre.clock.advance(timedelta(minutes=1))
    office.run("H01", "status", "set", "98/QĐ-UBND", "03")
    office.settle()
    out = tmp_path / "audit"
    ran = office.run("H05", "export", ref, "-o", out)
    assert ran.code == 0
    files = sorted(out.rglob("*.edxml"))
    assert [str(path.relative_to(out)) for path in files] == [
        "98_QĐ-UBND.edxml",
        "receipts/H01-01-1.edxml",
        "receipts/H01-03-1.edxml",
        "receipts/H13-01-1.edxml",
    ]
    verdict = office.bare("verify", *files, "--trust", tmp_path / "root.pem", "--json")
    assert verdict.code == 0, verdict.out
    assert verdict.json["indication"] == "TOTAL-PASSED"
    receipts = [one for one in verdict.json["documents"] if one["kind"] == "status"]
    assert {one["receipt_of"]["file"] for one in receipts} == {str(files[0])}
    assert office.run("H05", "export", ref, "-o", out).code == 5
    assert office.run("H05", "export", ref, "-o", out, "--force", "--json").json["files"]


def test_export_of_what_came(office: Office, pdf: Path, tmp_path: Path) -> None:
    send(office, pdf, to="H01")
    office.settle()
    out = tmp_path / "audit"
    assert office.run("H01", "export", "98/QĐ-UBND", "-o", out).code == 0
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.edxml")) == [
        "98_QĐ-UBND.edxml",
        "receipts/H01-01-1.edxml",
    ]


def test_the_quarantine_tells_why(office: Office) -> None:
    now = office.theatre.clock.now()
    made = with_trace(document(7, ("H01",)), "H05", now)
    genuine = pack(made, P256.signer("H05"), signing_time=now)
    foreign = pack(made, P256.signer("H13"), signing_time=now)
    tampered = genuine.replace("Quyết định 7".encode(), "Quyết định 8".encode())
    for body in (tampered, foreign):
        office.theatre.axis.put(Lane.NORMAL, "H01", body, "node-H05")
    office.settle()
    listed = office.run("H01", "quarantine", "list").out
    assert "The content was changed after it was signed" in listed
    assert "[SIGNER_NOT_SENDER]" in listed
    rows = office.run("H01", "quarantine", "list", "--json").json["envelopes"]
    assert {row["reason"] for row in rows} == {"HASH_FAILURE", "SIGNER_NOT_SENDER"}
    assert {row["claimed_from"] for row in rows} == {"H05"}
    number = next(row["number"] for row in rows if row["reason"] == "SIGNER_NOT_SENDER")
    shown = office.run("H01", "quarantine", "show", str(number)).out
    assert "H05 (claimed, proven by nothing)" in shown
    assert "✖ 10 Signer speaks for the sender: The signer may not sign" in shown
    assert office.run("H01", "quarantine", "show", "999").code == 4
    assert office.run("H01", "inbox", "list").out == ""


def test_wait_ends_when_every_recipient_answered(office: Office, pdf: Path) -> None:
    send(office, pdf)
    office.settle()
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01,H13", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "Ban hành Quy chế", "--type", "Quyết định"),
        *("--wait", "01", "--json"),
    )
    assert ran.code == 0
    assert {one["code"] for one in ran.json["deliveries"]} == {"01"}


def test_wait_times_out(office: Office, pdf: Path) -> None:
    ran = office.run(
        *("H05", "send", pdf, "--from", "H05", "--to", "H01", "--number", "98"),
        *("--notation", "QĐ-UBND", "--subject", "x", "--wait", "01", "--timeout", "1ms"),
    )
    assert ran.code == 75
    assert "0/1 said 01" in ran.err
    assert len(ran.out.strip()) == 26


def test_wait_tells_partly_done_and_not_done(office: Office, pdf: Path) -> None:
    send(office, pdf)
    office.settle()
    office.run("H01", "status", "set", "98/QĐ-UBND", "02", "--note", "sai")
    office.settle()
    fields = (
        *("--from", "H05", "--to", "H01,H13", "--number", "98", "--notation", "QĐ-UBND"),
        *("--subject", "Ban hành Quy chế", "--type", "Quyết định", "--wait", "01"),
    )
    assert office.run("H05", "send", pdf, *fields).code == 3
    office.run("H13", "status", "set", "98/QĐ-UBND", "02", "--note", "sai")
    office.settle()
    assert office.run("H05", "send", pdf, *fields).code == 1


def test_fields_of_a_document(office: Office, pdf: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "scan"
    nameless.write_bytes(b"%PDF-1.4 scan")
    out = tmp_path / "a.edxml"
    ran = office.bare(
        *("pack", pdf, nameless, "--from", "H05", "--to", "H01", "--to", "H13"),
        *("--number", "98", "--notation", "QĐ-UBND", "--subject", "Quy chế", "--place", "Bắc Ninh"),
        *("--date", "22/11/2025", "--due", "2026-01-02", "--priority", "2"),
        *("--signer-name", "Nguyễn Văn A", "--signer-position", "Chủ tịch"),
        *("--key", tmp_path / "H05/key.pem", "--cert", tmp_path / "H05/chain.pem", "-o", out),
        *("--directory", tmp_path / "directory.toml", "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.json["size"] == out.stat().st_size
    shown = office.bare("inspect", out).out
    for text in ("H05 Bắc Ninh", "H13 Cần Thơ", "2025/11/22", "very urgent", "Nguyễn Văn A"):
        assert text in shown
    assert b"<ContentType>application/pdf</ContentType>" in out.read_bytes().replace(b"edXML:", b"")
    assert out.read_bytes().count(b"application/pdf") == 4  # two attachments, two references
    verdict = office.bare("verify", out, "--trust", tmp_path / "root.pem")
    assert verdict.code == 0


def test_pack_warns_when_the_certificate_is_anothers(
    office: Office, pdf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.edxml"
    ran = office.bare(
        *("pack", pdf, "--from", "H01", "--to", "H13", "--number", "1", "--notation", "CV"),
        *("--subject", "x", "--key", tmp_path / "H05/key.pem"),
        *("--cert", tmp_path / "H05/chain.pem", "-o", out),
    )
    assert ran.code == 0
    assert "the certificate is H05's, the document H01's" in ran.err
    assert office.bare("verify", out, "--trust", tmp_path / "root.pem").code == 1


def test_pack_with_a_key_others_can_read(office: Office, pdf: Path, tmp_path: Path) -> None:
    key = tmp_path / "H05/key.pem"
    key.chmod(0o640)
    ran = office.bare(
        *("pack", pdf, "--from", "H05", "--to", "H13", "--number", "1", "--notation", "CV"),
        *("--subject", "x", "--key", key, "--cert", tmp_path / "H05/chain.pem"),
        *("-o", tmp_path / "a.edxml"),
    )
    assert ran.code == 77
    assert f"chmod 600 {key}" in ran.err
    assert not (tmp_path / "a.edxml").exists()


@pytest.mark.parametrize("sample", WELL_FORMED, ids=lambda path: path.name)
def test_real_documents_are_packed_with_everything_in_them(
    office: Office, sample: Path, tmp_path: Path
) -> None:
    from envelopes import edxml
    from envelopes.model import Document

    before, _ = edxml.read(sample.read_bytes(), repair=True)
    out = tmp_path / "a.edxml"
    ran = office.bare(
        *("pack", "--from-xml", sample, "--to", "H01"),
        *("--key", tmp_path / "H05/key.pem", "--cert", tmp_path / "H05/chain.pem", "-o", out),
    )
    if not isinstance(before, Document):
        assert ran.code == 2
        assert "is a status message, not a document" in ran.err
        return
    assert ran.code == 0, ran.err
    after, _ = edxml.read(out.read_bytes())
    assert isinstance(after, Document)
    assert after.recipients == ("H01",)
    assert after.attachments == before.attachments
    assert after.subject == before.subject
    assert after.document_id == before.document_id


def test_from_xml_stands_alone(office: Office, pdf: Path) -> None:
    ran = office.run("H05", "send", pdf, "--from-xml", pdf)
    assert ran.code == 2
    assert "--from-xml holds the whole document" in ran.err
    assert office.run("H05", "send", "--from-xml", pdf).code == 1  # not XML


def test_a_node_without_a_store(office: Office, tmp_path: Path) -> None:
    config = tmp_path / "H05" / "docexchange.toml"
    config.write_text(config.read_text().replace('"data"', '"elsewhere"'))
    ran = office.run("H05", "list")
    assert ran.code == 4
    assert "there is no store yet" in ran.err


def test_recall_as_its_user_sees_it(office: Office, pdf: Path, tmp_path: Path) -> None:
    office.lang = "vi"
    ref = send(office, pdf)
    office.settle()
    would = office.run("H05", "recall", ref, "--reason", "Sai phụ lục", "--dry-run", "--json")
    assert [one["recall"] for one in would.json["deliveries"]] == [None, None]
    ran = office.run("H05", "recall", ref, "--reason", "Sai phụ lục", "--to", "H01")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["H01: đã yêu cầu thu hồi (13), chờ trả lời"],
    )
    assert office.run("H05", "recall", ref, "--reason", "Lần nữa", "--to", "H01").code == 5
    assert office.run("H05", "recall", ref, "--reason", "x", "--to", "H99").code == 5
    office.settle()
    shown = office.run("H01", "inbox", "show", "98/QĐ-UBND")
    assert "đã yêu cầu thu hồi (13)" in shown.out
    assert office.run("H01", "status", "set", "98/QĐ-UBND", "15").code == 0
    office.settle()
    tracked = office.run("H05", "track", ref)
    assert "→ H01: đã thu hồi (15)" in tracked.out
    kept = office.run("H01", "inbox", "save", "98/QĐ-UBND", "-o", tmp_path / "out")
    assert kept.code == 5
    assert "đã bị thu hồi" in kept.err
    assert office.run("H13", "inbox", "save", "98/QĐ-UBND", "-o", tmp_path / "out").code == 0
