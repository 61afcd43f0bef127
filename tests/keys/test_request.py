"""`keys/request.py`: certificate requests that carry the OrganId."""

import unicodedata

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys.certificates import pem_blocks, spki
from keys.errors import CertificateUnusable
from keys.private import new_key
from keys.request import Request, Subject, make_request, read_request
from tests.pki import P256, PKI

NAME = "Ủy ban nhân dân tỉnh Bắc Ninh"


def read(pem: bytes) -> Request:
    [(label, der)] = pem_blocks(pem)
    assert label == "CERTIFICATE REQUEST"
    return read_request(der)


@pytest.mark.parametrize("key", [P256.organ("H05").key, PKI.organ("H05").key, new_key("p384")])
def test_a_request_names_the_organ_and_asks_to_sign(key) -> None:
    pem = make_request(key, Subject("000.00.00.H05", NAME, province="Bắc Ninh", email="a@b.vn"))
    made = read(pem)
    assert made.organ_id == "000.00.00.H05"
    assert made.own_signature
    assert spki(made.public_key) == spki(key.public_key())
    assert made.subject.startswith(f"1.2.840.113549.1.9.1=a@b.vn,CN={NAME},2.5.4.97=000.00.00.H05")
    assert made.subject.endswith(f"O={NAME},ST=Bắc Ninh,C=VN")
    extensions = x509.load_pem_x509_csr(pem).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_names_are_composed() -> None:
    split = unicodedata.normalize("NFD", NAME)
    assert split != NAME
    assert f"O={NAME}," in read(make_request(P256.organ("H05").key, Subject("H05", split))).subject


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        (Subject("H05", ""), "O has 0 bytes"),
        (Subject("", "x"), "organizationIdentifier has 0 bytes"),
        (Subject("H05", "ư" * 33), "O has 66 bytes in UTF-8: 1 to 64 fit; shorten it"),
        (Subject("H05", "x", unit="a" * 65), "OU has 65 bytes"),
    ],
)
def test_a_subject_that_does_not_fit(subject: Subject, says: str) -> None:
    with pytest.raises(CertificateUnusable, match=says):
        make_request(P256.organ("H05").key, subject)


def test_not_a_request() -> None:
    for data in (b"", b"xin chao", P256.root.certificate.der):
        with pytest.raises(CertificateUnusable, match="not a readable certificate request"):
            read_request(data)


def test_a_request_that_another_key_signed_is_told() -> None:
    pem = make_request(P256.organ("H05").key, Subject("H05", NAME))
    der = bytearray(x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER))
    at = bytes(der).index(b"H05")
    der[at : at + 3] = b"H06"
    assert not read_request(bytes(der)).own_signature
    assert read_request(bytes(der)).organ_id == "H06"
