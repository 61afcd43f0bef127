"""`keys/private.py`: keys out of PEM and PKCS#12 files, and why others stay shut."""

import subprocess

import pytest
from asn1crypto import cms, core
from asn1crypto import pkcs12 as asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from keys.algorithms import ECDSA_SHA256, RSA_PSS_SHA256, verify
from keys.chain import order
from keys.errors import CertificateUnusable, KeyLocked, KeysError, KeyUnusable
from keys.private import KeyKind, is_pkcs12, key_pem, new_key, open_pem, open_pkcs12
from keys.signer import load_pkcs12_signer
from tests.pki import OTHER, P256, PKI, Pki

PASSPHRASE = "mật khẩu".encode()
DATA = b"<ds:SignedInfo/>"


def locked(pki: Pki = P256, passphrase: bytes | None = PASSPHRASE) -> bytes:
    """A PKCS#12 file with key, leaf, and the CAs in the wrong order."""
    organ = pki.organ("H05")
    above = [pki.root.certificate.x509, pki.issuing.certificate.x509]
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return serialize_key_and_certificates(
        b"H05", organ.key, organ.certificate.x509, above, encryption
    )


def test_pkcs12_gives_key_and_chain_in_order() -> None:
    signer = load_pkcs12_signer(locked(), passphrase=PASSPHRASE)
    assert signer.chain == P256.chain("H05")
    assert signer.algorithm is ECDSA_SHA256
    assert verify(signer.algorithm, signer.chain[0].public_key, signer.sign(DATA), DATA)


def test_pkcs12_with_another_algorithm() -> None:
    signer = load_pkcs12_signer(locked(PKI), passphrase=PASSPHRASE, algorithm="rsa-pss-sha256")
    assert signer.algorithm is RSA_PSS_SHA256


def test_pkcs12_without_a_passphrase() -> None:
    assert open_pkcs12(locked(passphrase=None)).certificates[0] == P256.chain("H05")[0]
    assert open_pkcs12(locked(passphrase=None), b"").key


def test_pkcs12_with_a_chain_beside_it() -> None:
    organ = P256.organ("H05")
    alone = serialize_key_and_certificates(
        None, organ.key, organ.certificate.x509, None, NoEncryption()
    )
    assert load_pkcs12_signer(alone).chain == P256.chain("H05")[:1]
    assert load_pkcs12_signer(alone, chain_pem=P256.chain_pem("H05")).chain == P256.chain("H05")
    with pytest.raises(KeyUnusable, match="none of the 2 certificate"):
        load_pkcs12_signer(alone, chain_pem=P256.chain_pem("H13"))


@pytest.mark.parametrize(
    ("passphrase", "kind", "says"),
    [
        (None, KeyLocked, "is locked: give its passphrase"),
        (b"sai mat khau", KeyUnusable, "wrong passphrase"),
    ],
)
def test_pkcs12_with_the_wrong_passphrase(
    passphrase: bytes | None, kind: type[KeysError], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        open_pkcs12(locked(), passphrase)
    assert "sai mat khau" not in str(caught.value) + caught.value.vi
    assert "mật khẩu" in caught.value.vi


@pytest.mark.parametrize(
    "data", [b"", b"xin chao", b"\x30\x03abc", P256.organ("H05").pem, P256.root.certificate.der]
)
def test_not_pkcs12(data: bytes) -> None:
    assert not is_pkcs12(data)
    with pytest.raises(KeyUnusable, match="not a PKCS#12 file"):
        open_pkcs12(data, PASSPHRASE)


def test_a_cut_off_pkcs12_file() -> None:
    with pytest.raises(KeyUnusable, match="not a PKCS#12 file"):
        open_pkcs12(locked()[:-20], PASSPHRASE)


def test_pkcs12_without_a_key() -> None:
    certificates = serialize_key_and_certificates(
        None, None, None, [P256.issuing.certificate.x509], BestAvailableEncryption(PASSPHRASE)
    )
    assert is_pkcs12(certificates)
    with pytest.raises(KeyUnusable, match="no private key, only certificates"):
        open_pkcs12(certificates, PASSPHRASE)


def test_pkcs12_with_two_keys() -> None:
    pfx = asn1.Pfx.load(locked(passphrase=None))
    [part] = pfx.authenticated_safe
    bags = asn1.SafeContents.load(part["content"].native)
    doubled = [bag for bag in bags for _ in range(1 + (bag["bag_id"].native == "key_bag"))]
    part["content"] = core.OctetString(asn1.SafeContents(doubled).dump())
    safe = asn1.AuthenticatedSafe([part])
    both = asn1.Pfx(
        {
            "version": "v3",
            "auth_safe": cms.ContentInfo(
                {"content_type": "data", "content": core.OctetString(safe.dump())}
            ),
        }
    )
    with pytest.raises(KeyUnusable, match="holds 2 private keys"):
        open_pkcs12(both.dump())


def test_pkcs12_with_an_unusable_key() -> None:
    weak = PKI.organ("H05", "rsa1024")
    data = serialize_key_and_certificates(
        None, weak.key, weak.certificate.x509, None, NoEncryption()
    )
    with pytest.raises(KeyUnusable, match="may not sign: RSA 1024 < 2048"):
        open_pkcs12(data)
    foreign = serialize_key_and_certificates(
        None, ed25519.Ed25519PrivateKey.generate(), None, None, NoEncryption()
    )
    with pytest.raises(KeyUnusable, match="may not sign: key type Ed25519"):
        open_pkcs12(foreign)


def test_pkcs12_with_a_certificate_that_may_not_sign() -> None:
    issued = P256.organ("H05", "encipherment only")
    data = serialize_key_and_certificates(
        None, issued.key, issued.certificate.x509, None, NoEncryption()
    )
    with pytest.raises(KeyUnusable, match="KeyUsage has neither"):
        load_pkcs12_signer(data)


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_new_keys_open_again(kind: KeyKind) -> None:
    key = new_key(kind)
    if isinstance(key, rsa.RSAPrivateKey):
        assert (key.key_size, key.public_key().public_numbers().e) == (2048, 65537)
    else:
        assert isinstance(key.curve, ec.SECP256R1 if kind == "p256" else ec.SECP384R1)
    plain, closed = key_pem(key), key_pem(key, PASSPHRASE)
    assert plain.startswith(b"-----BEGIN " + b"PRIVATE KEY-----")
    assert closed.startswith(b"-----BEGIN ENCRYPTED " + b"PRIVATE KEY-----")
    assert open_pem(closed, PASSPHRASE).private_numbers() == key.private_numbers()
    with pytest.raises(KeyLocked):
        open_pem(closed)


def test_an_openssl_pkcs12_of_the_old_kind_opens(tmp_path) -> None:  # 3DES and RC2-40
    organ = P256.organ("H05")
    (tmp_path / "key").write_bytes(organ.key_pem)
    (tmp_path / "chain").write_bytes(P256.chain_pem("H05"))
    command = "openssl pkcs12 -export -legacy -inkey key -in chain -out old.p12 -passout pass:x"
    try:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the openssl command with its legacy provider")
    opened = open_pkcs12((tmp_path / "old.p12").read_bytes(), b"x")
    assert opened.certificates == P256.chain("H05")


def test_order() -> None:
    leaf, issuing = P256.chain("H05")
    public_key = leaf.public_key
    heap = (P256.root.certificate, OTHER.issuing.certificate, issuing, leaf, issuing)
    assert order(public_key, heap) == (leaf, issuing)
    assert order(public_key, (P256.root.certificate, leaf)) == (leaf,)
    root = P256.root.certificate
    assert order(root.public_key, (issuing, root)) == (root,)
    with pytest.raises(KeyUnusable, match="none of the 1 certificate"):
        order(public_key, (issuing,))
    with pytest.raises(KeyUnusable, match="none of the 0 certificate"):
        order(public_key, ())


def test_a_certificate_inside_that_cannot_be_read() -> None:
    bad = P256.issue_organ("H05", start=P256.organ("H05").certificate.not_before)
    data = serialize_key_and_certificates(None, bad.key, bad.certificate.x509, None, NoEncryption())
    broken = data.replace(b"\x55\x1d\x0f", b"\x55\x1d\x13")  # KeyUsage as another
    assert broken != data
    with pytest.raises((CertificateUnusable, KeyUnusable)):
        open_pkcs12(broken)


def test_old_pem_key_encryption_is_read() -> None:
    pem = P256.organ("H05").key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")
    )
    assert open_pem(pem, b"x")
