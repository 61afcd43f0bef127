"""Row F5: a directory that was changed, signed by others, or put back."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from docexchange.core.errors import ConfigError
from docexchange.core.ports import Taken
from docexchange.edges.authority import load_directory, load_signed, refuse_older, signature_of
from keys.certificates import load_pem
from keys.detached import sign_detached, verify_detached
from keys.errors import KeyUnusable
from keys.signer import Signer, load_signer
from tests.pki import AT, P256, PKI, Pki

TEXT = 'number = 7\n[organs."H01"]\nname = "An Giang"\nnode = "H01"\n'
ALL = [P256, PKI]


def write(folder: Path, text: str = TEXT, pki: Pki = P256) -> tuple[Path, Path]:
    """A directory that H05 signed, and its certificate."""
    path, authority = folder / "directory.toml", folder / "authority.pem"
    path.write_text(text)
    signature_of(path).write_bytes(sign_detached(pki.signer("H05"), path.read_bytes()))
    leaf = load_pem(pki.chain_pem("H05"))[0]
    authority.write_bytes(leaf.x509.public_bytes(Encoding.PEM))
    return path, authority


def refused(path: Path, authority: Path, at: timedelta = timedelta(0)) -> str:
    with pytest.raises(ConfigError) as told:
        load_directory(path, authority, AT + at)
    assert "directory.toml" in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("pki", ALL, ids=["EC", "RSA"])
def test_one_that_its_authority_signed_is_served(tmp_path: Path, pki: Pki) -> None:
    path, authority = write(tmp_path, pki=pki)
    directory = load_directory(path, authority, AT)
    assert directory.number == 7
    assert directory.find("H01") is not None


@pytest.mark.parametrize("pki", ALL, ids=["EC", "RSA"])
def test_openssl_says_the_same(tmp_path: Path, pki: Pki) -> None:
    write(tmp_path, pki=pki)
    make = "openssl x509 -in authority.pem -pubkey -noout > authority.pub"
    check = (
        "openssl dgst -sha256 -verify authority.pub -signature directory.toml.sig directory.toml"
    )
    subprocess.run(make, shell=True, cwd=tmp_path, check=True)
    for tail, ends in (("", 0), ("\n", 1)):
        with (tmp_path / "directory.toml").open("a") as file:
            file.write(tail)
        ran = subprocess.run(check, shell=True, cwd=tmp_path, capture_output=True, check=False)
        assert ran.returncode == ends


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    path, authority = write(tmp_path)
    data = path.read_bytes()
    for at in (0, len(data) // 2, len(data) - 2):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert "it was changed, or somebody else signed" in refused(path, authority)


def test_a_signature_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path, authority = write(tmp_path)
    signature_of(path).write_bytes(sign_detached(P256.signer("H01"), path.read_bytes()))
    assert "somebody else signed" in refused(path, authority)
    for junk in (b"", b"\0" * 70, b"\x30\x06\x02\x01\x01\x02\x01\x01"):
        signature_of(path).write_bytes(junk)
        assert "somebody else signed" in refused(path, authority)


def test_without_a_signature_or_a_number_it_is_refused(tmp_path: Path) -> None:
    path, authority = write(tmp_path, TEXT.partition("\n")[2])
    assert "it has no number" in refused(path, authority)
    signature_of(path).unlink()
    assert "directory.toml.sig is missing" in refused(path, authority)
    assert load_directory(path, None, AT).number is None  # nobody has to sign it


def test_a_certificate_that_ended_signs_nothing(tmp_path: Path) -> None:
    path, authority = write(tmp_path)
    assert "is valid" in refused(path, authority, timedelta(days=3650))
    (tmp_path / "authority.pem").write_text("no PEM")
    assert "authority.pem" in str(_error(path, authority))


def test_a_certificate_renewed_with_its_key_stands_beside_the_one_before(tmp_path: Path) -> None:
    path, authority = write(tmp_path)
    later = timedelta(days=3650)
    renewed = P256.issue_organ("H05", start=AT, end=AT + 2 * later).certificate
    both = authority.read_bytes() + renewed.x509.public_bytes(Encoding.PEM)
    for pem in (both, renewed.x509.public_bytes(Encoding.PEM) + authority.read_bytes()):
        authority.write_bytes(pem)
        assert load_signed(path, authority, AT + later)[1] == renewed
        assert load_signed(path, authority, AT - timedelta(days=1))[1] != renewed


def _error(path: Path, authority: Path) -> ConfigError:
    with pytest.raises(ConfigError) as told:
        load_directory(path, authority, AT)
    return told.value


def test_an_older_one_is_refused_and_another_of_the_same_number(tmp_path: Path) -> None:
    path, authority = write(tmp_path)
    directory = load_directory(path, authority, AT)
    refuse_older(path, directory, None)
    refuse_older(path, directory, Taken(6, "0" * 64, AT))
    refuse_older(path, directory, Taken(7, directory.sha256, AT))
    with pytest.raises(ConfigError, match="number 7 is older than 8"):
        refuse_older(path, directory, Taken(8, "0" * 64, AT))
    with pytest.raises(ConfigError, match="another directory with number 7"):
        refuse_older(path, directory, Taken(7, "0" * 64, AT))


def test_a_key_signs_with_its_usual_algorithm_only() -> None:
    organ = PKI.organ("H05")
    other: Signer = load_signer(organ.key_pem, PKI.chain_pem("H05"), algorithm="rsa-pss-sha256")
    with pytest.raises(KeyUnusable, match="detached signatures are made with rsa-sha256"):
        sign_detached(other, b"x")
    assert not verify_detached(organ.certificate, b"", b"x")
