"""`keys/certificates.py`: what is read of a certificate, and which files are refused."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from keys.certificates import CERTIFICATE_BYTES_MAX, Certificate, load_pem
from keys.demo_ca import issue, key_usage, organ_name
from keys.errors import CertificateUnusable
from tests.pki import AT, DAY, END, OTHER, P256, PKI, START, key

LEAF = P256.organ("H05")


def test_what_is_read() -> None:
    leaf = LEAF.certificate
    assert leaf.organ_id == "H05"
    assert "CN=Ủy ban nhân dân tỉnh Bắc Ninh" in leaf.subject
    assert leaf.issuer == P256.issuing.certificate.subject
    assert leaf.serial == f"{leaf.x509.serial_number:x}"
    assert leaf.fingerprint == hashlib.sha256(leaf.der).hexdigest()
    assert (leaf.not_before, leaf.not_after) == (START, END)
    assert leaf.not_before.utcoffset() == timedelta(0)
    assert leaf.may_sign
    assert not leaf.is_ca
    assert not leaf.is_self_signed
    assert leaf.purposes is None
    assert not leaf.revocation_sources


def test_a_ca_is_seen_as_one() -> None:
    root, issuing = P256.root.certificate, P256.issuing.certificate
    assert root.is_ca
    assert issuing.is_ca
    assert root.is_self_signed
    assert not issuing.is_self_signed
    assert not root.may_sign
    assert root.organ_id == ""


def test_same_names_are_not_self_signed_by_another_key() -> None:
    assert OTHER.issuing.certificate.issuer == P256.root.certificate.subject
    assert OTHER.issuing.certificate.issued_by(OTHER.root.certificate)
    assert not OTHER.issuing.certificate.issued_by(P256.root.certificate)


@pytest.mark.parametrize(
    ("variant", "may_sign"),
    [
        ("good", True),
        ("nonRepudiation only", True),
        ("no key usage", False),
        ("encipherment only", False),
    ],
)
def test_may_sign(variant: str, may_sign: bool) -> None:
    assert P256.organ("H05", variant).certificate.may_sign is may_sign


def test_a_crl_or_an_ocsp_responder_is_a_revocation_source() -> None:
    assert P256.organ("H05", "names a CRL").certificate.revocation_sources
    for method, expected in (
        (AuthorityInformationAccessOID.OCSP, True),
        (AuthorityInformationAccessOID.CA_ISSUERS, False),
    ):
        location = x509.UniformResourceIdentifier("http://127.0.0.1/")
        access = x509.AuthorityInformationAccess([x509.AccessDescription(method, location)])
        leaf = P256.issue_organ("H05", extensions=[(access, False)])
        assert leaf.certificate.revocation_sources is expected


def test_two_organization_identifiers_name_no_organ() -> None:
    one = organ_name("H05", "Hai mã")
    two = x509.Name([*one, *organ_name("H13", "Hai mã")])
    for subject, organ_id in ((one, "H05"), (two, "")):
        leaf = issue(subject, key("two"), P256.issuing, START, END, [])
        assert leaf.certificate.organ_id == organ_id


def test_equal_bytes_are_equal_and_read_once() -> None:
    first = Certificate.from_der(LEAF.certificate.der)  # the cache may have forgotten LEAF's
    again = Certificate.from_der(bytes(bytearray(LEAF.certificate.der)))
    assert again is first
    assert again == LEAF.certificate
    assert len({again, LEAF.certificate, P256.organ("H13").certificate}) == 2


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (b"", "not a readable X.509 certificate"),
        (b"hello", "not a readable X.509 certificate"),
        (LEAF.certificate.der + b"\0", "not a readable X.509 certificate"),
        (LEAF.certificate.der[:-1], "not a readable X.509 certificate"),
        (b"\x30" * (CERTIFICATE_BYTES_MAX + 1), "at most 65536 are read"),
    ],
)
def test_bad_der(der: bytes, reason: str) -> None:
    with pytest.raises(CertificateUnusable, match=reason):
        Certificate.from_der(der)


def test_a_malformed_extension_is_refused_at_once() -> None:
    """A KeyUsage whose value is no BIT STRING would else raise at the first look at it."""
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\x04\x01\x80")
    whole = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.15"), key_usage("digital_signature").public_bytes()
    )
    assert P256.issue_organ("H05", extensions=[(whole, True)]).certificate.may_sign
    with pytest.raises(CertificateUnusable, match=r"not a readable X.509 certificate"):
        P256.issue_organ("H05", extensions=[(broken, True)])


def test_every_flipped_byte_is_refused_or_another_certificate() -> None:
    der = LEAF.certificate.der
    for position in range(len(der)):
        changed = der[:position] + bytes([der[position] ^ 0x41]) + der[position + 1 :]
        try:
            certificate = Certificate.from_der(changed)
        except CertificateUnusable:
            continue
        assert certificate != LEAF.certificate
        assert not certificate.issued_by(P256.issuing.certificate)


def test_load_pem_in_order() -> None:
    assert load_pem(P256.chain_pem("H05")) == P256.chain("H05")
    bags = b"Bag Attributes\n  localKeyID: 01\n" + LEAF.pem + b"subject=issuing\n"
    assert load_pem(bags + P256.issuing.pem + b"\r\n\n") == P256.chain("H05")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not PEM"),
        (b"xin chao", "not PEM"),
        (LEAF.certificate.der, "not PEM.*openssl x509 -inform DER"),
        (LEAF.pem + LEAF.key_pem, "a PRIVATE KEY stands among the certificates"),
        (LEAF.pem + b"rubbish", "text follows the last PEM block"),
        (LEAF.pem[:-30], "cut off"),
        (LEAF.pem + LEAF.pem[:60], "cut off"),
        (LEAF.pem.replace(b"MII", b"M*I", 1), "CERTIFICATE block is not base64"),
        (LEAF.pem.replace(b"MII", b"AII", 1), "not a readable X.509 certificate"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "not a readable X.509"),
    ],
)
def test_bad_pem(data: bytes, reason: str) -> None:
    assert load_pem(LEAF.pem) == (LEAF.certificate,)
    with pytest.raises(CertificateUnusable, match=reason):
        load_pem(data)


def test_rsa_reads_the_same_way() -> None:
    leaf = PKI.organ("H05").certificate
    assert leaf.organ_id == "H05"
    assert leaf.x509.public_bytes(Encoding.DER) == leaf.der
    assert leaf.not_before < AT - DAY < AT + DAY < leaf.not_after
