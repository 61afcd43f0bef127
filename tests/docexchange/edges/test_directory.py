"""docexchange/edges/directory.py: which code is whose, and whose certificate speaks for whom."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from docexchange.core.errors import ConfigError
from docexchange.edges import directory as module
from docexchange.edges.directory import TomlDirectory
from docexchange.edges.tomlfile import FileError
from keys.certificates import Certificate, load_pem
from keys.demo_ca import demo_ca

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


@cache
def pki() -> dict[str, bytes]:
    organs = {"H05": "UBND tỉnh Bắc Ninh", "H01": "UBND tỉnh An Giang", "H99": "Không có"}
    return dict(demo_ca(organs, now=AT - timedelta(days=30), key="p256"))


def chain(organ: str) -> tuple[Certificate, ...]:
    """Leaf, issuing, root."""
    return (*load_pem(pki()[f"{organ}/chain.pem"]), *load_pem(pki()["root.pem"]))


def loaded(tmp_path: Path, text: str) -> TomlDirectory:
    path = tmp_path / "directory.toml"
    path.write_text(text, encoding="utf-8")
    return TomlDirectory.load(path)


def wrong(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(FileError) as caught:
        loaded(tmp_path, text)
    return [(one.line, one.key, one.en) for one in caught.value.problems]


WHO = """\
[organs.H05]
name = "UBND tỉnh Bắc Ninh"
node = "H05"
[organs."000.00.00.H05"]
name = "UBND tỉnh Bắc Ninh (mã cũ)"
node = "H05"
[organs."H05.12"]
name = "Sở Nội vụ Bắc Ninh"
node = "H05"
[organs."vxp.saas.03"]
name = "Đơn vị thử"
node = "H05"
[organs."28.22.H17"]
name = "Phường"
node = "H17"
[organs."H02.7"]
name = "Đã có mã riêng"
node = "H05"
[closed.H02]
name = "UBND tỉnh Bắc Giang"
successor = "H05"
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("H05", "H05"),
        ("000.00.00.H05", "000.00.00.H05"),
        ("H05.12", "H05.12"),
        ("H05.13", None),
        ("000.00.12.H05", None),
        ("vxp.saas.03", "vxp.saas.03"),
        ("28.22.H17", "28.22.H17"),
        ("H02", "H02"),
        ("H02.12", "H02"),
        ("H02.12.DN", "H02"),
        ("H02.7", "H02.7"),
        ("000.00.00.H02", "H02"),
        ("000.00.12.H02", "H02"),
        ("H021", None),
        ("H02.", None),
        ("H02..1", None),
        ("H02.a", None),
        ("h02", None),
        ("H02 ", None),
        ("H02\n", None),
        ("Н02", None),  # Cyrillic Н
        ("H0２", None),  # full-width 2
        ("00.00.H02", None),
        ("H02." + "1" * 31, "H02"),
        ("H02." + "1" * 32, None),  # 36 characters
        ("", None),
    ],
)
def test_codes(tmp_path: Path, code: str, found: str | None) -> None:
    organ = loaded(tmp_path, WHO).find(code)
    assert (organ.organ_id if organ else None) == found
    if found == "H02":
        assert organ is not None
        assert organ.closed
        assert organ.successor == "H05"


def test_sha256_is_of_the_bytes(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, "").sha256
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def listed(organ: str, more: str = "", window: str = "") -> str:
    fingerprint = chain(organ)[0].fingerprint
    return f"""
[organs."{organ}"]
name = "x"
node = "n"
certificates = [{{ fingerprint = "{fingerprint}"{window} }}]
{more}
"""


def test_a_listed_certificate_speaks_for_its_organ_only(tmp_path: Path) -> None:
    directory = loaded(tmp_path, listed("H05") + listed("H01"))
    assert directory.speaks_for("H05", chain("H05"), AT) == (True, "listed for H05")
    assert directory.speaks_for("H05", chain("H01"), AT) == (
        False,
        "the certificate is listed for H01, not for H05",
    )


def test_an_old_code_may_list_the_same_certificate(tmp_path: Path) -> None:
    old = listed("H05").replace('"H05"', '"000.00.00.H05"')
    directory = loaded(tmp_path, listed("H05") + old)
    for code in ("H05", "000.00.00.H05"):
        assert directory.speaks_for(code, chain("H05"), AT)[0] is True
    answer, why = directory.speaks_for("H01", chain("H05"), AT)
    assert answer is False
    assert why == "the certificate is listed for H05, 000.00.00.H05, not for H01"


@pytest.mark.parametrize(
    ("window", "answer", "why"),
    [
        (", from = 2026-11-22, until = 2026-11-23", True, "listed for H05"),
        (", from = 2026-11-22T15:00:00+07:00", True, "listed for H05"),
        (", from = 2026-11-22T15:00:01+07:00", False, "only from 2026-11-22 08:00Z"),
        (", until = 2026-11-22T15:00:01+07:00", True, "listed for H05"),
        (", until = 2026-11-22T15:00:00+07:00", False, "only until 2026-11-22 08:00Z"),
    ],
)
def test_a_listing_holds_in_its_window(tmp_path: Path, window: str, answer: bool, why: str) -> None:
    found, reason = loaded(tmp_path, listed("H05", window=window)).speaks_for(
        "H05", chain("H05"), AT
    )
    assert found is answer
    assert reason.endswith(why)


def by_subject(organ: str, issuer: str) -> str:
    fingerprint = load_pem(pki()[issuer])[0].fingerprint
    return f"""
[organs."{organ}"]
name = "x"
node = "n"
subject_rule = true
issuers = ["{fingerprint}"]
"""


@pytest.mark.parametrize("issuer", ["issuing.pem", "root.pem"])
def test_the_subject_rule_under_a_named_issuer(tmp_path: Path, issuer: str) -> None:
    directory = loaded(tmp_path, by_subject("H05", issuer) + by_subject("H01", issuer))
    assert directory.speaks_for("H05", chain("H05"), AT)[0] is True
    assert directory.speaks_for("H05", chain("H01"), AT) == (
        False,
        "the certificate names H01 as its organ, not H05",
    )


def test_the_subject_rule_under_another_issuer_binds_nothing(tmp_path: Path) -> None:
    stranger = f'issuers = ["{"0" * 64}"]'
    text = by_subject("H05", "root.pem")
    other = "\n".join(stranger if line.startswith("issuers") else line for line in text.split("\n"))
    answer, why = loaded(tmp_path, other).speaks_for("H05", chain("H05"), AT)
    assert answer is None
    assert why.startswith("the directory binds no such certificate: H05")


def test_a_leaf_is_not_its_own_issuer(tmp_path: Path) -> None:
    text = f"""
[organs.H05]
name = "x"
node = "n"
subject_rule = true
issuers = ["{chain("H05")[0].fingerprint}"]
"""
    assert loaded(tmp_path, text).speaks_for("H05", chain("H05"), AT)[0] is None


def test_an_unlisted_organ_has_no_binding(tmp_path: Path) -> None:
    answer, why = loaded(tmp_path, listed("H05")).speaks_for("H99", chain("H99"), AT)
    assert answer is None
    assert why == "the directory binds no such certificate: H99 is not listed"


def test_a_listing_needs_no_name_in_the_certificate(tmp_path: Path) -> None:
    """The fingerprint decides, even where the certificate names another organ."""
    text = listed("H05").replace('"H05"', '"H07"') + by_subject("H05", "root.pem")
    directory = loaded(tmp_path, text)
    assert directory.speaks_for("H07", chain("H05"), AT)[0] is True


CYRILLIC = (
    "is not an organ's code: character 1 is U+041D CYRILLIC CAPITAL LETTER EN, which only looks "
    "like H; codes have A-Z 0-9 and dots, at most 35 characters: type it again"
)


def test_every_problem_of_the_file_is_told(tmp_path: Path) -> None:
    text = """\
[organs.H05]
nme = "UBND tỉnh Bắc Ninh"
node = "H 05"
certificates = [
  { fingerprint = "AB" },
  { from = 2026-01-02, until = 2026-01-01 },
]
[organs.H01]
name = "x"
node = "n"
subject_rule = true
[organs."H01/../x"]
name = "x"
node = "n"
[closed.H01]
sucessor = "H05"
[closed.H02]
name = "x"
successor = "Н05"
[organs."Н05"]
name = "x"
node = "n"
[clsed.H03]
"""
    assert wrong(tmp_path, text) == [
        (1, "organs.H05.name", "is missing"),
        (2, "organs.H05.nme", 'is not a setting; did you mean "name"?'),
        (3, "organs.H05.node", '"H 05" is wrong; write A-Z a-z 0-9 _ -'),
        (4, "organs.H05.certificates[1].fingerprint", '"AB" is wrong; write SHA-256, 64 × 0-9 a-f'),
        (4, "organs.H05.certificates[2].fingerprint", "is missing"),
        (4, "organs.H05.certificates[2].until", "is not after from"),
        (
            11,
            "organs.H01.subject_rule",
            "needs issuers, the CAs under which the name in a certificate is believed",
        ),
        (
            12,
            'organs."H01/../x"',
            "is not an organ's code: character 4 is U+002F SOLIDUS; codes have A-Z 0-9 and dots, "
            "at most 35 characters: type it again",
        ),
        (15, "closed.H01.name", "is missing"),
        (15, "closed.H01", "is also listed under [organs]"),
        (16, "closed.H01.sucessor", 'is not a setting; did you mean "successor"?'),
        (19, "closed.H02.successor", CYRILLIC),
        (20, 'organs."Н05"', CYRILLIC),
        (23, "clsed", 'is not a setting; did you mean "closed"?'),
    ]


def test_a_file_that_is_too_large_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DIRECTORY_BYTES", len(WHO.encode()) - 1)
    with pytest.raises(ConfigError, match="over"):
        loaded(tmp_path, WHO)
    monkeypatch.setattr(module, "DIRECTORY_BYTES", len(WHO.encode()))
    assert loaded(tmp_path, WHO).find("H05") is not None


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        TomlDirectory.load(tmp_path / "nowhere.toml")
