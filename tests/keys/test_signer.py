"""`keys/signer.py`: which keys and chains become a signer, and why others do not."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from keys.algorithms import ECDSA_SHA256, ECDSA_SHA384, RSA_SHA256, verify
from keys.demo_ca import issue, key_usage, organ_name
from keys.errors import CertificateUnusable, KeyUnusable
from keys.signer import Signer, load_signer
from tests.pki import END, OTHER, P256, PKI, START, key

DATA = b"<ds:SignedInfo/>"
PASSPHRASE = "mật khẩu".encode()


def encrypted() -> bytes:
    return P256.organ("H05").key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
    )


def assert_signs(signer: Signer) -> None:
    value = signer.sign(DATA)
    assert verify(signer.algorithm, signer.chain[0].public_key, value, DATA)
    assert not verify(signer.algorithm, signer.chain[0].public_key, value, DATA + b" ")


def test_rsa() -> None:
    signer = load_signer(PKI.organ("H05").key_pem, PKI.chain_pem("H05"))
    assert signer.algorithm is RSA_SHA256
    assert signer.chain == PKI.chain("H05")
    assert_signs(signer)


@pytest.mark.parametrize(
    "name",
    [
        *("rsa-sha256", "rsa-sha384", "rsa-sha512"),
        *("rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512"),
    ],
)
def test_an_rsa_key_signs_with_what_the_caller_chose(name: str) -> None:
    signer = load_signer(PKI.organ("H05").key_pem, PKI.chain_pem("H05"), algorithm=name)
    assert signer.algorithm.name == name
    assert_signs(signer)


def test_p256_value_is_r_and_s() -> None:
    signer = load_signer(P256.organ("H05").key_pem, P256.chain_pem("H05"))
    assert signer.algorithm is ECDSA_SHA256
    assert {len(signer.sign(DATA)) for _ in range(64)} == {64}
    assert_signs(signer)


def test_p384() -> None:
    private = ec.generate_private_key(ec.SECP384R1())
    name = organ_name("H05", "P-384")
    issued = issue(name, private, None, START, END, [(key_usage("digital_signature"), True)])
    signer = load_signer(issued.key_pem, issued.pem)
    assert signer.algorithm is ECDSA_SHA384
    assert len(signer.sign(DATA)) == 96
    assert_signs(signer)


def test_the_key_does_not_show() -> None:
    assert "PrivateKey" not in repr(load_signer(P256.organ("H05").key_pem, P256.chain_pem("H05")))


@pytest.mark.parametrize(
    "name", ["rsa-pss-sha256", "ecdsa-sha384", "rsa-sha1", "hmac-sha256", "RSA-SHA256", "x"]
)
def test_what_the_key_cannot_sign_with_is_refused_and_what_it_can_is_named(name: str) -> None:
    with pytest.raises(
        KeyUnusable, match=f"{name} is not for the key of .* \\(EC secp256r1\\): .* ecdsa-sha256$"
    ):
        load_signer(P256.organ("H05").key_pem, P256.chain_pem("H05"), algorithm=name)
    with pytest.raises(KeyUnusable, match="rsa-sha1 is not for"):
        load_signer(PKI.organ("H05").key_pem, PKI.chain_pem("H05"), algorithm="rsa-sha1")


def test_old_key_formats_are_read() -> None:
    for pki in (PKI, P256):
        pem = pki.organ("H05").key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        assert_signs(load_signer(pem, pki.chain_pem("H05")))


def test_the_root_is_left_out() -> None:
    with_root = P256.chain_pem("H05") + P256.root.pem
    assert load_signer(P256.organ("H05").key_pem, with_root).chain == P256.chain("H05")


def test_key_of_another_certificate() -> None:
    with pytest.raises(KeyUnusable, match=r"does not belong to the first certificate .*Bắc Ninh"):
        load_signer(P256.organ("H13").key_pem, P256.chain_pem("H05"))
    with pytest.raises(KeyUnusable, match="does not belong to the first certificate"):
        load_signer(PKI.organ("H05").key_pem, P256.chain_pem("H05"))


def test_chain_with_the_issuer_first() -> None:
    upside_down = P256.issuing.pem + P256.organ("H05").pem
    with pytest.raises(KeyUnusable, match="put the organ's own certificate first"):
        load_signer(P256.organ("H05").key_pem, upside_down)


def test_chain_of_another_ca_with_the_same_names() -> None:
    assert OTHER.issuing.certificate.subject == P256.issuing.certificate.subject
    with pytest.raises(
        KeyUnusable, match=r"the chain is out of order: .*Bắc Ninh.* was not issued"
    ):
        load_signer(P256.organ("H05").key_pem, P256.organ("H05").pem + OTHER.issuing.pem)


def test_passphrase() -> None:
    chain = P256.chain_pem("H05")
    assert_signs(load_signer(encrypted(), chain, passphrase=PASSPHRASE))
    with pytest.raises(KeyUnusable, match="the key is encrypted: give its passphrase"):
        load_signer(encrypted(), chain)
    with pytest.raises(KeyUnusable, match="wrong passphrase"):
        load_signer(encrypted(), chain, passphrase=b"other")
    with pytest.raises(KeyUnusable, match="a passphrase is given, but the key is not encrypted"):
        load_signer(P256.organ("H05").key_pem, chain, passphrase=PASSPHRASE)


@pytest.mark.parametrize("data", [b"", b"xin chao", P256.organ("H05").pem])
def test_not_a_key(data: bytes) -> None:
    with pytest.raises(KeyUnusable, match="it is not a PEM private key"):
        load_signer(data, P256.chain_pem("H05"))


def test_a_chain_that_cannot_be_read() -> None:
    with pytest.raises(CertificateUnusable, match="not PEM"):
        load_signer(P256.organ("H05").key_pem, b"xin chao")


def test_weak_and_foreign_keys() -> None:
    weak = PKI.organ("H05", "rsa1024")
    with pytest.raises(KeyUnusable, match="may not sign: RSA 1024 < 2048"):
        load_signer(weak.key_pem, PKI.chain_pem("H05", "rsa1024"))
    ed = ed25519.Ed25519PrivateKey.generate()
    pem = ed.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyUnusable, match="may not sign: key type Ed25519"):
        load_signer(pem, P256.chain_pem("H05"))


@pytest.mark.parametrize("variant", ["no key usage", "encipherment only"])
def test_a_certificate_that_may_not_sign(variant: str) -> None:
    with pytest.raises(KeyUnusable, match="KeyUsage has neither digitalSignature"):
        load_signer(P256.organ("H05", variant).key_pem, P256.chain_pem("H05", variant))


def test_a_ca_key_is_no_signer() -> None:
    with pytest.raises(KeyUnusable, match="KeyUsage has neither digitalSignature"):
        load_signer(P256.issuing.key_pem, P256.issuing.pem)


def test_test_keys_are_made_once() -> None:
    assert key("once") is key("once")
    assert isinstance(PKI.organ("H05").key, rsa.RSAPrivateKey)
