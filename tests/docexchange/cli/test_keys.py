"""docexchange keys: making, asking for, importing, showing and checking keys."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from docexchange.cli import passphrase
from keys.certificates import load_pem
from keys.private import open_pem
from tests.office import Office
from tests.pki import AT, END, OTHER, P256

WORDS = "mật khẩu 271828"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words"
    path.touch(mode=0o600)
    path.write_text(WORDS + "\n")
    return path


@pytest.fixture
def p12(tmp_path: Path) -> Path:
    """The organ's key, its certificate, and both CAs, the root first."""
    organ = P256.organ("H05")
    path = tmp_path / "H05.p12"
    path.touch(mode=0o600)
    path.write_bytes(
        serialize_key_and_certificates(
            b"H05",
            organ.key,
            organ.certificate.x509,
            [P256.root.certificate.x509, P256.issuing.certificate.x509],
            BestAvailableEncryption(WORDS.encode()),
        )
    )
    return path


def typing(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """A person at a terminal who types the same to every hidden question."""
    asked: list[str] = []

    def prompt(question: str, *, hide_input: bool, **_: object) -> str:
        assert hide_input
        asked.append(question)
        return answer

    monkeypatch.setattr(passphrase.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(passphrase.typer, "prompt", prompt)
    return asked


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_generate(office: Office, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "k.pem"
    ran = office.bare("keys", "generate", "-o", path, "--type", kind, "--json")
    assert ran.code == 0
    assert ran.json["schema"] == "docexchange/keys-generate/v1"
    assert (ran.json["type"], ran.json["encrypted"]) == (kind, False)
    assert mode(path) == 0o600
    assert open_pem(path.read_bytes())
    assert "PRIVATE KEY" not in ran.out + ran.err


def test_generate_overwrites_only_when_asked(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    path.write_text("mine")
    ran = office.bare("keys", "generate", "-o", path, "--type", "p256")
    assert (ran.code, path.read_text()) == (5, "mine")
    assert office.bare("keys", "generate", "-o", path, "--type", "p256", "--force").code == 0
    assert mode(path) == 0o600


def test_generate_with_a_passphrase(
    office: Office, tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "k.pem"
    made = ("keys", "generate", "--type", "p256", "--force", "-o", path)
    assert office.bare(*made, "--passphrase-file", words).code == 0
    assert open_pem(path.read_bytes(), WORDS.encode())
    monkeypatch.setenv("WORDS", WORDS)
    assert office.bare(*made, "--passphrase-env", "WORDS").code == 0
    assert open_pem(path.read_bytes(), WORDS.encode())
    assert office.bare(*made, "--passphrase").code == 2  # no terminal
    assert office.bare(*made, "--passphrase-env", "WORDS", "--passphrase-file", words).code == 2
    monkeypatch.delenv("WORDS")
    assert office.bare(*made, "--passphrase-env", "WORDS").code == 78
    words.chmod(0o640)
    assert office.bare(*made, "--passphrase-file", words).code == 77
    asked = typing(monkeypatch, "typed")
    assert office.bare(*made, "--passphrase").code == 0
    assert open_pem(path.read_bytes(), b"typed")
    assert asked == [f"New passphrase of {path}"]


def test_request(office: Office, tmp_path: Path, words: Path) -> None:
    key, csr = tmp_path / "k.pem", tmp_path / "h.csr"
    office.bare("keys", "generate", "-o", key, "--type", "p256", "--passphrase-file", words)
    asked = ("keys", "request", "--key", key, "--name", "UBND tỉnh Bắc Ninh", "-o", csr)
    assert office.bare(*asked, "--organ", "H05").code == 1  # locked, and nobody to ask
    opened = (*asked, "--passphrase-file", words)
    assert office.bare(*opened, "--organ", "H05/..").code == 2
    ran = office.bare(*opened, "--organ", "H05", "--province", "Bắc Ninh", "--json")
    assert ran.code == 0
    assert "2.5.4.97=H05,O=UBND tỉnh Bắc Ninh,ST=Bắc Ninh" in ran.json["subject"]
    assert office.bare(*opened, "--organ", "H05").code == 5
    long = office.bare(*opened, "--organ", "H05", "--unit", "ư" * 40, "--force")
    assert long.code == 1
    assert "OU has 80 bytes" in long.err
    shown = office.bare("keys", "show", csr, "--json").json
    assert [one["organ_id"] for one in shown["requests"]] == ["H05"]
    assert "Own signature" in office.bare("keys", "show", csr).out
    key.chmod(0o644)
    assert office.bare(*opened, "--organ", "H05", "--force").code == 77


def test_import(office: Office, tmp_path: Path, words: Path, p12: Path) -> None:
    out = tmp_path / "new" / "H05"
    asked = ("keys", "import", p12, "-o", out)
    locked = office.bare(*asked)
    assert locked.code == 1
    assert "--passphrase-file" in locked.err
    ran = office.bare(*asked, "--passphrase-file", words)
    assert ran.code == 0
    assert "left out (a root" in ran.err
    assert load_pem((out / "chain.pem").read_bytes()) == P256.chain("H05")
    assert open_pem((out / "key.pem").read_bytes())
    assert mode(out / "key.pem") == mode(out / "chain.pem") == 0o600
    assert mode(out) == 0o700
    assert office.bare(*asked, "--passphrase-file", words).code == 5
    again = (*asked, "--passphrase-file", words, "--force", "--json")
    ran = office.bare(*again, "--key-passphrase-file", words)
    assert ran.json["encrypted"] is True
    assert open_pem((out / "key.pem").read_bytes(), WORDS.encode())
    p12.chmod(0o644)
    assert office.bare(*again).code == 77


def test_a_person_is_asked_for_the_passphrase(
    office: Office, tmp_path: Path, p12: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = typing(monkeypatch, WORDS)
    assert office.bare("keys", "import", p12, "-o", tmp_path / "new").code == 0
    checked = office.bare("keys", "check", "--pkcs12", p12)
    assert checked.code == 0
    assert asked == [f"Passphrase of {p12}"] * 2
    assert WORDS not in checked.out + checked.err


def test_show(office: Office, tmp_path: Path, words: Path, p12: Path) -> None:
    shown = office.bare("keys", "show", p12, "--passphrase-file", words, "--json").json
    assert [one["organ_id"] for one in shown["certificates"]] == ["H05", None, None]
    assert shown["certificates"][0]["key"] == "EC secp256r1"
    der = tmp_path / "leaf.cer"
    der.write_bytes(P256.chain("H05")[0].der)
    assert "H05" in office.bare("keys", "show", der).out
    folder = office.bare("keys", "show", tmp_path / "H05", "--json").json
    assert [Path(one["file"]).name for one in folder["files"]] == [
        "chain.pem",
        "docexchange.toml",
        "key.pem",
    ]
    assert folder["files"][1]["problem"].startswith("not PEM")
    assert folder["files"][2]["others"] == ["PRIVATE KEY"]
    (tmp_path / "H05/key.pem").chmod(0o644)
    text = office.bare("keys", "show", tmp_path / "H05")
    assert f"chmod 600 {tmp_path / 'H05/key.pem'}" in text.err
    locked = office.bare("keys", "show", tmp_path)
    assert "PKCS#12, PRIVATE KEY: not printed" in locked.out
    assert office.bare("keys", "show", tmp_path / "nowhere").code == 4
    (tmp_path / "none").mkdir()
    assert office.bare("keys", "show", tmp_path / "none").code == 4


def checks(office: Office, *arguments: str | Path) -> tuple[int, dict[str, bool]]:
    ran = office.bare("keys", "check", *arguments, "--json")
    return ran.code, {one["name"]: one["passed"] for one in ran.json["checks"]}


def test_check(office: Office, tmp_path: Path, words: Path, p12: Path) -> None:
    home, root = tmp_path / "H05", tmp_path / "root.pem"
    pair = ("--key", home / "key.pem", "--cert", home / "chain.pem")
    good = dict.fromkeys(("key", "strength", "usage", "validity", "organ", "path"), True)
    assert checks(office, *pair, "--organ", "H05", "--trust", root) == (0, good)
    locked = ("--pkcs12", p12, "--passphrase-file", words)
    assert checks(office, *locked, "--trust", root) == (0, good)
    assert checks(office, *pair, "--organ", "H13", "--trust", root) == (1, good | {"organ": False})
    other = tmp_path / "other.pem"
    other.write_bytes(OTHER.root.pem)
    assert checks(office, *pair, "--trust", other) == (1, good | {"path": False})
    wrong = ("--key", tmp_path / "H13/key.pem", "--cert", home / "chain.pem", "--trust", root)
    assert checks(office, *wrong) == (1, good | {"key": False})
    office.theatre.clock.advance(END - AT + timedelta(seconds=1))
    over = {"validity": False, "path": False}
    assert checks(office, *pair, "--trust", root) == (1, good | over)
    (home / "key.pem").chmod(0o604)
    assert office.bare("keys", "check", *pair).code == 77
    assert office.bare("keys", "check", "--key", home / "key.pem").code == 2


@pytest.mark.parametrize(
    ("variant", "failed"),
    [
        ("rsa1024", {"key", "strength"}),
        ("encipherment only", {"key", "usage"}),
        ("for servers", {"usage"}),
        ("not yet valid", {"validity"}),
    ],
)
def test_check_names_each_reason(
    office: Office, tmp_path: Path, variant: str, failed: set[str]
) -> None:
    issued = P256.organ("H05", variant)
    (tmp_path / "k.pem").touch(mode=0o600)
    (tmp_path / "k.pem").write_bytes(issued.key_pem)
    (tmp_path / "c.pem").write_bytes(P256.chain_pem("H05", variant))
    code, found = checks(office, "--key", tmp_path / "k.pem", "--cert", tmp_path / "c.pem")
    assert code == 1
    assert {name for name, passed in found.items() if not passed} == failed


def test_check_of_an_organ_in_the_config(office: Office, tmp_path: Path) -> None:
    ran = office.run("H05", "keys", "check", "--organ", "H05")
    assert ran.code == 0
    assert ran.out.count("✔") == 7
    assert "organizationIdentifier H05, under a CA that the directory names" in ran.out
    assert office.run("H05", "keys", "check", "--organ", "H13").code == 4


def test_expiring(office: Office, tmp_path: Path) -> None:
    assert office.run("H05", "keys", "expiring").code == 0
    soon = office.run("H05", "keys", "expiring", "--within", "366d", "--json")
    assert soon.code == 1
    assert [one["organ_id"] for one in soon.json["expiring"]] == ["H05"]
    assert soon.json["expiring"][0]["seconds_left"] == 365 * 86400
    assert soon.json["checked"] == 3
    assert "365 d" in office.run("H05", "keys", "expiring", "--within", "366d").out
    assert office.run("H05", "keys", "expiring", "--within", "soon").code == 2


def test_expiring_counts_files_and_the_directory(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "h13.pem"
    file.write_bytes(P256.chain_pem("H13"))
    ran = office.bare("keys", "expiring", file, "--within", "366d", "--json")
    assert [one["where"] for one in ran.json["expiring"]] == [str(file)]
    first, second = ("ab" * 32, "cd" * 32)
    directory = tmp_path / "directory.toml"
    listed = '[organs."G01"]\nname = "Bộ"\nnode = "G01"\ncertificates = [%s]\n'
    window = '{{ fingerprint = "{}", until = {} }}'
    both = [window.format(first, "2026-06-02"), window.format(second, "2026-06-20")]
    directory.write_text(directory.read_text() + listed % ", ".join(both))
    ran = office.run("H05", "keys", "expiring", "--json")
    assert [one["sha256"] for one in ran.json["expiring"]] == [second]  # the last one counts
    (tmp_path / "H05/chain.pem").unlink()
    ran = office.run("H05", "keys", "expiring", "--json")
    assert (ran.code, len(ran.json["problems"])) == (1, 1)
