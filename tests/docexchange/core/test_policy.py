"""docexchange/core/policy.py: who may be sent to; the directory before the list of decrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from docexchange.core.errors import SubmissionRefused
from docexchange.core.policy import Limits, check_recipients, check_sender
from docexchange.edges.directory import TomlDirectory
from docexchange.edges.tomlfile import TomlFile

HERE = """\
[organs.H05]
name = "Bắc Ninh"
node = "H05"
[organs."vxp.saas.03"]
name = "Đơn vị thử"
node = "H05"
[organs.H09]
name = "Một mã còn dùng ở đây"
node = "H05"
[organs."H07.12"]
name = "Sở còn mã cũ"
node = "H05"
[closed.H02]
name = "Bắc Giang theo danh mục"
successor = "H77"
[closed.H26]
name = "Đóng ở đây thôi"
"""


def directory() -> TomlDirectory:
    return TomlDirectory(TomlFile(Path("directory.toml"), HERE.encode()), "0" * 64)


def refused(*recipients: str) -> SubmissionRefused:
    with pytest.raises(SubmissionRefused) as caught:
        check_recipients(recipients, directory(), Limits())
    return caught.value


@pytest.mark.parametrize("code", ["H05", "vxp.saas.03", "H09", "H07.12"])
def test_whoever_the_directory_lists_may_be_sent_to(code: str) -> None:
    check_recipients((code,), directory(), Limits())


@pytest.mark.parametrize(
    ("code", "problem", "says"),
    [
        # closed by the list that comes with us; the directory is silent
        ("H03", "E-RTE-002", "H03 (UBND Bắc Kạn) is closed; send it to H55 (UBND Thái Nguyên)"),
        ("H03.12", "E-RTE-002", "send it to H55"),
        ("000.00.12.H03", "E-RTE-002", "send it to H55"),
        ("K04", "E-RTE-002", "send it to K12"),
        ("G04", "E-RTE-002", "send it to G17 (Bộ Xây dựng)"),
        ("G24.1", "E-RTE-002", "no successor is known"),
        ("H07", "E-RTE-002", "send it to H61"),
        # the directory counts more
        ("H02", "E-RTE-002", "H02 (Bắc Giang theo danh mục) is closed; send it to H77"),
        ("H26", "E-RTE-002", "no successor is known"),
        ("H09.12", "E-RTE-001", "H09.12"),
        # unknown
        ("H01", "E-RTE-001", "H01: check the code"),
        ("H99", "E-RTE-001", "H99"),
        ("h05", "E-RTE-001", "has small letters; codes have capitals: H05?"),
        ("28.22.H17", "E-RTE-001", "neither of QĐ 20/2020"),
        # no code at all
        ("Н05", "E-FMT-016", "<U+041D>05: character 1 is U+041D CYRILLIC CAPITAL LETTER EN"),
        ("H05\u200b", "E-FMT-016", "U+200B ZERO WIDTH SPACE"),
        ("H0５", "E-FMT-016", "U+FF15 FULLWIDTH DIGIT FIVE"),
        ("null", "E-FMT-016", "the word null"),
        ("", "E-FMT-016", "-: the code is empty"),
        ("H05, H09", "E-FMT-016", "U+002C COMMA"),
    ],
)
def test_others_are_refused(code: str, problem: str, says: str) -> None:
    found = refused(code)
    assert found.code == problem
    assert says in found.detail_en
    assert found.detail
    assert found.pointer == "MessageHeader/To/OrganId"


def test_the_one_at_fault_is_pointed_at() -> None:
    assert refused("H05", "H09", "Н05").pointer == "MessageHeader/To[3]/OrganId"


def test_an_endless_text_is_not_repeated() -> None:
    assert len(refused("ă" * 1_000_000).detail) < 500


def test_the_sender_too() -> None:
    check_sender("000.00.00.H05")
    with pytest.raises(SubmissionRefused) as caught:
        check_sender("H0٥")
    assert (caught.value.code, caught.value.pointer) == (
        "E-FMT-016",
        "MessageHeader/From/OrganId",
    )
    assert "ARABIC-INDIC DIGIT FIVE" in caught.value.detail
