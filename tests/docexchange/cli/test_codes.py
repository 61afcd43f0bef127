"""`docexchange codes`, and what `send` does with codes, types and secrecy."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.office import Office, Ran


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "qd.pdf"
    path.write_bytes(b"%PDF-1.7 quyet dinh")
    return path


def send(office: Office, pdf: Path, *more: str) -> Ran:
    return office.run(
        *("H05", "send", pdf, "--from", "H05", "--number", "98", "--notation", "QĐ-UBND"),
        *("--subject", "Ban hành Quy chế", *more),
    )


def test_what_is_h02_now(office: Office) -> None:
    ran = office.bare("codes", "show", "H02")
    assert ran.code == 0
    assert "UBND Bắc Giang" in ran.out
    assert "closed, merged · since 01/07/2025 · believed, no text at hand" in ran.out
    assert "H05 UBND Bắc Ninh" in ran.out
    below = office.bare("codes", "show", "000.00.12.H02")
    assert "000.00.12.H02 · below H02 · UBND Bắc Giang" in below.out
    office.lang = "vi"
    assert "Bây giờ là  H05 UBND Bắc Ninh" in office.bare("codes", "show", "H02").out


@pytest.mark.parametrize(
    ("code", "exit_code", "says"),
    [
        ("H05.12", 0, ""),
        ("H99", 4, "does not have it"),
        ("28.22.H17", 4, "neither of QĐ 20/2020"),
        ("h05", 4, "H05?"),
        ("Н05", 1, "<U+041D>05: not an organ's code: character 1 is U+041D CYRILLIC"),
        ("", 1, "empty"),
    ],
)
def test_show(office: Office, code: str, exit_code: int, says: str) -> None:
    ran = office.bare("codes", "show", code)
    assert (ran.code, bool(ran.out)) == (exit_code, exit_code == 0)
    assert says in ran.err
    machine = office.bare("codes", "show", code, "--json")
    assert machine.code == exit_code
    assert machine.json["schema"] == "docexchange/codes-show/v1"
    assert machine.json["is_code"] is (exit_code != 1)
    assert (machine.json["level_one"] is not None) is (exit_code == 0)


def test_list(office: Office) -> None:
    every = office.bare("codes", "list", "--json").json["codes"]
    assert len(every) == 202
    closed = office.bare("codes", "list", "--status", "closed", "--block", "h", "--json").json
    assert len(closed["codes"]) == 29
    assert closed["codes"][0] == {
        "code": "H02",
        "name": "UBND Bắc Giang",
        "status": "merged",
        "active": False,
        "since": "2025-07-01",
        "status_by": "believed",
        "successor": "H05",
        "successor_by": "believed",
        "source": "QĐ 20/2020/QĐ-TTg App I; QĐ 09/2025/QĐ-TTg Art 2.2a; mergers: NQ 202/2025/QH15",
    }
    assert "G04   Bộ Giao thông vận tải" in office.bare("codes", "list", "--block", "G").out
    assert "no such code" in office.bare("codes", "list", "--block", "X").err


def test_types(office: Office) -> None:
    ran = office.bare("codes", "types")
    assert len(ran.out.splitlines()) == 30
    assert "Quyết định       QĐ            02" in ran.out
    assert len(office.bare("codes", "types", "--json").json["types"]) == 38


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("H03", "[E-RTE-002]: H03 (UBND Bắc Kạn) is closed; send it to H55 (UBND Thái Nguyên)"),
        ("H01,Н13", "[E-FMT-016]: <U+041D>13: character 1 is U+041D CYRILLIC CAPITAL LETTER EN"),
        ("h01", "[E-RTE-001]: h01: has small letters; codes have capitals: H01?"),
    ],
)
def test_send_to_what_cannot_be_sent_to(office: Office, pdf: Path, to: str, says: str) -> None:
    ran = send(office, pdf, "--to", to)
    assert ran.code == 5
    assert says in ran.err
    assert office.run("H05", "list", "--json").json["documents"] == []


def test_send_from_what_only_looks_like_us(office: Office, pdf: Path) -> None:
    ran = send(office, pdf, "--to", "H01", "--from", "Н05")
    assert ran.code == 5
    assert "(MessageHeader/From/OrganId)" in ran.err


@pytest.mark.parametrize(
    ("given", "name", "says"),
    [
        ("QĐ", "Quyết định", ""),
        ("quyet dinh", "Quyết định", ""),
        ("Quyết định", "Quyết định", ""),
        (unicodedata.normalize("NFD", "Công văn"), "Công văn", ""),
        ("Thông tư", "Thông tư", ""),
        ("quyet dihn", "quyet dihn", "did you mean Quyết định (QĐ), Quy định (QyĐ)?"),
        ("hd", "hd", "did you mean Hướng dẫn (HD), Hợp đồng (HĐ)?"),
        ("xyz", "xyz", "--type xyz is not of the list"),
    ],
)
def test_type(office: Office, pdf: Path, tmp_path: Path, given: str, name: str, says: str) -> None:
    ran = send(office, pdf, "--to", "H01", "--type", given)
    assert ran.code == 0
    assert says in ran.err
    assert ("warning" in ran.err) is bool(says)
    office.run("H05", "export", "98/QĐ-UBND", "-o", tmp_path / "out")
    data = (tmp_path / "out" / "98_QĐ-UBND.edxml").read_text(encoding="utf-8")
    assert f"<edXML:TypeName>{name}</edXML:TypeName>" in data


@pytest.mark.parametrize("level", ["MẬT", "Tối mật", "gì đó"])
def test_secrecy_is_refused_before_any_file_is_opened(office: Office, level: str) -> None:
    office.lang = "vi"
    nowhere = Path("/nowhere/at/all.pdf")
    ran = send(office, nowhere, "--to", "H01", "--secrecy", level)
    assert ran.code == 5
    assert "[E-SEC-001]" in ran.err
    assert "QĐ 28/2018/QĐ-TTg Điều 1 khoản 2" in ran.err
    assert "gửi theo quy định về bảo vệ bí mật nhà nước" in ran.err


def test_a_type_that_is_a_classification_is_refused_without_a_guess(
    office: Office, pdf: Path
) -> None:
    ran = send(office, pdf, "--to", "H01", "--type", "Tối mật")
    assert ran.code == 5
    assert "[E-SEC-001]" in ran.err
    assert "did you mean" not in ran.err


def test_a_word_in_the_subject_warns_only(office: Office, pdf: Path) -> None:
    ran = send(office, pdf, "--to", "H01", "--subject", "Kế hoạch (TỐI MẬT)")
    assert ran.code == 0
    assert "[W-SEC-001]" in ran.err
    assert "[W-SEC-001]" not in send(office, pdf, "--to", "H13", "--number", "99").err


def test_a_number_in_nfd_is_the_same_document(office: Office, pdf: Path) -> None:
    first = send(office, pdf, "--to", "H01")
    notation = unicodedata.normalize("NFD", "QĐ-UBND Ủy ban")
    again = send(office, pdf, "--to", "H01", "--notation", notation)
    composed = send(office, pdf, "--to", "H01", "--notation", "QĐ-UBND Ủy ban")
    assert first.out != again.out
    assert again.out == composed.out


def test_pack_refuses_a_secret_too(office: Office, pdf: Path, tmp_path: Path) -> None:
    home = office.folder / "H05"
    ran = office.bare(
        *("pack", pdf, "--from", "H05", "--to", "H01", "--number", "1", "--notation", "CV"),
        *("--subject", "x", "--type", "Mật", "--key", home / "key.pem"),
        *("--cert", home / "chain.pem", "-o", tmp_path / "out.edxml"),
    )
    assert ran.code == 5
    assert "[E-SEC-001]" in ran.err
    assert not (tmp_path / "out.edxml").exists()
