"""`verify DIR`: every envelope below some folders, what did not pass, and the counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from docexchange.cli import folders, show
from docexchange.cli.tally import Bar, Tally
from envelopes.model import Organization, Received, ResponseFor, Status
from envelopes.pack import local_time, pack, with_trace
from tests.office import Office, Ran
from tests.pki import AT, P256
from tests.theatre import document


def envelope(number: int) -> bytes:
    made = with_trace(document(number, ("H01",), "H05"), "H05", AT)
    return pack(made, P256.signer("H05"), signing_time=AT)


def receipt(number: int, digest: str) -> bytes:
    status = Status(
        sender=Organization(organ_id="H01"),
        response_for=ResponseFor(organ_id="H05", document_id=f"H05,2026/06/01,{number}/QĐ-UBND"),
        status_code="01",
        timestamp=local_time(AT),
        received=Received.sha256(digest),
    )
    return pack(status, P256.signer("H01"), signing_time=AT)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three documents and three receipts in two folders, and other things."""
    from hashlib import sha256

    folder = tmp_path / "archive"
    (folder / "receipts").mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"{number}.edxml").write_bytes(envelope(number))
    digest = sha256((folder / "1.edxml").read_bytes()).hexdigest()
    for number, of in ((1, digest), (2, "11" * 32), (7, "22" * 32)):
        (folder / "receipts" / f"{number}.XML").write_bytes(receipt(number, of))
    (folder / "readme.txt").write_text("x")
    (folder / "around").symlink_to(folder)
    (tmp_path / "root.pem").write_bytes(P256.root.pem)
    return folder


def verify(office: Office, archive: Path, *more: str) -> Ran:
    return office.bare("verify", archive, "--trust", archive.parent / "root.pem", *more)


def test_only_what_did_not_pass_is_listed(office: Office, archive: Path) -> None:
    ran = verify(office, archive)
    assert ran.code == 1
    out = ran.out
    assert out.count("✔ ") + out.count("✖ ") > 0
    assert [line.split(" · ")[0] for line in out.splitlines() if line.startswith("✖ ")] == [
        f"✖ {archive}/receipts/2.XML"
    ]
    assert "TOTAL-FAILED · 6 file(s) · 1 TOTAL-FAILED, 5 TOTAL-PASSED" in out
    assert "[RECEIPT_OF_OTHER_BYTES]" in out
    assert "receipts: 1 of envelopes given, 1 of other bytes, 1 of envelopes that are not" in out
    assert "skipped 1 file(s)" in out
    assert ran.err == ""


def test_v_lists_all_and_receipts_come_last(office: Office, archive: Path) -> None:
    ran = verify(office, archive, "-v")
    files = [line.split(" · ")[0][2:] for line in ran.out.splitlines() if line[0:1] in ("✔", "✖")]
    names = [f"{number}.edxml" for number in (1, 2, 3)]
    names += [f"receipts/{number}.XML" for number in (1, 2, 7)]
    assert files == [f"{archive}/{name}" for name in names]


def test_the_json_is_one_document_with_a_summary(office: Office, archive: Path) -> None:
    whole = verify(office, archive, "--json").json
    assert whole["schema"] == "docexchange/verify/v1"
    assert whole["indication"] == "TOTAL-FAILED"
    assert [one["indication"] for one in whole["documents"]].count("TOTAL-PASSED") == 5
    assert whole["documents"][3]["receipt_of"]["file"] == f"{archive}/1.edxml"
    assert whole["documents"][0]["attachments"]
    assert whole["summary"] == {
        "files": 6,
        "passed": 5,
        "failed": 1,
        "indeterminate": 0,
        "reasons": {"RECEIPT_OF_OTHER_BYTES": 1},
        "receipts": {"matched": 1, "of_other_bytes": 1, "document_not_given": 1},
        "unread": 0,
        "skipped": 1,
    }


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_an_empty_folder_proves_nothing(office: Office, archive: Path, json_too: list[str]) -> None:
    empty = archive.parent / "empty"
    empty.mkdir()
    ran = office.bare("verify", empty, "--trust", archive.parent / "root.pem", *json_too)
    assert ran.code == 4
    if json_too:
        assert ran.json["summary"]["files"] == 0
        assert ran.json["indication"] == "INDETERMINATE"
    else:
        assert "no .edxml or .xml file was found" in ran.err


@pytest.mark.slow
def test_several_processes_say_the_same_in_the_same_order(office: Office, archive: Path) -> None:
    data = (archive / "3.edxml").read_bytes()
    for number in range(3 * folders.FEW):
        changed = data if number % 20 else data.replace(b"98", b"99", 1)[: len(data) - number]
        (archive / f"x{number:04}.edxml").write_bytes(changed)
    (archive / "pipe.edxml").mkdir()
    (archive / "gone.edxml").symlink_to("nowhere")
    alone = verify(office, archive, "--jobs", "1")
    together = verify(office, archive, "--jobs", "3")
    assert alone.out == together.out
    assert alone.err == together.err
    assert "gone.edxml: no such file or folder" in together.err
    assert together.out.count("✖ ") > 15


def test_a_large_file_is_judged_where_it_lies(
    office: Office, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = verify(office, archive, "--json").out
    monkeypatch.setattr(folders, "IN_MEMORY", 100)
    assert verify(office, archive, "--json").out == small


def test_a_pipe_is_judged_and_an_endless_one_is_cut_short(office: Office, archive: Path) -> None:
    trust = ("--trust", archive.parent / "root.pem")
    reading, writing = os.pipe()
    os.write(writing, (archive / "1.edxml").read_bytes())
    os.close(writing)
    ran = office.bare("verify", f"/proc/self/fd/{reading}", *trust, "--json")
    os.close(reading)
    assert (ran.code, ran.json["indication"]) == (0, "TOTAL-PASSED")
    ran = office.bare("verify", "/dev/zero", *trust, "--json")
    assert ran.code == 1
    assert ran.json["documents"][0]["checks"][0]["reason"] == "TOO_LARGE"


def test_the_bar_is_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally(0, [])
    tally.add_passed()
    tally.verdicts["INDETERMINATE"] += 1
    Bar(10, lambda: 0.0).show(10, tally)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(show.sys.stderr, "isatty", lambda: True, raising=False)
    times = iter([0.0, 0.05, 2.0, 3.0])
    bar = Bar(10, lambda: next(times))
    bar.show(1, tally)  # too soon
    bar.show(4, tally)
    bar.show(10, tally)
    bar.done()
    err = capsys.readouterr().err
    assert "1/10" not in err.split("4/10", maxsplit=1)[0]
    assert "█████████░░░░░░░░░░░░░░░ 4/10 · 2/s · 1 " in err
    assert err.endswith("\r\033[K")


def test_a_stream_of_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    from docexchange.cli.tally import JsonStream

    JsonStream("s/v1").end(Tally(0, []))
    assert json.loads(capsys.readouterr().out)["documents"] == []


def test_stamps_lie_beside_what_they_stamp(archive: Path) -> None:
    stamped, other, named = (archive / f"{number}.edxml" for number in (1, 2, 3))
    for path, ending in ((stamped, ".tst"), (stamped, ".tst.json"), (other, ".tst.json")):
        path.with_name(path.name + ending).write_bytes(b"")
    (archive / "nothing.tst").write_bytes(b"")
    found = folders.find([archive])
    stamps = {str(stamped): f"{stamped}.tst", str(other): f"{other}.tst.json"}
    assert {path: found.stamps[path] for path in found.paths if path in found.stamps} == stamps
    assert found.skipped == 5
    assert folders.find([stamped, other, named]).stamps == stamps
