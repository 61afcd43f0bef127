"""docexchange/edges/keyring.py and files.py: who may reach a key, and which certificates
are anchors."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from docexchange.core.errors import ConfigError, NotFound, PermissionRefused
from docexchange.edges.anchors import load_trust
from docexchange.edges.files import read_private
from docexchange.edges.keyring import OrganKeyring, is_demo, open_signer
from docexchange.edges.keysource import PemKey, Secret
from keys.demo_ca import demo_ca

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


@cache
def pki() -> dict[str, bytes]:
    return dict(demo_ca({"H05": "Bắc Ninh", "H01": "An Giang"}, now=AT, key="p256"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in pki().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600 if "key" in name else 0o644)
    return tmp_path


def files(folder: Path, organ: str = "H05", passphrase: Path | None = None) -> PemKey:
    return PemKey(folder / organ / "key.pem", folder / organ / "chain.pem", Secret(passphrase))


def test_a_key_only_we_can_read_is_opened(folder: Path) -> None:
    signer = open_signer(files(folder), AT)
    assert signer.chain[0].organ_id == "H05"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o444])
def test_a_key_others_can_reach_is_refused(folder: Path, mode: int) -> None:
    path = files(folder).key
    path.chmod(mode)
    with pytest.raises(PermissionRefused) as caught:
        open_signer(files(folder), AT)
    assert f"{path}: mode {mode:04o}" in str(caught.value)
    assert f"chmod 600 {path}" in str(caught.value)
    assert f"chmod 600 {path}" in caught.value.vi


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_modes_that_are_good(folder: Path, mode: int) -> None:
    files(folder).key.chmod(mode)
    assert open_signer(files(folder), AT).chain


def test_a_link_is_judged_by_what_it_leads_to(folder: Path) -> None:
    target = files(folder).key
    link = folder / "link.pem"
    link.symlink_to(target)
    assert read_private(link) == target.read_bytes()
    target.chmod(0o644)
    with pytest.raises(PermissionRefused, match=f"chmod 600 {target}"):
        read_private(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to someone else")
def test_a_key_of_another_user_is_refused(folder: Path) -> None:
    path = files(folder).key
    os.chown(path, 12345, -1)
    with pytest.raises(PermissionRefused, match="belongs to user 12345"):
        open_signer(files(folder), AT)


def test_a_folder_or_nothing_is_no_key(folder: Path) -> None:
    for path in (folder, folder / "nowhere.pem"):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read_private(path)
        assert not isinstance(caught.value, PermissionRefused)


def test_a_key_of_another_certificate_is_refused(folder: Path) -> None:
    mixed = PemKey(folder / "H05/key.pem", folder / "H01/chain.pem")
    with pytest.raises(ConfigError, match="does not belong") as caught:
        open_signer(mixed, AT)
    assert str(mixed.key) in str(caught.value)


def test_a_certificate_that_is_over_is_refused(folder: Path) -> None:
    chain = open_signer(files(folder), AT).chain
    end = chain[0].not_after
    assert open_signer(files(folder), end - timedelta(seconds=1)).chain == chain
    with pytest.raises(ConfigError, match="was valid until"):
        open_signer(files(folder), end + timedelta(seconds=1))


def lock(folder: Path, passphrase: bytes) -> Path:
    path = files(folder).key
    key = load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    )
    words = folder / "passphrase"
    words.touch(mode=0o600)
    return words


def test_a_passphrase_is_the_first_line_of_a_private_file(folder: Path) -> None:
    words = lock(folder, b"mat khau")
    words.write_bytes(b"mat khau\r\nnot this\n")
    assert open_signer(files(folder, passphrase=words), AT).chain
    words.write_bytes(b"sai")
    with pytest.raises(ConfigError, match="passphrase"):
        open_signer(files(folder, passphrase=words), AT)
    words.chmod(0o644)
    with pytest.raises(PermissionRefused, match=str(words)):
        open_signer(files(folder, passphrase=words), AT)
    with pytest.raises(ConfigError, match="encrypted"):
        open_signer(files(folder), AT)


def test_a_systemd_credential(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / "pass").write_bytes(b"mat khau\n")
    (credentials / "pass").chmod(0o440)  # systemd opens it to the service by an ACL
    lock(folder, b"mat khau")
    named = files(folder, passphrase=folder / "credential:pass")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="LoadCredential"):
        open_signer(named, AT)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert open_signer(named, AT).chain


def test_the_keyring_knows_its_organs_only(folder: Path) -> None:
    keyring = OrganKeyring.load({"H05": files(folder), "000.00.00.H05": files(folder)}, AT)
    assert keyring.signer("H05").chain == keyring.signer("000.00.00.H05").chain
    with pytest.raises(NotFound, match="does not serve H01"):
        keyring.signer("H01")


def test_a_trust_folder_takes_self_signed_cas_only(folder: Path) -> None:
    trust, ignored = load_trust(folder)
    assert [anchor.certificate.is_self_signed for anchor in trust.anchors] == [True]
    assert is_demo(trust.anchors[0].certificate)
    names = [line.split(":")[0] for line in ignored]
    assert names == ["issuing.key.pem", "issuing.pem", "root.key.pem"]


def test_a_trust_file(folder: Path) -> None:
    trust, ignored = load_trust(folder / "root.pem")
    assert len(trust.anchors) == 1
    assert ignored == ()
    both = folder / "both.pem"
    both.write_bytes(pki()["issuing.pem"] + pki()["root.pem"])
    trust, ignored = load_trust(both)
    assert len(trust.anchors) == 1
    assert len(ignored) == 1
    assert "not self-signed" in ignored[0]


@pytest.mark.parametrize("name", ["issuing.pem", "H05/key.pem", "H05", "nowhere.pem"])
def test_no_anchor(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        load_trust(folder / name)
    assert "trust anchor" in str(caught.value) or "No such file" in str(caught.value)


def test_two_files_with_the_same_root_are_one_anchor(folder: Path) -> None:
    (folder / "again.pem").write_bytes(pki()["root.pem"])
    assert len(load_trust(folder)[0].anchors) == 1
