"""`docexchange extract`, `inbox save`: hostile names, links, bombs; what was verified is said."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from envelopes import edxml
from envelopes.model import Attachment, Document
from envelopes.pack import new_document, pack
from tests.docexchange.cli.test_files import everything
from tests.envelopes.attachments.archives import office as word
from tests.envelopes.attachments.archives import packed
from tests.letters import document, letter, sign_raw, status
from tests.office import Office
from tests.pki import AT, P256
from tests.samples import FOLDER

PDF = b"%PDF-1.7 x"
HOSTILE = (
    *("../../etc/cron.d/x", "/etc/passwd", "..\\..\\x.pdf", "C:\\x.pdf", "CON", "a\tb.pdf"),
    *("x" * 4096 + ".pdf", ".", "", "-rf", "x/../../y", "%2e%2e%2f", "a\nb", "cv\u202efdp.exe"),
    *(".bashrc", "Nghệ.pdf", "Nghe\u0323\u0302.pdf", "NGHỆ.pdf", "nul.txt", "a:b.pdf", "link.pdf"),
)


def made(*files: tuple[str, bytes]) -> Document:
    return document(files=list(files))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(P256.root.pem)
    return path


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "in.edxml"
    path.write_bytes(data)
    return path


def test_it_says_that_nothing_was_verified(office: Office, tmp_path: Path) -> None:
    path, out = put(tmp_path, letter()), tmp_path / "out"
    ran = office.bare("extract", path, "-o", out)
    assert ran.code == 0
    assert "The signature was NOT checked" in ran.err
    content = document().attachments[0].content
    assert everything(out) == {"quy-che.pdf": content}
    assert hashlib.sha256(content).hexdigest() in ran.out
    office.lang = "vi"
    again = office.bare("extract", path, "-o", out)
    assert again.code == 5
    assert "quy-che.pdf đã có sẵn" in again.err
    assert "CHƯA kiểm tra chữ ký" in office.bare("extract", path, "-o", out, "--force").err


def test_with_trust_it_verifies_first(office: Office, tmp_path: Path, root: Path) -> None:
    path, out = put(tmp_path, letter()), tmp_path / "out"
    ran = office.bare("extract", path, "-o", out, "--trust", root, "--json")
    assert ran.code == 0
    assert "TOTAL-PASSED" in ran.err
    assert (ran.json["verified"], ran.json["indication"]) == (True, "TOTAL-PASSED")
    (row,) = ran.json["attachments"]
    assert (row["path"], row["type"]) == (str(out / "quy-che.pdf"), "pdf")
    assert row["sha256"] == row["sha256_in_envelope"]


@pytest.mark.parametrize(
    ("data", "code", "verdict"),
    [
        (letter().replace(b"Quy ch", b"Qui ch"), 1, "TOTAL-FAILED"),
        (edxml.write(document()), 1, "TOTAL-FAILED"),
        (sign_raw(document(), at=AT.replace(year=2027)), 3, "INDETERMINATE"),
    ],
)
def test_what_is_not_passed_is_not_extracted(
    office: Office, tmp_path: Path, root: Path, data: bytes, code: int, verdict: str
) -> None:
    path, out = put(tmp_path, data), tmp_path / "out"
    ran = office.bare("extract", path, "-o", out, "--trust", root)
    assert (ran.code, ran.out) == (code, "")
    assert verdict in ran.err
    assert "no file was written (--even-unverified)" in ran.err
    assert not out.exists()
    asked = office.bare("extract", path, "-o", out, "--trust", root, "--even-unverified", "--json")
    assert (asked.code, asked.json["indication"]) == (code, verdict)
    assert list(everything(out)) == ["quy-che.pdf"]


def test_hostile_names_and_links_stay_in_the_folder(office: Office, tmp_path: Path) -> None:
    world, out = tmp_path / "world", tmp_path / "world" / "out"
    out.mkdir(parents=True)
    (world / "mine.txt").write_bytes(b"mine")
    (out / "link.pdf").symlink_to(world / "mine.txt")
    path = put(tmp_path, edxml.write(made(*((name, PDF) for name in HOSTILE))))
    assert office.bare("extract", path, "-o", out).code == 5
    assert everything(world) == {"mine.txt": b"mine", "out/link.pdf": str(world / "mine.txt")}
    ran = office.bare("extract", path, "-o", out, "--force", "--json")
    assert ran.code == 0
    written = everything(world)
    assert written.pop("mine.txt") == b"mine"
    assert len(written) == len(HOSTILE)
    assert set(written.values()) == {PDF}
    assert {Path(name).parent for name in written} == {Path("out")}
    names = [Path(row["path"]).name for row in ran.json["attachments"]]
    assert names[-6:] == [
        *("Nghệ.pdf", "Nghệ (2).pdf", "NGHỆ (3).pdf", "_nul.txt", "b.pdf", "link.pdf")
    ]
    assert ran.json["attachments"][0]["original_name"] == HOSTILE[0]
    table = office.bare("extract", path, "-o", out, "--force").out
    assert len(table.splitlines()) == len(HOSTILE) + 1
    assert "\u202e" not in table


def test_wrapped_files_bombs_and_programs(office: Office, tmp_path: Path) -> None:
    sheet = word("xl/workbook.xml")
    bomb = packed({"x": b"\0" * (2 * 1024 * 1024)})
    path = put(
        tmp_path,
        edxml.write(
            made(
                ("Bảng.xlsx", packed({"4f1c.xlsx": sheet})),
                ("bom.doc", bomb),
                ("cv.pdf", b"MZ" + bytes(62)),
                ("hồ sơ.zip", packed({"a": PDF, "b": PDF})),
            )
        ),
    )
    ran = office.bare("extract", path, "-o", tmp_path / "out")
    assert ran.code == 3  # one was left wrapped
    assert "taken out of its zip" in ran.out
    assert "left in its zip: inflates beyond measure (a zip bomb)" in ran.out
    assert "DANGER: opening it may run code; its ending does not fit the content (exe)" in ran.out
    written = everything(tmp_path / "out")
    assert (written["Bảng.xlsx"], written["bom.doc"]) == (sheet, bomb)
    assert all(not path.stat().st_mode & 0o111 for path in (tmp_path / "out").iterdir())


def test_usage_and_what_has_no_attachments(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = office.bare("extract", put(tmp_path, letter()), "-o", out, "--even-unverified")
    assert ran.code == 2
    assert "go with --trust" in ran.err
    ran = office.bare("extract", put(tmp_path, edxml.write(status())), "-o", out)
    assert (ran.code, "no attachments" in ran.err) == (0, True)
    assert office.bare("extract", put(tmp_path, b"no xml"), "-o", out).code == 1
    assert office.bare("extract", tmp_path / "nowhere", "-o", out).code == 4
    assert not out.exists()


def test_inbox_save_unwraps_and_follows_no_link(office: Office, tmp_path: Path) -> None:
    made = replace(
        new_document(
            sender="H05",
            to={"H01": ""},
            number="7",
            notation="CV",
            subject="x",
            date=AT.date(),
            files=[("../Bảng.doc", packed({"x": PDF}))],
        )
    )
    attachment: Attachment = made.attachments[0]
    assert attachment.name == "../Bảng.doc"
    path = put(tmp_path, edxml.write(made))
    assert office.run("H05", "send", "--from-xml", path).code == 0
    office.settle()
    out, mine = tmp_path / "out", tmp_path / "mine"
    out.mkdir()
    mine.write_bytes(b"mine")
    (out / "7_CV-1-Bảng.doc").symlink_to(mine)
    assert office.run("H01", "inbox", "save", "7/CV", "-o", out).code == 5
    assert list(everything(out)) == ["7_CV-1-Bảng.doc"]
    ran = office.run("H01", "inbox", "save", "7/CV", "-o", out, "--force")
    assert ran.code == 0
    assert "taken out of its zip; its ending does not fit the content (pdf)" in ran.err
    assert everything(out)["7_CV-1-Bảng.doc"] == PDF
    assert mine.read_bytes() == b"mine"


def test_a_real_one(office: Office, tmp_path: Path) -> None:
    path = FOLDER / "quangchuit" / "edoc_new.edxml"
    if not path.exists():
        pytest.skip("no ../shared/samples beside the project")
    ran = office.bare("extract", path, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "taken out of its zip; its ending does not fit the content (xml)" in ran.out


def test_what_is_too_large_for_memory_is_copied(office: Office, tmp_path: Path, root: Path) -> None:
    large = PDF + bytes(17 * 1024 * 1024)
    wrapped = packed({"a.pdf": bytes(1024)}) + bytes(17 * 1024 * 1024)
    files = [("to.pdf", large), ("to.docx", wrapped), ("goi.pdf", wrapped), ("nho.pdf", PDF)]
    data = pack(made(*files), P256.signer("H05"), signing_time=AT)
    path, out = put(tmp_path, data), tmp_path / "out"
    ran = office.bare("extract", path, "-o", out, "--trust", root, "--json")
    assert ran.code == 3  # one wrapping was left
    assert everything(out) == dict(files)
    rows = {row["name"]: row for row in ran.json["attachments"]}
    assert rows["to.pdf"]["size"] == len(large)
    assert rows["to.pdf"]["sha256"] == hashlib.sha256(large).hexdigest()
    assert rows["to.pdf"]["remarks"] == rows["to.docx"]["remarks"] == []
    assert rows["goi.pdf"]["remarks"] == ["LEFT_WRAPPED"]
