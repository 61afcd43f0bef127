"""Nodes whose organ signs through another kind of key; and that no secret is ever told."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from docexchange.core.states import State
from docexchange.edges.keyring import OrganKeyring
from keys.private import key_pem
from tests.office import Office
from tests.pki import AT, P256
from tests.softhsm import LABEL, PIN, Token, softhsm

SECRET = "mat-khau-271828"


def sign_with(office: Office, lines: str) -> None:
    """Let H05 sign with another key: the lines take the place of key and chain."""
    config = office.folder / "H05/docexchange.toml"
    text = config.read_text()
    config.write_text(text.replace('key = "key.pem"\nchain = "chain.pem"\n', lines))


def private(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def locked_pem(office: Office) -> str:
    home = office.folder / "H05"
    private(home / "key.pem", key_pem(P256.organ("H05").key, SECRET.encode()))
    return 'key = "key.pem"\nchain = "chain.pem"\npassphrase_file = "words"\n'


def locked_pkcs12(office: Office) -> str:
    organ = P256.organ("H05")
    data = serialize_key_and_certificates(
        None,
        organ.key,
        organ.certificate.x509,
        [P256.issuing.certificate.x509],
        BestAvailableEncryption(SECRET.encode()),
    )
    private(office.folder / "H05/H05.p12", data)
    return 'pkcs12 = "H05.p12"\npassphrase_env = "H05_WORDS"\nalgorithm = "ecdsa-sha256"\n'


def on_token(hsm: Token) -> str:
    return (
        f'[organs."H05".pkcs11]\nmodule = "{hsm.module}"\ntoken = "{LABEL}"\nkey = "p256"\n'
        f'pin_file = "{hsm.folder}/pin"\nsessions = 2\n'
    )


def everything_told(office: Office, *also: str) -> str:
    """Each file of the node but its secrets, as text; and what commands said."""
    files = [path for path in office.folder.rglob("*") if path.is_file()]
    told = [*also, *(_text(path) for path in files if path.name not in ("words", "pin"))]
    store = sqlite3.connect(office.folder / "H05.sqlite3")
    told += ["\n".join(store.iterdump())]
    store.close()
    return "\n".join(told)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def play(office: Office, tmp_path: Path) -> str:
    """config check, send, settle, track; returns what the commands said."""
    checked = office.run("H05", "config", "check")
    assert (checked.code, checked.out.count("✖")) == (0, 0), checked.out + checked.err
    keys = office.run("H05", "keys", "check", "--organ", "H05")
    assert keys.code == 0, keys.out
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 nothing")
    sent = office.run(
        *("H05", "send", tmp_path / "a.pdf", "--to", "H01", "--number", "98", "--from", "H05"),
        *("--notation", "QĐ-UBND", "--subject", "Thử", "--json"),
    )
    assert sent.code == 0, sent.err
    office.settle()
    [delivery] = office.run("H05", "track", "98/QĐ-UBND", "--json").json["deliveries"]
    assert delivery["state"] == State.ACKNOWLEDGED.value
    said = [checked, keys, sent, office.run("H05", "keys", "expiring", "-v")]
    return "".join(ran.out + ran.err for ran in said)


def test_a_node_with_a_locked_key(office: Office, tmp_path: Path) -> None:
    private(office.folder / "H05/words", SECRET.encode() + b"\n")
    sign_with(office, locked_pem(office))
    assert SECRET not in everything_told(office, play(office, tmp_path))


def test_a_node_with_a_pkcs12_file(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("H05_WORDS", SECRET)
    sign_with(office, locked_pkcs12(office))
    assert SECRET not in everything_told(office, play(office, tmp_path))


@pytest.mark.independent
def test_a_node_with_a_token(office: Office, tmp_path: Path) -> None:
    hsm = softhsm()
    sign_with(office, on_token(hsm))
    assert PIN not in everything_told(office, play(office, tmp_path))


@pytest.mark.independent
def test_receipts_of_a_token_are_believed(office: Office, tmp_path: Path) -> None:
    """H05 receives: its 01 is signed by the token, beside the event loop."""
    node = office.theatre.nodes["H05"]
    keyring = OrganKeyring.load({"H05": softhsm().source(sessions=2)}, AT)
    node.world = replace(node.world, keyring=keyring)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 nothing")
    for number in ("1", "2", "3"):
        sent = office.run(
            *("H13", "send", tmp_path / "a.pdf", "--to", "H05", "--number", number),
            *("--from", "H13", "--notation", "QĐ-UBND", "--subject", "Thử"),
        )
        assert sent.code == 0, sent.err
    office.settle()
    for number in ("1", "2", "3"):
        tracked = office.run("H13", "track", f"{number}/QĐ-UBND", "--json").json
        assert [one["state"] for one in tracked["deliveries"]] == [State.ACKNOWLEDGED.value]


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("secret", [SECRET, "sai-mat-khau"])
def test_what_goes_wrong_never_tells_the_secret(
    office: Office, lang: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.lang = lang
    home = office.folder / "H05"
    monkeypatch.setenv("H05_WORDS", secret)
    private(home / "words", secret.encode())
    said = ""
    for lines in (locked_pem(office), locked_pkcs12(office)):
        config = (home / "docexchange.toml").read_text()
        sign_with(office, lines)
        for command in (
            ["config", "check"],
            ["keys", "check", "--organ", "H05"],
            ["keys", "expiring"],
        ):
            ran = office.run("H05", "-v", *command)
            opens = secret == SECRET or (command[1] == "expiring" and lines.startswith("key ="))
            assert (ran.code == 0) == opens, ran.out + ran.err
            said += ran.out + ran.err
        (home / "docexchange.toml").write_text(config)
    (home / "words").chmod(0o644)
    sign_with(office, locked_pem(office))
    assert office.run("H05", "config", "check").code == 77
    assert secret not in said


@pytest.mark.independent
@pytest.mark.parametrize("command", [["config", "check"], ["keys", "check", "--organ", "H05"]])
def test_a_wrong_pin_is_told_without_it(office: Office, tmp_path: Path, command: list[str]) -> None:
    hsm = softhsm()
    wrong = private(tmp_path / "pin-sai", b"999999\n")
    lines = on_token(hsm).replace(f"{hsm.folder}/pin", str(wrong)).replace(LABEL, "shut")
    sign_with(office, lines)
    ran = office.run("H05", *command)
    assert ran.code == (78 if command[0] == "config" else 1)
    assert "the PIN is wrong; it is not tried again" in ran.out
    assert "999999" not in ran.out + ran.err


@pytest.mark.independent
def test_another_key_on_the_token_is_told(office: Office) -> None:
    lines = on_token(softhsm()).replace('"p256"', '"no certificate"')
    sign_with(office, 'chain = "chain.pem"\n' + lines)
    ran = office.run("H05", "config", "check")
    assert ran.code == 78, ran.out
    assert "a trial signature does not verify" in ran.out
